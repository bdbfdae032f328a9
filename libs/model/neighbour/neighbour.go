// Package neighbour holds, for each item, the items that go with it best.
package neighbour

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/maphash"
	"math"
	"math/bits"
	"strings"

	"github.com/haggle-commerce/haggle/libs/model"
	"github.com/haggle-commerce/haggle/libs/shop"
)

// Model is a set of lists. The list of item i of IDs is Items[Offsets[i]:Offsets[i+1]], as numbers of IDs, with their Weights,
// the greatest first. Make one with [New] or [Open]; then it never changes and may be used by many goroutines at once.
type Model struct {
	// IDs are in ascending order, each once.
	IDs     []shop.ItemID
	Offsets []uint32
	Items   []uint32
	Weights []float32

	seed maphash.Seed
	// slots is a hash table of numbers of IDs, each 1 more; 0 is an empty slot. Open addressing, at most half full.
	slots []uint32
}

// New makes a model of lists and checks them.
func New(ids []shop.ItemID, offsets, items []uint32, weights []float32) (*Model, error) {
	m := &Model{IDs: ids, Offsets: offsets, Items: items, Weights: weights}
	if err := m.check(); err != nil {
		return nil, fmt.Errorf("make neighbours: %w", err)
	}
	m.index()
	return m, nil
}

func (m *Model) check() error {
	n := len(m.IDs)
	if len(m.Offsets) != n+1 || m.Offsets[0] != 0 || len(m.Items) != len(m.Weights) || uint64(m.Offsets[n]) != uint64(len(m.Items)) {
		return errors.New("ids, offsets, items and weights do not fit together")
	}
	for i, id := range m.IDs {
		if reason := shop.IDFault(string(id)); reason != "" {
			return fmt.Errorf("id %d %s", i, reason)
		}
		if i > 0 && id <= m.IDs[i-1] {
			return fmt.Errorf("id %d is not greater than the one before", i)
		}
		from, to := m.Offsets[i], m.Offsets[i+1]
		if from > to || uint64(to) > uint64(len(m.Items)) {
			return fmt.Errorf("list %d goes from %d to %d of %d", i, from, to, len(m.Items))
		}
		before := float32(math.MaxFloat32)
		for k := from; k < to; k++ {
			if m.Items[k] >= uint32(n) || !(m.Weights[k] > 0 && m.Weights[k] <= before) {
				return fmt.Errorf("list %d has item %d of %d with weight %v after %v", i, m.Items[k], n, m.Weights[k], before)
			}
			before = m.Weights[k]
		}
	}
	return nil
}

// index builds the hash table.
func (m *Model) index() {
	m.seed = maphash.MakeSeed()
	m.slots = make([]uint32, 1<<bits.Len(uint(max(2*len(m.IDs), 8)-1)))
	for i, id := range m.IDs {
		at := m.slot(id)
		for m.slots[at] != 0 {
			at = (at + 1) & uint64(len(m.slots)-1)
		}
		m.slots[at] = uint32(i) + 1
	}
}

func (m *Model) slot(id shop.ItemID) uint64 {
	return maphash.String(m.seed, string(id)) & uint64(len(m.slots)-1)
}

// Lookup returns the number of an item.
func (m *Model) Lookup(id shop.ItemID) (index uint32, ok bool) {
	if len(m.slots) == 0 {
		return 0, false
	}
	for at := m.slot(id); m.slots[at] != 0; at = (at + 1) & uint64(len(m.slots)-1) {
		if i := m.slots[at] - 1; m.IDs[i] == id {
			return i, true
		}
	}
	return 0, false
}

// Neighbours returns the list of an item, the best first. The slices belong to the model.
func (m *Model) Neighbours(index uint32) (items []uint32, weights []float32) {
	from, to := m.Offsets[index], m.Offsets[index+1]
	return m.Items[from:to:to], m.Weights[from:to:to]
}

// Len returns how many items there are.
func (m *Model) Len() int { return len(m.IDs) }

// Encode writes the model file. The kind in the header is set; notes are for people.
func (m *Model) Encode(notes map[string]string) ([]byte, error) {
	payload, err := m.AppendBinary(nil)
	if err != nil {
		return nil, err
	}
	return model.Encode(model.Header{Kind: model.KindNeighbour, Notes: notes}, payload)
}

// AppendBinary implements [encoding.BinaryAppender]: uint32 ids, uint32 entries; for each id a byte with its length; the ids;
// for each id a uint16 with the length of its list; the items as uint32; the weights as float32. All little-endian.
func (m *Model) AppendBinary(b []byte) ([]byte, error) {
	b = binary.LittleEndian.AppendUint32(b, uint32(len(m.IDs)))
	b = binary.LittleEndian.AppendUint32(b, uint32(len(m.Items)))
	for _, id := range m.IDs {
		b = append(b, byte(len(id)))
	}
	for _, id := range m.IDs {
		b = append(b, id...)
	}
	for i := range m.IDs {
		size := m.Offsets[i+1] - m.Offsets[i]
		if size > math.MaxUint16 {
			return nil, fmt.Errorf("encode neighbours: list %d has %d items, at most %d", i, size, math.MaxUint16)
		}
		b = binary.LittleEndian.AppendUint16(b, uint16(size))
	}
	for _, item := range m.Items {
		b = binary.LittleEndian.AppendUint32(b, item)
	}
	for _, w := range m.Weights {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(w))
	}
	return b, nil
}

// Open reads a model file. The errors are those of [model.Open].
func Open(file []byte) (*Model, error) {
	header, payload, err := model.Split(file)
	if err != nil {
		return nil, err
	}
	if header.Kind != model.KindNeighbour {
		return nil, fmt.Errorf("%w: it is %q, not %q", model.ErrKind, header.Kind, model.KindNeighbour)
	}
	m, err := Decode(payload)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", model.ErrBroken, err)
	}
	return m, nil
}

// idBytes is what an id takes at least: its length, a byte of its own and the length of its list.
const idBytes = 4

var errLength = errors.New("has another length than it says")

// Decode reads what AppendBinary wrote. Beside b it needs at most ten times the memory of b, most of it for ids that are
// shorter than the 16 bytes of a string's head.
func Decode(b []byte) (*Model, error) {
	if len(b) < 8 {
		return nil, fmt.Errorf("decode neighbours: %w", errLength)
	}
	ids, entries := uint64(binary.LittleEndian.Uint32(b)), uint64(binary.LittleEndian.Uint32(b[4:]))
	b = b[8:]
	if ids*idBytes+entries*8 > uint64(len(b)) {
		return nil, fmt.Errorf("decode neighbours: %w: %d ids and %d entries in %d bytes", errLength, ids, entries, len(b))
	}
	lengths, text := b[:ids], uint64(0)
	for _, n := range lengths {
		text += uint64(n)
	}
	if uint64(len(b)) != ids+text+2*ids+8*entries {
		return nil, fmt.Errorf("decode neighbours: %w: %d ids of %d bytes and %d entries in %d bytes", errLength, ids, text, entries, len(b))
	}
	b = b[ids:]
	m := &Model{IDs: make([]shop.ItemID, ids), Offsets: make([]uint32, ids+1), Items: make([]uint32, entries), Weights: make([]float32, entries)}
	// One string holds all ids, so that there is one thing for the garbage collector to look at.
	var all strings.Builder
	all.Write(b[:text])
	rest := all.String()
	b = b[text:]
	for i, n := range lengths {
		m.IDs[i], rest = shop.ItemID(rest[:n]), rest[n:]
		m.Offsets[i+1] = m.Offsets[i] + uint32(binary.LittleEndian.Uint16(b[2*i:]))
	}
	b = b[2*ids:]
	for i := range m.Items {
		m.Items[i] = binary.LittleEndian.Uint32(b[4*i:])
		m.Weights[i] = math.Float32frombits(binary.LittleEndian.Uint32(b[4*(int(entries)+i):]))
	}
	if err := m.check(); err != nil {
		return nil, fmt.Errorf("decode neighbours: %w", err)
	}
	m.index()
	return m, nil
}
