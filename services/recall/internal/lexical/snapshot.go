package lexical

import (
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/haggle-commerce/haggle/services/recall/internal/catalogue"
	"github.com/haggle-commerce/haggle/services/recall/internal/pack"
	"github.com/haggle-commerce/haggle/services/recall/internal/segment"
)

// indexMagic begins the bytes of an index; the last byte is the version. Version 1: 2026-11, the first.
const indexMagic = "haggleL\x01"

// AppendBinary appends the index to b. It is a reader: segments are copied as they are, with their dead, and heads are written as
// segments, some 10 us per item of a head. Each segment has a checksum of its own; the slots are those of the catalogue of the moment,
// so the two belong into one snapshot.
func (x *Index) AppendBinary(b []byte) ([]byte, error) {
	b = append(b, indexMagic...)
	b = binary.LittleEndian.AppendUint64(b, uint64(x.size))
	count := len(b)
	b = binary.LittleEndian.AppendUint64(b, 0)
	written := uint64(0)
	for p := range x.all {
		var dead catalogue.Bits
		var bytes []byte
		if p.head == nil {
			dead, bytes = p.dead, p.segment.Bytes()
		} else {
			made, err := segment.Build([]segment.Part{p.source()})
			if err != nil {
				return nil, fmt.Errorf("write head: %w", err)
			}
			bytes = made
		}
		b = binary.LittleEndian.AppendUint64(b, uint64(len(dead)))
		for _, w := range dead {
			b = binary.LittleEndian.AppendUint64(b, w)
		}
		b = binary.LittleEndian.AppendUint64(b, uint64(len(bytes)))
		b = append(b, bytes...)
		written++
	}
	binary.LittleEndian.PutUint64(b[count:], written)
	return b, nil
}

// Load returns the index that [Index.AppendBinary] wrote. It copies the segments, so that what else is in b can go. The constants of the
// score are not in it: they have to be those with which the items were put. Its errors wrap [pack.ErrBroken].
func Load(p Params, b []byte) (*Index, error) {
	if len(b) < len(indexMagic) || string(b[:len(indexMagic)]) != indexMagic {
		return nil, fmt.Errorf("%w: an index does not begin with its mark and version", pack.ErrBroken)
	}
	b = b[len(indexMagic):]
	next := func(most uint64) (n uint64, ok bool) {
		if len(b) < 8 {
			return 0, false
		}
		n, b = binary.LittleEndian.Uint64(b), b[8:]
		return n, n <= most
	}
	x := New(p)
	size, ok := next(1 << 32)
	count, more := next(uint64(len(b)))
	if !ok || !more {
		return nil, fmt.Errorf("%w: an index of %d slots and %d segments", pack.ErrBroken, size, count)
	}
	x.size = int(size)
	for range count {
		words, ok := next(uint64(len(b) / 8))
		if !ok || words > uint64(len(b)/8) {
			return nil, fmt.Errorf("%w: a segment is cut short", pack.ErrBroken)
		}
		dead := make(catalogue.Bits, words)
		for i := range dead {
			dead[i], b = binary.LittleEndian.Uint64(b), b[8:]
		}
		length, ok := next(uint64(len(b)))
		if !ok || length > uint64(len(b)) {
			return nil, fmt.Errorf("%w: a segment is cut short", pack.ErrBroken)
		}
		s, err := segment.Open(slices.Clone(b[:length]))
		if err != nil {
			return nil, fmt.Errorf("%w: open segment: %w", pack.ErrBroken, err)
		}
		b = b[length:]
		if err := x.admit(s, dead); err != nil {
			return nil, err
		}
	}
	if len(b) > 0 {
		return nil, fmt.Errorf("%w: %d bytes follow an index", pack.ErrBroken, len(b))
	}
	return x, nil
}

// admit adds a segment and its dead.
func (x *Index) admit(s *segment.Segment, dead catalogue.Bits) error {
	p := newSegmentPart(s)
	for doc := range dead.All {
		if int(doc) >= s.Docs() {
			return fmt.Errorf("%w: document %d of %d is dead", pack.ErrBroken, doc, s.Docs())
		}
		p.kill(uint32(doc))
	}
	if int(s.Slot(uint32(s.Docs()-1))) >= x.size {
		return fmt.Errorf("%w: a slot lies above %d", pack.ErrBroken, x.size)
	}
	for doc := range uint32(s.Docs()) {
		if p.dead.Has(catalogue.Slot(doc)) {
			continue
		}
		if other, _ := x.find(s.Slot(doc)); other != nil {
			return fmt.Errorf("%w: an item lives twice", pack.ErrBroken)
		}
	}
	x.parts = append(x.parts, p)
	x.count += p.alive
	return nil
}
