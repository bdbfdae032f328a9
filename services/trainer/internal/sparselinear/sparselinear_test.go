package sparselinear

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/haggle-commerce/haggle/services/trainer/internal/crew"
	"github.com/haggle-commerce/haggle/services/trainer/internal/interaction"
	"github.com/haggle-commerce/haggle/services/trainer/internal/itemitem"
)

var two = crew.Crew{Workers: 2}

func draw(t testing.TB, seed uint64, users, items int) *interaction.Matrix {
	t.Helper()
	r := rand.New(rand.NewPCG(seed, 3))
	lists := make([][]uint32, users)
	for u := range lists {
		for range 1 + r.IntN(6) {
			lists[u] = append(lists[u], uint32(r.IntN(items)))
		}
	}
	m, err := interaction.New(lists, items)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func count(t testing.TB, m *interaction.Matrix, user float64) *itemitem.Counts {
	t.Helper()
	c, err := itemitem.Count(t.Context(), two, m, user, 0)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// naive returns -P(i,j)/P(j,j) with P = (X'X/mean diagonal + lambda I)^-1 of the normalised X, by Gauss-Jordan in float64.
func naive(m *interaction.Matrix, user, item, lambda float64) [][]float64 {
	n := m.Items()
	a := make([][]float64, n)
	for i := range a {
		a[i] = make([]float64, 2*n)
	}
	for u := range m.Users() {
		own := m.User(u)
		for _, i := range own {
			for _, j := range own {
				a[i][j] += math.Pow(float64(len(own)), -user) * math.Pow(float64(len(m.Item(int(i)))), -item) * math.Pow(float64(len(m.Item(int(j)))), -item)
			}
		}
	}
	mean, touched := 0.0, 0.0
	for i := range n {
		if a[i][i] > 0 {
			mean, touched = mean+a[i][i], touched+1
		}
	}
	mean /= touched
	for i := range n {
		for j := range n {
			a[i][j] /= mean
		}
		a[i][i] += lambda
		a[i][n+i] = 1
	}
	for k := range n {
		for i := range n {
			if i == k {
				continue
			}
			f := a[i][k] / a[k][k]
			for j := range 2 * n {
				a[i][j] -= f * a[k][j]
			}
		}
	}
	b := make([][]float64, n)
	for i := range n {
		b[i] = make([]float64, n)
		for j := range n {
			if i != j {
				b[i][j] = -(a[i][n+j] / a[i][i]) / (a[j][n+j] / a[j][j])
			}
		}
	}
	return b
}

// TestEqualsClosedForm compares both ways to solve with EASE's closed form: the pruned one with all items as pool.
func TestEqualsClosedForm(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		m := draw(t, rapid.Uint64().Draw(rt, "seed"), rapid.IntRange(2, 20).Draw(rt, "users"), rapid.IntRange(2, 12).Draw(rt, "items"))
		user, item := rapid.SampledFrom([]float64{0, 0.5}).Draw(rt, "user"), rapid.SampledFrom([]float64{0, 0.5}).Draw(rt, "item")
		lambda := rapid.SampledFrom([]float64{0.3, 2}).Draw(rt, "lambda")
		gram := NewGram(count(t, m, user), item)
		closed, err := Dense(t.Context(), two, gram, lambda, 0)
		if err != nil {
			rt.Fatal(err)
		}
		want := naive(m, user, item, lambda)
		compare := func(name string, w *Weights) {
			for j, row := range w.Rows {
				got := make([]float64, m.Items())
				for _, e := range row {
					got[e.Item] = float64(e.Weight)
				}
				for i := range got {
					if math.Abs(got[i]-want[i][j]) > 2e-3 {
						rt.Fatalf("%s: w(%d,%d) = %v, want %v", name, i, j, got[i], want[i][j])
					}
				}
			}
		}
		compare("closed form", closed)
		// The pool of an item holds those it was touched with; with one user who touched all, that is every item.
		lists := [][]uint32{{}}
		for i := range m.Items() {
			lists[0] = append(lists[0], uint32(i))
		}
		for u := range m.Users() {
			lists = append(lists, m.User(u))
		}
		everybody, err := interaction.New(lists, m.Items())
		if err != nil {
			rt.Fatal(err)
		}
		pruned, err := Pruned(t.Context(), two, NewGram(count(t, everybody, user), item), m.Items(), lambda)
		if err != nil {
			rt.Fatal(err)
		}
		want = naive(everybody, user, item, lambda)
		compare("pruned", pruned)
	})
}

func TestSameForAnyNumberOfWorkers(t *testing.T) {
	m := draw(t, 8, 300, 120)
	gram := NewGram(count(t, m, 0.25), 0.5)
	for name, solve := range map[string]func(crew.Crew) (*Weights, error){
		"pruned": func(c crew.Crew) (*Weights, error) { return Pruned(t.Context(), c, gram, 12, 1) },
		"dense":  func(c crew.Crew) (*Weights, error) { return Dense(t.Context(), c, gram, 1, 20) },
	} {
		one, err := solve(crew.Crew{Workers: 1})
		if err != nil {
			t.Fatal(err)
		}
		many, err := solve(crew.Crew{Workers: 5})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(one.Rows, many.Rows); diff != "" {
			t.Errorf("%s: 5 workers solve otherwise than one (-one +five):\n%s", name, diff)
		}
	}
}

func TestListsTurnWeightsAround(t *testing.T) {
	m, err := interaction.New([][]uint32{{0, 1}, {0}, {0}, {0}}, 2)
	if err != nil {
		t.Fatal(err)
	}
	w := &Weights{Rows: [][]itemitem.Entry{{{Item: 1, Weight: 3}}, {{Item: 0, Weight: 5}}}, counts: count(t, m, 0)}
	// Item 0 has 4 users, item 1 has 1: from 0 to 1 it is 4^-0.5 * 5 * 1, from 1 to 0 1 * 3 * 4^0.5.
	want := itemitem.FromRows([][]itemitem.Entry{{{Item: 1, Weight: 2.5}}, {{Item: 0, Weight: 6}}})
	if diff := cmp.Diff(want, w.Lists(0.5, 0.5, 0), cmpopts.EquateApprox(1e-6, 0)); diff != "" {
		t.Errorf("lists (-want +got):\n%s", diff)
	}
}
