// Package meter reads what a haggle says of its own costs, twice, and tells what happened between.
package meter

import (
	"encoding/json"
	"fmt"
	"math"
)

// Snapshot is the counters of GET /v1/cost: sums over all processes since they began.
type Snapshot struct {
	Queries    float64 `json:"queries_total"`
	ProcessCPU float64 `json:"process_cpu_seconds_total"`
	ClaimedCPU float64 `json:"claimed_cpu_seconds_total"`
	OtherCPU   float64 `json:"other_cpu_seconds_total"`
	// Allocations is how many objects were allocated on the heap.
	Allocations float64 `json:"allocations_total"`
	Stages      []Stage `json:"stages"`
}

// Stage is the counters of one stage of the query path.
type Stage struct {
	Name    string  `json:"name"`
	Variant string  `json:"variant"`
	CPU     float64 `json:"cpu_seconds_total"`
}

// label returns the stage's name, with its variant when it has one.
func (s *Stage) label() string {
	if s.Variant == "" {
		return s.Name
	}
	return s.Name + "/" + s.Variant
}

// Parse reads the answer of GET /v1/cost.
func Parse(answer []byte) (Snapshot, error) {
	var s Snapshot
	if err := json.Unmarshal(answer, &s); err != nil {
		return Snapshot{}, fmt.Errorf("decode the answer of /v1/cost: %w", err)
	}
	return s, nil
}

// Use is what happened between two snapshots.
type Use struct {
	Queries float64
	// CPUMicros is the CPU time of all processes per query, in microseconds, whatever it was spent on.
	CPUMicros float64
	// Coverage is the share of the processes' CPU time, less what was done for no query, that receipts account for.
	Coverage float64
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
	if rest := process - other; rest > 0 {
		u.Coverage = claimed / rest
	}
	earlier := map[string]float64{}
	for i := range before.Stages {
		earlier[before.Stages[i].label()] += before.Stages[i].CPU
	}
	later := map[string]float64{}
	for i := range after.Stages {
		later[after.Stages[i].label()] += after.Stages[i].CPU
	}
	for name, cpu := range later {
		if d := cpu - earlier[name]; d > 0 {
			u.Stages[name] = perQuery(d)
		}
	}
	return u, nil
}
