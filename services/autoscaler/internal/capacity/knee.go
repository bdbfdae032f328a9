package capacity

import (
	"math"
	"math/rand/v2"
	"sort"

	"github.com/haggle-commerce/haggle/services/autoscaler/internal/queue"
)

// Spec is a service whose pools are simulated.
type Spec struct {
	// Mean and CV are of a request's work, in seconds on a worker; Workers are those of a replica.
	Mean, CV float64
	Workers  int
	// Objective is in seconds; Trouble is the share of the requests that may be late or, where Cheap is more than 0, take the
	// cheaper path, which costs that part of the work and is taken when a wait above Threshold seconds is expected.
	Objective, Trouble, Threshold, Cheap float64
}

// Allowed returns the share of trouble at the knee of a pool of n replicas. Where there is a cheaper path Trouble is meant in the
// mean: a pool of n has its replicas while the load is between what n-1 and what n bear, and trouble is steep, so that the mean
// over that range is (1 - exp(-steepness/n)) n / steepness of what it is at its end, and the smaller a pool is the more may be
// allowed there. Without one a late answer is a late answer, and Trouble holds at every moment.
func (s *Spec) Allowed(n int) float64 {
	if s.Cheap <= 0 {
		return s.Trouble
	}
	x := steepness / float64(n)
	return min(worst, s.Trouble*x/(1-math.Exp(-x)))
}

// worst is the greatest share of the requests of a moment that is planned to take the cheaper path or be late.
const worst = 0.1

// Curve is the knee of a pool by its size: the greatest share of its workers that may be kept busy. It is a property of the pool:
// two choices among many replicas even out what a single replica has to keep spare.
type Curve struct {
	Sizes []int     `json:"sizes"`
	Busy  []float64 `json:"busy"`
}

// sizesTried are the pools that are simulated; between them the knee is interpolated, above them it is that of the last.
var sizesTried = []int{1, 2, 3, 4, 6, 8, 12, 16, 32, 64}

// requestsTried is how many requests a pool is tried with: the half-width of the 95 % interval of a trouble of 0.5 % is 0.07 %.
const requestsTried = 40_000

// Prior simulates pools with Poisson arrivals, two choices and the service's times, and returns their knees. It takes a third of
// a second of CPU time. The same seed gives the same curve.
func Prior(s Spec, seed uint64) Curve {
	c := Curve{Sizes: sizesTried, Busy: make([]float64, len(sizesTried))}
	service := queue.Lognormal(s.Mean, s.CV)
	least := 0.05
	for i, n := range c.Sizes {
		low, high := least, 1.3
		for high-low > 0.01 {
			if middle := (low + high) / 2; s.trouble(service, n, middle, seed) <= s.Allowed(n) {
				low = middle
			} else {
				high = middle
			}
		}
		// More replicas never hold less of their load: what says so is the noise of the try.
		c.Busy[i] = low
		least = low
	}
	return c
}

// trouble returns the share of the requests that are late or take the cheaper path in a pool of n replicas of whose time the work
// would keep the share busy.
func (s *Spec) trouble(service queue.Service, n int, busy float64, seed uint64) float64 {
	r := rand.New(rand.NewPCG(seed, uint64(n)))
	fleet := make([]*queue.Replica, n)
	for i := range fleet {
		fleet[i] = queue.NewReplica(s.Workers)
	}
	rate := busy * float64(n*s.Workers) / s.Mean
	bad := 0
	queue.Arrivals(r, 0, requestsTried/rate, rate, func(at float64) {
		bits := r.Uint64()
		q := queue.Choose(at, fleet, r.Uint64())
		work := service.Draw(bits)
		cheap := s.Cheap > 0 && q.Expected(at, s.Mean, float64(bits>>16&0xffff)/(1<<16)) > s.Threshold
		if cheap {
			work *= s.Cheap
		}
		if q.Take(at, work)-at > s.Objective || cheap {
			bad++
		}
	})
	return float64(bad) / requestsTried
}

// Knee returns the share of its workers that a pool of n replicas may keep busy.
func (c Curve) Knee(n int) float64 {
	i := sort.SearchInts(c.Sizes, n)
	switch {
	case i == len(c.Sizes):
		return c.Busy[i-1]
	case i == 0 || c.Sizes[i] == n:
		return c.Busy[i]
	}
	// Between two sizes the spare share falls like one over the size.
	x := (1/float64(c.Sizes[i-1]) - 1/float64(n)) / (1/float64(c.Sizes[i-1]) - 1/float64(c.Sizes[i]))
	return c.Busy[i-1] + x*(c.Busy[i]-c.Busy[i-1])
}
