package complete

import (
	"math"
	"slices"
	"strings"
)

// mark is one way to begin a phrase: the phrase from one of its words on.
type mark struct {
	key    string
	phrase uint32
	// worth is what it is worth at most, by the order's worth.
	worth float32
}

func compareMarks(a, b mark) int {
	switch {
	case a.key < b.key:
		return -1
	case a.key > b.key:
		return 1
	case a.phrase < b.phrase:
		return -1
	case a.phrase > b.phrase:
		return 1
	}
	return 0
}

// blockSize is the number of marks at which a block is split: inserting moves 6 KiB at most.
const blockSize = 256

// block is a run of marks, with what the best of them is worth at most: a prefix of one letter passes over most blocks by that.
type block struct {
	marks []mark
	bound float32
}

// order is a sorted list of marks in blocks, so that a change moves few of them.
type order struct {
	// blocks are sorted and none is empty.
	blocks []block
	// worth says what a mark is worth at most until it is raised; nil says nothing of all.
	worth func(mark) float32
}

func (o *order) value(m mark) float32 {
	if o.worth == nil {
		return 0
	}
	return o.worth(m)
}

// find returns the block where m is or belongs.
func (o *order) find(m mark) int {
	at, found := slices.BinarySearchFunc(o.blocks, m, func(b block, m mark) int { return compareMarks(b.marks[0], m) })
	if !found {
		at--
	}
	return max(0, at)
}

func (o *order) insert(m mark) {
	m.worth = o.value(m)
	if len(o.blocks) == 0 {
		o.blocks = []block{{[]mark{m}, m.worth}}
		return
	}
	i := o.find(m)
	b := &o.blocks[i]
	at, found := slices.BinarySearchFunc(b.marks, m, compareMarks)
	if found {
		return
	}
	b.marks, b.bound = slices.Insert(b.marks, at, m), max(b.bound, m.worth)
	if len(b.marks) >= blockSize {
		half := slices.Clone(b.marks[blockSize/2:])
		clear(b.marks[blockSize/2:])
		b.marks = b.marks[:blockSize/2]
		b.bound = boundOf(b.marks)
		o.blocks = slices.Insert(o.blocks, i+1, block{half, boundOf(half)})
	}
}

func boundOf(marks []mark) float32 {
	bound := float32(math.Inf(-1))
	for _, m := range marks {
		bound = max(bound, m.worth)
	}
	return bound
}

// raise tells that a mark is worth more than before.
func (o *order) raise(m mark) {
	if len(o.blocks) == 0 {
		return
	}
	b := &o.blocks[o.find(m)]
	if at, found := slices.BinarySearchFunc(b.marks, m, compareMarks); found {
		b.marks[at].worth = o.value(m)
		b.bound = max(b.bound, b.marks[at].worth)
	}
}

func (o *order) remove(m mark) {
	if len(o.blocks) == 0 {
		return
	}
	i := o.find(m)
	b := &o.blocks[i]
	at, found := slices.BinarySearchFunc(b.marks, m, compareMarks)
	if !found {
		return
	}
	b.marks = slices.Delete(b.marks, at, at+1)
	if len(b.marks) == 0 {
		o.blocks = slices.Delete(o.blocks, i, i+1)
	}
}

// begin returns the block and the place in it of the first mark at or behind prefix.
func (o *order) begin(prefix string) (i, at int) {
	first := mark{key: prefix}
	i = o.find(first)
	at, _ = slices.BinarySearchFunc(o.blocks[i].marks, first, compareMarks)
	if at == len(o.blocks[i].marks) {
		return i + 1, 0
	}
	return i, at
}

// has reports whether a mark begins with prefix.
func (o *order) has(prefix string) bool {
	if len(o.blocks) == 0 {
		return false
	}
	i, at := o.begin(prefix)
	return i < len(o.blocks) && strings.HasPrefix(o.blocks[i].marks[at].key, prefix)
}

// step is how far the worth of the marks lies apart that one pass looks at.
const step = 1

// each yields the marks that begin with prefix, each with a number for its place, those that are worth most before the others, but in no
// order beyond that. It ends when no mark is left that is worth as much as least returns.
func (o *order) each(prefix string, least func() float32, yield func(m mark, place uint64)) {
	if len(o.blocks) == 0 {
		return
	}
	// No text holds the byte 0xff, so this is behind all that begins with prefix.
	i, at := o.begin(prefix)
	end, last := o.begin(prefix + "\xff")
	high := float32(math.Inf(-1))
	for n := i; n < len(o.blocks) && (n < end || n == end && last > 0); n++ {
		high = max(high, o.blocks[n].bound)
	}
	for level := high; ; level -= step {
		below := float32(math.Inf(-1))
		for n := i; n < len(o.blocks) && (n < end || n == end && last > 0); n++ {
			b := &o.blocks[n]
			if b.bound <= level-step {
				below = max(below, b.bound)
				continue
			}
			marks, first := b.marks, 0
			if n == end {
				marks = marks[:last]
			}
			if n == i {
				first = at
			}
			for k := first; k < len(marks); k++ {
				switch w := marks[k].worth; {
				case w > level:
				case w > level-step:
					if w >= least() {
						yield(marks[k], uint64(n)<<32|uint64(k))
					}
				default:
					below = max(below, w)
				}
			}
		}
		if math.IsInf(float64(below), -1) || below < least() {
			return
		}
		// The next pass begins at the best that is left.
		level = below + step
	}
}
