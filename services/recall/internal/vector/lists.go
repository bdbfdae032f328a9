package vector

import (
	"github.com/haggle-commerce/haggle/libs/kernel"
	"github.com/haggle-commerce/haggle/services/recall/internal/catalogue"
)

// place is where an item's row lies: row - 1 of a list; row 0 says nowhere.
type place struct{ list, row uint32 }

// list are the rows of the items near one centroid, without gaps.
type list struct {
	blocks kernel.Blocks
	slots  []catalogue.Slot
}

// step says how many lists hold the share of the nearest items that is aimed at.
type step struct {
	// depth is how many nearest items are looked for.
	depth, probes int
}

// lists hold every vector once, as int8.
type lists struct {
	dims int
	// centroids has a row for each list, and empty ones behind; none when there is one list.
	centroids kernel.Blocks
	all       []list
	places    []place
	// steps are in rising order of depth.
	steps []step
}

func newLists(n, dims int) *lists { return &lists{dims: dims, all: make([]list, n)} }

// nearest returns the list that a row belongs to.
func (l *lists) nearest(codes []int8) int {
	if len(l.all) == 1 {
		return 0
	}
	q := kernel.Query{Codes: codes}
	q.Weigh()
	row, _ := kernel.Nearest(l.centroids, q)
	return max(row, 0)
}

// insert adds the row of item s, which is in no list, to the list i.
func (l *lists) insert(i int, s catalogue.Slot, codes []int8, scale float32) {
	at := &l.all[i]
	row := len(at.slots)
	if row == at.blocks.Rows() {
		grown := kernel.MakeBlocks(row+max(row/4, kernel.Lanes), l.dims)
		copy(grown.Codes, at.blocks.Codes)
		copy(grown.Scales, at.blocks.Scales)
		at.blocks = grown
		at.slots = append(make([]catalogue.Slot, 0, grown.Rows()), at.slots...)
	}
	at.blocks.Set(row, codes, scale)
	at.slots = append(at.slots, s)
	l.setPlace(s, place{uint32(i), uint32(row + 1)})
}

func (l *lists) setPlace(s catalogue.Slot, p place) {
	if int(s) >= len(l.places) {
		l.places = append(l.places, make([]place, int(s)+1-len(l.places))...)
	}
	l.places[s] = p
}

// has reports whether item s is in a list.
func (l *lists) has(s catalogue.Slot) bool { return int(s) < len(l.places) && l.places[s].row != 0 }

// remove takes item s out of its list. The last row of the list takes its place.
func (l *lists) remove(s catalogue.Slot) {
	p := l.places[s]
	at, row := &l.all[p.list], int(p.row)-1
	last := len(at.slots) - 1
	if row != last {
		at.blocks.Move(row, last)
		at.slots[row] = at.slots[last]
		l.places[at.slots[row]].row = p.row
	}
	at.blocks.Empty(last)
	at.slots = at.slots[:last]
	l.places[s] = place{}
}

// filled returns the rows of a list that hold something, and the empty ones of the last block.
func (at *list) filled() kernel.Blocks {
	return at.blocks.Part(0, (len(at.slots)+kernel.Lanes-1)/kernel.Lanes*kernel.Lanes)
}

// prefetch asks for what a scan of the list reads first.
func (at *list) prefetch() {
	if n := len(at.slots); n > 0 {
		kernel.Prefetch(at.blocks.Codes[:min(listAhead, len(at.blocks.Codes))])
	}
}

// probes returns how many lists to scan for the depth nearest items.
func (l *lists) probes(depth int) int {
	for _, s := range l.steps {
		if s.depth >= depth {
			return s.probes
		}
	}
	return len(l.all)
}

func (l *lists) bytes() int {
	n := len(l.centroids.Codes) + 4*len(l.centroids.Scales) + 8*cap(l.places) + 104*cap(l.all)
	for i := range l.all {
		n += len(l.all[i].blocks.Codes) + 4*len(l.all[i].blocks.Scales) + 4*cap(l.all[i].slots)
	}
	return n
}
