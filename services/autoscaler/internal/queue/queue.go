// Package queue is the model of a replica that capacity and simulate share: workers that take requests in order of arrival.
package queue

import (
	"math"
	"math/rand/v2"
)

// Replica is a server whose workers take requests in the order in which they came. Times are seconds of any common clock, and
// calls must come in their order. Because the order is fixed at arrival, so is the end of a request.
type Replica struct {
	// free is when each worker is done with all that it was given.
	free []float64
	// ends are when the requests in flight end, ascending from head on.
	ends []float64
	head int
}

// NewReplica returns an idle replica.
func NewReplica(workers int) *Replica { return &Replica{free: make([]float64, max(1, workers))} }

// Workers returns how many requests it works on at once.
func (r *Replica) Workers() int { return len(r.free) }

// InFlight returns how many requests are waiting or worked on at now.
func (r *Replica) InFlight(now float64) int {
	for r.head < len(r.ends) && r.ends[r.head] <= now {
		r.head++
	}
	if r.head > 64 && r.head*2 > len(r.ends) {
		r.ends = r.ends[:copy(r.ends, r.ends[r.head:])]
		r.head = 0
	}
	return len(r.ends) - r.head
}

// Wait returns how long a request that comes at now waits before a worker takes it.
func (r *Replica) Wait(now float64) float64 {
	first := r.free[0]
	for _, f := range r.free[1:] {
		first = min(first, f)
	}
	return max(0, first-now)
}

// Expected returns the wait in seconds that a replica expects for a request that comes at now, knowing how many are before it, how
// far those are that it works on and what one takes in the mean; part, 0 to 1, stands for how far.
func (r *Replica) Expected(now, mean, part float64) float64 {
	return max(0, float64(r.InFlight(now)-len(r.free)+1)-part) * mean / float64(len(r.free))
}

// Take gives the replica a request of so many seconds of work and returns when it ends.
func (r *Replica) Take(now, service float64) float64 {
	worker := 0
	for i, f := range r.free {
		if f < r.free[worker] {
			worker = i
		}
	}
	end := max(now, r.free[worker]) + service
	r.free[worker] = end
	// Nearly sorted already: a request ends after most that came before it.
	r.ends = append(r.ends, end)
	for i := len(r.ends) - 1; i > r.head && r.ends[i-1] > end; i-- {
		r.ends[i], r.ends[i-1] = r.ends[i-1], r.ends[i]
	}
	return end
}

// Service is a table of service times, so that a draw costs an index.
type Service struct {
	seconds []float64
}

// tableBits is the size of the table of service times: quantiles of 1/65,536 reach beyond the 99.99th percentile.
const tableBits = 16

// Lognormal returns service times with a mean in seconds and a coefficient of variation.
func Lognormal(mean, cv float64) Service {
	variance := math.Log(1 + cv*cv)
	mu, sigma := math.Log(mean)-variance/2, math.Sqrt(variance)
	return table(func(p float64) float64 { return math.Exp(mu + sigma*math.Sqrt2*math.Erfinv(2*p-1)) })
}

// TwoKinds returns service times of which a tenth take so much longer that the mean is mean and the coefficient of variation cv:
// at most 3, where the short ones take nothing.
func TwoKinds(mean, cv float64) Service {
	const long = 0.1
	// With a share p of length b and the rest of length a: mean = (1-p)a + pb, variance = p(1-p)(b-a)^2.
	gap := mean * cv / math.Sqrt(long*(1-long))
	short := max(0, mean-long*gap)
	return table(func(p float64) float64 {
		if p < 1-long {
			return short
		}
		return short + gap
	})
}

func table(quantile func(p float64) float64) Service {
	s := Service{seconds: make([]float64, 1<<tableBits)}
	for i := range s.seconds {
		s.seconds[i] = quantile((float64(i) + 0.5) / (1 << tableBits))
	}
	return s
}

// Draw returns a service time by 16 random bits.
func (s Service) Draw(bits uint64) float64 { return s.seconds[bits&(1<<tableBits-1)] }

// Quantile returns the time that a share p of the requests do not take longer than.
func (s Service) Quantile(p float64) float64 {
	return s.seconds[min(len(s.seconds)-1, max(0, int(p*float64(len(s.seconds)))))]
}

// Choose returns the less busy of two of n replicas chosen at random (the power of two choices, Mitzenmacher 2001), which is how
// the bus balances. n must be at least 1.
func Choose(now float64, replicas []*Replica, bits uint64) *Replica {
	n := uint64(len(replicas))
	if n == 1 {
		return replicas[0]
	}
	i := (bits & (1<<32 - 1)) * n >> 32
	j := (bits >> 32) * (n - 1) >> 32
	if j >= i {
		j++
	}
	if replicas[j].InFlight(now) < replicas[i].InFlight(now) {
		return replicas[j]
	}
	return replicas[i]
}

// Arrivals calls take for each request of a Poisson process of so many a second from begin to end, in order. rate must be finite.
func Arrivals(r *rand.Rand, begin, end, rate float64, take func(at float64)) {
	if rate <= 0 {
		return
	}
	for at := begin + r.ExpFloat64()/rate; at < end; at += r.ExpFloat64() / rate {
		take(at)
	}
}
