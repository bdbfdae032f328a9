// Package sparselinear learns weights between items by ridge regression of each item on the others.
package sparselinear

import (
	"context"

	"github.com/haggle-commerce/haggle/services/trainer/internal/crew"
	"github.com/haggle-commerce/haggle/services/trainer/internal/dense"
	"github.com/haggle-commerce/haggle/services/trainer/internal/itemitem"
)

// Weights are what was learnt on the normalised matrix, by target: item j is foretold by Rows[j].
type Weights struct {
	Rows [][]itemitem.Entry

	counts *itemitem.Counts
}

// Pruned solves, for each item j, the ridge regression of its column on the columns of the most items whose cosine with it is
// greatest:
//
//	w = (G_NN + lambda I)^-1 G_Nj
//
// With all items that is EASE (Steck, WWW 2019), whose closed form [Dense] solves; with few it is SLIM with feature selection (Ning
// and Karypis, ICDM 2011) without its bound at 0, and what SANSA (Spisak et al., RecSys 2023) approximates for large catalogues.
func Pruned(ctx context.Context, c crew.Crew, g *Gram, most int, lambda float64) (*Weights, error) {
	n := len(g.diagonal)
	w := &Weights{Rows: make([][]itemitem.Entry, n), counts: g.counts}
	err := c.Each(ctx, n, 16, func() func(from, to int) {
		s := newSolver(g, most, float32(lambda))
		return func(from, to int) {
			for j := from; j < to; j++ {
				w.Rows[j] = s.solve(j)
			}
		}
	})
	return w, err
}

// solver is the memory of one worker.
type solver struct {
	gram   *Gram
	most   int
	lambda float32
	// places are where an item stands among the chosen, from 1.
	places []uint16
	a, b   []float32
}

func newSolver(g *Gram, most int, lambda float32) *solver {
	return &solver{gram: g, most: most, lambda: lambda, places: make([]uint16, len(g.diagonal)), a: make([]float32, most*most), b: make([]float32, most)}
}

func (s *solver) solve(j int) []itemitem.Entry {
	g := s.gram
	items, cosines := g.counts.Cosines.Row(j)
	n := min(len(items), s.most)
	items, cosines = items[:n], cosines[:n]
	a, b := s.a[:n*n], s.b[:n]
	clear(a)
	for k, i := range items {
		s.places[i] = uint16(k + 1)
		a[k*n+k] = g.diagonal[i] + s.lambda
		b[k] = cosines[k] * g.scale[i] * g.scale[j]
	}
	for k, i := range items {
		others, cosines := g.counts.Cosines.Row(int(i))
		scale := g.scale[i]
		for at, o := range others {
			if p := int(s.places[o]); p != 0 {
				p--
				v := cosines[at] * scale * g.scale[o]
				if p < k {
					a[k*n+p] = v
				} else {
					a[p*n+k] = v
				}
			}
		}
	}
	for _, i := range items {
		s.places[i] = 0
	}
	row := make([]itemitem.Entry, n)
	if dense.Cholesky(a, n) != nil {
		return nil
	}
	dense.Solve(a, n, b)
	for k, i := range items {
		row[k] = itemitem.Entry{Item: i, Weight: b[k]}
	}
	return row
}

// Lists turns weights by target into lists by source. The score of item j is the sum over the history of
//
//	n(i)^-source * w(i,j) * n(j)^target
//
// where source = target = the exponent of the normalisation undoes it. Each row is cut to keep; 0 keeps all.
func (w *Weights) Lists(source, target float64, keep int) *itemitem.Lists {
	from, to := w.counts.Powers(-source), w.counts.Powers(target)
	lengths := make([]int, len(w.Rows))
	for _, row := range w.Rows {
		for _, e := range row {
			lengths[e.Item]++
		}
	}
	rows := make([][]itemitem.Entry, len(w.Rows))
	for i, n := range lengths {
		rows[i] = make([]itemitem.Entry, 0, n)
	}
	for j, row := range w.Rows {
		for _, e := range row {
			rows[e.Item] = append(rows[e.Item], itemitem.Entry{Item: uint32(j), Weight: e.Weight * from[e.Item] * to[j]})
		}
	}
	for i := range rows {
		rows[i] = itemitem.Cut(rows[i], keep)
	}
	return itemitem.FromRows(rows)
}
