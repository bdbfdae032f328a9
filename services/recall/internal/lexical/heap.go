package lexical

import (
	"cmp"
	"slices"

	"github.com/haggle-commerce/haggle/services/recall/internal/catalogue"
	"github.com/haggle-commerce/haggle/services/recall/internal/postings"
)

// candidate is an item that may be among the best.
type candidate struct {
	// key is the score and below it the leading byte of the tie, upside down: the higher the better.
	key  uint64
	tie  uint64
	slot catalogue.Slot
}

// tieBits is how much of a tie is in a key.
const tieBits = 8

// keyOf makes a key of a score, postings.One added for an item that is to stand before all without it, and the leading byte of its tie.
func keyOf(score uint32, tie byte) uint64 { return uint64(score)<<tieBits | uint64(^tie) }

// score returns the score in a candidate's key.
func (c *candidate) score() uint32 { return uint32(c.key>>tieBits) & postings.SumMask }

// first reports whether the candidate is to stand before all without that.
func (c *candidate) first() bool { return c.key >= postings.One<<tieBits }

// heap keeps the best candidates, the worst of them on top. It asks for whole ties only where keys are equal.
type heap struct {
	entries []candidate
	limit   int
	tie     func(catalogue.Slot) uint64
}

func (h *heap) reset(limit int, tie func(catalogue.Slot) uint64) {
	h.entries, h.limit, h.tie = h.entries[:0], limit, tie
}

// least returns the key below which nothing enters.
func (h *heap) least() uint64 {
	switch {
	case h.limit == 0:
		return 1 << 63
	case len(h.entries) < h.limit:
		return 0
	}
	return h.entries[0].key
}

func better(a, b *candidate) bool {
	return a.key > b.key || (a.key == b.key && a.tie < b.tie)
}

// lookUp sets the ties of candidates.
func (h *heap) lookUp(candidates []candidate) {
	for i := range candidates {
		c := &candidates[i]
		if c.tie = uint64(c.slot); h.tie != nil {
			c.tie = h.tie(c.slot)
		}
	}
}

// offer keeps a candidate whose key is not below least, and whose tie is known, if it is among the best so far. It returns the new least.
func (h *heap) offer(c *candidate) uint64 {
	if len(h.entries) == h.limit {
		if better(c, &h.entries[0]) {
			h.entries[0] = *c
			h.sink()
		}
		return h.least()
	}
	h.entries = append(h.entries, *c)
	for i := len(h.entries) - 1; i > 0; {
		parent := (i - 1) / 2
		if !better(&h.entries[parent], &h.entries[i]) {
			break
		}
		h.entries[parent], h.entries[i] = h.entries[i], h.entries[parent]
		i = parent
	}
	return h.least()
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
		return cmp.Or(cmp.Compare(b.key, a.key), cmp.Compare(a.tie, b.tie))
	})
	return h.entries
}
