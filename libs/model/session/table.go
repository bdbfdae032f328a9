package session

import "math/bits"

// table numbers keys from 0 in the order in which they come. It is cleared by its size, so one that is used for little is quick
// whatever it was used for before. The zero value is ready for reset.
type table struct {
	keys, values []uint32
	// spareKeys and spareValues are the memory that the table grows into.
	spareKeys, spareValues []uint32
	shift                  uint8
	used                   int
}

// reset forgets all keys and makes room for n of them.
func (t *table) reset(n int) {
	t.resize(1 << bits.Len(uint(max(2*n, 16)-1)))
	t.used = 0
}

// resize makes the table empty, with size places, a power of two.
func (t *table) resize(size int) {
	if cap(t.keys) < size {
		t.keys, t.values = make([]uint32, size), make([]uint32, size)
	} else {
		t.keys, t.values = t.keys[:size], t.values[:size]
		clear(t.keys)
	}
	t.shift = uint8(32 - bits.Len(uint(size-1)))
}

// number returns the number of a key, which is not the greatest uint32, and whether it is new.
func (t *table) number(key uint32) (number uint32, isNew bool) {
	if 2*t.used >= len(t.keys) {
		t.grow()
	}
	at := t.find(key)
	if t.keys[at] != 0 {
		return t.values[at], false
	}
	t.keys[at], t.values[at] = key+1, uint32(t.used)
	t.used++
	return t.values[at], true
}

// drop forgets the key that was numbered last.
func (t *table) drop(key uint32) {
	t.keys[t.find(key)] = 0
	t.used--
}

// find returns where a key stands or would stand.
func (t *table) find(key uint32) uint32 {
	mask := uint32(len(t.keys) - 1)
	// Fibonacci hashing: Knuth, The Art of Computer Programming 3, 6.4.
	at := (key * 0x9e3779b1) >> t.shift & mask
	for t.keys[at] != 0 && t.keys[at] != key+1 {
		at = (at + 1) & mask
	}
	return at
}

func (t *table) grow() {
	t.keys, t.spareKeys = t.spareKeys, t.keys
	t.values, t.spareValues = t.spareValues, t.values
	t.resize(2 * len(t.spareKeys))
	for i, key := range t.spareKeys {
		if key != 0 {
			at := t.find(key - 1)
			t.keys[at], t.values[at] = key, t.spareValues[i]
		}
	}
}
