package vector

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/haggle-commerce/haggle/services/recall/internal/catalogue"
	"github.com/haggle-commerce/haggle/services/recall/internal/top"
)

// naive returns the k nearest of the vectors by 64-bit arithmetic.
func naive(vectors map[catalogue.Slot][]float32, x []float32, k int, allowed catalogue.Bits) []top.Entry {
	norm := func(v []float32) float64 {
		sum := 0.0
		for _, a := range v {
			sum += float64(a) * float64(a)
		}
		return math.Sqrt(sum)
	}
	var all []top.Entry
	for s, v := range vectors {
		if allowed != nil && !allowed.Has(s) {
			continue
		}
		sum := 0.0
		for j := range x {
			sum += float64(x[j]) * float64(v[j])
		}
		all = append(all, top.Entry{Score: sum / norm(x) / norm(v), Tie: tieOf(s), Slot: s})
	}
	slices.SortFunc(all, top.Compare)
	return all[:min(k, len(all))]
}

// recallOf is the share of want that got holds.
func recallOf(got, want []top.Entry) float64 {
	found := 0
	for _, w := range want {
		if slices.ContainsFunc(got, func(e top.Entry) bool { return e.Slot == w.Slot }) {
			found++
		}
	}
	return float64(found) / float64(max(len(want), 1))
}

// small returns options with which 300 items already have lists.
func small() Options { return Options{Seed: 3, Flat: 300, Recall: 0.99, Tie: tieOf} }

// rebuilt runs a whole rebuild.
func rebuilt(ix *Index) {
	r := ix.Begin()
	for {
		switch waits, trained := r.Step(); {
		case waits && trained:
			ix.Finish(r)
			return
		case waits:
			r.Train(nil)
		}
	}
}

func filled(t testing.TB, o Options, vectors [][]float32) *Index {
	t.Helper()
	ix := New(o)
	for i, v := range vectors {
		if err := ix.Put(catalogue.Slot(i), v); err != nil {
			t.Fatal(err)
		}
	}
	return ix
}

// TestChanges draws puts, deletes, rebuilds and searches and compares what is found with a look at every vector. Where all items
// are scanned nothing may differ but the order of cosines that lie within what int16 tells apart.
func TestChanges(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		dims := rapid.SampledFrom([]int{1, 3, 16, 40}).Draw(t, "dims")
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		draw := func() []float32 {
			v := make([]float32, dims)
			for j := range v {
				v[j] = float32(r.NormFloat64())
			}
			return v
		}
		ix, vectors := New(Options{Seed: 1, Flat: 40, Recall: 1, Tie: tieOf}), map[catalogue.Slot][]float32{}
		var s Scratch
		var pending *Rebuild
		for range rapid.IntRange(1, 200).Draw(t, "steps") {
			slot := catalogue.Slot(r.IntN(90))
			switch r.IntN(8) {
			case 0, 1, 2, 3:
				v := draw()
				if err := ix.Put(slot, v); err != nil {
					t.Fatal(err)
				}
				vectors[slot] = v
			case 4:
				ix.Delete(slot)
				delete(vectors, slot)
			case 5:
				if pending = advance(ix, pending); ix.Len() != len(vectors) {
					t.Fatalf("%d items, want %d", ix.Len(), len(vectors))
				}
			default:
				check(t, r, ix, &s, vectors, draw())
			}
		}
	})
}

// advance does one step of a rebuild.
func advance(ix *Index, r *Rebuild) *Rebuild {
	if ix.Dims() == 0 {
		return nil
	}
	if r == nil {
		return ix.Begin()
	}
	switch waits, trained := r.Step(); {
	case waits && trained:
		ix.Finish(r)
		return nil
	case waits:
		r.Train(nil)
	}
	return r
}

func check(t *rapid.T, r *rand.Rand, ix *Index, s *Scratch, vectors map[catalogue.Slot][]float32, x []float32) {
	var allowed catalogue.Bits
	if r.IntN(2) == 0 {
		allowed = allowed.Grow(100)
		for i := range 100 {
			if r.IntN(3) > 0 {
				allowed.Set(catalogue.Slot(i))
			}
		}
	}
	k := 1 + r.IntN(30)
	got, want := ix.Search(s, x, k, allowed), naive(vectors, x, k, allowed)
	for i, e := range got {
		if i >= len(want) || allowed != nil && !allowed.Has(e.Slot) || math.Abs(e.Score-naive(map[catalogue.Slot][]float32{e.Slot: vectors[e.Slot]}, x, 1, nil)[0].Score) > 1e-4 {
			t.Fatalf("got %v, want %v", got, want)
		}
		// An int8 scan of few items scores all of them again, so that ranks differ by rounding alone.
		if ix.Lists() == 1 && math.Abs(e.Score-want[i].Score) > 1e-4 {
			t.Fatalf("at %d got %v, want %v", i, e, want[i])
		}
	}
	if len(got) != len(want) && (ix.Lists() == 1 || allowed != nil) {
		t.Fatalf("%d found, want %d", len(got), len(want))
	}
}

func TestCosineIsThatOfASearch(t *testing.T) {
	vectors := [][]float32{{1, 2, 3}, {-1, 0, 2}, {4, 4, 1}}
	ix, s := filled(t, small(), vectors), &Scratch{}
	x := []float32{3, 1, 0}
	found := slices.Clone(ix.Search(s, x, 3, nil))
	if !ix.Aim(s, x) || len(found) != 3 {
		t.Fatalf("found %v", found)
	}
	for _, e := range found {
		if got := ix.Cosine(s, e.Slot); got != e.Score {
			t.Errorf("Cosine(%d) = %v, want %v", e.Slot, got, e.Score)
		}
	}
	if got := ix.Cosine(s, 99); got != 0 {
		t.Errorf("Cosine of no vector = %v", got)
	}
	for _, bad := range [][]float32{nil, {1}, {0, 0, 0}} {
		if ix.Aim(s, bad) {
			t.Errorf("Aim(%v) is true", bad)
		}
	}
}

func TestPutRefuses(t *testing.T) {
	ix := New(small())
	nan := float32(math.NaN())
	for _, c := range []struct {
		x    []float32
		want error
	}{{nil, ErrDims}, {make([]float32, MaxDims+1), ErrDims}, {make([]float32, 4), ErrZero}, {[]float32{1, nan}, ErrZero}, {[]float32{float32(math.Inf(1)), 1}, ErrZero}} {
		if err := ix.Put(1, c.x); !errors.Is(err, c.want) || ix.Len() != 0 || ix.Dims() != 0 {
			t.Errorf("Put(%d numbers) = %v, %d dims", len(c.x), err, ix.Dims())
		}
	}
	if err := ix.Put(7, []float32{3, 4, 0}); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		x    []float32
		want error
	}{{[]float32{1, 2}, ErrDims}, {[]float32{0, 0, 0}, ErrZero}, {[]float32{nan, 0, 0}, ErrZero}} {
		if err := ix.Put(7, c.x); !errors.Is(err, c.want) {
			t.Errorf("Put(%v) = %v", c.x, err)
		}
	}
	got := make([]float32, 3)
	if !ix.Vector(7, got) || math.Abs(float64(got[0])-0.6) > 1e-4 || math.Abs(float64(got[1])-0.8) > 1e-4 || ix.Vector(8, got) {
		t.Errorf("after refusals the vector is %v", got)
	}
	var s Scratch
	for _, x := range [][]float32{nil, {1, 2}, {0, 0, 0}, {nan, 1, 1}} {
		if found := ix.Search(&s, x, 3, nil); len(found) != 0 {
			t.Errorf("Search(%v) = %v", x, found)
		}
	}
	ix.Delete(8)
	ix.Delete(7)
	if found := ix.Search(&s, []float32{1, 1, 1}, 3, nil); len(found) != 0 || ix.Len() != 0 || ix.Has(7) {
		t.Errorf("a deleted item is found: %v", found)
	}
}

// TestListsFind holds searches through lists to the recall that was asked for, with filters of every selectivity.
func TestListsFind(t *testing.T) {
	vectors := clustered(12_000, 24, 60, 5)
	ix := filled(t, small(), vectors)
	if !ix.Wants() {
		t.Error("12,000 items in one list want no others")
	}
	rebuilt(ix)
	if ix.Wants() || ix.Lists() != 432 {
		t.Errorf("%d lists, wants others: %v", ix.Lists(), ix.Wants())
	}
	exact := filled(t, Options{Flat: 1 << 30, Tie: tieOf}, vectors)
	r := rand.New(rand.NewPCG(1, 1))
	var s, e Scratch
	for _, one := range []int{1, 2, 10, 50, 400, 3000} {
		var allowed catalogue.Bits
		if one > 1 {
			allowed = allowed.Grow(len(vectors))
			for i := range vectors {
				if r.IntN(one) == 0 {
					allowed.Set(catalogue.Slot(i))
				}
			}
		}
		sum, scanned := 0.0, 0
		const queries = 60
		for range queries {
			x := slices.Clone(vectors[r.IntN(len(vectors))])
			for j := range x {
				x[j] += float32(r.NormFloat64() / 3)
			}
			want := slices.Clone(exact.Search(&e, x, 50, allowed))
			got := ix.Search(&s, x, 50, allowed)
			scanned += s.Scanned + s.Scored
			if len(got) != len(want) {
				t.Fatalf("one in %d: %d found, want %d", one, len(got), len(want))
			}
			if s.Scanned == 0 && !slices.Equal(got, want) {
				t.Fatalf("one in %d: looked up, but not exact", one)
			}
			sum += recallOf(got, want)
		}
		t.Logf("one in %d: recall %.4f, %d of %d rows read", one, sum/queries, scanned/queries, ix.Len())
		if sum/queries < 0.97 {
			t.Errorf("one in %d: recall %.3f", one, sum/queries)
		}
		if one == 1 && scanned/queries > ix.Len()/2 {
			t.Errorf("%d rows of %d are read", scanned/queries, ix.Len())
		}
	}
}

// TestReplicas puts the same vectors in another order, over others, and under other slots.
func TestReplicas(t *testing.T) {
	vectors := clustered(3000, 16, 20, 7)
	const shift = 5000
	mirrored := small()
	mirrored.Tie = func(s catalogue.Slot) uint64 { return tieOf(shift - s) }
	for _, flat := range []int{300, 10_000} {
		o, p := small(), mirrored
		o.Flat, p.Flat = flat, flat
		a, b := filled(t, o, vectors), New(p)
		for i := len(vectors) - 1; i >= 0; i-- {
			if i%3 == 0 {
				b.Put(catalogue.Slot(shift-i), vectors[(i+1)%len(vectors)])
			}
			b.Put(catalogue.Slot(shift-i), vectors[i])
		}
		rebuilt(a)
		rebuilt(b)
		var s, u Scratch
		for i := range 40 {
			one, other := a.Search(&s, vectors[i*70], 30, nil), b.Search(&u, vectors[i*70], 30, nil)
			for j := range other {
				other[j].Slot = shift - other[j].Slot
			}
			if diff := gocmp.Diff(one, other); diff != "" {
				t.Fatalf("flat %d, query %d: %s", flat, i, diff)
			}
		}
	}
}

// TestRebuildHearsOfChanges changes items between all steps of a rebuild.
func TestRebuildHearsOfChanges(t *testing.T) {
	vectors := clustered(2500, 16, 30, 11)
	ix := filled(t, small(), vectors[:2000])
	r := ix.Begin()
	next := 0
	change := func() {
		for range 40 {
			ix.Put(catalogue.Slot(next%2200), vectors[(next+300)%2500])
			ix.Delete(catalogue.Slot(next * 7 % 2200))
			next++
		}
	}
	for {
		change()
		waits, trained := r.Step()
		if waits && trained {
			break
		} else if waits {
			change()
			r.Train(func(share float64) {
				if share <= 0 || share > 1 {
					t.Errorf("progress %v", share)
				}
			})
		}
	}
	change()
	ix.Finish(r)
	for s := range catalogue.Slot(2300) {
		if ix.rows.has(s) != ix.lists.has(s) {
			t.Fatalf("slot %d: a row %v, in a list %v", s, ix.rows.has(s), ix.lists.has(s))
		}
	}
	sum := 0
	for i := range ix.lists.all {
		sum += len(ix.lists.all[i].slots)
	}
	if sum != ix.Len() {
		t.Errorf("the lists hold %d, the index %d", sum, ix.Len())
	}
}

func TestShrinksToOneList(t *testing.T) {
	vectors := clustered(1000, 16, 10, 13)
	ix := filled(t, small(), vectors)
	rebuilt(ix)
	for i := 100; i < 1000; i++ {
		ix.Delete(catalogue.Slot(i))
	}
	if !ix.Wants() {
		t.Fatal("100 items do not want one list")
	}
	rebuilt(ix)
	if ix.Lists() != 1 || ix.Wants() {
		t.Errorf("%d lists", ix.Lists())
	}
}

func TestSearchDoesNotAllocate(t *testing.T) {
	vectors := clustered(4000, 32, 20, 17)
	flat, lists := filled(t, Options{Flat: 1 << 30, Tie: tieOf}, vectors), filled(t, small(), vectors)
	rebuilt(lists)
	allowed := catalogue.Bits(nil).Grow(4000)
	for i := range 4000 {
		if i%40 == 0 {
			allowed.Set(catalogue.Slot(i))
		}
	}
	for name, ix := range map[string]*Index{"flat": flat, "lists": lists} {
		var s Scratch
		for _, a := range []catalogue.Bits{nil, allowed} {
			i := 0
			search := func() { ix.Search(&s, vectors[i*37%4000], 100, a); i++ }
			for range 50 {
				search()
			}
			if got := testing.AllocsPerRun(100, search); got > 0 {
				t.Errorf("%s: %v allocations", name, got)
			}
		}
	}
}

func TestChosenEqualsSort(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		scores := rapid.SliceOfN(rapid.IntRange(0, 20), 1, 200).Draw(t, "scores")
		c := chosen{}
		c.reset(rapid.IntRange(1, 30).Draw(t, "k"), tieOf)
		var want []choice
		for i, x := range scores {
			if float32(x) > c.threshold {
				c.offer(float64(x), catalogue.Slot(i))
			}
			want = append(want, choice{float64(x), catalogue.Slot(i)})
		}
		slices.SortFunc(want, func(a, b choice) int {
			return cmp.Or(cmp.Compare(b.score, a.score), cmp.Compare(tieOf(a.slot), tieOf(b.slot)))
		})
		c.cut()
		slices.SortFunc(c.kept, c.compare)
		if !slices.Equal(c.kept, want[:min(c.k, len(want))]) {
			t.Fatalf("got %v, want %v", c.kept, want)
		}
	})
}

func BenchmarkSearch(b *testing.B) {
	for _, n := range []int{10_000, 100_000} {
		vectors := clustered(n, 64, 200, 1)
		for _, flat := range []int{1000, 1 << 30} {
			o := Defaults(tieOf)
			o.Flat = flat
			ix := filled(b, o, vectors)
			rebuilt(ix)
			b.Run(fmt.Sprintf("items=%d/lists=%d", n, ix.Lists()), func(b *testing.B) {
				var s Scratch
				b.ReportAllocs()
				for i := 0; b.Loop(); i++ {
					ix.Search(&s, vectors[i*97%n], 200, nil)
				}
				b.ReportMetric(float64(s.Scanned), "rows")
			})
		}
	}
}
