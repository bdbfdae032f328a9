package dense

import (
	"context"

	"github.com/haggle-commerce/haggle/services/trainer/internal/crew"
)

// gramRows is how many rows are added up by one worker at a time: so the order of the sums does not depend on how many work.
const gramRows = 1024

// Gram writes the d x d matrix x'x to gram, where x is rows x d.
func Gram(ctx context.Context, c crew.Crew, gram, x []float32, d int) error {
	n := len(x) / d
	parts := make([][]float32, (n+gramRows-1)/gramRows)
	err := c.Each(ctx, len(parts), 1, func() func(from, to int) {
		return func(from, to int) {
			for p := from; p < to; p++ {
				parts[p] = make([]float32, d*d)
				AddGram(parts[p], x[p*gramRows*d:min((p+1)*gramRows, n)*d], d)
			}
		}
	})
	clear(gram)
	for _, part := range parts {
		if part != nil {
			Axpy(1, part, gram)
		}
	}
	Mirror(gram, d)
	return err
}
