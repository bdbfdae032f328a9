// Package numbers finds numbers by the hash of what they stand for.
package numbers

// Table finds numbers by the hash of what they stand for: open addressing with linear probing, at most three quarters full. It
// holds 4 bytes per cell; what a number stands for is kept by the owner. The zero value is empty.
type Table struct {
	// cells hold a number plus one each, 0 where there is none. Their count is a power of two.
	cells []uint32
	used  int
}

// Find returns the number with that hash for which same holds.
func (t *Table) Find(hash uint64, same func(uint32) bool) (uint32, bool) {
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

// Add puts in a number that is not there. HashOf gives the hash of any number of the table.
func (t *Table) Add(hash uint64, number uint32, hashOf func(uint32) uint64) {
	if t.used >= len(t.cells)*3/4 {
		t.resize(max(16, 2*len(t.cells)), hashOf)
	}
	t.place(hash, number)
	t.used++
}

// Reserve makes room for n numbers at once, in a table that is empty.
func (t *Table) Reserve(n int) {
	cells := 16
	for cells*3/4 < n {
		cells *= 2
	}
	t.cells = make([]uint32, cells)
}

// Len returns how many numbers there are.
func (t *Table) Len() int { return t.used }

// Bytes is the memory of the table.
func (t *Table) Bytes() int { return 4 * cap(t.cells) }

func (t *Table) place(hash uint64, number uint32) {
	mask := uint64(len(t.cells) - 1)
	at := hash & mask
	for t.cells[at] != 0 {
		at = (at + 1) & mask
	}
	t.cells[at] = number + 1
}

// resize makes room for n cells, n a power of two.
func (t *Table) resize(n int, hashOf func(uint32) uint64) {
	old := t.cells
	t.cells = make([]uint32, n)
	for _, c := range old {
		if c != 0 {
			t.place(hashOf(c-1), c-1)
		}
	}
}

// Remove takes a number out and closes the gap that it leaves.
func (t *Table) Remove(hash uint64, number uint32, hashOf func(uint32) uint64) {
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
