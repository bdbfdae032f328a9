// Package dense does the linear algebra of small dense matrices that the learners need: products, Cholesky factors, solutions and
// eigenvectors. Matrices are row-major.
package dense

import (
	"errors"
	"math"

	"github.com/haggle-commerce/haggle/libs/kernel"
)

// ErrIndefinite says that a matrix has no Cholesky factor.
var ErrIndefinite = errors.New("matrix is not positive definite")

// Dot returns the sum of a[i]*b[i]. b is at least as long as a.
func Dot(a, b []float32) float32 { return kernel.Dot(a, b[:len(a)]) }

// Axpy adds alpha*x[i] to y[i]. y is at least as long as x.
func Axpy(alpha float32, x, y []float32) { kernel.Axpy(y[:len(x)], alpha, x) }

// Cholesky writes the lower factor L of the symmetric n x n matrix a = L L' over the lower triangle of a. It reads no more than
// that triangle. It returns [ErrIndefinite] when there is no such factor.
func Cholesky(a []float32, n int) error {
	for i := range n {
		if err := choleskyRow(a, n, i, 0, i); err != nil {
			return err
		}
	}
	return nil
}

// choleskyRow finishes row i of a factor: its elements from to to, those before being done, and the diagonal.
func choleskyRow(a []float32, n, i, from, to int) error {
	row := a[i*n : i*n+i]
	for j := from; j < to; j++ {
		row[j] = (row[j] - Dot(row[:j], a[j*n:])) / a[j*n+j]
	}
	d := float64(a[i*n+i]) - float64(Dot(row, row))
	if !(d > 1e-12) || math.IsInf(d, 0) {
		return ErrIndefinite
	}
	a[i*n+i] = float32(math.Sqrt(d))
	return nil
}

// Solve writes the solution of L L' x = b over b, where l holds the lower factor L, n x n.
func Solve(l []float32, n int, b []float32) {
	for i := range n {
		b[i] = (b[i] - Dot(b[:i], l[i*n:i*n+i])) / l[i*n+i]
	}
	for i := n - 1; i >= 0; i-- {
		b[i] /= l[i*n+i]
		Axpy(-b[i], l[i*n:i*n+i], b)
	}
}

// SolveLower writes the solution of L x = b over b, where l holds the lower factor L, n x n.
func SolveLower(l []float32, n int, b []float32) {
	for i := range n {
		b[i] = (b[i] - Dot(b[:i], l[i*n:i*n+i])) / l[i*n+i]
	}
}

// AddGram adds x'x to the lower triangle of the d x d matrix gram, where x is rows x d.
func AddGram(gram, x []float32, d int) {
	for ; len(x) >= d; x = x[d:] {
		for i, v := range x[:d] {
			kernel.Axpy(gram[i*d:i*d+i+1], v, x[:i+1])
		}
	}
}

// Mirror copies the lower triangle of an n x n matrix to the upper.
func Mirror(a []float32, n int) {
	for i := range n {
		for j := range i {
			a[j*n+i] = a[i*n+j]
		}
	}
}
