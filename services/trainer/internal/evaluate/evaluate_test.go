package evaluate

import (
	"math"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/haggle-commerce/haggle/services/trainer/internal/learn"
	"github.com/haggle-commerce/haggle/services/trainer/internal/replay"
)

// small has three asks: two of shopper 1, one of nobody.
func small() *replay.Sample {
	return &replay.Sample{
		Data: learn.Data{Width: 1, X: make([]float32, 7), Labels: []float32{0, 1, 0, 2, 0, 0, 1}, Ends: []int{3, 5, 7}},
		Asks: []replay.Ask{
			{Purpose: replay.Home, Shopper: 1, Wanted: []replay.Want{{Item: 2, Gain: 1}}},
			{Purpose: replay.Search, Shopper: 1, Wanted: []replay.Want{{Item: 4, Gain: 2}, {Item: 9, Gain: 1}}},
			{Purpose: replay.Home, Session: 5, Wanted: []replay.Want{{Item: 7, Gain: 1}}},
		},
		Popular: []float32{3, 2, 1, 1, 2, 1, 2},
		Leading: [][]float64{{0, 0, 1}, {1}, {0}},
	}
}

func TestScores(t *testing.T) {
	s := small()
	got := Scores(s, []float32{3, 2, 1, 5, 4, 1, 1})
	// The first ask has its item at rank 2: 1/log2(3) = 0.6309. The second has the better of two at rank 1 and never the other:
	// 2 / (2 + 1/log2(3)) = 0.7602. They are of one shopper: 0.6956. The third has it tied at ranks 1 and 2:
	// 0.5 + 0.5/log2(3) = 0.8155.
	want := Values{NDCG: []float64{0.6956, 0.8155}, Recall: []float64{(1 + 0.5) / 2, 1}}
	want.ByPurpose[replay.Home], want.ByPurpose[replay.Search] = (0.6309+0.8155)/2, 0.7602
	want.Asks[replay.Home], want.Asks[replay.Search] = 2, 1
	if diff := cmp.Diff(want, got, cmpopts.EquateApprox(0, 1e-4)); diff != "" {
		t.Errorf("Scores (-want +got):\n%s", diff)
	}
}

func TestPopularity(t *testing.T) {
	got := Popularity(small())
	// Home asks are judged by the list of the whole shop: rank 3 is 1/log2(4) = 0.5, and nothing. The search is judged by its
	// candidates: rank 2 of 2, 2/log2(3) / (2 + 1/log2(3)) = 0.4796.
	if diff := cmp.Diff([]float64{(0.5 + 0.4796) / 2, 0}, got.NDCG, cmpopts.EquateApprox(0, 1e-4)); diff != "" {
		t.Errorf("NDCG of popularity (-want +got):\n%s", diff)
	}
}

func TestProbabilities(t *testing.T) {
	s := small()
	half := func(float32) float64 { return 0.5 }
	got := Probabilities(s, []float32{0, 9, 0, 9, 0, 0, 9}, half)
	if got.AUC != 1 || math.Abs(got.LogLoss-math.Ln2) > 1e-9 {
		t.Errorf("Probabilities = %+v, want AUC 1 and logloss ln 2", got)
	}
	clear(s.Data.Labels)
	if got := Probabilities(s, make([]float32, 7), half); got.AUC != 0.5 {
		t.Errorf("Probabilities where nothing was wanted = %+v, want AUC 0.5", got)
	}
}

func TestNothing(t *testing.T) {
	if got := Scores(&replay.Sample{}, nil); len(got.NDCG) != 0 || !slices.Equal(got.Recall, got.NDCG) {
		t.Errorf("Scores of no asks = %+v", got)
	}
}
