package synth

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/haggle-commerce/haggle/libs/shop"
)

var update = flag.Bool("update", false, "write the golden files anew")

var small = Options{Seed: 7, Items: 600, Events: 4000, Days: 20}

// lines writes a shop as JSON lines, items first.
func lines(t *testing.T, o Options) []byte {
	t.Helper()
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	_, err := Generate(context.Background(), o, func(it shop.Item) error { return encoder.Encode(it) }, func(e shop.Event) error { return encoder.Encode(e) })
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestGolden keeps the bytes of a small shop: the same seed must give the same shop on every machine, and a change of the
// generator must be seen in review.
func TestGolden(t *testing.T) {
	all := lines(t, small)
	rows := strings.SplitAfter(string(all), "\n")
	var b strings.Builder
	fmt.Fprintf(&b, "sha256 %x of %d lines\n", sha256.Sum256(all), len(rows)-1)
	for i := 0; i < 600; i += 75 {
		b.WriteString(rows[i])
	}
	for i := 600; i < 640; i++ {
		b.WriteString(rows[i])
	}
	path := filepath.Join("testdata", "shop.golden")
	if *update {
		if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), b.String()); diff != "" {
		t.Errorf("the shop of seed 7 is another one (-want +got); run with -update and look at the difference:\n%s", diff)
	}
	if !bytes.Equal(all, lines(t, small)) {
		t.Error("two runs with one seed differ")
	}
	other := small
	other.Seed = 8
	if bytes.Equal(all, lines(t, other)) {
		t.Error("two seeds give one shop")
	}
}

// TestLog checks what must hold of every event of a log, and that the log is like that of a shop.
func TestLog(t *testing.T) {
	o := Options{Seed: 3, Items: 3000, Events: 60000, Days: 30}
	if raceEnabled {
		o.Events = 15000
	}
	launched := map[shop.ItemID]time.Time{}
	types := map[string]bool{}
	shown := map[shop.SessionID]map[shop.ItemID]bool{}
	owner := map[shop.SessionID]shop.ShopperID{}
	ids := map[string]bool{}
	var last time.Time
	end := Options{}.withDefaults().End
	stats, err := Generate(context.Background(), o, func(it shop.Item) error {
		launched[it.ID] = it.CreatedAt
		types[it.Category()] = true
		if it.Titles["zh"] == "" || it.Brand == "" || len(it.Categories) != 3 || it.Price <= 0 || it.CreatedAt.IsZero() {
			t.Errorf("item %+v lacks something", it)
		}
		return it.Check()
	}, func(e shop.Event) error {
		if e.Time.Before(last) || !e.Time.Before(end) || ids[e.ID] {
			t.Errorf("event %s at %v comes after %v (the log ends at %v), or twice", e.ID, e.Time, last, end)
		}
		last, ids[e.ID] = e.Time, true
		if e.Session == "" || e.Placement == "" || e.Shopper == "" || owner[e.Session] != "" && owner[e.Session] != e.Shopper {
			t.Errorf("event %+v has no session, placement or shopper of its own", e)
		}
		owner[e.Session] = e.Shopper
		for _, it := range e.Items {
			if created, ok := launched[it.ID]; !ok || created.After(e.Time) {
				t.Errorf("event %s is about %s, which was launched at %v, after %v", e.ID, it.ID, created, e.Time)
			}
		}
		switch e.Kind {
		case shop.ViewItemList:
			if shown[e.Session] == nil {
				shown[e.Session] = map[shop.ItemID]bool{}
			}
			for i, it := range e.Items {
				shown[e.Session][it.ID] = true
				if it.Index != i {
					t.Errorf("event %s has the index %d at position %d", e.ID, it.Index, i)
				}
			}
		case shop.SelectItem:
			if !shown[e.Session][e.Items[0].ID] {
				t.Errorf("event %s clicks %s, which was not shown in its session", e.ID, e.Items[0].ID)
			}
		}
		return e.Check()
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("\n%s", stats)
	if stats.Events != o.Events || len(ids) != o.Events {
		t.Errorf("the log has %d events, want exactly %d", stats.Events, o.Events)
	}
	if raceEnabled {
		return // The shorter log of the race detector holds too little for figures.
	}
	if len(types) < 270 || end.Sub(last) > time.Hour {
		t.Errorf("%d types and a last event at %v, want nearly all 277 and the last hour before %v", len(types), last, end)
	}
	// The ranges are those of web shops: clicks on 2 to 10 % of what is shown, a few purchases in a hundred sessions.
	if ctr := stats.CTR(); ctr < 0.02 || ctr > 0.1 {
		t.Errorf("CTR = %.4f, want 0.02 to 0.1", ctr)
	}
	if c := stats.Conversion(); c < 0.02 || c > 0.2 {
		t.Errorf("purchases per session = %.4f, want 0.02 to 0.2", c)
	}
	if stats.Multiple == 0 || stats.Basket() < 1.2 || stats.GiniClicked < 0.5 || stats.GiniClicked < stats.GiniShown {
		t.Errorf("baskets of %.2f lines, Gini %.3f shown and %.3f clicked, want several lines and inequality", stats.Basket(), stats.GiniShown, stats.GiniClicked)
	}
	for _, k := range shop.EventKinds {
		if stats.ByKind[k] == 0 {
			t.Errorf("the log has no %s", k)
		}
	}
}

func TestDefaultShop(t *testing.T) {
	if raceEnabled {
		t.Skip("SKIPPED: the default shop takes some seconds under the race detector; the test runs without it")
	}
	begin := time.Now()
	stats, err := Generate(context.Background(), Options{Seed: 1}, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("in %v\n%s", time.Since(begin), stats)
	if stats.Events != 300000 || stats.Items != 20000 {
		t.Errorf("the default shop has %d items and %d events, want 20000 and 300000", stats.Items, stats.Events)
	}
}

func TestSmallAndLargeOptions(t *testing.T) {
	for _, o := range []Options{{Items: 1, Events: 1, Shoppers: 1, Days: 1}, {Items: 300, Events: 50, Days: 1}, {Items: 50, Events: 3000, Shoppers: 3, Days: 2}} {
		stats, err := Generate(context.Background(), o, nil, func(e shop.Event) error { return e.Check() })
		if err != nil || stats.Events != o.Events {
			t.Errorf("Generate(%+v) = %d events, %v, want %d", o, stats.Events, err, o.Events)
		}
	}
	_, err := Generate(context.Background(), Options{Items: -1, Days: 5000}, nil, nil)
	if err == nil || !strings.Contains(err.Error(), "Items is -1") || !strings.Contains(err.Error(), "Days is 5000") {
		t.Errorf("Generate with two bad options = %v, want both named", err)
	}
}

func TestCallbacks(t *testing.T) {
	stop := errors.New("stop")
	if _, err := Generate(context.Background(), small, func(shop.Item) error { return stop }, nil); !errors.Is(err, stop) {
		t.Errorf("an error of the items became %v", err)
	}
	if _, err := Generate(context.Background(), small, nil, func(shop.Event) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("an error of the events became %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	if _, err := Generate(ctx, small, func(shop.Item) error { cancel(); return nil }, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("a context that ended became %v", err)
	}
	calls, o := map[string]Progress{}, small
	n := 0
	o.Progress = func(p Progress) { calls[p.Stage] = p; n++ }
	if _, err := Generate(context.Background(), o, nil, nil); err != nil {
		t.Fatal(err)
	}
	want := map[string]Progress{"items": {"items", 600, 600}, "events": {"events", 4000, 4000}}
	if diff := cmp.Diff(want, calls); diff != "" || n > 110 {
		t.Errorf("%d calls, last ones differ (-want +got):\n%s", n, diff)
	}
}

func BenchmarkGenerate(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Generate(context.Background(), Options{Seed: 1}, nil, nil); err != nil {
			b.Fatal(err)
		}
	}
}
