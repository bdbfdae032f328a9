package answer

import (
	"bytes"
	"encoding/json"
	"flag"
	"math"
	"os"
	"path/filepath"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/haggle-commerce/haggle/libs/cost"
)

var update = flag.Bool("update", false, "write the golden files anew")

func sample() *Answer {
	return &Answer{
		RequestID: "01ARYZ6S410000000000000000", AttributionToken: "AQ", TotalSize: 214, NextPageToken: "AR", CorrectedQuery: "jacket \"<b>\"",
		QueryExpansion: "rain OR jacket",
		Degraded:       []string{"rank:late"}, Model: "ranker-1a2b", TookMillis: 18.25,
		Results: []Result{
			{ID: "sku-1", Score: 0.83, Position: 1, Item: json.RawMessage(`{"id":"sku-1","title":"Jacket"}`), Reasons: []Reason{{Code: "match"}, {Code: "bought_together", ItemIDs: []string{"sku-9"}}}},
			{ID: "夾克", Score: 1e-9, Position: 2, Item: json.RawMessage(`null`), Reasons: []Reason{}, Explain: []Part{{"lexical", 2.5}, {"rank", -1}}},
		},
		Facets: []Facet{{Key: "brand", Values: []Value{{"acme", 12}, {"\u2028", 1}}}},
		Cost: &Bill{Currency: "USD", MarginalNano: 9.125, FullyLoadedNano: 410, Stages: []Stage{
			StageOf(cost.Stage{Name: "recall.cf", CPU: 48 * time.Microsecond, In: 10, Out: 200}),
			{Name: "rank", Variant: "trees", CPUMicros: 140.5, Bytes: 3, RedisOps: 1, CacheHits: 2},
		}},
	}
}

// TestWritesWhatItsTagsSay holds the hand-written encoding to the tags of the types, which the OpenAPI document comes from.
func TestWritesWhatItsTagsSay(t *testing.T) {
	for name, a := range map[string]*Answer{"full": sample(), "empty": {Degraded: []string{}, Results: []Result{}}} {
		text := a.AppendEnd(a.AppendJSON(nil))
		var got Answer
		decoder := json.NewDecoder(bytes.NewReader(text))
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(&got); err != nil {
			t.Fatalf("%s: %v\n%s", name, err, text)
		}
		if diff := cmp.Diff(a, &got, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	c := Completions{RequestID: "r", Completions: []string{"a"}, Degraded: []string{"bus"}, TookMillis: 1.5}
	var got Completions
	if err := json.Unmarshal(c.AppendJSON(nil), &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(c, got); diff != "" {
		t.Errorf("completions (-want +got):\n%s", diff)
	}
}

func TestGolden(t *testing.T) {
	a := sample()
	var got bytes.Buffer
	if err := json.Indent(&got, a.AppendEnd(a.AppendJSON(nil)), "", "  "); err != nil {
		t.Fatal(err)
	}
	got.WriteByte('\n')
	path := filepath.Join("testdata", "answer.golden")
	if *update {
		if err := os.WriteFile(path, got.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got.String()); diff != "" {
		t.Errorf("answer.golden (-want +got):\n%s", diff)
	}
}

func TestScoresThatAreNoNumbers(t *testing.T) {
	for _, v := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		if got := string(appendScore(nil, float32(v))); got != "0" {
			t.Errorf("appendScore(%v) = %s, want 0", v, got)
		}
		if got := string(appendNumber(nil, v, 3)); got != "0" {
			t.Errorf("appendNumber(%v) = %s, want 0", v, got)
		}
	}
}

func FuzzAppendText(f *testing.F) {
	for _, seed := range []string{"", "plain", "\"\\\n\t\r\x00\x7f", "é夾\u2028\u2029", "\xff\xc0", "<script>&"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		text := AppendText(nil, s)
		var got string
		if err := json.Unmarshal(text, &got); err != nil {
			t.Fatalf("AppendText(%q) = %s: %v", s, text, err)
		}
		if utf8.ValidString(s) && got != s {
			t.Errorf("AppendText(%q) reads back as %q", s, got)
		}
		if bytes.ContainsAny(text, "<>&\u2028\u2029") {
			t.Errorf("AppendText(%q) = %s holds what HTML gives a meaning", s, text)
		}
	})
}

func BenchmarkAppendJSON(b *testing.B) {
	a := sample()
	one := a.Results[0]
	one.Item = json.RawMessage(bytes.Repeat([]byte("x"), 400))
	a.Results = nil
	for range 20 {
		a.Results = append(a.Results, one)
	}
	var buf []byte
	b.ReportAllocs()
	for b.Loop() {
		buf = a.AppendEnd(a.AppendJSON(buf[:0]))
	}
	b.SetBytes(int64(len(buf)))
}
