package learn

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"github.com/haggle-commerce/haggle/libs/model/linear"
	"github.com/haggle-commerce/haggle/libs/model/trees"
)

// Objective is what boosted trees make small.
type Objective string

// The objectives.
const (
	// Lambda makes NDCG great (LambdaMART).
	Lambda Objective = "lambda"
	// Logloss makes the logistic loss of single rows small.
	Logloss Objective = "logloss"
)

// Options are the settings of [Boost].
type Options struct {
	Objective Objective
	// Trees is the most trees, Depth how deep each is, Rate how much of each counts.
	Trees, Depth int
	Rate         float64
	// L2 pulls leaves to 0. A split needs MinHessian on both sides and MinRows rows on each at least on average.
	L2, MinHessian float64
	MinRows        int
	// Bins is how many values a feature is reduced to, 2 to 256.
	Bins int
	// FeatureShare and GroupShare are how many of the features and of the groups each tree sees.
	FeatureShare, GroupShare float64
	// Patience is after how many trees without a better NDCG on the validation data boosting stops.
	Patience int
	Seed     uint64
	// Workers is how many goroutines work; 0 means as many as there are processors. The result does not depend on it.
	Workers int
	// Base, where set, is what the trees correct.
	Base *linear.Model
	// Used, where set, is told the CPU time of goroutines other than the caller's, by any of them.
	Used func(time.Duration)
	// Progress, where set, is called after every tree.
	Progress func(done, most int)
}

// DefaultOptions returns settings that were chosen on held-out time of the generated shop and of completejourney together.
func DefaultOptions() Options {
	return Options{
		Objective: Lambda, Trees: 150, Depth: 5, Rate: 0.1, L2: 5, MinHessian: 3, MinRows: 20, Bins: 64,
		FeatureShare: 0.7, GroupShare: 0.7, Patience: 30, Seed: 1,
	}
}

func (o *Options) check() error {
	switch {
	case o.Objective != Lambda && o.Objective != Logloss:
		return fmt.Errorf("boost: objective %q, want %s or %s", o.Objective, Lambda, Logloss)
	case o.Trees < 1 || o.Trees > trees.MaxTrees || o.Depth < 1 || o.Depth > trees.MaxDepth:
		return fmt.Errorf("boost: %d trees of depth %d, at most %d of %d", o.Trees, o.Depth, trees.MaxTrees, trees.MaxDepth)
	case o.Bins < 2 || o.Bins > maxBins:
		return fmt.Errorf("boost: %d bins, must be between 2 and %d", o.Bins, maxBins)
	case !(o.Rate > 0) || !(o.L2 >= 0) || !(o.MinHessian > 0) || !(o.FeatureShare > 0) || !(o.GroupShare > 0):
		return fmt.Errorf("boost: rate %v, L2 %v, hessian %v, shares %v and %v: all must be positive", o.Rate, o.L2, o.MinHessian, o.FeatureShare, o.GroupShare)
	}
	return nil
}

// Boosted is what [Boost] has learnt.
type Boosted struct {
	Model *trees.Model
	// NDCG is that on the validation data, with the trees that were kept.
	NDCG float64
	// Gain is how much each feature brought, as a share of the whole.
	Gain []float64
}

// Boost fits trees to train, by gradient boosting (Friedman, 2001) on histograms, and keeps as many of them as are best on
// valid. It stops with the error of ctx when that ends; other errors are [ErrData] and wrong options.
func Boost(ctx context.Context, train, valid *Data, o Options) (*Boosted, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	for _, d := range []*Data{train, valid} {
		if err := d.check(); err != nil {
			return nil, fmt.Errorf("boost: %w", err)
		}
		if o.Base != nil && o.Base.Features() != d.Width {
			return nil, fmt.Errorf("boost: %w: the base has %d features, the rows have %d", ErrData, o.Base.Features(), d.Width)
		}
		if d.Width != train.Width || d.Positives() == 0 || d.Positives() == d.Rows() {
			return nil, fmt.Errorf("boost: %w: %d of %d rows are relevant, width %d", ErrData, d.Positives(), d.Rows(), d.Width)
		}
	}
	return newBooster(train, valid, o).run(ctx)
}

// booster is one fit under way.
type booster struct {
	options          Options
	pool             *pool
	train, valid     *Data
	random           *rand.Rand
	bias             float32
	edges            [][]float32
	rows, validRows  *binned
	scores, validity []float32
	slopes           []slope
	lambda           *lambda
}

func newBooster(train, valid *Data, o Options) *booster {
	b := &booster{options: o, pool: newPool(o.Workers, o.Used), train: train, valid: valid, random: rand.New(rand.NewPCG(o.Seed, 0x7265616c))}
	b.edges = edges(train, o.Bins, b.random, b.pool)
	b.rows, b.validRows = reduce(train, b.edges, b.pool), reduce(valid, b.edges, b.pool)
	b.scores, b.validity = make([]float32, train.Rows()), make([]float32, valid.Rows())
	b.slopes = make([]slope, train.Rows())
	if o.Base != nil {
		o.Base.Score(b.scores, train.X)
		o.Base.Score(b.validity, valid.X)
	}
	if o.Objective == Lambda {
		b.lambda = newLambda()
		return b
	}
	if o.Base == nil {
		share := float64(train.Positives()) / float64(train.Rows())
		b.bias = float32(math.Log(share / (1 - share)))
	}
	for i := range b.scores {
		b.scores[i] += b.bias
	}
	return b
}

func (b *booster) run(ctx context.Context) (*Boosted, error) {
	o := b.options
	grower := newGrower(b.rows, b.edges, o, b.pool)
	var forest []trees.Tree
	kept, best := 0, b.valid.ndcg(b.validity, b.pool)
	for len(forest) < o.Trees && len(forest)-kept < o.Patience {
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("boost: %w", err)
		}
		if b.lambda != nil {
			b.lambda.slopes(b.slopes, b.scores, b.train, b.pool)
		} else {
			logloss(b.slopes, b.scores, b.train, b.pool)
		}
		t, bins := grower.grow(b.slopes, b.sample(), b.features())
		forest = append(forest, t)
		addLeaves(b.scores, b.rows, &t, bins, b.pool)
		addLeaves(b.validity, b.validRows, &t, bins, b.pool)
		if ndcg := b.valid.ndcg(b.validity, b.pool); ndcg > best {
			kept, best = len(forest), ndcg
		}
		if o.Progress != nil {
			o.Progress(len(forest), o.Trees)
		}
	}
	m, err := trees.New(b.train.Width, b.bias, forest[:kept])
	if err != nil {
		return nil, fmt.Errorf("boost: %w", err)
	}
	if o.Base != nil {
		if m, err = m.OnBase(o.Base); err != nil {
			return nil, fmt.Errorf("boost: %w", err)
		}
	}
	return &Boosted{Model: m, NDCG: best, Gain: shares(grower.gain)}, nil
}

// sample returns the rows of the groups that the next tree sees, in their order.
func (b *booster) sample() []uint32 {
	index := make([]uint32, 0, b.train.Rows())
	for g := range b.train.Groups() {
		if b.options.GroupShare < 1 && b.random.Float64() >= b.options.GroupShare {
			continue
		}
		from, to := b.train.Group(g)
		for row := from; row < to; row++ {
			index = append(index, uint32(row))
		}
	}
	return index
}

// features draws which features the next tree may ask for: at least one.
func (b *booster) features() []bool {
	allowed := make([]bool, b.train.Width)
	n := max(int(math.Round(b.options.FeatureShare*float64(len(allowed)))), 1)
	for i, f := range b.random.Perm(len(allowed)) {
		allowed[f] = i < n
	}
	return allowed
}

func shares(gain []float64) []float64 {
	sum := 0.0
	for _, g := range gain {
		sum += g
	}
	out := make([]float64, len(gain))
	for i, g := range gain {
		out[i] = g / max(sum, 1e-300)
	}
	return out
}
