package catalogue

import "math/bits"

// A key has a column from when one in columnShare items has it, until fewer than half as many do.
const columnShare = 16

// column is the ordinals of one key by slot, as narrow as they allow; 0 for items without the key.
type column struct {
	bytes1 []uint8
	bytes2 []uint16
	bytes4 []uint32
}

// newColumn returns a column of n zeros with room for ordinals up to most.
func newColumn(n, most int) *column {
	room := n + n/16
	switch {
	case most < 1<<8:
		return &column{bytes1: make([]uint8, n, room)}
	case most < 1<<16:
		return &column{bytes2: make([]uint16, n, room)}
	}
	return &column{bytes4: make([]uint32, n, room)}
}

func (c *column) len() int { return len(c.bytes1) + len(c.bytes2) + len(c.bytes4) }

func (c *column) at(s Slot) uint32 {
	switch {
	case int(s) < len(c.bytes1):
		return uint32(c.bytes1[s])
	case int(s) < len(c.bytes2):
		return uint32(c.bytes2[s])
	case int(s) < len(c.bytes4):
		return c.bytes4[s]
	}
	return 0
}

// set stores an ordinal. Size is how many slots there are.
func (c *column) set(s Slot, ordinal uint32, size int) {
	if n := c.len(); n < size {
		switch {
		case c.bytes2 != nil:
			c.bytes2 = append(c.bytes2, make([]uint16, size-n)...)
		case c.bytes4 != nil:
			c.bytes4 = append(c.bytes4, make([]uint32, size-n)...)
		default:
			c.bytes1 = append(c.bytes1, make([]uint8, size-n)...)
		}
	}
	switch {
	case c.bytes4 != nil:
		c.bytes4[s] = ordinal
	case c.bytes2 != nil && ordinal < 1<<16:
		c.bytes2[s] = uint16(ordinal)
	case c.bytes1 != nil && ordinal < 1<<8:
		c.bytes1[s] = uint8(ordinal)
	default:
		wide := newColumn(size, 4*int(ordinal))
		for i := range Slot(size) {
			if o := c.at(i); o != 0 {
				wide.set(i, o, size)
			}
		}
		wide.set(s, ordinal, size)
		*c = *wide
	}
}

func (c *column) bytes() int {
	if c == nil {
		return 0
	}
	return 80 + cap(c.bytes1) + 2*cap(c.bytes2) + 4*cap(c.bytes4)
}

// count adds to counter how often each ordinal stands in the result.
func (c *column) count(counter *Counter, result Bits) {
	switch {
	case c.bytes2 != nil:
		countOrdinals(c.bytes2, counter, result)
	case c.bytes4 != nil:
		countOrdinals(c.bytes4, counter, result)
	default:
		countOrdinals(c.bytes1, counter, result)
	}
}

func countOrdinals[T uint8 | uint16 | uint32](column []T, counter *Counter, result Bits) {
	counts, touched := counter.ordinals, counter.touched
	for w, word := range result {
		from := w << 6
		if from >= len(column) {
			break
		}
		part := column[from:min(len(column), from+64)]
		for ; word != 0; word &= word - 1 {
			i := bits.TrailingZeros64(word)
			if i >= len(part) {
				break
			}
			o := uint32(part[i])
			if counts[o] == 0 {
				touched = append(touched, o)
			}
			counts[o]++
		}
	}
	counter.touched = touched
}

// choose adds to out those slots of in whose ordinal is in chosen.
func (c *column) choose(chosen, in, out Bits) {
	switch {
	case c.bytes2 != nil:
		chooseOrdinals(c.bytes2, chosen, in, out)
	case c.bytes4 != nil:
		chooseOrdinals(c.bytes4, chosen, in, out)
	default:
		chooseOrdinals(c.bytes1, chosen, in, out)
	}
}

func chooseOrdinals[T uint8 | uint16 | uint32](column []T, chosen, in, out Bits) {
	for w, word := range in {
		from := w << 6
		if from >= len(column) {
			break
		}
		part := column[from:min(len(column), from+64)]
		found := uint64(0)
		for ; word != 0; word &= word - 1 {
			i := bits.TrailingZeros64(word)
			if i >= len(part) {
				break
			}
			o := uint32(part[i])
			found |= chosen[o>>6] >> (o & 63) & 1 << (i & 63)
		}
		out[w] |= found
	}
}
