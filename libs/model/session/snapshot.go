package session

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
)

// AppendBinary implements [encoding.BinaryAppender]: it appends the window, not the model in use. All little-endian: uint32
// sessions that the window has room for, uint32 items of one at most, uint32 number of the last session, uint32 sessions; for each
// of them, the oldest first, uint64 id, uint16 items and the items as uint32; uint32 items; for each uint32 sessions that hold
// it and their numbers as uint32, in the order in which they touched it.
func (x *Index) AppendBinary(b []byte) ([]byte, error) {
	le := binary.LittleEndian
	b = le.AppendUint32(b, uint32(x.params.Sessions))
	b = le.AppendUint32(b, uint32(x.params.Length))
	b = le.AppendUint32(b, x.last)
	b = le.AppendUint32(b, uint32(len(x.byID)))
	var buffer []uint32
	for number := x.last - uint32(len(x.byID)) + 1; number != x.last+1; number++ {
		l := x.lineOf(number)
		b = le.AppendUint64(b, l.id)
		b = le.AppendUint16(b, l.size)
		for _, item := range x.read(l, &buffer) {
			b = le.AppendUint32(b, item)
		}
	}
	b = le.AppendUint32(b, uint32(len(x.visits)))
	for item, list := range x.visits {
		b = le.AppendUint32(b, x.counts[item])
		for _, number := range list {
			if x.holds(number) {
				b = le.AppendUint32(b, number)
			}
		}
	}
	return b, nil
}

// ErrSnapshot says what is wrong with the bytes of a window.
var ErrSnapshot = errors.New("window of sessions is broken")

// Restore fills an empty index with what [Index.AppendBinary] wrote for a window of the same size, of items below limit. It answers
// as the one that was written. An error is [ErrSnapshot]; the index is of no use then.
func (x *Index) Restore(b []byte, limit int) error {
	r := &reader{b: b}
	if sessions, length := r.uint32(), r.uint32(); int(sessions) != x.params.Sessions || int(length) != x.params.Length {
		return fmt.Errorf("%w: it is one of %d sessions of %d items", ErrSnapshot, sessions, length)
	}
	last, n := r.uint32(), r.uint32()
	if n > last || int(n) > x.params.Sessions || int(n) < min(int(last), x.params.Sessions) {
		return fmt.Errorf("%w: %d sessions up to number %d", ErrSnapshot, n, last)
	}
	x.last = last - n
	// Sessions stand at their numbers from 1, so a window that is not full yet begins at the second place.
	for len(x.pages)*pageLines < min(int(last)+1, x.params.Sessions) {
		x.pages = append(x.pages, make([]line, pageLines))
	}
	for range n {
		id, size := r.uint64(), int(r.uint16())
		if _, twice := x.byID[id]; twice || size > x.params.Length || r.short(4*size) {
			return fmt.Errorf("%w: session %d comes twice, is too long or cut short", ErrSnapshot, x.last+1)
		}
		x.last++
		l := x.lineOf(x.last)
		*l = line{id: id}
		x.byID[id] = x.last
		for range size {
			if item := r.uint32(); int(item) >= limit || !x.push(l, item) {
				return fmt.Errorf("%w: session %d holds item %d twice or of %d", ErrSnapshot, x.last, item, limit)
			}
		}
		x.events += size
	}
	return x.restoreVisits(r, limit)
}

func (x *Index) restoreVisits(r *reader, limit int) error {
	items := int(r.uint32())
	if items > limit || r.short(4*items) {
		return fmt.Errorf("%w: visits of %d items of %d", ErrSnapshot, items, limit)
	}
	x.visits, x.counts = make([][]uint32, items), make([]uint32, items)
	events := 0
	var buffer []uint32
	for item := range x.visits {
		n := int(r.uint32())
		if r.short(4 * n) {
			return fmt.Errorf("%w: it is cut short", ErrSnapshot)
		}
		list := make([]uint32, n)
		for i := range list {
			list[i] = r.uint32()
			if list[i] == 0 || list[i] > x.last || !x.holds(list[i]) || !slices.Contains(x.read(x.lineOf(list[i]), &buffer), uint32(item)) {
				return fmt.Errorf("%w: item %d is not in session %d", ErrSnapshot, item, list[i])
			}
		}
		if sorted := slices.Sorted(slices.Values(list)); len(slices.Compact(sorted)) < n {
			return fmt.Errorf("%w: item %d is twice in a session", ErrSnapshot, item)
		}
		x.visits[item], x.counts[item] = list, uint32(n)
		events += n
	}
	if events != x.events || len(r.b) > 0 || r.cut {
		return fmt.Errorf("%w: %d visits of %d touches, %d bytes left", ErrSnapshot, events, x.events, len(r.b))
	}
	return nil
}

// reader reads numbers, 0 when there are no more.
type reader struct {
	b   []byte
	cut bool
}

// short reports whether fewer than n bytes are left.
func (r *reader) short(n int) bool { return r.cut || n > len(r.b) }

func (r *reader) next(n int) []byte {
	if r.short(n) {
		r.cut = true
		return make([]byte, n)
	}
	b := r.b[:n]
	r.b = r.b[n:]
	return b
}

func (r *reader) uint16() uint16 { return binary.LittleEndian.Uint16(r.next(2)) }
func (r *reader) uint32() uint32 { return binary.LittleEndian.Uint32(r.next(4)) }
func (r *reader) uint64() uint64 { return binary.LittleEndian.Uint64(r.next(8)) }
