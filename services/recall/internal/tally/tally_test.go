package tally

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/haggle-commerce/haggle/libs/shop"
	"github.com/haggle-commerce/haggle/services/recall/internal/catalogue"
	"github.com/haggle-commerce/haggle/services/recall/internal/top"
)

func TestTallyEqualsMaps(t *testing.T) {
	c := catalogue.New()
	for i := range 20 {
		c.Put(&shop.Item{ID: shop.ItemID(fmt.Sprint(i)), Title: "x"})
	}
	var tally Tally
	var heap top.Heap
	rapid.Check(t, func(t *rapid.T) {
		tally.Reset(20)
		allowed := catalogue.Bits(nil).Grow(20)
		scores, strongest, because := map[catalogue.Slot]float32{}, map[catalogue.Slot]float32{}, map[catalogue.Slot]uint8{}
		for range rapid.IntRange(0, 60).Draw(t, "adds") {
			s := catalogue.Slot(rapid.IntRange(0, 19).Draw(t, "slot"))
			x := float32(rapid.IntRange(1, 9).Draw(t, "x"))
			cause := uint8(rapid.IntRange(1, 5).Draw(t, "cause"))
			tally.Add(s, x, cause)
			scores[s] += x
			if x > strongest[s] {
				strongest[s], because[s] = x, cause
			}
			if s%3 > 0 {
				allowed.Set(s)
			}
		}
		if len(tally.Touched) != len(scores) {
			t.Fatalf("%d touched, want %d", len(tally.Touched), len(scores))
		}
		want := 0
		for s := range catalogue.Slot(20) {
			if tally.Score(s) != scores[s] || tally.Because(s) != because[s] {
				t.Fatalf("item %d: %v because %d, want %v because %d", s, tally.Score(s), tally.Because(s), scores[s], because[s])
			}
			if allowed.Has(s) && scores[s] > 0 {
				want++
			}
		}
		best := tally.Best(&heap, 5, c, allowed)
		if len(best) != min(5, want) || !slices.IsSortedFunc(best, func(a, b top.Entry) int { return int(math.Copysign(1, b.Score-a.Score)) }) {
			t.Fatalf("best %v of %d", best, want)
		}
	})
}

func TestEmptyTally(t *testing.T) {
	var tally Tally
	if tally.Score(3) != 0 || tally.Because(3) != 0 {
		t.Error("an empty tally has a score")
	}
}
