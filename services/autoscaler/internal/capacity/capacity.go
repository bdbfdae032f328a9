// Package capacity says how many servers a stream of requests needs so that few of them wait long: Erlang's delay formula.
package capacity

import "math"

// Load is a stream of requests and what one of them takes.
type Load struct {
	// Arrivals is in requests per second, and Service the mean CPU time of one in seconds, at least 0 each.
	Arrivals, Service float64
	// Spread is the squared coefficient of variation of the CPU time: 0 when all take the same, 1 when it is exponential.
	Spread float64
}

// Erlangs returns how many cores the load keeps busy on average.
func (l Load) Erlangs() float64 { return l.Arrivals * l.Service }

// ErlangC returns the chance that a request must wait when a pool of servers has an offered load of so many erlangs (Erlang
// 1917; computed by the recursion of Erlang B, which is stable for any number of servers). It is 1 at and above saturation.
func ErlangC(servers int, erlangs float64) float64 {
	switch {
	case erlangs <= 0:
		return 0
	case servers <= 0 || erlangs >= float64(servers):
		return 1
	}
	blocked := 1.0
	for n := 1; n <= servers; n++ {
		blocked = erlangs * blocked / (float64(n) + erlangs*blocked)
	}
	return blocked / (1 - erlangs/float64(servers)*(1-blocked))
}

// Wait returns the time, in seconds, that a share p of the requests does not have to wait longer than, in a pool of servers that
// each run at speed (1 = one core). The tail is exponential, P(W > t) = C * exp(-t / tau), with the mean conditional wait tau
// of Allen and Cunneen: (1 + spread) / 2 / (servers * rate - arrivals) for Poisson arrivals. It is +Inf at and above saturation.
func Wait(l Load, servers int, speed, p float64) float64 {
	if l.Erlangs() <= 0 {
		return 0
	}
	if servers <= 0 || speed <= 0 {
		return math.Inf(1)
	}
	service := l.Service / speed
	free := float64(servers)/service - l.Arrivals
	if free <= 0 {
		return math.Inf(1)
	}
	waits := ErlangC(servers, l.Arrivals*service)
	if waits <= 1-p {
		return 0
	}
	return (1 + l.Spread) / 2 / free * math.Log(waits/(1-p))
}

// Replica is what one replica brings.
type Replica struct {
	// Cores is what it may use; Background is what it uses of them for work that is no request.
	Cores, Background float64
}

// Servers returns how many requests a replica can compute at once, and at what speed each: whole cores, or one server that is
// slower than a core. Both are 0 when the background leaves nothing.
func (r Replica) Servers() (servers int, speed float64) {
	if r.Cores-r.Background <= 0 || r.Cores <= 0 {
		return 0, 0
	}
	servers = max(1, int(r.Cores))
	return servers, (r.Cores - r.Background) / float64(servers)
}

// Need is what a pool must hold.
type Need struct {
	Load
	// Wait is the longest time in seconds that a share P of the requests may wait, and Busy the share of the cores that may be
	// kept busy at most, whatever the formula says: it knows neither bursts nor uneven balancing.
	Wait, P, Busy float64
}

// Met reports whether n replicas hold the need.
func (d Need) Met(n int, r Replica) bool {
	servers, speed := r.Servers()
	return d.met(n*servers, speed)
}

func (d Need) met(servers int, speed float64) bool {
	if d.Erlangs() <= 0 {
		return true
	}
	return d.Erlangs() <= d.Busy*float64(servers)*speed && Wait(d.Load, servers, speed, d.P) <= d.Wait
}

// Replicas returns the fewest replicas, from least to most, that hold the need. met is false when most of them do not.
func Replicas(d Need, r Replica, least, most int) (n int, met bool) {
	least = max(least, 1)
	if most = max(most, least); !d.Met(most, r) {
		return most, false
	}
	// More replicas never hold less, so the fewest can be found by halving.
	low, high := least, most
	for low < high {
		if middle := low + (high-low)/2; d.Met(middle, r) {
			high = middle
		} else {
			low = middle + 1
		}
	}
	return low, true
}

// sizes are the sizes in cores that one replica is offered in.
var sizes = [...]float64{0.25, 0.5, 1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128}

// Cores returns the smallest size in cores, from least to most, with which a single replica holds the need beside background
// work. met is false when the largest does not.
func Cores(d Need, background, least, most float64) (cores float64, met bool) {
	cores = least
	for _, size := range sizes {
		if size < least || size > most {
			continue
		}
		if cores = size; d.Met(1, Replica{Cores: size, Background: background}) && background <= d.Busy*size {
			return cores, true
		}
	}
	return cores, false
}
