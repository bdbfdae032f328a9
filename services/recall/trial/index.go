package trial

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"time"

	"github.com/haggle-commerce/haggle/libs/cost"
	"github.com/haggle-commerce/haggle/libs/wire"
	"github.com/haggle-commerce/haggle/services/recall/internal/engine"
)

// IndexFigures are what a search costs while items change, and what a change costs. Times in us are CPU time of one thread, those that
// end in _wall_us are of the clock on the wall.
type IndexFigures struct {
	// MedianMicros and P99Micros are of a search as it is served, while nothing changes.
	MedianMicros float64 `json:"median_us"`
	P99Micros    float64 `json:"p99_us"`
	// Recall is how many of the items that were changed, and are looked for by a word of their new title, are found at once, and how
	// many of those that were deleted are not.
	Recall       float64 `json:"recall"`
	BuildSeconds float64 `json:"build_cpu_s"`
	BytesPerItem float64 `json:"bytes_per_item"`
	// Facet is with a facet of 50 values and a filter.
	FacetMedian float64 `json:"facet_filter_median_us"`
	FacetP99    float64 `json:"facet_filter_p99_us"`
	// UpdatesPerS is the rate that was reached; UpdateCPU is the CPU time per change, merging included.
	UpdatesPerS   float64 `json:"updates_per_s"`
	UpdateCPU     float64 `json:"update_cpu_us"`
	UpdatedMedian float64 `json:"updated_median_us"`
	UpdatedCPU99  float64 `json:"updated_p99_us"`
	// Quiet and Updated are by the clock, before items change and while they do: what waiting for the lock and for the processor adds.
	QuietMedian    float64 `json:"quiet_median_wall_us"`
	QuietP99       float64 `json:"quiet_p99_wall_us"`
	UpdatedWall    float64 `json:"updated_median_wall_us"`
	UpdatedWallP99 float64 `json:"updated_p99_wall_us"`
	Items          int     `json:"items"`
}

// Index measures the index as it lives in the engine: built from the stream of changes, searched, and searched while it changes. The
// shop is that of [Engine], of which nobody has seen or bought anything.
func Index(ctx context.Context, o EngineOptions, progress func(string)) (*IndexFigures, error) {
	o.Events, o.Dims = max(100, o.Events), 0
	if err := o.Check(); err != nil {
		return nil, err
	}
	g, e, f := newGenerator(o), engine.New(engine.Defaults()), &IndexFigures{Items: o.Items}
	before := heapBytes()
	begin := cost.ProcessCPU()
	if err := load(ctx, e, g, progress); err != nil {
		return nil, err
	}
	f.BuildSeconds = (cost.ProcessCPU() - begin).Seconds()
	f.BytesPerItem = float64(heapBytes()-before) / float64(o.Items)

	progress("searching")
	var searches, faceted []*wire.RecallRequest
	for range o.Queries {
		searches, faceted = append(searches, g.search()), append(faceted, g.faceted())
	}
	q := &asker{engine: e, now: g.now}
	q.ask(searches) // warms
	cpu, _ := q.ask(searches)
	f.MedianMicros, f.P99Micros = quantile(cpu, .5), quantile(cpu, .99)
	cpu, _ = q.ask(faceted)
	f.FacetMedian, f.FacetP99 = quantile(cpu, .5), quantile(cpu, .99)

	progress("searching while items change")
	quiet, updated, changed, err := takeTurns(e, o, func() (cpu, wall []float64) { return q.ask(searches) })
	if err != nil {
		return nil, err
	}
	f.UpdatesPerS, f.UpdateCPU = changed.rate(), changed.each()
	f.UpdatedMedian, f.UpdatedCPU99 = quantile(updated.cpu, .5), quantile(updated.cpu, .99)
	f.QuietMedian, f.QuietP99 = quantile(quiet.wall, .5), quantile(quiet.wall, .99)
	f.UpdatedWall, f.UpdatedWallP99 = quantile(updated.wall, .5), quantile(updated.wall, .99)

	progress("looking for what changed")
	f.Recall = q.fresh(g)
	return f, cmp.Or(q.fault, ctx.Err())
}

// load puts all items into the engine, and merges its index as the service does beside its answers.
func load(ctx context.Context, e *engine.Engine, g *generator, progress func(string)) error {
	for at := 0; at < g.o.Items; at += 1000 {
		var changes []engine.Change
		for i := at; i < min(at+1000, g.o.Items); i++ {
			it := g.item(i)
			changes = append(changes, engine.Change{ID: it.ID, Item: it})
		}
		e.Apply(changes)
		if err := tend(e); err != nil {
			return err
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if at%100_000 == 0 {
			progress(fmt.Sprintf("%d of %d items", at, g.o.Items))
		}
	}
	return nil
}

// asker asks an engine, one request after the other.
type asker struct {
	engine *engine.Engine
	now    time.Time
	fault  error
}

// ask returns how long each request took, by the processor and by the clock on the wall, both sorted.
func (a *asker) ask(requests []*wire.RecallRequest) (cpu, wall []float64) {
	for _, r := range requests {
		start := time.Now()
		reply, used := a.answer(r)
		wall = append(wall, micros(time.Since(start)))
		if cpu = append(cpu, micros(used)); reply == nil {
			return cpu, wall
		}
	}
	slices.Sort(cpu)
	slices.Sort(wall)
	return cpu, wall
}

func (a *asker) answer(r *wire.RecallRequest) (reply *wire.RecallReply, used time.Duration) {
	reply = &wire.RecallReply{}
	var clock cost.Clock
	clock.Run()
	span, _ := cost.Enter(cost.With(context.Background(), &clock))
	err := a.engine.Answer(r, reply, a.now, &span)
	used = clock.Exact()
	clock.Pause()
	if err != nil {
		a.fault = err
		return nil, 0
	}
	return reply, used
}

// fresh changes and deletes items and returns the share of them that a search right behind shows as they are now.
func (a *asker) fresh(g *generator) float64 {
	const changed = 500
	r := rand.New(rand.NewPCG(g.o.Seed, 99))
	right := 0
	for n := range changed {
		it := g.item(r.IntN(g.o.Items))
		word := "zq" + strconv.Itoa(n) + "x"
		it.Title += " " + word
		a.engine.Apply([]engine.Change{{ID: it.ID, Item: it}})
		found, _ := a.answer(&wire.RecallRequest{Query: word, Spell: "off"})
		a.engine.Apply([]engine.Change{{ID: it.ID}})
		gone, _ := a.answer(&wire.RecallRequest{Query: word, Spell: "off"})
		if found != nil && gone != nil && found.Total == 1 && gone.Total == 0 {
			right++
		}
	}
	return float64(right) / changed
}
