package spend

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/haggle-commerce/haggle/libs/cost"
)

// Report is what queries cost over a window.
type Report struct {
	WindowSeconds  float64        `json:"window_seconds" doc:"How far back the figures reach: less than asked for when the gateway is younger."`
	Currency       string         `json:"currency"`
	Queries        uint64         `json:"queries"`
	Degraded       uint64         `json:"degraded"`
	Groups         []Group        `json:"groups"`
	Replicas       []Replica      `json:"replicas"`
	ReplicaUSD     float64        `json:"replica_usd" doc:"What all replicas cost over the window, idle or not."`
	Reconciliation Reconciliation `json:"reconciliation"`
	Totals         Totals         `json:"totals"`
}

// Group is what the queries of one group cost. A field that is not grouped by is left out.
type Group struct {
	Purpose             string  `json:"purpose,omitempty"`
	Placement           string  `json:"placement,omitempty"`
	Variant             string  `json:"variant,omitempty"`
	Queries             uint64  `json:"queries"`
	Degraded            uint64  `json:"degraded"`
	CPUMicrosPerQuery   float64 `json:"cpu_us_per_query"`
	MarginalNano        float64 `json:"marginal_nano_per_query"`
	FullyLoadedNano     float64 `json:"fully_loaded_nano_per_query"`
	MarginalUSDPer1k    float64 `json:"marginal_usd_per_1k"`
	FullyLoadedUSDPer1k float64 `json:"fully_loaded_usd_per_1k"`
	Stages              []Stage `json:"stages"`
}

// Stage is what one stage used of a group's queries.
type Stage struct {
	Name              string  `json:"name"`
	Variant           string  `json:"variant,omitempty"`
	Queries           uint64  `json:"queries" doc:"How many queries had this stage."`
	CPUMicrosPerQuery float64 `json:"cpu_us_per_query" doc:"Over all queries of the group."`
	Share             float64 `json:"share" doc:"Of the group's CPU time."`
}

// Replica is one process of the fleet.
type Replica struct {
	Process     string   `json:"process"`
	Services    []string `json:"services"`
	Cores       float64  `json:"cores"`
	MemoryBytes uint64   `json:"memory_bytes"`
	USDPerHour  float64  `json:"usd_per_hour"`
}

// Reconciliation sets what receipts claim against what the processes used over the window.
type Reconciliation struct {
	ProcessSeconds   float64 `json:"process_cpu_seconds" doc:"CPU time of all processes."`
	ClaimedSeconds   float64 `json:"claimed_cpu_seconds" doc:"What receipts of queries account for."`
	OtherSeconds     float64 `json:"other_cpu_seconds" doc:"Work for no query: events, training, vitals."`
	UnclaimedSeconds float64 `json:"unclaimed_cpu_seconds" doc:"The rest: network, garbage collection, runtime."`
	CoverageRatio    float64 `json:"coverage_ratio" doc:"Claimed by process."`
	AccountedRatio   float64 `json:"accounted_ratio" doc:"Claimed and other by process."`
}

// Totals count from the start of the gateway, so that two readings give what happened between.
type Totals struct {
	Queries        uint64             `json:"queries_total"`
	Degraded       uint64             `json:"degraded_total"`
	ProcessSeconds float64            `json:"process_cpu_seconds_total"`
	ClaimedSeconds float64            `json:"claimed_cpu_seconds_total" doc:"By the receipts of this gateway's queries."`
	OtherSeconds   float64            `json:"other_cpu_seconds_total"`
	Allocations    uint64             `json:"allocations_total" doc:"Heap objects that this process allocated."`
	StageSeconds   map[string]float64 `json:"stage_cpu_seconds_total"`
}

// Dimensions are what a report can be grouped by.
var Dimensions = []string{"purpose", "placement", "variant"}

// Report returns what the queries of the last window cost, grouped by some of [Dimensions], the dearest group first.
func (b *Book) Report(now time.Time, window time.Duration, by []string) Report {
	b.mu.Lock()
	defer b.mu.Unlock()
	from, used := b.began, usage{}
	if earliest := now.Add(-min(window, MaxWindow)); earliest.After(from) {
		from = earliest
	}
	groups := map[Key]*sums{}
	for _, part := range b.parts(from) {
		used.add(part.usage)
		for k, g := range part.groups {
			k = reduce(k, by)
			if groups[k] == nil {
				groups[k] = &sums{}
			}
			groups[k].merge(g)
		}
	}
	r := Report{WindowSeconds: now.Sub(from).Seconds(), Currency: "USD", Groups: []Group{}, Replicas: b.fleet(now), ReplicaUSD: float64(used.price) / 1e9}
	load := loading(b.prices, used)
	for k, g := range groups {
		r.Queries += g.queries
		r.Degraded += g.degraded
		r.Groups = append(r.Groups, b.describe(k, g, load))
	}
	slices.SortFunc(r.Groups, func(x, y Group) int {
		return cmp.Or(cmp.Compare(y.MarginalNano*float64(y.Queries), x.MarginalNano*float64(x.Queries)), strings.Compare(x.Purpose+x.Placement+x.Variant, y.Purpose+y.Placement+y.Variant))
	})
	r.Reconciliation = reconcile(used)
	r.Totals = b.totals()
	return r
}

// parts returns the buckets that reach from a moment to now.
func (b *Book) parts(from time.Time) []bucket {
	if len(b.fine) == 0 || from.Before(b.fine[0].begin) && len(b.fine) == fineCount {
		// The open bucket has not been merged into a coarse one yet.
		return append(since(b.coarse, from, coarseStep), b.fine[max(0, len(b.fine)-1):]...)
	}
	return since(b.fine, from, fineStep)
}

func since(buckets []bucket, from time.Time, step time.Duration) []bucket {
	for i := range buckets {
		if buckets[i].begin.Add(step).After(from) {
			return slices.Clip(buckets[i:])
		}
	}
	return nil
}

func reduce(k Key, by []string) Key {
	var kept Key
	for _, dimension := range by {
		switch dimension {
		case "purpose":
			kept.Purpose = k.Purpose
		case "placement":
			kept.Placement = k.Placement
		case "variant":
			kept.Variant = k.Variant
		}
	}
	return kept
}

func (b *Book) describe(k Key, s *sums, load float64) Group {
	n := max(1, float64(s.queries))
	marginal := float64(b.prices.CPU(s.cpu)) / n
	g := Group{
		Purpose: k.Purpose, Placement: k.Placement, Variant: k.Variant, Queries: s.queries, Degraded: s.degraded,
		CPUMicrosPerQuery: micros(s.cpu) / n, MarginalNano: marginal, FullyLoadedNano: marginal * load,
		MarginalUSDPer1k: marginal * 1000 / 1e9, FullyLoadedUSDPer1k: marginal * load * 1000 / 1e9, Stages: []Stage{},
	}
	for _, st := range s.stages {
		g.Stages = append(g.Stages, Stage{
			Name: st.name, Variant: st.variant, Queries: st.queries, CPUMicrosPerQuery: micros(st.cpu) / n,
			Share: float64(st.cpu) / max(1, float64(s.cpu)),
		})
	}
	slices.SortStableFunc(g.Stages, func(x, y Stage) int { return cmp.Compare(y.CPUMicrosPerQuery, x.CPUMicrosPerQuery) })
	return g
}

func micros(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }

// fleet returns the processes that are alive.
func (b *Book) fleet(now time.Time) []Replica {
	alive := []Replica{}
	for _, name := range slices.Sorted(maps.Keys(b.processes)) {
		p := b.processes[name]
		if now.Sub(p.seen) > silence {
			continue
		}
		alive = append(alive, Replica{
			Process: name, Services: slices.Sorted(slices.Values(p.services)), Cores: p.cores, MemoryBytes: p.memory,
			USDPerHour: float64(b.price(p, time.Hour)) / 1e9,
		})
	}
	return alive
}

func reconcile(u usage) Reconciliation {
	r := Reconciliation{
		ProcessSeconds: u.process.Seconds(), ClaimedSeconds: u.claimed.Seconds(), OtherSeconds: u.others.Seconds(),
		UnclaimedSeconds: max(0, u.process-u.claimed-u.others).Seconds(),
	}
	if u.process > 0 {
		r.CoverageRatio = float64(u.claimed) / float64(u.process)
		r.AccountedRatio = float64(u.claimed+u.others) / float64(u.process)
	}
	return r
}

// Coverage returns the share of the processes' CPU time over the last minutes that receipts account for.
func (b *Book) Coverage(now time.Time) float64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	var u usage
	for _, part := range since(b.fine, now.Add(-loadingWindow), fineStep) {
		u.add(part.usage)
	}
	return reconcile(u).CoverageRatio
}

// totals returns the counters but for the allocations, which the caller knows.
func (b *Book) totals() Totals {
	t := Totals{
		Queries: b.total.queries, Degraded: b.total.degraded, ProcessSeconds: b.usage.process.Seconds(),
		ClaimedSeconds: b.total.cpu.Seconds(), OtherSeconds: b.usage.others.Seconds(), StageSeconds: map[string]float64{},
	}
	for _, st := range b.total.stages {
		t.StageSeconds[st.name] += st.cpu.Seconds()
	}
	return t
}

// Marginal returns the price of CPU time.
func (b *Book) Marginal(cpu time.Duration) cost.NanoUSD { return b.prices.CPU(cpu) }
