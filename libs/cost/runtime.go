package cost

import (
	"runtime/metrics"
	"sync/atomic"
	"time"
)

// Runtime knows what the Go runtime uses beside the goroutines: collecting garbage, and its monitor thread. No query does
// either, and without queries there is next to none of both, so each query is charged in proportion to the CPU time that it
// measured itself: the rest of the process, measured or not, bears its own share. What goroutines help in collecting is in
// their own clocks already and is not counted here. Tick belongs to one goroutine; Shares may be called at once.
type Runtime struct {
	samples        []metrics.Sample
	monitor        string
	process        time.Duration
	gc, watch      time.Duration
	sums           [3]float64 // decayed nanoseconds: gc, monitor, and all the rest of the process
	gcRate, wRate  atomic.Int64
	readingMonitor func(path string) time.Duration
}

const (
	// rateScale is the unit of the rates: billionths.
	rateScale = 1e9
	// runtimeDecay is what a tick leaves of the sums: with a tick a second they reach back some ten seconds.
	runtimeDecay = 0.9
)

// NewRuntime returns a Runtime that has seen nothing and charges nothing.
func NewRuntime() *Runtime {
	r := &Runtime{samples: []metrics.Sample{
		{Name: "/cpu/classes/gc/mark/dedicated:cpu-seconds"},
		{Name: "/cpu/classes/gc/mark/idle:cpu-seconds"},
		{Name: "/cpu/classes/total:cpu-seconds"},
		{Name: "/cpu/classes/idle:cpu-seconds"},
	}, readingMonitor: threadUsed}
	if tid, ok := MonitorThread(); ok {
		r.monitor = threadPath(tid)
	}
	r.process = ProcessCPU()
	r.gc, r.watch = r.read(r.process)
	return r
}

// read returns what was used since the process began. The runtime counts collecting in time of its processors, of which a
// busy machine lends it a part: it is scaled by the share that the process got over its life.
func (r *Runtime) read(process time.Duration) (gc, monitor time.Duration) {
	metrics.Read(r.samples)
	busy := r.samples[2].Value.Float64() - r.samples[3].Value.Float64()
	got := 1.0
	if busy > 0 {
		got = min(1, process.Seconds()/busy)
	}
	gc = time.Duration((r.samples[0].Value.Float64() + r.samples[1].Value.Float64()) * got * float64(time.Second))
	if r.monitor != "" {
		monitor = r.readingMonitor(r.monitor)
	}
	return gc, monitor
}

// Tick notes what was used since the last tick. Call it once a second.
func (r *Runtime) Tick() {
	process := ProcessCPU()
	gc, watch := r.read(process)
	r.note(process-r.process, gc-r.gc, watch-r.watch)
	r.process, r.gc, r.watch = process, max(gc, r.gc), max(watch, r.watch)
}

func (r *Runtime) note(process, gc, watch time.Duration) {
	gc, watch = max(0, gc), max(0, watch)
	for i, d := range [...]time.Duration{gc, watch, max(0, process-gc-watch)} {
		r.sums[i] = r.sums[i]*runtimeDecay + float64(d)
	}
	if off.Load() || r.sums[2] <= 0 {
		r.gcRate.Store(0)
		r.wRate.Store(0)
		return
	}
	// More than the rest together is a fault of the figures, not a cost.
	r.gcRate.Store(int64(min(1, r.sums[0]/r.sums[2]) * rateScale))
	r.wRate.Store(int64(min(1, r.sums[1]/r.sums[2]) * rateScale))
}

// Shares returns the parts of collecting garbage and of the monitor that fall on own, CPU time that was measured in this process.
func (r *Runtime) Shares(own time.Duration) (gc, monitor time.Duration) {
	if r == nil {
		return 0, 0
	}
	return time.Duration(float64(own) * float64(r.gcRate.Load()) / rateScale), time.Duration(float64(own) * float64(r.wRate.Load()) / rateScale)
}
