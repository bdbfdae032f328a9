package dense

import (
	"cmp"
	"math"
	"slices"
)

// Eigen returns the eigenvalues of a symmetric n x n matrix, the greatest first, and the eigenvectors, one a row. It destroys a,
// and works in float64 on a copy: Householder's reduction to a tridiagonal matrix, then QL with implicit shifts (Golub and Van
// Loan, Matrix Computations, 8.3).
func Eigen(a []float32, n int) (values []float64, vectors []float32) {
	z := make([]float64, n*n)
	for i := range z {
		z[i] = float64(a[i])
	}
	diagonal, beside := make([]float64, n), make([]float64, n)
	tridiagonal(z, n, diagonal, beside)
	shift(z, n, diagonal, beside)
	order := make([]int, n)
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(i, j int) int { return cmp.Compare(diagonal[j], diagonal[i]) })
	values, vectors = make([]float64, n), make([]float32, n*n)
	for k, at := range order {
		values[k] = diagonal[at]
		// The sign of an eigenvector is free: the greatest element is made positive, so that it does not depend on the method.
		row, greatest := vectors[k*n:(k+1)*n], 0.0
		for i := range n {
			if v := z[at*n+i]; math.Abs(v) > math.Abs(greatest) {
				greatest = v
			}
		}
		for i := range n {
			row[i] = float32(math.Copysign(1, greatest) * z[at*n+i])
		}
	}
	return values, vectors
}

// tridiagonal reduces the symmetric z to diagonal and beside, whose first element is not used, and leaves in the rows of z the
// orthogonal matrix Q' of z = Q T Q'.
func tridiagonal(z []float64, n int, diagonal, beside []float64) {
	v, p := make([]float64, n), make([]float64, n)
	reflectors := make([][]float64, n)
	for k := n - 1; k >= 2; k-- {
		// A reflection that leaves of row k only the element beside the diagonal.
		row := z[k*n : k*n+k]
		norm := 0.0
		for _, x := range row[:k-1] {
			norm += x * x
		}
		diagonal[k] = z[k*n+k]
		if norm == 0 {
			beside[k] = row[k-1]
			continue
		}
		alpha := -math.Copysign(math.Sqrt(norm+row[k-1]*row[k-1]), row[k-1])
		copy(v[:k], row)
		v[k-1] -= alpha
		half := (norm + v[k-1]*v[k-1]) / 2
		beside[k] = alpha
		// A := A - v q' - q v', with q = p - (p'v / 2h) v and p = A v / h.
		clear(p[:k])
		for i := range k {
			sum := z[i*n+i] * v[i]
			left := z[i*n : i*n+i]
			for j, x := range left {
				sum += x * v[j]
				p[j] += x * v[i]
			}
			p[i] += sum
		}
		dot := 0.0
		for i := range k {
			p[i] /= half
			dot += p[i] * v[i]
		}
		for i := range k {
			p[i] -= dot / (2 * half) * v[i]
		}
		for i := range k {
			left, vi, pi := z[i*n:i*n+i+1], v[i], p[i]
			for j := range left {
				left[j] -= vi*p[j] + pi*v[j]
			}
		}
		scale := 1 / math.Sqrt(half)
		reflectors[k] = make([]float64, k)
		for i := range k {
			reflectors[k][i] = v[i] * scale
		}
	}
	if n > 1 {
		diagonal[1], beside[1] = z[n+1], z[n]
	}
	if n > 0 {
		diagonal[0] = z[0]
	}
	// Q = H(n-1) ... H(2), and its transpose, row by row: the rows are multiplied by the reflections from the left.
	clear(z)
	for i := range n {
		z[i*n+i] = 1
	}
	for k := 2; k < n; k++ {
		h := reflectors[k]
		if h == nil {
			continue
		}
		for i := range n {
			row, sum := z[i*n:i*n+k], 0.0
			for j, x := range h {
				sum += x * row[j]
			}
			if sum == 0 {
				continue
			}
			for j, x := range h {
				row[j] -= sum * x
			}
		}
	}
}

// sweeps bounds the QL steps for one eigenvalue: 3 are usual.
const sweeps = 60

// shift makes the tridiagonal matrix diagonal by QL with implicit shifts, turning the rows of z along.
func shift(z []float64, n int, d, e []float64) {
	if n < 2 {
		return
	}
	copy(e, e[1:])
	e[n-1] = 0
	for l := range n {
		for range sweeps {
			m := l
			for m < n-1 {
				if scale := math.Abs(d[m]) + math.Abs(d[m+1]); math.Abs(e[m]) <= 1e-16*scale {
					break
				}
				m++
			}
			if m == l {
				break
			}
			g := (d[l+1] - d[l]) / (2 * e[l])
			r := math.Hypot(g, 1)
			g = d[m] - d[l] + e[l]/(g+math.Copysign(r, g))
			s, c, p := 1.0, 1.0, 0.0
			i := m - 1
			for ; i >= l; i-- {
				f, b := s*e[i], c*e[i]
				r = math.Hypot(f, g)
				e[i+1] = r
				if r == 0 {
					d[i+1] -= p
					e[m] = 0
					break
				}
				s, c = f/r, g/r
				g = d[i+1] - p
				r = (d[i]-g)*s + 2*c*b
				p = s * r
				d[i+1] = g + p
				g = c*r - b
				upper, lower := z[(i+1)*n:(i+2)*n], z[i*n:(i+1)*n]
				for k, x := range lower {
					f := upper[k]
					upper[k] = s*x + c*f
					lower[k] = c*x - s*f
				}
			}
			if r == 0 && i >= l {
				continue
			}
			d[l] -= p
			e[l] = g
			e[m] = 0
		}
	}
}
