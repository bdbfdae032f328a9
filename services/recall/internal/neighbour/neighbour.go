// Package neighbour offers items that go together with given ones, by lists that were learnt from the event log.
package neighbour

import (
	"github.com/haggle-commerce/haggle/libs/shop"
	"github.com/haggle-commerce/haggle/services/recall/internal/catalogue"
	"github.com/haggle-commerce/haggle/services/recall/internal/tally"
)

// Source is a learnt set of lists: item i of IDs goes together with Items[Offsets[i]:Offsets[i+1]], by Weights, best first.
// Items are indices of IDs.
type Source struct {
	IDs     []shop.ItemID
	Offsets []uint32
	Items   []uint32
	Weights []float32
}

// Lists are the lists of a [Source] by slot.
type Lists struct {
	source Source
	// slots are the slots of source.IDs; rows are the indices of source.IDs by slot, counted from 1, 0 for none.
	slots []catalogue.Slot
	rows  []uint32
}

// New numbers the lists by the slots of c, giving slots to items that c has not heard of. The source must not change later; its
// offsets rise from 0 to len(Items), and its items are below len(IDs).
func New(c *catalogue.Catalogue, source Source) *Lists {
	l := &Lists{source: source, slots: make([]catalogue.Slot, len(source.IDs))}
	for i, id := range source.IDs {
		s := c.Intern(id)
		l.slots[i] = s
		for int(s) >= len(l.rows) {
			l.rows = append(l.rows, 0)
		}
		l.rows[s] = uint32(i + 1)
	}
	return l
}

// of returns what goes together with item s, as indices of the source, best first.
func (l *Lists) of(s catalogue.Slot) (items []uint32, weights []float32) {
	if int(s) >= len(l.rows) || l.rows[s] == 0 {
		return nil, nil
	}
	from, to := l.source.Offsets[l.rows[s]-1], l.source.Offsets[l.rows[s]]
	return l.source.Items[from:to], l.source.Weights[from:to]
}

// Known reports whether item s has a list.
func (l *Lists) Known(s catalogue.Slot) bool {
	items, _ := l.of(s)
	return len(items) > 0
}

// Together adds to t, for each item that goes together with seeds, the sum of list weight times seed weight. The cause of a
// score is the position among the seeds, from 1; there are at most 255.
func (l *Lists) Together(t *tally.Tally, seeds []tally.Seed) {
	for i, seed := range seeds {
		items, weights := l.of(seed.Slot)
		for j, item := range items {
			if x := weights[j] * seed.Weight; x > 0 {
				t.Add(l.slots[item], x, uint8(i+1))
			}
		}
	}
}
