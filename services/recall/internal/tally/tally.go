// Package tally adds up what several causes say for items, and remembers the strongest cause of each.
package tally

import (
	"github.com/haggle-commerce/haggle/services/recall/internal/catalogue"
	"github.com/haggle-commerce/haggle/services/recall/internal/top"
)

// Seed is an item from which others are found: one that the shopper touched, or one of the page.
type Seed struct {
	Slot catalogue.Slot
	// Weight is how much it counts, above 0.
	Weight float32
}

// Tally is a score for each of few items among many. One reader uses it at a time. The zero value is ready for [Tally.Reset].
type Tally struct {
	// Touched are the items that have a score, in no order.
	Touched []catalogue.Slot
	cells   []cell
}

type cell struct {
	score, strongest float32
	// because is the cause of strongest, counted from 1; 0 while the cell is empty.
	because uint8
}

// Reset forgets all scores and makes room for slots below size.
func (t *Tally) Reset(size int) {
	for _, s := range t.Touched {
		t.cells[s] = cell{}
	}
	t.Touched = t.Touched[:0]
	if len(t.cells) < size {
		t.cells = make([]cell, size+size/8)
	}
}

// Add adds x, above 0, to the score of item s. Because is the cause, counted from 1.
func (t *Tally) Add(s catalogue.Slot, x float32, because uint8) {
	c := &t.cells[s]
	if c.because == 0 {
		t.Touched = append(t.Touched, s)
	}
	c.score += x
	if x > c.strongest || c.because == 0 {
		c.strongest, c.because = x, because
	}
}

// Score returns the score of item s, 0 when it has none.
func (t *Tally) Score(s catalogue.Slot) float32 {
	if int(s) >= len(t.cells) {
		return 0
	}
	return t.cells[s].score
}

// Because returns the strongest cause of item s, counted from 1; 0 when it has no score.
func (t *Tally) Because(s catalogue.Slot) uint8 {
	if int(s) >= len(t.cells) {
		return 0
	}
	return t.cells[s].because
}

// Best returns the k items with the highest scores among allowed, best first. The entries are the heap's.
func (t *Tally) Best(h *top.Heap, k int, c *catalogue.Catalogue, allowed catalogue.Bits) []top.Entry {
	h.Reset(k)
	for _, s := range t.Touched {
		if allowed.Has(s) {
			h.Offer(top.Entry{Score: float64(t.cells[s].score), Tie: c.Tie(s), Slot: s})
		}
	}
	return h.Sorted()
}
