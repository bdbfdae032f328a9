package dense

import (
	"context"

	"github.com/haggle-commerce/haggle/services/trainer/internal/crew"
)

// panel is how many rows of a large matrix are worked on at a time: so many rows of 4,000 floats fit the second cache.
const panel = 32

// Invert writes the inverse of the symmetric positive definite n x n matrix a over a, of which it reads the lower triangle. It
// takes as much memory again. Its errors are [ErrIndefinite] and that of ctx.
func Invert(ctx context.Context, c crew.Crew, a []float32, n int) error {
	if err := choleskyLarge(ctx, c, a, n); err != nil {
		return err
	}
	// Column k of L^-1, as row k of t: t is upper triangular.
	t := make([]float32, n*n)
	err := c.Each(ctx, n, 8, func() func(from, to int) {
		return func(from, to int) {
			for k := from; k < to; k++ {
				x := t[k*n : (k+1)*n]
				x[k] = 1 / a[k*n+k]
				for i := k + 1; i < n; i++ {
					x[i] = -Dot(x[k:i], a[i*n+k:i*n+i]) / a[i*n+i]
				}
			}
		}
	})
	if err != nil {
		return err
	}
	// The inverse is L'^-1 L^-1: the products of rows of t behind the later diagonal.
	blocks := (n + panel - 1) / panel
	return c.Each(ctx, blocks, 1, func() func(from, to int) {
		return func(from, to int) {
			for b := from; b < to; b++ {
				low, high := b*panel, min((b+1)*panel, n)
				for j := range high {
					for i := max(low, j); i < high; i++ {
						v := Dot(t[i*n+i:(i+1)*n], t[j*n+i:(j+1)*n])
						a[i*n+j], a[j*n+i] = v, v
					}
				}
			}
		}
	})
}

// choleskyLarge is [Cholesky] by panels, whose later rows are worked on at once.
func choleskyLarge(ctx context.Context, c crew.Crew, a []float32, n int) error {
	for low := 0; low < n; low += panel {
		high := min(low+panel, n)
		for i := low; i < high; i++ {
			if err := choleskyRow(a, n, i, low, i); err != nil {
				return err
			}
		}
		err := c.Each(ctx, n-high, 16, func() func(from, to int) {
			return func(from, to int) {
				for i := high + from; i < high+to; i++ {
					row := a[i*n:]
					for j := low; j < high; j++ {
						row[j] = (row[j] - Dot(row[:j], a[j*n:])) / a[j*n+j]
					}
				}
			}
		})
		if err != nil {
			return err
		}
	}
	return nil
}
