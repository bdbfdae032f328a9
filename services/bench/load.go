package bench

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/haggle-commerce/haggle/services/bench/internal/caller"
	"github.com/haggle-commerce/haggle/services/bench/internal/meter"
	"github.com/haggle-commerce/haggle/services/bench/internal/report"
	"github.com/haggle-commerce/haggle/services/bench/internal/schedule"
	"github.com/haggle-commerce/haggle/services/bench/internal/shopper"
)

const (
	// manyItems is how much of the catalogue the shoppers know.
	manyItems = 3000
	// setupWait bounds each request before and beside the load.
	setupWait = 10 * time.Second
)

// Load runs the load that c describes, which has passed its check, and reports. progress is called once a second with a line
// for people; nil does without.
func Load(ctx context.Context, c Config, progress func(line string)) (*report.Report, error) {
	l, err := newLoader(ctx, c, progress)
	if err != nil {
		return nil, err
	}
	defer l.caller.Close()
	if c.FindMax.Limit > 0 {
		return l.findMax(ctx)
	}
	return l.run(ctx, c.Rate, c.Warmup)
}

// loader is a load that knows its target.
type loader struct {
	config   Config
	caller   *caller.Caller
	crowd    *shopper.Crowd
	progress func(string)
	notes    []string
	buffers  sync.Pool
}

// newLoader gets to know the target and gives its visitors a past.
func newLoader(ctx context.Context, c Config, progress func(string)) (*loader, error) {
	if progress == nil {
		progress = func(string) {}
	}
	call, err := caller.New(c.Target, c.Key)
	if err != nil {
		return nil, err
	}
	l := &loader{config: c, caller: call, progress: progress}
	l.buffers.New = func() any { b := make([]byte, 0, 32<<10); return &b }
	progress("looking at the catalogue of " + c.Target)
	items, err := shopper.Discover(ctx, func(ctx context.Context, path string, body []byte) ([]byte, error) {
		return call.Post(ctx, path, body, setupWait)
	}, manyItems)
	if err != nil {
		call.Close()
		return nil, fmt.Errorf("%w\nis haggle running at %s? ./scripts/up.sh starts one and says where", err, c.Target)
	}
	run := strconv.FormatInt(time.Now().UnixNano(), 36)
	l.crowd = shopper.NewCrowd(items, shopper.Options{Mix: c.Mix, Visitors: c.Visitors, Seed: c.Seed, Run: run})
	progress(fmt.Sprintf("%d items, %d queries, %d visitors", len(items), l.crowd.Queries(), c.Visitors))
	for _, r := range l.crowd.Histories(time.Now()) {
		if _, err := call.Post(ctx, r.Path, r.Body, setupWait); err != nil {
			l.note("visitors have no history: " + err.Error())
			break
		}
	}
	return l, nil
}

func (l *loader) note(text string) { l.notes = append(l.notes, text) }

// window is a run in time: all of it is loaded, from measured on it is counted.
type window struct {
	begin, measured, end time.Time
}

// run loads the target at rate and reports.
func (l *loader) run(ctx context.Context, rate float64, warmup time.Duration) (*report.Report, error) {
	c, begin := l.config, time.Now()
	w := window{begin: begin, measured: begin.Add(warmup), end: begin.Add(warmup + c.Duration)}
	t := newTally()
	var costs, shown sync.WaitGroup
	var before, after snapshot
	// Costs are read at both ends of the measured time while the load runs on, so that what is under way cancels out.
	costs.Go(func() { before = l.snapshotAt(ctx, w.measured) })
	costs.Go(func() { after = l.snapshotAt(ctx, w.end) })
	showing, stop := context.WithCancel(ctx)
	shown.Go(func() { l.show(showing, t, rate, w) })
	err := l.drive(ctx, t, schedule.New(c.Arrivals, rate, c.Seed), w)
	costs.Wait()
	stop()
	shown.Wait()
	if err != nil {
		return nil, fmt.Errorf("load %s: %w", c.Target, err)
	}
	r := t.report(c.Duration)
	r.Target, r.Mix, r.Rate, r.Arrivals, r.Seed = c.Target, c.Mix.String(), rate, string(c.Arrivals), c.Seed
	r.Seconds, r.Warmup = c.Duration.Seconds(), warmup.Seconds()
	r.Notes = append(r.Notes, l.notes...)
	price(r, before, after)
	if 100*r.LateStarts > r.Sent {
		r.Notes = append(r.Notes, "over 1 % of the queries were sent late: the generator had too little CPU, so latencies hold its own waiting as well")
	}
	return r, nil
}

// drive sends each query when it is due, whether or not earlier ones were answered, and returns when all were.
func (l *loader) drive(ctx context.Context, t *tally, s *schedule.Schedule, w window) error {
	var group sync.WaitGroup
	defer group.Wait()
	for {
		due := w.begin.Add(s.Next())
		if due.After(w.end) {
			return wait(ctx, w.end)
		}
		if err := wait(ctx, due); err != nil {
			return err
		}
		kind, request := l.crowd.Next(due)
		counted := !due.Before(w.measured)
		t.due.Add(1)
		if t.inFlight.Load() >= int64(l.config.Concurrency) {
			if counted {
				t.add(outcome{kind: kind, latency: l.config.Timeout, failure: notSent})
			}
			continue
		}
		t.inFlight.Add(1)
		group.Go(func() {
			o := l.send(ctx, kind, request, due)
			if t.inFlight.Add(-1); counted {
				t.add(o)
			}
			if o.failure == "" {
				t.answered.Add(1)
			}
		})
	}
}

// send sends one query. Its latency counts from when it was due: a query that had to wait for the generator, or for a place
// behind a target that stalls, has waited as its shopper would have.
func (l *loader) send(ctx context.Context, kind shopper.Kind, request caller.Request, due time.Time) outcome {
	begin := time.Now()
	ctx, cancel := context.WithDeadline(ctx, begin.Add(l.config.Timeout))
	defer cancel()
	buffer := l.buffers.Get().(*[]byte)
	defer l.buffers.Put(buffer)
	status, body, err := l.caller.Do(ctx, request, (*buffer)[:0])
	o := outcome{kind: kind, latency: time.Since(due), late: begin.Sub(due) > lateStart, failure: failureOf(status, err)}
	if o.failure == "" {
		o.omitted = omittedIn(body)
	}
	*buffer = body
	return o
}

// wait returns at t, or when ctx ends.
func wait(ctx context.Context, t time.Time) error {
	// Long waits can be broken off; short ones are exact.
	const short = 50 * time.Millisecond
	if d := time.Until(t); d > 2*short {
		timer := time.NewTimer(d - short)
		defer timer.Stop()
		select {
		case <-ctx.Done():
		case <-timer.C:
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	schedule.Until(t)
	return nil
}

// snapshot is the target's counters, or why there are none.
type snapshot struct {
	meter.Snapshot
	err error
}

// snapshotAt reads the counters at t.
func (l *loader) snapshotAt(ctx context.Context, t time.Time) snapshot {
	if err := wait(ctx, t); err != nil {
		return snapshot{err: err}
	}
	answer, err := l.caller.Get(ctx, "/v1/cost", setupWait)
	if err != nil {
		return snapshot{err: err}
	}
	counters, err := meter.Parse(answer)
	return snapshot{counters, err}
}

// price adds what the queries cost to r, or a note that says why it is not known.
func price(r *report.Report, before, after snapshot) {
	use, err := meter.Use{}, errors.Join(before.err, after.err)
	if err == nil {
		use, err = meter.Between(before.Snapshot, after.Snapshot)
	}
	if err != nil {
		r.Notes = append(r.Notes, "cost is unknown: "+err.Error())
		return
	}
	r.CPUMicros, r.Coverage, r.Claimed, r.Stages = &use.CPUMicros, &use.Coverage, &use.Claimed, use.Stages
	r.Stages["unclaimed"] = use.Unclaimed
	if use.Allocations > 0 {
		r.AllocsPerQuery = &use.Allocations
	}
}

// show calls progress once a second until ctx ends.
func (l *loader) show(ctx context.Context, t *tally, rate float64, w window) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			l.progress(fmt.Sprintf("%3.0f of %.0f s  %.6g/s  %d due  %d answered  %d in flight  p99 %v",
				min(now.Sub(w.begin), w.end.Sub(w.begin)).Seconds(), w.end.Sub(w.begin).Seconds(), rate, t.due.Load(), t.answered.Load(), t.inFlight.Load(), t.p99().Round(10*time.Microsecond)))
		}
	}
}
