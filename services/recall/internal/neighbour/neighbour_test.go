package neighbour

import (
	"fmt"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/haggle-commerce/haggle/libs/shop"
	"github.com/haggle-commerce/haggle/services/recall/internal/catalogue"
	"github.com/haggle-commerce/haggle/services/recall/internal/tally"
)

// TestTogetherEqualsNaive draws lists as maps of ids and adds them up by id.
func TestTogetherEqualsNaive(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := catalogue.New()
		// Some items are in the catalogue before, in another order, and some are not.
		for range rapid.IntRange(0, 20).Draw(t, "known") {
			c.Intern(shop.ItemID(fmt.Sprint(rapid.IntRange(0, 30).Draw(t, "id"))))
		}
		n := rapid.IntRange(0, 15).Draw(t, "items")
		source, lists := Source{Offsets: []uint32{0}}, map[shop.ItemID]map[shop.ItemID]float32{}
		for i := range n {
			source.IDs = append(source.IDs, shop.ItemID(fmt.Sprint(2*i)))
		}
		for _, id := range source.IDs {
			lists[id] = map[shop.ItemID]float32{}
			for j := range n {
				if w := rapid.IntRange(0, 4).Draw(t, "weight"); w > 0 {
					source.Items = append(source.Items, uint32(j))
					source.Weights = append(source.Weights, float32(w)/8)
					lists[id][source.IDs[j]] = float32(w) / 8
				}
			}
			source.Offsets = append(source.Offsets, uint32(len(source.Items)))
		}
		l := New(c, source)
		var seeds []tally.Seed
		want := map[shop.ItemID]float32{}
		for range rapid.IntRange(0, 6).Draw(t, "seeds") {
			id := shop.ItemID(fmt.Sprint(rapid.IntRange(0, 40).Draw(t, "seed")))
			seed := tally.Seed{Slot: c.Intern(id), Weight: float32(rapid.IntRange(1, 4).Draw(t, "seed weight"))}
			if l.Known(seed.Slot) != (len(lists[id]) > 0) {
				t.Fatalf("Known(%s) = %v", id, l.Known(seed.Slot))
			}
			seeds = append(seeds, seed)
			for other, w := range lists[id] {
				want[other] += w * seed.Weight
			}
		}
		var scores tally.Tally
		scores.Reset(c.Size())
		l.Together(&scores, seeds)
		got := map[shop.ItemID]float32{}
		for _, s := range scores.Touched {
			got[c.ID(s)] = scores.Score(s)
			if b := scores.Because(s); lists[c.ID(seeds[b-1].Slot)][c.ID(s)] == 0 {
				t.Fatalf("item %s is explained by seed %d, which does not list it", c.ID(s), b)
			}
		}
		if diff := gocmp.Diff(want, got, cmpopts.EquateApprox(1e-5, 0), cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("Together (-want +got):\n%s", diff)
		}
	})
}
