package blend

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/haggle-commerce/haggle/libs/shop"
	"github.com/haggle-commerce/haggle/services/recall/internal/catalogue"
	"github.com/haggle-commerce/haggle/services/recall/internal/top"
)

func entries(slots ...catalogue.Slot) []top.Entry {
	var list []top.Entry
	for i, s := range slots {
		list = append(list, top.Entry{Slot: s, Score: float64(len(slots) - i)})
	}
	return list
}

func shopOf(n int) *catalogue.Catalogue {
	c := catalogue.New()
	for i := range n {
		c.Put(&shop.Item{ID: shop.ItemID(fmt.Sprint(i)), Title: "x"})
	}
	return c
}

func TestBlendKeepsReasonsAndCauses(t *testing.T) {
	c := shopOf(10)
	var b Blender
	b.Reset(10)
	b.Add(Offer{Channel: Together, Weight: 1, Entries: entries(1, 2), Because: func(s catalogue.Slot) uint8 { return uint8(s) }})
	b.Add(Offer{Channel: Session, Weight: 0.5, Entries: entries(2, 3), Because: func(catalogue.Slot) uint8 { return 7 }})
	b.Add(Offer{Channel: Popular, Weight: 0.1, Entries: entries(4, 2), Unsaid: func(e top.Entry) bool { return e.Slot == 4 }})
	best := b.Best(3, c)
	if b.Len() != 4 || len(best) != 3 || !b.Has(4) || b.Has(5) {
		t.Fatalf("%d of %d candidates: %+v", len(best), b.Len(), best)
	}
	two := best[0]
	// 1/(60+2) + 0.5/(60+1) + 0.1/(60+2)
	if want := float32(1.0/62 + 0.5/61 + 0.1/62); two.Slot != 2 || math.Abs(float64(two.Score-want)) > 1e-7 {
		t.Errorf("best is %d with %v, want 2 with %v", two.Slot, two.Score, want)
	}
	if want := shop.Reasons(0).With(shop.ReasonTogether).With(shop.ReasonSession).With(shop.ReasonPopular); two.Why != want || two.Because != 2 {
		t.Errorf("why %b because %d, want %b because 2", two.Why, two.Because, want)
	}
	if two.Scores != [ChannelCount]float32{Together: 1, Session: 2, Popular: 1} {
		t.Errorf("scores %v", two.Scores)
	}
	if best[2].Slot != 3 || best[2].Because != 7 {
		t.Errorf("third is %+v", best[2])
	}
	b.Reset(10)
	if b.Len() != 0 || b.Has(2) || len(b.Best(3, c)) != 0 {
		t.Error("Reset left candidates")
	}
	b.Add(Offer{Channel: Popular, Weight: 1, Entries: entries(4), Unsaid: func(top.Entry) bool { return true }})
	if why := b.Best(1, c)[0].Why; why != 0 {
		t.Errorf("an unsaid reason is said: %b", why)
	}
}

// TestBlendEqualsNaive adds up shares by maps.
func TestBlendEqualsNaive(t *testing.T) {
	c := shopOf(30)
	var b Blender
	rapid.Check(t, func(t *rapid.T) {
		b.Reset(30)
		want := map[catalogue.Slot]float32{}
		for ch := range ChannelCount {
			n := rapid.IntRange(0, 12).Draw(t, "n")
			ids := rapid.SliceOfNDistinct(rapid.IntRange(0, 29), n, n, rapid.ID).Draw(t, "slots")
			weight := float32(rapid.IntRange(1, 8).Draw(t, "weight")) / 4
			var slots []catalogue.Slot
			for rank, s := range ids {
				slots = append(slots, catalogue.Slot(s))
				want[catalogue.Slot(s)] += weight / float32(61+rank)
			}
			b.Add(Offer{Channel: ch, Weight: weight, Entries: entries(slots...)})
		}
		k := rapid.IntRange(0, 30).Draw(t, "k")
		best := b.Best(k, c)
		if len(best) != min(k, len(want)) {
			t.Fatalf("%d candidates, want %d", len(best), min(k, len(want)))
		}
		for _, candidate := range best {
			if x := want[candidate.Slot]; math.Abs(float64(x-candidate.Score)) > 1e-6 {
				t.Fatalf("item %d scores %v, want %v", candidate.Slot, candidate.Score, x)
			}
		}
		if !slices.IsSortedFunc(best, func(a, b Candidate) int { return cmp.Compare(b.Score, a.Score) }) {
			t.Fatalf("not sorted: %+v", best)
		}
	})
}

func TestEveryChannelHasAName(t *testing.T) {
	for ch := range ChannelCount {
		if ch.String() == "" {
			t.Errorf("channel %d has no name", ch)
		}
	}
}
