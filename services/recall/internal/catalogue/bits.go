package catalogue

import "math/bits"

// Slot is the dense number that an item keeps from the first time it is heard of, deleted and put again or not.
type Slot uint32

// Bits is a set of slots, one bit each.
type Bits []uint64

// Grow returns an empty set with room for n slots, in b's memory where it is enough.
func (b Bits) Grow(n int) Bits {
	words := (n + 63) / 64
	if cap(b) < words {
		return make(Bits, words)
	}
	b = b[:words]
	clear(b)
	return b
}

// Set puts s into the set, which has room for it.
func (b Bits) Set(s Slot) { b[s>>6] |= 1 << (s & 63) }

// Clear takes s out of the set, which has room for it.
func (b Bits) Clear(s Slot) { b[s>>6] &^= 1 << (s & 63) }

// Has reports whether s is in the set. A slot beyond its room is not.
func (b Bits) Has(s Slot) bool { return int(s>>6) < len(b) && b[s>>6]&(1<<(s&63)) != 0 }

// Count returns the number of slots in the set.
func (b Bits) Count() int {
	n := 0
	for _, w := range b {
		n += bits.OnesCount64(w)
	}
	return n
}

// countTo returns the number of slots in the set, or enough once there are as many.
func (b Bits) countTo(enough int) int {
	n := 0
	for _, w := range b {
		if w == 0 {
			continue
		}
		if n += bits.OnesCount64(w); n >= enough {
			return enough
		}
	}
	return n
}

// All yields the slots of the set in rising order.
func (b Bits) All(yield func(Slot) bool) {
	for i, w := range b {
		for ; w != 0; w &= w - 1 {
			if !yield(Slot(i<<6 + bits.TrailingZeros64(w))) {
				return
			}
		}
	}
}
