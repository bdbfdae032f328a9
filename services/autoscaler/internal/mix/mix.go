// Package mix chooses how many replicas of which variant on which class of nodes serve a need at the least price: an exact search.
package mix

import (
	"math"
	"slices"
)

// Option is one target: a variant on a class of nodes.
type Option struct {
	// Variant numbers the variants from 0: replicas of one variant are one pool, whatever class they stand on.
	Variant int
	// Price is dollars per replica-hour; Speed multiplies what a replica bears; Quality is that of its answers.
	Price, Speed, Quality float64
	Spot                  bool
	Min, Max              int
	// Now is how many there are.
	Now int
}

// Problem is what to serve, with what.
type Problem struct {
	Options []Option
	// Capacity returns the rate that a pool of n replicas of a variant bears on a class of speed 1; Capacity(v, 0) = 0, and the
	// rate per replica must not fall with n.
	Capacity func(variant, n int) float64
	// Need is requests per second. Quality is the least mean quality, SpotShare the greatest share of the capacity on spot nodes;
	// what is left when any one class of spot nodes is lost must bear the part Lean of the need (by the cheaper path), 0 for none.
	Need, Quality, SpotShare, Lean float64
	// StayHours is how long a choice is expected to stay, and StartHours how long a replica costs before it serves: moving to
	// another mix must pay for that.
	StayHours, StartHours float64
}

// Choice is a way to serve the need.
type Choice struct {
	Counts []int
	// Price is dollars per hour, Capacity requests per second; Quality is the mean over the need, the best answers first.
	Price, Capacity, Quality float64
	// weighed is the price with the cost of moving there.
	weighed float64
}

// effort bounds the search: 4 variants on 3 classes of up to 60 replicas take about a hundredth of it. Beyond it the best found
// is returned.
const effort = 3_000_000

// Solve returns the cheapest ways to serve the need, up to best of them, the best first, and whether it looked at all that could
// be cheaper. It returns none when the need cannot be served.
//
// It is a depth-first search over the counts of the options, the cheapest per capacity first, cut where the price so far and the
// least that the rest can cost exceed what was found.
func (p *Problem) Solve(best int) (found []Choice, exact bool) {
	s := search{p: p, best: best, left: effort, counts: make([]int, len(p.Options)), order: make([]int, len(p.Options))}
	s.prepare()
	s.descend(0, 0, 0)
	return s.found, s.left > 0
}

// maxVariants bounds the variants of a service.
const maxVariants = 64

type search struct {
	p      *Problem
	best   int
	left   int
	counts []int
	order  []int
	// unit is the greatest capacity of one more replica of an option; rate[d] the least price of a unit of capacity among the
	// options from depth d on, and minimum[d] what their least counts cost.
	unit    []float64
	rate    []float64
	minimum []float64
	room    []float64
	found   []Choice
}

func (s *search) prepare() {
	p := s.p
	variants := 0
	for i := range p.Options {
		s.order[i] = i
		variants = max(variants, p.Options[i].Variant+1)
	}
	most := make([]int, variants)
	for i := range p.Options {
		most[p.Options[i].Variant] += p.Options[i].Max
	}
	s.unit = make([]float64, len(p.Options))
	for i := range p.Options {
		o := &p.Options[i]
		if n := most[o.Variant]; n > 0 {
			s.unit[i] = p.Capacity(o.Variant, n) / float64(n) * o.Speed
		}
	}
	per := func(i int) float64 { return p.Options[i].Price / max(s.unit[i], 1e-12) }
	slices.SortStableFunc(s.order, func(a, b int) int {
		switch {
		case per(a) < per(b):
			return -1
		case per(a) > per(b):
			return 1
		}
		return 0
	})
	n := len(s.order)
	s.rate, s.minimum, s.room = make([]float64, n+1), make([]float64, n+1), make([]float64, n+1)
	s.rate[n] = math.Inf(1)
	for d := n - 1; d >= 0; d-- {
		i := s.order[d]
		s.rate[d] = min(s.rate[d+1], per(i))
		s.minimum[d] = s.minimum[d+1] + float64(p.Options[i].Min)*p.Options[i].Price
		s.room[d] = s.room[d+1] + float64(p.Options[i].Max)*s.unit[i]
	}
}

// moving is what n replicas of an option cost an hour, the replicas that must start first spread over the stay.
func (p *Problem) moving(i, n int) float64 {
	o := &p.Options[i]
	extra := 0.0
	if p.StayHours > 0 {
		extra = float64(max(0, n-o.Now)) * o.Price * p.StartHours / p.StayHours
	}
	return float64(n)*o.Price + extra
}

// descend chooses the count of the option at a depth. price and bound are those of the options above: bound is an upper bound of
// their capacity.
func (s *search) descend(depth int, price, bound float64) {
	if s.left--; s.left < 0 {
		return
	}
	p := s.p
	if depth == len(s.order) {
		s.leaf(price)
		return
	}
	if bound+s.room[depth] < p.Need-1e-9 {
		return
	}
	i := s.order[depth]
	o := &p.Options[i]
	first := o.Min
	if depth == len(s.order)-1 && s.unit[i] > 0 {
		first = max(first, int((p.Need-bound)/s.unit[i]))
	}
	for n := first; n <= o.Max; n++ {
		cost := price + p.moving(i, n)
		covered := bound + float64(n)*s.unit[i]
		rest := 0.0
		if short := p.Need - covered; short > 0 {
			if math.IsInf(s.rate[depth+1], 1) {
				continue // the last option, and too few of it
			}
			rest = short * s.rate[depth+1]
		}
		rest = max(rest, s.minimum[depth+1])
		if len(s.found) == s.best && cost+rest > s.found[s.best-1].weighed+1e-12 {
			// More of this option costs more, and relieves the rest by at most what its own capacity is worth: as options come in
			// order of price per capacity, the bound does not fall again.
			if p.Need-covered <= 0 || s.rate[depth+1] <= o.Price/max(s.unit[i], 1e-12) {
				return
			}
			continue
		}
		s.counts[i] = n
		s.descend(depth+1, cost, covered)
		s.counts[i] = 0
	}
}

// leaf weighs a full choice.
func (s *search) leaf(weighed float64) {
	p := s.p
	c, ok := p.Evaluate(s.counts)
	if !ok {
		return
	}
	c.weighed = weighed
	at, _ := slices.BinarySearchFunc(s.found, c, func(a, b Choice) int {
		switch {
		case a.weighed < b.weighed-1e-12:
			return -1
		case a.weighed > b.weighed+1e-12:
			return 1
		}
		return -1 // equal ones stay in the order in which they were found
	})
	if at >= s.best {
		return
	}
	c.Counts = slices.Clone(s.counts)
	s.found = slices.Insert(s.found, at, c)
	if len(s.found) > s.best {
		s.found = s.found[:s.best]
	}
}

// Evaluate reckons a choice; ok is false when it does not serve the need as it must. Counts are not copied.
func (p *Problem) Evaluate(counts []int) (c Choice, ok bool) {
	c.Counts = counts
	capacities := p.Of(counts)
	spot := 0.0
	for i, n := range counts {
		c.Price += float64(n) * p.Options[i].Price
		c.Capacity += capacities[i]
		if p.Options[i].Spot {
			spot += capacities[i]
		}
	}
	c.Quality = p.quality(capacities)
	ok = c.Capacity >= p.Need-1e-9 && c.Quality >= p.Quality-1e-9 && (spot == 0 || spot <= p.SpotShare*c.Capacity+1e-9)
	if !ok || p.Lean <= 0 {
		return c, ok
	}
	for i := range p.Options {
		if p.Options[i].Spot && counts[i] > 0 {
			lost := counts[i]
			counts[i] = 0
			rest := p.Of(counts)
			sum := 0.0
			for _, x := range rest {
				sum += x
			}
			counts[i] = lost
			if sum < p.Lean*p.Need-1e-9 {
				return c, false
			}
		}
	}
	return c, true
}

// Of returns what each option bears of a choice, for [Problem.Weights].
func (p *Problem) Of(counts []int) []float64 {
	var pools [maxVariants]int
	for i, n := range counts {
		pools[p.Options[i].Variant] += n
	}
	capacities := make([]float64, len(counts))
	for i, n := range counts {
		if o := &p.Options[i]; n > 0 {
			capacities[i] = p.Capacity(o.Variant, pools[o.Variant]) * float64(n) / float64(pools[o.Variant]) * o.Speed
		}
	}
	return capacities
}

// quality is the mean quality of the answers when the best targets are filled first.
func (p *Problem) quality(capacities []float64) float64 {
	w := p.Weights(capacities)
	q := 0.0
	for i, x := range w {
		q += x * p.Options[i].Quality
	}
	return q
}

// Weights returns the share of the requests that each option is sent. Without a least quality all are loaded alike; with one the
// best are filled first. They add up to 1, or are all 0 when nothing bears anything.
func (p *Problem) Weights(capacities []float64) []float64 {
	w := make([]float64, len(capacities))
	total := 0.0
	for _, x := range capacities {
		total += x
	}
	if total <= 0 {
		return w
	}
	if p.Quality <= 0 || p.Need <= 0 || total <= p.Need {
		for i, x := range capacities {
			w[i] = x / total
		}
		return w
	}
	order := make([]int, len(capacities))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		switch qa, qb := p.Options[a].Quality, p.Options[b].Quality; {
		case qa > qb:
			return -1
		case qa < qb:
			return 1
		}
		return 0
	})
	left := p.Need
	for _, i := range order {
		take := min(left, capacities[i])
		w[i] = take / p.Need
		left -= take
	}
	return w
}
