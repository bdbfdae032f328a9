package catalogue

import (
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// TestSetEqualsNaive changes a set by runs of slots, so that it goes through all of its forms and back.
func TestSetEqualsNaive(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var got set
		want := map[Slot]bool{}
		const size = 2 << 16
		for range rapid.IntRange(1, 6).Draw(t, "runs") {
			from := Slot(rapid.IntRange(0, size-1).Draw(t, "from"))
			length := rapid.SampledFrom([]int{1, 2, 30, 700, 5000}).Draw(t, "length")
			step := Slot(rapid.SampledFrom([]int{1, 3, 7}).Draw(t, "step"))
			put := rapid.IntRange(0, 2).Draw(t, "put") > 0
			for i := range Slot(length) {
				s := (from + i*step) % size
				if put {
					if added := got.add(s); added == want[s] {
						t.Fatalf("add(%d) = %v", s, added)
					}
					want[s] = true
				} else {
					if removed := got.remove(s); removed != want[s] {
						t.Fatalf("remove(%d) = %v", s, removed)
					}
					delete(want, s)
				}
			}
		}
		if int(got.count) != len(want) {
			t.Fatalf("count = %d, want %d", got.count, len(want))
		}
		var all []Slot
		got.each(func(s Slot) { all = append(all, s) })
		if sorted := slices.Sorted(maps.Keys(want)); !slices.Equal(all, sorted) {
			t.Fatalf("each yields %d slots, want %d", len(all), len(sorted))
		}
		in, out := make(Bits, size/64), make(Bits, size/64)
		both := 0
		for s := Slot(0); s < size; s += 2 {
			in.Set(s)
			if want[s] {
				both++
			}
		}
		if n := int(got.countIn(in)); n != both {
			t.Fatalf("countIn = %d, want %d", n, both)
		}
		got.collect(in, out)
		if out.Count() != both {
			t.Fatalf("collect = %d slots, want %d", out.Count(), both)
		}
		for s := range out.All {
			if !want[s] || s%2 != 0 {
				t.Fatalf("collect yields %d", s)
			}
		}
	})
}
