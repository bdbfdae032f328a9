package interaction

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/haggle-commerce/haggle/libs/quality"
	"github.com/haggle-commerce/haggle/services/trainer/internal/crew"
)

func TestMatrix(t *testing.T) {
	m, err := New([][]uint32{{2, 0, 2}, nil, {2}}, 4)
	if err != nil {
		t.Fatal(err)
	}
	if m.Users() != 3 || m.Items() != 4 || m.Entries() != 3 {
		t.Errorf("%d users, %d items, %d entries, want 3, 4, 3", m.Users(), m.Items(), m.Entries())
	}
	if !slices.Equal(m.User(0), []uint32{0, 2}) || !slices.Equal(m.Item(2), []uint32{0, 2}) || len(m.Item(3)) != 0 {
		t.Errorf("user 0 = %v, item 2 = %v, item 3 = %v", m.User(0), m.Item(2), m.Item(3))
	}
	if want := []uint32{2, 0, 1, 3}; !slices.Equal(m.ByCount(), want) {
		t.Errorf("ByCount = %v, want %v", m.ByCount(), want)
	}
	users, items := m.Powers(-1, 2)
	if !slices.Equal(users, []float64{0.5, 0, 1}) || !slices.Equal(items, []float64{1, 0, 4, 0}) {
		t.Errorf("Powers = %v, %v", users, items)
	}
	if _, err := New([][]uint32{{4}}, 4); err == nil {
		t.Error("item 4 of 4 is taken")
	}
}

func draw(seed uint64, users, items int) *Matrix {
	r := rand.New(rand.NewPCG(seed, 1))
	lists := make([][]uint32, users)
	for u := range lists {
		for range r.IntN(9) {
			lists[u] = append(lists[u], uint32(r.IntN(items)))
		}
	}
	m, err := New(lists, items)
	if err != nil {
		panic(err)
	}
	return m
}

// TestSplitLosesNothing checks that what is held out and the rest are what there was, and that no user is emptied.
func TestSplitLosesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := draw(rapid.Uint64().Draw(t, "seed"), 30, 20)
		h := Holdout{Share: rapid.SampledFrom([]float64{0.1, 0.5, 0.9}).Draw(t, "share"), Users: rapid.IntRange(0, 40).Draw(t, "users"), Seed: 5}
		rest, cases := m.Split(h)
		held := 0
		for _, c := range cases {
			held += len(c.Wanted)
			if len(c.History) == 0 || len(c.Wanted) == 0 {
				t.Fatalf("case %v is empty", c)
			}
			if both := slices.Sorted(slices.Values(slices.Concat(c.History, c.Wanted))); !slices.ContainsFunc(allUsers(m), func(own []uint32) bool { return slices.Equal(own, both) }) {
				t.Fatalf("nobody touched %v", both)
			}
		}
		if len(cases) > h.Users || rest.Entries()+held != m.Entries() {
			t.Fatalf("%d cases hold out %d of %d, %d remain", len(cases), held, m.Entries(), rest.Entries())
		}
		again, more := m.Split(h)
		if !cmp.Equal(cases, more) || !slices.Equal(again.users.numbers, rest.users.numbers) {
			t.Fatal("the same seed draws otherwise")
		}
	})
}

func allUsers(m *Matrix) [][]uint32 {
	var all [][]uint32
	for u := range m.Users() {
		all = append(all, m.User(u))
	}
	return all
}

// fixed is a model that scores every history alike.
type fixed []float32

func (f fixed) Asker() Asker { return f }

func (f fixed) Score(dst []float32, _ []uint32) { copy(dst, f) }

// TestJudgeEqualsQuality compares with the measures of package quality on orders without ties.
func TestJudgeEqualsQuality(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		const items = 60
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(rt, "seed"), 1))
		scores := make(fixed, items)
		for i, at := range r.Perm(items) {
			scores[i] = float32(at)
		}
		touched := r.Perm(items)[:1+r.IntN(40)]
		var c Case
		for k, i := range touched {
			if k == 0 || k%2 == 0 {
				c.Wanted = append(c.Wanted, uint32(i))
			} else {
				c.History = append(c.History, uint32(i))
			}
		}
		got, err := Judge(t.Context(), crew.Crew{Workers: 2}, scores, []Case{c}, Ranks(draw(1, 5, items).ByCount()))
		if err != nil {
			rt.Fatal(err)
		}
		masked, relevances := make([]float32, 0, items), make([]float64, 0, items)
		for i, s := range scores {
			if !slices.Contains(c.History, uint32(i)) {
				masked = append(masked, s)
				relevance := 0.0
				if slices.Contains(c.Wanted, uint32(i)) {
					relevance = 1
				}
				relevances = append(relevances, relevance)
			}
		}
		gains := quality.Gains(masked, relevances)
		relevant := slices.Repeat([]float64{1}, len(c.Wanted))
		if want := quality.Recall(gains, len(c.Wanted), Depth); math.Abs(got.Recall[0]-want) > 1e-9 {
			rt.Fatalf("recall = %v, want %v", got.Recall[0], want)
		}
		if want := quality.NDCG(gains, relevant, Depth); math.Abs(got.NDCG[0]-want) > 1e-9 {
			rt.Fatalf("NDCG = %v, want %v", got.NDCG[0], want)
		}
	})
}

func TestTiesStandByCount(t *testing.T) {
	var h heap
	scores := make([]float32, 30)
	order := rand.New(rand.NewPCG(1, 1)).Perm(30)
	ranks := make([]uint32, 30)
	for place, i := range order {
		ranks[i] = uint32(place)
	}
	for place, i := range h.first(scores, ranks) {
		if int(i) != order[place] {
			t.Fatalf("place %d has item %d, want %d", place, i, order[place])
		}
	}
}
