package contest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/haggle-commerce/haggle/libs/quality"
	"github.com/haggle-commerce/haggle/services/trainer/internal/crew"
	"github.com/haggle-commerce/haggle/services/trainer/internal/interaction"
)

// ErrTooLittle says that there is nothing to compare models by.
var ErrTooLittle = errors.New("too little to compare models by")

// Options say how much is tried.
type Options struct {
	// Budget is how much CPU time trying may take, on a core of about 3 GHz. What a trial will take is estimated from counts and not
	// from a clock, so that the same data make the same choice on every machine. Nearest neighbours are tried in any case.
	Budget time.Duration
	// Holdout is what the trials are judged by.
	Holdout interaction.Holdout
	// Margin is which share of the best quality may be given up for a cheaper model, at the low end of the interval.
	Margin float64
	// Vectors says whether models of vectors are tried too.
	Vectors bool
	// Seed is that of what is random in learning.
	Seed uint64
	// Progress, where set, is told what is tried and which share of the budget is spent.
	Progress func(what string, share float64)
}

// Default returns options that suit up to some 100,000 items.
func Default() Options {
	return Options{
		Budget: 5 * time.Minute, Holdout: interaction.Holdout{Share: 0.2, Users: 4000, Seed: 1}, Margin: 0.002, Vectors: true, Seed: 1,
	}
}

// Entry is one setting that was tried.
type Entry struct {
	Setting Setting
	// Values are what it reached on what was held out, Recall and NDCG their means.
	Values       interaction.Values
	Recall, NDCG float64
	// QueryOps is how many multiplications a query takes in the mean, Bytes how much memory the model does.
	QueryOps float64
	Bytes    int64
	// Frontier says that no other entry is at once as good, as cheap and as small.
	Frontier bool
}

// quality is what entries are ordered by.
func (e *Entry) quality() float64 { return e.Recall + e.NDCG }

// Result is what a contest found.
type Result struct {
	// Entries are all that was tried, the best first; Winner is the place of the one to serve.
	Entries []Entry
	Winner  int
	Cases   int
	// Reason says why the winner serves.
	Reason string
}

// Run holds out interactions, tries settings, those of each family in the direction in which it became better, and picks one. It
// returns [ErrTooLittle] when nothing can be held out.
func Run(ctx context.Context, c crew.Crew, m *interaction.Matrix, o Options) (*Result, error) {
	rest, cases := m.Split(o.Holdout)
	if len(cases) == 0 {
		return nil, fmt.Errorf("%w: nobody touched two items", ErrTooLittle)
	}
	t := &trial{
		options: o, workshop: workshop{crew: c, matrix: rest, seed: o.Seed}, cases: cases, ranks: interaction.Ranks(rest.ByCount()),
		tried: map[string]int{},
	}
	t.measure()
	if err := t.run(ctx); err != nil {
		return nil, err
	}
	r := &Result{Entries: t.entries, Cases: len(cases)}
	slices.SortStableFunc(r.Entries, func(a, b Entry) int { return cmp.Compare(b.quality(), a.quality()) })
	r.choose(o)
	return r, nil
}

// choose marks the frontier and picks the cheapest entry that is not inferior to the best.
func (r *Result) choose(o Options) {
	best := &r.Entries[0]
	for i := range r.Entries {
		e := &r.Entries[i]
		e.Frontier = !slices.ContainsFunc(r.Entries[:i], func(b Entry) bool { return b.QueryOps <= e.QueryOps && b.Bytes <= e.Bytes })
		if !e.Frontier || e.QueryOps >= r.Entries[r.Winner].QueryOps {
			continue
		}
		gap := make([]float64, len(e.Values.NDCG))
		for k := range gap {
			gap[k] = e.Values.NDCG[k] + e.Values.Recall[k] - best.Values.NDCG[k] - best.Values.Recall[k]
		}
		if quality.Bootstrap(gap, quality.Resampling{Seed: o.Seed}).Low >= -o.Margin*best.quality() {
			r.Winner = i
		}
	}
	r.Reason = "the best of those tried"
	if r.Winner != 0 {
		r.Reason = fmt.Sprintf("the cheapest that is not inferior to %v", best.Setting)
	}
}
