package contest

import (
	"context"
	"fmt"

	"github.com/haggle-commerce/haggle/libs/quality"
	"github.com/haggle-commerce/haggle/services/trainer/internal/interaction"
)

// trial is a contest under way.
type trial struct {
	workshop
	options Options
	cases   []interaction.Case
	ranks   []uint32
	entries []Entry
	// tried are the places of settings among entries, by their text.
	tried map[string]int
	// spent is how many seconds the trials so far took, by estimate.
	spent float64
	// pairs is how many pairs of items users name in all, row how long a row of counts is about, history how long a history.
	pairs, row, history float64
}

// measure counts what estimates go by.
func (t *trial) measure() {
	for u := range t.matrix.Users() {
		n := float64(len(t.matrix.User(u)))
		t.pairs += n * n
	}
	items := float64(max(t.matrix.Items(), 1))
	t.row = min(t.pairs/items, width, items)
	for _, c := range t.cases {
		t.history += float64(len(c.History)) / float64(len(t.cases))
	}
}

// affords reports whether the budget has room for a trial.
func (t *trial) affords(settings ...Setting) bool {
	sum := t.spent
	for _, s := range settings {
		sum += t.estimate(s)
	}
	return sum <= t.options.Budget.Seconds()
}

// try learns by a setting and judges it, unless that was done before, and returns its place among the entries.
func (t *trial) try(ctx context.Context, s Setting) (int, error) {
	if at, ok := t.tried[s.String()]; ok {
		return at, nil
	}
	t.tell(s)
	t.spent += t.estimate(s)
	model, err := t.fit(ctx, s)
	if err != nil {
		return 0, fmt.Errorf("learn %v: %w", s, err)
	}
	return t.judge(ctx, s, model)
}

func (t *trial) tell(s Setting) {
	if t.options.Progress != nil {
		t.options.Progress(s.String(), min(t.spent/t.options.Budget.Seconds(), 1))
	}
}

// judge judges a model and adds it to the entries.
func (t *trial) judge(ctx context.Context, s Setting, model *Model) (int, error) {
	values, err := interaction.Judge(ctx, t.crew, model.Model, t.cases, t.ranks)
	if err != nil {
		return 0, err
	}
	t.entries = append(t.entries, Entry{
		Setting: s, Values: values, Recall: quality.Mean(values.Recall), NDCG: quality.Mean(values.NDCG),
		QueryOps: t.queryOps(model), Bytes: model.Bytes(),
	})
	t.tried[s.String()] = len(t.entries) - 1
	return len(t.entries) - 1, nil
}

// queryOps returns how many multiplications a query takes: for lists as many as the rows of the history are long, for vectors a
// product with each item and the folding in.
func (t *trial) queryOps(m *Model) float64 {
	total := 0.0
	if m.Lists != nil {
		for _, c := range t.cases {
			for _, i := range c.History {
				total += float64(m.Lists.Offsets[i+1]-m.Lists.Offsets[i]) / float64(len(t.cases))
			}
		}
	}
	items := float64(t.matrix.Items())
	if m.Spectral != nil {
		total += (items + t.history) * float64(m.Spectral.Rank)
	}
	if m.ALS != nil {
		d := float64(m.ALS.Options.Rank)
		total += items*d + t.history*d*d/2 + d*d*d/6
	}
	return total
}

// estimate returns how many CPU seconds a trial takes. The constants are nanoseconds, measured on Gowalla's 41,000 items and 810,000
// entries on a core of 3 GHz with vectors of 256 bits; they are the same everywhere, so that a choice is too.
func (t *trial) estimate(s Setting) float64 {
	items, users, entries, cases := float64(t.matrix.Items()), float64(t.matrix.Users()), float64(t.matrix.Entries()), float64(len(t.cases))
	sum := cases * (items*2 + t.history*t.row*1.5)
	if s.Family.vectors() {
		sum = cases * items * (6 + 0.15*float64(s.Rank))
	}
	d, p := float64(s.Rank), min(float64(s.Pool), t.row)
	switch s.Family {
	case Neighbours:
		sum += items * t.row * 10
	case Ridge:
		sum += items * p * 60
		if !t.solved(s) {
			sum += items * (p*p/2*9 + p*p*p/6*0.15 + p*t.row*1.5)
		}
	case Dense:
		sum += items * items * 40
		if !t.solved(s) {
			sum += items * items * items / 2 * 0.25
		}
	case Spectral:
		sum += spectralRounds*2*entries*d*0.4 + (spectralRounds+1)*4*items*d*d*0.3
	case ALS:
		sum += alsRounds * (2*entries*d*9 + (items+users)*(d*d/2*9+d*d*d/6*0.15))
	}
	if !s.Family.vectors() && !t.counted(s.User) {
		sum += t.pairs*5 + items*t.row*40
	}
	total := sum * 1e-9
	if s.Beside != nil {
		total += t.estimate(*s.Beside)
	}
	return total
}
