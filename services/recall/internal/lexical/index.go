package lexical

import (
	"math"
	"sync"

	"github.com/blevesearch/vellum/levenshtein"

	"github.com/haggle-commerce/haggle/services/recall/internal/catalogue"
)

// Index is an inverted index that is changed item by item while it serves. Make one with [New] or [Load].
//
// It is a head, which takes what is put, and segments, which never change; what was replaced or deleted stays where it is and is
// marked dead. A full head is sealed, and [Index.Work] hands out the work of making segments of sealed heads and larger segments of
// smaller ones. Which part holds an item shows in no answer: weights depend on the item alone, the number of items that hold a word is
// counted without the dead, scores are sums of whole numbers, and ties are broken by the caller.
//
// Writers (Put, Delete, Work, Install, Compact) need the index to themselves; all else may be called at once by any number of
// readers, each with a [Scratch] of its own.
type Index struct {
	params Params
	// parts are all but the growing head, which is head.
	parts []*part
	head  *part
	count int
	size  int
	// smallest is minHead, less in tests.
	smallest int
	// spellers build automata for one and two edits; making one takes milliseconds.
	spellers [maxEdits]func() (*levenshtein.LevenshteinAutomatonBuilder, error)
}

// New returns an empty index.
func New(p Params) *Index {
	x := &Index{params: p, head: newHeadPart(), smallest: minHead}
	for i := range x.spellers {
		x.spellers[i] = sync.OnceValues(func() (*levenshtein.LevenshteinAutomatonBuilder, error) {
			return levenshtein.NewLevenshteinAutomatonBuilder(uint8(i+1), true)
		})
	}
	return x
}

// Count returns how many items are in the index.
func (x *Index) Count() int { return x.count }

// Terms returns how many words the dictionaries of all parts have together; one that stands in several counts in each, and one that
// only dead items hold until its part is made anew.
func (x *Index) Terms() int {
	n := len(x.head.head.terms)
	for _, p := range x.parts {
		if p.head != nil {
			n += len(p.head.terms)
		} else {
			n += p.segment.Terms()
		}
	}
	return n
}

// Parts returns how many heads and segments there are. A search goes through each.
func (x *Index) Parts() int {
	n := 0
	for range x.all {
		n++
	}
	return n
}

// Size returns a number above every slot that was ever put.
func (x *Index) Size() int { return x.size }

// Put makes d the text of item s. It reports whether that changed anything.
func (x *Index) Put(s catalogue.Slot, d *Document) bool {
	if p, doc := x.find(s); p != nil {
		if p.print(doc) == d.fingerprint {
			return false
		}
		x.kill(p, doc)
	}
	x.head.head.put(s, d, &x.params)
	x.head.alive++
	x.count++
	x.size = max(x.size, int(s)+1)
	if x.head.head.full(x.count, x.smallest) {
		x.seal()
	}
	return true
}

// Holds reports whether d is the text of item s.
func (x *Index) Holds(s catalogue.Slot, d *Document) bool {
	p, doc := x.find(s)
	return p != nil && p.print(doc) == d.fingerprint
}

// Delete takes item s out. It reports whether it was in.
func (x *Index) Delete(s catalogue.Slot) bool {
	p, doc := x.find(s)
	if p == nil {
		return false
	}
	x.kill(p, doc)
	return true
}

// find returns where the living text of item s stands, or nil.
func (x *Index) find(s catalogue.Slot) (*part, uint32) {
	if int(s) >= x.size {
		return nil, 0
	}
	if doc, ok := x.head.find(s); ok {
		return x.head, doc
	}
	for _, p := range x.parts {
		if doc, ok := p.find(s); ok {
			return p, doc
		}
	}
	return nil, 0
}

func (x *Index) kill(p *part, doc uint32) {
	p.kill(doc)
	x.count--
	if p.alive > 0 || p.busy {
		return
	}
	if p == x.head {
		x.head = newHeadPart()
		return
	}
	x.drop(p)
}

// drop takes a part out of the index.
func (x *Index) drop(p *part) {
	for i := range x.parts {
		if x.parts[i] == p {
			x.parts = append(x.parts[:i], x.parts[i+1:]...)
			return
		}
	}
}

// seal ends the growth of the head and begins another.
func (x *Index) seal() {
	if x.head.alive > 0 {
		x.parts = append(x.parts, x.head)
	}
	x.head = newHeadPart()
}

// all yields every part that holds anything.
func (x *Index) all(yield func(*part) bool) {
	for _, p := range x.parts {
		if !yield(p) {
			return
		}
	}
	if x.head.alive > 0 {
		yield(x.head)
	}
}

// idf is how much a word of df items says among n: ln(1 + (n - df + 0.5) / (df + 0.5)).
func idf(n, df int) float64 {
	return math.Log1p((float64(n-df) + 0.5) / (float64(df) + 0.5))
}
