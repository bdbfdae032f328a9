// Package desk scores the candidates of one query in memory that is used again for the next.
package desk

import (
	"slices"

	"github.com/haggle-commerce/haggle/libs/feature"
	"github.com/haggle-commerce/haggle/libs/shop"
	"github.com/haggle-commerce/haggle/libs/wire"
	"github.com/haggle-commerce/haggle/services/ranking/internal/variant"
)

// Desk is the memory that one query needs. It belongs to one goroutine at a time. The zero value is ready.
//
// Use: [Desk.Take]; fill Rows and Shopper; [Desk.Features]; [Desk.Rank]; or, where that is not possible, [Desk.KeepOrder].
type Desk struct {
	// IDs are the candidates; Rows[i] is the row of IDs[i].
	IDs  []shop.ItemID
	Rows []feature.ItemRow
	// Shopper is the row of whoever asks.
	Shopper feature.ShopperRow
	// Scores are what Rank or KeepOrder found, in the order of IDs.
	Scores []float32

	asker    feature.Asker
	facts    []*feature.Facts
	vectors  []float32
	gathered []float32
	context  []shop.ItemID
}

// mostKept bounds the candidates that a desk keeps memory for: a query of 10,000 would otherwise pin 5 MB for good.
const mostKept = 1024

// Take reads the candidates of a query, whose columns were checked. The rows are not cleared: whoever fetches fills them.
func (d *Desk) Take(candidates *wire.Columns) {
	n := candidates.Len()
	d.IDs = candidates.AppendIDs(d.IDs[:0])
	d.Rows = slices.Grow(d.Rows[:0], n)[:n]
	d.Scores = slices.Grow(d.Scores[:0], n)[:n]
}

// Features makes the vectors of the candidates for a question. The catalogue is the extractor's own.
func (d *Desk) Features(x *feature.Extractor, c *feature.Catalogue, q feature.Question, context []string) {
	d.context = d.context[:0]
	for _, id := range context {
		d.context = append(d.context, shop.ItemID(id))
	}
	q.Context = d.context
	x.Ask(&d.asker, q)
	d.facts = c.Lookup(d.facts[:0], d.IDs)
	d.vectors = x.Rows(d.vectors[:0], &d.asker, d.facts, d.Rows)
}

// Rank scores the vectors with a model; it reports whether every score is a number.
func (d *Desk) Rank(v *variant.Variant) bool { return v.Score(d.Scores, d.vectors, &d.gathered) }

// KeepOrder takes recall's own scores, or, where it sent none that keeps its order, falling ones by place.
func (d *Desk) KeepOrder(candidates *wire.Columns) {
	d.Scores = d.Scores[:len(d.IDs)]
	if found := candidates.Column(wire.ColumnScore, d.Scores); found != nil {
		finite := true
		for _, score := range found {
			finite = finite && score-score == 0
		}
		if finite {
			return
		}
	}
	for i := range d.Scores {
		d.Scores[i] = -float32(i)
	}
}

// Clear lets go of what the query brought, and of memory beyond what is usual.
func (d *Desk) Clear() {
	if len(d.IDs) > mostKept {
		*d = Desk{}
		return
	}
	clear(d.IDs)
	clear(d.facts)
	clear(d.context)
}
