package vector

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/haggle-commerce/haggle/libs/kernel"
	"github.com/haggle-commerce/haggle/services/recall/internal/catalogue"
)

const (
	// listsPerRoot times the square root of the number of items is how many lists are made: 4,000 for a million. Then ranking the
	// lists costs about a tenth of scanning those that are needed.
	listsPerRoot = 4
	// samplePerList is how many items per list are trained on.
	samplePerList = 32
	// growth is after how much growth or shrinking lists are made anew.
	growth = 2
	// stepRows is how many items one call of Step handles: at 1 to 2 us each, readers' locks stay below a millisecond.
	stepRows = 256
)

// Rebuild makes new lists of an index beside its work. The owner calls [Index.Begin] alone; [Rebuild.Step] beside readers but not
// beside writers, again and again until it returns true; [Rebuild.Train] without any lock when Step has asked for it; and at last
// [Index.Finish] alone. One goroutine does all of it.
type Rebuild struct {
	ix    *Index
	phase phase
	// want is the tie below which an item belongs to the sample.
	want   uint64
	next   catalogue.Slot
	count  int
	sample []sampled
	lists  *lists
	// changed are the items that changed since the beginning.
	changed []catalogue.Slot

	wide   []float32
	coarse []int8
}

// phase is what a rebuild does next.
type phase int

const (
	gathering phase = iota
	training
	filling
	done
)

// sampled is an item that is trained on.
type sampled struct {
	tie   uint64
	codes []int8
	scale float32
}

// Wants reports whether the lists no longer suit the number of items: Begin should be called when the owner has time.
func (ix *Index) Wants() bool {
	if ix.rebuild != nil || ix.lists == nil {
		return false
	}
	ideal, have := listsFor(ix.Len(), ix.o.Flat), len(ix.lists.all)
	if ideal == 1 || have == 1 {
		// Coming back to one list waits until it is surely worth it.
		return have == 1 && ideal > 1 || have > 1 && ix.Len() < ix.o.Flat/2
	}
	root := math.Sqrt(growth)
	return float64(ideal) > float64(have)*root || float64(ideal)*root < float64(have)
}

// listsFor returns how many lists suit so many items.
func listsFor(items, flat int) int {
	if items <= flat {
		return 1
	}
	return max(int(listsPerRoot*math.Sqrt(float64(items)))/kernel.Lanes, 1) * kernel.Lanes
}

// Begin begins a rebuild. One in progress is dropped.
func (ix *Index) Begin() *Rebuild {
	r := &Rebuild{ix: ix, count: ix.Len(), wide: make([]float32, len(ix.fine)), coarse: make([]int8, len(ix.fine))}
	n := listsFor(r.count, ix.o.Flat)
	r.lists = newLists(n, len(ix.fine))
	if n == 1 {
		r.phase = filling
	} else if share := float64(n*samplePerList) / float64(r.count); share < 1 {
		r.want = uint64(share * math.MaxUint64)
	} else {
		r.want = math.MaxUint64
	}
	ix.rebuild = r
	return r
}

// hear notes that an item has changed.
func (r *Rebuild) hear(s catalogue.Slot) {
	if r != nil {
		r.changed = append(r.changed, s)
	}
}

// Step does a little of the work. It reports whether it waits for Train or, when trained says so, for Finish.
func (r *Rebuild) Step() (waits, trained bool) {
	n := 0
	r.ix.rows.all(r.next, func(s catalogue.Slot) bool {
		if n++; n > stepRows {
			return false
		}
		r.next = s + 1
		switch r.phase {
		case gathering:
			r.gather(s)
		case filling:
			if !r.lists.has(s) {
				r.fill(s)
			}
		}
		return true
	})
	if n > stepRows {
		return false, false
	}
	switch r.phase {
	case gathering:
		r.phase, r.next = training, 0
	case filling:
		r.phase = done
	}
	return true, r.phase == done
}

// mixed spreads ties, which are hashes that need not be even.
func mixed(tie uint64) uint64 {
	tie ^= tie >> 32
	tie *= 0x9e3779b97f4a7c15 // 2^64 / golden ratio, as in Fibonacci hashing (Knuth, TAOCP 3, 6.4)
	return tie ^ tie>>29
}

func (r *Rebuild) gather(s catalogue.Slot) {
	tie := mixed(r.ix.o.Tie(s))
	if tie > r.want {
		return
	}
	scale := r.ix.rows.narrow(s, r.wide, r.coarse)
	r.sample = append(r.sample, sampled{tie, slices.Clone(r.coarse), scale})
}

func (r *Rebuild) fill(s catalogue.Slot) {
	scale := r.ix.rows.narrow(s, r.wide, r.coarse)
	r.lists.insert(r.lists.nearest(r.coarse), s, r.coarse, scale)
}

// Train finds the centroids and how many lists a search needs. It takes seconds for a million items. Progress, which may be nil,
// hears from 0 to 1 how far it is.
func (r *Rebuild) Train(progress func(share float64)) {
	// Ordered by tie, the sample does not depend on which item came first.
	slices.SortFunc(r.sample, func(a, b sampled) int { return cmp.Compare(a.tie, b.tie) })
	n := len(r.lists.all)
	if len(r.sample) < n {
		// Nearly all items went away in the meantime.
		n = 1
		r.lists = newLists(1, r.lists.dims)
	}
	if n > 1 {
		m := newMeans(r.sample, n, r.lists.dims, rand.New(rand.NewPCG(r.ix.o.Seed, uint64(n))))
		for i := range rounds {
			m.round()
			if progress != nil {
				progress(float64(i+1) / float64(rounds+1))
			}
		}
		r.lists.centroids = m.centroids
		r.lists.steps = measure(r.sample, r.lists, r.count, r.ix.o.Recall)
	}
	r.sample, r.phase, r.next = nil, filling, 0
}

// Finish puts the new lists in place, with what has changed since the beginning.
func (ix *Index) Finish(r *Rebuild) {
	if ix.rebuild != r || r.phase != done {
		panic("BUG: vector: a rebuild is finished that was dropped or is not done")
	}
	for _, s := range r.changed {
		if r.lists.has(s) {
			r.lists.remove(s)
		}
		if ix.rows.has(s) {
			r.fill(s)
		}
	}
	ix.lists, ix.rebuild = r.lists, nil
}
