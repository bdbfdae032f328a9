package catalogue

// table finds numbers by the hash of what they stand for: open addressing with linear probing, at most three quarters full. It
// holds 4 bytes per cell; what a number stands for is kept by the owner. The zero value is empty.
type table struct {
	// cells hold a number plus one each, 0 where there is none. Their count is a power of two.
	cells []uint32
	used  int
}

// find returns the number with that hash for which same holds.
func (t *table) find(hash uint64, same func(uint32) bool) (uint32, bool) {
	if len(t.cells) == 0 {
		return 0, false
	}
	mask := uint64(len(t.cells) - 1)
	for at := hash & mask; t.cells[at] != 0; at = (at + 1) & mask {
		if n := t.cells[at] - 1; same(n) {
			return n, true
		}
	}
	return 0, false
}

// add puts in a number that is not there. HashOf gives the hash of any number of the table.
func (t *table) add(hash uint64, number uint32, hashOf func(uint32) uint64) {
	if t.used >= len(t.cells)*3/4 {
		t.resize(max(16, 2*len(t.cells)), hashOf)
	}
	t.place(hash, number)
	t.used++
}

func (t *table) place(hash uint64, number uint32) {
	mask := uint64(len(t.cells) - 1)
	at := hash & mask
	for t.cells[at] != 0 {
		at = (at + 1) & mask
	}
	t.cells[at] = number + 1
}

// resize makes room for n cells, n a power of two.
func (t *table) resize(n int, hashOf func(uint32) uint64) {
	old := t.cells
	t.cells = make([]uint32, n)
	for _, c := range old {
		if c != 0 {
			t.place(hashOf(c-1), c-1)
		}
	}
}

// remove takes a number out and closes the gap that it leaves.
func (t *table) remove(hash uint64, number uint32, hashOf func(uint32) uint64) {
	if len(t.cells) == 0 {
		return
	}
	mask := uint64(len(t.cells) - 1)
	at := hash & mask
	for t.cells[at] != number+1 {
		if t.cells[at] == 0 {
			return
		}
		at = (at + 1) & mask
	}
	t.used--
	for next := (at + 1) & mask; t.cells[next] != 0; next = (next + 1) & mask {
		// What stands behind the gap may move into it unless its own place lies between the two.
		home := hashOf(t.cells[next]-1) & mask
		if (next-home)&mask >= (next-at)&mask {
			t.cells[at] = t.cells[next]
			at = next
		}
	}
	t.cells[at] = 0
}

// The constants of FNV-1a, 64 bits wide.
const (
	fnvOffset = 14695981039346656037
	fnvPrime  = 1099511628211
)

// hashText goes on with the FNV-1a hash h over the bytes of text.
func hashText(h uint64, text string) uint64 {
	for i := range len(text) {
		h = (h ^ uint64(text[i])) * fnvPrime
	}
	return h
}

// hashNumber goes on with the FNV-1a hash h over the bytes of n.
func hashNumber(h uint64, n uint32) uint64 {
	for range 4 {
		h = (h ^ uint64(n&0xff)) * fnvPrime
		n >>= 8
	}
	return h
}

// spread makes the lower bits of a hash depend on all of it.
func spread(h uint64) uint64 {
	h ^= h >> 32
	h *= 0x9e3779b97f4a7c15
	return h ^ h>>29
}
