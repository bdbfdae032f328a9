package segment

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"

	"github.com/blevesearch/vellum"

	"github.com/haggle-commerce/haggle/services/recall/internal/postings"
)

// ErrCorrupt is what [Open] returns, wrapped, of bytes that are no segment, or one of another version, or a damaged one.
var ErrCorrupt = errors.New("segment is corrupt")

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Open returns the segment of which b is the bytes, nothing more and nothing less. It keeps b, which must not change any more. The
// checksum and the form of everything are checked, so that no search can be led astray: some 0.3 us per document.
func Open(b []byte) (*Segment, error) {
	if len(b) < headSize+tailSize || string(b[:len(magic)]) != magic {
		return nil, fmt.Errorf("%w: it does not begin with its mark and version", ErrCorrupt)
	}
	body := len(b) - tailSize
	if crc32.Checksum(b[:body], castagnoli) != binary.LittleEndian.Uint32(b[body:]) {
		return nil, fmt.Errorf("%w: the checksum differs", ErrCorrupt)
	}
	s, err := lay(b)
	if err != nil {
		return nil, err
	}
	for _, check := range []func() error{s.checkTexts, s.checkDocs, s.checkLists, s.checkRanks, s.checkSeconds, s.checkDictionary} {
		if err := check(); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// lay cuts the bytes into sections.
func lay(b []byte) (*Segment, error) {
	s := &Segment{bytes: b}
	number := func(i int) uint64 { return binary.LittleEndian.Uint64(b[len(magic)+8*i:]) }
	body, at := uint64(len(b)-tailSize), uint64(headSize)
	docs, terms := number(0), number(1)
	if docs > body || terms > body {
		return nil, fmt.Errorf("%w: %d documents and %d terms in %d bytes", ErrCorrupt, docs, terms, len(b))
	}
	s.docs, s.terms = int(docs), int(terms)
	for i := range sections {
		size := number(2 + i)
		if size > body-at {
			return nil, fmt.Errorf("%w: section %d has %d bytes", ErrCorrupt, i, size)
		}
		s.parts[i] = b[at : at+size : at+size]
		at += size
	}
	want := [sections]uint64{slots: 4 * docs, fingerprints: 8 * docs, ties: docs, streamEnds: 4 * docs, textEnds: 4 * terms, listStarts: 4 * terms, ranks: 4 * terms, byRank: 4 * terms}
	for i, size := range want {
		if size > 0 && uint64(len(s.parts[i])) != size {
			return nil, fmt.Errorf("%w: section %d has %d bytes, want %d", ErrCorrupt, i, len(s.parts[i]), size)
		}
	}
	if at != body || docs == 0 || len(s.parts[seconds])%4 != 0 {
		return nil, fmt.Errorf("%w: the sections do not fill it", ErrCorrupt)
	}
	return s, nil
}

func (s *Segment) checkTexts() error {
	begin, before := uint32(0), ""
	for term := range uint32(s.terms) {
		end := s.number(textEnds, int(term))
		if end <= begin || int(end) > len(s.parts[texts]) || int(s.parts[texts][begin]) >= int(end-begin) {
			return fmt.Errorf("%w: the text of term %d", ErrCorrupt, term)
		}
		stem, _ := s.Text(term)
		if stem <= before {
			return fmt.Errorf("%w: term %d is out of order", ErrCorrupt, term)
		}
		begin, before = end, stem
	}
	return nil
}

func (s *Segment) checkDocs() error {
	begin, next := uint32(0), uint32(0)
	for doc := range uint32(s.docs) {
		end, slot := s.number(streamEnds, int(doc)), uint32(s.Slot(doc))
		if end < begin || int(end) > len(s.parts[streams]) || slot < next || slot == 1<<32-1 {
			return fmt.Errorf("%w: document %d", ErrCorrupt, doc)
		}
		begin, next = end, slot+1
		for stream := s.Stream(doc); len(stream) > 0; {
			code, n := binary.Uvarint(stream)
			if n <= 0 || code >= uint64(s.terms)+FirstWord {
				return fmt.Errorf("%w: the words of document %d", ErrCorrupt, doc)
			}
			stream = stream[n:]
		}
	}
	return nil
}

func (s *Segment) checkLists() error {
	at, all := 0, s.parts[lists]
	for term := range s.terms {
		if int(s.number(listStarts, term)) != at {
			return fmt.Errorf("%w: the postings of term %d begin elsewhere", ErrCorrupt, term)
		}
		size, err := postings.Check(all[at:], s.docs)
		if err != nil {
			return fmt.Errorf("%w: term %d: %w", ErrCorrupt, term, err)
		}
		at += size
	}
	if at+postings.Padding != len(all) {
		return fmt.Errorf("%w: the postings end early", ErrCorrupt)
	}
	return nil
}

func (s *Segment) checkRanks() error {
	for term := range s.terms {
		rank := s.number(ranks, term)
		if int(rank) >= s.terms || int(s.number(byRank, int(rank))) != term {
			return fmt.Errorf("%w: the rank of term %d", ErrCorrupt, term)
		}
	}
	return nil
}

func (s *Segment) checkSeconds() error {
	before := rune(0)
	for i := range len(s.parts[seconds]) / 4 {
		term := s.number(seconds, i)
		if int(term) >= s.terms {
			return fmt.Errorf("%w: pair %d", ErrCorrupt, i)
		}
		stem, _ := s.Text(term)
		if r := secondOf(stem); r == 0 || r < before {
			return fmt.Errorf("%w: pair %d", ErrCorrupt, i)
		} else {
			before = r
		}
	}
	return nil
}

// checkDictionary walks the transducer as a whole. Its package trusts what it reads and may panic on bytes that lie, so the walk
// is caught, and on a circle it would walk for ever, so it is led: a path that is no beginning of the term that has to come next ends
// it. A walk that comes to its end has seen all that a look-up can reach.
func (s *Segment) checkDictionary() (err error) {
	defer func() {
		if fault := recover(); fault != nil {
			err = fmt.Errorf("%w: the dictionary cannot be read: %v", ErrCorrupt, fault)
		}
	}()
	s.dictionary, err = vellum.Load(s.parts[dictionary])
	if err != nil {
		return fmt.Errorf("%w: load dictionary: %w", ErrCorrupt, err)
	}
	g := &guide{segment: s}
	g.advance()
	iterator, err := s.dictionary.Search(g, nil, nil)
	for ; err == nil && !g.astray; err = iterator.Next() {
		key, n := iterator.Current()
		if int(g.term) >= s.terms || n != uint64(g.term) || string(key) != g.stem {
			return fmt.Errorf("%w: the dictionary differs from the terms at %d", ErrCorrupt, g.term)
		}
		g.term++
		g.advance()
	}
	if g.astray || !errors.Is(err, vellum.ErrIteratorDone) || int(g.term) != s.terms {
		return fmt.Errorf("%w: the dictionary has %d of %d terms: %w", ErrCorrupt, g.term, s.terms, err)
	}
	return nil
}

// guide is an automaton that accepts the terms of a segment in their order and nothing else. Its states are lengths of beginnings of the
// next term, from 1 on for the empty one; 0 is astray. In a dictionary that is whole each transition that a walk meets leads on to the
// next term, so the first that does not ends the walk.
type guide struct {
	segment *Segment
	// term is the term that comes next, stem its text, shared how much of it the term before has.
	term   uint32
	stem   string
	shared int
	astray bool
}

// advance goes to the stem of the next term.
func (g *guide) advance() {
	before := g.stem
	if g.stem = ""; int(g.term) < g.segment.terms {
		g.stem, _ = g.segment.Text(g.term)
	}
	g.shared = 0
	for g.shared < min(len(before), len(g.stem)) && before[g.shared] == g.stem[g.shared] {
		g.shared++
	}
}

func (g *guide) Start() int               { return 1 }
func (g *guide) IsMatch(int) bool         { return true }
func (g *guide) CanMatch(state int) bool  { return state > 0 }
func (g *guide) WillAlwaysMatch(int) bool { return false }

func (g *guide) Accept(state int, letter byte) int {
	at := state - 1
	if g.astray || at < 0 || at > g.shared || at >= len(g.stem) || g.stem[at] != letter {
		g.astray = true
		return 0
	}
	g.shared = at + 1
	return state + 1
}
