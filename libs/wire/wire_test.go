package wire

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"

	"github.com/haggle-commerce/haggle/libs/shop"
)

var update = flag.Bool("update", false, "write the golden files anew")

// columns returns a table of candidates item-0, item-1, ... with columns of values that differ.
func columns(candidates int, names ...string) *Columns {
	c := new(Columns)
	c.Clear(names...)
	values := make([]float32, candidates*len(names))
	for i := range candidates {
		c.AddID(shop.ItemID(fmt.Sprint("item-", i)))
	}
	for i := range values {
		values[i] = float32(i)/8 - 1
	}
	c.SetValues(values)
	return c
}

// messages are one of each kind with every field set, so that a golden file notices any change of a number or a type.
func messages() map[string]proto.Message {
	stages := []*Stage{{Name: "recall.lexical", Variant: "bm25f", CpuNanos: 78_000, CandidatesIn: 20_000, CandidatesOut: 3, Bytes: 512, RedisOps: 1, CacheHits: 2}}
	return map[string]proto.Message{
		"recall_request": &RecallRequest{
			Purpose: Purpose_PURPOSE_RECOMMEND, Query: "red jacket 红色", Shopper: "p-1", Session: "s-1", Placement: "home",
			ContextItems: []string{"item-7", "item-8"}, Category: "Clothing", Filter: `brand = "acme" AND price < 100`, OrderBy: "price desc",
			Facets: []string{"brand", "colour"}, Limit: 100, ExcludeItems: []string{"item-9"}, Language: "zh", Anonymous: true,
			NowMicros: 1_767_225_600_000_000, Spell: "suggest", Quotas: []*Quota{{Channel: "lexical", Candidates: 200}},
			CpuBudgetMicros: 250, Vector: AppendFloats(nil, []float32{0.6, -0.8}),
		},
		"recall_reply": &RecallReply{
			Candidates: columns(3, ColumnScore, ColumnLexical), Reasons: []byte{1, 2, 4}, Because: []byte{0, 1, 0}, BecauseItems: []string{"item-7"},
			Facets: []*Facet{{Key: "brand", Values: []string{"acme", "宝马"}, Counts: []uint32{12, 3}}}, Total: 214, CorrectedQuery: "jacket",
			Completions: []string{"jacket red"}, Stages: stages, Degraded: []string{"recall.cf:no_model"},
			QueryExpansion: "jacket OR coat",
		},
		"rank_request": &RankRequest{
			Candidates: columns(3, ColumnScore, ColumnTogether), Shopper: "p-1", Session: "s-1", Placement: "search", Query: "jacket",
			ContextItems: []string{"item-7"}, Anonymous: true, NowMicros: 1_767_225_600_000_000, Explain: true,
		},
		"rank_reply": &RankReply{
			Scores: AppendFloats(nil, []float32{0.5, -1, float32(math.Inf(1))}), Model: "ranker-1a2b", Variant: "trees", Stages: stages, Degraded: []string{"features:redis"},
		},
	}
}

// Bytes that were written once must be read for ever: a golden file changes only when a field is added.
func TestGoldenMessages(t *testing.T) {
	for name, message := range messages() {
		path := filepath.Join("testdata", name+".golden")
		encoded, err := proto.MarshalOptions{Deterministic: true}.Marshal(message)
		if err != nil {
			t.Fatalf("marshal %s: %v", name, err)
		}
		if *update {
			if err := os.WriteFile(path, encoded, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		golden, err := os.ReadFile(path)
		if err != nil {
			t.Fatalf("%v (run with -update to write it)", err)
		}
		if !bytes.Equal(encoded, golden) {
			t.Errorf("%s: the encoding differs from %s", name, path)
		}
		decoded := message.ProtoReflect().New().Interface()
		if err := proto.Unmarshal(golden, decoded); err != nil {
			t.Errorf("%s: unmarshal the golden file: %v", name, err)
		}
		if diff := cmp.Diff(message, decoded, protocmp.Transform()); diff != "" {
			t.Errorf("%s: the golden file reads as (-want +got):\n%s", name, diff)
		}
		unset := 0
		fields := message.ProtoReflect().Descriptor().Fields()
		for i := range fields.Len() {
			if !message.ProtoReflect().Has(fields.Get(i)) {
				unset++
			}
		}
		if unset > 0 {
			t.Errorf("%s: %d fields of the example are not set, so the golden file does not guard them", name, unset)
		}
	}
}

func TestColumnsRoundTrip(t *testing.T) {
	for _, n := range []int{0, 1, 200} {
		c := columns(n, "a", "b")
		if err := c.Check(); err != nil {
			t.Errorf("n=%d: Check = %v", n, err)
		}
		if c.Len() != n {
			t.Errorf("n=%d: Len = %d", n, c.Len())
		}
		ids := c.AppendIDs(nil)
		for i, id := range ids {
			if want := shop.ItemID(fmt.Sprint("item-", i)); id != want {
				t.Errorf("n=%d: id %d = %q, want %q", n, i, id, want)
			}
		}
		for at, name := range []string{"a", "b"} {
			got := c.Column(name, nil)
			for i, v := range got {
				if want := float32(at*n+i)/8 - 1; v != want {
					t.Errorf("n=%d: column %s[%d] = %v, want %v", n, name, i, v, want)
				}
			}
			if len(got) != n {
				t.Errorf("n=%d: column %s has %d values", n, name, len(got))
			}
		}
		if got := c.Column("c", nil); got != nil {
			t.Errorf("n=%d: a column that is not there = %v", n, got)
		}
	}
	var none *Columns
	if none.Len() != 0 || none.Check() != nil || none.Column("a", nil) != nil || none.AppendIDs(nil) != nil {
		t.Error("a nil table does not read as an empty one")
	}
}

func TestColumnsClearKeepsMemory(t *testing.T) {
	c := columns(200, "a", "b")
	values := make([]float32, 400)
	if n := testing.AllocsPerRun(50, func() {
		c.Clear("a", "b")
		for range 200 {
			c.AddID("item-123")
		}
		c.SetValues(values)
	}); n > 1 { // the names' own slice
		t.Errorf("filling a cleared table allocates %v times", n)
	}
}

func TestColumnsCheckRefuses(t *testing.T) {
	for name, spoil := range map[string]func(c *Columns){
		"ends go back":          func(c *Columns) { c.Ends[1] = c.Ends[0] - 1 },
		"end beyond ids":        func(c *Columns) { c.Ends[2]++ },
		"bytes after ids":       func(c *Columns) { c.Ids = append(c.Ids, 'x') },
		"values too short":      func(c *Columns) { c.Values = c.Values[:len(c.Values)-1] },
		"values too long":       func(c *Columns) { c.Values = append(c.Values, 0) },
		"a name without column": func(c *Columns) { c.Names = append(c.Names, "more") },
		"too many candidates":   func(c *Columns) { c.Ends = make([]uint32, MaxCandidates+1) },
		"end overflows":         func(c *Columns) { c.Ends[2] = math.MaxUint32 },
	} {
		c := columns(3, "a")
		spoil(c)
		if c.Check() == nil {
			t.Errorf("%s: Check accepts it", name)
		}
	}
}

func TestFloatsRoundTrip(t *testing.T) {
	values := []float32{0, -0, 1.5, float32(math.NaN()), float32(math.Inf(-1)), math.MaxFloat32, math.SmallestNonzeroFloat32}
	encoded := AppendFloats([]byte{9}, values)
	if len(encoded) != 1+4*len(values) || encoded[9] != 0x00 || encoded[11] != 0xc0 || encoded[12] != 0x3f {
		t.Errorf("AppendFloats = % x, want 1.5 as 00 00 c0 3f at 9", encoded)
	}
	got := Floats(encoded[1:], make([]float32, 2))
	for i := range values {
		if math.Float32bits(got[i]) != math.Float32bits(values[i]) {
			t.Errorf("value %d = %v, want %v", i, got[i], values[i])
		}
	}
	if got := Floats(nil, nil); len(got) != 0 {
		t.Errorf("Floats(nil) = %v", got)
	}
	if got := AppendFloats(nil, nil); len(got) != 0 {
		t.Errorf("AppendFloats(nil) = %v", got)
	}
}

func TestItemToken(t *testing.T) {
	for id, want := range map[shop.ItemID]string{
		"sku-1_A": "sku-1_A",
		"a.b":     "=YS5i",
		"*":       "=Kg",
		">":       "=Pg",
		"=x":      "=PXg",
		"商品":      "=5ZWG5ZOB",
	} {
		got := ItemToken(id)
		if got != want {
			t.Errorf("ItemToken(%q) = %q, want %q", id, got, want)
		}
		back, err := ItemFromToken(got)
		if err != nil || back != id {
			t.Errorf("ItemFromToken(%q) = %q, %v, want %q", got, back, err, id)
		}
	}
	if _, err := ItemFromToken("=!!"); err == nil {
		t.Error("ItemFromToken accepts what is not base64url")
	}
}

func TestCodes(t *testing.T) {
	for _, c := range []struct {
		err  error
		want Code
		text string
	}{
		{nil, OK, ""},
		{errors.New("boom"), Internal, "boom"},
		{Errorf(Overloaded, "queue of %d is full", 64), Overloaded, "Overloaded: queue of 64 is full"},
		{&Error{Code: Invalid, Field: "filter", Text: "column 3"}, Invalid, "Invalid: filter: column 3"},
		{fmt.Errorf("ask recall: %w", Errorf(Late, "too late")), Late, "ask recall: Late: too late"},
		{&Error{Code: "Teapot", Text: "from the future"}, Internal, "Teapot: from the future"},
	} {
		if got := CodeOf(c.err); got != c.want {
			t.Errorf("CodeOf(%v) = %s, want %s", c.err, got, c.want)
		}
		if c.err != nil && c.err.Error() != c.text {
			t.Errorf("Error() = %q, want %q", c.err.Error(), c.text)
		}
	}
}

// A subject without wildcards must not be empty between its dots, and a prefix ends in one.
func TestSubjects(t *testing.T) {
	for _, subject := range []string{SubjectRecall, SubjectRank, SubjectTrain, SubjectEvent, SubjectItem, SubjectDead, SubjectVital, SubjectHere, SubjectDirect} {
		if !strings.HasPrefix(subject, "haggle.") || strings.Contains(subject, "..") || strings.ContainsAny(subject, "*> ") {
			t.Errorf("subject %q is malformed", subject)
		}
	}
	for prefix, all := range map[string]string{SubjectEvent: SubjectEvents, SubjectItem: SubjectItems, SubjectDead: SubjectDeads, SubjectVital: SubjectVitals} {
		if prefix+">" != all {
			t.Errorf("%q is not covered by %q", prefix, all)
		}
	}
}

func vitals() Vitals {
	at := time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)
	return Vitals{
		Service: "ranking", Instance: "r-1", PodUID: "u", Node: "n", Time: at, Ready: at.Add(-time.Minute), Arrivals: 10, Done: 8, Shed: 1, Cheap: 1,
		InFlight: 1, Queued: 2, Workers: 4, BusyNanos: 5, ProcessNanos: 6, ClaimedNanos: 7, OtherNanos: 8, RSSBytes: 9, Cores: 0.5, MemoryBytes: 1 << 30,
		Process: "p", Latency: []uint64{1, 2, 3},
	}
}

func TestGoldenVitals(t *testing.T) {
	path := filepath.Join("testdata", "vitals.golden.json")
	encoded, err := json.MarshalIndent(vitals(), "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(path, append(encoded, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	golden, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v (run with -update to write it)", err)
	}
	if diff := cmp.Diff(strings.TrimSpace(string(golden)), string(encoded)); diff != "" {
		t.Errorf("vitals (-golden +got):\n%s", diff)
	}
	var back Vitals
	if err := json.Unmarshal(golden, &back); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(vitals(), back); diff != "" {
		t.Errorf("the golden file reads as (-want +got):\n%s", diff)
	}
}

func TestLatencyBoundsRise(t *testing.T) {
	for i := 1; i < len(LatencyBounds); i++ {
		if LatencyBounds[i] <= LatencyBounds[i-1] {
			t.Errorf("bound %d, %v, is not above %v", i, LatencyBounds[i], LatencyBounds[i-1])
		}
	}
}
