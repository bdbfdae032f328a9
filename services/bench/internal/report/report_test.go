package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files anew")

func example() *Report {
	cpu, coverage, allocs := 812.5, 0.934, 410.0
	return &Report{
		QPS: 499.2, P50: 1.25, P90: 3.5, P99: 8.75, P999: 20, Max: 31.5, Errors: 3, Degraded: 2, CPUMicros: &cpu, Coverage: &coverage, AllocsPerQuery: &allocs,
		Sent: 4995, LateStarts: 4, Exhausted: 1, Stages: map[string]float64{"recall": 150, "rank/trees": 300, "gateway": 150, "unclaimed": 50},
		Kinds:    map[string]Kind{"search": {Sent: 2500, Errors: 3, P50: 1.5, P99: 9}, "recommend": {Sent: 2495, P50: 1, P99: 8}},
		Failures: map[string]int64{"503": 2, "not sent": 1}, DegradedBy: map[string]int64{"rank:no_model": 2},
		Target: "http://127.0.0.1:8080", Mix: "search=1,recommend=1", Rate: 500, Arrivals: "poisson", Seconds: 10, Warmup: 2, Seed: 1,
		FindMax: &FindMax{Objective: "p99_ms=50", MaxQPS: 499.2, Steps: []Step{{Rate: 500, QPS: 499.2, P50: 1.25, P99: 8.75, Met: true}, {Rate: 750, QPS: 700, P50: 20, P99: 80}}},
		Notes:   []string{"the generator shared the cores"},
	}
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v (run with -update to write it)", err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", name, diff)
	}
}

func TestTable(t *testing.T) {
	var full, bare bytes.Buffer
	if err := example().WriteTable(&full); err != nil {
		t.Fatal(err)
	}
	golden(t, "full.golden", full.Bytes())
	if err := (&Report{Target: "http://x", Mix: "search=1", Rate: 1, Arrivals: "constant"}).WriteTable(&bare); err != nil {
		t.Fatal(err)
	}
	golden(t, "bare.golden", bare.Bytes())
}

func TestJSON(t *testing.T) {
	var b bytes.Buffer
	if err := example().WriteJSON(&b); err != nil {
		t.Fatal(err)
	}
	golden(t, "full.golden.json", b.Bytes())
	// The keys that others read are there even when nothing is known.
	b.Reset()
	if err := new(Report).WriteJSON(&b); err != nil {
		t.Fatal(err)
	}
	var keys map[string]any
	if err := json.Unmarshal(b.Bytes(), &keys); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"qps", "p50_ms", "p99_ms", "errors", "degraded", "cpu_us_per_query", "ledger_coverage"} {
		if _, there := keys[key]; !there {
			t.Errorf("an empty report lacks %s", key)
		}
	}
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("disk full") }

func TestWriteErrors(t *testing.T) {
	if example().WriteTable(full{}) == nil || example().WriteJSON(full{}) == nil {
		t.Error("a failed write is not reported")
	}
}
