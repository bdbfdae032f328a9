package learn

import (
	"cmp"
	"math"
	"slices"
)

// logloss writes the slopes of the logistic loss of every row.
func logloss(slopes []slope, scores []float32, d *Data, p *pool) {
	p.each(d.Rows(), func(i int) {
		probability := 1 / (1 + math.Exp(-float64(scores[i])))
		y := 0.0
		if d.Labels[i] > 0 {
			y = 1
		}
		slopes[i] = slope{float32(probability - y), float32(max(probability*(1-probability), 1e-6))}
	})
}

// lambda holds the memory of LambdaMART's slopes.
type lambda struct {
	// sigmoid is 1 / (1 + exp(x)) at x = (i - sigmoidSteps) * sigmoidReach / sigmoidSteps.
	sigmoid [2*sigmoidSteps + 1]float32
}

const (
	sigmoidSteps = 2048
	sigmoidReach = 16
)

func newLambda() *lambda {
	l := &lambda{}
	for i := range l.sigmoid {
		l.sigmoid[i] = float32(1 / (1 + math.Exp(float64(i-sigmoidSteps)*sigmoidReach/sigmoidSteps)))
	}
	return l
}

// slopes writes the slopes of every row: Burges, "From RankNet to LambdaRank to LambdaMART", MSR-TR-2010-82, section 7, with
// sigma = 1 and the gain of a label being the label. Pairs count whose better place is among the first [Depth], and the slopes of a group
// are scaled by log2(1+sum)/sum, so that groups with many pairs do not outweigh the others (as in LightGBM).
func (l *lambda) slopes(out []slope, scores []float32, d *Data, p *pool) {
	p.ranges(d.Groups(), func(first, last int) {
		var order []int32
		for g := first; g < last; g++ {
			from, to := d.Group(g)
			order = l.group(out[from:to], scores[from:to], d.Labels[from:to], d.best(g), order[:0])
		}
	})
}

func (l *lambda) group(out []slope, scores, labels []float32, best float64, order []int32) []int32 {
	clear(out)
	for i := range scores {
		order = append(order, int32(i))
	}
	slices.SortStableFunc(order, func(a, b int32) int { return cmp.Compare(scores[b], scores[a]) })
	if best == 0 {
		return order
	}
	sum := 0.0
	for i := range min(Depth, len(order)) {
		for j := i + 1; j < len(order); j++ {
			high, low := order[i], order[j]
			if labels[high] == labels[low] {
				continue
			}
			if labels[high] < labels[low] {
				high, low = low, high
			}
			delta := float64(labels[high]-labels[low]) * math.Abs(discount(i)-discount(j)) / best
			rho := float64(l.at(scores[high] - scores[low]))
			g, h := delta*rho, delta*rho*(1-rho)
			sum += 2 * g
			out[high].g -= float32(g)
			out[high].h += float32(h)
			out[low].g += float32(g)
			out[low].h += float32(h)
		}
	}
	if sum > 0 {
		scale := float32(math.Log2(1+sum) / sum)
		for i := range out {
			out[i].g *= scale
			out[i].h *= scale
		}
	}
	return order
}

// at returns 1 / (1 + exp(x)).
func (l *lambda) at(x float32) float32 {
	i := int(x*(sigmoidSteps/sigmoidReach) + sigmoidSteps + 0.5)
	return l.sigmoid[min(max(i, 0), len(l.sigmoid)-1)]
}

// idealDCG returns the DCG@k of the best order.
func idealDCG(labels []float32, k int) float64 {
	var relevant []float32
	for _, label := range labels {
		if label > 0 {
			relevant = append(relevant, label)
		}
	}
	slices.SortFunc(relevant, func(a, b float32) int { return cmp.Compare(b, a) })
	sum := 0.0
	for rank, label := range relevant[:min(k, len(relevant))] {
		sum += float64(label) * discount(rank)
	}
	return sum
}
