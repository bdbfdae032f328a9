package factor

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strings"

	"github.com/haggle-commerce/haggle/libs/model"
	"github.com/haggle-commerce/haggle/libs/shop"
)

// payloadVersion is the first byte of the payload. History: 1 = the first.
const payloadVersion = 1

// headBytes is the length of what stands before the ids.
const headBytes = 2 + 2 + 4 + 3*8

// Encode writes the model file. The kind in the header is set; notes are for people.
func (m *Model) Encode(notes map[string]string) ([]byte, error) {
	payload, err := m.AppendBinary(nil)
	if err != nil {
		return nil, err
	}
	return model.Encode(model.Header{Kind: model.KindFactor, Notes: notes}, payload)
}

// AppendBinary implements [encoding.BinaryAppender]: a byte version, a byte fold, uint16 rank, uint32 ids, float64 unobserved,
// regularisation and frequency; for each id a byte with its length; the ids; the vectors, scales and prior as float32. All
// little-endian.
func (m *Model) AppendBinary(b []byte) ([]byte, error) {
	if err := m.check(); err != nil {
		return nil, fmt.Errorf("encode factors: %w", err)
	}
	b = append(b, payloadVersion, byte(m.Fold))
	b = binary.LittleEndian.AppendUint16(b, uint16(m.Rank))
	b = binary.LittleEndian.AppendUint32(b, uint32(len(m.IDs)))
	for _, x := range []float64{m.Unobserved, m.Regularisation, m.Frequency} {
		b = binary.LittleEndian.AppendUint64(b, math.Float64bits(x))
	}
	for _, id := range m.IDs {
		b = append(b, byte(len(id)))
	}
	for _, id := range m.IDs {
		b = append(b, id...)
	}
	for _, list := range [][]float32{m.Vectors, m.Scales, m.Prior} {
		for _, x := range list {
			b = binary.LittleEndian.AppendUint32(b, math.Float32bits(x))
		}
	}
	return b, nil
}

// Open reads a model file. The errors are those of [model.Open].
func Open(file []byte) (*Model, error) {
	header, payload, err := model.Split(file)
	if err != nil {
		return nil, err
	}
	if header.Kind != model.KindFactor {
		return nil, fmt.Errorf("%w: it is %q, not %q", model.ErrKind, header.Kind, model.KindFactor)
	}
	m, err := Decode(payload)
	if errors.Is(err, model.ErrVersion) {
		return nil, err
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", model.ErrBroken, err)
	}
	return m, nil
}

var errLength = errors.New("has another length than it says")

// Decode reads what AppendBinary wrote. Beside b it needs at most 20 times the memory of b, most of it for the heads of short ids.
func Decode(b []byte) (*Model, error) {
	if len(b) < headBytes {
		return nil, fmt.Errorf("decode factors: %w", errLength)
	}
	if b[0] != payloadVersion {
		return nil, fmt.Errorf("decode factors: %w: %d, known is %d", model.ErrVersion, b[0], payloadVersion)
	}
	m := &Model{Fold: Fold(b[1]), Rank: int(binary.LittleEndian.Uint16(b[2:]))}
	if m.Rank < 1 || m.Rank > MaxRank || m.Fold >= folds {
		return nil, fmt.Errorf("decode factors: rank %d and fold %d are out of range", m.Rank, m.Fold)
	}
	ids := uint64(binary.LittleEndian.Uint32(b[4:]))
	for i, x := range []*float64{&m.Unobserved, &m.Regularisation, &m.Frequency} {
		*x = math.Float64frombits(binary.LittleEndian.Uint64(b[8+8*i:]))
	}
	b = b[headBytes:]
	floats := ids * uint64(m.Rank)
	if m.Fold == Sum {
		floats += ids
	} else {
		floats += uint64(m.Rank * m.Rank)
	}
	if 2*ids+4*floats > uint64(len(b)) {
		return nil, fmt.Errorf("decode factors: %w: %d ids of rank %d in %d bytes", errLength, ids, m.Rank, len(b))
	}
	lengths, text := b[:ids], uint64(0)
	for _, n := range lengths {
		text += uint64(n)
	}
	if uint64(len(b)) != ids+text+4*floats {
		return nil, fmt.Errorf("decode factors: %w: %d ids of %d bytes and rank %d in %d bytes", errLength, ids, text, m.Rank, len(b)+headBytes)
	}
	// One string holds all ids, so that there is one thing for the garbage collector to look at.
	var all strings.Builder
	all.Write(b[ids : ids+text])
	rest := all.String()
	b = b[ids+text:]
	m.IDs = make([]shop.ItemID, ids)
	for i, n := range lengths {
		m.IDs[i], rest = shop.ItemID(rest[:n]), rest[n:]
	}
	m.Vectors, b = takeFloats(b, len(m.IDs)*m.Rank)
	if m.Fold == Sum {
		m.Scales, _ = takeFloats(b, len(m.IDs))
	} else {
		m.Prior, _ = takeFloats(b, m.Rank*m.Rank)
	}
	if err := m.check(); err != nil {
		return nil, fmt.Errorf("decode factors: %w", err)
	}
	return m, nil
}

// takeFloats reads n numbers from the beginning of b and returns the rest.
func takeFloats(b []byte, n int) ([]float32, []byte) {
	out := make([]float32, n)
	for i := range out {
		out[i] = math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:]))
	}
	return out, b[4*n:]
}
