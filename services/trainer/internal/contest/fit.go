package contest

import (
	"context"
	"fmt"
	"math"

	"github.com/haggle-commerce/haggle/services/trainer/internal/als"
	"github.com/haggle-commerce/haggle/services/trainer/internal/crew"
	"github.com/haggle-commerce/haggle/services/trainer/internal/interaction"
	"github.com/haggle-commerce/haggle/services/trainer/internal/itemitem"
	"github.com/haggle-commerce/haggle/services/trainer/internal/sparselinear"
	"github.com/haggle-commerce/haggle/services/trainer/internal/spectral"
)

// Model is what was learnt by a setting.
type Model struct {
	interaction.Model
	// Lists are set when items are foretold from items; Spectral or ALS, when by vectors.
	Lists    *itemitem.Lists
	Spectral *spectral.Factors
	ALS      *als.Model
}

// Bytes returns how much memory the model takes where it serves.
func (m *Model) Bytes() int64 {
	total := int64(0)
	if m.Lists != nil {
		total += m.Lists.Bytes()
	}
	if m.Spectral != nil {
		total += 4 * int64(len(m.Spectral.Out)+len(m.Spectral.Out)/m.Spectral.Rank)
	}
	if m.ALS != nil {
		total += 4 * int64(len(m.ALS.Items)+m.ALS.Options.Rank*m.ALS.Options.Rank)
	}
	return total
}

const (
	// width is how many entries of a row of counts are kept, which bounds the memory to 8 kB an item.
	width = 1000
	// denseItems is up to how many items regressions are solved in closed form: 5,000 take 100 MB for each of two matrices.
	denseItems = 5000
	// alsBlock and alsRounds are how ALS is learnt: little is gained after 8 rounds at small ranks (Rendle et al., section 4.2).
	alsBlock  = 64
	alsRounds = 8
	// spectralRounds is how often the power iteration goes to and fro.
	spectralRounds = 3
	// keptCounts is how many matrices of counts are kept at a time.
	keptCounts = 2
)

// workshop learns by settings, and keeps what several of them need.
type workshop struct {
	crew   crew.Crew
	matrix *interaction.Matrix
	seed   uint64

	counts  []*itemitem.Counts
	weights *sparselinear.Weights
	// learnt is by what weights were learnt, factored by what spectrum was.
	learnt, factored Setting
	spectrum         *spectral.Spectrum
}

// counted reports whether the counts for an exponent are at hand.
func (w *workshop) counted(user float64) bool {
	for _, c := range w.counts {
		if c.User == user {
			return true
		}
	}
	return false
}

// count returns the counts for an exponent.
func (w *workshop) count(ctx context.Context, user float64) (*itemitem.Counts, error) {
	for i, c := range w.counts {
		if c.User == user {
			w.counts[0], w.counts[i] = w.counts[i], w.counts[0]
			return w.counts[0], nil
		}
	}
	if len(w.counts) == keptCounts {
		// Let go before the next takes as much.
		w.counts[keptCounts-1] = nil
		w.counts = w.counts[:keptCounts-1]
	}
	keep := width
	if w.matrix.Items() <= denseItems {
		// The closed form wants all.
		keep = 0
	}
	c, err := itemitem.Count(ctx, w.crew, w.matrix, user, keep)
	if err != nil {
		return nil, err
	}
	w.counts = append([]*itemitem.Counts{c}, w.counts...)
	return c, nil
}

// solved reports whether the weights of a regression are at hand.
func (w *workshop) solved(s Setting) bool { return w.weights != nil && w.learnt == regression(s) }

// regression returns what the weights of a regression are learnt by.
func regression(s Setting) Setting {
	return Setting{Family: s.Family, User: s.User, Item: s.Item, Penalty: s.Penalty, Pool: s.Pool}
}

// regress returns the weights of a regression: the last ones when they were learnt by the same.
func (w *workshop) regress(ctx context.Context, s Setting) (*sparselinear.Weights, error) {
	if w.solved(s) {
		return w.weights, nil
	}
	w.weights = nil
	counts, err := w.count(ctx, s.User)
	if err != nil {
		return nil, err
	}
	gram := sparselinear.NewGram(counts, s.Item)
	if s.Family == Dense {
		w.weights, err = sparselinear.Dense(ctx, w.crew, gram, s.Penalty, 0)
	} else {
		w.weights, err = sparselinear.Pruned(ctx, w.crew, gram, s.Pool, s.Penalty)
	}
	w.learnt = regression(s)
	return w.weights, err
}

// decompose returns the singular vectors for a setting: the last ones when they were found for the same.
func (w *workshop) decompose(ctx context.Context, s Setting) (*spectral.Spectrum, error) {
	key := Setting{User: s.User, Item: s.Item, Rank: s.Rank}
	if w.spectrum != nil && w.factored == key {
		return w.spectrum, nil
	}
	var err error
	w.spectrum, err = spectral.Decompose(ctx, w.crew, w.matrix, spectral.Options{Rank: s.Rank, User: s.User, Item: s.Item, Rounds: spectralRounds, Seed: w.seed})
	w.factored = key
	return w.spectrum, err
}

// fit learns by a setting and those beside it.
func (w *workshop) fit(ctx context.Context, s Setting) (*Model, error) {
	model, err := w.single(ctx, s.alone())
	for at := s; err == nil && at.Beside != nil; at = *at.Beside {
		var other *Model
		if other, err = w.single(ctx, at.Beside.alone()); err == nil {
			model = join(model, other, at.Share, s.Keep)
		}
	}
	return model, err
}

// single learns by a setting of one family.
func (w *workshop) single(ctx context.Context, s Setting) (*Model, error) {
	switch s.Family {
	case Neighbours:
		counts, err := w.count(ctx, s.User)
		if err != nil {
			return nil, err
		}
		lists, err := counts.Neighbours(ctx, w.crew, itemitem.Options{Target: s.Target, Source: s.Source, Shrinkage: s.Shrinkage, Keep: s.Keep})
		return &Model{Model: lists, Lists: lists}, err
	case Ridge, Dense:
		weights, err := w.regress(ctx, s)
		if err != nil {
			return nil, err
		}
		lists := weights.Lists(s.Source, s.Target, s.Keep)
		return &Model{Model: lists, Lists: lists}, nil
	case Spectral:
		spectrum, err := w.decompose(ctx, s)
		if err != nil {
			return nil, err
		}
		factors := spectrum.Factors(w.matrix, spectral.Filter{Source: s.Source, Target: s.Target, Ridge: s.Penalty}, s.Rank)
		return &Model{Model: factors, Spectral: factors}, nil
	case ALS:
		model, err := als.Learn(ctx, w.crew, w.matrix, als.Options{
			Rank: s.Rank, Block: alsBlock, Unobserved: s.Unobserved, Regularisation: s.Penalty, Frequency: 1, Rounds: alsRounds, Seed: w.seed,
		})
		return &Model{Model: model, ALS: model}, err
	}
	return nil, fmt.Errorf("learn %q: no such family", s.Family)
}

// Fit learns by a setting from all of a matrix.
func Fit(ctx context.Context, c crew.Crew, m *interaction.Matrix, s Setting, seed uint64) (*Model, error) {
	w := &workshop{crew: c, matrix: m, seed: seed}
	return w.fit(ctx, s)
}

// join blends two models. Lists and lists become one, cut to keep.
func join(a, b *Model, share float64, keep int) *Model {
	if a.Lists != nil && b.Lists != nil && a.Model == interaction.Model(a.Lists) {
		lists := itemitem.Join(a.Lists, b.Lists, share, keep)
		return &Model{Model: lists, Lists: lists}
	}
	out := *a
	if b.Spectral != nil {
		out.Spectral = b.Spectral
	}
	if b.ALS != nil {
		out.ALS = b.ALS
	}
	out.Model = &blend{a.Model, b.Model, float32(share)}
	return &out
}

// blend adds the scores of two models, both made equally long first, so that a share means the same for any history.
type blend struct {
	a, b  interaction.Model
	share float32
}

// Asker implements [interaction.Model].
func (b *blend) Asker() interaction.Asker {
	return &blendAsker{a: b.a.Asker(), b: b.b.Asker(), share: b.share}
}

type blendAsker struct {
	a, b  interaction.Asker
	share float32
	other []float32
}

// Score implements [interaction.Asker].
func (b *blendAsker) Score(dst []float32, history []uint32) {
	if len(b.other) < len(dst) {
		b.other = make([]float32, len(dst))
	}
	other := b.other[:len(dst)]
	b.a.Score(dst, history)
	b.b.Score(other, history)
	x, y := 1/length(dst), b.share/length(other)
	for i := range dst {
		dst[i] = x*dst[i] + y*other[i]
	}
}

// length is the Euclidean length, and never 0.
func length(x []float32) float32 {
	sum := float32(0)
	for _, v := range x {
		sum += v * v
	}
	return float32(math.Sqrt(float64(sum)) + 1e-20)
}
