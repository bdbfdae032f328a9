package complete

import (
	"bytes"
	"encoding/binary"
	"slices"
)

// mark is one way to begin a phrase: the number of the phrase above the lower 3 bits, and which of its beginnings in them.
type mark uint32

// mostPhrases is how many phrases marks can tell apart.
const mostPhrases = 1 << 29

func markOf(phrase uint32, beginning int) mark { return mark(phrase<<3 | uint32(beginning)) }
func (m mark) phrase() uint32                  { return uint32(m >> 3) }
func (m mark) beginning() int                  { return int(m & 7) }

// Sizes of blocks: one is split when it is full, and joined with the next when both together are at most half full. A block of a state
// that is opened is filled up to filled, so that it takes some more before it is split.
const (
	blockSize = 256
	filled    = 216
)

// leaf is the memory of a block: the marks in order, and what each is worth at most.
type leaf struct {
	marks  [blockSize]mark
	worths [blockSize]worth
}

// block is a run of marks, with what the best of them is worth at most: a prefix of one letter passes over most blocks by that.
type block struct {
	*leaf
	// head is the beginning of what the first mark begins, so that most blocks are compared without looking at a text.
	head  uint64
	n     uint16
	bound worth
}

// order is the sorted list of all marks in blocks, so that a change moves few of them. Of two that begin alike the one with the lower
// number is first.
type order struct {
	// blocks are sorted and none is empty.
	blocks []block
	shelf  *shelf
}

// headOf returns the first 8 bytes of a key as a number that orders as they do. Keys hold no byte 0.
func headOf(key []byte) uint64 {
	if len(key) >= 8 {
		return binary.BigEndian.Uint64(key)
	}
	var b [8]byte
	copy(b[:], key)
	return binary.BigEndian.Uint64(b[:])
}

// spot is where a mark is, or would be: its block and the place in it.
type spot struct{ block, at int }

// find returns the place of the first mark that is not before key and m, and whether it is m. The place is in a block that it belongs to
// even if it is behind the last mark there.
func (o *order) find(key []byte, m mark) (spot, bool) {
	head := headOf(key)
	i, found := slices.BinarySearchFunc(o.blocks, head, func(b block, head uint64) int {
		switch {
		case b.head < head:
			return -1
		case b.head > head:
			return 1
		}
		return o.compare(b.marks[0], key, m)
	})
	if found {
		return spot{i, 0}, true
	}
	i = max(0, i-1)
	b := &o.blocks[i]
	at, found := slices.BinarySearchFunc(b.marks[:b.n], m, func(have, m mark) int { return o.compare(have, key, m) })
	return spot{i, at}, found
}

// compare orders a mark of the order against another one with its key.
func (o *order) compare(have mark, key []byte, m mark) int {
	if by := bytes.Compare(o.shelf.key(have), key); by != 0 {
		return by
	}
	return int(have) - int(m)
}

func (o *order) insert(m mark) {
	key := o.shelf.key(m)
	if len(o.blocks) == 0 {
		o.blocks = append(o.blocks, block{leaf: &leaf{}})
	}
	s, found := o.find(key, m)
	if found {
		return
	}
	b := &o.blocks[s.block]
	w := o.shelf.worth(m)
	copy(b.marks[s.at+1:], b.marks[s.at:b.n])
	copy(b.worths[s.at+1:], b.worths[s.at:b.n])
	b.marks[s.at], b.worths[s.at] = m, w
	b.n++
	b.bound = max(b.bound, w)
	if s.at == 0 {
		b.head = headOf(key)
	}
	if b.n == blockSize {
		o.split(s.block)
	}
}

// split moves the second half of a block into one behind it.
func (o *order) split(i int) {
	const half = blockSize / 2
	b := &o.blocks[i]
	next := block{leaf: &leaf{}, n: half}
	copy(next.marks[:], b.marks[half:])
	copy(next.worths[:], b.worths[half:])
	b.n = half
	o.measure(b)
	o.measure(&next)
	o.blocks = slices.Insert(o.blocks, i+1, next)
}

// measure sets what a block says of its marks.
func (o *order) measure(b *block) {
	b.head = headOf(o.shelf.key(b.marks[0]))
	b.bound = slices.Max(b.worths[:b.n])
}

// raise tells that a mark is worth more than before.
func (o *order) raise(m mark) {
	if len(o.blocks) == 0 {
		return
	}
	if s, found := o.find(o.shelf.key(m), m); found {
		b := &o.blocks[s.block]
		b.worths[s.at] = o.shelf.worth(m)
		b.bound = max(b.bound, b.worths[s.at])
	}
}

func (o *order) remove(m mark) {
	if len(o.blocks) == 0 {
		return
	}
	s, found := o.find(o.shelf.key(m), m)
	if !found {
		return
	}
	b := &o.blocks[s.block]
	copy(b.marks[s.at:], b.marks[s.at+1:b.n])
	copy(b.worths[s.at:], b.worths[s.at+1:b.n])
	b.n--
	switch {
	case b.n == 0:
		o.blocks = slices.Delete(o.blocks, s.block, s.block+1)
	case s.block+1 < len(o.blocks) && b.n+o.blocks[s.block+1].n <= blockSize/2:
		next := &o.blocks[s.block+1]
		copy(b.marks[b.n:], next.marks[:next.n])
		copy(b.worths[b.n:], next.worths[:next.n])
		b.n += next.n
		o.measure(b)
		o.blocks = slices.Delete(o.blocks, s.block+1, s.block+2)
	case s.at == 0:
		o.measure(b)
	}
}

// fill makes an empty order one of marks that are sorted, each that of a beginning. It reports whether they are.
func (o *order) fill(marks []uint32) bool {
	o.blocks = make([]block, 0, len(marks)/filled+1)
	var before []byte
	for from := 0; from < len(marks); from += filled {
		b := block{leaf: &leaf{}}
		part := marks[from:min(len(marks), from+filled)]
		b.n = uint16(len(part))
		for i, number := range part {
			m := mark(number)
			key := o.shelf.key(m)
			if by := bytes.Compare(before, key); by > 0 || (by == 0 && marks[from+i-1] >= number) {
				return false
			}
			before = key
			b.marks[i], b.worths[i] = m, o.shelf.worth(m)
		}
		o.measure(&b)
		o.blocks = append(o.blocks, b)
	}
	return true
}

// from returns the place of the first mark whose key is at or behind prefix; it may be that behind the last.
func (o *order) from(prefix []byte) spot {
	s, _ := o.find(prefix, 0)
	if s.at == int(o.blocks[s.block].n) {
		return spot{s.block + 1, 0}
	}
	return s
}

// has reports whether a mark begins with prefix.
func (o *order) has(prefix []byte) bool {
	if len(o.blocks) == 0 {
		return false
	}
	s := o.from(prefix)
	return s.block < len(o.blocks) && bytes.HasPrefix(o.shelf.key(o.blocks[s.block].marks[s.at]), prefix)
}

// step is how far the worth of the marks lies apart that one pass looks at: 1 in the logarithm of uses.
const step = worthUnits

// each yields the marks that begin with prefix, each with a number for its place, those that are worth most before the others, but in no
// order beyond that. It ends when no mark is left that is worth as much as least returns.
func (o *order) each(prefix []byte, least func() float32, yield func(m mark, place uint64)) {
	if len(o.blocks) == 0 {
		return
	}
	// No text holds the byte 0xff, so this is behind all that begins with prefix.
	first := o.from(prefix)
	end := o.from(append(slices.Clip(prefix), 0xff))
	until := min(end.block+1, len(o.blocks))
	level := worth(0)
	for _, b := range o.blocks[min(first.block, until):until] {
		level = max(level, b.bound)
	}
	for {
		// below is what the best mark is worth that this pass leaves out; no mark is worth 0.
		below := worth(0)
		for n := first.block; n < until; n++ {
			b := &o.blocks[n]
			if int(b.bound) <= int(level)-step {
				below = max(below, b.bound)
				continue
			}
			from, to := 0, int(b.n)
			if n == first.block {
				from = first.at
			}
			if n == end.block {
				to = end.at
			}
			for k := from; k < to; k++ {
				switch w := b.worths[k]; {
				case w > level:
				case int(w) <= int(level)-step:
					below = max(below, w)
				case w.most() >= least():
					yield(b.marks[k], uint64(n)<<32|uint64(k))
				}
			}
		}
		if below == 0 || below.most() < least() {
			return
		}
		// The next pass begins at the best that is left.
		level = below
	}
}

func (o *order) bytes() int { return 24*cap(o.blocks) + len(o.blocks)*blockSize*5 }
