package trend

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/haggle-commerce/haggle/services/recall/internal/catalogue"
)

var start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// TestCounterEqualsNaive compares with the sum of weights, each halved per half-life, in any order of events.
func TestCounterEqualsNaive(t *testing.T) {
	type wish struct {
		slot   catalogue.Slot
		weight float64
		at     time.Time
	}
	rapid.Check(t, func(t *rapid.T) {
		const halfLife = 6 * time.Hour
		var wishes []wish
		for range rapid.IntRange(0, 80).Draw(t, "wishes") {
			wishes = append(wishes, wish{
				slot:   catalogue.Slot(rapid.IntRange(0, 15).Draw(t, "slot")),
				weight: float64(rapid.IntRange(0, 5).Draw(t, "weight")),
				at:     start.Add(time.Duration(rapid.IntRange(0, 72).Draw(t, "hours")) * time.Hour),
			})
		}
		now := start.Add(80 * time.Hour)
		c, want := New(halfLife), map[catalogue.Slot]float64{}
		for _, w := range wishes {
			c.Add(w.slot, w.weight, w.at, uint64(w.slot))
			want[w.slot] += w.weight * math.Exp2(-now.Sub(w.at).Hours()/halfLife.Hours())
		}
		var order []catalogue.Slot
		for s, x := range want {
			if got := c.Value(s, now); math.Abs(got-x) > 1e-6*x {
				t.Fatalf("Value(%d) = %v, want %v", s, got, x)
			}
			if x > 0 {
				order = append(order, s)
			}
		}
		leaders := c.Leaders()
		if len(leaders) != len(order) {
			t.Fatalf("%d leaders, want %d", len(leaders), len(order))
		}
		slices.SortFunc(order, func(a, b catalogue.Slot) int {
			return cmp.Or(cmp.Compare(c.Level(b), c.Level(a)), cmp.Compare(a, b))
		})
		for i, e := range leaders {
			if e.Slot != order[i] {
				t.Fatalf("leader %d is %d, want %d", i, e.Slot, order[i])
			}
		}
	})
}

func TestLeadersAreTheBestOfMany(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	c, n := New(time.Hour), 3*MaxLeaders
	for range 20_000 {
		s := catalogue.Slot(random.IntN(n))
		c.Add(s, 1+float64(s%7), start.Add(time.Duration(random.IntN(100))*time.Minute), uint64(s))
	}
	all := make([]catalogue.Slot, n)
	for i := range all {
		all[i] = catalogue.Slot(i)
	}
	slices.SortFunc(all, func(a, b catalogue.Slot) int {
		return cmp.Or(cmp.Compare(c.Level(b), c.Level(a)), cmp.Compare(a, b))
	})
	for i, e := range c.Leaders() {
		if e.Slot != all[i] {
			t.Fatalf("leader %d is %d, want %d", i, e.Slot, all[i])
		}
	}
	if len(c.Leaders()) != MaxLeaders {
		t.Errorf("%d leaders, want %d", len(c.Leaders()), MaxLeaders)
	}
}

func TestCounterOfNothing(t *testing.T) {
	c := New(time.Hour)
	c.Add(3, 0, start, 1)
	if got := c.Value(3, start); got != 0 || len(c.Leaders()) != 0 || c.Value(99, start) != 0 {
		t.Errorf("Value = %v with %d leaders, want nothing", got, len(c.Leaders()))
	}
}

func BenchmarkAdd(b *testing.B) {
	c, i := New(time.Hour), 0
	random := rand.New(rand.NewPCG(3, 4))
	zipf := rand.NewZipf(random, 1.1, 4, 20_000)
	slots := make([]catalogue.Slot, 4096)
	for i := range slots {
		slots[i] = catalogue.Slot(zipf.Uint64())
	}
	b.ReportAllocs()
	for b.Loop() {
		c.Add(slots[i%4096], 1, start.Add(time.Duration(i)*time.Millisecond), 0)
		i++
	}
}
