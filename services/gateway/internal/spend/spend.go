// Package spend adds up what queries cost over sliding windows and reconciles it with what the processes used.
package spend

import (
	"sync"
	"time"

	"github.com/haggle-commerce/haggle/libs/cost"
)

// Resolutions and reach of the two rings of buckets: ten seconds for an hour, five minutes for a day.
const (
	fineStep    = 10 * time.Second
	fineCount   = 361
	coarseStep  = 5 * time.Minute
	coarseCount = 289
	// MaxWindow is the longest window that can be reported.
	MaxWindow = 24 * time.Hour
	// maxGroups bounds what a caller can make the book grow to by inventing placements.
	maxGroups = 64
	maxStages = 32
	// Other stands for all placements beyond the bound.
	Other = "other"
)

// Key is what queries are grouped by.
type Key struct {
	Purpose   string
	Placement string
	Variant   string
}

// Book adds up. Its methods may be called at once; now must not run backwards by more than a bucket.
type Book struct {
	prices cost.PriceBook
	self   string
	began  time.Time

	mu        sync.Mutex
	fine      []bucket
	coarse    []bucket
	total     sums
	processes map[string]*process
	replicas  map[string]*replica
	usage     usage
	written   mean
	load      float64
	loadAt    time.Time
}

// bucket holds what happened in one step of time.
type bucket struct {
	begin  time.Time
	groups map[Key]*sums
	usage  usage
}

// usage is what the replicas cost and used.
type usage struct {
	price                    cost.NanoUSD
	process, claimed, others time.Duration
}

func (u *usage) add(o usage) {
	u.price += o.price
	u.process += o.process
	u.claimed += o.claimed
	u.others += o.others
}

// sums are of the queries of one group.
type sums struct {
	queries  uint64
	degraded uint64
	cpu      time.Duration
	stages   []stage
}

type stage struct {
	name, variant string
	cpu           time.Duration
	queries       uint64
}

// mean is a moving average over about the last hundred values.
type mean struct {
	value float64
	n     int
}

func (m *mean) add(v float64) {
	m.n = min(m.n+1, 100)
	m.value += (v - m.value) / float64(m.n)
}

// New returns an empty book. Self names this process, as in the vitals that its services send, and cpu is what it used
// until now.
func New(prices cost.PriceBook, self string, now time.Time, cpu time.Duration) *Book {
	b := &Book{prices: prices, self: self, began: now, processes: map[string]*process{}, replicas: map[string]*replica{}}
	b.processes[self] = &process{cpu: uint64(cpu), seen: now, cores: 1}
	return b
}

// Query notes a query that was answered at now with a receipt, and how its last stage, the writing, took write.
func (b *Book) Query(now time.Time, k Key, stages []cost.Stage, write time.Duration, degraded bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if write > 0 {
		b.written.add(float64(write))
	}
	g := b.bucket(now).group(k)
	for _, s := range [...]*sums{g, &b.total} {
		s.queries++
		if degraded {
			s.degraded++
		}
		for i := range stages {
			s.stage(stages[i].Name, stages[i].Variant, stages[i].CPU, 1)
			s.cpu += stages[i].CPU
		}
	}
}

// MeanWrite returns what writing an answer took on average lately.
func (b *Book) MeanWrite() time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	return time.Duration(b.written.value)
}

// bucket returns the bucket of now, and closes the one before when its time is over.
func (b *Book) bucket(now time.Time) *bucket {
	if n := len(b.fine); n > 0 && now.Sub(b.fine[n-1].begin) < fineStep {
		return &b.fine[n-1]
	}
	if n := len(b.fine); n > 0 {
		closed := &b.fine[n-1]
		if m := len(b.coarse); m == 0 || closed.begin.Sub(b.coarse[m-1].begin) >= coarseStep {
			b.coarse = append(keep(b.coarse, coarseCount), bucket{begin: closed.begin.Truncate(coarseStep), groups: map[Key]*sums{}})
		}
		b.coarse[len(b.coarse)-1].merge(closed)
	}
	b.fine = append(keep(b.fine, fineCount), bucket{begin: now.Truncate(fineStep), groups: map[Key]*sums{}})
	return &b.fine[len(b.fine)-1]
}

// keep drops the oldest bucket when there are most.
func keep(buckets []bucket, most int) []bucket {
	if len(buckets) < most {
		return buckets
	}
	copy(buckets, buckets[1:])
	return buckets[:most-1]
}

func (b *bucket) group(k Key) *sums {
	g := b.groups[k]
	if g == nil {
		if len(b.groups) >= maxGroups {
			k.Placement = Other
			if g = b.groups[k]; g != nil {
				return g
			}
			if len(b.groups) >= 2*maxGroups {
				k = Key{Purpose: Other, Placement: Other}
				if g = b.groups[k]; g != nil {
					return g
				}
			}
		}
		g = &sums{}
		b.groups[k] = g
	}
	return g
}

func (b *bucket) merge(o *bucket) {
	for k, g := range o.groups {
		b.group(k).merge(g)
	}
	b.usage.add(o.usage)
}

func (s *sums) merge(o *sums) {
	s.queries += o.queries
	s.degraded += o.degraded
	s.cpu += o.cpu
	for i := range o.stages {
		s.stage(o.stages[i].name, o.stages[i].variant, o.stages[i].cpu, o.stages[i].queries)
	}
}

func (s *sums) stage(name, variant string, cpu time.Duration, queries uint64) {
	for i := range s.stages {
		if st := &s.stages[i]; st.name == name && st.variant == variant {
			st.cpu += cpu
			st.queries += queries
			return
		}
	}
	if len(s.stages) >= maxStages {
		name, variant = Other, ""
		if last := &s.stages[maxStages-1]; last.name == Other {
			last.cpu += cpu
			last.queries += queries
			return
		}
		s.stages[maxStages-1].name, s.stages[maxStages-1].variant = name, variant
		s.stages[maxStages-1].cpu += cpu
		return
	}
	s.stages = append(s.stages, stage{name, variant, cpu, queries})
}
