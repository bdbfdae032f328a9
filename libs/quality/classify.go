package quality

import (
	"cmp"
	"math"
	"slices"
)

// AUC returns the chance that a positive scores higher than a negative, a tie counting half (the Mann-Whitney statistic). It
// is 0.5 when one of the classes is empty. It panics when the lengths differ.
func AUC(scores []float32, positive []bool) float64 {
	mustMatch(len(scores), len(positive))
	order := Order(scores)
	negativesAbove, wins, positives, negatives := 0.0, 0.0, 0.0, 0.0
	for i := 0; i < len(order); {
		j, p, n := i, 0.0, 0.0
		for ; j < len(order) && cmp.Compare(scores[order[j]], scores[order[i]]) == 0; j++ {
			if positive[order[j]] {
				p++
			} else {
				n++
			}
		}
		// Wins are counted as losses avoided: every negative that is not above a positive.
		wins -= p * (negativesAbove + n/2)
		negativesAbove += n
		positives, negatives = positives+p, negatives+n
		i = j
	}
	if positives == 0 || negatives == 0 {
		return 0.5
	}
	return 1 + wins/(positives*negatives)
}

// LogLoss returns the mean of -ln of the probability that was given to what happened. Probabilities are clipped to
// [1e-15, 1 - 1e-15], so that it stays finite. It is 0 for no examples and panics when the lengths differ.
func LogLoss(probabilities []float64, positive []bool) float64 {
	mustMatch(len(probabilities), len(positive))
	const edge = 1e-15
	sum := 0.0
	for i, p := range probabilities {
		if !positive[i] {
			p = 1 - p
		}
		sum -= math.Log(min(max(p, edge), 1-edge))
	}
	if len(probabilities) == 0 {
		return 0
	}
	return sum / float64(len(probabilities))
}

// F1 returns the harmonic mean of precision and recall of the predictions, 0 when nothing was predicted and nothing was there.
// It panics when the lengths differ.
func F1(predicted, positive []bool) float64 {
	mustMatch(len(predicted), len(positive))
	both, either := 0, 0
	for i, p := range predicted {
		if p {
			either++
		}
		if positive[i] {
			either++
		}
		if p && positive[i] {
			both++
		}
	}
	if either == 0 {
		return 0
	}
	// 2PR/(P+R) with P = both/predicted and R = both/positive.
	return 2 * float64(both) / float64(either)
}

// CalibrationError returns the expected calibration error: examples are sorted by probability and cut into bins of equal
// count (examples of one probability stay together), and the distances between mean probability and observed share are
// averaged with the bins' sizes as weights. bins <= 0 means 10. It is 0 for no examples and panics when the lengths differ.
func CalibrationError(probabilities []float64, positive []bool, bins int) float64 {
	mustMatch(len(probabilities), len(positive))
	if bins <= 0 {
		bins = 10
	}
	n := len(probabilities)
	order := make([]int, n)
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(probabilities[a], probabilities[b]) })
	total := 0.0
	for begin, bin := 0, 1; begin < n; bin++ {
		end := n * bin / bins
		if end <= begin {
			continue
		}
		for end < n && probabilities[order[end]] == probabilities[order[end-1]] {
			end++
		}
		gap := 0.0
		for _, i := range order[begin:end] {
			gap += probabilities[i]
			if positive[i] {
				gap--
			}
		}
		total += math.Abs(gap)
		begin = end
	}
	if n == 0 {
		return 0
	}
	return total / float64(n)
}
