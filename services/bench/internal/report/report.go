// Package report holds the result of a load and writes it for machines and for people.
package report

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
)

// Report is the result of a load. The first seven fields are read by others: their keys do not change.
type Report struct {
	// QPS is how many queries per second were answered with 2xx in the measured time.
	QPS float64 `json:"qps"`
	// P50 and P99 are percentiles of the time from when a query was due to the end of its answer, in milliseconds. A query
	// that got no answer counts as long as it was waited for.
	P50 float64 `json:"p50_ms"`
	P99 float64 `json:"p99_ms"`
	// Errors is how many queries got no answer, or one that was not 2xx.
	Errors int64 `json:"errors"`
	// Degraded is how many answers said that a stage was left out.
	Degraded int64 `json:"degraded"`
	// CPUMicros is the CPU time of all of the target's processes per query, and Coverage the share of it, less what was done for
	// no query (events, training), that receipts account for; nil when the target does not say.
	CPUMicros *float64 `json:"cpu_us_per_query"`
	Coverage  *float64 `json:"ledger_coverage"`

	P90  float64 `json:"p90_ms"`
	P999 float64 `json:"p999_ms"`
	Max  float64 `json:"max_ms"`
	// Sent is how many queries were due in the measured time.
	Sent int64 `json:"sent"`
	// LateStarts is how many were sent over 2 ms after they were due, because the generator had no CPU; Exhausted how many were
	// not sent at all because too many waited for an answer.
	LateStarts int64 `json:"late_starts"`
	Exhausted  int64 `json:"exhausted"`
	// Stages is the CPU time of each stage in microseconds per query; "unclaimed" is what no receipt accounts for.
	Stages         map[string]float64 `json:"stages,omitempty"`
	AllocsPerQuery *float64           `json:"allocs_per_query,omitempty"`
	// Claimed is the share of all CPU time, other work included, that receipts account for.
	Claimed *float64        `json:"claimed_ratio,omitempty"`
	Kinds   map[string]Kind `json:"kinds,omitempty"`
	// Failures and DegradedBy count why: by status or the kind of failure, and by what was left out.
	Failures   map[string]int64 `json:"failures,omitempty"`
	DegradedBy map[string]int64 `json:"degraded_by,omitempty"`

	Target   string   `json:"target"`
	Mix      string   `json:"mix"`
	Rate     float64  `json:"rate"`
	Arrivals string   `json:"arrivals"`
	Seconds  float64  `json:"duration_s"`
	Warmup   float64  `json:"warmup_s"`
	Seed     uint64   `json:"seed"`
	FindMax  *FindMax `json:"find_max,omitempty"`
	// Notes are what the reader should know before believing the figures.
	Notes []string `json:"notes,omitempty"`
}

// Kind is the part of a load that asked for one thing.
type Kind struct {
	Sent   int64   `json:"sent"`
	Errors int64   `json:"errors"`
	P50    float64 `json:"p50_ms"`
	P99    float64 `json:"p99_ms"`
}

// FindMax is a search for the highest rate that meets an objective.
type FindMax struct {
	// Objective is such as "p99_ms=50".
	Objective string `json:"objective"`
	// MaxQPS is the throughput at the highest rate that met it; 0 when none did.
	MaxQPS float64 `json:"max_qps"`
	Steps  []Step  `json:"steps"`
}

// Step is one rate that was tried.
type Step struct {
	Rate   float64 `json:"rate"`
	QPS    float64 `json:"qps"`
	P50    float64 `json:"p50_ms"`
	P99    float64 `json:"p99_ms"`
	Errors int64   `json:"errors"`
	Met    bool    `json:"met"`
}

// WriteJSON writes the report as one line of JSON.
func (r *Report) WriteJSON(w io.Writer) error {
	if err := json.NewEncoder(w).Encode(r); err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	return nil
}

// WriteTable writes the report for people.
func (r *Report) WriteTable(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	line := func(name, format string, args ...any) { fmt.Fprintf(t, name+"\t"+format+"\n", args...) }
	line("target", "%s", r.Target)
	line("load", "%.6g queries/s (%s), %s, for %.4g s after %.4g s of warm-up, seed %d", r.Rate, r.Arrivals, r.Mix, r.Seconds, r.Warmup, r.Seed)
	line("answered", "%.1f queries/s; %d due, %d errors, %d degraded", r.QPS, r.Sent, r.Errors, r.Degraded)
	line("latency", "p50 %.2f ms, p90 %.2f ms, p99 %.2f ms, p99.9 %.2f ms, most %.2f ms", r.P50, r.P90, r.P99, r.P999, r.Max)
	for _, name := range slices.Sorted(maps.Keys(r.Kinds)) {
		k := r.Kinds[name]
		line("  "+name, "p50 %.2f ms, p99 %.2f ms, %d due, %d errors", k.P50, k.P99, k.Sent, k.Errors)
	}
	if r.CPUMicros != nil {
		line("CPU", "%.1f us per query", *r.CPUMicros)
		for _, name := range byCost(r.Stages) {
			line("  "+name, "%.1f us", r.Stages[name])
		}
	}
	if r.AllocsPerQuery != nil {
		line("allocations", "%.0f per query", *r.AllocsPerQuery)
	}
	if r.Coverage != nil {
		line("receipts", "cover %.1f %% of the CPU time that queries took", 100**r.Coverage)
	}
	line("generator", "%d late starts, %d not sent", r.LateStarts, r.Exhausted)
	counts(line, "errors by", r.Failures)
	counts(line, "degraded by", r.DegradedBy)
	if r.FindMax != nil {
		for _, s := range r.FindMax.Steps {
			line("step", "%.6g/s: %.1f answered/s, p50 %.2f ms, p99 %.2f ms, %d errors: %s", s.Rate, s.QPS, s.P50, s.P99, s.Errors, map[bool]string{true: "met", false: "missed"}[s.Met])
		}
		line("most", "%.1f queries/s at %s", r.FindMax.MaxQPS, r.FindMax.Objective)
	}
	for _, note := range r.Notes {
		line("note", "%s", note)
	}
	if err := t.Flush(); err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	return nil
}

// byCost returns the names of stages, the dearest first.
func byCost(stages map[string]float64) []string {
	return slices.SortedFunc(maps.Keys(stages), func(a, b string) int {
		switch {
		case stages[a] > stages[b]:
			return -1
		case stages[a] < stages[b]:
			return 1
		}
		return strings.Compare(a, b)
	})
}

func counts(line func(name, format string, args ...any), name string, m map[string]int64) {
	var parts []string
	for _, key := range slices.Sorted(maps.Keys(m)) {
		parts = append(parts, fmt.Sprintf("%s: %d", key, m[key]))
	}
	if len(parts) > 0 {
		line(name, "%s", strings.Join(parts, ", "))
	}
}
