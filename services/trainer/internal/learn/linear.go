package learn

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/haggle-commerce/haggle/libs/model"
	"github.com/haggle-commerce/haggle/libs/model/linear"
)

// LinearOptions are the settings of [Linear].
type LinearOptions struct {
	// Epochs is the most passes over the groups, Patience after how many without a better NDCG it stops.
	Epochs, Patience int
	Rate             float64
	Seed             uint64
}

// DefaultLinearOptions returns settings that do for all data seen so far.
func DefaultLinearOptions() LinearOptions {
	return LinearOptions{Epochs: 20, Patience: 4, Rate: 0.1, Seed: 1}
}

// Linear fits a weighted sum of the features to train: the cross entropy of the softmax over each group's scores (ListNet: Cao
// and others, ICML 2007), by Adagrad (Duchi and others, JMLR 2011) over features that are brought to mean 0 and deviation 1. It
// keeps the weights that are best on valid, and returns their NDCG there.
func Linear(ctx context.Context, train, valid *Data, o LinearOptions) (*linear.Model, float64, error) {
	for _, d := range []*Data{train, valid} {
		if err := d.check(); err != nil {
			return nil, 0, fmt.Errorf("fit linear model: %w", err)
		}
		if d.Width != train.Width || d.Positives() == 0 {
			return nil, 0, fmt.Errorf("fit linear model: %w: no row is relevant, or the width differs", ErrData)
		}
	}
	f := newFit(train, o)
	var best *linear.Model
	ndcg, since := -1.0, 0
	scores := make([]float32, valid.Rows())
	for range o.Epochs {
		if err := ctx.Err(); err != nil {
			return nil, 0, fmt.Errorf("fit linear model: %w", err)
		}
		for _, g := range f.random.Perm(train.Groups()) {
			f.step(g)
		}
		m := f.model()
		m.Score(scores, valid.X)
		if value := valid.ndcg(scores, newPool(1, nil)); value > ndcg {
			best, ndcg, since = m, value, 0
		} else if since++; since >= o.Patience {
			break
		}
	}
	return best, ndcg, nil
}

// fit is one linear fit under way.
type fit struct {
	train                *Data
	random               *rand.Rand
	rate                 float64
	mean, scale          []float64
	weights, sums, slope []float64
	scores               []float64
}

func newFit(train *Data, o LinearOptions) *fit {
	n := train.Width
	f := &fit{
		train: train, random: rand.New(rand.NewPCG(o.Seed, 0x6c696e)), rate: o.Rate,
		mean: make([]float64, n), scale: make([]float64, n), weights: make([]float64, n), sums: make([]float64, n), slope: make([]float64, n),
	}
	squares := make([]float64, n)
	for i, x := range train.X {
		f.mean[i%n] += float64(x)
		squares[i%n] += float64(x) * float64(x)
	}
	rows := float64(train.Rows())
	for j := range f.mean {
		f.mean[j] /= rows
		if deviation := math.Sqrt(max(squares[j]/rows-f.mean[j]*f.mean[j], 0)); deviation > 1e-6 {
			f.scale[j] = 1 / deviation
		}
	}
	return f
}

// step moves the weights against the slope of one group's loss.
func (f *fit) step(g int) {
	from, to := f.train.Group(g)
	labels, width := f.train.Labels[from:to], f.train.Width
	wanted := 0.0
	for _, label := range labels {
		wanted += float64(label)
	}
	if wanted == 0 {
		return
	}
	f.scores = f.scores[:0]
	most := math.Inf(-1)
	for row := from; row < to; row++ {
		score := 0.0
		for j, x := range f.train.X[row*width : (row+1)*width] {
			score += f.weights[j] * (float64(x) - f.mean[j]) * f.scale[j]
		}
		f.scores = append(f.scores, score)
		most = max(most, score)
	}
	sum := 0.0
	for i, score := range f.scores {
		f.scores[i] = math.Exp(score - most)
		sum += f.scores[i]
	}
	clear(f.slope)
	for i, e := range f.scores {
		gap := e/sum - float64(labels[i])/wanted
		for j, x := range f.train.X[(from+i)*width : (from+i+1)*width] {
			f.slope[j] += gap * (float64(x) - f.mean[j]) * f.scale[j]
		}
	}
	for j, s := range f.slope {
		f.sums[j] += s * s
		f.weights[j] -= f.rate * s / (math.Sqrt(f.sums[j]) + 1e-6)
	}
}

// model folds the scaling into the weights.
func (f *fit) model() *linear.Model {
	m := &linear.Model{Weights: make([]float32, len(f.weights))}
	bias := 0.0
	for j, w := range f.weights {
		m.Weights[j] = float32(w * f.scale[j])
		bias -= w * f.scale[j] * f.mean[j]
	}
	m.Bias = float32(bias)
	return m
}

// Calibrate fits the probability that a row is relevant to its score (Platt, 1999), by Newton's method on the logistic loss with
// a little weight decay. It returns the zero value when all rows are alike.
func Calibrate(scores, labels []float32) model.Calibration {
	positive, mean, deviation := 0.0, 0.0, 0.0
	for i, s := range scores {
		mean += float64(s) / float64(len(scores))
		if labels[i] > 0 {
			positive++
		}
	}
	for _, s := range scores {
		deviation += (float64(s) - mean) * (float64(s) - mean) / float64(len(scores))
	}
	deviation = math.Sqrt(deviation)
	n := float64(len(scores))
	if positive == 0 || positive == n || deviation < 1e-9 {
		return model.Calibration{}
	}
	slope, offset := 0.0, math.Log(positive/(n-positive))
	for range 50 {
		const decay = 1e-3
		gs, goff, hss, hso, hoo := decay*slope, 0.0, decay, 0.0, 1e-9
		for i, s := range scores {
			z := (float64(s) - mean) / deviation
			p := 1 / (1 + math.Exp(-(slope*z + offset)))
			gap, h := p, max(p*(1-p), 1e-12)
			if labels[i] > 0 {
				gap--
			}
			gs, goff = gs+gap*z, goff+gap
			hss, hso, hoo = hss+h*z*z, hso+h*z, hoo+h
		}
		det := hss*hoo - hso*hso
		if det <= 0 {
			break
		}
		ds, do := (hoo*gs-hso*goff)/det, (hss*goff-hso*gs)/det
		// A step is bounded, or Newton's method runs away where the classes are nearly apart.
		ds, do = min(max(ds, -2), 2), min(max(do, -2), 2)
		slope, offset = slope-ds, offset-do
		if math.Abs(ds)+math.Abs(do) < 1e-8 {
			break
		}
	}
	return model.Calibration{Slope: slope / deviation, Offset: offset - slope*mean/deviation}
}
