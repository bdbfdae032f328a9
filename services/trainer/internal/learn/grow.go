package learn

import (
	"math"

	"github.com/haggle-commerce/haggle/libs/model/trees"
)

// slope is the first and the second derivative of the loss at one row.
type slope struct{ g, h float32 }

// cell is the sum of the slopes of the rows of one bin.
type cell struct{ g, h float64 }

// grower grows one tree after the other on the same rows.
type grower struct {
	options Options
	rows    *binned
	edges   [][]float32
	pool    *pool
	// allowed says which features the tree may ask for.
	allowed []bool
	// index holds the rows of the tree; each node has a range of it. spare is as long.
	index, spare []uint32
	// cells are the histograms of two levels: node, feature, bin.
	cells [2][]cell
	// gain adds up what each feature has brought.
	gain []float64
}

func newGrower(rows *binned, edges [][]float32, o Options, p *pool) *grower {
	return &grower{options: o, rows: rows, edges: edges, pool: p, gain: make([]float64, rows.width)}
}

// node is one place of the level that is being grown.
type node struct {
	// from and to are its range of the index; open says that it may still be split.
	from, to int
	open     bool
	sum      cell
	split    split
}

// split is the best decision of a node; feature < 0 means none.
type split struct {
	feature int
	bin     int
	gain    float64
	left    cell
}

// grow grows a tree on the rows of the index and returns it with, for each node, the bin that the threshold stands for, so that
// reduced rows can walk it.
func (w *grower) grow(slopes []slope, index []uint32, allowed []bool) (trees.Tree, []uint8) {
	w.index, w.allowed = index, allowed
	if len(w.spare) < len(index) {
		w.spare = make([]uint32, len(index))
	}
	root := node{to: len(index), open: true}
	for _, row := range index {
		root.sum.g += float64(slopes[row].g)
		root.sum.h += float64(slopes[row].h)
	}
	depth := w.options.Depth
	t := trees.Tree{}
	var bins []uint8
	level := []node{root}
	for d := range depth {
		w.histograms(d, level, slopes)
		w.choose(d, level)
		next := make([]node, 0, 2*len(level))
		for i := range level {
			n := &level[i]
			decision, bin := trees.Node{Threshold: float32(math.Inf(1))}, uint8(math.MaxUint8)
			left, right := *n, node{from: n.to, to: n.to, sum: n.sum}
			left.open = false
			if s := n.split; n.open && s.feature >= 0 {
				decision = trees.Node{Feature: uint32(s.feature), Threshold: w.edges[s.feature][s.bin]}
				bin = uint8(s.bin)
				w.gain[s.feature] += s.gain
				middle := w.partition(n, s)
				left = node{from: n.from, to: middle, open: true, sum: s.left}
				right = node{from: middle, to: n.to, open: true, sum: cell{n.sum.g - s.left.g, n.sum.h - s.left.h}}
			}
			t.Nodes, bins = append(t.Nodes, decision), append(bins, bin)
			next = append(next, left, right)
		}
		level = next
	}
	for i := range level {
		// A node that was not split hands its value to both sides.
		t.Leaves = append(t.Leaves, float32(-w.options.Rate*level[i].sum.g/(level[i].sum.h+w.options.L2)))
	}
	return t, bins
}

// stride is how many cells a node's histogram has.
func (w *grower) stride() int { return w.rows.width * w.options.Bins }

// histograms fills the cells of every open node of a level. Of two siblings the smaller is added up from its rows, and the larger
// is what the parent has more than it.
func (w *grower) histograms(depth int, level []node, slopes []slope) {
	stride := w.stride()
	mine, parents := &w.cells[depth%2], w.cells[(depth+1)%2]
	if need := stride * len(level); len(*mine) < need {
		*mine = make([]cell, need)
	}
	bins := w.options.Bins
	w.pool.ranges(w.rows.width, func(from, to int) {
		for i := 0; i < len(level); i += 2 {
			if depth == 0 {
				w.addUp((*mine)[:stride], w.index, slopes, from, to)
				return
			}
			if !level[i].open {
				continue
			}
			small, large := i, i+1
			if level[large].to-level[large].from < level[small].to-level[small].from {
				small, large = large, small
			}
			a, b := (*mine)[small*stride:(small+1)*stride], (*mine)[large*stride:(large+1)*stride]
			w.addUp(a, w.index[level[small].from:level[small].to], slopes, from, to)
			parent := parents[i/2*stride : (i/2+1)*stride]
			for c := from * bins; c < to*bins; c++ {
				b[c] = cell{parent[c].g - a[c].g, parent[c].h - a[c].h}
			}
		}
	})
}

// addUp adds the slopes of rows to the cells of the features from <= f < to.
func (w *grower) addUp(cells []cell, rows []uint32, slopes []slope, from, to int) {
	bins, width := w.options.Bins, w.rows.width
	clear(cells[from*bins : to*bins])
	for _, row := range rows {
		s := slopes[row]
		g, h := float64(s.g), float64(s.h)
		at := from * bins
		for _, bin := range w.rows.bins[int(row)*width+from : int(row)*width+to] {
			c := &cells[at+int(bin)]
			c.g += g
			c.h += h
			at += bins
		}
	}
}

// choose finds the best split of every open node.
func (w *grower) choose(depth int, level []node) {
	stride := w.stride()
	w.pool.each(len(level), func(i int) {
		n := &level[i]
		n.split = split{feature: -1}
		if !n.open || n.to-n.from < 2*w.options.MinRows {
			return
		}
		cells := w.cells[depth%2][i*stride : (i+1)*stride]
		for f := range w.rows.width {
			if w.allowed[f] {
				w.scan(n, f, cells[f*w.options.Bins:])
			}
		}
	})
}

// scan tries every edge of a feature. The gain of a split is that of XGBoost (Chen and Guestrin, KDD 2016, equation 7); of equal
// ones the first counts.
func (w *grower) scan(n *node, f int, cells []cell) {
	o := &w.options
	whole := n.sum.g * n.sum.g / (n.sum.h + o.L2)
	var left cell
	for bin := range w.edges[f] {
		left.g += cells[bin].g
		left.h += cells[bin].h
		right := cell{n.sum.g - left.g, n.sum.h - left.h}
		if left.h < o.MinHessian || right.h < o.MinHessian {
			continue
		}
		gain := left.g*left.g/(left.h+o.L2) + right.g*right.g/(right.h+o.L2) - whole
		if gain > n.split.gain+1e-9 {
			n.split = split{feature: f, bin: bin, gain: gain, left: left}
		}
	}
}

// partition moves the rows of a node that go left to its front, in their order, and returns where the others begin.
func (w *grower) partition(n *node, s split) (middle int) {
	rows := w.index[n.from:n.to]
	left, right := rows[:0], w.spare[:0]
	for _, row := range rows {
		if int(w.rows.bins[int(row)*w.rows.width+s.feature]) <= s.bin {
			left = append(left, row)
		} else {
			right = append(right, row)
		}
	}
	copy(rows[len(left):], right)
	return n.from + len(left)
}

// addLeaves adds to the score of every row the leaf that it reaches.
func addLeaves(scores []float32, rows *binned, t *trees.Tree, bins []uint8, p *pool) {
	p.ranges(rows.rows, func(from, to int) {
		for row := from; row < to; row++ {
			features := rows.bins[row*rows.width : (row+1)*rows.width]
			at := 0
			for at < len(bins) {
				if features[t.Nodes[at].Feature] > bins[at] {
					at = 2*at + 2
				} else {
					at = 2*at + 1
				}
			}
			scores[row] += t.Leaves[at-len(bins)]
		}
	})
}
