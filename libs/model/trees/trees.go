// Package trees scores rows with an ensemble of decision trees, on top of a weighted sum where there is one.
//
// Every tree is complete: all leaves lie at the same depth, so that a walk is a fixed number of steps without a branch to
// predict, and the walks of several rows run interleaved. A place where nothing is to be decided has the threshold +Inf.
package trees

import (
	"errors"
	"fmt"

	"github.com/haggle-commerce/haggle/libs/model/linear"
)

// Limits of an ensemble.
const (
	MaxDepth    = 10
	MaxTrees    = 1 << 14
	MaxFeatures = 1 << 16
)

// Node is a decision: a row goes to the right when its feature is greater than the threshold, else (NaN too) to the left.
type Node struct {
	Feature   uint32
	Threshold float32
}

// Tree is one complete tree. Nodes are in the order of levels: the children of node i are 2i+1 and 2i+2. A tree of depth d has
// 2^d - 1 nodes and 2^d leaves.
type Tree struct {
	Nodes  []Node
	Leaves []float32
}

// Depth returns how many decisions lie between the root and a leaf, -1 when the tree is not complete.
func (t *Tree) Depth() int {
	for d := range MaxDepth + 1 {
		if len(t.Leaves) == 1<<d {
			if len(t.Nodes) != 1<<d-1 {
				return -1
			}
			return d
		}
	}
	return -1
}

// Model is an ensemble. Make one with [New] or [Decode].
type Model struct {
	features int
	bias     float32
	// base is what the trees correct; nil means nothing.
	base  *linear.Model
	trees []place
	// nodes holds 2^depth entries of each tree: entry i > 0 is node i-1, so that the children of entry i are 2i and 2i+1.
	nodes  []Node
	leaves []float32
}

// OnBase returns the model with a weighted sum to which its trees are added. It refuses one of another width.
func (m *Model) OnBase(base *linear.Model) (*Model, error) {
	if base.Features() != m.features {
		return nil, fmt.Errorf("make trees: the base has %d features, the trees have %d", base.Features(), m.features)
	}
	on := *m
	on.base = base
	return &on, nil
}

// Base returns the weighted sum that the trees are added to; nil when there is none.
func (m *Model) Base() *linear.Model { return m.base }

// place says where a tree stands in nodes and in leaves, and how deep it is.
type place struct {
	at    uint32
	depth uint32
}

// New makes a model whose score is the bias plus one leaf of each tree.
func New(features int, bias float32, forest []Tree) (*Model, error) {
	if features < 0 || features > MaxFeatures || len(forest) > MaxTrees {
		return nil, fmt.Errorf("make trees: %d features and %d trees, at most %d and %d", features, len(forest), MaxFeatures, MaxTrees)
	}
	m := &Model{features: features, bias: bias, trees: make([]place, 0, len(forest))}
	for i := range forest {
		if err := m.add(&forest[i]); err != nil {
			return nil, fmt.Errorf("make trees: tree %d: %w", i, err)
		}
	}
	if !isFinite(bias) {
		return nil, errors.New("make trees: the bias is not finite")
	}
	return m, nil
}

func (m *Model) add(t *Tree) error {
	depth := t.Depth()
	if depth < 0 {
		return fmt.Errorf("%d nodes and %d leaves make no complete tree of depth %d or less", len(t.Nodes), len(t.Leaves), MaxDepth)
	}
	for i, n := range t.Nodes {
		if n.Feature >= uint32(m.features) || n.Threshold != n.Threshold {
			return fmt.Errorf("node %d asks for feature %d above %v, there are %d features", i, n.Feature, n.Threshold, m.features)
		}
	}
	for i, leaf := range t.Leaves {
		if !isFinite(leaf) {
			return fmt.Errorf("leaf %d is %v", i, leaf)
		}
	}
	m.trees = append(m.trees, place{at: uint32(len(m.leaves)), depth: uint32(depth)})
	m.nodes = append(append(m.nodes, Node{}), t.Nodes...)
	m.leaves = append(m.leaves, t.Leaves...)
	return nil
}

func isFinite(x float32) bool { return x-x == 0 }

// Features is the length of a row.
func (m *Model) Features() int { return m.features }

// Trees is how many trees there are.
func (m *Model) Trees() int { return len(m.trees) }

// Tree returns tree i. It belongs to the model.
func (m *Model) Tree(i int) Tree {
	p, size := m.trees[i], uint32(1)<<m.trees[i].depth
	return Tree{Nodes: m.nodes[p.at+1 : p.at+size], Leaves: m.leaves[p.at : p.at+size]}
}

// lanes is how many rows walk through a tree together: their loads do not wait for one another. More than four spill registers.
const lanes = 4

// Score implements the Scorer of package model. The score of a row is
//
//	(base + bias) + leaf(tree 0) + leaf(tree 1) + ...
//
// in float32 and in this order, for every number of rows. x is n x Features(), row-major; dst has length n.
func (m *Model) Score(dst, x []float32) {
	if len(x) != len(dst)*m.features {
		panic("trees: rows and scores differ in length")
	}
	if m.base != nil {
		m.base.Score(dst, x)
	} else {
		clear(dst)
	}
	for i := range dst {
		dst[i] += m.bias
	}
	whole := len(dst) / lanes * lanes
	for _, p := range m.trees {
		size := uint(1) << p.depth
		nodes, leaves := m.nodes[p.at:][:size], m.leaves[p.at:][:size]
		walk(dst[:whole], x, m.features, nodes, leaves)
		for i := whole; i < len(dst); i++ {
			row := x[i*m.features : (i+1)*m.features]
			at := uint(1)
			for range p.depth {
				n := nodes[at]
				at = 2*at + above(row[n.Feature], n.Threshold)
			}
			dst[i] += leaves[at-size]
		}
	}
}

// walk adds a tree's leaf to each of the scores, whose number is a multiple of lanes. The numbers of nodes and leaves are the
// same power of two.
func walk(dst, x []float32, width int, nodes []Node, leaves []float32) {
	size := uint(len(nodes))
	leaves = leaves[:len(nodes)]
	for ; len(dst) >= lanes; dst = dst[lanes:] {
		xa, xb, xc, xd := x[:width], x[width:2*width], x[2*width:3*width], x[3*width:4*width]
		x = x[4*width:]
		a, b, c, d := uint(1), uint(1), uint(1), uint(1)
		for a < size {
			n := &nodes[a]
			a = 2*a + above(xa[n.Feature], n.Threshold)
			n = &nodes[b]
			b = 2*b + above(xb[n.Feature], n.Threshold)
			n = &nodes[c]
			c = 2*c + above(xc[n.Feature], n.Threshold)
			n = &nodes[d]
			d = 2*d + above(xd[n.Feature], n.Threshold)
		}
		out := (*[lanes]float32)(dst)
		out[0] += leaves[a-size]
		out[1] += leaves[b-size]
		out[2] += leaves[c-size]
		out[3] += leaves[d-size]
	}
}

// above returns 1 when x > threshold, else 0, without a branch.
func above(x, threshold float32) uint {
	var right uint
	if x > threshold {
		right = 1
	}
	return right
}
