package lexical

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/haggle-commerce/haggle/services/recall/internal/catalogue"
	"github.com/haggle-commerce/haggle/services/recall/internal/postings"
	"github.com/haggle-commerce/haggle/services/recall/internal/segment"
)

// The documents of a head are numbered by two bytes. A head is full with one in headShare of the items of the index, at least
// minHead and at most maxHead: so a shop that is loaded makes few segments, and one that serves has a head that costs little.
const (
	minHead   = 1 << 11
	maxHead   = 1 << 16
	headShare = 16
)

// freshTerm is a word of the head.
type freshTerm struct {
	stem, surface string
	docs, weights []byte
	most          uint8
	// live is how many of the documents are not dead.
	live int
}

// head is the part of the index that still grows: documents in the order in which they came, each once, never changed.
type head struct {
	byStem map[string]uint32
	terms  []freshTerm
	// byLetter lists words by their first character, and pairs of characters by their second too.
	byLetter map[rune][]uint32
	slots    []catalogue.Slot
	prints   []uint64
	ties     []byte
	ends     []uint32
	streams  []byte
	// at finds the document of a slot that is not dead.
	at      map[catalogue.Slot]uint32
	numbers []uint32
}

func newHead() *head {
	return &head{byStem: map[string]uint32{}, byLetter: map[rune][]uint32{}, at: map[catalogue.Slot]uint32{}}
}

// put adds the text of an item that the head does not have.
func (h *head) put(s catalogue.Slot, d *Document, p *Params) {
	doc := uint16(len(h.slots))
	h.numbers = h.numbers[:0]
	for i := range d.terms {
		o := &d.terms[i]
		id := h.intern(o)
		h.numbers = append(h.numbers, id)
		t := &h.terms[id]
		w := p.quantise(p.saturate(p.weight(d, o)))
		t.docs, t.weights = postings.AppendLoose(t.docs, t.weights, doc, w)
		t.most = max(t.most, w)
		t.live++
	}
	h.streams = d.appendStream(h.streams, h.numbers)
	h.slots, h.prints, h.ends = append(h.slots, s), append(h.prints, d.fingerprint), append(h.ends, uint32(len(h.streams)))
	h.ties = append(h.ties, d.tie)
	h.at[s] = uint32(doc)
}

func (h *head) intern(o *occurrence) uint32 {
	if id, ok := h.byStem[o.stem]; ok {
		if t := &h.terms[id]; segment.Shorter(o.surface, t.surface) {
			t.surface = strings.Clone(o.surface)
		}
		return id
	}
	id := uint32(len(h.terms))
	// A stem is often a prefix of its surface, and both are parts of the whole text of an item: one copy of their own.
	t := freshTerm{surface: strings.Clone(o.surface)}
	if strings.HasPrefix(t.surface, o.stem) {
		t.stem = t.surface[:len(o.stem)]
	} else {
		t.stem = strings.Clone(o.stem)
	}
	h.terms = append(h.terms, t)
	h.byStem[t.stem] = id
	for _, r := range entrances(t.stem) {
		h.byLetter[r] = append(h.byLetter[r], id)
	}
	return id
}

// entrances are the characters under which byLetter lists a word.
func entrances(stem string) []rune {
	first, size := utf8.DecodeRuneInString(stem)
	if first < 0x2e80 || size == len(stem) {
		return []rune{first}
	}
	if second, more := utf8.DecodeRuneInString(stem[size:]); second != first && size+more == len(stem) {
		return []rune{first, second}
	}
	return []rune{first}
}

// full reports whether the head of an index of count items takes no more, of which a head has smallest documents at least.
func (h *head) full(count, smallest int) bool {
	return len(h.slots) >= min(maxHead, max(smallest, count/headShare))
}

func (h *head) list(id uint32) postings.List {
	t := &h.terms[id]
	return postings.Loose(t.docs, t.weights, t.most)
}

func (h *head) stream(doc uint32) []byte {
	begin := uint32(0)
	if doc > 0 {
		begin = h.ends[doc-1]
	}
	return h.streams[begin:h.ends[doc]]
}

// sealed is a head that grows no more, as a source of a segment.
type sealed struct {
	*head
	// sorted are the terms in the order of their bytes and places the inverse.
	sorted, places []uint32
}

// order returns the head as a source, once it grows no more. It may be called while the head is read.
func (h *head) order() *sealed {
	s := &sealed{head: h, sorted: make([]uint32, len(h.terms)), places: make([]uint32, len(h.terms))}
	for i := range s.sorted {
		s.sorted[i] = uint32(i)
	}
	slices.SortFunc(s.sorted, func(a, b uint32) int { return strings.Compare(h.terms[a].stem, h.terms[b].stem) })
	for place, id := range s.sorted {
		s.places[id] = uint32(place)
	}
	return s
}

var _ segment.Source = &sealed{}

func (s *sealed) Docs() int                      { return len(s.slots) }
func (s *sealed) Slot(doc uint32) catalogue.Slot { return s.slots[doc] }
func (s *sealed) Fingerprint(doc uint32) uint64  { return s.prints[doc] }
func (s *sealed) Ties() []byte                   { return s.ties }
func (s *sealed) Stream(doc uint32) []byte       { return s.stream(doc) }
func (s *sealed) Coded(code uint64) uint32       { return s.places[code-segment.FirstWord] }
func (s *sealed) Terms() int                     { return len(s.sorted) }
func (s *sealed) List(term uint32) postings.List { return s.list(s.sorted[term]) }
func (s *sealed) Text(term uint32) (stem, surface string) {
	t := &s.terms[s.sorted[term]]
	return t.stem, t.surface
}
