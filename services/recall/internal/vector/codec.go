package vector

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math"
	"slices"

	"github.com/haggle-commerce/haggle/libs/kernel"
	"github.com/haggle-commerce/haggle/services/recall/internal/catalogue"
)

// An index as bytes, all numbers little-endian:
//
//	magic     8 bytes "HGVECTR\n"
//	version   uint32  1
//	dims      uint32  length of a vector, 0 when there is none
//	items     uint32
//	lists     uint32
//	steps     uint32
//	steps     steps x (uint32 depth, uint32 probes)
//	centroids lists x (float32 scale, padded(dims) x int8), only when there is more than one list
//	items     items x (uint32 slot, uint32 list, float32 scale, dims x int16), in rising order of slots
//	check     uint32  CRC-32C of all that stands before
//
// History: 1 = the first.
const (
	magic       = "HGVECTR\n"
	version     = 1
	headBytes   = len(magic) + 5*4
	checkBytes  = 4
	maxLists    = 1 << 20
	maxSteps    = 64
	castagnoli  = crc32.Castagnoli
	perItemHead = 12
)

// ErrBroken says that bytes are not an index.
var ErrBroken = errors.New("not the bytes of an index of vectors")

// AppendBinary implements [encoding.BinaryAppender]. A rebuild in progress is not in it.
func (ix *Index) AppendBinary(b []byte) ([]byte, error) {
	begin := len(b)
	le := binary.LittleEndian
	b = slices.Grow(b, headBytes+8*maxSteps+ix.Lists()*(4+kernel.Padded(ix.dims))+ix.Len()*(perItemHead+2*ix.dims)+checkBytes)
	b = append(b, magic...)
	b = le.AppendUint32(b, version)
	b = le.AppendUint32(b, uint32(ix.dims))
	b = le.AppendUint32(b, uint32(ix.Len()))
	b = le.AppendUint32(b, uint32(ix.Lists()))
	if ix.lists == nil {
		b = le.AppendUint32(b, 0)
		return le.AppendUint32(b, crc32.Checksum(b[begin:], crc32.MakeTable(castagnoli))), nil
	}
	b = le.AppendUint32(b, uint32(len(ix.lists.steps)))
	for _, s := range ix.lists.steps {
		b = le.AppendUint32(b, uint32(s.depth))
		b = le.AppendUint32(b, uint32(s.probes))
	}
	if n := len(ix.lists.all); n > 1 {
		codes := make([]int8, ix.lists.dims)
		for i := range n {
			b = le.AppendUint32(b, math.Float32bits(ix.lists.centroids.Get(i, codes)))
			for _, c := range codes {
				b = append(b, byte(c))
			}
		}
	}
	ix.rows.all(0, func(s catalogue.Slot) bool {
		codes, scale := ix.rows.get(s)
		b = le.AppendUint32(b, uint32(s))
		b = le.AppendUint32(b, ix.lists.places[s].list)
		b = le.AppendUint32(b, math.Float32bits(scale))
		for _, c := range codes[:ix.dims] {
			b = le.AppendUint16(b, uint16(c))
		}
		return true
	})
	return le.AppendUint32(b, crc32.Checksum(b[begin:], crc32.MakeTable(castagnoli))), nil
}

// Decode reads what AppendBinary wrote into a new index. Slots have to lie below limit. The errors are [ErrBroken]. Beside b it
// needs as much memory as the index has, at most four times b and some more for every slot below the greatest.
func Decode(b []byte, o Options, limit int) (*Index, error) {
	le := binary.LittleEndian
	if len(b) < headBytes+checkBytes || string(b[:len(magic)]) != magic {
		return nil, fmt.Errorf("%w: they do not begin as one", ErrBroken)
	}
	body := b[:len(b)-checkBytes]
	if sum, says := crc32.Checksum(body, crc32.MakeTable(castagnoli)), le.Uint32(b[len(body):]); sum != says {
		return nil, fmt.Errorf("%w: the checksum is %08x, they say %08x", ErrBroken, sum, says)
	}
	head := func(i int) int { return int(le.Uint32(body[len(magic)+4*i:])) }
	dims, items, n, steps := head(1), head(2), head(3), head(4)
	ix := New(o)
	switch {
	case head(0) != version:
		return nil, fmt.Errorf("%w: version %d, known is %d", ErrBroken, head(0), version)
	case dims > MaxDims || n > maxLists || steps > maxSteps || (dims == 0) != (n == 0) || dims == 0 && items+steps > 0:
		return nil, fmt.Errorf("%w: %d dims, %d items, %d lists, %d steps", ErrBroken, dims, items, n, steps)
	}
	want, centroids := headBytes+8*steps+items*(perItemHead+2*dims), 0
	if n > 1 {
		centroids = n * (4 + kernel.Padded(dims))
	}
	if want+centroids != len(body) {
		return nil, fmt.Errorf("%w: %d bytes, want %d", ErrBroken, len(body), want+centroids)
	}
	if dims == 0 {
		return ix, nil
	}
	ix.setDims(dims)
	ix.lists = newLists(n, kernel.Padded(dims))
	rest := body[headBytes:]
	for range steps {
		ix.lists.steps = append(ix.lists.steps, step{int(le.Uint32(rest)), int(le.Uint32(rest[4:]))})
		rest = rest[8:]
	}
	if err := ix.lists.checkSteps(); err != nil {
		return nil, err
	}
	if n > 1 {
		if err := ix.lists.decodeCentroids(rest[:centroids]); err != nil {
			return nil, err
		}
		rest = rest[centroids:]
	}
	return ix, ix.decodeItems(rest, items, limit)
}

func (l *lists) checkSteps() error {
	for i, s := range l.steps {
		if s.probes < 1 || s.probes > len(l.all) || i > 0 && s.depth <= l.steps[i-1].depth {
			return fmt.Errorf("%w: step %d has depth %d and %d probes of %d lists", ErrBroken, i, s.depth, s.probes, len(l.all))
		}
	}
	return nil
}

func (l *lists) decodeCentroids(b []byte) error {
	n := len(l.all)
	l.centroids = kernel.MakeBlocks(n, l.dims)
	codes := make([]int8, l.dims)
	for i := range n {
		row := b[i*(4+l.dims) : (i+1)*(4+l.dims)]
		scale := math.Float32frombits(binary.LittleEndian.Uint32(row))
		if !(scale >= 0 && scale <= math.MaxFloat32) {
			return fmt.Errorf("%w: centroid %d has scale %v", ErrBroken, i, scale)
		}
		for j := range codes {
			codes[j] = int8(row[4+j])
		}
		l.centroids.Set(i, codes, scale)
	}
	return nil
}

func (ix *Index) decodeItems(b []byte, items, limit int) error {
	le, size, before := binary.LittleEndian, perItemHead+2*ix.dims, -1
	clear(ix.fine)
	for i := range items {
		row := b[i*size : (i+1)*size]
		slot, list, scale := int(le.Uint32(row)), int(le.Uint32(row[4:])), math.Float32frombits(le.Uint32(row[8:]))
		if slot <= before || slot >= limit || list >= len(ix.lists.all) || !(scale > 0 && scale <= 1) {
			return fmt.Errorf("%w: item %d has slot %d behind %d of %d, list %d of %d, scale %v", ErrBroken, i, slot, before, limit, list, len(ix.lists.all), scale)
		}
		for j := range ix.dims {
			if ix.fine[j] = int16(le.Uint16(row[perItemHead+2*j:])); ix.fine[j] < -largest16 {
				return fmt.Errorf("%w: item %d holds %d", ErrBroken, i, ix.fine[j])
			}
		}
		s := catalogue.Slot(slot)
		ix.rows.put(s, ix.fine, scale)
		narrow := ix.rows.narrow(s, ix.wide, ix.coarse)
		ix.lists.insert(list, s, ix.coarse, narrow)
		before = slot
	}
	return nil
}
