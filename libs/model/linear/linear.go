// Package linear scores rows by a weighted sum of their features.
package linear

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// Model scores a row x by Bias + sum over j of Weights[j] * x[j].
type Model struct {
	Bias    float32
	Weights []float32
}

// Features is the length of a row.
func (m *Model) Features() int { return len(m.Weights) }

// Score implements the Scorer of package model: dst[i] = Bias + dot(Weights, x[i*Features():]). x is row-major. The order of
// the sum is fixed: four partial sums by j % 4, then (0+1)+(2+3).
func (m *Model) Score(dst, x []float32) {
	width := len(m.Weights)
	if len(x) != len(dst)*width {
		panic("linear: rows and scores differ in length")
	}
	for i := range dst {
		row := x[i*width : (i+1)*width]
		w := m.Weights[:len(row)]
		var a, b, c, d float32
		j := 0
		for ; j+4 <= len(row); j += 4 {
			a += w[j] * row[j]
			b += w[j+1] * row[j+1]
			c += w[j+2] * row[j+2]
			d += w[j+3] * row[j+3]
		}
		for ; j < len(row); j++ {
			a += w[j] * row[j]
		}
		dst[i] = m.Bias + ((a + b) + (c + d))
	}
}

// maxFeatures bounds the length of a row.
const maxFeatures = 1 << 16

// AppendBinary implements [encoding.BinaryAppender]: uint32 features, float32 bias, float32 weights, little-endian.
func (m *Model) AppendBinary(b []byte) ([]byte, error) {
	if len(m.Weights) > maxFeatures {
		return b, fmt.Errorf("encode linear model: %d features, at most %d", len(m.Weights), maxFeatures)
	}
	b = binary.LittleEndian.AppendUint32(b, uint32(len(m.Weights)))
	b = binary.LittleEndian.AppendUint32(b, math.Float32bits(m.Bias))
	for _, w := range m.Weights {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(w))
	}
	return b, nil
}

var errLength = errors.New("has another length than it says")

// Decode reads what AppendBinary wrote. It allocates at most as much as b holds.
func Decode(b []byte) (*Model, error) {
	if len(b) < 8 {
		return nil, fmt.Errorf("decode linear model: %w", errLength)
	}
	n := uint64(binary.LittleEndian.Uint32(b))
	if n > maxFeatures || uint64(len(b)) != 8+4*n {
		return nil, fmt.Errorf("decode linear model: %w: %d features in %d bytes", errLength, n, len(b))
	}
	m := &Model{Bias: math.Float32frombits(binary.LittleEndian.Uint32(b[4:])), Weights: make([]float32, n)}
	finite := isFinite(m.Bias)
	for j := range m.Weights {
		m.Weights[j] = math.Float32frombits(binary.LittleEndian.Uint32(b[8+4*j:]))
		finite = finite && isFinite(m.Weights[j])
	}
	if !finite {
		return nil, errors.New("decode linear model: a weight is not finite")
	}
	return m, nil
}

func isFinite(x float32) bool { return x-x == 0 }
