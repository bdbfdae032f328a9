package cost

import (
	"context"
	"runtime"
	"sync/atomic"
	"time"
)

// Clock measures the CPU time of one goroutine that carries a query, without the time in which it waits. It reads the thread's
// clock where the goroutine begins to run and where it stops, for that is exact but takes a system call, of up to some
// microseconds; in between it goes by the wall clock, which takes tens of nanoseconds, times the share of it that running
// goroutines of this process have got from the processor of late. A Clock belongs to one goroutine. The zero value is ready.
type Clock struct {
	running bool
	// cpu is the CPU time of what was run until the last reading, at which the clocks of the thread and of the wall stood at cpu0 and wall0.
	cpu, cpu0, wall0 time.Duration
	given            time.Duration
}

// Run goes on measuring. Until [Clock.Pause] the goroutine is bound to its thread and should not wait: if it does, the wall
// clock counts that, too, until the next exact reading, and the process pays for two switches of threads.
func (c *Clock) Run() {
	if c.running || off.Load() {
		return
	}
	runtime.LockOSThread()
	c.cpu0, c.wall0, c.running = threadCPU(), wallClock(), true
}

// Pause stops measuring. Soon after a reading it goes by the wall clock, too.
func (c *Clock) Pause() {
	if !c.running {
		return
	}
	if passed := wallClock() - c.wall0; passed <= brief {
		c.cpu += paced(passed)
	} else {
		c.read()
	}
	c.running = false
	runtime.UnlockOSThread()
}

// brief is for how long an estimate is enough for what a goroutine ran before it stopped: long enough to send an answer after its bill was
// made, and too short for a thread to have lost its processor in between and got it back.
const brief = 200 * time.Microsecond

func (c *Clock) read() {
	cpu, wall := threadCPU(), wallClock()
	ran, passed := cpu-c.cpu0, wall-c.wall0
	c.cpu += ran
	c.cpu0, c.wall0 = cpu, wall
	learnPace(ran, passed)
}

// Exact reads the thread's clock and returns the CPU time so far.
func (c *Clock) Exact() time.Duration {
	if c.running {
		c.read()
	}
	return c.cpu
}

// Used returns the CPU time so far, exact up to the last reading of the thread's clock, which was at most [trusted] ago.
func (c *Clock) Used() time.Duration {
	if !c.running {
		return c.cpu
	}
	passed := wallClock() - c.wall0
	if passed > trusted {
		return c.Exact()
	}
	return c.cpu + paced(passed)
}

// trusted is how long an estimate may reach: longer than most queries take, and shorter than what a thread that lost its
// processor to another usually waits for it.
const trusted = time.Millisecond

// Given returns the CPU time that spans within others' work measured on this clock: see [Enter].
func (c *Clock) Given() time.Duration { return c.given }

var clockBegin = time.Now()

func wallClock() time.Duration { return time.Since(clockBegin) }

// pace is the CPU time of running goroutines per wall time, in billionths: less than 1 where they share the processors.
var pace atomic.Int64

const (
	paceScale = 1e9
	// paceMemory is the wall time of which half is in the average: short enough to follow a change of load within a second.
	paceMemory = 16 * time.Millisecond
)

func init() { pace.Store(paceScale) }

// learnPace takes a run into the average. Of two that do so at once one may be lost.
func learnPace(ran, passed time.Duration) {
	if passed <= 0 {
		return
	}
	old := pace.Load()
	seen := min(int64(float64(ran)/float64(passed)*paceScale), paceScale)
	weight := float64(passed) / float64(passed+paceMemory)
	pace.Store(old + int64(float64(seen-old)*weight))
}

// paced estimates the CPU time of a goroutine that ran for a wall time.
func paced(passed time.Duration) time.Duration {
	return time.Duration(float64(passed) * float64(pace.Load()) / paceScale)
}

// Span is the part of one service in the work for a query, measured in laps.
type Span struct {
	clock *Clock
	// own says that nobody else measures this goroutine.
	own  bool
	mark time.Duration
	sum  time.Duration
}

// within carries the clock of the goroutine that the context is used on.
type within struct {
	context.Context
	clock *Clock
}

type clockKey struct{}

// Value implements [context.Context].
func (w *within) Value(key any) any {
	if key == (clockKey{}) {
		return w.clock
	}
	return w.Context.Value(key)
}

// With returns a context that tells c to whoever is called with it on the same goroutine, and to nobody else: see [Apart].
func With(ctx context.Context, c *Clock) context.Context { return &within{ctx, c} }

// Apart returns a context for another goroutine, without the clock of this one.
func Apart(ctx context.Context) context.Context {
	if clockOf(ctx) == nil {
		return ctx
	}
	return &within{ctx, nil}
}

func clockOf(ctx context.Context) *Clock {
	c, _ := ctx.Value(clockKey{}).(*Clock)
	return c
}

// Pause pauses the clock of ctx, if there is one: whoever is about to wait calls it, and [Resume] afterwards if it returned true.
func Pause(ctx context.Context) bool {
	c := clockOf(ctx)
	if c == nil || !c.running {
		return false
	}
	c.Pause()
	return true
}

// Resume runs the clock of ctx again.
func Resume(ctx context.Context) { clockOf(ctx).Run() }

// Enter begins the part of a service on the clock of ctx, when that is running: the service is called by another one of this process,
// which measures the whole exactly. Else it begins on a clock of its own, which the context then carries. Every Enter needs
// one [Span.Leave].
func Enter(ctx context.Context) (Span, context.Context) {
	if c := clockOf(ctx); c != nil && c.running {
		return Span{clock: c, mark: c.Used()}, ctx
	}
	// One piece of memory for the clock and for the context that carries it.
	o := &struct {
		within
		Clock
	}{within: within{Context: ctx}}
	o.clock = &o.Clock
	o.Run()
	return Span{clock: o.clock, own: true, mark: o.Used()}, &o.within
}

// Lap returns the estimated CPU time since Enter or the last Lap, and begins the next piece.
func (s *Span) Lap() time.Duration {
	if s.clock == nil {
		return 0
	}
	used := s.clock.Used()
	d := max(0, used-s.mark)
	s.mark = used
	s.sum += d
	if !s.own {
		s.clock.given += d
	}
	return d
}

// Settle returns what the laps so far have to be multiplied by for their sum to be exact: 1 on the clock of a caller, who settles all.
func (s *Span) Settle() float64 {
	if s.clock == nil || !s.own || s.sum <= 0 {
		return 1
	}
	return float64(s.clock.Exact()) / float64(s.sum)
}

// Leave returns the time since the last Lap, and ends the span.
func (s *Span) Leave() time.Duration {
	d := s.Lap()
	if s.clock != nil && s.own {
		s.clock.Pause()
	}
	return d
}
