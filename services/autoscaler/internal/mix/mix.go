// Package mix chooses how many replicas of which variant on which class of nodes serve a need at the least price: an exact search.
package mix

import (
	"cmp"
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

const (
	// effort bounds the search. Beyond it the best that was found is returned.
	effort = 3_000_000
	// few is up to how many options every mix of them is tried, and support how many have a count between their bounds where
	// there are more: a linear programme with the rows of need, quality and spot has an optimum of three, and rounding to whole replicas hardly ever
	// makes use of another (the tests hold it to 3 % of an exhaustive search).
	few     = 4
	support = 3
)

// Solve returns the cheapest ways to serve the need, up to best of them, the best first, and whether it looked at all mixes that
// could be cheaper: of any options where there are four at most, else of three whose
// counts are between their bounds. It returns none when the need cannot be served.
//
// It is a depth-first search over the counts of the options, the cheapest per capacity first, cut where the price so far and the
// least that the rest can cost exceed what was found.
func (p *Problem) Solve(best int) (found []Choice, exact bool) {
	s := search{p: p, best: best, bar: math.Inf(1), left: effort, counts: make([]int, len(p.Options)), order: make([]int, len(p.Options)), capacities: make([]float64, len(p.Options)), quality: p.byQuality()}
	s.prepare()
	s.support = len(p.Options)
	if len(p.Options) > few {
		// Two suffice for the need alone, and are a good start for the rest.
		s.support = 2
		s.descend(0, so{})
		if p.constrained() {
			s.support = support
			if len(s.found) == s.best {
				s.bar = s.found[s.best-1].weighed
			}
			s.found = nil
			s.descend(0, so{})
		}
		return s.found, s.left > 0
	}
	s.descend(0, so{})
	return s.found, s.left > 0
}

// maxVariants bounds the variants of a service.
const maxVariants = 64

type search struct {
	p    *Problem
	best int
	left int
	// support is how many options may have a count between their bounds, used how many have; nothing above bar is looked at.
	support, used int
	bar           float64
	counts        []int
	order         []int
	// unit is the greatest capacity of one more replica of an option; rate[d] the least price of a unit of capacity among the
	// options from depth d on, and minimum[d] what their least counts cost.
	unit []float64
	rate []float64
	// firmRate is rate among those that are not spot.
	firmRate []float64
	minimum  []float64
	room     []float64
	found    []Choice
	// capacities and quality are what evaluate needs.
	capacities []float64
	quality    []int
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
	slices.SortStableFunc(s.order, func(a, b int) int { return cmp.Compare(per(a), per(b)) })
	n := len(s.order)
	s.rate, s.firmRate, s.minimum, s.room = make([]float64, n+1), make([]float64, n+1), make([]float64, n+1), make([]float64, n+1)
	s.rate[n], s.firmRate[n] = math.Inf(1), math.Inf(1)
	for d := n - 1; d >= 0; d-- {
		i := s.order[d]
		s.rate[d], s.firmRate[d] = min(s.rate[d+1], per(i)), s.firmRate[d+1]
		if !p.Options[i].Spot {
			s.firmRate[d] = min(s.firmRate[d], per(i))
		}
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

// so is what the options above a depth come to: their price, and upper bounds of their capacity and of the part that is not spot.
type so struct {
	price, bound, firm float64
}

// rest is the least that the options from a depth on cost: what is short of the need, of which the spot share leaves a part to
// nodes that are not spot. It is infinite where there are none.
func (s *search) rest(depth int, above so) float64 {
	short := max(0, s.p.Need-above.bound)
	firm := max(0, (1-s.p.SpotShare)*s.p.Need-above.firm)
	cost := 0.0
	if firm > 0 {
		cost += firm * s.firmRate[depth]
	}
	if short > firm {
		cost += (short - firm) * s.rate[depth]
	}
	return max(cost, s.minimum[depth])
}

// descend chooses the count of the option at a depth.
func (s *search) descend(depth int, above so) {
	if s.left--; s.left < 0 {
		return
	}
	p := s.p
	if depth == len(s.order) {
		s.leaf(above.price)
		return
	}
	if above.bound+s.room[depth] < p.Need-1e-9 {
		return
	}
	i := s.order[depth]
	o := &p.Options[i]
	first := o.Min
	if depth == len(s.order)-1 && s.unit[i] > 0 {
		first = max(first, int((p.Need-above.bound)/s.unit[i]))
	}
	for n := first; n <= o.Max; n++ {
		next := so{above.price + p.moving(i, n), above.bound + float64(n)*s.unit[i], above.firm}
		if !o.Spot {
			next.firm += float64(n) * s.unit[i]
		}
		if next.price+s.rest(depth+1, next) > s.limit()+1e-12 {
			if next.price > s.limit()+1e-12 {
				return // and so does every greater count
			}
			continue
		}
		between := n > o.Min && n < o.Max
		if between && s.used >= s.support {
			continue
		}
		s.counts[i] = n
		if between {
			s.used++
		}
		s.descend(depth+1, next)
		if between {
			s.used--
		}
		s.counts[i] = 0
	}
}

// limit is the price that a choice must not exceed to be among the best.
func (s *search) limit() float64 {
	if len(s.found) == s.best {
		return min(s.bar, s.found[s.best-1].weighed)
	}
	return s.bar
}

// constrained reports whether more than the need must be met.
func (p *Problem) constrained() bool { return p.Quality > 0 || p.SpotShare < 1 || p.Lean > 0 }

// leaf weighs a full choice.
func (s *search) leaf(weighed float64) {
	p := s.p
	c, ok := p.evaluate(s.counts, s.capacities, s.quality)
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
	return p.evaluate(counts, make([]float64, len(counts)), p.byQuality())
}

// evaluate is Evaluate with memory for the capacities and the options in the order of their quality.
func (p *Problem) evaluate(counts []int, capacities []float64, best []int) (c Choice, ok bool) {
	c.Counts = counts
	p.fill(counts, -1, capacities)
	spot := 0.0
	for i, x := range capacities {
		c.Price += float64(counts[i]) * p.Options[i].Price
		c.Capacity += x
		if p.Options[i].Spot {
			spot += x
		}
	}
	if c.Capacity < p.Need-1e-9 || spot > 0 && spot > p.SpotShare*c.Capacity+1e-9 {
		return c, false
	}
	c.Quality = p.quality(capacities, c.Capacity, best)
	if c.Quality < p.Quality-1e-9 {
		return c, false
	}
	for i := range p.Options {
		if p.Lean > 0 && p.Options[i].Spot && counts[i] > 0 {
			p.fill(counts, i, capacities)
			rest := 0.0
			for _, x := range capacities {
				rest += x
			}
			if rest < p.Lean*p.Need-1e-9 {
				return c, false
			}
		}
	}
	return c, true
}

// Of returns what each option bears of a choice, for [Problem.Weights].
func (p *Problem) Of(counts []int) []float64 {
	capacities := make([]float64, len(counts))
	p.fill(counts, -1, capacities)
	return capacities
}

// fill sets what each option bears when the replicas of one are lost, -1 for none.
func (p *Problem) fill(counts []int, lost int, capacities []float64) {
	var pools [maxVariants]int
	for i, n := range counts {
		if i != lost {
			pools[p.Options[i].Variant] += n
		}
	}
	for i, n := range counts {
		capacities[i] = 0
		if o := &p.Options[i]; n > 0 && i != lost {
			capacities[i] = p.Capacity(o.Variant, pools[o.Variant]) * float64(n) / float64(pools[o.Variant]) * o.Speed
		}
	}
}

// byQuality returns the options, the best first.
func (p *Problem) byQuality() []int {
	order := make([]int, len(p.Options))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(p.Options[b].Quality, p.Options[a].Quality) })
	return order
}

// quality is the mean quality of the answers: with a least quality the best targets are filled first.
func (p *Problem) quality(capacities []float64, total float64, best []int) float64 {
	if total <= 0 {
		return 0
	}
	sum, left := 0.0, total
	if p.Quality > 0 && p.Need > 0 {
		left = min(total, p.Need)
	}
	whole := left
	for _, i := range best {
		take := min(left, capacities[i])
		sum += take * p.Options[i].Quality
		left -= take
	}
	return sum / whole
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
	left := p.Need
	for _, i := range p.byQuality() {
		take := min(left, capacities[i])
		w[i] = take / p.Need
		left -= take
	}
	return w
}
