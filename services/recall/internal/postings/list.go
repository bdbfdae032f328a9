// Package postings holds the lists of an inverted index, compact, and adds them up window by window.
//
// A list says which documents hold a word, in rising order of their numbers, with a weight of one byte each. It is cut into
// blocks of 128. A block keeps the distance of each document from the end of the block before it in 1, 2, 3 or 4 bytes, whatever
// the widest needs, so that a document is found inside a block by a binary search over the very bytes of the file and nothing is
// decoded beforehand: against deltas packed by bits it takes half as much room again and a third of the time. In front of the
// blocks stands a table with the last document and the greatest weight of each, by which whole blocks are passed over
// (S. Ding, T. Suel, "Faster top-k document retrieval using block-max indexes", SIGIR 2011).
package postings

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
)

const (
	// BlockSize is how many postings a block has; the last one of a list has fewer.
	BlockSize = 128
	// tableEntry is how many bytes the table has per block: the last document and where the block begins, 4 each, then the
	// greatest weight, the width, and two that are 0.
	tableEntry = 12
	// Padding is how many bytes have to follow a list: a document of three bytes is read as four.
	Padding = 4
	// Ranks is how many of [List.Rank] a list of several blocks has.
	Ranks = 4
)

// Posting is a document of a list with its weight, in one number so that lists are sorted fast: the document times 256 and the
// weight, which is not 0.
type Posting uint64

// At returns the posting of a document.
func At(doc uint32, weight uint8) Posting { return Posting(doc)<<8 | Posting(weight) }

// Doc returns the document.
func (p Posting) Doc() uint32 { return uint32(p >> 8) }

// Weight returns the weight.
func (p Posting) Weight() uint8 { return uint8(p) }

// List is the view of a list in the bytes of a segment. The zero value is an empty list.
type List struct {
	// Count is how many postings there are, Max the greatest weight.
	Count int
	Max   uint8
	// ranks are the weights of which at least 128, 256, 512 and 1024 postings have as much, 0 when there are not as many.
	ranks [Ranks]uint8
	// table is nil when there is one block: of any size, docs then holds its distances from 0 and weights its weights.
	table         []byte
	data          []byte
	width         uint8
	docs, weights []byte
}

// Rank returns a weight that at least n of the postings reach, 0 when that is not known.
func (l *List) Rank(n int) uint8 {
	for i := range Ranks {
		if n <= BlockSize<<i {
			return l.ranks[i]
		}
	}
	return 0
}

// Loose returns the view of a list that is still being made: documents of two bytes each, rising, and as many weights, of which most
// is the greatest.
func Loose(docs, weights []byte, most uint8) List {
	return List{Count: len(weights), Max: most, width: 2, docs: docs, weights: weights}
}

// AppendLoose adds a document to the bytes of a list that is being made.
func AppendLoose(docs, weights []byte, doc uint16, weight uint8) (longerDocs, longerWeights []byte) {
	return binary.LittleEndian.AppendUint16(docs, doc), append(weights, weight)
}

// blocks returns how many blocks the list has.
func (l *List) blocks() int {
	if l.table == nil {
		return min(1, l.Count)
	}
	return len(l.table) / tableEntry
}

// Append encodes a list behind b. It has a posting at least, and its documents rise. See [Parse] for the form.
func Append(b []byte, list []Posting) []byte {
	b = binary.AppendUvarint(b, uint64(len(list)))
	if len(list) <= BlockSize {
		width, most := measure(list, 0)
		b = append(b, width, most)
		b = appendDocs(b, list, 0, width)
		if len(list) > 1 {
			b = appendWeights(b, list)
		}
		return b
	}
	b = appendRanks(b, list)
	table := len(b)
	b = slices.Grow(b, len(list)/BlockSize*tableEntry+len(list)*3)
	b = append(b, make([]byte, (len(list)+BlockSize-1)/BlockSize*tableEntry)...)
	data, base := len(b), uint32(0)
	for i := 0; i < len(list); i += BlockSize {
		block := list[i:min(i+BlockSize, len(list))]
		width, most := measure(block, base)
		last := block[len(block)-1].Doc()
		entry := b[table+i/BlockSize*tableEntry:]
		binary.LittleEndian.PutUint32(entry, last)
		binary.LittleEndian.PutUint32(entry[4:], uint32(len(b)-data))
		entry[8], entry[9] = most, width
		b = appendDocs(b, block, base, width)
		b = appendWeights(b, block)
		base = last + 1
	}
	return b
}

// measure returns the width that the distances from base need, and the greatest weight.
func measure(block []Posting, base uint32) (width, most uint8) {
	for _, p := range block {
		most = max(most, p.Weight())
	}
	width = 1
	for span := (block[len(block)-1].Doc() - base) >> 8; span > 0; span >>= 8 {
		width++
	}
	return width, most
}

func appendDocs(b []byte, block []Posting, base uint32, width uint8) []byte {
	for _, p := range block {
		d := p.Doc() - base
		for range width {
			b = append(b, byte(d))
			d >>= 8
		}
	}
	return b
}

func appendWeights(b []byte, block []Posting) []byte {
	for _, p := range block {
		b = append(b, p.Weight())
	}
	return b
}

// appendRanks appends the greatest weight and those of [List.Rank].
func appendRanks(b []byte, list []Posting) []byte {
	var counts [256]int
	for _, p := range list {
		counts[p.Weight()]++
	}
	var ranks [1 + Ranks]byte
	next, sum := 0, 0
	for w := 255; w >= 0 && next <= Ranks; w-- {
		for sum += counts[w]; next <= Ranks && sum >= wanted(next); next++ {
			ranks[next] = byte(w)
		}
	}
	return append(b, ranks[:]...)
}

// wanted is how many postings the weight at place i of the ranks stands for: the greatest, then 128, 256 ...
func wanted(i int) int {
	if i == 0 {
		return 1
	}
	return BlockSize << (i - 1)
}

// Parse returns the view of the list that begins b, which [Check] has passed once. The form is: the count as a varint; up to 128
// postings, the width and the greatest weight in a byte each, the documents, and the weights unless there is but one; of more, the
// greatest weight and the ranks, the table, and the blocks, each its documents and then its weights.
func Parse(b []byte) List {
	count, n := binary.Uvarint(b)
	l := List{Count: int(count)}
	b = b[n:]
	if l.Count <= BlockSize {
		l.width, l.Max = b[0], b[1]
		docs := 2 + l.Count*int(l.width)
		l.docs = b[2 : docs+Padding-1]
		if l.Count == 1 {
			l.weights = b[1:2]
		} else {
			l.weights = b[docs : docs+l.Count]
		}
		return l
	}
	l.Max = b[0]
	copy(l.ranks[:], b[1:])
	b = b[1+Ranks:]
	table := (l.Count + BlockSize - 1) / BlockSize * tableEntry
	l.table, l.data = b[:table], b[table:]
	return l
}

// errForm is what Check returns of bytes that are no list.
var errForm = errors.New("list of postings is malformed")

// Check reports whether b begins with a list of documents below docs that [Parse] and everything after it can read, and how many
// bytes it takes. Padding has to follow.
func Check(b []byte, docs int) (size int, err error) {
	count, n := binary.Uvarint(b)
	if n <= 0 || count == 0 || count > uint64(docs) {
		return 0, fmt.Errorf("%w: %d postings of %d documents", errForm, count, docs)
	}
	size = n
	if count <= BlockSize {
		size += 2
		if len(b) < size || b[n] < 1 || b[n] > 4 {
			return 0, errForm
		}
		size += int(count) * int(b[n])
		if count > 1 {
			size += int(count)
		}
	} else {
		blocks := (int(count) + BlockSize - 1) / BlockSize
		size += 1 + Ranks + blocks*tableEntry
		if len(b) < size {
			return 0, errForm
		}
		table := b[n+1+Ranks : size]
		at := 0
		for i := range blocks {
			entry := table[i*tableEntry:]
			if entry[9] < 1 || entry[9] > 4 || binary.LittleEndian.Uint32(entry[4:]) != uint32(at) {
				return 0, errForm
			}
			at += min(BlockSize, int(count)-i*BlockSize) * (int(entry[9]) + 1)
		}
		size += at
	}
	if len(b) < size+Padding {
		return 0, errForm
	}
	l := Parse(b)
	return size, l.check(docs)
}

// check walks all postings.
func (l *List) check(docs int) error {
	c := NewCursor(*l)
	next := uint32(0)
	for b := range l.blocks() {
		c.load(b)
		for i := range c.n {
			d := c.base + distance(c.docs, c.width, i)
			if d < next || d >= uint32(docs) || c.weights[i] == 0 || c.weights[i] > c.max || c.weights[i] > l.Max {
				return errForm
			}
			next = d + 1
		}
		if l.table != nil && c.last != next-1 {
			return errForm
		}
	}
	return nil
}

// All yields the postings in rising order of their documents.
func (l *List) All(yield func(Posting) bool) {
	c := NewCursor(*l)
	for b := range l.blocks() {
		c.load(b)
		for i := range c.n {
			if !yield(At(c.base+distance(c.docs, c.width, i), c.weights[i])) {
				return
			}
		}
	}
}

// distance returns the i-th number of width bytes.
func distance(docs []byte, width uint8, i int) uint32 {
	switch width {
	case 1:
		return uint32(docs[i])
	case 2:
		return uint32(binary.LittleEndian.Uint16(docs[2*i:]))
	case 3:
		return binary.LittleEndian.Uint32(docs[3*i:]) & 0xffffff
	}
	return binary.LittleEndian.Uint32(docs[4*i:])
}
