// Package variant fits a model to the features that this build can make, and tries it before it serves.
package variant

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/haggle-commerce/haggle/libs/feature"
	"github.com/haggle-commerce/haggle/libs/model"
)

// ErrShape says that a model needs what this build cannot give it, or gives what is no score.
var ErrShape = errors.New("model does not fit")

// Variant is a model that can score vectors of package feature. It is never changed; many goroutines may use it at once.
type Variant struct {
	// ID is the model's id, Name what receipts call it.
	ID, Name string
	scorer   model.Scorer
	// columns says which column of a vector each feature of the model is; nil when they are the same.
	columns []int
}

// New fits the model of a file to vectors. A model may use fewer features than there are, in any order; the error is
// [ErrShape] when it uses one that this build does not know, or fails the trial.
func New(id, name string, f *model.File) (*Variant, error) {
	v := &Variant{ID: id, Name: name, scorer: f.Scorer}
	names := feature.Names()
	if len(f.Header.Features) == 0 || len(f.Header.Features) != f.Scorer.Features() {
		return nil, fmt.Errorf("%w: %d features are named, %d are used", ErrShape, len(f.Header.Features), f.Scorer.Features())
	}
	if !slices.Equal(names, f.Header.Features) {
		for _, wanted := range f.Header.Features {
			column := slices.Index(names, wanted)
			if column < 0 {
				return nil, fmt.Errorf("%w: this build makes no feature %q", ErrShape, wanted)
			}
			v.columns = append(v.columns, column)
		}
	}
	return v, v.try()
}

// trialRows is how many rows a model has to score before it serves.
const trialRows = 64

// try scores rows of zeros and of noise: a model that panics or gives no finite number is refused here and not in a query.
func (v *Variant) try() (err error) {
	defer func() {
		if fault := recover(); fault != nil {
			err = fmt.Errorf("%w: %v", ErrShape, fault)
		}
	}()
	random := rand.New(rand.NewPCG(1, 2))
	x, scores := make([]float32, trialRows*feature.Vector), make([]float32, trialRows)
	for i := feature.Vector; i < len(x); i++ {
		x[i] = float32(random.NormFloat64() * 3)
	}
	if !v.Score(scores, x, nil) {
		return fmt.Errorf("%w: a score is not finite", ErrShape)
	}
	return nil
}

// Score writes the score of each row of x, which has feature.Vector columns, to dst, and reports whether all are finite.
// The memory of scratch may be nil.
func (v *Variant) Score(dst, x []float32, scratch *[]float32) (finite bool) {
	if v.columns != nil {
		var none []float32
		if scratch == nil {
			scratch = &none
		}
		x = v.gather(x, scratch)
	}
	v.scorer.Score(dst, x)
	finite = true
	for _, score := range dst {
		finite = finite && score-score == 0
	}
	return finite
}

// gather picks the model's columns.
func (v *Variant) gather(x []float32, scratch *[]float32) []float32 {
	rows, width := len(x)/feature.Vector, len(v.columns)
	picked := slices.Grow((*scratch)[:0], rows*width)[:rows*width]
	for i := range rows {
		from, to := x[i*feature.Vector:(i+1)*feature.Vector], picked[i*width:(i+1)*width]
		for k, column := range v.columns {
			to[k] = from[column]
		}
	}
	*scratch = picked
	return picked
}
