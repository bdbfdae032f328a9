package session

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/haggle-commerce/haggle/libs/shop"
	"github.com/haggle-commerce/haggle/services/recall/internal/catalogue"
	"github.com/haggle-commerce/haggle/services/recall/internal/tally"
)

// window is the naive reference: all sessions as they came, the last ones counting.
type window struct {
	params Params
	order  []shop.SessionID
	items  map[shop.SessionID][]catalogue.Slot
	visits map[catalogue.Slot][]shop.SessionID
}

func (w *window) touch(id shop.SessionID, s catalogue.Slot) {
	if _, ok := w.items[id]; !ok {
		w.order = append(w.order, id)
		w.items[id] = []catalogue.Slot{}
		if len(w.order) > w.params.Sessions {
			gone := w.order[0]
			w.order = w.order[1:]
			delete(w.items, gone)
			for s := range w.visits {
				w.visits[s] = slices.DeleteFunc(w.visits[s], func(id shop.SessionID) bool { return id == gone })
			}
		}
	}
	if len(w.items[id]) < w.params.Length && !slices.Contains(w.items[id], s) {
		w.items[id] = append(w.items[id], s)
		w.visits[s] = append(w.visits[s], id)
	}
}

func (w *window) predict(current []catalogue.Slot, own shop.SessionID) map[catalogue.Slot]float64 {
	current = current[:min(len(current), w.params.Length)]
	near, shared := map[shop.SessionID]float64{}, map[shop.SessionID]int{}
	for i, s := range current {
		list := w.visits[s]
		for _, id := range list[max(0, len(list)-w.params.PerItem):] {
			near[id] += float64(len(current)-i) / float64(len(current))
			if shared[id] == 0 {
				shared[id] = i + 1
			}
		}
	}
	var neighbours []shop.SessionID
	for id := range near {
		neighbours = append(neighbours, id)
	}
	slices.SortFunc(neighbours, func(a, b shop.SessionID) int {
		return cmp.Or(cmp.Compare(float32(near[b]), float32(near[a])), cmp.Compare(slices.Index(w.order, b), slices.Index(w.order, a)))
	})
	scores := map[catalogue.Slot]float64{}
	for _, id := range neighbours[:min(len(neighbours), w.params.Neighbours)] {
		match := 1 - 0.1*float64(shared[id]-1)
		if id == own || match <= 1e-6 {
			continue
		}
		for _, s := range w.items[id] {
			if !slices.Contains(current, s) {
				scores[s] += near[id] * match * math.Log1p(float64(len(w.order))/float64(len(w.visits[s])))
			}
		}
	}
	return scores
}

// TestPredictEqualsNaive uses weights that are sums of halves and quarters where it matters, so that both break ties alike.
func TestPredictEqualsNaive(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := Params{
			Sessions: rapid.IntRange(1, 25).Draw(t, "sessions"), PerItem: rapid.IntRange(1, 6).Draw(t, "per item"),
			Neighbours: rapid.IntRange(1, 8).Draw(t, "neighbours"), Length: rapid.SampledFrom([]int{1, 2, 4}).Draw(t, "length"),
		}
		x, w := New(p), &window{params: p, items: map[shop.SessionID][]catalogue.Slot{}, visits: map[catalogue.Slot][]shop.SessionID{}}
		for range rapid.IntRange(0, 150).Draw(t, "touches") {
			// Sessions come one after the other, as they do in a shop, with some overlap. A session that left the window and comes
			// back is a new one.
			id := shop.SessionID(fmt.Sprint(rapid.IntRange(0, 40).Draw(t, "session")))
			s := catalogue.Slot(rapid.IntRange(0, 12).Draw(t, "slot"))
			x.Touch(id, s)
			w.touch(id, s)
		}
		if x.Len() != len(w.order) {
			t.Fatalf("Len() = %d, want %d", x.Len(), len(w.order))
		}
		var sc Scratch
		var scores tally.Tally
		for range 3 {
			size := rapid.SampledFrom([]int{0, 1, 2, 4}).Draw(t, "size")
			current := rapid.SliceOfNDistinct(rapid.Map(rapid.IntRange(0, 14), func(i int) catalogue.Slot { return catalogue.Slot(i) }), size, size, rapid.ID).Draw(t, "current")
			own := shop.SessionID(fmt.Sprint(rapid.IntRange(0, 40).Draw(t, "own")))
			scores.Reset(20)
			x.Predict(&scores, &sc, current, own)
			got := map[catalogue.Slot]float64{}
			for _, s := range scores.Touched {
				got[s] = float64(scores.Score(s))
			}
			if diff := gocmp.Diff(w.predict(current, own), got, cmpopts.EquateApprox(1e-4, 1e-5), cmpopts.EquateEmpty()); diff != "" {
				t.Fatalf("Predict(%v, own %s) (-want +got):\n%s", current, own, diff)
			}
		}
	})
}

func TestKey(t *testing.T) {
	at := time.Date(2026, 1, 1, 10, 45, 0, 0, time.UTC)
	for _, c := range []struct {
		event shop.Event
		want  shop.SessionID
		ok    bool
	}{
		{shop.Event{Session: "s", Shopper: "p", Time: at}, "s", true},
		{shop.Event{Shopper: "p", Time: at}, "p 2026-01-01T10:30:00Z", true},
		{shop.Event{Time: at}, "", false},
	} {
		if got, ok := Key(&c.event); got != c.want || ok != c.ok {
			t.Errorf("Key(%+v) = %q, %v, want %q, %v", c.event, got, ok, c.want, c.ok)
		}
	}
}

func BenchmarkPredict(b *testing.B) {
	x := New(Defaults())
	random := rand.New(rand.NewPCG(5, 6))
	zipf := rand.NewZipf(random, 1.2, 20, 19_999)
	for i := range 50_000 {
		for range 2 + random.IntN(6) {
			x.Touch(shop.SessionID(fmt.Sprint(i)), catalogue.Slot(zipf.Uint64()))
		}
	}
	for _, size := range []int{1, 3, 10} {
		b.Run(fmt.Sprintf("sessions=50000/items=%d", size), func(b *testing.B) {
			var sc Scratch
			var t tally.Tally
			current := make([]catalogue.Slot, size)
			b.ReportAllocs()
			for b.Loop() {
				for i := range current {
					current[i] = catalogue.Slot(zipf.Uint64())
				}
				t.Reset(20_000)
				x.Predict(&t, &sc, current, "")
			}
		})
	}
}

func BenchmarkTouch(b *testing.B) {
	x, i := New(Defaults()), 0
	ids := make([]shop.SessionID, 4096)
	for i := range ids {
		ids[i] = shop.SessionID(fmt.Sprint("session-", i))
	}
	b.ReportAllocs()
	for b.Loop() {
		x.Touch(ids[i/8%4096], catalogue.Slot(i*31%20_000))
		i++
	}
}
