// Package factor holds item vectors that foretell what a shopper wants by the product with a vector folded in from what was touched.
package factor

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/haggle-commerce/haggle/libs/kernel"
	"github.com/haggle-commerce/haggle/libs/shop"
)

// Fold says how the vector of a shopper is made of those of the items that were touched.
type Fold uint8

// The ways to fold in.
const (
	// Sum adds up the items' vectors, each times its Scale: graph filters and truncated singular vectors.
	Sum Fold = iota
	// Solve solves the normal equations of implicit alternating least squares.
	Solve
	folds
)

// Model is a set of item vectors. Make one with [New] or [Open]; then it never changes and may be used by many goroutines at once,
// each with a [Folder] of its own.
type Model struct {
	// IDs are in ascending order, each once.
	IDs []shop.ItemID
	// Vectors are len(IDs) x Rank, row-major.
	Vectors []float32
	Rank    int
	Fold    Fold
	// Scales are, for Sum, what each item counts in a history; of length len(IDs), else empty.
	Scales []float32
	// Prior is, for Solve, the unobserved weight times the product of all vectors with themselves, Rank x Rank, row-major.
	Prior []float32
	// Unobserved, Regularisation and Frequency are, for Solve, alpha_0, lambda and nu of Rendle et al. (RecSys 2022): the square of
	// a vector that is folded in from n items counts Regularisation * (n + Unobserved * len(IDs))^Frequency.
	Unobserved, Regularisation, Frequency float64
}

// MaxRank bounds the length of a vector.
const MaxRank = 1024

// New checks a model and returns it.
func New(m Model) (*Model, error) {
	if err := m.check(); err != nil {
		return nil, fmt.Errorf("make factors: %w", err)
	}
	return &m, nil
}

func (m *Model) check() error {
	n := len(m.IDs)
	switch {
	case m.Rank < 1 || m.Rank > MaxRank:
		return fmt.Errorf("vectors have %d elements, want 1 to %d", m.Rank, MaxRank)
	case len(m.Vectors) != n*m.Rank:
		return fmt.Errorf("%d ids have %d elements of vectors, want %d", n, len(m.Vectors), n*m.Rank)
	case m.Fold >= folds:
		return fmt.Errorf("fold %d is not known", m.Fold)
	case m.Fold == Sum && (len(m.Scales) != n || len(m.Prior) != 0), m.Fold == Solve && (len(m.Scales) != 0 || len(m.Prior) != m.Rank*m.Rank):
		return errors.New("scales and prior do not fit the fold")
	case m.Fold == Solve && !(m.Regularisation > 0 && finite(m.Regularisation) && m.Unobserved >= 0 && finite(m.Unobserved) && m.Frequency >= 0 && m.Frequency <= 2):
		return fmt.Errorf("unobserved %v, regularisation %v and frequency %v are out of range", m.Unobserved, m.Regularisation, m.Frequency)
	}
	for i, id := range m.IDs {
		if reason := shop.IDFault(string(id)); reason != "" {
			return fmt.Errorf("id %d %s", i, reason)
		}
		if i > 0 && id <= m.IDs[i-1] {
			return fmt.Errorf("id %d is not greater than the one before", i)
		}
	}
	for _, list := range [][]float32{m.Vectors, m.Scales, m.Prior} {
		for _, x := range list {
			if !finite(float64(x)) {
				return fmt.Errorf("an element is %v", x)
			}
		}
	}
	return nil
}

func finite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }

// Len returns how many items there are.
func (m *Model) Len() int { return len(m.IDs) }

// Lookup returns the number of an item.
func (m *Model) Lookup(id shop.ItemID) (index uint32, ok bool) {
	i, ok := slices.BinarySearch(m.IDs, id)
	return uint32(i), ok
}

// Vector returns the vector of an item. It belongs to the model.
func (m *Model) Vector(index uint32) []float32 {
	at := int(index) * m.Rank
	return m.Vectors[at : at+m.Rank : at+m.Rank]
}

// Bytes returns how much memory the vectors take.
func (m *Model) Bytes() int64 {
	return 4 * int64(len(m.Vectors)+len(m.Scales)+len(m.Prior))
}

// Seed is one item of a history and how much it counts.
type Seed struct {
	Index  uint32
	Weight float32
}

// Folder is the memory of one reader that folds in. Make one with [Model.Folder].
type Folder struct {
	model *Model
	user  []float32
	a     []float32
}

// Folder returns memory for a reader.
func (m *Model) Folder() *Folder {
	f := &Folder{model: m, user: make([]float32, m.Rank)}
	if m.Fold == Solve {
		f.a = make([]float32, m.Rank*m.Rank)
	}
	return f
}

// Fold returns the vector of a shopper with a history; it is the folder's until the next call. The score of an item is the product
// of its vector with it. For [Sum] it is the sum of weight * scale * vector. For [Solve] it is the solution w of
//
//	(Prior + sum over the history of weight * h h' + Regularisation (n + Unobserved N)^Frequency I) w = sum of weight * h
//
// with n the sum of the weights and N the number of items, in O(history * Rank^2 + Rank^3). Seeds of a weight of 0 or less count
// nothing. An empty history gives the zero vector.
func (f *Folder) Fold(history []Seed) []float32 {
	m := f.model
	clear(f.user)
	total := 0.0
	for _, s := range history {
		if !(s.Weight > 0) {
			continue
		}
		total += float64(s.Weight)
		weight := s.Weight
		if m.Fold == Sum {
			weight *= m.Scales[s.Index]
		}
		kernel.Axpy(f.user, weight, m.Vector(s.Index))
	}
	if m.Fold == Solve && total > 0 {
		f.solve(history, total)
	}
	return f.user
}

// solve takes the right side of the normal equations in user and leaves the solution there.
func (f *Folder) solve(history []Seed, total float64) {
	m, d := f.model, f.model.Rank
	copy(f.a, m.Prior)
	weight := float32(m.Regularisation * math.Pow(total+m.Unobserved*float64(len(m.IDs)), m.Frequency))
	for _, s := range history {
		if !(s.Weight > 0) {
			continue
		}
		h := m.Vector(s.Index)
		for r, x := range h {
			kernel.Axpy(f.a[r*d:r*d+r+1], s.Weight*x, h[:r+1])
		}
	}
	for r := range d {
		f.a[r*d+r] += weight
	}
	if !cholesky(f.a, d) {
		// Only a broken prior comes here: no vector is better than a wrong one.
		clear(f.user)
		return
	}
	for i := range d {
		f.user[i] = (f.user[i] - kernel.Dot(f.user[:i], f.a[i*d:i*d+i])) / f.a[i*d+i]
	}
	for i := d - 1; i >= 0; i-- {
		f.user[i] /= f.a[i*d+i]
		kernel.Axpy(f.user[:i], -f.user[i], f.a[i*d:i*d+i])
	}
}

// Score writes the score of each item to dst, of length Len, for the vector of a shopper.
func (m *Model) Score(dst, user []float32) {
	if len(dst) != m.Len() || len(user) != m.Rank {
		panic("factor: scores or vector have another length than the model")
	}
	for i := range dst {
		dst[i] = kernel.Dot(user, m.Vectors[i*m.Rank:(i+1)*m.Rank])
	}
}

// cholesky writes the lower factor of the d x d matrix a over its lower triangle, and reports whether there is one.
func cholesky(a []float32, d int) bool {
	for i := range d {
		row := a[i*d : i*d+i+1]
		for j := range i {
			row[j] = (row[j] - kernel.Dot(row[:j], a[j*d:j*d+j])) / a[j*d+j]
		}
		rest := row[i] - kernel.Dot(row[:i], row[:i])
		if !(rest > 1e-12) {
			return false
		}
		row[i] = float32(math.Sqrt(float64(rest)))
	}
	return true
}
