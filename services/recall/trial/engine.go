package trial

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/haggle-commerce/haggle/libs/cost"
	"github.com/haggle-commerce/haggle/libs/wire"
	"github.com/haggle-commerce/haggle/services/recall/internal/engine"
	"github.com/haggle-commerce/haggle/services/recall/internal/snapshot"
	"github.com/haggle-commerce/haggle/services/recall/internal/vector"
)

// EngineOptions say what is measured.
type EngineOptions struct {
	// Items is how many there are, Events how many clicks are told, Queries how many requests of each kind are timed.
	Items, Events, Queries int
	// Updates is how many items are changed per second while requests are answered.
	Updates int
	// Dims is how many numbers the vector has that each item brings; 0 for none.
	Dims int
	// Turn is how long requests are timed without changes and with them, in turns.
	Turn time.Duration
	Seed uint64
}

// DefaultEngineOptions returns the size that the targets are stated for.
func DefaultEngineOptions() EngineOptions {
	return EngineOptions{Items: 1_000_000, Events: 1_000_000, Queries: 2000, Updates: 5000, Dims: 64, Turn: time.Second, Seed: 1}
}

// Check returns what is wrong with the options.
func (o EngineOptions) Check() error {
	switch {
	case o.Items < 100 || o.Items > 20_000_000:
		return fmt.Errorf("%d items, must be from 100 to 20,000,000", o.Items)
	case o.Events < 0 || o.Updates < 1:
		return fmt.Errorf("%d events and %d updates, must not be negative, and 1 update at least", o.Events, o.Updates)
	case o.Dims < 0 || o.Dims > vector.MaxDims:
		return fmt.Errorf("vectors of %d numbers, must be from 0 to %d", o.Dims, vector.MaxDims)
	case o.Turn <= 0:
		return fmt.Errorf("turns of %v, must be longer", o.Turn)
	case o.Queries < 100:
		return fmt.Errorf("%d queries, must be 100 at least", o.Queries)
	}
	return nil
}

// EngineFigures are what the whole engine costs. Times in us are CPU time of one thread, those that end in _wall_us are of the clock on
// the wall; bytes are per item.
type EngineFigures struct {
	MedianMicros    float64 `json:"median_us"`
	P99Micros       float64 `json:"p99_us"`
	FacetMedian     float64 `json:"facet_filter_median_us"`
	FacetP99        float64 `json:"facet_filter_p99_us"`
	RecommendMedian float64 `json:"recommend_median_us"`
	RecommendP99    float64 `json:"recommend_p99_us"`
	QuietP99        float64 `json:"quiet_p99_wall_us"`
	UpdatedP99      float64 `json:"updated_p99_wall_us"`
	UpdatedCPU      float64 `json:"updated_p99_us"`
	UpdatesPerS     float64 `json:"updates_per_s"`
	UpdateCPU       float64 `json:"update_cpu_us"`
	BuildSeconds    float64 `json:"build_cpu_s"`
	RSSMiB          float64 `json:"rss_mib"`
	HeapMiB         float64 `json:"heap_mib"`
	BytesPerItem    float64 `json:"bytes_per_item"`
	// PartBytes are bytes per item of each part; words is what the others leave of the heap.
	PartBytes       map[string]float64 `json:"part_bytes_per_item"`
	SnapshotMiB     float64            `json:"snapshot_mib"`
	SnapshotWrite   float64            `json:"snapshot_write_s"`
	SnapshotOpen    float64            `json:"snapshot_open_s"`
	SnapshotOpenCPU float64            `json:"snapshot_open_cpu_s"`
	// Sections are the parts of the snapshot.
	Sections []SectionFigures `json:"snapshot_sections"`
	Items    int              `json:"items"`
}

// SectionFigures are what a part of a snapshot costs to open, beside reading it.
type SectionFigures struct {
	Name    string  `json:"name"`
	MiB     float64 `json:"mib"`
	OpenCPU float64 `json:"open_cpu_s"`
}

// Engine measures the whole engine on a generated shop: titles of eight words by Zipf's law, a brand, a category of two levels, a price
// three attributes and a vector near that of its shelf, and events on items by Zipf's law. Search is for three words of a title, without a
// word in ten.
func Engine(ctx context.Context, o EngineOptions, progress func(string)) (*EngineFigures, error) {
	if err := o.Check(); err != nil {
		return nil, err
	}
	g := newGenerator(o)
	e := engine.New(engine.Defaults())
	f := &EngineFigures{Items: o.Items}
	begin := cost.ProcessCPU()
	if err := load(ctx, e, g, progress); err != nil {
		return nil, err
	}
	progress("making lists of vectors")
	e.ArrangeVectors(ctx)
	f.BuildSeconds = (cost.ProcessCPU() - begin).Seconds()
	for at := 0; at < o.Events; at += 1000 {
		e.Observe(g.events(at, min(at+1000, o.Events)))
	}
	debug.FreeOSMemory()
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	f.HeapMiB = float64(memory.HeapAlloc) / (1 << 20)
	f.RSSMiB = residentMiB()
	f.BytesPerItem = float64(memory.HeapAlloc) / float64(o.Items)
	f.PartBytes = map[string]float64{"words": f.BytesPerItem}
	for _, part := range e.Memory() {
		f.PartBytes[part.Name] = float64(part.Bytes) / float64(o.Items)
		f.PartBytes["words"] -= f.PartBytes[part.Name]
	}

	progress("searching")
	var err error
	ask := func(request func() *wire.RecallRequest) (cpu, wall []float64) {
		for range o.Queries {
			r := request()
			reply := &wire.RecallReply{}
			var clock cost.Clock
			start := time.Now()
			clock.Run()
			span, _ := cost.Enter(cost.With(context.Background(), &clock))
			fault := e.Answer(r, reply, g.now, &span)
			used := clock.Exact()
			clock.Pause()
			if fault != nil {
				err = fault
			}
			cpu, wall = append(cpu, micros(used)), append(wall, micros(time.Since(start)))
		}
		slices.Sort(cpu)
		slices.Sort(wall)
		return cpu, wall
	}
	ask(g.search) // warm
	cpu, _ := ask(g.search)
	f.MedianMicros, f.P99Micros = quantile(cpu, .5), quantile(cpu, .99)
	cpu, _ = ask(g.faceted)
	f.FacetMedian, f.FacetP99 = quantile(cpu, .5), quantile(cpu, .99)
	cpu, _ = ask(g.recommend)
	f.RecommendMedian, f.RecommendP99 = quantile(cpu, .5), quantile(cpu, .99)

	progress("searching while items change")
	fault := f.change(e, o, func() ([]float64, []float64) { return ask(g.search) })
	if err = cmp.Or(err, fault); err != nil {
		return nil, err
	}
	progress("writing and opening a snapshot")
	return f, f.snapshot(e)
}

// tend does what changes left to be done, as the service does beside its answers.
func tend(e *engine.Engine) error {
	for {
		if did, err := e.Tend(); !did || err != nil {
			return err
		}
	}
}

// change times requests while nothing changes and while items do.
func (f *EngineFigures) change(e *engine.Engine, o EngineOptions, ask func() (cpu, wall []float64)) error {
	quiet, updated, changed, err := takeTurns(e, o, ask)
	f.QuietP99, f.UpdatedP99, f.UpdatedCPU = quantile(quiet.wall, .99), quantile(updated.wall, .99), quantile(updated.cpu, .99)
	f.UpdatesPerS, f.UpdateCPU = changed.rate(), changed.each()
	return err
}

// takeTurns times requests while nothing changes and while items do, in turns, so that whatever else the machine does weighs on both
// alike.
func takeTurns(e *engine.Engine, o EngineOptions, ask func() (cpu, wall []float64)) (quiet, updated *timings, changed *updates, err error) {
	quiet, updated, changed = &timings{}, &timings{}, &updates{shop: newGenerator(o), random: rand.New(rand.NewPCG(o.Seed, 77))}
	for range 6 {
		quiet.add(ask, o.Turn)
		var both sync.WaitGroup
		var fault error
		end := make(chan struct{})
		both.Go(func() { changed.run(e, end) })
		both.Go(func() { fault = changed.merge(e, end) })
		updated.add(ask, o.Turn)
		close(end)
		both.Wait()
		err = cmp.Or(err, fault)
	}
	quiet.sort()
	updated.sort()
	return quiet, updated, changed, err
}

// timings are times of requests in us.
type timings struct{ cpu, wall []float64 }

// add asks for a while.
func (t *timings) add(ask func() (cpu, wall []float64), turn time.Duration) {
	for began := time.Now(); time.Since(began) < turn; {
		cpu, wall := ask()
		t.cpu, t.wall = append(t.cpu, cpu...), append(t.wall, wall...)
	}
}

func (t *timings) sort() {
	slices.Sort(t.cpu)
	slices.Sort(t.wall)
}

// updates is how many items were changed within which time, and the CPU time that this and merging used.
type updates struct {
	shop                *generator
	random              *rand.Rand
	n                   int
	took, used, merging time.Duration
}

// rate is how many changes were made per second, each the CPU time of one in us.
func (u *updates) rate() float64 { return float64(u.n) / u.took.Seconds() }
func (u *updates) each() float64 { return micros(u.used+u.merging) / float64(max(1, u.n)) }

// merge does what changes left to be done until end is closed, as the service does.
func (u *updates) merge(e *engine.Engine, end chan struct{}) error {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-end:
			return nil
		case <-tick.C:
		}
		meter := cost.Start()
		err := tend(e)
		u.merging += meter.Stop()
		if err != nil {
			return err
		}
	}
}

// run changes items at the rate that is asked for until end is closed.
func (u *updates) run(e *engine.Engine, end chan struct{}) {
	const beats = 100
	tick := time.NewTicker(time.Second / beats)
	defer tick.Stop()
	begin, n := time.Now(), 0
	defer func() {
		u.n, u.took = u.n+n, u.took+time.Since(begin)
	}()
	for ended := false; !ended; {
		select {
		case <-end:
			ended = true // what is due by now is still done, within the time that counts
		case <-tick.C:
		}
		due := int(time.Since(begin).Seconds()*float64(u.shop.o.Updates)) - n
		var changes []engine.Change
		for range due {
			it := u.shop.item(u.random.IntN(u.shop.o.Items))
			it.Price *= 1.1
			if u.random.IntN(4) == 0 {
				it.Title += " new"
			}
			changes = append(changes, engine.Change{ID: it.ID, Item: it})
		}
		meter := cost.Start()
		e.Apply(changes)
		u.used += meter.Stop()
		n += due
	}
}

func (f *EngineFigures) snapshot(e *engine.Engine) error {
	var file bytes.Buffer
	begin := time.Now()
	w, err := snapshot.NewWriter(&file, snapshot.Header{Settings: engine.Defaults().Settings()})
	if err == nil {
		err = e.Save(w)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		return err
	}
	f.SnapshotWrite, f.SnapshotMiB = time.Since(begin).Seconds(), float64(file.Len())/(1<<20)
	begin = time.Now()
	used := cost.ProcessCPU()
	r, err := snapshot.NewReader(bytes.NewReader(file.Bytes()), int64(file.Len()))
	if err != nil {
		return err
	}
	var part time.Duration
	r.Watch = func(name string, size int) {
		if now := cost.ProcessCPU(); name != "" {
			f.Sections, part = append(f.Sections, SectionFigures{Name: name, MiB: float64(size) / (1 << 20)}), now
		} else if n := len(f.Sections); n > 0 {
			f.Sections[n-1].OpenCPU = (now - part).Seconds()
		}
	}
	again, err := engine.Load(engine.Defaults(), r)
	if err != nil {
		return err
	}
	if got, want := again.Size().Items, e.Size().Items; got != want {
		return fmt.Errorf("the snapshot holds %d items, want %d", got, want)
	}
	f.SnapshotOpen, f.SnapshotOpenCPU = time.Since(begin).Seconds(), (cost.ProcessCPU() - used).Seconds()
	return nil
}

// quantile returns a quantile of sorted values.
func quantile(sorted []float64, q float64) float64 {
	return sorted[min(len(sorted)-1, int(q*float64(len(sorted))))]
}

// residentMiB is the memory that the process has now, 0 where the system does not tell.
func residentMiB() float64 {
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kib, err := strconv.ParseFloat(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")), 64)
			if err != nil {
				return 0
			}
			return kib / 1024
		}
	}
	return 0
}
