package lexical

import (
	"slices"

	"github.com/haggle-commerce/haggle/services/recall/internal/catalogue"
	"github.com/haggle-commerce/haggle/services/recall/internal/postings"
)

// candidate is an item that may be among the best.
type candidate struct {
	// key is the score and below it the tie, upside down, as much of it as there is room for: the higher the better.
	key  uint64
	tie  uint64
	slot catalogue.Slot
}

// A key is the score, with the bit above it, then the leading byte of the tie and restBits of what follows.
const (
	restBits  = 28
	scoreFrom = restBits + 8
	rest      = 1<<restBits - 1
)

// keyOf returns the highest key that an item may have: score is that of a window, postings.One added for an item that is to stand before
// all without it, and tie the leading byte of its tie.
func keyOf(score uint32, tie byte) uint64 {
	return uint64(score)<<scoreFrom | uint64(^tie)<<restBits | rest
}

// score returns the score in a candidate's key.
func (c *candidate) score() uint32 { return uint32(c.key>>scoreFrom) & postings.SumMask }

// first reports whether the candidate is to stand before all without that.
func (c *candidate) first() bool { return c.key >= postings.One<<scoreFrom }

func better(a, b *candidate) bool {
	return a.key > b.key || (a.key == b.key && a.tie < b.tie)
}

// chosen keeps the best candidates: it gathers twice as many as are wanted, and then drops the worse half. Against a heap that costs a
// third per candidate, as hardly a comparison is one that nobody could foresee.
type chosen struct {
	entries []candidate
	limit   int
	tie     func(catalogue.Slot) uint64
	// least is the key below which nothing enters.
	least uint64
}

func (h *chosen) reset(limit int, tie func(catalogue.Slot) uint64) {
	h.entries, h.limit, h.tie, h.least = h.entries[:0], limit, tie, 0
	if limit == 0 {
		h.least = 1<<64 - 1
	}
}

// score returns the score below which nothing enters.
func (h *chosen) score() uint32 {
	if h.limit == 0 {
		return 0
	}
	return uint32(h.least >> scoreFrom)
}

// lookUp makes the highest keys of candidates their own.
func (h *chosen) lookUp(candidates []candidate) {
	for i := range candidates {
		c := &candidates[i]
		if h.tie == nil {
			c.tie = uint64(c.slot)
			c.key -= uint64(c.slot) & rest
			continue
		}
		c.tie = h.tie(c.slot)
		c.key -= c.tie >> (64 - scoreFrom) & rest
	}
}

// offer keeps a candidate whose own key is not below least.
func (h *chosen) offer(c *candidate) {
	h.entries = append(h.entries, *c)
	if len(h.entries) >= 2*h.limit {
		h.cut()
	}
}

// cut drops all but the best.
func (h *chosen) cut() {
	if len(h.entries) <= h.limit {
		return
	}
	divide(h.entries, h.limit)
	h.entries = h.entries[:h.limit]
	worst := &h.entries[0]
	for i := range h.entries {
		if better(worst, &h.entries[i]) {
			worst = &h.entries[i]
		}
	}
	h.least = worst.key
}

// divide brings the n best to the front, in no order (C. A. R. Hoare, "Algorithm 65: find", 1961).
func divide(entries []candidate, n int) {
	for low, high := 0, len(entries)-1; low < high; {
		// The middle one of three, so that entries in order are no worse than others.
		a, b, c := &entries[low], &entries[(low+high)/2], &entries[high]
		if better(b, a) {
			a, b = b, a
		}
		if better(c, b) {
			if b = c; better(c, a) {
				b = a
			}
		}
		pivot := *b
		i, j := low, high
		for i <= j {
			for better(&entries[i], &pivot) {
				i++
			}
			for better(&pivot, &entries[j]) {
				j--
			}
			if i <= j {
				entries[i], entries[j] = entries[j], entries[i]
				i++
				j--
			}
		}
		switch {
		case n-1 <= j:
			high = j
		case n-1 >= i:
			low = i
		default:
			return
		}
	}
}

// sorted returns the candidates, best first, in their memory.
func (h *chosen) sorted() []candidate {
	if h.limit == 0 {
		return nil
	}
	h.cut()
	slices.SortFunc(h.entries, func(a, b candidate) int {
		switch {
		case a.key > b.key:
			return -1
		case a.key < b.key:
			return 1
		case a.tie < b.tie:
			return -1
		case a.tie > b.tie:
			return 1
		}
		return 0
	})
	return h.entries
}
