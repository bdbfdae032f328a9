package explore

import (
	"hash/fnv"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/haggle-commerce/haggle/services/recall/internal/catalogue"
	"github.com/haggle-commerce/haggle/services/recall/internal/top"
)

func tie(s catalogue.Slot) uint64 {
	h := fnv.New64a()
	h.Write([]byte{byte(s), byte(s >> 8)})
	return h.Sum64()
}

func all(n int) catalogue.Bits {
	b := catalogue.Bits(nil).Grow(n)
	for s := range n {
		b.Set(catalogue.Slot(s))
	}
	return b
}

// TestReplicasChooseAlike puts, shows and deletes in two orders, and expects the same choice of the same items.
func TestReplicasChooseAlike(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		slots := rapid.SliceOfNDistinct(rapid.IntRange(0, 300), 0, 60, func(s int) int { return s }).Draw(t, "slots")
		shows := rapid.SliceOfN(rapid.SampledFrom([]int{0, 1, 2, 3, 5, 8}), len(slots), len(slots)).Draw(t, "shows")
		gone := rapid.SliceOfN(rapid.Bool(), len(slots), len(slots)).Draw(t, "gone")
		a, b := New(tie), New(tie)
		for i, s := range slots {
			a.Put(catalogue.Slot(s))
			for range shows[i] {
				a.Show(catalogue.Slot(s))
			}
		}
		for i, s := range slots {
			if gone[i] {
				a.Delete(catalogue.Slot(s))
			}
		}
		for i := len(slots) - 1; i >= 0; i-- {
			s := catalogue.Slot(slots[i])
			for range shows[i] {
				b.Show(s)
			}
			if !gone[i] {
				b.Put(s)
			}
		}
		seed, n := rapid.Uint64().Draw(t, "seed"), rapid.IntRange(0, 8).Draw(t, "n")
		got, again := a.Choose(nil, n, seed, all(301)), b.Choose(nil, n, seed, all(301))
		if diff := gocmp.Diff(got, again); diff != "" {
			t.Fatalf("two replicas choose (-one +other):\n%s", diff)
		}
		seen := map[catalogue.Slot]bool{}
		for _, e := range got {
			at := slices.Index(slots, int(e.Slot))
			if at < 0 || gone[at] || seen[e.Slot] || !(e.Score > 0 && e.Score < 1) {
				t.Fatalf("chose %+v of slots %v, gone %v", e, slots, gone)
			}
			seen[e.Slot] = true
		}
	})
}

func TestKnownItemsAreNotExplored(t *testing.T) {
	b := New(tie)
	for s := range catalogue.Slot(3) {
		b.Put(s)
	}
	for range knownShown {
		b.Show(0)
	}
	for range knownWanted {
		b.Want(1)
	}
	b.Put(0)
	got := b.Choose(nil, 3, 1, all(3))
	if b.Cold() != 1 || len(got) != 1 || got[0].Slot != 2 {
		t.Errorf("%d are cold and %+v was chosen, want item 2 alone", b.Cold(), got)
	}
}

func TestOnlyAllowedItemsAreChosen(t *testing.T) {
	b := New(tie)
	b.Show(0)
	allowed := catalogue.Bits(nil).Grow(1000)
	for s := range catalogue.Slot(1000) {
		b.Put(s)
		if s%10 == 0 {
			allowed.Set(s)
		}
	}
	for seed := range uint64(50) {
		for _, e := range b.Choose(nil, 5, seed, allowed) {
			if e.Slot%10 != 0 {
				t.Fatalf("seed %d chose %d, which is not allowed", seed, e.Slot)
			}
		}
	}
}

func TestWithoutImpressionsNothingIsExplored(t *testing.T) {
	b := New(tie)
	b.Put(1)
	b.Want(1)
	if got := b.Choose(nil, 1, 1, all(2)); len(got) != 0 {
		t.Errorf("chose %+v in a shop that never told what it shows", got)
	}
}

// TestWhatIsWantedIsTriedMore shows two halves of a shop, of which only one is ever wanted: that one is chosen far more often.
func TestWhatIsWantedIsTriedMore(t *testing.T) {
	b := New(tie)
	for s := range catalogue.Slot(200) {
		b.Put(s)
		for range 100 {
			b.Show(s)
		}
		if s < 100 {
			for range 9 {
				b.Want(s)
			}
		}
	}
	wanted := 0
	for seed := range uint64(300) {
		for _, e := range b.Choose(nil, 1, seed, all(200)) {
			if e.Slot < 100 {
				wanted++
			}
		}
	}
	if wanted < 250 {
		t.Errorf("items that are wanted were chosen %d times of 300, want at least 250", wanted)
	}
}

// TestBeta compares the first two moments with a/(a+b) and ab/((a+b)^2(a+b+1)).
func TestBeta(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	const n = 200_000
	for _, c := range [][2]float64{{1, 19}, {3, 5}, {10, 200}} {
		sum, squares := 0.0, 0.0
		for range n {
			x := beta(random, c[0], c[1])
			sum, squares = sum+x, squares+x*x
		}
		a, b := c[0], c[1]
		mean, variance := sum/n, squares/n-(sum/n)*(sum/n)
		wantMean, wantVariance := a/(a+b), a*b/((a+b)*(a+b)*(a+b+1))
		if math.Abs(mean-wantMean) > 0.02*wantMean || math.Abs(variance-wantVariance) > 0.05*wantVariance {
			t.Errorf("Beta(%v, %v) has mean %v and variance %v, want %v and %v", a, b, mean, variance, wantMean, wantVariance)
		}
	}
}

func BenchmarkChoose(b *testing.B) {
	book := New(tie)
	book.Show(0)
	for s := range catalogue.Slot(100_000) {
		book.Put(s)
	}
	var dst []top.Entry
	allowed := all(100_000)
	b.ReportAllocs()
	seed := uint64(0)
	for b.Loop() {
		seed++
		dst = book.Choose(dst[:0], 4, seed, allowed)
	}
}
