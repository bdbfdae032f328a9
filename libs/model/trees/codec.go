package trees

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"github.com/haggle-commerce/haggle/libs/model/linear"
)

// AppendBinary implements [encoding.BinaryAppender]: uint32 features, uint32 trees, float32 bias, uint32 length of the base and
// the base as package linear writes it, length 0 for none; then for each tree a byte with its depth d, 2^d - 1 nodes as uint16 feature and float32 threshold, and 2^d leaves as float32. All little-endian.
func (m *Model) AppendBinary(b []byte) ([]byte, error) {
	b = binary.LittleEndian.AppendUint32(b, uint32(m.features))
	b = binary.LittleEndian.AppendUint32(b, uint32(len(m.trees)))
	b = appendFloat(b, m.bias)
	b = append(b, 0, 0, 0, 0)
	if m.base != nil {
		at := len(b)
		var err error
		if b, err = m.base.AppendBinary(b); err != nil {
			return nil, fmt.Errorf("encode trees: base: %w", err)
		}
		binary.LittleEndian.PutUint32(b[at-4:], uint32(len(b)-at))
	}
	for i := range m.trees {
		t := m.Tree(i)
		b = append(b, byte(m.trees[i].depth))
		for _, n := range t.Nodes {
			b = binary.LittleEndian.AppendUint16(b, uint16(n.Feature))
			b = appendFloat(b, n.Threshold)
		}
		for _, leaf := range t.Leaves {
			b = appendFloat(b, leaf)
		}
	}
	return b, nil
}

func appendFloat(b []byte, x float32) []byte {
	return binary.LittleEndian.AppendUint32(b, math.Float32bits(x))
}

var errShort = errors.New("is cut short")

const (
	nodeBytes = 6
	leafBytes = 4
	// minTreeBytes is what a tree of depth 0 takes.
	minTreeBytes = 1 + leafBytes
)

// Decode reads what AppendBinary wrote. It allocates at most about twice as much as b holds.
func Decode(b []byte) (*Model, error) {
	if len(b) < 16 {
		return nil, fmt.Errorf("decode trees: %w", errShort)
	}
	features, count := binary.LittleEndian.Uint32(b), binary.LittleEndian.Uint32(b[4:])
	m := &Model{features: int(features), bias: floatAt(b[8:])}
	base := binary.LittleEndian.Uint32(b[12:])
	b = b[16:]
	if uint64(base) > uint64(len(b)) {
		return nil, fmt.Errorf("decode trees: base: %w", errShort)
	}
	if base > 0 {
		var err error
		if m.base, err = linear.Decode(b[:base]); err != nil {
			return nil, fmt.Errorf("decode trees: base: %w", err)
		}
		if m.base.Features() != m.features {
			return nil, fmt.Errorf("decode trees: the base has %d features, the trees have %d", m.base.Features(), m.features)
		}
		b = b[base:]
	}
	if features > MaxFeatures || count > MaxTrees || uint64(count)*minTreeBytes > uint64(len(b)) || !isFinite(m.bias) {
		return nil, fmt.Errorf("decode trees: says %d trees of %d features and bias %v, in %d bytes", count, features, m.bias, len(b))
	}
	leaves, err := measure(b, int(count))
	if err != nil {
		return nil, fmt.Errorf("decode trees: %w", err)
	}
	m.trees, m.nodes, m.leaves = make([]place, 0, count), make([]Node, 0, leaves), make([]float32, 0, leaves)
	var t Tree
	for i := range count {
		b = t.read(b)
		if err := m.add(&t); err != nil {
			return nil, fmt.Errorf("decode trees: tree %d: %w", i, err)
		}
	}
	return m, nil
}

// measure returns how many leaves so many trees have together, when they fill b exactly.
func measure(b []byte, count int) (leaves int, err error) {
	for range count {
		if len(b) == 0 {
			return 0, errShort
		}
		if b[0] > MaxDepth {
			return 0, fmt.Errorf("a tree of depth %d, at most %d", b[0], MaxDepth)
		}
		size := 1 << b[0]
		need := 1 + (size-1)*nodeBytes + size*leafBytes
		if len(b) < need {
			return 0, errShort
		}
		b, leaves = b[need:], leaves+size
	}
	if len(b) > 0 {
		return 0, fmt.Errorf("has %d bytes too many", len(b))
	}
	return leaves, nil
}

// read fills the tree from the front of b, which measure has seen, and returns the rest. It reuses the tree's memory.
func (t *Tree) read(b []byte) []byte {
	size := 1 << b[0]
	b = b[1:]
	t.Nodes, t.Leaves = t.Nodes[:0], t.Leaves[:0]
	for range size - 1 {
		t.Nodes = append(t.Nodes, Node{Feature: uint32(binary.LittleEndian.Uint16(b)), Threshold: floatAt(b[2:])})
		b = b[nodeBytes:]
	}
	for range size {
		t.Leaves = append(t.Leaves, floatAt(b))
		b = b[leafBytes:]
	}
	return b
}

func floatAt(b []byte) float32 { return math.Float32frombits(binary.LittleEndian.Uint32(b)) }
