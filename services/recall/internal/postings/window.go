package postings

// Size is how many documents a window has: half as many cost 5 % more in steps between windows, twice as many 5 % in cache misses, with
// a million titles.
const Size = 16384

// The form of a score: how many of the words that count were found in the upper bits, and the sum of weights times factors below.
const (
	SumBits = 27
	// One is one word in the upper bits.
	One = 1 << SumBits
	// SumMask cuts out the sum.
	SumMask = One - 1
)

// Window adds up the scores of Size documents from Base on. What it adds are whole numbers, so the order does not matter.
// The zero value is an empty window.
type Window struct {
	Base   uint32
	scores [Size]uint32
	docs   [Size + 1]uint16
	n      int
}

// Len returns how many documents were found.
func (w *Window) Len() int { return w.n }

// At returns the i-th document that was found, in no order, and its score.
func (w *Window) At(i int) (doc, score uint32) {
	d := w.docs[i]
	return w.Base + uint32(d), w.scores[d&(Size-1)]
}

// Clear empties the window.
func (w *Window) Clear() {
	for _, d := range w.docs[:w.n] {
		w.scores[d&(Size-1)] = 0
	}
	w.n = 0
}

// Keep drops the documents whose score is below least.
func (w *Window) Keep(least uint32) {
	kept := 0
	for _, d := range w.docs[:w.n] {
		s := &w.scores[d&(Size-1)]
		// All ones or 0, without a branch that nobody could foresee.
		stays := uint32((int64(least) - 1 - int64(*s)) >> 63)
		*s &= stays
		w.docs[kept] = d
		kept += int(stays & 1)
	}
	w.n = kept
}

// add makes each document of the distances dist from off one that was found.
func (w *Window) add(dist uint32, weight uint8, factor, bit uint32) {
	d := dist & (Size - 1)
	s := w.scores[d]
	w.docs[w.n] = uint16(d)
	if s == 0 {
		w.n++
	}
	w.scores[d] = s + uint32(weight)*factor + bit
}

// Extend adds what c has below end to the window: each weight times factor, and bit. It returns how many postings that was.
func (c *Cursor) Extend(w *Window, end, factor, bit uint32) (read int) {
	for !c.done && c.base < end {
		stop := c.n
		if c.last >= end {
			stop = c.search(end)
		}
		c.extend(w, stop, factor, bit)
		read += stop - c.pos
		if c.pos = stop; stop < c.n {
			break
		}
		c.next()
	}
	return read
}

func (c *Cursor) extend(w *Window, stop int, factor, bit uint32) {
	off := c.base - w.Base
	weights := c.weights[c.pos:stop]
	switch c.width {
	case 1:
		docs := c.docs[c.pos:]
		docs = docs[:len(weights)]
		n := w.n
		for i, x := range weights {
			d := (off + uint32(docs[i])) & (Size - 1)
			s := w.scores[d]
			w.docs[n] = uint16(d)
			if s == 0 {
				n++
			}
			w.scores[d] = s + uint32(x)*factor + bit
		}
		w.n = n
	case 2:
		docs := c.docs[2*c.pos:]
		n := w.n
		for i, x := range weights {
			j := 2 * i
			if j+1 >= len(docs) {
				break
			}
			d := (off + (uint32(docs[j]) | uint32(docs[j+1])<<8)) & (Size - 1)
			s := w.scores[d]
			w.docs[n] = uint16(d)
			if s == 0 {
				n++
			}
			w.scores[d] = s + uint32(x)*factor + bit
		}
		w.n = n
	default:
		for i, x := range weights {
			w.add(off+distance(c.docs, c.width, c.pos+i), x, factor, bit)
		}
	}
}

// ExtendAbove does what Extend does with those postings alone whose weight is at least least; whole blocks below it are passed
// over unread.
func (c *Cursor) ExtendAbove(w *Window, end, factor, bit uint32, least uint8) (read int) {
	for !c.done && c.base < end {
		stop := c.n
		if c.last >= end {
			stop = c.search(end)
		}
		if c.max >= least {
			off := c.base - w.Base
			for i, x := range c.weights[c.pos:stop] {
				if x >= least {
					w.add(off+distance(c.docs, c.width, c.pos+i), x, factor, bit)
				}
			}
			read += stop - c.pos
		}
		if c.pos = stop; stop < c.n {
			break
		}
		c.next()
	}
	return read
}

// rare is how much dearer it is to look a document up than to read a posting in passing.
const rare = 16

// Update adds what c has below end to those documents of the window that were found before. It returns how many postings it
// read. Where few were found it looks those up instead of reading all.
func (c *Cursor) Update(w *Window, end, factor, bit uint32) (read int) {
	if w.n == 0 {
		return 0
	}
	if c.Skip(w.Base); c.done || c.base >= end {
		return 0
	}
	if _, postings := c.Bound(end); w.n*rare < postings {
		for _, d := range w.docs[:w.n] {
			if x := c.Weight(w.Base + uint32(d)); x > 0 {
				w.scores[d&(Size-1)] += uint32(x)*factor + bit
			}
		}
		return w.n
	}
	for !c.done && c.base < end {
		stop := c.n
		if c.last >= end {
			stop = c.search(end)
		}
		c.update(w, stop, factor, bit)
		read += stop - c.pos
		if c.pos = stop; stop < c.n {
			break
		}
		c.next()
	}
	return read
}

func (c *Cursor) update(w *Window, stop int, factor, bit uint32) {
	off := c.base - w.Base
	weights := c.weights[c.pos:stop]
	switch c.width {
	case 1:
		docs := c.docs[c.pos:]
		docs = docs[:len(weights)]
		for i, x := range weights {
			s := &w.scores[(off+uint32(docs[i]))&(Size-1)]
			*s += (uint32(x)*factor + bit) & found(*s)
		}
	case 2:
		docs := c.docs[2*c.pos:]
		for i, x := range weights {
			j := 2 * i
			if j+1 >= len(docs) {
				break
			}
			s := &w.scores[(off+(uint32(docs[j])|uint32(docs[j+1])<<8))&(Size-1)]
			*s += (uint32(x)*factor + bit) & found(*s)
		}
	default:
		for i, x := range weights {
			s := &w.scores[(off+distance(c.docs, c.width, c.pos+i))&(Size-1)]
			*s += (uint32(x)*factor + bit) & found(*s)
		}
	}
}

// found is all ones for a score that is not 0, and 0 for 0, without a branch that nobody could foresee.
func found(score uint32) uint32 { return uint32(-int64(score) >> 63) }

// Merge does what Extend does, save that the score of a document becomes the greatest of what it was and the weight times factor.
// One window that is merged into gathers the forms of a word.
func (c *Cursor) Merge(w *Window, end, factor uint32) (read int) {
	for !c.done && c.base < end {
		stop := c.n
		if c.last >= end {
			stop = c.search(end)
		}
		off := c.base - w.Base
		for i, x := range c.weights[c.pos:stop] {
			d := (off + distance(c.docs, c.width, c.pos+i)) & (Size - 1)
			s := w.scores[d]
			w.docs[w.n] = uint16(d)
			if s == 0 {
				w.n++
			}
			w.scores[d] = max(s, uint32(x)*factor)
		}
		read += stop - c.pos
		if c.pos = stop; stop < c.n {
			break
		}
		c.next()
	}
	return read
}

// Take adds the scores of other, and bit to each, and empties it. With only, it adds to documents alone that were found before.
func (w *Window) Take(other *Window, bit uint32, only bool) {
	for _, d := range other.docs[:other.n] {
		s := w.scores[d&(Size-1)]
		if s == 0 {
			if only {
				continue
			}
			w.docs[w.n] = d
			w.n++
		}
		w.scores[d&(Size-1)] = s + other.scores[d&(Size-1)] + bit
	}
	other.Clear()
}
