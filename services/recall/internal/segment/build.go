package segment

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math"
	"slices"
	"unicode/utf8"

	"github.com/blevesearch/vellum"

	"github.com/haggle-commerce/haggle/services/recall/internal/catalogue"
	"github.com/haggle-commerce/haggle/services/recall/internal/postings"
)

// Source is what a segment is built from: a segment, or documents that were gathered in memory. Its methods are called from one
// goroutine and must not change what they return.
type Source interface {
	// Docs is how many documents there are, dead ones too.
	Docs() int
	Slot(doc uint32) catalogue.Slot
	Fingerprint(doc uint32) uint64
	// Ties is a byte a document, see [Segment.Ties].
	Ties() []byte
	// Stream is the words of a document. Coded turns a code, FirstWord or above, into the number of its stem.
	Stream(doc uint32) []byte
	Coded(code uint64) uint32
	// Terms is how many stems there are; they are numbered in the order of their bytes.
	Terms() int
	Text(term uint32) (stem, surface string)
	List(term uint32) postings.List
}

// Part is a source and those of its documents that are left out.
type Part struct {
	Source
	// Dead has a bit for each document that is left out.
	Dead catalogue.Bits
}

// gone stands for the new number of a document or a term that is left out.
const gone = math.MaxUint32

// builder joins parts into one segment.
type builder struct {
	parts []Part
	// docs are the new documents: slot<<32 | the number over all parts. firsts are the numbers of each part's first document.
	docs   []uint64
	firsts []uint32
	// newDocs and newTerms map, part by part, the old numbers to the new.
	newDocs, newTerms [][]uint32
	// counts are the postings of each new term.
	counts []uint32
	out    [sections][]byte
	list   []postings.Posting
	spare  []postings.Posting
}

// MaxTerm is how many bytes of a stem or a surface are kept; what is longer is to be cut by the caller.
const MaxTerm = 255

// ErrTooLarge says that a segment would not fit its format: 4 GiB for each section.
var ErrTooLarge = errors.New("segment would be larger than 4 GiB")

// Build joins what is not dead of the parts into the bytes of a segment. A slot stands in one part alone. It returns nil when nothing
// is left. What a segment holds depends on the documents and not on how they were spread.
func Build(parts []Part) ([]byte, error) {
	b := &builder{parts: parts}
	if b.number(); len(b.docs) == 0 {
		return nil, nil
	}
	if err := b.joinTerms(); err != nil {
		return nil, err
	}
	b.rank()
	b.joinDocs()
	b.pair()
	b.out[lists] = append(b.out[lists], make([]byte, postings.Padding)...)
	for i := range b.out {
		if len(b.out[i]) > math.MaxUint32 {
			return nil, ErrTooLarge
		}
	}
	return b.assemble(), nil
}

// number gives the documents that remain their new numbers.
func (b *builder) number() {
	first := uint32(0)
	for _, p := range b.parts {
		b.firsts = append(b.firsts, first)
		n := p.Docs()
		b.newDocs = append(b.newDocs, make([]uint32, n))
		for doc := range uint32(n) {
			b.newDocs[len(b.newDocs)-1][doc] = gone
			if !p.Dead.Has(catalogue.Slot(doc)) {
				b.docs = append(b.docs, uint64(p.Slot(doc))<<32|uint64(first+doc))
			}
		}
		first += uint32(n)
	}
	slices.Sort(b.docs)
	for i, d := range b.docs {
		part, doc := b.origin(d)
		b.newDocs[part][doc] = uint32(i)
	}
}

// origin returns the part that a new document comes from and its number there.
func (b *builder) origin(d uint64) (part int, doc uint32) {
	at := uint32(d)
	part = len(b.firsts) - 1
	for b.firsts[part] > at {
		part--
	}
	return part, at - b.firsts[part]
}

// joinTerms walks the stems of all parts in order, and writes dictionary, texts and lists.
func (b *builder) joinTerms() error {
	var dict bytes.Buffer
	fst, err := vellum.New(&dict, nil)
	if err != nil {
		return fmt.Errorf("begin dictionary: %w", err)
	}
	next := make([]uint32, len(b.parts))
	stems := make([]string, len(b.parts))
	for i, p := range b.parts {
		b.newTerms = append(b.newTerms, make([]uint32, p.Terms()))
		if p.Terms() > 0 {
			stems[i], _ = p.Text(0)
		}
	}
	for {
		stem, found := "", false
		for i := range b.parts {
			if int(next[i]) < len(b.newTerms[i]) && (!found || stems[i] < stem) {
				stem, found = stems[i], true
			}
		}
		if !found {
			break
		}
		b.list = b.list[:0]
		surface, term := "", uint32(len(b.counts))
		for i, p := range b.parts {
			if int(next[i]) == len(b.newTerms[i]) || stems[i] != stem {
				continue
			}
			had := len(b.list)
			b.gather(i, next[i])
			b.newTerms[i][next[i]] = term
			if _, s := p.Text(next[i]); len(b.list) > had && (surface == "" || Shorter(s, surface)) {
				surface = s
			}
			if next[i]++; int(next[i]) < len(b.newTerms[i]) {
				stems[i], _ = p.Text(next[i])
			}
		}
		if len(b.list) == 0 {
			// The streams that are kept do not hold it, so nobody will ask for its new number.
			continue
		}
		if err := fst.Insert([]byte(stem), uint64(term)); err != nil {
			return fmt.Errorf("insert term: %w", err)
		}
		b.writeTerm(stem, surface)
	}
	if err := fst.Close(); err != nil {
		return fmt.Errorf("end dictionary: %w", err)
	}
	b.out[dictionary] = dict.Bytes()
	return nil
}

// Shorter reports whether a rather than b is the form of a word that is shown: the shortest, of equal ones the first.
func Shorter(a, b string) bool { return len(a) < len(b) || (len(a) == len(b) && a < b) }

// gather adds the postings of one part that remain to the list, which stays in order.
func (b *builder) gather(part int, term uint32) {
	begin := len(b.list)
	docs, l := b.newDocs[part], b.parts[part].List(term)
	rising, before := true, postings.Posting(0)
	for p := range l.All {
		if doc := docs[p.Doc()]; doc != gone {
			next := postings.At(doc, p.Weight())
			rising, before = rising && next > before, next
			b.list = append(b.list, next)
		}
	}
	if !rising {
		slices.Sort(b.list[begin:])
	}
	if begin == 0 || begin == len(b.list) || b.list[begin-1] < b.list[begin] {
		return
	}
	b.spare = append(b.spare[:0], b.list[:begin]...)
	// Two runs become one, from the front: what is written never overtakes what is read, as the first run was copied.
	left, right := b.spare, b.list[begin:]
	for i := range b.list {
		if len(right) == 0 || (len(left) > 0 && left[0] < right[0]) {
			b.list[i], left = left[0], left[1:]
		} else {
			b.list[i], right = right[0], right[1:]
		}
	}
}

func (b *builder) writeTerm(stem, surface string) {
	b.counts = append(b.counts, uint32(len(b.list)))
	text := append(b.out[texts], byte(len(stem)))
	text = append(text, stem...)
	b.out[texts] = append(text, surface...)
	b.out[textEnds] = binary.LittleEndian.AppendUint32(b.out[textEnds], uint32(len(b.out[texts])))
	b.out[listStarts] = binary.LittleEndian.AppendUint32(b.out[listStarts], uint32(len(b.out[lists])))
	b.out[lists] = postings.Append(b.out[lists], b.list)
}

// rank orders the terms by how many documents hold them.
func (b *builder) rank() {
	order := make([]uint32, len(b.counts))
	for i := range order {
		order[i] = uint32(i)
	}
	slices.SortFunc(order, func(x, y uint32) int {
		return cmp.Or(cmp.Compare(b.counts[y], b.counts[x]), cmp.Compare(x, y))
	})
	b.out[ranks] = make([]byte, 4*len(order))
	b.out[byRank] = make([]byte, 4*len(order))
	for rank, term := range order {
		binary.LittleEndian.PutUint32(b.out[ranks][4*term:], uint32(rank))
		binary.LittleEndian.PutUint32(b.out[byRank][4*rank:], term)
	}
}

// joinDocs writes slots, fingerprints, ties and streams.
func (b *builder) joinDocs() {
	size := len(b.docs)
	b.out[slots] = make([]byte, 0, 4*size)
	b.out[fingerprints] = make([]byte, 0, 8*size)
	b.out[streamEnds] = make([]byte, 0, 4*size)
	b.out[ties] = make([]byte, 0, size)
	for _, d := range b.docs {
		part, doc := b.origin(d)
		p := &b.parts[part]
		b.out[slots] = binary.LittleEndian.AppendUint32(b.out[slots], uint32(d>>32))
		b.out[fingerprints] = binary.LittleEndian.AppendUint64(b.out[fingerprints], p.Fingerprint(doc))
		b.out[ties] = append(b.out[ties], p.Ties()[doc])
		for stream := p.Stream(doc); len(stream) > 0; {
			code, n := binary.Uvarint(stream)
			stream = stream[n:]
			if code >= FirstWord {
				term := b.newTerms[part][p.Coded(code)]
				code = FirstWord + uint64(binary.LittleEndian.Uint32(b.out[ranks][4*term:]))
			}
			b.out[streams] = binary.AppendUvarint(b.out[streams], code)
		}
		b.out[streamEnds] = binary.LittleEndian.AppendUint32(b.out[streamEnds], uint32(len(b.out[streams])))
	}
}

// pair writes the stems that are pairs of characters by their second one.
func (b *builder) pair() {
	type pair struct {
		second rune
		term   uint32
	}
	var found []pair
	begin := uint32(0)
	for term := range uint32(len(b.counts)) {
		text := b.out[texts][begin:]
		begin = binary.LittleEndian.Uint32(b.out[textEnds][4*term:])
		if second := secondOf(string(text[1 : 1+text[0]])); second != 0 {
			found = append(found, pair{second, term})
		}
	}
	slices.SortFunc(found, func(x, y pair) int {
		return cmp.Or(cmp.Compare(x.second, y.second), cmp.Compare(x.term, y.term))
	})
	for _, p := range found {
		b.out[seconds] = binary.LittleEndian.AppendUint32(b.out[seconds], p.term)
	}
}

// secondOf returns the second of two characters of a script without spaces, 0 for anything else and for twice the same.
func secondOf(stem string) rune {
	first, size := utf8.DecodeRuneInString(stem)
	if first < 0x2e80 || size == len(stem) {
		return 0
	}
	if second, more := utf8.DecodeRuneInString(stem[size:]); second != first && size+more == len(stem) {
		return second
	}
	return 0
}

// assemble writes head, sections and tail.
func (b *builder) assemble() []byte {
	size := headSize + tailSize
	for i := range b.out {
		size += len(b.out[i])
	}
	all := append(make([]byte, 0, size), magic...)
	all = binary.LittleEndian.AppendUint64(all, uint64(len(b.docs)))
	all = binary.LittleEndian.AppendUint64(all, uint64(len(b.counts)))
	for i := range b.out {
		all = binary.LittleEndian.AppendUint64(all, uint64(len(b.out[i])))
	}
	for i := range b.out {
		all = append(all, b.out[i]...)
		b.out[i] = nil
	}
	return binary.LittleEndian.AppendUint32(all, crc32.Checksum(all, castagnoli))
}
