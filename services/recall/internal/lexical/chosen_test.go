package lexical

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/haggle-commerce/haggle/services/recall/internal/catalogue"
)

// TestChosenAreTheBest compares what is chosen with all candidates in order, where many have the same score, the same leading byte of the
// tie, or the same tie.
func TestChosenAreTheBest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 400).Draw(t, "candidates")
		limit := rapid.IntRange(0, 60).Draw(t, "limit")
		ties := make([]uint64, n)
		scores := make([]uint32, n)
		spread := rapid.SampledFrom([]uint64{1, 3, 1 << 30, 1<<64 - 1}).Draw(t, "spread of ties")
		for i := range n {
			ties[i] = rapid.Uint64Range(0, spread).Draw(t, "tie") << rapid.SampledFrom([]int{0, 40}).Draw(t, "shift")
			scores[i] = rapid.Uint32Range(1, 5).Draw(t, "score")
		}
		tie := func(s catalogue.Slot) uint64 { return ties[s] }
		leading := func(i int) byte { return byte(ties[i] >> 56) }
		if rapid.Bool().Draw(t, "no ties") {
			tie, leading = nil, func(int) byte { return 0 }
		}
		h := &chosen{}
		h.reset(limit, tie)
		var steps ladder
		steps.reset(limit, 5)
		all := make([]int, n)
		for i := range n {
			all[i] = i
			steps.add(scores[i])
			if key := keyOf(scores[i], leading(i)); scores[i] >= steps.climb() && key >= h.least {
				h.offerSlot(key, catalogue.Slot(i))
			}
		}
		order := func(i int) uint64 {
			if tie == nil {
				return uint64(i)
			}
			return ties[i]
		}
		slices.SortStableFunc(all, func(a, b int) int {
			switch {
			case scores[a] != scores[b]:
				return int(scores[b]) - int(scores[a])
			case order(a) < order(b):
				return -1
			case order(a) > order(b):
				return 1
			}
			return 0
		})
		got := h.sorted()
		if len(got) != min(n, limit) {
			t.Fatalf("%d chosen of %d, want %d", len(got), n, min(n, limit))
		}
		for i := range got {
			c := &got[i]
			// Of equal score and tie any may stand here.
			if want := all[i]; c.score() != scores[want] || order(int(c.slot())) != order(want) || c.score() != scores[c.slot()] {
				t.Fatalf("place %d: item %d of score %d and tie %d, want %d of %d and %d", i, c.slot(), c.score(), order(int(c.slot())), want, scores[want], order(want))
			}
		}
		seen := map[catalogue.Slot]bool{}
		for i := range got {
			if seen[got[i].slot()] {
				t.Fatalf("item %d is chosen twice", got[i].slot())
			}
			seen[got[i].slot()] = true
		}
	})
}
