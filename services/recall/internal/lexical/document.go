package lexical

import (
	"encoding/binary"

	"github.com/haggle-commerce/haggle/services/recall/internal/segment"
)

// Document is the text of one item, taken apart. It does not depend on the index, so it is made outside of any lock. An [Analyser]
// makes it, or anybody with [Document.Begin] and [Document.Add].
type Document struct {
	terms []occurrence
	// at finds a stem among the terms.
	at map[string]uint32
	// order is the text: places in terms, with marks between them.
	order []uint32
	// lengths are the numbers of words per field.
	lengths [fieldCount]int
	// fingerprint tells apart texts that differ.
	fingerprint uint64
	// tie is the leading byte of what [Document.Order] was given.
	tie byte
}

// occurrence is a word of a document.
type occurrence struct {
	stem string
	// surface is the first form of the word that stands in the document.
	surface string
	counts  [fieldCount]uint16
}

// mark is the bit of an entry of the order that is no word: the beginning of a text of a field, or beside, which says that the next
// word stands where the last one does.
const (
	mark   = 1 << 31
	beside = 1 << 16
)

// Begin says that what is added next is another text of field f: it does not follow what was added before.
func (d *Document) Begin(f Field) { d.order = append(d.order, mark|uint32(f)) }

// Add adds the next word to field f, the one that [Document.Begin] was called with last: the stem that is looked up, and the form
// that is shown. Both are cut to 255 bytes.
func (d *Document) Add(f Field, stem, surface string) {
	d.lengths[f]++
	d.order = append(d.order, d.count(f, stem, surface))
}

// AddBeside adds another stem for the place of the word that was added last: it is found like any word, but makes the field no longer
// and puts no words apart.
func (d *Document) AddBeside(f Field, stem, surface string) {
	d.order = append(d.order, mark|beside, d.count(f, stem, surface))
}

// count counts one occurrence of a term, and returns its place among the terms.
func (d *Document) count(f Field, stem, surface string) uint32 {
	if d.at == nil {
		d.at = map[string]uint32{}
	}
	stem, surface = clip(stem), clip(surface)
	i, ok := d.at[stem]
	if !ok {
		i = uint32(len(d.terms))
		d.at[stem] = i
		d.terms = append(d.terms, occurrence{stem: stem, surface: surface})
	}
	if n := &d.terms[i].counts[f]; *n < 1<<16-1 {
		*n++
	}
	return i
}

// Print sets the fingerprint by which [Index.Put] knows a text that did not change. It has to differ where texts, or the ways in
// which they were taken apart, differ, and must not depend on the process: it is kept in snapshots.
func (d *Document) Print(fingerprint uint64) { d.fingerprint = fingerprint }

// Order says where the item stands among those of equal score: the lower tie comes first. It belongs to the item and not to its text,
// and is what [Query.Tie] gives. Only the leading byte is kept, so that most ties are settled without asking for the whole.
func (d *Document) Order(tie uint64) { d.tie = byte(tie >> 56) }

// Length returns how many words field f has.
func (d *Document) Length(f Field) int { return d.lengths[f] }

// clip cuts a word to what a segment can hold.
func clip(word string) string {
	if len(word) > segment.MaxTerm {
		return word[:segment.MaxTerm]
	}
	return word
}

// appendStream appends the text in the form of [segment.Source], with numbers for the terms of the document.
func (d *Document) appendStream(b []byte, numbers []uint32) []byte {
	field, pending := -1, false
	for _, o := range d.order {
		if o == mark|beside {
			b = binary.AppendUvarint(b, segment.Beside)
			continue
		}
		if o&mark != 0 {
			if f := int(o &^ mark); f != field {
				b = binary.AppendUvarint(b, uint64(segment.FirstField+f))
				field, pending = f, false
			} else {
				pending = true
			}
			continue
		}
		if pending {
			b = binary.AppendUvarint(b, segment.Gap)
			pending = false
		}
		b = binary.AppendUvarint(b, segment.FirstWord+uint64(numbers[o]))
	}
	return b
}
