// Package top keeps the best of many scored items.
package top

import (
	"slices"

	"github.com/haggle-commerce/haggle/services/recall/internal/catalogue"
)

// Entry is an item with its score. Of two entries the one with the higher score is better, of equal ones the one with the
// lower Tie, so that the order never depends on who came first.
type Entry struct {
	Score float64
	Tie   uint64
	Slot  catalogue.Slot
}

func better(a, b *Entry) bool {
	return a.Score > b.Score || (a.Score == b.Score && a.Tie < b.Tie)
}

// Heap keeps the k best entries that it was offered. Begin with [Heap.Reset].
type Heap struct {
	entries []Entry // a heap, the worst on top
	k       int
}

// Reset empties the heap and sets how many entries it keeps.
func (h *Heap) Reset(k int) { h.entries, h.k = h.entries[:0], k }

// Offer keeps e if it is among the k best so far.
func (h *Heap) Offer(e Entry) {
	if len(h.entries) == h.k {
		if h.k == 0 || !better(&e, &h.entries[0]) {
			return
		}
		h.entries[0] = e
		h.sink(0)
		return
	}
	h.entries = append(h.entries, e)
	i := len(h.entries) - 1
	for i > 0 {
		parent := (i - 1) / 2
		if !better(&h.entries[parent], &h.entries[i]) {
			return
		}
		h.entries[parent], h.entries[i] = h.entries[i], h.entries[parent]
		i = parent
	}
}

func (h *Heap) sink(i int) {
	for {
		worst := 2*i + 1
		if worst >= len(h.entries) {
			return
		}
		if right := worst + 1; right < len(h.entries) && better(&h.entries[worst], &h.entries[right]) {
			worst = right
		}
		if !better(&h.entries[i], &h.entries[worst]) {
			return
		}
		h.entries[i], h.entries[worst] = h.entries[worst], h.entries[i]
		i = worst
	}
}

// Sorted returns the kept entries, best first. They are the heap's until the next Reset; nothing may be offered before that.
func (h *Heap) Sorted() []Entry {
	slices.SortFunc(h.entries, Compare)
	return h.entries
}

// Kept returns the kept entries in no order. They are the heap's until the next Reset.
func (h *Heap) Kept() []Entry { return h.entries }

// Compare orders the better entry first.
func Compare(a, b Entry) int {
	switch {
	case a.Score > b.Score:
		return -1
	case a.Score < b.Score:
		return 1
	case a.Tie < b.Tie:
		return -1
	case a.Tie > b.Tie:
		return 1
	}
	return 0
}
