// Package segment is an immutable part of an inverted index: one run of bytes that is written once, checked when it is opened,
// and then searched where it lies, in memory or in a mapped file.
//
// A segment holds documents, numbered by their slots in rising order; a dictionary of stems, a finite state transducer
// (github.com/blevesearch/vellum) for exact look-up and for automata; a list of postings for each stem; and the text of each document
// as the numbers of its words in order, for phrases, for likeness, and to know what a deletion takes away.
package segment

import (
	"encoding/binary"
	"fmt"
	"sync"
	"unsafe"

	"github.com/blevesearch/vellum"

	"github.com/haggle-commerce/haggle/services/recall/internal/catalogue"
	"github.com/haggle-commerce/haggle/services/recall/internal/postings"
)

// The codes of a stream. A word is the number of its stem by frequency, plus FirstWord.
const (
	// Gap stands between texts of one field that do not follow one another: two categories, two values.
	Gap = 0
	// FirstField begins the words of a field: the code of field f is FirstField + f, of at most MaxFields fields.
	FirstField = 1
	MaxFields  = 6
	// Beside says that the next word stands where the word before it does.
	Beside = FirstField + MaxFields
	// FirstWord is the code of the most frequent stem.
	FirstWord = Beside + 1
)

// Segment is an open segment. Any number of goroutines may read it at once.
type Segment struct {
	bytes       []byte
	docs, terms int
	parts       [sections][]byte
	dictionary  *vellum.FST
	// readers keep the memory that a look-up in the dictionary needs: without them each look-up allocates.
	readers sync.Pool
}

// Bytes returns what [Open] was given.
func (s *Segment) Bytes() []byte { return s.bytes }

// Docs returns how many documents there are, Terms how many stems.
func (s *Segment) Docs() int { return s.docs }

// Terms returns how many stems there are. Stems are numbered in the order of their bytes.
func (s *Segment) Terms() int { return s.terms }

func (s *Segment) number(section, i int) uint32 {
	return binary.LittleEndian.Uint32(s.parts[section][4*i:])
}

// Slot returns the slot of a document.
func (s *Segment) Slot(doc uint32) catalogue.Slot {
	return catalogue.Slot(s.number(slots, int(doc)))
}

// Find returns the document of a slot.
func (s *Segment) Find(slot catalogue.Slot) (doc uint32, ok bool) {
	low, high := 0, s.docs
	if high == 0 || slot < s.Slot(0) {
		return 0, false
	}
	// Where hardly a slot is missing, the place is at or a little before the distance from the first.
	if first := int(slot - s.Slot(0)); first < high {
		high = first + 1
		if s.Slot(uint32(first)) == slot {
			return uint32(first), true
		}
	}
	for low < high {
		if mid := (low + high) / 2; s.Slot(uint32(mid)) < slot {
			low = mid + 1
		} else {
			high = mid
		}
	}
	return uint32(low), low < s.docs && s.Slot(uint32(low)) == slot
}

// Fingerprint returns the fingerprint of the text of a document.
func (s *Segment) Fingerprint(doc uint32) uint64 {
	return binary.LittleEndian.Uint64(s.parts[fingerprints][8*doc:])
}

// Ties returns the leading byte of the tie of each document: of items of equal score the lower comes first.
func (s *Segment) Ties() []byte { return s.parts[ties] }

// Stream returns the words of a document as varints, in order; see [Gap] for what they mean.
func (s *Segment) Stream(doc uint32) []byte {
	begin := uint32(0)
	if doc > 0 {
		begin = s.number(streamEnds, int(doc)-1)
	}
	return s.parts[streams][begin:s.number(streamEnds, int(doc))]
}

// Code returns the code of a stem in streams.
func (s *Segment) Code(term uint32) uint64 { return uint64(s.number(ranks, int(term))) + FirstWord }

// Coded returns the stem of a code, [FirstWord] or above.
func (s *Segment) Coded(code uint64) uint32 { return s.number(byRank, int(code-FirstWord)) }

// Text returns a stem and the form of it that is shown. The strings belong to the segment's bytes.
func (s *Segment) Text(term uint32) (stem, surface string) {
	begin := uint32(0)
	if term > 0 {
		begin = s.number(textEnds, int(term)-1)
	}
	text := s.parts[texts][begin:s.number(textEnds, int(term))]
	n := int(text[0])
	// The bytes of a segment never change, and most callers only compare: no copy.
	whole := unsafe.String(unsafe.SliceData(text), len(text))
	return whole[1 : 1+n], whole[1+n:]
}

// Term looks up a stem.
func (s *Segment) Term(stem string) (term uint32, ok bool) {
	if stem == "" {
		return 0, false
	}
	reader, _ := s.readers.Get().(*vellum.Reader)
	if reader == nil {
		reader, _ = s.dictionary.Reader()
	}
	// The dictionary only reads the key.
	n, ok, err := reader.Get(unsafe.Slice(unsafe.StringData(stem), len(stem)))
	s.readers.Put(reader)
	return uint32(n), ok && err == nil
}

// List returns the postings of a stem.
func (s *Segment) List(term uint32) postings.List {
	return postings.Parse(s.parts[lists][s.number(listStarts, int(term)):])
}

// Prefix yields the stems that begin with prefix, in order, until yield returns false.
func (s *Segment) Prefix(prefix string, yield func(term uint32) bool) {
	for term := s.lower(prefix); int(term) < s.terms; term++ {
		if stem, _ := s.Text(term); len(stem) < len(prefix) || stem[:len(prefix)] != prefix || !yield(term) {
			return
		}
	}
}

// Between returns how many stems are not before begin and before end.
func (s *Segment) Between(begin, end string) int { return int(s.lower(end)) - int(s.lower(begin)) }

// lower returns the first stem that is not before text.
func (s *Segment) lower(text string) uint32 {
	low, high := 0, s.terms
	for low < high {
		mid := (low + high) / 2
		if stem, _ := s.Text(uint32(mid)); stem < text {
			low = mid + 1
		} else {
			high = mid
		}
	}
	return uint32(low)
}

// Accepted yields the stems that an automaton accepts and that lie from begin to before end, in order, until yield returns false.
// An empty end means none.
func (s *Segment) Accepted(automaton vellum.Automaton, begin, end string, yield func(term uint32) bool) {
	var last []byte
	if end != "" {
		last = []byte(end)
	}
	iterator, err := s.dictionary.Search(automaton, []byte(begin), last)
	for ; err == nil; err = iterator.Next() {
		if _, term := iterator.Current(); !yield(uint32(term)) {
			return
		}
	}
}

// Second yields the stems that are two characters of a script without spaces of which the second is r and the first is not.
func (s *Segment) Second(r rune, yield func(term uint32) bool) {
	list := s.parts[seconds]
	low, high := 0, len(list)/4
	for low < high {
		mid := (low + high) / 2
		if stem, _ := s.Text(s.number(seconds, mid)); secondOf(stem) < r {
			low = mid + 1
		} else {
			high = mid
		}
	}
	for ; low < len(list)/4; low++ {
		term := s.number(seconds, low)
		if stem, _ := s.Text(term); secondOf(stem) != r || !yield(term) {
			return
		}
	}
}

// The sections of a segment.
const (
	slots        = iota // 4 bytes a document, rising
	fingerprints        // 8 bytes a document
	ties                // a byte a document
	streamEnds          // 4 bytes a document: where its stream ends
	streams             // varints
	textEnds            // 4 bytes a term: where its text ends
	texts               // a byte with the length of the stem, the stem, the surface
	listStarts          // 4 bytes a term: where its postings begin
	lists               // see package postings
	ranks               // 4 bytes a term: how many are more frequent
	byRank              // 4 bytes a term: the term of each rank
	seconds             // 4 bytes a pair of characters, by the second one
	dictionary          // the transducer
	sections
)

// magic begins a segment; the last byte is the version. Version 1: 2026-11, the first.
const magic = "haggleX\x01"

// A head is the magic, the numbers of documents and of terms, and the length of each section; 8 bytes each. A tail is a CRC-32C.
const (
	headSize = len(magic) + 8*(2+sections)
	tailSize = 4
)

// Spread says what the bytes of a segment are for.
type Spread struct {
	Documents, Text, Dictionary, Postings int
}

// Spread returns how many bytes are for what.
func (s *Segment) Spread() Spread {
	var n [sections]int
	for i := range n {
		n[i] = len(s.parts[i])
	}
	return Spread{
		Documents:  n[slots] + n[fingerprints] + n[ties],
		Text:       n[streamEnds] + n[streams],
		Dictionary: n[textEnds] + n[texts] + n[ranks] + n[byRank] + n[seconds] + n[dictionary],
		Postings:   n[listStarts] + n[lists],
	}
}

func (s *Segment) String() string {
	return fmt.Sprintf("segment of %d documents and %d terms in %d bytes", s.docs, s.terms, len(s.bytes))
}
