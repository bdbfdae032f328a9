// Package vector finds the items whose vectors point in nearly the same direction as a given one.
//
// Every vector is brought to length 1 and kept twice: as int8, which is scanned, and as int16, which scores what the scan found
// and what a selective filter leaves. Scores are cosines. All of it is arithmetic on whole numbers, so processors of every kind
// give the same scores.
//
// Few items are one list that is scanned as a whole. Many are spread over lists by their nearest centroid (an inverted file:
// Jegou, Douze, Schmid, PAMI 2011), and a search scans the lists that are nearest to the query, as many as the index has measured
// on its own items to be needed for the recall that was asked for. Lists are made anew by a [Rebuild], which works beside searches
// and changes.
//
// What replicas agree on: as long as the index is one list, two that hold the same vectors answer the same, whatever they saw
// before. With several lists they answer the same when their last rebuild began with the same items and ended with none changed
// in between, or when one was read from the other's bytes; else they agree as far as the recall goes.
package vector

import (
	"errors"
	"fmt"
	"math"

	"github.com/haggle-commerce/haggle/libs/kernel"
	"github.com/haggle-commerce/haggle/services/recall/internal/catalogue"
)

// MaxDims is how many numbers a vector may have.
const MaxDims = 1024

// Options say how an index searches.
type Options struct {
	// Seed makes what is drawn in training.
	Seed uint64
	// Flat is up to how many items all are scanned.
	Flat int
	// Recall is the share of the nearest items that a search through several lists is to find, measured in training.
	Recall float64
	// Tie orders items with equal scores and draws samples: a hash of the item's id, the same on every replica.
	Tie func(catalogue.Slot) uint64
}

// Defaults returns the options for a shop. Up to 200,000 items of 64 numbers a scan of all takes about 0.4 ms by the bandwidth
// of memory (reckoned, not measured), which needs no training; the aim leaves room for queries that lie further from the items than items do from one another.
func Defaults(tie func(catalogue.Slot) uint64) Options {
	return Options{Seed: 1, Flat: 200_000, Recall: 0.99, Tie: tie}
}

// Errors of [Index.Put].
var (
	ErrDims = errors.New("the vector has another length than the first one had")
	ErrZero = errors.New("the vector is zero or not finite")
)

// Index is the vectors of items. Make one with [New]. Nothing here locks: the owner lets one writer in alone, or any number of
// readers.
type Index struct {
	o Options
	// dims is how long the vectors are; 0 until there is one.
	dims  int
	rows  rows
	lists *lists
	// rebuild is the one in progress, which hears of changes.
	rebuild *Rebuild

	fine   []int16
	wide   []float32
	coarse []int8
}

// New returns an empty index.
func New(o Options) *Index { return &Index{o: o} }

// Len returns how many items have a vector.
func (ix *Index) Len() int { return ix.rows.count }

// Dims returns how long the vectors are; 0 while there is none.
func (ix *Index) Dims() int { return ix.dims }

// Lists returns how many lists there are: 1 when all items are scanned.
func (ix *Index) Lists() int {
	if ix.lists == nil {
		return 0
	}
	return len(ix.lists.all)
}

// Has reports whether an item has a vector.
func (ix *Index) Has(s catalogue.Slot) bool { return ix.rows.has(s) }

// setDims is called for the first vector.
func (ix *Index) setDims(dims int) {
	ix.dims = dims
	padded := kernel.Padded(dims)
	ix.rows.dims = padded
	ix.lists = newLists(1, padded)
	ix.fine, ix.wide, ix.coarse = make([]int16, padded), make([]float32, padded), make([]int8, padded)
}

// Put gives an item the vector x, in place of the one it had. The errors are [ErrDims] and [ErrZero]; then nothing has changed.
func (ix *Index) Put(s catalogue.Slot, x []float32) error {
	if ix.dims == 0 {
		if len(x) == 0 || len(x) > MaxDims {
			return fmt.Errorf("%w: %d numbers, at most %d", ErrDims, len(x), MaxDims)
		}
		if _, ok := quantize16(make([]int16, len(x)), x); !ok {
			return ErrZero
		}
		ix.setDims(len(x))
	}
	if len(x) != ix.dims {
		return fmt.Errorf("%w: %d, not %d", ErrDims, len(x), ix.dims)
	}
	scale, ok := quantize16(ix.fine[:ix.dims], x)
	if !ok {
		return ErrZero
	}
	if ix.rows.has(s) {
		ix.lists.remove(s)
	}
	ix.rows.put(s, ix.fine, scale)
	ix.insert(ix.lists, s)
	ix.rebuild.hear(s)
	return nil
}

// Delete takes an item's vector away.
func (ix *Index) Delete(s catalogue.Slot) {
	if !ix.rows.has(s) {
		return
	}
	ix.lists.remove(s)
	ix.rows.delete(s)
	ix.rebuild.hear(s)
}

// insert puts the row of item s into the list of its nearest centroid.
func (ix *Index) insert(l *lists, s catalogue.Slot) {
	scale := ix.rows.narrow(s, ix.wide, ix.coarse)
	l.insert(l.nearest(ix.coarse), s, ix.coarse, scale)
}

// Vector writes the vector of an item, of length 1, to dst, of length [Index.Dims], and reports whether it has one.
func (ix *Index) Vector(s catalogue.Slot, dst []float32) bool {
	if !ix.rows.has(s) {
		return false
	}
	codes, scale := ix.rows.get(s)
	for i := range dst {
		dst[i] = float32(codes[i]) * scale
	}
	return true
}

// Bytes returns how much memory the index holds.
func (ix *Index) Bytes() int {
	if ix.lists == nil {
		return 0
	}
	return ix.rows.bytes() + ix.lists.bytes()
}

// largest16 is the largest number that a vector is quantised to: two products of such numbers fit into 32 bits.
const largest16 = 32767

// quantize16 writes x as whole numbers and returns the scale that makes a vector of length 1 of them. It refuses zeros and what
// is not finite. The sum is taken in order, in 64 bits, so it is the same everywhere.
func quantize16(dst []int16, x []float32) (scale float32, ok bool) {
	top, sum := 0.0, 0.0
	for _, v := range x {
		top = max(top, math.Abs(float64(v)))
		sum += float64(float64(v) * float64(v))
	}
	if !(sum > 0) || math.IsInf(sum, 0) || math.IsInf(top, 0) {
		return 0, false
	}
	factor := largest16 / top
	for i, v := range x {
		dst[i] = int16(math.RoundToEven(float64(v) * factor))
	}
	return float32(top / largest16 / math.Sqrt(sum)), true
}
