package catalogue

import (
	"math/bits"
	"slices"
)

// Sizes at which a set of slots changes its form. They lie apart, so that a set that swings around one does not change at each step.
const (
	// mostFew is how many slots stand in one list: to insert in its middle moves 4 KiB at most.
	mostFew = 1024
	// mostSome is how many slots of a block stand in a list; above it a bit each takes less.
	mostSome   = 4096
	blockWords = 1 << 16 / 64
)

// set is a set of slots, compact and cheap to change: one slot in place, few in a list, and many in blocks of 65,536 slots, each
// a list of the lower halves or a bit per slot (S. Chambi, D. Lemire, O. Kaser, R. Godin, "Better bitmap performance with Roaring
// bitmaps", 2016). The zero value is empty.
type set struct {
	count uint32
	// one is the only slot of a set of one.
	one Slot
	// more holds the slots of a larger set.
	more *slotList
}

// slotList is the slots of a set: few is used up to mostFew, blocks above.
type slotList struct {
	few    []Slot
	blocks []block
}

// block holds those slots of a set that share the upper half of their bits.
type block struct {
	high  uint16
	count uint32
	// some are the lower halves in rising order; bits has one bit each when there are too many.
	some []uint16
	bits *[blockWords]uint64
}

// add puts s in. It reports whether it was not there.
func (x *set) add(s Slot) bool {
	switch {
	case x.count == 0:
		x.one, x.count = s, 1
		return true
	case x.more == nil && x.one == s:
		return false
	case x.more == nil:
		x.more = &slotList{few: []Slot{min(x.one, s), max(x.one, s)}}
		x.count = 2
		return true
	case x.more.blocks == nil && x.count < mostFew:
		at, ok := slices.BinarySearch(x.more.few, s)
		if ok {
			return false
		}
		x.more.few = insert(x.more.few, at, s)
		x.count++
		return true
	case x.more.blocks == nil:
		x.split()
	}
	if !x.more.addToBlock(s) {
		return false
	}
	x.count++
	return true
}

// split moves the slots of a list into blocks.
func (x *set) split() {
	few := x.more.few
	x.more.few = nil
	for _, s := range few {
		x.more.addToBlock(s)
	}
}

// insert puts v at place at of a sorted list, which grows by a quarter and not twofold: lists are most of what is kept.
func insert[T any](list []T, at int, v T) []T {
	if n := len(list); n == cap(list) {
		grown := make([]T, n, n+n/4+2)
		copy(grown, list)
		list = grown
	}
	return slices.Insert(list, at, v)
}

func (l *slotList) addToBlock(s Slot) bool {
	high, low := uint16(s>>16), uint16(s)
	i, ok := slices.BinarySearchFunc(l.blocks, high, func(b block, high uint16) int { return int(b.high) - int(high) })
	if !ok {
		l.blocks = insert(l.blocks, i, block{high: high})
	}
	b := &l.blocks[i]
	if b.bits == nil {
		at, ok := slices.BinarySearch(b.some, low)
		if ok {
			return false
		}
		if len(b.some) < mostSome {
			b.some = insert(b.some, at, low)
			b.count++
			return true
		}
		b.bits = new([blockWords]uint64)
		for _, other := range b.some {
			b.bits[other>>6] |= 1 << (other & 63)
		}
		b.some = nil
	}
	word, mask := &b.bits[low>>6], uint64(1)<<(low&63)
	if *word&mask != 0 {
		return false
	}
	*word |= mask
	b.count++
	return true
}

// remove takes s out. It reports whether it was in.
func (x *set) remove(s Slot) bool {
	switch {
	case x.count == 0, x.count == 1 && x.more == nil && x.one != s:
		return false
	case x.more == nil:
		x.count = 0
		return true
	case x.more.blocks == nil:
		at, ok := slices.BinarySearch(x.more.few, s)
		if !ok {
			return false
		}
		x.more.few = slices.Delete(x.more.few, at, at+1)
		if x.count--; x.count == 1 {
			x.one, x.more = x.more.few[0], nil
		}
		return true
	}
	if !x.more.removeFromBlock(s) {
		return false
	}
	if x.count--; x.count < mostFew/2 {
		few := make([]Slot, 0, x.count+x.count/4)
		x.each(func(s Slot) { few = append(few, s) })
		x.more = &slotList{few: few}
	}
	return true
}

func (l *slotList) removeFromBlock(s Slot) bool {
	high, low := uint16(s>>16), uint16(s)
	i, ok := slices.BinarySearchFunc(l.blocks, high, func(b block, high uint16) int { return int(b.high) - int(high) })
	if !ok {
		return false
	}
	b := &l.blocks[i]
	if b.bits == nil {
		at, ok := slices.BinarySearch(b.some, low)
		if !ok {
			return false
		}
		b.some = slices.Delete(b.some, at, at+1)
	} else {
		word, mask := &b.bits[low>>6], uint64(1)<<(low&63)
		if *word&mask == 0 {
			return false
		}
		*word &^= mask
	}
	b.count--
	switch {
	case b.count == 0:
		l.blocks = slices.Delete(l.blocks, i, i+1)
	case b.bits != nil && b.count < mostSome*3/4:
		b.some = make([]uint16, 0, b.count+b.count/8)
		for w, word := range b.bits {
			for ; word != 0; word &= word - 1 {
				b.some = append(b.some, uint16(w<<6+bits.TrailingZeros64(word)))
			}
		}
		b.bits = nil
	}
	return true
}

// each calls f with the slots in rising order.
func (x *set) each(f func(Slot)) {
	if x.more == nil {
		if x.count == 1 {
			f(x.one)
		}
		return
	}
	for _, s := range x.more.few {
		f(s)
	}
	for i := range x.more.blocks {
		b := &x.more.blocks[i]
		base := Slot(b.high) << 16
		for _, low := range b.some {
			f(base | Slot(low))
		}
		if b.bits != nil {
			for w, word := range b.bits {
				for ; word != 0; word &= word - 1 {
					f(base | Slot(w<<6+bits.TrailingZeros64(word)))
				}
			}
		}
	}
}

// steps is about how many slots or words one pass over the set looks at.
func (x *set) steps() int {
	if x.more == nil || x.more.blocks == nil {
		return int(x.count)
	}
	n := 0
	for i := range x.more.blocks {
		if b := &x.more.blocks[i]; b.bits != nil {
			n += blockWords / 2
		} else {
			n += len(b.some)
		}
	}
	return n
}

// countIn returns how many slots of the set are in result.
func (x *set) countIn(result Bits) uint32 {
	n := uint32(0)
	if x.more == nil {
		if x.count == 1 && result.Has(x.one) {
			n = 1
		}
		return n
	}
	for _, s := range x.more.few {
		n += uint32(result[s>>6]>>(s&63)) & 1
	}
	for i := range x.more.blocks {
		b := &x.more.blocks[i]
		part := result[int(b.high)*blockWords:]
		part = part[:min(len(part), blockWords)]
		for _, low := range b.some {
			n += uint32(part[low>>6]>>(low&63)) & 1
		}
		if b.bits != nil {
			for w, word := range part {
				n += uint32(bits.OnesCount64(word & b.bits[w]))
			}
		}
	}
	return n
}

// collect adds to out those slots of the set that are in in. Both have room for every slot of the set.
func (x *set) collect(in, out Bits) {
	if x.more == nil {
		if x.count == 1 && in.Has(x.one) {
			out.Set(x.one)
		}
		return
	}
	for _, s := range x.more.few {
		out[s>>6] |= in[s>>6] & (1 << (s & 63))
	}
	for i := range x.more.blocks {
		b := &x.more.blocks[i]
		from := int(b.high) * blockWords
		to := min(len(in), from+blockWords)
		theirs, ours := in[from:to], out[from:to]
		for _, low := range b.some {
			ours[low>>6] |= theirs[low>>6] & (1 << (low & 63))
		}
		if b.bits != nil {
			for w, word := range theirs {
				ours[w] |= word & b.bits[w]
			}
		}
	}
}

// bytes is the memory behind the set.
func (x *set) bytes() int {
	if x.more == nil {
		return 0
	}
	n := 48 + 4*cap(x.more.few) + 48*cap(x.more.blocks)
	for i := range x.more.blocks {
		n += 2 * cap(x.more.blocks[i].some)
		if x.more.blocks[i].bits != nil {
			n += 8 * blockWords
		}
	}
	return n
}
