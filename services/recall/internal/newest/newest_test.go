package newest

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/haggle-commerce/haggle/services/recall/internal/catalogue"
	"github.com/haggle-commerce/haggle/services/recall/internal/top"
)

// TestListEqualsSorting puts items in, changes them and takes them out, and compares with sorting all that are there.
func TestListEqualsSorting(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		scores, there := map[catalogue.Slot]float64{}, map[catalogue.Slot]bool{}
		// Ties of two items may be equal too.
		entry := func(s catalogue.Slot) top.Entry { return top.Entry{Score: scores[s], Tie: uint64(s) * 7 % 5, Slot: s} }
		l := New(entry)
		items := rapid.SampledFrom([]int{5, 60, 2000}).Draw(t, "items")
		changes := rapid.SliceOfN(rapid.Uint32(), 0, 3*items).Draw(t, "changes")
		if items == 2000 {
			for n := range uint32(3000) {
				changes = append(changes, n*2654435761)
			}
		}
		for i, change := range changes {
			s := catalogue.Slot(change>>8) % catalogue.Slot(items)
			l.Remove(s)
			delete(there, s)
			// More go than come in the end.
			if change%7 < 5 && (i < len(changes)/2 || change%7 == 0) {
				scores[s] = float64(change % 50)
				l.Add(s)
				l.Add(s)
				there[s] = true
			}
		}
		var want []top.Entry
		for s := range there {
			want = append(want, entry(s))
		}
		slices.SortFunc(want, func(a, b top.Entry) int {
			if by := top.Compare(a, b); by != 0 {
				return by
			}
			return int(a.Slot) - int(b.Slot)
		})
		if got := slices.Collect(l.All); !slices.Equal(got, want) {
			t.Fatalf("All = %v, want %v", got, want)
		}
		if l.Len() != len(want) || (l.Bytes() == 0) != (len(want) == 0 && cap(l.blocks) == 0) {
			t.Fatalf("%d items in %d bytes, want %d", l.Len(), l.Bytes(), len(want))
		}
		for range l.All {
			break
		}
	})
}
