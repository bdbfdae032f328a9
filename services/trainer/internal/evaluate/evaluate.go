// Package evaluate judges orders of candidates by what was wanted in the end.
package evaluate

import (
	"slices"

	"github.com/haggle-commerce/haggle/libs/quality"
	"github.com/haggle-commerce/haggle/services/trainer/internal/corpus"
	"github.com/haggle-commerce/haggle/services/trainer/internal/replay"
)

// The depths at which orders are judged.
const (
	DepthNDCG   = 10
	DepthRecall = 20
)

// Values are the measures of one order, shopper by shopper: the asks of one shopper depend on one another, so their mean is one
// value. Values over the same sample can be compared pair by pair.
type Values struct {
	NDCG, Recall []float64
	// ByPurpose is the mean NDCG of the asks of each purpose; Asks how many there are.
	ByPurpose [replay.Purposes]float64
	Asks      [replay.Purposes]int
}

// Scores judges the order that scores give to the candidates, row by row of the sample. Candidates of one score share their
// places. What was wanted and is no candidate counts against the order.
func Scores(s *replay.Sample, scores []float32) Values {
	return judge(s, func(ask int) []float64 { return gains(s, scores, ask) })
}

// Popularity judges the order of what is popular: in the whole shop for asks without words, among the matches for searches.
func Popularity(s *replay.Sample) Values {
	return judge(s, func(ask int) []float64 {
		if s.Asks[ask].Purpose == replay.Search {
			return gains(s, s.Popular, ask)
		}
		return s.Leading[ask]
	})
}

// gains returns the gains of an ask's candidates in the order of their scores.
func gains(s *replay.Sample, scores []float32, ask int) []float64 {
	from, to := s.Data.Group(ask)
	relevances := make([]float64, 0, to-from)
	for _, label := range s.Data.Labels[from:to] {
		relevances = append(relevances, float64(label))
	}
	return quality.Gains(scores[from:to], relevances)
}

// judge measures every ask and averages by shopper.
func judge(s *replay.Sample, order func(ask int) []float64) Values {
	var v Values
	type key struct {
		shopper corpus.Shopper
		session uint64
	}
	places := map[key]int{}
	var counts []float64
	for ask := range s.Asks {
		a := &s.Asks[ask]
		relevant := make([]float64, 0, len(a.Wanted))
		for _, w := range a.Wanted {
			relevant = append(relevant, float64(w.Gain))
		}
		found := order(ask)
		ndcg := quality.NDCG(found, relevant, DepthNDCG)
		k := key{shopper: a.Shopper}
		if a.Shopper == 0 {
			k.session = a.Session
		}
		place, known := places[k]
		if !known {
			place = len(counts)
			places[k] = place
			v.NDCG, v.Recall, counts = append(v.NDCG, 0), append(v.Recall, 0), append(counts, 0)
		}
		v.NDCG[place] += ndcg
		v.Recall[place] += quality.Recall(found, len(relevant), DepthRecall)
		counts[place]++
		v.ByPurpose[a.Purpose] += ndcg
		v.Asks[a.Purpose]++
	}
	for i, n := range counts {
		v.NDCG[i] /= n
		v.Recall[i] /= n
	}
	for p, n := range v.Asks {
		v.ByPurpose[p] /= float64(max(n, 1))
	}
	return v
}

// Rows are the measures of single rows.
type Rows struct {
	AUC, LogLoss float64
}

// Probabilities judges scores as probabilities of a row to be wanted.
func Probabilities(s *replay.Sample, scores []float32, probability func(float32) float64) Rows {
	wanted := make([]bool, len(s.Data.Labels))
	for i, label := range s.Data.Labels {
		wanted[i] = label > 0
	}
	if !slices.Contains(wanted, true) {
		return Rows{AUC: 0.5}
	}
	probabilities := make([]float64, len(scores))
	for i, score := range scores {
		probabilities[i] = probability(score)
	}
	return Rows{AUC: quality.AUC(scores, wanted), LogLoss: quality.LogLoss(probabilities, wanted)}
}
