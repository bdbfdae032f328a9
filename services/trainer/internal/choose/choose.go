// Package choose decides whether a model that was learnt takes the place of the one that serves.
package choose

import (
	"fmt"

	"github.com/haggle-commerce/haggle/libs/quality"
	"github.com/haggle-commerce/haggle/services/trainer/internal/evaluate"
)

// Margin is by how much of NDCG a model may be worse at the low end of the interval and still count as not worse. Newer data are
// worth that much by themselves: a model of last week's events knows no item of this week.
const Margin = 0.005

// Decision says whether a candidate is to serve, and why.
type Decision struct {
	Publish bool
	// Reason is one of a closed set, for people and for counting.
	Reason Reason
	// OverServing and OverRecall are by how much the candidate's NDCG is greater, shopper by shopper.
	OverServing, OverRecall quality.Difference
}

// Reason is why a decision fell so.
type Reason string

// The reasons.
const (
	First       Reason = "nothing serves yet"
	Better      Reason = "better than what serves"
	NotWorse    Reason = "not worse than what serves"
	Worse       Reason = "worse than what serves"
	WorseRecall Reason = "worse than the order of recall"
)

// String says it in one line.
func (d *Decision) String() string {
	return fmt.Sprintf("%s (NDCG over what serves %v, over recall %v)", d.Reason, d.OverServing.Interval, d.OverRecall.Interval)
}

// Decide compares a candidate with the order of recall, which is what shoppers get without a model, and with the model that
// serves, nil when none does. All were judged on the same asks. A candidate that is surely worse than recall never serves. One
// that takes the place of another must be not inferior by more than [Margin], or be better on the mean: with few asks nothing
// is sure, and then the newer of two alike models serves.
func Decide(candidate, recall evaluate.Values, serving *evaluate.Values, seed uint64) Decision {
	d := Decision{OverRecall: quality.BootstrapDifference(recall.NDCG, candidate.NDCG, quality.Resampling{Seed: seed})}
	if d.OverRecall.High < 0 {
		d.Reason = WorseRecall
		return d
	}
	if serving == nil {
		d.Publish, d.Reason = true, First
		return d
	}
	d.Publish, d.Reason, d.OverServing = Against(serving.NDCG, candidate.NDCG, seed)
	return d
}

// Against says whether a candidate may take the place of what serves, by values of both for the same cases: when it is not inferior by
// more than [Margin], or better on the mean. Over is by how much it is greater.
func Against(serving, candidate []float64, seed uint64) (publish bool, reason Reason, over quality.Difference) {
	over = quality.BootstrapDifference(serving, candidate, quality.Resampling{Seed: seed})
	switch {
	case over.Low > 0:
		return true, Better, over
	case over.Mean >= 0, over.Low >= -Margin:
		return true, NotWorse, over
	}
	return false, Worse, over
}
