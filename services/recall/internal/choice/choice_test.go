package choice

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/haggle-commerce/haggle/services/recall/internal/catalogue"
)

var start = time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)

func TestKey(t *testing.T) {
	if Key("Red Jackets") != Key("jacket  red red") || Key("red") == Key("blue") || Key(" ?") != 0 {
		t.Error("a key is of the words, in any order")
	}
}

func TestGuards(t *testing.T) {
	b, key := New(), Key("shoe")
	add := func(shopper uint64, slot catalogue.Slot, place int) bool {
		return b.Add(Choice{Query: key, Chooser: shopper, Item: slot, Place: place, Weight: 1, At: start})
	}
	for range 100 {
		add(7, 1, 0)
	}
	if got := b.Of(key, start).Boost(1); got != 1 {
		t.Errorf("one shopper alone boosts by %v", got)
	}
	for shopper := range uint64(3) {
		add(shopper+1, 2, 0)
		add(shopper+1, 3, 15)
	}
	x := b.Of(key, start)
	if x.Boost(2) <= 1 || x.Boost(3) <= x.Boost(2) || x.Boost(9) != 1 {
		t.Errorf("boosts %v and %v: a low place must count more", x.Boost(2), x.Boost(3))
	}
	if later := b.Of(key, start.Add(10*halfLife)).Boost(3); later >= x.Boost(3) || later < 1 {
		t.Errorf("after ten half-lives the boost is %v, was %v", later, x.Boost(3))
	}
	if add(0, 2, 0) || b.Add(Choice{Query: key, Chooser: 9, Item: 2, At: start}) || b.Add(Choice{Chooser: 9, Item: 2, Weight: 1, At: start}) {
		t.Error("a choice without a shopper, a weight or a query counts")
	}
}

// TestBounds draws choices and holds boosts to their bounds, their sum too, and the state to itself after it was written and read.
func TestBounds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := New()
		keys := []uint64{Key("a1"), Key("b1")}
		for range rapid.IntRange(0, 200).Draw(t, "choices") {
			b.Add(Choice{
				Query: rapid.SampledFrom(keys).Draw(t, "query"), Chooser: rapid.Uint64Range(0, 12).Draw(t, "shopper"),
				Item: catalogue.Slot(rapid.IntRange(0, 39).Draw(t, "item")), Place: rapid.IntRange(-1, 200).Draw(t, "place"),
				Weight: rapid.Float64Range(0, 6).Draw(t, "weight"), At: start.Add(time.Duration(rapid.IntRange(0, 2000).Draw(t, "hours")) * time.Hour),
			})
		}
		now := start.Add(time.Duration(rapid.IntRange(0, 4000).Draw(t, "now")) * time.Hour)
		again := New()
		if err := again.Restore(b.AppendBinary(nil), 40); err != nil {
			t.Fatal(err)
		}
		for _, key := range keys {
			x, y, sum := b.Of(key, now), again.Of(key, now), 0.0
			for s := range catalogue.Slot(40) {
				boost := x.Boost(s)
				if sum += boost - 1; boost < 1 || boost > MaxBoost || sum > MaxBoost-1+1e-9 {
					t.Fatalf("boost of %d is %v, the sum above 1 %v", s, boost, sum)
				}
				if got := y.Boost(s); got != boost {
					t.Fatalf("after a restart the boost of %d is %v, was %v", s, got, boost)
				}
			}
		}
	})
}

func TestQueriesAreBounded(t *testing.T) {
	b := New()
	for i := range MaxQueries + 10 {
		b.Add(Choice{Query: Key(fmt.Sprint("q", i)), Chooser: 1, Item: 0, Weight: 1 + float64(i%3), At: start})
	}
	if b.Len() > MaxQueries {
		t.Errorf("%d queries are remembered", b.Len())
	}
}

func FuzzRestore(f *testing.F) {
	b := New()
	b.Add(Choice{Query: 1, Chooser: 2, Item: 3, Weight: 1, At: start})
	f.Add(b.AppendBinary(nil))
	f.Fuzz(func(t *testing.T, data []byte) {
		b := New()
		if err := b.Restore(data, 10); err == nil {
			b.Of(1, start).Boost(3)
		}
	})
}
