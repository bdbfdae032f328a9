// Package study learns from one part of an event log and judges what it learnt on the part after it.
package study

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/haggle-commerce/haggle/libs/feature"
	"github.com/haggle-commerce/haggle/libs/model"
	"github.com/haggle-commerce/haggle/libs/model/neighbour"
	"github.com/haggle-commerce/haggle/services/trainer/internal/corpus"
	"github.com/haggle-commerce/haggle/services/trainer/internal/evaluate"
	"github.com/haggle-commerce/haggle/services/trainer/internal/learn"
	"github.com/haggle-commerce/haggle/services/trainer/internal/replay"
	"github.com/haggle-commerce/haggle/services/trainer/internal/together"
)

// Options say how much is learnt from.
type Options struct {
	// Train, Valid and Test are the most asks of each part; more are sampled.
	Train, Valid, Test int
	// Keep is how many candidates of an ask are learnt from.
	Keep     int
	Seed     uint64
	Together together.Options
	// Learn, where set, learns the neighbours from the first until events, in place of package together.
	Learn  func(until int) (*neighbour.Model, error)
	Boost  learn.Options
	Linear learn.LinearOptions
	// Progress, where set, is called with what is being done and which share of all is done.
	Progress func(stage string, share float64)
}

// Default returns what a shop of some ten thousand items needs: about 40 seconds of CPU.
func Default() Options {
	return Options{
		Train: 6000, Valid: 1500, Test: 3000, Keep: 40, Seed: 1,
		Together: together.Default(), Boost: learn.DefaultOptions(), Linear: learn.DefaultLinearOptions(),
	}
}

// Shares of the asks, in order of time: the first are only history, then come those for training, for validation and for the test.
const (
	historyShare = 0.4
	trainShare   = 0.8
	validShare   = 0.88
	// trainWindows is how often the neighbours are learnt anew while training: they would be too old otherwise.
	trainWindows = 2
)

// MinAsks is how many asks there must be to learn from.
const MinAsks = 200

// ErrTooLittle says that there is too little to learn from.
var ErrTooLittle = errors.New("too little to learn from")

// Candidate is a model that was learnt, and how it did on the test part.
type Candidate struct {
	Kind   string
	Scorer model.Scorer
	Header model.Header
	// Valid is the NDCG on the validation part.
	Valid  float64
	Values evaluate.Values
	Rows   evaluate.Rows
}

// Result is what a study found.
type Result struct {
	// Candidates are the models that were learnt, the best on the validation part first.
	Candidates []Candidate
	// Recall and Popularity are the orders to beat, on the test part, which is Test.
	Recall, Popularity evaluate.Values
	Test               *replay.Sample
	// TrainAsks, TrainRows and Asks count what was learnt from, and of how many asks in all.
	TrainAsks, TrainRows, Asks int
	// Gain is how much each feature brought to the trees.
	Gain []float64
}

// Run does the study. It returns [ErrTooLittle] when the log is too short, and the error of ctx when that ends.
func Run(ctx context.Context, c *corpus.Corpus, catalogue *feature.Catalogue, o Options) (*Result, error) {
	if o.Progress == nil {
		o.Progress = func(string, float64) {}
	}
	asks := replay.Asks(c)
	if len(asks) < MinAsks {
		return nil, fmt.Errorf("%w: %d asks, at least %d", ErrTooLittle, len(asks), MinAsks)
	}
	s := &study{options: o, player: replay.New(c, replay.NewShelf(c, catalogue), o.Seed)}
	if s.player.Learn = o.Learn; o.Learn == nil {
		s.player.Learn = func(until int) (*neighbour.Model, error) { return together.Learn(c, until, o.Together) }
	}
	train, valid, test, err := s.play(ctx, asks)
	if err != nil {
		return nil, err
	}
	if train.Data.Positives() == 0 || valid.Data.Positives() == 0 || len(test.Asks) == 0 {
		return nil, fmt.Errorf("%w: nothing that was wanted is among the candidates", ErrTooLittle)
	}
	r := &Result{
		Test: test, Recall: evaluate.Scores(test, test.Offered), Popularity: evaluate.Popularity(test),
		TrainAsks: len(train.Asks), TrainRows: train.Data.Rows(), Asks: len(asks),
	}
	if err := s.fit(ctx, r, train, valid); err != nil {
		return nil, err
	}
	return r, nil
}

// Split returns the asks of the three parts, which are in order of time.
func Split(asks []replay.Ask) (train, valid, test []replay.Ask) {
	cut := func(share float64) int { return int(share * float64(len(asks))) }
	begin, middle, end := cut(historyShare), cut(trainShare), cut(validShare)
	return asks[begin:middle], asks[middle:end], asks[end:]
}

// study is one Run under way.
type study struct {
	options Options
	player  *replay.Player
}

// The shares of a study's time that its parts take, measured on the generated shop.
const (
	playTime = 0.4
	fitTime  = 0.95
)

// play makes the examples of the three parts.
func (s *study) play(ctx context.Context, asks []replay.Ask) (train, valid, test *replay.Sample, err error) {
	o := s.options
	parts, validation, last := Split(asks)
	wanted := o.Train + o.Valid + o.Test
	done := 0
	play := func(into *replay.Sample, part []replay.Ask, most, keep int) *replay.Sample {
		s.player.Progress = func(n, of int) {
			o.Progress("replay", playTime*(float64(done)+float64(most)*float64(n)/float64(of))/float64(wanted))
		}
		if err == nil {
			err = s.player.PlayInto(ctx, into, replay.Window{Asks: part, Most: most, Keep: keep})
		}
		done += most
		return into
	}
	train = replay.NewSample(o.Train * o.Keep * 9 / 8)
	for i := range trainWindows {
		from, to := len(parts)*i/trainWindows, len(parts)*(i+1)/trainWindows
		play(train, parts[from:to], o.Train/trainWindows, o.Keep)
	}
	valid = play(replay.NewSample(0), validation, o.Valid, 0)
	test = play(replay.NewSample(0), last, o.Test, 0)
	return train, valid, test, err
}

// fit learns the candidates and judges them.
func (s *study) fit(ctx context.Context, r *Result, train, valid *replay.Sample) error {
	o := s.options
	o.Progress("linear", playTime)
	line, ndcg, err := learn.Linear(ctx, &train.Data, &valid.Data, o.Linear)
	if err != nil {
		return err
	}
	r.add(model.KindLinear, line, ndcg, valid)
	o.Boost.Progress = func(done, most int) { o.Progress("trees", playTime+(fitTime-playTime)*float64(done)/float64(most)) }
	o.Boost.Base = line
	boosted, err := learn.Boost(ctx, &train.Data, &valid.Data, o.Boost)
	if err != nil {
		return err
	}
	r.Gain = boosted.Gain
	o.Progress("evaluate", fitTime)
	r.add(model.KindTrees, boosted.Model, boosted.NDCG, valid)
	slices.SortStableFunc(r.Candidates, func(a, b Candidate) int {
		switch {
		case a.Valid > b.Valid:
			return -1
		case a.Valid < b.Valid:
			return 1
		}
		return 0
	})
	return nil
}

// goldenRows is how many rows a model file carries as its test.
const goldenRows = 16

// add calibrates a model and judges it on the test part.
func (r *Result) add(kind string, scorer model.Scorer, ndcg float64, valid *replay.Sample) {
	scores := make([]float32, valid.Data.Rows())
	scorer.Score(scores, valid.Data.X)
	header := model.Header{
		Kind: kind, Features: feature.Names(), Calibration: learn.Calibrate(scores, valid.Data.Labels),
		Golden: model.NewGolden(scorer, valid.Data.X, goldenRows),
	}
	scores = make([]float32, r.Test.Data.Rows())
	scorer.Score(scores, r.Test.Data.X)
	r.Candidates = append(r.Candidates, Candidate{
		Kind: kind, Scorer: scorer, Header: header, Valid: ndcg, Values: evaluate.Scores(r.Test, scores),
		Rows: evaluate.Probabilities(r.Test, scores, header.Calibration.Probability),
	})
}

// Judge returns how another model does on the test part, whose features it names.
func (r *Result) Judge(scorer model.Scorer) evaluate.Values {
	scores := make([]float32, r.Test.Data.Rows())
	scorer.Score(scores, r.Test.Data.X)
	return evaluate.Scores(r.Test, scores)
}

// File writes the model file of a candidate.
func (c *Candidate) File(notes map[string]string) ([]byte, error) {
	payload, err := c.Scorer.(interface {
		AppendBinary(b []byte) ([]byte, error)
	}).AppendBinary(nil)
	if err != nil {
		return nil, fmt.Errorf("encode %s: %w", c.Kind, err)
	}
	header := c.Header
	header.Notes = notes
	return model.Encode(header, payload)
}
