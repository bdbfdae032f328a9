package lexical

import (
	"cmp"
	"math/bits"
	"slices"

	"github.com/haggle-commerce/haggle/services/recall/internal/catalogue"
	"github.com/haggle-commerce/haggle/services/recall/internal/postings"
)

// candidate is an item that may be among the best.
type candidate struct {
	// key is the score and below it the tie, upside down, as much of it as there is room for: the higher the better. Of a candidate that
	// is not settled all bits of the tie but the leading byte are as high as they can be.
	key uint64
	// at is the document in the part that was searched when it was found, or the slot.
	at uint32
	// part is the number of that part, or what at is besides.
	part int32
}

// What at is when it is no document: the slot of a candidate that is not settled, and of one that is.
const (
	bySlot  = -1
	settled = -2
)

// A key is the score, with the bit above it, then the leading byte of the tie and restBits of what follows.
const (
	restBits  = 28
	scoreFrom = restBits + 8
	rest      = 1<<restBits - 1
)

// indexBits is how many of the lowest bits of a key give way to an index while keys are sorted.
const indexBits = 14

// keyOf returns the highest key that an item may have: score is that of a window, postings.One added for an item that is to stand before
// all without it, and tie the leading byte of its tie.
func keyOf(score uint32, tie byte) uint64 {
	return uint64(score)<<scoreFrom | uint64(^tie)<<restBits | rest
}

// score returns the score in a candidate's key.
func (c *candidate) score() uint32 { return uint32(c.key>>scoreFrom) & postings.SumMask }

// first reports whether the candidate is to stand before all without that.
func (c *candidate) first() bool { return c.key >= postings.One<<scoreFrom }

// slot returns the item of a candidate that is settled.
func (c *candidate) slot() catalogue.Slot { return catalogue.Slot(c.at) }

// chosen keeps the best candidates: it gathers twice as many as are wanted, and then drops the worse half. Against a heap that costs a
// third per candidate, as hardly a comparison is one that nobody could foresee. Slots and ties lie far apart in memory: they are looked
// up for those alone that stay, and for those on the border whose score and leading byte of the tie do not tell them apart.
type chosen struct {
	entries []candidate
	limit   int
	tie     func(catalogue.Slot) uint64
	// parts are those that candidates were found in, the last one now.
	parts []*part
	// least is the key below which nothing enters.
	least uint64
	order []uint64
}

func (h *chosen) reset(limit int, tie func(catalogue.Slot) uint64) {
	h.entries, h.parts, h.limit, h.tie, h.least = h.entries[:0], h.parts[:0], limit, tie, 0
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

// search says that the candidates which follow are documents of a part.
func (h *chosen) search(p *part) { h.parts = append(h.parts, p) }

// offer keeps a document of the last part, or the item of a slot, whose key is not below least.
func (h *chosen) offer(key uint64, doc uint32) {
	h.push(candidate{key: key, at: doc, part: int32(len(h.parts) - 1)})
}

func (h *chosen) offerSlot(key uint64, s catalogue.Slot) {
	h.push(candidate{key: key, at: uint32(s), part: bySlot})
}

func (h *chosen) push(c candidate) {
	h.entries = append(h.entries, c)
	if len(h.entries) >= 2*h.limit {
		h.cut()
	}
}

// settle makes the highest keys of candidates their own.
func (h *chosen) settle(candidates []candidate) {
	for i := range candidates {
		c := &candidates[i]
		if c.part == settled {
			continue
		}
		if c.part != bySlot {
			c.at = uint32(h.parts[c.part].slot(c.at))
		}
		c.part = settled
	}
	for i := range candidates {
		c := &candidates[i]
		if h.tie == nil {
			c.key = c.key | rest - uint64(c.at)&rest
		} else {
			c.key = c.key | rest - h.tie(c.slot())>>(64-scoreFrom)&rest
		}
	}
}

// whole returns the order of an item among those with its key.
func (h *chosen) whole(c *candidate) uint64 {
	if h.tie == nil {
		return uint64(c.at)
	}
	return h.tie(c.slot())
}

// cut drops all but the best.
func (h *chosen) cut() {
	if len(h.entries) <= h.limit {
		return
	}
	divide(h.entries, h.limit)
	worst := h.entries[0].key
	for i := range h.entries[:h.limit] {
		worst = min(worst, h.entries[i].key)
	}
	// Those that are better for certain come first, and behind them those on the border: of the same score and leading byte of the tie.
	sure, border := 0, 0
	for i := range h.entries {
		switch c := h.entries[i]; {
		case c.key>>restBits > worst>>restBits:
			h.entries[i] = h.entries[border]
			h.entries[border] = h.entries[sure]
			h.entries[sure] = c
			sure++
			border++
		case c.key>>restBits == worst>>restBits:
			h.entries[i] = h.entries[border]
			h.entries[border] = c
			border++
		}
	}
	h.settle(h.entries[sure:border])
	slices.SortFunc(h.entries[sure:border], h.compare)
	h.entries = h.entries[:h.limit]
	h.least = h.entries[h.limit-1].key
}

// compare is below 0 when a is better than b; both are settled.
func (h *chosen) compare(a, b candidate) int {
	if a.key != b.key {
		return cmp.Compare(b.key, a.key)
	}
	return cmp.Compare(h.whole(&a), h.whole(&b))
}

// divide brings the n highest keys to the front, in no order (C. A. R. Hoare, "Algorithm 65: find", 1961; without a branch on what nobody
// can foresee, as in S. Edelkamp, A. Weiss, "BlockQuicksort", 2016).
func divide(entries []candidate, n int) {
	for len(entries) > n {
		// The middle one of three, so that entries in order are no worse than others.
		a, b, c := entries[0].key, entries[len(entries)/2].key, entries[len(entries)-1].key
		pivot := max(min(a, b), min(max(a, b), c))
		above := partition(entries, pivot)
		if above >= n {
			entries = entries[:above]
			continue
		}
		entries, n = entries[above:], n-above
		if same := partition(entries, pivot-1); same < n {
			entries, n = entries[same:], n-same
			continue
		}
		return
	}
}

// partition brings the entries whose key is above pivot to the front, and returns how many they are. No key is 0.
func partition(entries []candidate, pivot uint64) (above int) {
	for i := range entries {
		e := entries[i]
		entries[i] = entries[above]
		entries[above] = e
		_, borrow := bits.Sub64(pivot, e.key, 0)
		above += int(borrow)
	}
	return above
}

// sorted returns the candidates, best first, settled.
func (h *chosen) sorted() []candidate {
	if h.limit == 0 {
		return nil
	}
	h.cut()
	h.settle(h.entries)
	const index = 1<<indexBits - 1
	if len(h.entries) > index {
		slices.SortFunc(h.entries, h.compare)
		return h.entries
	}
	// Most keys differ above the bits that an index takes, and whole numbers are sorted at twice the speed.
	h.order = h.order[:0]
	for i := range h.entries {
		h.order = append(h.order, ^h.entries[i].key&^index|uint64(i))
	}
	slices.Sort(h.order)
	h.entries = slices.Grow(h.entries, len(h.order))
	out := h.entries[len(h.order) : 2*len(h.order)]
	for i, o := range h.order {
		out[i] = h.entries[o&index]
		for j := i; j > 0 && h.order[j]&^index == h.order[j-1]&^index && h.compare(out[j], out[j-1]) < 0; j-- {
			out[j], out[j-1] = out[j-1], out[j]
		}
	}
	h.entries = h.entries[:copy(h.entries, out)]
	return h.entries
}
