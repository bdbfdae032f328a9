package lexical

import (
	"slices"

	"github.com/haggle-commerce/haggle/services/recall/internal/catalogue"
)

// candidate is an item that may be among the best.
type candidate struct {
	score uint32
	slot  catalogue.Slot
	tie   uint64
}

// heap keeps the best candidates, the worst of them on top. It asks for ties only where scores are equal.
type heap struct {
	entries []candidate
	limit   int
	tie     func(catalogue.Slot) uint64
}

func (h *heap) reset(limit int, tie func(catalogue.Slot) uint64) {
	h.entries, h.limit, h.tie = h.entries[:0], limit, tie
}

// least returns the score below which nothing enters.
func (h *heap) least() uint32 {
	if len(h.entries) < h.limit || h.limit == 0 {
		return 0
	}
	return h.entries[0].score
}

func better(a, b *candidate) bool {
	return a.score > b.score || (a.score == b.score && a.tie < b.tie)
}

func (h *heap) offer(c candidate) {
	full := len(h.entries) == h.limit
	if full && (h.limit == 0 || c.score < h.entries[0].score) {
		return
	}
	if c.tie = uint64(c.slot); h.tie != nil {
		c.tie = h.tie(c.slot)
	}
	if full {
		if better(&c, &h.entries[0]) {
			h.entries[0] = c
			h.sink()
		}
		return
	}
	h.entries = append(h.entries, c)
	for i := len(h.entries) - 1; i > 0; {
		parent := (i - 1) / 2
		if !better(&h.entries[parent], &h.entries[i]) {
			return
		}
		h.entries[parent], h.entries[i] = h.entries[i], h.entries[parent]
		i = parent
	}
}

func (h *heap) sink() {
	for i := 0; ; {
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

// sorted returns the candidates, best first, in the heap's memory.
func (h *heap) sorted() []candidate {
	slices.SortFunc(h.entries, func(a, b candidate) int {
		switch {
		case better(&a, &b):
			return -1
		case better(&b, &a):
			return 1
		}
		return 0
	})
	return h.entries
}
