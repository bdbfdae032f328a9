package feature

import "math/bits"

// table is a small hash table of numbers, made for a few hundred keys that live for one query: open addressing with linear
// probing, at most half full, no deletion, memory kept from query to query. Key 0 stands for an empty slot, so it is held
// apart as 1. The zero value is ready after reset.
type table[V any] struct {
	keys   []uint64
	values []V
	shift  uint8
	// filter has a bit set for the low end of each key. Where few of the keys asked for are there, it says so at once.
	filter [16]uint64
}

// reset empties the table and makes room for n keys.
func (t *table[V]) reset(n int) {
	size := 1 << bits.Len(uint(max(2*n, 8)-1))
	if cap(t.keys) < size {
		t.keys, t.values = make([]uint64, size), make([]V, size)
	}
	t.keys, t.values = t.keys[:size], t.values[:size]
	clear(t.keys)
	clear(t.filter[:])
	t.shift = uint8(64 - bits.TrailingZeros(uint(size)))
}

// slot returns where key stands, or the empty slot where it would.
func (t *table[V]) slot(key uint64) int {
	// Fibonacci hashing (Knuth, TAOCP 3, 6.4): the high bits of the product depend on all bits of the key.
	mask := len(t.keys) - 1
	at := int((key * 0x9e3779b97f4a7c15) >> t.shift)
	for t.keys[at] != key && t.keys[at] != 0 {
		at = (at + 1) & mask
	}
	return at
}

// value returns the place of key's value, a zero one when the key is new.
func (t *table[V]) value(key uint64) *V {
	key = max(key, 1)
	at := t.slot(key)
	if t.keys[at] == 0 {
		t.keys[at] = key
		t.filter[key/64%16] |= 1 << (key % 64)
		clear(t.values[at : at+1])
	}
	return &t.values[at]
}

// may reports whether key may be in the table. It is inlined, which find is not.
func (t *table[V]) may(key uint64) bool {
	return t.filter[key/64%16]>>(key%64)&1 != 0
}

// find returns the value of key.
func (t *table[V]) find(key uint64) (value V, ok bool) {
	key = max(key, 1)
	if !t.may(key) {
		return value, false
	}
	if at := t.slot(key); t.keys[at] == key {
		return t.values[at], true
	}
	return value, false
}
