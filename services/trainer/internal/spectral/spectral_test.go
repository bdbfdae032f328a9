package spectral

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/haggle-commerce/haggle/services/trainer/internal/crew"
	"github.com/haggle-commerce/haggle/services/trainer/internal/dense"
	"github.com/haggle-commerce/haggle/services/trainer/internal/interaction"
)

// blocks are users of three kinds, of unequal numbers, each of whom touches items of its kind.
func blocks(t testing.TB, users, items int) *interaction.Matrix {
	t.Helper()
	r := rand.New(rand.NewPCG(2, 2))
	lists := make([][]uint32, users)
	for u := range lists {
		kind := min(r.IntN(6), 3) % 3
		for range 10 {
			lists[u] = append(lists[u], uint32(r.IntN(items/3)*3+kind))
		}
		if r.IntN(3) == 0 {
			lists[u] = append(lists[u], uint32(r.IntN(items)))
		}
	}
	m, err := interaction.New(lists, items)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// TestEqualsEigenvectors compares with the eigenvectors of the whole product.
func TestEqualsEigenvectors(t *testing.T) {
	const items = 30
	m := blocks(t, 200, items)
	o := Options{Rank: 6, User: 0.5, Item: 0.25, Rounds: 20, Seed: 1}
	s, err := Decompose(t.Context(), crew.Crew{Workers: 2}, m, o)
	if err != nil {
		t.Fatal(err)
	}
	users, scale := m.Powers(-o.User, -o.Item)
	a := make([]float32, items*items)
	for u := range m.Users() {
		for _, i := range m.User(u) {
			for _, j := range m.User(u) {
				a[int(i)*items+int(j)] += float32(users[u] * scale[i] * scale[j])
			}
		}
	}
	values, vectors := dense.Eigen(a, items)
	// The last ones are hardest to tell apart.
	for k := range 3 {
		if math.Abs(s.Values[k]/values[k]-1) > 1e-3 {
			t.Errorf("value %d = %v, want %v", k, s.Values[k], values[k])
		}
		product := 0.0
		for i := range items {
			product += float64(s.Vectors[i*s.Rank+k] * vectors[k*items+i])
		}
		if math.Abs(math.Abs(product)-1) > 1e-2 {
			t.Errorf("vector %d has product %v with the eigenvector, want 1 or -1", k, product)
		}
	}
}

func TestSameForAnyNumberOfWorkers(t *testing.T) {
	m := blocks(t, 300, 60)
	o := Options{Rank: 8, User: 1, Item: 0.5, Rounds: 2, Seed: 4}
	one, err := Decompose(t.Context(), crew.Crew{Workers: 1}, m, o)
	if err != nil {
		t.Fatal(err)
	}
	many, err := Decompose(t.Context(), crew.Crew{Workers: 4}, m, o)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(one.Vectors, many.Vectors) {
		t.Error("4 workers find other vectors than one")
	}
}

// TestFactorsFilter compares scores with the formula of the filter.
func TestFactorsFilter(t *testing.T) {
	m := blocks(t, 100, 30)
	s, err := Decompose(t.Context(), crew.Crew{}, m, Options{Rank: 5, User: 1, Item: 0.5, Rounds: 4, Seed: 4})
	if err != nil {
		t.Fatal(err)
	}
	f := Filter{Source: 0.5, Target: 0.25, Ridge: 0.2}
	scores := make([]float32, 30)
	s.Factors(m, f, 4).Asker().Score(scores, []uint32{0, 4})
	for j := range scores {
		want := 0.0
		for _, i := range []int{0, 4} {
			for k := range 4 {
				v := s.Values[k] / s.Values[0]
				want += math.Pow(float64(len(m.Item(i))), -0.5) * float64(s.Vectors[i*5+k]) * v / (v + 0.2) * float64(s.Vectors[j*5+k]) * math.Pow(float64(len(m.Item(j))), 0.25)
			}
		}
		if math.Abs(float64(scores[j])-want) > 1e-4 {
			t.Fatalf("item %d scores %v, want %v", j, scores[j], want)
		}
	}
}
