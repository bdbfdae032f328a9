package top

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/haggle-commerce/haggle/services/recall/internal/catalogue"
)

func TestHeapEqualsSorting(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		k := rapid.IntRange(0, 20).Draw(t, "k")
		scores := rapid.SliceOfN(rapid.IntRange(-3, 3), 0, 60).Draw(t, "scores")
		var all []Entry
		var h Heap
		h.Reset(k)
		for i, score := range scores {
			e := Entry{Score: float64(score), Tie: uint64((i * 7919) % 101), Slot: catalogue.Slot(i)}
			all = append(all, e)
			h.Offer(e)
		}
		slices.SortFunc(all, func(a, b Entry) int {
			return cmp.Or(cmp.Compare(b.Score, a.Score), cmp.Compare(a.Tie, b.Tie))
		})
		want := all[:min(k, len(all))]
		if diff := gocmp.Diff(slices.Clone(want), slices.Clone(h.Sorted())); len(want) > 0 && diff != "" {
			t.Fatalf("kept (-want +got):\n%s", diff)
		}
		if len(h.Sorted()) != len(want) {
			t.Fatalf("kept %d entries, want %d", len(h.Sorted()), len(want))
		}
	})
}

func BenchmarkHeap(b *testing.B) {
	random := rand.New(rand.NewPCG(1, 2))
	entries := make([]Entry, 3000)
	for i := range entries {
		entries[i] = Entry{Score: random.Float64(), Tie: random.Uint64(), Slot: catalogue.Slot(i)}
	}
	var h Heap
	b.ReportAllocs()
	for b.Loop() {
		h.Reset(200)
		for _, e := range entries {
			h.Offer(e)
		}
		h.Sorted()
	}
}
