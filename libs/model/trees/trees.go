// Package trees scores rows with an ensemble of decision trees.
//
// Every tree is complete: all leaves lie at the same depth, so that a walk is a fixed number of steps without a branch to
// predict, and the walks of several rows run interleaved. A place where nothing is to be decided has the threshold +Inf.
package trees

import (
	"errors"
	"fmt"
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
	trees    []place
	// nodes holds 2^depth entries of each tree: entry i > 0 is node i-1, so that the children of entry i are 2i and 2i+1.
	nodes  []Node
	leaves []float32
}

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

// lanes is how many rows walk through a tree together: their loads do not wait for one another.
const lanes = 8

// Score implements the Scorer of package model. The score of a row is
//
//	bias + leaf(tree 0) + leaf(tree 1) + ...
//
// in float32 and in this order, for every number of rows. x is n x Features(), row-major; dst has length n.
func (m *Model) Score(dst, x []float32) {
	if len(x) != len(dst)*m.features {
		panic("trees: rows and scores differ in length")
	}
	for i := range dst {
		dst[i] = m.bias
	}
	whole := len(dst) / lanes * lanes
	for _, p := range m.trees {
		size := uint32(1) << p.depth
		nodes, leaves := m.nodes[p.at:p.at+size], m.leaves[p.at:p.at+size]
		m.walk(dst[:whole], x, nodes, leaves, p.depth)
		for i := whole; i < len(dst); i++ {
			row := x[i*m.features : (i+1)*m.features]
			at := uint32(1)
			for range p.depth {
				n := nodes[at]
				at = 2*at + above(row[n.Feature], n.Threshold)
			}
			dst[i] += leaves[at-size]
		}
	}
}

// walk adds a tree's leaf to each of the scores, whose number is a multiple of lanes.
func (m *Model) walk(dst, x []float32, nodes []Node, leaves []float32, depth uint32) {
	width, last := uint32(m.features), uint32(len(nodes)-1)
	for ; len(dst) >= lanes; dst, x = dst[lanes:], x[lanes*width:] {
		// The slice proves that every index below is within it.
		block := x[:lanes*width]
		a, b, c, d, e, f, g, h := uint32(1), uint32(1), uint32(1), uint32(1), uint32(1), uint32(1), uint32(1), uint32(1)
		for range depth {
			na, nb, nc, nd := nodes[a], nodes[b], nodes[c], nodes[d]
			ne, nf, ng, nh := nodes[e], nodes[f], nodes[g], nodes[h]
			a = 2*a + above(block[na.Feature], na.Threshold)
			b = 2*b + above(block[width+nb.Feature], nb.Threshold)
			c = 2*c + above(block[2*width+nc.Feature], nc.Threshold)
			d = 2*d + above(block[3*width+nd.Feature], nd.Threshold)
			e = 2*e + above(block[4*width+ne.Feature], ne.Threshold)
			f = 2*f + above(block[5*width+nf.Feature], nf.Threshold)
			g = 2*g + above(block[6*width+ng.Feature], ng.Threshold)
			h = 2*h + above(block[7*width+nh.Feature], nh.Threshold)
		}
		out := (*[lanes]float32)(dst)
		out[0] += leaves[a&last]
		out[1] += leaves[b&last]
		out[2] += leaves[c&last]
		out[3] += leaves[d&last]
		out[4] += leaves[e&last]
		out[5] += leaves[f&last]
		out[6] += leaves[g&last]
		out[7] += leaves[h&last]
	}
}

// above returns 1 when x > threshold, else 0, without a branch.
func above(x, threshold float32) uint32 {
	var right uint32
	if x > threshold {
		right = 1
	}
	return right
}
