// Package spectral finds the leading singular vectors of a normalised interaction matrix, and foretells by them.
//
// The method is block power iteration with a random start (Halko, Martinsson, Tropp, SIAM Review 2011, algorithm 4.4).
package spectral

import (
	"context"
	"math"
	"math/rand/v2"

	"github.com/haggle-commerce/haggle/services/trainer/internal/crew"
	"github.com/haggle-commerce/haggle/services/trainer/internal/dense"
	"github.com/haggle-commerce/haggle/services/trainer/internal/interaction"
)

// Options say what is decomposed and how far.
type Options struct {
	// Rank is how many singular vectors are found.
	Rank int
	// User and Item are the exponents of the normalisation: an entry is d(u)^(-User/2) n(i)^-Item.
	User, Item float64
	// Rounds is how many times the matrix and its transpose are applied: 4 find singular values to about 1 % at the end of the
	// spectrum and far better at its beginning.
	Rounds int
	Seed   uint64
}

// Spectrum are the leading right singular vectors of the normalised matrix.
type Spectrum struct {
	Rank int
	// Vectors are Items x Rank, row-major, with orthonormal columns.
	Vectors []float32
	// Values are the squares of the singular values, the greatest first.
	Values []float64
}

// Decompose finds the leading singular vectors. The result depends on the seed, and not on the number of workers.
func Decompose(ctx context.Context, c crew.Crew, m *interaction.Matrix, o Options) (*Spectrum, error) {
	d := min(o.Rank, m.Items(), max(m.Users(), 1))
	userScale, itemScale := m.Powers(-o.User/2, -o.Item)
	y := make([]float32, m.Items()*d)
	for i := range m.Items() {
		// Each row has a generator of its own: so an item's start does not depend on the others.
		draw := rand.New(rand.NewPCG(o.Seed, uint64(i)))
		for k := range d {
			y[i*d+k] = float32(draw.NormFloat64())
		}
	}
	z := make([]float32, m.Users()*d)
	next := make([]float32, len(y))
	gram := make([]float32, d*d)
	for round := range o.Rounds + 1 {
		if err := orthonormalise(ctx, c, y, gram, d); err != nil {
			return nil, err
		}
		if err := product(ctx, c, z, y, d, m.Users(), m.User, userScale, itemScale); err != nil {
			return nil, err
		}
		if round == o.Rounds {
			break
		}
		if err := product(ctx, c, next, z, d, m.Items(), m.Item, itemScale, userScale); err != nil {
			return nil, err
		}
		y, next = next, y
	}
	// The best approximation within the span: eigenvectors of (A Y)'(A Y) (Rayleigh and Ritz).
	if err := dense.Gram(ctx, c, gram, z, d); err != nil {
		return nil, err
	}
	values, vectors := dense.Eigen(gram, d)
	if err := c.Each(ctx, m.Items(), 256, func() func(from, to int) {
		return func(from, to int) {
			for i := from; i < to; i++ {
				for k := range d {
					next[i*d+k] = dense.Dot(y[i*d:(i+1)*d], vectors[k*d:(k+1)*d])
				}
			}
		}
	}); err != nil {
		return nil, err
	}
	return &Spectrum{Rank: d, Vectors: next, Values: values}, nil
}

// product writes to row r of dst, of n rows of d, the sum over the columns that r holds of scale times the row of src.
func product(ctx context.Context, c crew.Crew, dst, src []float32, d, n int, of func(int) []uint32, rows, columns []float64) error {
	return c.Each(ctx, n, 64, func() func(from, to int) {
		return func(from, to int) {
			for r := from; r < to; r++ {
				out := dst[r*d : (r+1)*d]
				clear(out)
				for _, x := range of(r) {
					dense.Axpy(float32(rows[r]*columns[x]), src[int(x)*d:int(x+1)*d], out)
				}
			}
		}
	})
}

// orthonormalise makes the columns of y orthonormal over the same span: y = y L'^-1 with L L' = y'y, twice, since once is not
// exact for columns that are nearly alike.
func orthonormalise(ctx context.Context, c crew.Crew, y, gram []float32, d int) error {
	for range 2 {
		if err := dense.Gram(ctx, c, gram, y, d); err != nil {
			return err
		}
		trace := 0.0
		for k := range d {
			trace += float64(gram[k*d+k])
		}
		ridge := float32(1e-6 * trace / float64(d))
		for k := range d {
			gram[k*d+k] += ridge
		}
		if err := dense.Cholesky(gram, d); err != nil {
			return err
		}
		err := c.Each(ctx, len(y)/d, 256, func() func(from, to int) {
			return func(from, to int) {
				for i := from; i < to; i++ {
					dense.SolveLower(gram, d, y[i*d:(i+1)*d])
				}
			}
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// Filter says how singular vectors foretell: an item of the history counts n(i)^-Source, a vector whose squared singular value is s
// times the greatest counts s / (s + Ridge), and an item that is offered n(j)^Target. Without a ridge it is the ideal low-pass filter
// of GF-CF (Shen et al., CIKM 2021).
type Filter struct {
	Source, Target, Ridge float64
}

// Factors are item vectors: the score of item j is the product of Out's row j with the sum of In's rows over the history.
type Factors struct {
	Rank    int
	In, Out []float32
}

// Factors returns item vectors that foretell through a filter, with the first rank singular vectors.
func (s *Spectrum) Factors(m *interaction.Matrix, f Filter, rank int) *Factors {
	rank = min(rank, s.Rank)
	_, source := m.Powers(0, -f.Source)
	_, target := m.Powers(0, f.Target)
	gains := make([]float32, rank)
	for k := range gains {
		v := max(s.Values[k], 1e-12) / max(s.Values[0], 1e-12)
		gains[k] = float32(math.Sqrt(v / (v + f.Ridge)))
	}
	out := &Factors{Rank: rank, In: make([]float32, m.Items()*rank), Out: make([]float32, m.Items()*rank)}
	for i := range m.Items() {
		for k := range rank {
			v := s.Vectors[i*s.Rank+k] * gains[k]
			out.In[i*rank+k] = v * float32(source[i])
			out.Out[i*rank+k] = v * float32(target[i])
		}
	}
	return out
}

// Asker implements [interaction.Model].
func (f *Factors) Asker() interaction.Asker { return &asker{f, make([]float32, f.Rank)} }

type asker struct {
	*Factors
	user []float32
}

// Score implements [interaction.Asker].
func (a *asker) Score(dst []float32, history []uint32) {
	d := a.Rank
	clear(a.user)
	for _, i := range history {
		dense.Axpy(1, a.In[int(i)*d:int(i+1)*d], a.user)
	}
	for j := range dst {
		dst[j] = dense.Dot(a.user, a.Out[j*d:(j+1)*d])
	}
}
