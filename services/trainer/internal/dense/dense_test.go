package dense

import (
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/haggle-commerce/haggle/services/trainer/internal/crew"
)

// definite draws a positive definite matrix.
func definite(seed uint64, n int) []float32 {
	r := rand.New(rand.NewPCG(seed, 1))
	x := make([]float32, 2*n*n)
	for i := range x {
		x[i] = float32(r.NormFloat64())
	}
	a := make([]float32, n*n)
	AddGram(a, x, n)
	Mirror(a, n)
	for i := range n {
		a[i*n+i] += 1
	}
	return a
}

func TestCholeskySolves(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 40).Draw(t, "n")
		a := definite(rapid.Uint64().Draw(t, "seed"), n)
		want := make([]float32, n)
		for i := range want {
			want[i] = float32(i%7) - 3
		}
		b := make([]float32, n)
		for i := range b {
			for j := range want {
				b[i] += a[i*n+j] * want[j]
			}
		}
		if err := Cholesky(a, n); err != nil {
			t.Fatal(err)
		}
		Solve(a, n, b)
		for i := range want {
			if math.Abs(float64(b[i]-want[i])) > 1e-2 {
				t.Fatalf("x[%d] = %v, want %v", i, b[i], want[i])
			}
		}
	})
}

func TestCholeskyRefusesIndefinite(t *testing.T) {
	for _, a := range [][]float32{{-1}, {1, 2, 2, 1}, {0}, {float32(math.NaN())}} {
		if err := Cholesky(a, int(math.Sqrt(float64(len(a))))); !errors.Is(err, ErrIndefinite) {
			t.Errorf("Cholesky = %v, want ErrIndefinite", err)
		}
	}
}

func TestInvert(t *testing.T) {
	for _, n := range []int{1, 5, 31, 32, 33, 100} {
		a := definite(uint64(n), n)
		var want []float32
		for _, workers := range []int{1, 3} {
			got := append([]float32(nil), a...)
			if err := Invert(t.Context(), crew.Crew{Workers: workers}, got, n); err != nil {
				t.Fatal(err)
			}
			for i := range n {
				for j := range n {
					product, identity := 0.0, 0.0
					for k := range n {
						product += float64(a[i*n+k]) * float64(got[k*n+j])
					}
					if i == j {
						identity = 1
					}
					if math.Abs(product-identity) > 1e-2 {
						t.Fatalf("n = %d: (A A^-1)(%d,%d) = %v", n, i, j, product)
					}
				}
			}
			if want != nil && !slices.Equal(got, want) {
				t.Errorf("n = %d: %d workers get another inverse than one", n, workers)
			}
			want = got
		}
	}
	if err := Invert(t.Context(), crew.Crew{}, []float32{0, 0, 0, 0}, 2); !errors.Is(err, ErrIndefinite) {
		t.Errorf("Invert of zeros = %v, want ErrIndefinite", err)
	}
}

func TestEigen(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 24).Draw(t, "n")
		a := definite(rapid.Uint64().Draw(t, "seed"), n)
		if rapid.Bool().Draw(t, "sparse") {
			for i := range n {
				for j := range n {
					if (i+j)%3 != 0 && i != j {
						a[i*n+j] = 0
					}
				}
			}
		}
		values, vectors := Eigen(append([]float32(nil), a...), n)
		for k := range n {
			v := vectors[k*n : (k+1)*n]
			if k > 0 && values[k] > values[k-1] {
				t.Fatalf("eigenvalue %d is %v after %v", k, values[k], values[k-1])
			}
			for o := range n {
				want := 0.0
				if o == k {
					want = 1
				}
				if got := float64(Dot(v, vectors[o*n:(o+1)*n])); math.Abs(got-want) > 1e-4 {
					t.Fatalf("vectors %d and %d have product %v, want %v", k, o, got, want)
				}
			}
			for i := range n {
				got, want := float64(Dot(a[i*n:(i+1)*n], v)), values[k]*float64(v[i])
				if math.Abs(got-want) > 1e-3*(1+math.Abs(values[0])) {
					t.Fatalf("A v = %v, want %v", got, want)
				}
			}
		}
	})
}

func BenchmarkCholesky(b *testing.B) {
	const n = 256
	a := definite(1, n)
	work := make([]float32, len(a))
	b.ReportAllocs()
	for b.Loop() {
		copy(work, a)
		if err := Cholesky(work, n); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(n*n*n/6*float64(b.N)/b.Elapsed().Seconds()/1e9, "GMAC/s")
}
