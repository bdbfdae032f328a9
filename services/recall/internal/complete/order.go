package complete

import "slices"

// mark is one way to begin a phrase: the phrase from one of its words on.
type mark struct {
	key    string
	phrase uint32
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

// order is a sorted list of marks in blocks, so that a change moves few of them.
type order struct {
	// blocks are sorted and none is empty.
	blocks [][]mark
}

// find returns the block where m is or belongs.
func (o *order) find(m mark) int {
	at, found := slices.BinarySearchFunc(o.blocks, m, func(b []mark, m mark) int { return compareMarks(b[0], m) })
	if !found {
		at--
	}
	return max(0, at)
}

func (o *order) insert(m mark) {
	if len(o.blocks) == 0 {
		o.blocks = [][]mark{{m}}
		return
	}
	i := o.find(m)
	at, found := slices.BinarySearchFunc(o.blocks[i], m, compareMarks)
	if found {
		return
	}
	b := slices.Insert(o.blocks[i], at, m)
	o.blocks[i] = b
	if len(b) >= blockSize {
		half := slices.Clone(b[blockSize/2:])
		clear(b[blockSize/2:])
		o.blocks[i] = b[:blockSize/2]
		o.blocks = slices.Insert(o.blocks, i+1, half)
	}
}

func (o *order) remove(m mark) {
	if len(o.blocks) == 0 {
		return
	}
	i := o.find(m)
	at, found := slices.BinarySearchFunc(o.blocks[i], m, compareMarks)
	if !found {
		return
	}
	o.blocks[i] = slices.Delete(o.blocks[i], at, at+1)
	if len(o.blocks[i]) == 0 {
		o.blocks = slices.Delete(o.blocks, i, i+1)
	}
}

// from yields the marks whose key is at or behind prefix, in order.
func (o *order) from(prefix string, yield func(mark) bool) {
	if len(o.blocks) == 0 {
		return
	}
	first := mark{key: prefix}
	i := o.find(first)
	at, _ := slices.BinarySearchFunc(o.blocks[i], first, compareMarks)
	for ; i < len(o.blocks); i++ {
		for _, m := range o.blocks[i][at:] {
			if !yield(m) {
				return
			}
		}
		at = 0
	}
}
