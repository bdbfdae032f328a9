package numbers

import (
	"testing"

	"pgregory.net/rapid"
)

func TestTableEqualsNaive(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var got Table
		want := map[uint32]bool{}
		// Few hashes for many numbers: long runs of cells, and gaps in them.
		hash := func(n uint32) uint64 { return uint64(n % 13) }
		for range rapid.IntRange(0, 200).Draw(t, "changes") {
			n := uint32(rapid.IntRange(0, 60).Draw(t, "number"))
			if want[n] {
				got.Remove(hash(n), n, hash)
				delete(want, n)
			} else {
				got.Add(hash(n), n, hash)
				want[n] = true
			}
		}
		for n := range uint32(61) {
			if _, ok := got.Find(hash(n), func(m uint32) bool { return m == n }); ok != want[n] {
				t.Fatalf("Find(%d) = %v, want %v", n, ok, want[n])
			}
		}
		if got.Len() != len(want) {
			t.Fatalf("Len() = %d, want %d", got.Len(), len(want))
		}
	})
}

func TestReservedTableIsTheSame(t *testing.T) {
	var got Table
	got.Reserve(100)
	bytes := got.Bytes()
	hash := func(n uint32) uint64 { return uint64(n) * 7 }
	for n := range uint32(100) {
		got.Add(hash(n), n, hash)
	}
	if _, ok := got.Find(hash(99), func(m uint32) bool { return m == 99 }); !ok || got.Bytes() != bytes || got.Len() != 100 {
		t.Errorf("99 is found: %v, %d numbers in %d bytes, want 100 in %d", ok, got.Len(), got.Bytes(), bytes)
	}
}
