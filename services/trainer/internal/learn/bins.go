package learn

import (
	"math/rand/v2"
	"slices"
)

// maxBins is how many values a feature is reduced to, so that one fits in a byte.
const maxBins = 256

// sampleRows is how many rows the edges are chosen from.
const sampleRows = 40_000

// edges returns, for each feature, up to bins-1 rising edges: a value is in bin b when it is above edge b-1 and not above edge
// b. Edges are drawn at equal shares of a sample, so that every bin holds about as many rows; a feature with few values gets an
// edge between any two of them.
func edges(d *Data, bins int, random *rand.Rand, p *pool) [][]float32 {
	rows := make([]int, min(d.Rows(), sampleRows))
	for i := range rows {
		rows[i] = i
		if d.Rows() > sampleRows {
			rows[i] = random.IntN(d.Rows())
		}
	}
	all := make([][]float32, d.Width)
	p.each(d.Width, func(f int) {
		values := make([]float32, len(rows))
		for i, row := range rows {
			values[i] = d.X[row*d.Width+f]
		}
		slices.Sort(values)
		all[f] = cut(values, bins)
	})
	return all
}

// cut returns the edges of sorted values.
func cut(values []float32, bins int) []float32 {
	distinct := 0
	for i := range values {
		if i == 0 || values[i] != values[i-1] {
			distinct++
		}
	}
	var edges []float32
	add := func(low, high float32) {
		// Between two values, but never on the upper one, where rounding may put it.
		edge := low + (high-low)/2
		if !(edge >= low && edge < high) {
			edge = low
		}
		edges = append(edges, edge)
	}
	// taken is how many values lie below the last edge. A value that fills a share of its own takes it, and the rest is
	// shared anew.
	taken, left := 0, bins
	for i := 1; i < len(values); i++ {
		if values[i] == values[i-1] {
			continue
		}
		if distinct <= bins || (i-taken)*left >= len(values)-taken {
			add(values[i-1], values[i])
			taken, left = i, left-1
			if left == 1 {
				break
			}
		}
	}
	return edges
}

// binned are rows in which every feature is the number of its bin, row-major.
type binned struct {
	width int
	rows  int
	bins  []uint8
}

// reduce gives every value its bin.
func reduce(d *Data, edges [][]float32, p *pool) *binned {
	b := &binned{width: d.Width, rows: d.Rows(), bins: make([]uint8, len(d.X))}
	p.each(d.Rows(), func(row int) {
		for f, x := range d.X[row*d.Width : (row+1)*d.Width] {
			// The first edge that x is not above.
			low, high := 0, len(edges[f])
			for low < high {
				if middle := int(uint(low+high) >> 1); x > edges[f][middle] {
					low = middle + 1
				} else {
					high = middle
				}
			}
			b.bins[row*d.Width+f] = uint8(low)
		}
	})
	return b
}
