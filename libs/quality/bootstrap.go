package quality

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
)

// Interval is a mean and the bounds that a bootstrap puts around it.
type Interval struct {
	Mean, Low, High float64
}

// String returns "0.1234 [0.1200, 0.1268]".
func (v Interval) String() string { return fmt.Sprintf("%.4f [%.4f, %.4f]", v.Mean, v.Low, v.High) }

// Resampling says how a bootstrap draws. The zero value is 1,000 rounds, level 0.95, seed 0.
type Resampling struct {
	// Rounds is how many samples are drawn.
	Rounds int
	// Level is the share of them that lies inside the interval.
	Level float64
	// Seed makes the draw: the same seed and input give the same bits.
	Seed uint64
}

// Difference is a paired comparison: b - a over the same queries.
type Difference struct {
	Interval
	// NotWorse is the share of resamples in which b was at least as good as a.
	NotWorse float64
}

// Bootstrap returns the mean of values, one per query, and its percentile interval. Queries are the unit that is drawn, so
// values of one shopper should be averaged before when they depend on one another. The zero Interval is for no values.
func Bootstrap(values []float64, r Resampling) Interval {
	if len(values) == 0 {
		return Interval{}
	}
	return interval(values, r.means(values), r)
}

// BootstrapDifference returns the mean of b - a, query by query, and its percentile interval: a and b are the values of two
// systems on the same queries. b is better when Low > 0 and not inferior by more than m when Low > -m. It panics when the
// lengths differ.
func BootstrapDifference(a, b []float64, r Resampling) Difference {
	mustMatch(len(a), len(b))
	if len(a) == 0 {
		return Difference{NotWorse: 1}
	}
	gaps := make([]float64, len(a))
	for i := range a {
		gaps[i] = b[i] - a[i]
	}
	means := r.means(gaps)
	notWorse := 0
	for _, m := range means {
		if m >= 0 {
			notWorse++
		}
	}
	return Difference{Interval: interval(gaps, means, r), NotWorse: float64(notWorse) / float64(len(means))}
}

// means draws len(values) values with replacement, Rounds times, and returns the mean of each draw, sorted.
func (r Resampling) means(values []float64) []float64 {
	rounds := r.Rounds
	if rounds <= 0 {
		rounds = 1000
	}
	random := rand.New(rand.NewPCG(r.Seed, 0x9e3779b97f4a7c15))
	means := make([]float64, rounds)
	for i := range means {
		sum := 0.0
		for range values {
			sum += values[random.IntN(len(values))]
		}
		means[i] = sum / float64(len(values))
	}
	slices.Sort(means)
	return means
}

// interval takes the percentiles of sorted means.
func interval(values, means []float64, r Resampling) Interval {
	level := r.Level
	if level <= 0 || level >= 1 {
		level = 0.95
	}
	return Interval{Mean: Mean(values), Low: quantile(means, (1-level)/2), High: quantile(means, (1+level)/2)}
}

// quantile interpolates between the two order statistics around q*(n-1).
func quantile(sorted []float64, q float64) float64 {
	at := q * float64(len(sorted)-1)
	low := int(math.Floor(at))
	high := min(low+1, len(sorted)-1)
	return sorted[low] + (at-float64(low))*(sorted[high]-sorted[low])
}
