// Package decide turns demand and prices into a plan: how many replicas of each pool hold the objective at the least cost, and why.
package decide

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/haggle-commerce/haggle/libs/cost"
	"github.com/haggle-commerce/haggle/services/autoscaler/internal/capacity"
	"github.com/haggle-commerce/haggle/services/autoscaler/internal/demand"
)

// Rules are what a plan must hold to.
type Rules struct {
	// P99 is the objective for a whole query.
	P99 time.Duration
	// Spare is the share by which demand may grow before the next plan.
	Spare float64
	// Least and Most bound the replicas of a pool.
	Least, Most int
	// Hold is how long fewer replicas must have been enough before they are advised.
	Hold time.Duration
}

const (
	// waitShare is the part of the objective that requests of one pool may spend waiting for a core. A query passes three pools,
	// so that seven tenths are left for the work, the network and what the formula does not know.
	waitShare = 0.1
	// wanted is the share of the requests that the objective is about.
	wanted = 0.99
	// busiest is the share of its cores that a pool may be kept busy at. Simulated pools of eight replicas and more met their
	// objective up to 0.92, smaller ones less; the rest is for balancing that is less even than one queue.
	busiest = 0.85
	// gentle is the share of the replicas that one plan leaves when it goes down.
	gentle = 0.7
	// leastCores and mostCores bound the size of a process that runs several services.
	leastCores, mostCores = 1, 128
)

// Action is what the plan does with a pool.
type Action string

// The actions.
const (
	Up   Action = "up"
	Down Action = "down"
	Hold Action = "hold"
)

// Plan is advice for all pools.
type Plan struct {
	Time time.Time `json:"time"`
	// Writer is the instance that made the plan.
	Writer    string  `json:"writer,omitempty"`
	Objective float64 `json:"objective_p99_ms"`
	// QueriesPerSecond is what shoppers ask; 0 when unknown.
	QueriesPerSecond float64  `json:"queries_per_second"`
	Pools            []Advice `json:"pools"`
	// HourNow and Hour are what all replicas cost in dollars per hour, now and by the plan; PerThousandNow and PerThousand the
	// same for 1,000 queries, nil when nobody asks.
	HourNow        float64        `json:"usd_per_hour_now"`
	Hour           float64        `json:"usd_per_hour"`
	PerThousandNow *float64       `json:"usd_per_1k_now,omitempty"`
	PerThousand    *float64       `json:"usd_per_1k,omitempty"`
	Prices         cost.PriceBook `json:"prices"`
}

// Advice is the plan of one pool.
type Advice struct {
	Pool   string `json:"pool"`
	Action Action `json:"action"`
	// ReplicasNow and CoresNow (of each replica) are what there is, Replicas and Cores what is advised.
	ReplicasNow int     `json:"replicas_now"`
	Replicas    int     `json:"replicas"`
	CoresNow    float64 `json:"cores_now"`
	Cores       float64 `json:"cores"`
	MemoryBytes uint64  `json:"memory_bytes"`
	// Fresh is how many of the replicas were heard and measured.
	Fresh int `json:"replicas_heard"`
	// Arrivals is requests per second; CPUMicros is what each takes; Utilisation is the share of the cores in use.
	Arrivals    float64 `json:"arrivals_per_second"`
	CPUMicros   float64 `json:"cpu_us_per_request"`
	Utilisation float64 `json:"utilisation"`
	// WaitNow and Wait are the 99th percentiles of waiting for a core that the formula expects now and by the plan, in
	// milliseconds; nil when it expects no end, or nothing is known.
	WaitNow *float64 `json:"wait_p99_ms_now,omitempty"`
	Wait    *float64 `json:"wait_p99_ms,omitempty"`
	HourNow float64  `json:"usd_per_hour_now"`
	Hour    float64  `json:"usd_per_hour"`
	Reasons []string `json:"reasons"`
}

func (a *Advice) because(format string, args ...any) {
	a.Reasons = append(a.Reasons, fmt.Sprintf(format, args...))
}

// Decider makes plans. It remembers since when less would have been enough; the zero value remembers nothing. It is used by one
// goroutine.
type Decider struct {
	enough map[string]stretch
}

// stretch is a time during which a pool could have been smaller, and the largest size that it would have needed.
type stretch struct {
	since time.Time
	most  float64
}

// Plan returns the plan for pools at now.
func (d *Decider) Plan(now time.Time, r Rules, pools []demand.Pool, prices cost.PriceBook) Plan {
	p := Plan{Time: now.UTC(), Objective: float64(r.P99) / float64(time.Millisecond), Pools: []Advice{}, Prices: prices}
	for i := range pools {
		a := d.advise(now, r, &pools[i])
		a.HourNow = price(prices, a.ReplicasNow, a.CoresNow, a.MemoryBytes)
		a.Hour = price(prices, a.Replicas, a.Cores, a.MemoryBytes)
		p.HourNow += a.HourNow
		p.Hour += a.Hour
		if slices.Contains(pools[i].Services, "gateway") {
			p.QueriesPerSecond += pools[i].Arrivals
		}
		p.Pools = append(p.Pools, a)
	}
	if perHour := p.QueriesPerSecond * 3600; perHour > 0 {
		before, after := p.HourNow/perHour*1000, p.Hour/perHour*1000
		p.PerThousandNow, p.PerThousand = &before, &after
	}
	return p
}

// price returns dollars per hour.
func price(prices cost.PriceBook, replicas int, cores float64, memory uint64) float64 {
	return float64(replicas) * float64(prices.Replica(cores, memory, time.Hour)) / 1e9
}

// advise decides about one pool.
func (d *Decider) advise(now time.Time, r Rules, p *demand.Pool) Advice {
	a := Advice{
		Pool: p.Name, Action: Hold, ReplicasNow: p.Replicas, Replicas: p.Replicas, CoresNow: p.Cores, MemoryBytes: p.MemoryBytes,
		Fresh: p.Fresh, Arrivals: p.Arrivals, CPUMicros: p.CPUSeconds * 1e6, Reasons: []string{},
	}
	if a.CoresNow <= 0 {
		a.CoresNow = 1
		a.because("the replicas do not say how many cores they ask for: taken as 1 each")
	}
	a.Cores, a.Utilisation = a.CoresNow, p.Used/a.CoresNow
	switch {
	case p.Fresh == 0 && p.Silent > 0:
		a.because("nothing was heard for %s: held, because silence is not idleness", p.Silence.Round(time.Second))
		return a
	case p.Fresh == 0:
		a.because("heard for too short a time to be measured: held")
		return a
	case !p.Asked:
		a.because("answers no requests, so its size is set by hand; it uses %.2f of %g cores", p.Used, a.CoresNow)
		return a
	}
	need := capacity.Need{
		Load: capacity.Load{Arrivals: p.Arrivals * (1 + r.Spare), Service: p.CPUSeconds, Spread: p.Spread},
		Wait: r.P99.Seconds() * waitShare, P: wanted, Busy: busiest,
	}
	a.because("%.1f requests/s of %.0f us keep %.2f cores busy, %.2f with %.0f %% spare", p.Arrivals, a.CPUMicros, p.Arrivals*p.CPUSeconds, need.Erlangs(), 100*r.Spare)
	if p.Alone() {
		d.resize(now, r, p, need, &a)
	} else {
		d.multiply(now, r, p, need, &a)
	}
	a.warn(r, p)
	a.WaitNow = a.expect(p, a.ReplicasNow, a.CoresNow)
	a.Wait = a.expect(p, a.Replicas, a.Cores)
	return a
}

// multiply decides how many replicas a pool has.
func (d *Decider) multiply(now time.Time, r Rules, p *demand.Pool, need capacity.Need, a *Advice) {
	n, met := capacity.Replicas(need, capacity.Replica{Cores: a.CoresNow, Background: p.Background}, r.Least, r.Most)
	if !met {
		a.because("%d replicas, the most that are allowed, do not hold a wait of %.3g ms", n, 1e3*need.Wait)
	}
	switch {
	case n > p.Replicas:
		delete(d.enough, p.Name)
		a.Action, a.Replicas = Up, n
		a.because("%d replicas of %g cores keep the p99 wait under %.3g ms, %d do not", n, a.CoresNow, 1e3*need.Wait, p.Replicas)
	case n < p.Replicas:
		most, ready := d.lower(now, r, p, float64(n), a)
		if !ready {
			return
		}
		a.Action, a.Replicas = Down, max(int(most), int(math.Ceil(gentle*float64(p.Replicas))))
		if a.Replicas == p.Replicas {
			a.Replicas-- // of one to three replicas a third is less than one
		}
		a.because("%d replicas were enough for %s", int(most), r.Hold)
	default:
		delete(d.enough, p.Name)
		a.because("%d is the fewest that keep the p99 wait under %.3g ms", n, 1e3*need.Wait)
	}
}

// resize decides how many cores a process has that runs several services, with servers of its own inside.
func (d *Decider) resize(now time.Time, r Rules, p *demand.Pool, need capacity.Need, a *Advice) {
	a.because("runs %d services in one process, so it is given cores rather than replicas", len(p.Services))
	cores, met := capacity.Cores(need, p.Background, leastCores, mostCores)
	if !met {
		a.because("%g cores, the largest size, do not hold a wait of %.3g ms", cores, 1e3*need.Wait)
	}
	switch {
	case cores > a.CoresNow:
		delete(d.enough, p.Name)
		a.Action, a.Cores = Up, cores
		a.because("%g cores keep the p99 wait under %.3g ms beside %.2f cores of other work, %g do not", cores, 1e3*need.Wait, p.Background, a.CoresNow)
	case cores < a.CoresNow:
		if most, ready := d.lower(now, r, p, cores, a); ready {
			a.Action, a.Cores = Down, most
			a.because("%g cores were enough for %s", most, r.Hold)
		}
	default:
		delete(d.enough, p.Name)
		a.because("%g cores are the fewest that keep the p99 wait under %.3g ms", cores, 1e3*need.Wait)
	}
}

// lower notes that size would be enough now, and returns the largest size of the stretch during which less was. ready is false
// until that has lasted, and while any replica is unknown: a cut that is regretted costs a cold start.
func (d *Decider) lower(now time.Time, r Rules, p *demand.Pool, size float64, a *Advice) (most float64, ready bool) {
	if p.Silent > 0 || p.Young > 0 {
		delete(d.enough, p.Name)
		a.because("%g would be enough, but of %d replicas %d are silent and %d too young: held", size, p.Replicas, p.Silent, p.Young)
		return 0, false
	}
	if d.enough == nil {
		d.enough = map[string]stretch{}
	}
	s, known := d.enough[p.Name]
	if !known {
		s.since = now
	}
	s.most = max(s.most, size)
	d.enough[p.Name] = s
	if lasted := now.Sub(s.since); lasted < r.Hold {
		a.because("%g would be enough, for %s so far: held until it is %s", s.most, lasted.Round(time.Second), r.Hold)
		return 0, false
	}
	return s.most, true
}

// warn adds what a reader should know beside the size.
func (a *Advice) warn(r Rules, p *demand.Pool) {
	if p.Silent > 0 {
		a.because("%d of %d replicas are silent for up to %s and taken as average ones", p.Silent, p.Replicas, p.Silence.Round(time.Second))
	}
	if p.Shed > 0 {
		a.because("%.1f requests/s are refused", p.Shed)
	}
	if p.P99 > r.P99 && a.Utilisation < 0.5 {
		a.because("handlers take up to %s at p99 with %.0f %% of the cores in use: more replicas will not make the work itself shorter", p.P99, 100*a.Utilisation)
	}
}

// expect returns the p99 wait of a size in milliseconds.
func (a *Advice) expect(p *demand.Pool, replicas int, cores float64) *float64 {
	servers, speed := capacity.Replica{Cores: cores, Background: p.Background}.Servers()
	wait := 1e3 * capacity.Wait(capacity.Load{Arrivals: p.Arrivals, Service: p.CPUSeconds, Spread: p.Spread}, replicas*servers, speed, wanted)
	if math.IsInf(wait, 0) || math.IsNaN(wait) {
		return nil
	}
	return &wait
}
