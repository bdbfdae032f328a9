package itemitem

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/haggle-commerce/haggle/libs/shop"
	"github.com/haggle-commerce/haggle/services/trainer/internal/crew"
	"github.com/haggle-commerce/haggle/services/trainer/internal/interaction"
)

func draw(t testing.TB, seed uint64, users, items int) *interaction.Matrix {
	t.Helper()
	r := rand.New(rand.NewPCG(seed, 3))
	lists := make([][]uint32, users)
	for u := range lists {
		for range r.IntN(7) {
			lists[u] = append(lists[u], uint32(r.IntN(items)))
		}
	}
	m, err := interaction.New(lists, items)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// TestNeighboursEqualNaive compares all weights with the formula, pair by pair.
func TestNeighboursEqualNaive(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		m := draw(t, rapid.Uint64().Draw(rt, "seed"), rapid.IntRange(1, 20).Draw(rt, "users"), rapid.IntRange(1, 12).Draw(rt, "items"))
		user := rapid.SampledFrom([]float64{0, 0.5, 1}).Draw(rt, "user")
		o := Options{Target: 0.375, Source: 0.75, Shrinkage: rapid.SampledFrom([]float64{0, 1.5}).Draw(rt, "shrinkage")}
		counts, err := Count(t.Context(), crew.Crew{Workers: 2}, m, user, 0)
		if err != nil {
			rt.Fatal(err)
		}
		lists, err := counts.Neighbours(t.Context(), crew.Crew{Workers: 2}, o)
		if err != nil {
			rt.Fatal(err)
		}
		mean := 0.0
		for u := range m.Users() {
			if n := float64(len(m.User(u))); n > 0 {
				mean += n * math.Pow(n, -user) / float64(m.Entries())
			}
		}
		for i := range m.Items() {
			got := map[uint32]float32{}
			items, weights := lists.Row(i)
			for k, j := range items {
				got[j] = weights[k]
				if k > 0 && weights[k] > weights[k-1] {
					rt.Fatalf("row %d is not in order: %v", i, weights)
				}
			}
			for j := range m.Items() {
				c := 0.0
				for _, u := range m.Item(i) {
					if i != j && slices.Contains(m.User(int(u)), uint32(j)) {
						c += math.Pow(float64(len(m.User(int(u)))), -user)
					}
				}
				want := 0.0
				if c > 0 {
					want = c / (math.Pow(float64(len(m.Item(i))), o.Source) * math.Pow(float64(len(m.Item(j))), o.Target)) * c / (c + o.Shrinkage*mean)
				}
				if math.Abs(float64(got[uint32(j)])-want) > 1e-5 {
					rt.Fatalf("w(%d,%d) = %v, want %v", i, j, got[uint32(j)], want)
				}
			}
		}
	})
}

func TestSameForAnyNumberOfWorkers(t *testing.T) {
	m := draw(t, 4, 400, 300)
	var want *Lists
	for _, workers := range []int{1, 4} {
		counts, err := Count(t.Context(), crew.Crew{Workers: workers}, m, 0.5, 20)
		if err != nil {
			t.Fatal(err)
		}
		got, err := counts.Neighbours(t.Context(), crew.Crew{Workers: workers}, Options{Target: 0.5, Source: 0.5, Keep: 10})
		if err != nil {
			t.Fatal(err)
		}
		if want != nil && !cmp.Equal(got, want) {
			t.Errorf("%d workers make other lists than one", workers)
		}
		want = got
	}
}

func TestCutKeepsTheFurthestFromZero(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		weights := rapid.SliceOfN(rapid.IntRange(-9, 9), 0, 30).Draw(t, "weights")
		var row []Entry
		for i, w := range weights {
			row = append(row, Entry{uint32(i), float32(w)})
		}
		most := rapid.IntRange(1, 10).Draw(t, "most")
		want := slices.DeleteFunc(slices.Clone(row), func(e Entry) bool { return e.Weight == 0 })
		slices.SortStableFunc(want, func(a, b Entry) int {
			return int(math.Abs(float64(b.Weight)) - math.Abs(float64(a.Weight)))
		})
		want = want[:min(len(want), most)]
		got := Cut(row, most)
		byItem := func(a, b Entry) int { return int(a.Item) - int(b.Item) }
		slices.SortFunc(got, byItem)
		slices.SortFunc(want, byItem)
		if !slices.Equal(got, want) {
			t.Fatalf("Cut(%v, %d) = %v, want %v", weights, most, got, want)
		}
	})
}

func TestScoreAddsRows(t *testing.T) {
	l := FromRows([][]Entry{{{1, 0.5}, {2, -1}}, {{0, 1}, {2, 2}}, nil})
	scores := make([]float32, 3)
	l.Asker().Score(scores, []uint32{0, 1})
	if want := []float32{1, 0.5, 1}; !slices.Equal(scores, want) {
		t.Errorf("scores = %v, want %v", scores, want)
	}
}

func TestJoin(t *testing.T) {
	a, b := FromRows([][]Entry{{{1, 2}}, {{0, 2}}}), FromRows([][]Entry{{{1, 4}}, nil})
	// Their sizes are sqrt((4+4)/2) = 2 and sqrt(16/2) = 2.828: row 0 is 2/2 + 0.5*4/2.828 = 1.7071, row 1 2/2.
	got := Join(a, b, 0.5, 0)
	for i, want := range []float32{1.7071, 1} {
		if _, weights := got.Row(i); len(weights) != 1 || math.Abs(float64(weights[0]-want)) > 1e-3 {
			t.Errorf("row %d = %v, want %v", i, weights, want)
		}
	}
}

func TestNeighbourModel(t *testing.T) {
	l := FromRows([][]Entry{{{1, 0.5}, {2, 0.25}}, {{0, 1}, {2, -3}}, {{0, 1}}})
	m, err := l.Model([]shop.ItemID{"c", "a", "b"}, func(i int) bool { return i != 2 }, 10)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for i, id := range m.IDs {
		items, weights := m.Neighbours(uint32(i))
		for k, j := range items {
			got[string(id)] += fmt.Sprint(m.IDs[j], " ", weights[k], ";")
		}
	}
	if diff := cmp.Diff(map[string]string{"a": "c 1;", "c": "a 0.5;"}, got); diff != "" {
		t.Errorf("lists (-want +got):\n%s", diff)
	}
}
