package bench

import (
	"context"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/haggle-commerce/haggle/services/bench/internal/report"
)

// Objective is a bound on a percentile of latency. The zero value is none.
type Objective struct {
	// Metric is "p50_ms", "p90_ms", "p99_ms" or "p999_ms", and Limit what it may reach, in milliseconds.
	Metric string
	Limit  float64
}

var metrics = [...]string{"p50_ms", "p90_ms", "p99_ms", "p999_ms"}

// ParseObjective reads an objective such as "p99_ms=50".
func ParseObjective(text string) (Objective, error) {
	name, number, _ := strings.Cut(text, "=")
	limit, err := strconv.ParseFloat(number, 64)
	for _, metric := range metrics {
		if name == metric && err == nil && limit > 0 && limit <= float64(maxLatency.Milliseconds()) {
			return Objective{metric, limit}, nil
		}
	}
	return Objective{}, fmt.Errorf("objective is %q, want metric=milliseconds with a metric of %v", text, metrics)
}

// String returns the objective as [ParseObjective] reads it.
func (o Objective) String() string { return o.Metric + "=" + strconv.FormatFloat(o.Limit, 'g', -1, 64) }

// allowedErrors is the share of queries that may fail where an objective is met.
const allowedErrors = 0.001

// met reports whether r meets the objective.
func (o Objective) met(r *report.Report) bool {
	value := map[string]float64{"p50_ms": r.P50, "p90_ms": r.P90, "p99_ms": r.P99, "p999_ms": r.P999}[o.Metric]
	return r.Sent > 0 && value <= o.Limit && float64(r.Errors) <= allowedErrors*float64(r.Sent)
}

const (
	// stepUp is the factor between rates until one misses, near the ratio at which the limit is then closed in on.
	stepUp    = 1.5
	closeness = 1.05
	maxSteps  = 30
	// tries is how often a rate is run before it counts as missed.
	tries = 2
	// settle is the warm-up of every step but the first.
	settle = time.Second
)

// findMax steps the rate up until the objective is missed, closes in on the limit and reports the best run.
func (l *loader) findMax(ctx context.Context) (*report.Report, error) {
	found := &report.FindMax{Objective: l.config.FindMax.String()}
	var best, last *report.Report
	next := newRates(l.config.Rate)
	for rate, more := next.first(), true; more && len(found.Steps) < maxSteps; {
		r, met, err := l.try(ctx, rate, found)
		if err != nil {
			return nil, err
		}
		if last = r; met && (best == nil || r.QPS > best.QPS) {
			best = r
		}
		rate, more = next.after(rate, met)
	}
	if best == nil {
		best = last
		best.Notes = append(best.Notes, "no rate that was tried meets "+found.Objective)
	} else {
		found.MaxQPS = best.QPS
	}
	best.FindMax = found
	return best, nil
}

// try runs one rate, and a second time when it misses: on a machine that does other things as well one pause of a few hundred
// milliseconds, of which there is one in any minute, would pass for the limit.
func (l *loader) try(ctx context.Context, rate float64, found *report.FindMax) (r *report.Report, met bool, err error) {
	for range tries {
		warmup := l.config.Warmup
		if len(found.Steps) > 0 {
			warmup = min(warmup, settle)
		}
		if r, err = l.run(ctx, rate, warmup); err != nil {
			return nil, false, err
		}
		met = l.config.FindMax.met(r)
		found.Steps = append(found.Steps, report.Step{Rate: rate, QPS: r.QPS, P50: r.P50, P99: r.P99, Errors: r.Errors, Met: met})
		l.progress(fmt.Sprintf("%.6g/s: p50 %.2f ms, p99 %.2f ms, %d errors, %s met: %v", rate, r.P50, r.P99, r.Errors, found.Objective, met))
		if met {
			break
		}
	}
	return r, met, nil
}

// rates chooses which rate to try next: up by steps while the objective is met, down by steps while it never was, then halfway
// (by ratio) between the highest that met it and the lowest that missed it.
type rates struct {
	begin     float64
	good, bad float64 // 0 = none yet
}

func newRates(begin float64) *rates { return &rates{begin: begin} }

func (r *rates) first() float64 { return r.begin }

// after takes what came of rate and returns the next; more is false when the limit is known closely enough.
func (r *rates) after(rate float64, met bool) (next float64, more bool) {
	if met {
		r.good = max(r.good, rate)
	} else if r.bad == 0 || rate < r.bad {
		r.bad = rate
	}
	switch {
	case r.bad == 0:
		return r.good * stepUp, true
	case r.good == 0:
		return r.bad / (stepUp * stepUp), r.bad > 0.5
	case r.good >= r.bad:
		// The noise of a lower rate that missed: it was measured, so it stands.
		return 0, false
	}
	return math.Sqrt(r.good * r.bad), r.bad/r.good > closeness
}
