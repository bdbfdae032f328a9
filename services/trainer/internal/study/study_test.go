package study

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/haggle-commerce/haggle/libs/dataset/synth"
	"github.com/haggle-commerce/haggle/libs/feature"
	"github.com/haggle-commerce/haggle/libs/model"
	"github.com/haggle-commerce/haggle/libs/quality"
	"github.com/haggle-commerce/haggle/libs/shop"
	"github.com/haggle-commerce/haggle/services/trainer/internal/corpus"
)

func shopOf(t testing.TB, items, events int) (*corpus.Corpus, *feature.Catalogue) {
	t.Helper()
	var l corpus.Log
	catalogue := &feature.Catalogue{}
	_, err := synth.Generate(t.Context(), synth.Options{Seed: 5, Items: items, Events: events},
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

// small are options for a shop that a test can wait for.
func small() Options {
	o := Default()
	o.Train, o.Valid, o.Test = 600, 200, 400
	o.Boost.Trees, o.Boost.Workers, o.Together.Workers = 30, 2, 2
	return o
}

func TestRankerBeatsPopularity(t *testing.T) {
	if raceOn {
		t.Skip("SKIPPED: quality is measured without the race detector; run go test ./services/trainer/internal/study")
	}
	c, catalogue := shopOf(t, 1500, 25000)
	var stages []string
	o := small()
	o.Progress = func(stage string, share float64) {
		if share < 0 || share > 1 {
			t.Errorf("%s is done to %v", stage, share)
		}
		if len(stages) == 0 || stages[len(stages)-1] != stage {
			stages = append(stages, stage)
		}
	}
	r, err := Run(t.Context(), c, catalogue, o)
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"replay", "linear", "trees", "evaluate"}; !slices.Equal(stages, want) {
		t.Errorf("stages %q, want %q", stages, want)
	}
	best := r.Candidates[0]
	for name, other := range map[string][]float64{"popularity": r.Popularity.NDCG, "recall": r.Recall.NDCG} {
		if gap := quality.BootstrapDifference(other, best.Values.NDCG, quality.Resampling{}); gap.Low <= 0 {
			t.Errorf("%s over %s: NDCG@10 %v, want an interval above 0", best.Kind, name, gap.Interval)
		}
	}
	if best.Rows.AUC < 0.65 {
		t.Errorf("AUC %.3f, want 0.65 at least", best.Rows.AUC)
	}
	if r.Candidates[0].Valid < r.Candidates[1].Valid {
		t.Error("the candidates are not in the order of validation")
	}
	for i := range r.Candidates {
		file, err := r.Candidates[i].File(map[string]string{"trained_on": "test"})
		if err != nil {
			t.Fatal(err)
		}
		f, err := model.Open(file)
		if err != nil {
			t.Fatalf("open %s: %v", r.Candidates[i].Kind, err)
		}
		if got, want := r.Judge(f.Scorer).NDCG, r.Candidates[i].Values.NDCG; !slices.Equal(got, want) {
			t.Errorf("the file of %s does not rank as the model did", r.Candidates[i].Kind)
		}
		if p := f.Header.Calibration.Probability(0); p <= 0 || p >= 1 {
			t.Errorf("%s gives the probability %v", r.Candidates[i].Kind, p)
		}
	}
}

func TestSameSeedSameBytes(t *testing.T) {
	c, catalogue := shopOf(t, 200, 5000)
	files := func(workers int, seed uint64) (all [][]byte) {
		o := small()
		o.Boost.Workers, o.Together.Workers = workers, workers
		o.Train, o.Valid, o.Test, o.Boost.Trees, o.Seed, o.Boost.Seed = 100, 50, 50, 3, seed, seed
		r, err := Run(t.Context(), c, catalogue, o)
		if err != nil {
			t.Fatal(err)
		}
		for i := range r.Candidates {
			file, err := r.Candidates[i].File(nil)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, file)
		}
		return all
	}
	want := files(1, 1)
	for i, got := range files(3, 1) {
		if !slices.Equal(got, want[i]) {
			t.Errorf("candidate %d differs with other workers", i)
		}
	}
	if slices.Equal(files(1, 2)[0], want[0]) {
		t.Error("another seed gives the same bytes")
	}
}

func TestTooLittle(t *testing.T) {
	var l corpus.Log
	if _, err := Run(t.Context(), l.Corpus(), &feature.Catalogue{}, small()); !errors.Is(err, ErrTooLittle) {
		t.Errorf("Run of an empty log = %v, want ErrTooLittle", err)
	}
	// Many asks, but nothing of what was wanted is in the catalogue.
	c, _ := shopOf(t, 200, 5000)
	if _, err := Run(t.Context(), c, &feature.Catalogue{}, small()); !errors.Is(err, ErrTooLittle) {
		t.Errorf("Run of an empty catalogue = %v, want ErrTooLittle", err)
	}
}

func TestRunEndsWithTheContext(t *testing.T) {
	c, catalogue := shopOf(t, 200, 5000)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Run(ctx, c, catalogue, small()); !errors.Is(err, context.Canceled) {
		t.Errorf("Run after the end = %v", err)
	}
}
