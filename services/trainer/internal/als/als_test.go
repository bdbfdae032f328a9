package als

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/haggle-commerce/haggle/services/trainer/internal/crew"
	"github.com/haggle-commerce/haggle/services/trainer/internal/interaction"
)

// draw makes a random matrix in which users of a kind touch items of that kind.
func draw(seed uint64, users, items int) *interaction.Matrix {
	r := rand.New(rand.NewPCG(seed, 7))
	lists := make([][]uint32, users)
	for u := range lists {
		for range 1 + r.IntN(8) {
			i := r.IntN(items)
			if i%3 == u%3 || r.IntN(4) == 0 {
				lists[u] = append(lists[u], uint32(i))
			}
		}
	}
	m, err := interaction.New(lists, items)
	if err != nil {
		panic(err)
	}
	return m
}

func options(block int) Options {
	return Options{Rank: 6, Block: block, Unobserved: 0.1, Regularisation: 0.02, Frequency: 0.7, Rounds: 3, Seed: 3}
}

func learn(t testing.TB, m *interaction.Matrix, o Options, workers int) *Model {
	t.Helper()
	model, err := Learn(t.Context(), crew.Crew{Workers: workers}, m, o)
	if err != nil {
		t.Fatal(err)
	}
	return model
}

// TestLossFalls checks that no round makes the objective worse, whatever the block.
func TestLossFalls(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		m := draw(rapid.Uint64().Draw(rt, "seed"), rapid.IntRange(3, 30).Draw(rt, "users"), rapid.IntRange(3, 25).Draw(rt, "items"))
		o := options(rapid.IntRange(1, 6).Draw(rt, "block"))
		before := math.Inf(1)
		for rounds := range 5 {
			o.Rounds = rounds
			loss := learn(t, m, o, 1).Loss(m)
			if !(loss <= before*(1+1e-4)) {
				rt.Fatalf("the loss is %v after %d rounds, %v before", loss, rounds, before)
			}
			before = loss
		}
	})
}

// TestFoldInSolvesNormalEquations compares a vector that is folded in with the solution of the full normal equations in float64.
func TestFoldInSolvesNormalEquations(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		m := draw(rapid.Uint64().Draw(rt, "seed"), 25, 20)
		model := learn(t, m, options(4), 1)
		u := rapid.IntRange(0, 24).Draw(rt, "user")
		if len(m.User(u)) == 0 {
			return
		}
		scores := make([]float32, m.Items())
		asker := model.Asker().(*asker)
		asker.Score(scores, m.User(u))
		// (sum over seen of h h' + Unobserved sum over all of h h' + weight I) w = sum over seen of h.
		d, o := model.Options.Rank, model.Options
		a, b := make([][]float64, d), make([]float64, d)
		for r := range d {
			a[r] = make([]float64, d)
			a[r][r] = o.Regularisation * math.Pow(float64(len(m.User(u)))+o.Unobserved*float64(m.Items()), o.Frequency)
			for i := range m.Items() {
				share := o.Unobserved
				if slices.Contains(m.User(u), uint32(i)) {
					share++
					b[r] += float64(model.Items[i*d+r])
				}
				for c := range d {
					a[r][c] += share * float64(model.Items[i*d+r]) * float64(model.Items[i*d+c])
				}
			}
		}
		for r := range d {
			got := 0.0
			for c := range d {
				got += a[r][c] * float64(asker.user[c])
			}
			if math.Abs(got-b[r]) > 1e-3 {
				rt.Fatalf("row %d of the normal equations gives %v, want %v", r, got, b[r])
			}
		}
		for i, score := range scores {
			want := 0.0
			for c := range d {
				want += float64(asker.user[c]) * float64(model.Items[i*d+c])
			}
			if math.Abs(float64(score)-want) > 1e-4 {
				rt.Fatalf("item %d scores %v, want %v", i, score, want)
			}
		}
	})
}

func TestSameForAnyNumberOfWorkers(t *testing.T) {
	m := draw(5, 300, 90)
	want := learn(t, m, options(3), 1)
	got := learn(t, m, options(3), 5)
	if !slices.Equal(got.Items, want.Items) || !slices.Equal(got.Users, want.Users) {
		t.Error("5 workers learn other vectors than one")
	}
}

func TestKindsAreTold(t *testing.T) {
	m := draw(9, 300, 60)
	asker, scores := learn(t, m, options(6), 2).Asker(), make([]float32, 60)
	asker.Score(scores, []uint32{0, 3, 6, 9})
	var own, other float32
	for i, s := range scores {
		if i%3 == 0 {
			own += s / 20
		} else {
			other += s / 40
		}
	}
	if own < 2*other {
		t.Errorf("items of the history's kind score %v, others %v", own, other)
	}
}
