// Package meter reads what a haggle says of its own costs, twice, and tells what happened between.
package meter

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
)

// Snapshot is the counters of GET /v1/cost, which run from the start of the gateway.
type Snapshot struct {
	Queries float64 `json:"queries_total"`
	// ProcessCPU is the CPU time of all processes; receipts of queries claim a part, and another went into work for no query.
	ProcessCPU float64 `json:"process_cpu_seconds_total"`
	ClaimedCPU float64 `json:"claimed_cpu_seconds_total"`
	OtherCPU   float64 `json:"other_cpu_seconds_total"`
	// Allocations is how many objects the gateway's process allocated on the heap.
	Allocations float64            `json:"allocations_total"`
	Stages      map[string]float64 `json:"stage_cpu_seconds_total"`
}

// Parse reads the answer of GET /v1/cost.
func Parse(answer []byte) (Snapshot, error) {
	var a struct {
		Totals *Snapshot `json:"totals"`
	}
	if err := json.Unmarshal(answer, &a); err != nil {
		return Snapshot{}, fmt.Errorf("decode the answer of /v1/cost: %w", err)
	}
	if a.Totals == nil {
		return Snapshot{}, errors.New("the answer of /v1/cost has no totals")
	}
	return *a.Totals, nil
}

// Use is what happened between two snapshots.
type Use struct {
	Queries float64
	// CPUMicros is the CPU time of all processes per query, in microseconds, whatever it was spent on.
	CPUMicros float64
	// Coverage is the share of the processes' CPU time, less what was done for no query, that receipts account for. Claimed is
	// their share of all of it.
	Coverage, Claimed float64
	// Allocations is the number of heap objects allocated per query.
	Allocations float64
	// Stages is the CPU time of each stage per query, in microseconds. Unclaimed is what no stage and no other work claimed.
	Stages    map[string]float64
	Unclaimed float64
}

// Between returns what happened from before to after. An error says that counters fell, as when a process was started anew,
// or that nothing was counted.
func Between(before, after Snapshot) (Use, error) {
	queries, process := after.Queries-before.Queries, after.ProcessCPU-before.ProcessCPU
	claimed, other := after.ClaimedCPU-before.ClaimedCPU, after.OtherCPU-before.OtherCPU
	for name, d := range map[string]float64{"queries_total": queries, "process_cpu_seconds_total": process, "claimed_cpu_seconds_total": claimed, "other_cpu_seconds_total": other} {
		if !(d >= 0) || math.IsInf(d, 0) {
			return Use{}, fmt.Errorf("%s fell by %g: a process began anew", name, -d)
		}
	}
	if queries == 0 || process == 0 {
		return Use{}, fmt.Errorf("counted %g queries and %g s of CPU", queries, process)
	}
	perQuery := func(seconds float64) float64 { return seconds * 1e6 / queries }
	u := Use{
		Queries: queries, CPUMicros: perQuery(process), Allocations: max(0, after.Allocations-before.Allocations) / queries,
		Stages: map[string]float64{}, Unclaimed: perQuery(max(0, process-claimed-other)),
	}
	u.Claimed = claimed / process
	if rest := process - other; rest > 0 {
		u.Coverage = claimed / rest
	}
	for name, cpu := range after.Stages {
		if d := cpu - before.Stages[name]; d > 0 {
			u.Stages[name] = perQuery(d)
		}
	}
	return u, nil
}
