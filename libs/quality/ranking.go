// Package quality says how good a ranking, a probability or a set of slates is, and how sure one may be of it.
//
// Rankings are judged by their gains: gains[i] is the relevance, 0 or more, of the item at rank i+1. A measure is of one
// query; a corpus is the slice of its queries' values, for [Mean], [Bootstrap] and [BootstrapDifference].
package quality

import (
	"cmp"
	"math"
	"slices"
)

// Order returns the indices of scores from the highest to the lowest. Equal scores keep their order, NaN comes last. A list
// whose relevant items stand first must not be judged by Order when scores can tie: a constant score would look perfect. Use
// [Gains], which is fair to ties.
func Order(scores []float32) []int {
	order := make([]int, len(scores))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(scores[b], scores[a]) })
	return order
}

// Gains returns the relevances in descending order of their scores. Items of one score share the mean of their relevances:
// with linear gains that is what random tie-breaking gives on average, exactly (McSherry and Najork, ECIR 2008), for [NDCG],
// and for [Recall] and [Precision] when relevances are 0 or 1. It panics when the lengths differ.
func Gains(scores []float32, relevances []float64) []float64 {
	mustMatch(len(scores), len(relevances))
	order := Order(scores)
	gains := make([]float64, len(order))
	for i := 0; i < len(order); {
		j, sum := i, 0.0
		for ; j < len(order) && cmp.Compare(scores[order[j]], scores[order[i]]) == 0; j++ {
			sum += relevances[order[j]]
		}
		mean := sum / float64(j-i)
		for ; i < j; i++ {
			gains[i] = mean
		}
	}
	return gains
}

// DCG returns the discounted cumulative gain of the first k ranks: the sum of gains[i] / log2(i+2). k <= 0 means all ranks.
func DCG(gains []float64, k int) float64 {
	sum := 0.0
	for i, g := range first(gains, k) {
		sum += g / math.Log2(float64(i+2))
	}
	return sum
}

// NDCG returns [DCG] of the first k ranks divided by that of the best ranking there could be: relevant holds the relevance of
// every relevant item of the query, retrieved or not, in any order, so the ideal has min(k, relevant) hits and an item that
// was never retrieved counts against the ranking. Without any relevant item it is 0; leave such queries out of a mean.
func NDCG(gains, relevant []float64, k int) float64 {
	ideal := slices.Clone(relevant)
	slices.SortFunc(ideal, func(a, b float64) int { return cmp.Compare(b, a) })
	best := DCG(ideal, k)
	if best <= 0 {
		return 0
	}
	return DCG(gains, k) / best
}

// Recall returns the share of the relevant items that stand in the first k ranks; relevant counts them all, retrieved or not.
// A gain counts as min(gain, 1), so that graded relevances count once and tied ones by their chance. It is 0 when relevant is.
func Recall(gains []float64, relevant, k int) float64 {
	if relevant <= 0 {
		return 0
	}
	return hits(gains, k) / float64(relevant)
}

// Precision returns the share of the first k ranks that hold a relevant item, counted as in [Recall]. Ranks that a short list
// leaves empty count as misses. k <= 0 means the length of the list.
func Precision(gains []float64, k int) float64 {
	if k <= 0 {
		k = len(gains)
	}
	if k == 0 {
		return 0
	}
	return hits(gains, k) / float64(k)
}

// MRR returns 1 / the rank of the first relevant item in the first k ranks, 0 when there is none. Its mean over queries is
// the mean reciprocal rank.
func MRR(gains []float64, k int) float64 {
	for i, g := range first(gains, k) {
		if g > 0 {
			return 1 / float64(i+1)
		}
	}
	return 0
}

// HitRate returns 1 when the first k ranks hold a relevant item, else 0. Its mean over queries is the hit rate.
func HitRate(gains []float64, k int) float64 {
	for _, g := range first(gains, k) {
		if g > 0 {
			return 1
		}
	}
	return 0
}

// AveragePrecision returns the mean, over all relevant items, of the precision at the rank of each, 0 for one outside the
// first k ranks. Its mean over queries is MAP@k with the denominator min(k, relevant).
func AveragePrecision(gains []float64, relevant, k int) float64 {
	if relevant <= 0 {
		return 0
	}
	if k > 0 {
		relevant = min(relevant, k)
	}
	sum, found := 0.0, 0
	for i, g := range first(gains, k) {
		if g > 0 {
			found++
			sum += float64(found) / float64(i+1)
		}
	}
	return sum / float64(relevant)
}

// Mean returns the mean of values, 0 when there are none.
func Mean(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	sum := 0.0
	for _, v := range values {
		sum += v
	}
	return sum / float64(len(values))
}

// hits adds up min(gain, 1) over the first k ranks.
func hits(gains []float64, k int) float64 {
	sum := 0.0
	for _, g := range first(gains, k) {
		sum += min(g, 1)
	}
	return sum
}

// first returns the first k gains, all when k <= 0 or too large.
func first(gains []float64, k int) []float64 {
	if k <= 0 || k > len(gains) {
		return gains
	}
	return gains[:k]
}

func mustMatch(a, b int) {
	if a != b {
		panic("quality: lengths differ")
	}
}
