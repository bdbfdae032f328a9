package lexical

import (
	"encoding/binary"
	"slices"

	"github.com/haggle-commerce/haggle/services/recall/internal/catalogue"
	"github.com/haggle-commerce/haggle/services/recall/internal/postings"
	"github.com/haggle-commerce/haggle/services/recall/internal/segment"
)

// part is a part of the index: a head or a segment. What it holds never changes but for the head that still grows; which of its
// documents are dead does. An item stands in one part at most that is not dead.
type part struct {
	head    *head
	segment *segment.Segment
	// dead has a bit for each document that was replaced or deleted, alive counts the others.
	dead  catalogue.Bits
	alive int
	// deaths are the dead documents of each term of a segment, so that the number of living ones is exact. Nil until one died.
	deaths []uint32
	// busy says that a job is making a new part of this one.
	busy bool
	// seen is memory for kill.
	seen []uint32
}

func newHeadPart() *part { return &part{head: newHead()} }

func newSegmentPart(s *segment.Segment) *part {
	return &part{segment: s, alive: s.Docs()}
}

// source returns the part as a source of a new segment, with its dead as they are now. The terms of a head are put in order.
func (p *part) source() segment.Part {
	out := segment.Part{Dead: slices.Clone(p.dead)}
	if p.head != nil {
		out.Source = p.head.order()
	} else {
		out.Source = p.segment
	}
	return out
}

func (p *part) docs() int {
	if p.head != nil {
		return len(p.head.slots)
	}
	return p.segment.Docs()
}

func (p *part) slot(doc uint32) catalogue.Slot {
	if p.head != nil {
		return p.head.slots[doc]
	}
	return p.segment.Slot(doc)
}

func (p *part) print(doc uint32) uint64 {
	if p.head != nil {
		return p.head.prints[doc]
	}
	return p.segment.Fingerprint(doc)
}

// ties is the leading byte of the tie of each document.
func (p *part) ties() []byte {
	if p.head != nil {
		return p.head.ties
	}
	return p.segment.Ties()
}

// find returns the living document of a slot.
func (p *part) find(s catalogue.Slot) (doc uint32, ok bool) {
	if p.head != nil {
		doc, ok = p.head.at[s]
		return doc, ok
	}
	doc, ok = p.segment.Find(s)
	return doc, ok && !p.dead.Has(catalogue.Slot(doc))
}

// kill makes a living document dead.
func (p *part) kill(doc uint32) {
	if len(p.dead) <= int(doc>>6) {
		grown := make(catalogue.Bits, (max(p.docs(), minHead)+63)/64)
		copy(grown, p.dead)
		p.dead = grown
	}
	p.dead.Set(catalogue.Slot(doc))
	p.alive--
	p.seen = p.terms(doc, p.seen[:0])
	if p.head != nil {
		delete(p.head.at, p.head.slots[doc])
		for _, term := range p.seen {
			p.head.terms[term].live--
		}
		return
	}
	if p.deaths == nil {
		p.deaths = make([]uint32, p.segment.Terms())
	}
	for _, term := range p.seen {
		p.deaths[term]++
	}
}

// terms appends the terms of a document to dst, each once, in rising order.
func (p *part) terms(doc uint32, dst []uint32) []uint32 {
	for stream := p.stream(doc); len(stream) > 0; {
		code, n := binary.Uvarint(stream)
		if stream = stream[n:]; code >= segment.FirstWord {
			dst = append(dst, p.coded(code))
		}
	}
	slices.Sort(dst)
	return slices.Compact(dst)
}

func (p *part) stream(doc uint32) []byte {
	if p.head != nil {
		return p.head.stream(doc)
	}
	return p.segment.Stream(doc)
}

func (p *part) coded(code uint64) uint32 {
	if p.head != nil {
		return uint32(code - segment.FirstWord)
	}
	return p.segment.Coded(code)
}

// code is what a term is in streams.
func (p *part) code(term uint32) uint64 {
	if p.head != nil {
		return segment.FirstWord + uint64(term)
	}
	return p.segment.Code(term)
}

// term looks up a stem.
func (p *part) term(stem string) (term uint32, ok bool) {
	if p.head != nil {
		term, ok = p.head.byStem[stem]
		return term, ok
	}
	return p.segment.Term(stem)
}

func (p *part) text(term uint32) (stem, surface string) {
	if p.head != nil {
		t := &p.head.terms[term]
		return t.stem, t.surface
	}
	return p.segment.Text(term)
}

func (p *part) list(term uint32) postings.List {
	if p.head != nil {
		return p.head.list(term)
	}
	return p.segment.List(term)
}

// live returns how many living documents hold a term.
func (p *part) live(term uint32, l *postings.List) int {
	if p.head != nil {
		return p.head.terms[term].live
	}
	if p.deaths == nil {
		return l.Count
	}
	return l.Count - int(p.deaths[term])
}

// holding yields the terms that are r, a character of a script without spaces, or a pair that holds it.
func (p *part) holding(r rune, yield func(term uint32) bool) {
	if p.head != nil {
		for _, term := range p.head.byLetter[r] {
			if !yield(term) {
				return
			}
		}
		return
	}
	going := true
	p.segment.Prefix(string(r), func(term uint32) bool {
		going = yield(term)
		return going
	})
	if going {
		p.segment.Second(r, yield)
	}
}
