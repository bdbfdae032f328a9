package postings

import "encoding/binary"

// Cursor reads a list forwards, window by window. Make one with [NewCursor].
type Cursor struct {
	List
	// block is the block that is loaded; pos is the first of its postings that was not read.
	block, pos, n int
	// base is what the distances of the block count from; last is its last document, or one above all when nobody wrote it down.
	base, last    uint32
	docs, weights []byte
	width, max    uint8
	done          bool
}

// NewCursor returns a cursor before the first posting of the list.
func NewCursor(l List) Cursor {
	c := Cursor{List: l}
	if l.Count == 0 {
		c.done = true
		return c
	}
	c.load(0)
	return c
}

// load makes block b the current one.
func (c *Cursor) load(b int) {
	c.block, c.pos = b, 0
	if c.table == nil {
		c.n, c.width, c.max, c.base, c.docs, c.weights = c.Count, c.List.width, c.Max, 0, c.List.docs, c.List.weights
		c.last = distance(c.docs, c.width, c.n-1)
		return
	}
	entry := c.table[b*tableEntry : (b+1)*tableEntry]
	c.base = 0
	if b > 0 {
		c.base = c.lastOf(b-1) + 1
	}
	c.n = min(BlockSize, c.Count-b*BlockSize)
	c.last, c.max, c.width = binary.LittleEndian.Uint32(entry), entry[8], entry[9]
	at := int(binary.LittleEndian.Uint32(entry[4:]))
	docs := c.n * int(c.width)
	// A document of three bytes is read as four, so the slice ends later; the weights stand there.
	c.docs, c.weights = c.data[at:at+docs+Padding-1], c.data[at+docs:at+docs+c.n]
}

// lastOf returns the last document of block b of a list with a table.
func (c *Cursor) lastOf(b int) uint32 { return binary.LittleEndian.Uint32(c.table[b*tableEntry:]) }

// next loads the block behind the current one.
func (c *Cursor) next() {
	if c.block+1 >= c.blocks() {
		c.done = true
		return
	}
	c.load(c.block + 1)
}

// Next returns the next document that was not read, and false behind the last one.
func (c *Cursor) Next() (uint32, bool) {
	if c.done {
		return 0, false
	}
	if c.pos == c.n {
		if c.next(); c.done {
			return 0, false
		}
	}
	return c.base + distance(c.docs, c.width, c.pos), true
}

// Skip passes over the documents below doc.
func (c *Cursor) Skip(doc uint32) {
	if c.done {
		return
	}
	if c.last < doc {
		b := c.blockOf(doc)
		if b == c.blocks() {
			c.done = true
			return
		}
		c.load(b)
	}
	c.pos = c.search(doc)
}

// blockOf returns the first block, the current one or a later one, whose last document is not below doc. It gallops.
func (c *Cursor) blockOf(doc uint32) int {
	if doc <= c.last {
		return c.block
	}
	if c.table == nil {
		return 1
	}
	blocks := len(c.table) / tableEntry
	low, high, step := c.block+1, c.block+1, 1
	for high < blocks && c.lastOf(high) < doc {
		low = high + 1
		high += step
		step *= 2
	}
	high = min(high, blocks)
	for low < high {
		if mid := (low + high) / 2; c.lastOf(mid) < doc {
			low = mid + 1
		} else {
			high = mid
		}
	}
	return low
}

// search returns the place in the current block of the first posting, from pos on, that is not below doc.
func (c *Cursor) search(doc uint32) int {
	if doc <= c.base {
		return c.pos
	}
	return lower(c.docs, c.width, c.pos, c.n, doc-c.base)
}

// Weight returns the weight of a document that was not read yet, 0 when the list does not have it. The cursor stays.
func (c *Cursor) Weight(doc uint32) uint8 {
	if c.done || doc < c.base {
		return 0
	}
	if doc <= c.last {
		return find(c.docs, c.weights, c.width, doc-c.base, c.n)
	}
	b := c.blockOf(doc)
	if b == c.blocks() {
		return 0
	}
	base := c.lastOf(b-1) + 1
	if doc < base {
		return 0
	}
	entry := c.table[b*tableEntry : (b+1)*tableEntry]
	n, at := min(BlockSize, c.Count-b*BlockSize), int(binary.LittleEndian.Uint32(entry[4:]))
	docs := n * int(entry[9])
	return find(c.data[at:at+docs+Padding-1], c.data[at+docs:at+docs+n], entry[9], doc-base, n)
}

// find returns the weight at the distance d of one block, or 0.
func find(docs, weights []byte, width uint8, d uint32, n int) uint8 {
	if at := lower(docs, width, 0, n, d); at < n && distance(docs, width, at) == d {
		return weights[at]
	}
	return 0
}

// lower returns the first place from begin on and before end whose distance is not below d, or end. Which half a place is in nobody can
// foresee: so there is no branch on it.
func lower(docs []byte, width uint8, begin, end int, d uint32) int {
	n, at := uint(end-begin), uint(begin)
	if n == 0 {
		return end
	}
	if width == 2 {
		for n > 1 {
			half := n / 2
			at += half & below(uint32(binary.LittleEndian.Uint16(docs[2*(at+half)-2:])), d)
			n -= half
		}
	} else {
		for n > 1 {
			half := n / 2
			at += half & below(distance(docs, width, int(at+half-1)), d)
			n -= half
		}
	}
	return int(at + 1&below(distance(docs, width, int(at)), d))
}

// below is all ones when a is below b, else 0.
func below(a, b uint32) uint { return uint((int64(a) - int64(b)) >> 63) }

// Bound returns the greatest weight of what was not read below end, or more, and how many postings that is about; 0 and 0 when
// there are none.
func (c *Cursor) Bound(end uint32) (most uint8, postings int) {
	if c.done || end <= c.base {
		return 0, 0
	}
	if c.table == nil {
		return c.Max, c.n - c.pos
	}
	most, postings = c.max, c.n-c.pos
	last := c.last
	for b := c.block + 1; last+1 < end && b < len(c.table)/tableEntry; b++ {
		entry := c.table[b*tableEntry : (b+1)*tableEntry]
		most, postings, last = max(most, entry[8]), postings+BlockSize, binary.LittleEndian.Uint32(entry)
	}
	return most, postings
}
