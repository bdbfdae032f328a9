// Package sequel chooses the constants and learns the weights of package session on questions whose answers are known.
//
// The questions are visits that the index of sessions does not hold, so that the evidence is as old as it will be in use. One part
// of them is learnt from and another decides: which constants, and whether the fixed mix, a weighted sum or boosted trees
// over it answer best. Trees cost more, so they must be better by more than [worth].
package sequel

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/haggle-commerce/haggle/libs/model/linear"
	"github.com/haggle-commerce/haggle/libs/model/session"
	"github.com/haggle-commerce/haggle/services/trainer/internal/learn"
)

// Question is the beginning of a visit, and what came next.
type Question struct {
	session.Query
	Target uint32
}

// Part is an index and questions to it, none of whose answers it holds.
type Part struct {
	Index     *session.Index
	Questions []Question
}

// Options say how much is done.
type Options struct {
	// Fit and Valid are the most questions of each part that are asked, taken evenly; Probe how many of each are for choosing
	// the constants, 0 to leave them as they are.
	Fit, Valid, Probe int
	// K is the length of the lists that are judged, by NDCG.
	K int
	// Fresh says that items of the visit itself are not to be answered.
	Fresh  bool
	Linear learn.LinearOptions
	Boost  learn.Options
	// Progress, where set, is called with what is being done and which share of all is done.
	Progress func(stage string, share float64)
}

// Default returns options that take about a minute of CPU for 200,000 sessions.
func Default() Options {
	o := Options{Fit: 8000, Valid: 4000, Probe: 2000, K: 20, Linear: learn.DefaultLinearOptions(), Boost: learn.DefaultOptions()}
	o.Linear.Epochs, o.Linear.Patience = 12, 3
	o.Boost.Trees, o.Boost.Patience = 80, 16
	return o
}

// Quick returns options for a trainer that learns beside the queries of a shop: about ten seconds of CPU. Recall offers what is
// new to a visit.
func Quick() Options {
	o := Default()
	o.Fit, o.Valid, o.Probe, o.Fresh = 2500, 1500, 600, true
	o.Boost.Trees, o.Boost.Patience = 40, 10
	return o
}

// MinQuestions is how many questions with an answer in reach each part must have.
const MinQuestions = 100

// ErrTooLittle says that there is too little to learn from.
var ErrTooLittle = errors.New("too little to learn from")

// Result is what was learnt.
type Result struct {
	Model *session.Model
	// Kind says what answers: "default", which is that of package session, "mix", "linear" or "trees".
	Kind string
	// NDCG is that of each kind on the validation part, and Reach the share of its questions whose answer a scorer is asked about.
	NDCG  map[string]float64
	Reach float64
}

// Learn learns from the questions of fit and decides on those of valid. The indexes end up with the model in use. The errors are
// [ErrTooLittle] and that of ctx.
func Learn(ctx context.Context, fit, valid Part, o Options) (*Result, error) {
	if o.Progress == nil {
		o.Progress = func(string, float64) {}
	}
	l := &learner{options: o, fit: fit, valid: valid}
	l.fit.Questions, l.valid.Questions = evenly(fit.Questions, o.Fit), evenly(valid.Questions, o.Valid)
	params, err := l.constants(ctx)
	if err != nil {
		return nil, err
	}
	return l.weights(ctx, params)
}

// evenly returns at most n questions, taken evenly.
func evenly(questions []Question, n int) []Question {
	if len(questions) <= n {
		return questions
	}
	taken := make([]Question, n)
	for i := range taken {
		taken[i] = questions[i*len(questions)/n]
	}
	return taken
}

type learner struct {
	options    Options
	fit, valid Part
	scratch    session.Scratch
	keep       []uint64
	// asked counts the questions that were gathered last.
	asked int
}

// The shares of the time that the parts take, measured on Diginetica.
const (
	chosenBy = 0.4
	fittedBy = 0.5
)

// constants tries other constants one after the other, by what a weighted sum makes of them, and returns the best.
func (l *learner) constants(ctx context.Context) (session.Params, error) {
	best := l.fit.Index.Params()
	if l.options.Probe == 0 {
		return best, nil
	}
	fit, valid := evenly(l.fit.Questions, l.options.Probe), evenly(l.valid.Questions, l.options.Probe)
	probe := func(p session.Params) (float64, error) {
		m, err := l.sum(ctx, p, fit, valid)
		if err != nil {
			return 0, err
		}
		return l.judge(m, valid)
	}
	most, err := probe(best)
	if err != nil {
		return best, err
	}
	trials := trials()
	for i, change := range trials {
		l.options.Progress("choosing constants", chosenBy*float64(i)/float64(len(trials)))
		p := best
		change(&p)
		value, err := probe(p)
		if err != nil {
			return best, err
		}
		if value > most {
			best, most = p, value
		}
	}
	return best, nil
}

// trials are changes to the constants, each to the best found before.
func trials() []func(*session.Params) {
	return []func(*session.Params){
		func(p *session.Params) { p.Fade = 0.5 },
		func(p *session.Params) { p.Fade = 0.85 },
		func(p *session.Params) { p.Gap = 0.5 },
		func(p *session.Params) { p.Gap = 0.85 },
		func(p *session.Params) { p.HalfLife = 0.1 },
		func(p *session.Params) { p.HalfLife = 1 },
	}
}

// weights fits the weights and says which kind answers best.
func (l *learner) weights(ctx context.Context, p session.Params) (*Result, error) {
	l.options.Progress("weighing evidence", chosenBy)
	fit, valid, err := l.data(p, l.fit.Questions, l.valid.Questions)
	if err != nil {
		return nil, err
	}
	r := &Result{NDCG: map[string]float64{}, Reach: float64(valid.Groups()) / float64(max(l.asked, 1))}
	best := -1.0
	try := func(kind string, m *session.Model, gain float64) error {
		value, err := l.judge(m, l.valid.Questions)
		if err != nil {
			return err
		}
		r.NDCG[kind] = value
		if value > best*gain {
			r.Model, r.Kind, best = m, kind, value
		}
		return nil
	}
	if err := errors.Join(try("default", session.Default(), 1), try("mix", &session.Model{Params: p}, 1)); err != nil {
		return nil, err
	}
	base, _, err := learn.Linear(ctx, fit, valid, l.options.Linear)
	if err != nil {
		return nil, fmt.Errorf("weigh evidence: %w", err)
	}
	if err := try("linear", &session.Model{Params: p, Scorer: base}, 1); err != nil {
		return nil, err
	}
	boosted, err := l.boost(ctx, fit, valid, base)
	if err != nil {
		return nil, fmt.Errorf("weigh evidence: %w", err)
	}
	if boosted.Model.Trees() > 0 {
		if err := try("trees", &session.Model{Params: p, Scorer: boosted.Model}, worth); err != nil {
			return nil, err
		}
	}
	return r, errors.Join(l.fit.Index.Use(r.Model), l.valid.Index.Use(r.Model))
}

// worth is by what factor trees must be better than the weighted sum: they take about as long as finding the evidence.
const worth = 1.003

func (l *learner) boost(ctx context.Context, fit, valid *learn.Data, base *linear.Model) (*learn.Boosted, error) {
	boost := l.options.Boost
	boost.Base = base
	boost.Progress = func(done, most int) {
		l.options.Progress("growing trees", fittedBy+(1-fittedBy)*float64(done)/float64(most))
	}
	return learn.Boost(ctx, fit, valid, boost)
}

// sum fits a weighted sum for constants p.
func (l *learner) sum(ctx context.Context, p session.Params, fit, valid []Question) (*session.Model, error) {
	a, b, err := l.data(p, fit, valid)
	if err != nil {
		return nil, err
	}
	base, _, err := learn.Linear(ctx, a, b, l.options.Linear)
	if err != nil {
		return nil, fmt.Errorf("weigh evidence: %w", err)
	}
	return &session.Model{Params: p, Scorer: base}, nil
}

// data gathers the features of both parts under constants p.
func (l *learner) data(p session.Params, fit, valid []Question) (a, b *learn.Data, err error) {
	// A scorer in use makes the items of the visit candidates.
	m := &session.Model{Params: p, Scorer: &linear.Model{Weights: make([]float32, len(session.Features()))}}
	if err := errors.Join(l.fit.Index.Use(m), l.valid.Index.Use(m)); err != nil {
		return nil, nil, err
	}
	a, b = l.gather(l.fit.Index, fit), l.gather(l.valid.Index, valid)
	if a.Groups() < MinQuestions || b.Groups() < MinQuestions {
		return nil, nil, fmt.Errorf("%w: the answers to %d and %d questions are in reach, want %d", ErrTooLittle, a.Groups(), b.Groups(), MinQuestions)
	}
	return a, b, nil
}

// gather returns the features of the candidates of each question whose answer is one of them.
func (l *learner) gather(x *session.Index, questions []Question) *learn.Data {
	d := &learn.Data{Width: len(session.Features())}
	l.asked = len(questions)
	for i := range questions {
		q := l.masked(x, &questions[i])
		found, rows := x.Explain(&l.scratch, &q)
		at := -1
		for j, f := range found {
			if f.Item == questions[i].Target {
				at = len(d.Labels) + j
			}
		}
		if at < 0 || len(found) < 2 {
			continue
		}
		d.X = append(d.X, rows...)
		d.Labels = append(d.Labels, make([]float32, len(found))...)
		d.Labels[at] = 1
		d.Ends = append(d.Ends, len(d.Labels))
	}
	return d
}

// masked returns the query of a question to x, with the items of the visit masked where only fresh ones are wanted. It holds
// until the next call.
func (l *learner) masked(x *session.Index, q *Question) session.Query {
	query := q.Query
	if l.options.Fresh {
		l.keep = Fresh(l.keep, x.Items(), query.Current)
		query.Keep = l.keep
	}
	return query
}

// Fresh returns a mask for session.Query.Keep of all items below n but some, in keep's memory.
func Fresh(keep []uint64, n int, but []uint32) []uint64 {
	words := (n + 63) / 64
	if cap(keep) < words {
		keep = make([]uint64, words)
	}
	keep = keep[:words]
	for i := range keep {
		keep[i] = math.MaxUint64
	}
	for _, item := range but {
		if int(item>>6) < words {
			keep[item>>6] &^= 1 << (item & 63)
		}
	}
	return keep
}

// judge returns the mean NDCG of the answers of m to questions of the validation part.
func (l *learner) judge(m *session.Model, questions []Question) (float64, error) {
	if err := l.valid.Index.Use(m); err != nil {
		return 0, err
	}
	sum := 0.0
	for i := range questions {
		q := l.masked(l.valid.Index, &questions[i])
		for rank, f := range l.valid.Index.Predict(&l.scratch, &q, l.options.K) {
			if f.Item == questions[i].Target {
				sum += 1 / math.Log2(float64(rank)+2)
				break
			}
		}
	}
	return sum / float64(max(len(questions), 1)), nil
}
