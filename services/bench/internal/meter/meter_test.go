package meter

import (
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

const answer = `{"currency":"USD","groups":[],"totals":{"queries_total":100,"degraded_total":3,"process_cpu_seconds_total":2,"claimed_cpu_seconds_total":1,
	"other_cpu_seconds_total":0.5,"allocations_total":1000,"stage_cpu_seconds_total":{"recall":0.4,"rank":0.3}}}`

func TestParse(t *testing.T) {
	got, err := Parse([]byte(answer))
	want := Snapshot{
		Queries: 100, ProcessCPU: 2, ClaimedCPU: 1, OtherCPU: 0.5, Allocations: 1000,
		Stages: map[string]float64{"recall": 0.4, "rank": 0.3},
	}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("Parse: %v (-want +got):\n%s", err, diff)
	}
	for _, wrong := range []string{"404 page not found", `{"currency":"USD"}`, `{"totals":{"queries_total":"many"}}`} {
		if _, err := Parse([]byte(wrong)); err == nil {
			t.Errorf("Parse accepts %s", wrong)
		}
	}
}

func TestBetween(t *testing.T) {
	before, err := Parse([]byte(answer))
	if err != nil {
		t.Fatal(err)
	}
	after := Snapshot{
		Queries: 1100, ProcessCPU: 3.25, ClaimedCPU: 1.9, OtherCPU: 0.75, Allocations: 51000,
		Stages: map[string]float64{"recall": 0.7, "rank": 0.3, "gateway": 0.1},
	}
	// 1,000 queries took 1.25 s, of which 0.25 s for no query and 0.9 s by receipts: 0.9 of the remaining 1.0 s.
	want := Use{Queries: 1000, CPUMicros: 1250, Coverage: 0.9, Claimed: 0.72, Allocations: 50, Stages: map[string]float64{"recall": 300, "gateway": 100}, Unclaimed: 100}
	got, err := Between(before, after)
	if diff := cmp.Diff(want, got, cmpopts.EquateApprox(1e-9, 0)); diff != "" || err != nil {
		t.Errorf("Between: %v (-want +got):\n%s", err, diff)
	}
}

func TestBetweenRefuses(t *testing.T) {
	base := Snapshot{Queries: 10, ProcessCPU: 10, ClaimedCPU: 5, OtherCPU: 1}
	for name, c := range map[string]struct {
		change func(*Snapshot)
		want   string
	}{
		"nothing asked": {func(s *Snapshot) { s.ProcessCPU++ }, "0 queries"},
		"no CPU":        {func(s *Snapshot) { s.Queries++ }, "0 s of CPU"},
		"queries fell":  {func(s *Snapshot) { s.Queries = 0 }, "queries_total fell"},
		"CPU fell":      {func(s *Snapshot) { s.Queries, s.ProcessCPU = 20, 1 }, "process_cpu_seconds_total fell"},
		"not a number":  {func(s *Snapshot) { s.Queries, s.ProcessCPU, s.ClaimedCPU = 20, 20, math.NaN() }, "claimed_cpu_seconds_total fell"},
	} {
		after := base
		c.change(&after)
		if _, err := Between(base, after); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: Between = %v, want %q", name, err, c.want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(answer), []byte(answer))
	f.Fuzz(func(t *testing.T, a, b []byte) {
		before, err := Parse(a)
		if err != nil {
			return
		}
		after, err := Parse(b)
		if err != nil {
			return
		}
		if u, err := Between(before, after); err == nil && (u.CPUMicros < 0 || u.Coverage < 0 || u.Unclaimed < 0) {
			t.Errorf("Between(%s, %s) = %+v", a, b, u)
		}
	})
}
