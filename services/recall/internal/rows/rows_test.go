package rows

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// TestRowsEqualSlices compares with a slice per item.
func TestRowsEqualSlices(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var got Rows
		want := make([][]uint32, 40)
		for range want {
			got.Grow()
		}
		lengths := rapid.SampledFrom([]int{3, 40, Most + 20})
		for range rapid.IntRange(0, 300).Draw(t, "changes") {
			i := rapid.IntRange(0, len(want)-1).Draw(t, "item")
			row := make([]uint32, rapid.IntRange(0, lengths.Draw(t, "most")).Draw(t, "length"))
			for k := range row {
				row[k] = rapid.Uint32().Draw(t, "number")
			}
			got.Set(uint32(i), row)
			want[i] = row[:min(len(row), Most)]
		}
		for i := range want {
			if row := got.Of(uint32(i)); !slices.Equal(row, want[i]) {
				t.Fatalf("Of(%d) = %v, want %v", i, row, want[i])
			}
		}
		if got.Len() != len(want) || got.Bytes() == 0 {
			t.Fatalf("%d rows in %d bytes, want %d", got.Len(), got.Bytes(), len(want))
		}
	})
}
