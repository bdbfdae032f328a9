package bench

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/haggle-commerce/haggle/services/bench/internal/report"
	"github.com/haggle-commerce/haggle/services/bench/internal/shopper"
)

const (
	// maxLatency is the longest time that is told apart; the histogram counts microseconds with three digits.
	maxLatency = 2 * time.Minute
	// lateStart is how far behind its time a query may be sent before it is counted as late.
	lateStart = 2 * time.Millisecond
)

// tally counts what came of the queries of the measured time. Its methods may be called at once.
type tally struct {
	mu         sync.Mutex
	kinds      map[shopper.Kind]*kindTally
	failures   map[string]int64
	degradedBy map[string]int64
	degraded   int64
	late       int64
	exhausted  int64

	// inFlight, answered and due are read for the progress line, warm-up included.
	inFlight atomic.Int64
	answered atomic.Int64
	due      atomic.Int64
}

type kindTally struct {
	latency *hdrhistogram.Histogram
	sent    int64
	good    int64
}

func newTally() *tally {
	return &tally{kinds: map[shopper.Kind]*kindTally{}, failures: map[string]int64{}, degradedBy: map[string]int64{}}
}

// outcome is how one query ended.
type outcome struct {
	kind    shopper.Kind
	latency time.Duration
	late    bool
	// failure says why there was no good answer; "" when there was.
	failure string
	// omitted are the stages that the answer says were left out.
	omitted []string
}

// notSent is the failure of a query that was due when too many others waited.
const notSent = "not sent"

func (t *tally) add(o outcome) {
	t.mu.Lock()
	defer t.mu.Unlock()
	k := t.kinds[o.kind]
	if k == nil {
		k = &kindTally{latency: hdrhistogram.New(1, maxLatency.Microseconds(), 3)}
		t.kinds[o.kind] = k
	}
	k.sent++
	// The value fits: a query waits for Timeout at most, and what is beyond the range is counted as its end.
	_ = k.latency.RecordValue(min(max(o.latency.Microseconds(), 1), maxLatency.Microseconds()))
	if o.late {
		t.late++
	}
	if o.failure != "" {
		t.failures[o.failure]++
		if o.failure == notSent {
			t.exhausted++
		}
		return
	}
	k.good++
	if len(o.omitted) > 0 {
		t.degraded++
		for _, name := range o.omitted {
			t.degradedBy[name]++
		}
	}
}

// p99 returns the percentile of all kinds so far, for the progress line.
func (t *tally) p99() time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	return time.Duration(t.all().ValueAtPercentile(99)) * time.Microsecond
}

// all merges the kinds. The caller holds the lock.
func (t *tally) all() *hdrhistogram.Histogram {
	all := hdrhistogram.New(1, maxLatency.Microseconds(), 3)
	for _, k := range t.kinds {
		all.Merge(k.latency)
	}
	return all
}

// report writes the counts of a run that was measured for d.
func (t *tally) report(d time.Duration) *report.Report {
	t.mu.Lock()
	defer t.mu.Unlock()
	all := t.all()
	r := &report.Report{
		P50: millis(all, 50), P90: millis(all, 90), P99: millis(all, 99), P999: millis(all, 99.9), Max: float64(all.Max()) / 1e3,
		Degraded: t.degraded, LateStarts: t.late, Exhausted: t.exhausted, Kinds: map[string]report.Kind{}, Failures: t.failures, DegradedBy: t.degradedBy,
	}
	good := int64(0)
	for kind, k := range t.kinds {
		r.Sent += k.sent
		good += k.good
		r.Kinds[string(kind)] = report.Kind{Sent: k.sent, Errors: k.sent - k.good, P50: millis(k.latency, 50), P99: millis(k.latency, 99)}
	}
	r.Errors = r.Sent - good
	r.QPS = float64(good) / d.Seconds()
	return r
}

func millis(h *hdrhistogram.Histogram, percentile float64) float64 {
	return float64(h.ValueAtPercentile(percentile)) / 1e3
}

// failureOf names why a query has no good answer, from a closed set and the statuses; "" when it has one.
func failureOf(status int, err error) string {
	switch {
	case err == nil && status >= 200 && status <= 299:
		return ""
	case err == nil:
		return strconv.Itoa(status)
	case errors.Is(err, os.ErrDeadlineExceeded):
		return "timeout"
	}
	if timeout := interface{ Timeout() bool }(nil); errors.As(err, &timeout) && timeout.Timeout() {
		return "timeout"
	}
	return "connection"
}

// omittedIn returns what an answer says was left out. It looks for the member as it is written rather than decode the whole
// document: the generator must not take the cores from what it measures. In a string the quotes would have been escaped.
func omittedIn(body []byte) []string {
	_, rest, found := bytes.Cut(body, []byte(`"degraded":[`))
	if !found || len(rest) == 0 || rest[0] == ']' {
		return nil
	}
	end := bytes.IndexByte(rest, ']')
	if end < 0 {
		return nil
	}
	var names []string
	if err := json.Unmarshal(append(append([]byte("["), rest[:end]...), ']'), &names); err != nil {
		return []string{"unreadable"}
	}
	return names
}
