// Package model reads and writes model files and scores with them.
package model

import (
	"errors"
	"fmt"
	"math"

	"github.com/haggle-commerce/haggle/libs/model/linear"
	"github.com/haggle-commerce/haggle/libs/model/trees"
)

// The kinds of model file.
const (
	KindTrees     = "trees"
	KindLinear    = "linear"
	KindNeighbour = "neighbour"
	KindRecipe    = "recipe"
	KindSession   = "session"
	KindEncoder   = "encoder"
)

// Scorer gives rows of features a score each: the higher, the better. Scorers may be used by many goroutines at once.
type Scorer interface {
	// Score writes the scores of n rows to dst. x is n x Features(), row-major; dst has length n. It panics when the lengths
	// do not fit.
	Score(dst, x []float32)
	// Features is the length of a row.
	Features() int
}

// Header says what a model file holds.
type Header struct {
	Kind string `json:"kind"`
	// Features names the columns of a row, in order. It is empty for models that score no rows.
	Features []string `json:"features,omitempty"`
	// Golden are rows with the scores that the trainer got for them: whoever opens the file must get the same.
	Golden Golden `json:"golden,omitzero"`
	// Calibration turns a score into a probability.
	Calibration Calibration `json:"calibration,omitzero"`
	// Notes are for people.
	Notes map[string]string `json:"notes,omitempty"`
}

// Golden is a test that a model file carries with it.
type Golden struct {
	In  [][]float32 `json:"in,omitempty"`
	Out []float32   `json:"out,omitempty"`
}

// Calibration turns a score s into the probability 1 / (1 + exp(-(Slope*s + Offset))) (Platt scaling). The zero value says
// that the scores were not calibrated.
type Calibration struct {
	Slope  float64 `json:"slope"`
	Offset float64 `json:"offset"`
}

// Probability returns the probability that belongs to a score; 0.5 for all when the scores were not calibrated.
func (c Calibration) Probability(score float32) float64 {
	return 1 / (1 + math.Exp(-(c.Slope*float64(score) + c.Offset)))
}

// File is an opened model file.
type File struct {
	Header Header
	Scorer Scorer
}

// Errors of Open and Split, wrapped: what is wrong with the file.
var (
	ErrBroken  = errors.New("model file is broken")
	ErrVersion = errors.New("model file has an unknown version")
	ErrKind    = errors.New("model file is of another kind")
	ErrGolden  = errors.New("model file fails its own test")
)

// Open reads a model file that scores rows, checks its shape and runs its golden test. The file may change afterwards. The
// errors are [ErrBroken], [ErrVersion], [ErrKind] and [ErrGolden].
func Open(file []byte) (*File, error) {
	header, payload, err := Split(file)
	if err != nil {
		return nil, err
	}
	f := &File{Header: header}
	switch header.Kind {
	case KindTrees:
		f.Scorer, err = asScorer(trees.Decode(payload))
	case KindLinear:
		f.Scorer, err = asScorer(linear.Decode(payload))
	default:
		return nil, fmt.Errorf("%w: %q scores no rows", ErrKind, header.Kind)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrBroken, err)
	}
	if names, width := len(header.Features), f.Scorer.Features(); names != width {
		return nil, fmt.Errorf("%w: the header names %d features, the model has %d", ErrBroken, names, width)
	}
	if err := header.Golden.check(f.Scorer); err != nil {
		return nil, err
	}
	return f, nil
}

// asScorer keeps a nil pointer from becoming an interface that is not nil.
func asScorer[S Scorer](s S, err error) (Scorer, error) {
	if err != nil {
		return nil, err
	}
	return s, nil
}

// goldenTolerance is how far a score may lie from the golden one, relative to 1 + its size: float32 sums of a few hundred
// leaves, taken in another order on another machine, differ by less.
const goldenTolerance = 1e-5

// check scores the golden rows.
func (g *Golden) check(s Scorer) error {
	if len(g.In) != len(g.Out) {
		return fmt.Errorf("%w: %d golden rows have %d scores", ErrBroken, len(g.In), len(g.Out))
	}
	var got [1]float32
	for i, row := range g.In {
		if len(row) != s.Features() {
			return fmt.Errorf("%w: golden row %d has %d features, the model %d", ErrBroken, i, len(row), s.Features())
		}
		s.Score(got[:], row)
		want := float64(g.Out[i])
		if gap := math.Abs(float64(got[0]) - want); !(gap <= goldenTolerance*(1+math.Abs(want))) {
			return fmt.Errorf("%w: golden row %d scores %v, want %v", ErrGolden, i, got[0], g.Out[i])
		}
	}
	return nil
}

// NewGolden scores up to n rows, evenly taken from x, which is row-major, and returns them as a test.
func NewGolden(s Scorer, x []float32, n int) Golden {
	width := s.Features()
	rows := 0
	if width > 0 {
		rows = len(x) / width
	}
	n = min(n, rows)
	g := Golden{}
	for i := range n {
		at := i * rows / n
		row := append([]float32(nil), x[at*width:(at+1)*width]...)
		score := make([]float32, 1)
		s.Score(score, row)
		g.In, g.Out = append(g.In, row), append(g.Out, score[0])
	}
	return g
}
