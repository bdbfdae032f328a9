package spend

import (
	"time"

	"github.com/haggle-commerce/haggle/libs/cost"
	"github.com/haggle-commerce/haggle/libs/wire"
)

const (
	// silence is after how long without vitals a replica is taken to be gone.
	silence = 10 * time.Second
	// memory of processes is bounded: instances that are long gone are forgotten.
	forgotten = time.Hour
)

// process is an operating-system process, which may house several services.
type process struct {
	cpu      uint64
	cores    float64
	memory   uint64
	services []string
	seen     time.Time
}

// replica is one instance of a service.
type replica struct {
	claimed, others uint64
	seen            time.Time
}

// Vital notes what an instance says of itself. A replica that does not say what it asks of its node is priced by what it
// holds: one core and its resident memory.
func (b *Book) Vital(v *wire.Vitals, now time.Time) {
	name := v.Process
	if name == "" {
		name = v.Service + "." + v.Instance
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	u := &b.bucket(now).usage
	var delta usage
	p := b.processes[name]
	if p == nil {
		// It ran before we looked: what it used until now belongs to no window of ours.
		p = &process{seen: now, cpu: v.ProcessNanos}
		b.processes[name] = p
	}
	p.note(v)
	if v.ProcessNanos > p.cpu {
		delta.process = time.Duration(v.ProcessNanos - p.cpu)
		p.cpu = v.ProcessNanos
	}
	if since := now.Sub(p.seen); since > 0 {
		delta.price = b.price(p, min(since, silence))
		p.seen = now
	}
	key := v.Service + "." + v.Instance
	r := b.replicas[key]
	if r == nil {
		r = &replica{}
		b.replicas[key] = r
		if name != b.self {
			r.claimed, r.others = v.ClaimedNanos, v.OtherNanos
		}
	}
	r.seen = now
	if v.ClaimedNanos > r.claimed {
		delta.claimed = time.Duration(v.ClaimedNanos - r.claimed)
		r.claimed = v.ClaimedNanos
	}
	if v.OtherNanos > r.others {
		delta.others = time.Duration(v.OtherNanos - r.others)
		r.others = v.OtherNanos
	}
	u.add(delta)
	b.usage.add(delta)
	b.forget(now)
}

func (p *process) note(v *wire.Vitals) {
	p.cores, p.memory = v.Cores, v.MemoryBytes
	if p.cores == 0 {
		p.cores = 1
	}
	if p.memory == 0 {
		p.memory = v.RSSBytes
	}
	for _, s := range p.services {
		if s == v.Service {
			return
		}
	}
	p.services = append(p.services, v.Service)
}

func (b *Book) price(p *process, d time.Duration) cost.NanoUSD {
	return b.prices.Replica(p.cores, p.memory, d)
}

// Self notes the CPU time of this process, read just now.
func (b *Book) Self(cpu time.Duration, now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.advance(cpu, now)
}

func (b *Book) advance(cpu time.Duration, now time.Time) {
	p := b.processes[b.self]
	if p == nil || uint64(cpu) <= p.cpu {
		return
	}
	delta := usage{process: cpu - time.Duration(p.cpu)}
	p.cpu = uint64(cpu)
	b.bucket(now).usage.add(delta)
	b.usage.add(delta)
}

func (b *Book) forget(now time.Time) {
	for name, p := range b.processes {
		if now.Sub(p.seen) > forgotten {
			delete(b.processes, name)
		}
	}
	for name, r := range b.replicas {
		if now.Sub(r.seen) > forgotten {
			delete(b.replicas, name)
		}
	}
}

// Loading returns by what the marginal cost of a query is multiplied to get its fully loaded cost: the price of all
// replicas over the last minutes by the price of the CPU time that queries took in them. It is looked up once a second.
func (b *Book) Loading(now time.Time) float64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	if now.Sub(b.loadAt) < time.Second && b.load > 0 {
		return b.load
	}
	b.loadAt = now
	var u usage
	for i := range b.fine {
		if now.Sub(b.fine[i].begin) <= loadingWindow {
			u.add(b.fine[i].usage)
		}
	}
	b.load = loading(b.prices, u)
	return b.load
}

// loadingWindow is over how long idle time is shared out among queries.
const loadingWindow = 5 * time.Minute

// loading returns at least 1: what nobody has priced yet costs what it costs.
func loading(prices cost.PriceBook, u usage) float64 {
	if claimed := prices.CPU(u.claimed); claimed > 0 {
		return max(1, float64(u.price/claimed))
	}
	return 1
}
