// Package newest keeps the items of a shop in the order in which they came into it.
package newest

import (
	"slices"

	"github.com/haggle-commerce/haggle/services/recall/internal/catalogue"
	"github.com/haggle-commerce/haggle/services/recall/internal/top"
)

// blockSize is the number of items at which a block is split: a change moves 1 KiB at most.
const blockSize = 256

// List is items sorted, the best entry first. It holds 4 bytes for each and asks for the rest, so an item has to be taken out before what
// its entry says changes. Make one with [New]. Nothing here locks.
type List struct {
	entry func(catalogue.Slot) top.Entry
	// blocks are sorted and none is empty.
	blocks [][]catalogue.Slot
	count  int
}

// New returns an empty list of items whose entries the function tells: the score is when an item came.
func New(entry func(catalogue.Slot) top.Entry) *List { return &List{entry: entry} }

// Len returns how many items there are.
func (l *List) Len() int { return l.count }

// Bytes is the memory of the list.
func (l *List) Bytes() int { return len(l.blocks)*4*blockSize + 24*cap(l.blocks) }

// find returns the place where an entry is or belongs, and whether it is there. There is a block.
func (l *List) find(e top.Entry) (i, at int, ok bool) {
	compare := func(s catalogue.Slot, e top.Entry) int {
		if s == e.Slot {
			return 0
		}
		// Hashes of two ids may be equal.
		if by := top.Compare(l.entry(s), e); by != 0 {
			return by
		}
		return int(s) - int(e.Slot)
	}
	i, ok = slices.BinarySearchFunc(l.blocks, e, func(b []catalogue.Slot, e top.Entry) int { return compare(b[0], e) })
	if ok {
		return i, 0, true
	}
	i = max(0, i-1)
	at, ok = slices.BinarySearchFunc(l.blocks[i], e, compare)
	return i, at, ok
}

// Add puts an item in, unless it is there.
func (l *List) Add(s catalogue.Slot) {
	if len(l.blocks) == 0 {
		l.blocks = [][]catalogue.Slot{append(make([]catalogue.Slot, 0, blockSize), s)}
		l.count = 1
		return
	}
	i, at, ok := l.find(l.entry(s))
	if ok {
		return
	}
	b := slices.Insert(l.blocks[i], at, s)
	l.count++
	if l.blocks[i] = b; len(b) == blockSize {
		l.blocks[i] = b[:blockSize/2]
		l.blocks = slices.Insert(l.blocks, i+1, append(make([]catalogue.Slot, 0, blockSize), b[blockSize/2:]...))
	}
}

// Remove takes an item out, if it is there.
func (l *List) Remove(s catalogue.Slot) {
	if len(l.blocks) == 0 {
		return
	}
	i, at, ok := l.find(l.entry(s))
	if !ok {
		return
	}
	l.count--
	l.blocks[i] = slices.Delete(l.blocks[i], at, at+1)
	switch n := len(l.blocks[i]); {
	case n == 0:
		l.blocks = slices.Delete(l.blocks, i, i+1)
	case i+1 < len(l.blocks) && n+len(l.blocks[i+1]) <= blockSize/2:
		l.blocks[i] = append(l.blocks[i], l.blocks[i+1]...)
		l.blocks = slices.Delete(l.blocks, i+1, i+2)
	}
}

// All yields the entries of all items, the newest first.
func (l *List) All(yield func(top.Entry) bool) {
	for _, b := range l.blocks {
		for _, s := range b {
			if !yield(l.entry(s)) {
				return
			}
		}
	}
}
