package sparselinear

import (
	"context"

	"github.com/haggle-commerce/haggle/services/trainer/internal/crew"
	"github.com/haggle-commerce/haggle/services/trainer/internal/dense"
	"github.com/haggle-commerce/haggle/services/trainer/internal/itemitem"
)

// Dense solves the ridge regression of each item on all others in closed form (EASE: Steck, WWW 2019, equation 8):
//
//	w(i,j) = -P(i,j) / P(j,j), P = (G + lambda I)^-1
//
// It needs 8 bytes for each pair of items and a number of multiplications of half the cube of items: it is for small catalogues.
// Of each target the keep weights that are furthest from 0 are kept; 0 keeps all.
func Dense(ctx context.Context, c crew.Crew, g *Gram, lambda float64, keep int) (*Weights, error) {
	n := g.Items()
	a := make([]float32, n*n)
	for i := range n {
		row := a[i*n : (i+1)*n]
		row[i] = g.diagonal[i] + float32(lambda)
		items, cosines := g.counts.Cosines.Row(i)
		for k, j := range items {
			row[j] = cosines[k] * g.scale[i] * g.scale[j]
		}
	}
	if err := dense.Invert(ctx, c, a, n); err != nil {
		return nil, err
	}
	w := &Weights{Rows: make([][]itemitem.Entry, n), counts: g.counts}
	err := c.Each(ctx, n, 16, func() func(from, to int) {
		var row []itemitem.Entry
		return func(from, to int) {
			for j := from; j < to; j++ {
				row = row[:0]
				inverse := -1 / a[j*n+j]
				for i, p := range a[j*n : (j+1)*n] {
					if i != j {
						row = append(row, itemitem.Entry{Item: uint32(i), Weight: p * inverse})
					}
				}
				w.Rows[j] = append([]itemitem.Entry(nil), itemitem.Cut(row, keep)...)
			}
		}
	})
	return w, err
}
