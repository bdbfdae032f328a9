// Package demand turns what instances say of themselves into what pools of replicas are asked for. Absence is never zero: an
// instance that fell silent is unknown, not idle.
package demand

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/haggle-commerce/haggle/libs/wire"
)

// How old what is known may be. Vitals come once a second.
const (
	// Stale is when an instance counts as silent: three vitals were lost.
	Stale = 3500 * time.Millisecond
	// Forget is when one of several replicas that is silent counts as gone, because the others are heard.
	Forget = time.Minute
	// ForgetPool is when a pool of which nothing is heard counts as gone.
	ForgetPool = time.Hour
	// window and burst are what rates are taken over: the greater counts, so that a rise is seen at once and a fall is not.
	window = time.Minute
	burst  = 10 * time.Second
	// young is the shortest time over which a rate is believed.
	young = 3 * time.Second
)

// Limits beyond which vitals are not believed: no machine does as much.
const (
	absurdRate  = 10_000_000
	absurdCores = 4096
)

// Observer remembers the last minute of every instance. It is used by one goroutine.
type Observer struct {
	processes map[string]*process
	refused   int
}

// process is an operating-system process and the services in it.
type process struct {
	services map[string]*history
	heard    time.Time
}

// history is the vitals of one service of a process, oldest first.
type history struct {
	samples []wire.Vitals
}

// Add notes vitals that were heard at now. It reports whether they are believed.
func (o *Observer) Add(v wire.Vitals, now time.Time) bool {
	if v.Service == "" || v.Instance == "" || v.Cores < 0 || v.Cores > absurdCores || v.Cores != v.Cores {
		o.refused++
		return false
	}
	if o.processes == nil {
		o.processes = map[string]*process{}
	}
	name := cmp.Or(v.Process, v.Service+"/"+v.Instance)
	p := o.processes[name]
	if p == nil {
		p = &process{services: map[string]*history{}}
		o.processes[name] = p
	}
	h := p.services[v.Service]
	if h == nil {
		h = &history{}
		p.services[v.Service] = h
	}
	if !h.add(v) {
		o.refused++
		return false
	}
	p.heard = now
	return true
}

// Refused returns how many vitals were not believed.
func (o *Observer) Refused() int { return o.refused }

// add appends v, and begins anew when the instance did or its clock was set back.
func (h *history) add(v wire.Vitals) bool {
	if n := len(h.samples); n > 0 {
		last := &h.samples[n-1]
		switch gone := v.Time.Sub(last.Time); {
		case v.Instance == last.Instance && v.Time.Equal(last.Time):
			return true // heard twice
		case v.Instance != last.Instance, gone < 0, v.Arrivals < last.Arrivals, v.ProcessNanos < last.ProcessNanos, v.OtherNanos < last.OtherNanos:
			h.samples = h.samples[:0]
		case float64(v.Arrivals-last.Arrivals) > absurdRate*gone.Seconds(), float64(v.ProcessNanos-last.ProcessNanos) > absurdCores*float64(gone):
			return false
		}
	}
	h.samples = append(h.samples, v)
	keep := 0
	for keep < len(h.samples)-2 && v.Time.Sub(h.samples[keep+1].Time) >= window {
		keep++
	}
	h.samples = slices.Delete(h.samples, 0, keep)
	return true
}

// over returns the first sample of the last d and the last one.
func (h *history) over(d time.Duration) (first, last *wire.Vitals) {
	last = &h.samples[len(h.samples)-1]
	for i := range h.samples {
		if last.Time.Sub(h.samples[i].Time) <= d {
			return &h.samples[i], last
		}
	}
	return last, last
}

// Pool is the replicas of one kind: processes that run the same services.
type Pool struct {
	// Name is the service, or "haggle" for all in one; Services are all that run in each replica, sorted.
	Name     string
	Services []string
	// Replicas counts all that are believed to exist: Fresh are heard and measured, Young are heard for too short a time,
	// Silent were not heard of lately.
	Replicas, Fresh, Young, Silent int
	// Silence is how long the longest silent one has been so.
	Silence time.Duration
	// Cores and MemoryBytes are what each replica asks for, 0 when they do not say.
	Cores       float64
	MemoryBytes uint64
	// Asked says that the pool answers requests, rather than works off a stream or a schedule.
	Asked bool
	// Arrivals and Shed are requests per second of the whole pool, the silent replicas being taken as average ones.
	Arrivals, Shed float64
	// CPUSeconds is the CPU time per request; 0 when nothing was asked. Background is the CPU per replica, in cores, of work that
	// is no request, and Used that of all work.
	CPUSeconds, Background, Used float64
	// P99 is the 99th percentile of the time in handlers over the last minute: an upper bound from a histogram; 0 when unknown.
	P99 time.Duration
	// Spread is the squared coefficient of variation of the time in handlers, 1 when unknown.
	Spread float64
}

// Alone reports whether a replica of the pool runs several services, with servers of its own inside: it cannot be multiplied.
func (p *Pool) Alone() bool { return len(p.Services) > 1 }

// Pools returns what is known at now, by name, and forgets what has been silent for long.
func (o *Observer) Pools(now time.Time) []Pool {
	groups := map[string][]*process{}
	for _, name := range slices.Sorted(maps.Keys(o.processes)) {
		p := o.processes[name]
		if now.Sub(p.heard) > ForgetPool {
			delete(o.processes, name)
			continue
		}
		key := strings.Join(slices.Sorted(maps.Keys(p.services)), "+")
		groups[key] = append(groups[key], p)
	}
	var pools []Pool
	for _, key := range slices.Sorted(maps.Keys(groups)) {
		pools = append(pools, pool(strings.Split(key, "+"), o.bury(groups[key], now), now))
	}
	slices.SortFunc(pools, func(a, b Pool) int { return cmp.Compare(a.Name, b.Name) })
	return pools
}

// bury forgets for good, and leaves out, the processes of a pool that are silent for long while others of it are heard.
func (o *Observer) bury(group []*process, now time.Time) []*process {
	if !slices.ContainsFunc(group, func(p *process) bool { return now.Sub(p.heard) <= Stale }) {
		return group
	}
	gone := func(p *process) bool { return now.Sub(p.heard) > Forget }
	maps.DeleteFunc(o.processes, func(_ string, p *process) bool { return gone(p) && slices.Contains(group, p) })
	return slices.DeleteFunc(group, gone)
}

// entrance is the service whose requests are those of shoppers.
const entrance = "gateway"

// pool sums up processes that run the same services.
func pool(services []string, processes []*process, now time.Time) Pool {
	p := Pool{Name: services[0], Services: services, Spread: 1}
	if len(services) > 1 {
		p.Name = "haggle"
		if !slices.Contains(services, entrance) {
			p.Name = strings.Join(services, "+")
		}
	}
	var sum measure
	for _, m := range processes {
		p.Replicas++
		p.describe(m)
		if silence := now.Sub(m.heard); silence > Stale {
			p.Silent++
			p.Silence = max(p.Silence, silence)
			continue
		}
		if u, ok := m.measure(services); ok {
			p.Fresh++
			sum.add(&u)
		} else {
			p.Young++
		}
	}
	p.conclude(&sum)
	return p
}

// describe takes over what a replica says of its size, the largest when they differ.
func (p *Pool) describe(m *process) {
	for _, h := range m.services {
		last := &h.samples[len(h.samples)-1]
		p.Cores, p.MemoryBytes = max(p.Cores, last.Cores), max(p.MemoryBytes, last.MemoryBytes)
	}
}

// conclude turns the sums of the fresh replicas into figures of the pool.
func (p *Pool) conclude(sum *measure) {
	if p.Fresh == 0 {
		return
	}
	fresh := float64(p.Fresh)
	all := float64(p.Replicas) / fresh
	p.Arrivals, p.Shed = sum.arrivals*all, sum.shed*all
	p.Background, p.Used = sum.other/fresh, sum.cores/fresh
	p.Asked = sum.asked
	if sum.steady > 0 {
		p.CPUSeconds = max(0, sum.cores-sum.other) / sum.steady
	}
	p.P99, p.Spread = summarise(sum.latency)
}

// measure is the rates of one replica, or their sum.
type measure struct {
	// arrivals is the greater of the last ten seconds' and the last minute's, steady the last minute's.
	arrivals, steady, shed float64
	// cores is the CPU in use, and other the part of it that is for no request.
	cores, other float64
	asked        bool
	latency      []uint64
}

func (u *measure) add(o *measure) {
	u.arrivals += o.arrivals
	u.steady += o.steady
	u.shed += o.shed
	u.cores += o.cores
	u.other += o.other
	u.asked = u.asked || o.asked
	u.latency = addCounts(u.latency, o.latency)
}

// measure returns the rates of a process; ok is false while it was heard for too short a time. Where the entrance is among the
// services its requests are those that count: the others answer requests that these cause.
func (m *process) measure(services []string) (u measure, ok bool) {
	withEntrance := slices.Contains(services, entrance)
	for name, h := range m.services {
		first, last := h.over(window)
		seconds := last.Time.Sub(first.Time).Seconds()
		if seconds < young.Seconds() {
			continue
		}
		ok = true
		// The process's CPU is in the vitals of each of its services: any of them tells it.
		u.cores = max(u.cores, float64(last.ProcessNanos-first.ProcessNanos)/1e9/seconds)
		u.other += float64(last.OtherNanos-first.OtherNanos) / 1e9 / seconds
		if withEntrance && name != entrance {
			continue
		}
		steady := float64(last.Arrivals-first.Arrivals) / seconds
		u.steady += steady
		u.shed += float64(saturating(last.Shed, first.Shed)) / seconds
		u.asked = u.asked || last.Arrivals > 0
		u.latency = addCounts(u.latency, difference(last.Latency, first.Latency))
		recent := steady
		if begin, end := h.over(burst); end.Time.Sub(begin.Time) >= young {
			recent = float64(end.Arrivals-begin.Arrivals) / end.Time.Sub(begin.Time).Seconds()
		}
		u.arrivals += max(steady, recent)
	}
	u.other = min(u.other, u.cores)
	return u, ok
}

// saturating is a - b, or 0 when that is negative.
func saturating(a, b uint64) uint64 { return max(a, b) - b }

func addCounts(sum, counts []uint64) []uint64 {
	if len(sum) < len(counts) {
		sum = append(sum, make([]uint64, len(counts)-len(sum))...)
	}
	for i, n := range counts {
		sum[i] += n
	}
	return sum
}

func difference(last, first []uint64) []uint64 {
	d := slices.Clone(last)
	for i := range min(len(d), len(first)) {
		d[i] = saturating(d[i], first[i])
	}
	return d
}

// summarise returns the 99th percentile, as the upper bound of its bucket, and the squared coefficient of variation, from the
// middles of the buckets, of a histogram with the bounds of [wire.LatencyBounds].
func summarise(counts []uint64) (p99 time.Duration, spread float64) {
	total, sum, squares := 0.0, 0.0, 0.0
	low := 0.0
	for i, n := range counts[:min(len(counts), len(wire.LatencyBounds)+1)] {
		high := 2 * low // beyond the last bound: as if the bucket were as wide as all before
		if i < len(wire.LatencyBounds) {
			high = wire.LatencyBounds[i]
		}
		middle := (low + high) / 2
		total, sum, squares = total+float64(n), sum+float64(n)*middle, squares+float64(n)*middle*middle
		low = high
	}
	if total == 0 {
		return 0, 1
	}
	seen := 0.0
	for i, n := range counts {
		if seen += float64(n); seen >= 0.99*total {
			p99 = time.Duration(wire.LatencyBounds[min(i, len(wire.LatencyBounds)-1)] * float64(time.Second))
			break
		}
	}
	mean := sum / total
	return p99, max(0, squares/total/(mean*mean)-1)
}
