package replay

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/haggle-commerce/haggle/libs/dataset/synth"
	"github.com/haggle-commerce/haggle/libs/feature"
	"github.com/haggle-commerce/haggle/libs/model/neighbour"
	"github.com/haggle-commerce/haggle/libs/shop"
	"github.com/haggle-commerce/haggle/services/trainer/internal/corpus"
	"github.com/haggle-commerce/haggle/services/trainer/internal/together"
)

// shopOf generates a small shop.
func shopOf(t testing.TB, items, events int) (*corpus.Corpus, *feature.Catalogue) {
	t.Helper()
	var l corpus.Log
	catalogue := &feature.Catalogue{}
	_, err := synth.Generate(t.Context(), synth.Options{Seed: 3, Items: items, Events: events},
		func(it shop.Item) error {
			catalogue.Put(feature.NewFacts(&it))
			l.Item(it.ID)
			return nil
		},
		func(e shop.Event) error {
			l.Add(&e)
			return nil
		})
	if err != nil {
		t.Fatal(err)
	}
	return l.Corpus(), catalogue
}

func player(c *corpus.Corpus, catalogue *feature.Catalogue) *Player {
	p := New(c, NewShelf(c, catalogue), 1)
	p.Learn = func(until int) (*neighbour.Model, error) { return together.Learn(c, until, together.Default()) }
	return p
}

func TestPlay(t *testing.T) {
	c, catalogue := shopOf(t, 400, 8000)
	asks := Asks(c)
	p := player(c, catalogue)
	half := len(asks) / 2
	train, err := p.Play(t.Context(), Window{Asks: asks[:half], Most: 100, Keep: 20})
	if err != nil {
		t.Fatal(err)
	}
	test, err := p.Play(t.Context(), Window{Asks: asks[half:], Most: 150})
	if err != nil {
		t.Fatal(err)
	}
	for name, s := range map[string]*Sample{"train": train, "test": test} {
		rows := s.Data.Rows()
		if len(s.Asks) != s.Data.Groups() || len(s.Missed) != len(s.Asks) || len(s.Leading) != len(s.Asks) || len(s.Data.Best) != len(s.Asks) ||
			len(s.Offered) != rows || len(s.Popular) != rows || len(s.Data.X) != rows*feature.Vector {
			t.Fatalf("%s: parts of other lengths: %d asks, %d groups, %d rows", name, len(s.Asks), s.Data.Groups(), rows)
		}
		for g, a := range s.Asks {
			from, to := s.Data.Group(g)
			found := 0
			for _, label := range s.Data.Labels[from:to] {
				if label > 0 {
					found++
				}
			}
			if found+len(s.Missed[g]) != len(a.Wanted) {
				t.Fatalf("%s: ask %d wants %d, %d of them are candidates and %d are missed", name, g, len(a.Wanted), found, len(s.Missed[g]))
			}
		}
		if slices.ContainsFunc(s.Data.X, func(x float32) bool { return x-x != 0 }) {
			t.Errorf("%s: a feature is not finite", name)
		}
	}
	if n := len(train.Asks); n < 90 || n > 110 {
		t.Errorf("%d asks to learn from, want about 100", n)
	}
	if n := len(test.Asks); n < 140 || n > 160 {
		t.Errorf("%d asks to judge by, want about 150", n)
	}
	for g := range train.Asks {
		if from, to := train.Data.Group(g); to-from > 20+maxWanted || !slices.ContainsFunc(train.Data.Labels[from:to], func(l float32) bool { return l > 0 }) {
			t.Errorf("group %d has %d rows, or nothing wanted", g, to-from)
		}
	}
}

// TestTheFutureIsNotSeen changes everything after the asks, and nothing may change in the examples.
func TestTheFutureIsNotSeen(t *testing.T) {
	c, catalogue := shopOf(t, 200, 3000)
	asks := Asks(c)
	asks = asks[len(asks)/3 : len(asks)/2]
	asks = slices.DeleteFunc(asks, func(a Ask) bool { return a.Before > 1600 })
	until := asks[len(asks)-1].Before + 1
	short := *c
	short.Events = c.Events[:until]
	long, err := player(c, catalogue).Play(t.Context(), Window{Asks: asks, Most: 40})
	if err != nil {
		t.Fatal(err)
	}
	cut, err := player(&short, catalogue).Play(t.Context(), Window{Asks: asks, Most: 40})
	if err != nil {
		t.Fatal(err)
	}
	if len(long.Asks) == 0 {
		t.Fatal("there are no asks")
	}
	if diff := cmp.Diff(long.Data, cut.Data); diff != "" {
		t.Errorf("examples with and without what came later (-with +without):\n%.2000s", diff)
	}
}

func TestSameSeedSameExamples(t *testing.T) {
	c, catalogue := shopOf(t, 200, 3000)
	asks := Asks(c)
	play := func() *Sample {
		s, err := player(c, catalogue).Play(t.Context(), Window{Asks: asks[len(asks)/2:], Most: 50, Keep: 30})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	a, b := play(), play()
	if diff := cmp.Diff(a.Data, b.Data); diff != "" {
		t.Errorf("examples of one seed (-first +second):\n%.2000s", diff)
	}
}

func TestPlayEndsWithTheContext(t *testing.T) {
	c, catalogue := shopOf(t, 100, 1000)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := player(c, catalogue).Play(ctx, Window{Asks: Asks(c), Most: 5}); !errors.Is(err, context.Canceled) {
		t.Errorf("Play after the end = %v", err)
	}
}

func TestDraw(t *testing.T) {
	for _, share := range []float64{0.05, 0.3, 1} {
		r := rand.New(rand.NewPCG(5, 5))
		d := draw{random: rand.New(rand.NewPCG(6, 6)), need: 300, left: 20000}
		got := 0
		for range 20000 {
			if d.take() {
				useful := r.Float64() < share
				d.done(useful)
				if useful {
					got++
				}
			}
		}
		if math.Abs(float64(got)-300) > 30 {
			t.Errorf("of asks of which %.0f %% are of use %d were drawn, want about 300", 100*share, got)
		}
	}
}

func TestSearchFindsWhatHoldsTheWords(t *testing.T) {
	catalogue := &feature.Catalogue{}
	var l corpus.Log
	for id, title := range map[shop.ItemID]string{"a": "Red running shoes", "b": "Blue running shoes", "c": "Red desk lamp", "d": "Green tea"} {
		catalogue.Put(feature.NewFacts(&shop.Item{ID: id, Title: title}))
		l.Item(id)
	}
	l.Add(&shop.Event{ID: "1", Kind: shop.Search, Time: start, Shopper: "v", SearchTerm: "red shoes"})
	c := l.Corpus()
	p := player(c, catalogue)
	a := Ask{Purpose: Search, Shopper: 1, Query: c.Events[0].Query}
	var got []shop.ItemID
	for _, s := range p.offerer.offer(&a, c.Events[0].At, 10) {
		got = append(got, c.ID(s.item))
	}
	if len(got) != 3 || got[0] != "a" || slices.Contains(got, "d") {
		t.Errorf("red shoes finds %v, want a first, b and c, and not d", got)
	}
}

func TestFameFades(t *testing.T) {
	f := newFame(3, 0, popularHalfLife)
	half := popularHalfLife.Milliseconds()
	f.add(1, 0, 2)
	f.add(2, half, 1)
	if math.Abs(f.levels[1]-f.levels[2]) > 1e-9 {
		t.Errorf("2 a half-life ago is %v, 1 now is %v; want the same", f.levels[1], f.levels[2])
	}
	f.add(3, 2000*half, 1)
	if f.levels[1] != 0 || math.IsInf(f.levels[3], 0) || f.levels[3] == 0 {
		t.Errorf("after 2,000 half-lives the levels are %v", f.levels)
	}
}
