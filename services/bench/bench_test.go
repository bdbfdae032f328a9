package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/haggle-commerce/haggle/services/bench/internal/report"
	"github.com/haggle-commerce/haggle/services/bench/internal/schedule"
	"github.com/haggle-commerce/haggle/services/bench/internal/shopper"
)

// target answers as a haggle does. serve is called for each query once the catalogue was discovered.
type target struct {
	*httptest.Server
	serve   func(w http.ResponseWriter, r *http.Request)
	queries atomic.Int64
	events  atomic.Int64
	costs   func() string
}

func newTarget(t *testing.T, serve http.HandlerFunc) *target {
	t.Helper()
	h := &target{serve: serve}
	// Each query takes 1 ms of CPU, of which receipts claim 0.9 ms; nothing else is done.
	h.costs = func() string {
		n := h.queries.Load()
		return fmt.Sprintf(`{"totals":{"queries_total":%d,"process_cpu_seconds_total":%g,"claimed_cpu_seconds_total":%g,"other_cpu_seconds_total":3,
			"allocations_total":%d,"stage_cpu_seconds_total":{"recall":%g}}}`, n, 3+float64(n)/1000, float64(n)*0.9/1000, n*50, float64(n)*0.5/1000)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/cost", func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, h.costs()) })
	mux.HandleFunc("POST /v1/events", func(w http.ResponseWriter, r *http.Request) {
		h.events.Add(1)
		w.WriteHeader(http.StatusAccepted)
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		if bytes.Contains(body, []byte(`"facets"`)) { // only discovery asks for facets
			fmt.Fprint(w, `{"results":[{"id":"1","item":{"title":"Red jacket","brand":"acme","categories":["All","Jackets"]}},{"id":"2","item":{"title":"Blue jeans"}}],"degraded":[]}`)
			return
		}
		h.queries.Add(1)
		h.serve(w, r)
	})
	h.Server = httptest.NewServer(mux)
	t.Cleanup(h.Close)
	return h
}

func fine(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"results":[],"degraded":[]}`) }

// quick returns a configuration for a short run at a constant rate.
func quick(h *target, rate float64, d time.Duration) Config {
	c := Default()
	c.Target, c.Rate, c.Duration, c.Warmup, c.Arrivals, c.Visitors = h.URL, rate, d, 50*time.Millisecond, schedule.Constant, 10
	return c
}

func run(t *testing.T, c Config) *report.Report {
	t.Helper()
	if err := c.Check(); err != nil {
		t.Fatal(err)
	}
	r, err := Load(t.Context(), c, nil)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestLoadCounts(t *testing.T) {
	h := newTarget(t, fine)
	r := run(t, quick(h, 400, 400*time.Millisecond))
	if r.Sent < 158 || r.Sent > 161 || r.Errors != 0 || r.Degraded != 0 || r.Exhausted != 0 {
		t.Errorf("sent %d, errors %d, degraded %d, exhausted %d, want 160 and no fault", r.Sent, r.Errors, r.Degraded, r.Exhausted)
	}
	if r.QPS < 390 || r.QPS > 405 {
		t.Errorf("qps = %v, want 400", r.QPS)
	}
	if r.P50 <= 0 || r.P50 > r.P90 || r.P90 > r.P99 || r.P99 > r.P999 || r.P999 > r.Max {
		t.Errorf("percentiles %v %v %v %v %v do not rise", r.P50, r.P90, r.P99, r.P999, r.Max)
	}
	if r.CPUMicros == nil || !within(*r.CPUMicros, 1000, 1) || !within(*r.Coverage, 0.9, 0.001) || !within(r.Stages["recall"], 500, 1) || !within(*r.AllocsPerQuery, 50, 0.1) {
		t.Errorf("cost = %v, coverage %v, stages %v, allocations %v; notes %q", r.CPUMicros, r.Coverage, r.Stages, r.AllocsPerQuery, r.Notes)
	}
	if got := r.Kinds["search"].Sent + r.Kinds["recommend"].Sent; got != r.Sent || r.Kinds["search"].Sent < 40 {
		t.Errorf("kinds = %+v, want search and recommend by halves", r.Kinds)
	}
	if h.events.Load() == 0 {
		t.Error("visitors were given no history")
	}
}

func within(got, want, tolerance float64) bool { return got >= want-tolerance && got <= want+tolerance }

// A target that stalls makes everybody wait who comes meanwhile. A closed loop would see as many slow answers as it has workers
// and a good median; an open loop must see them all.
func TestStallIsSeen(t *testing.T) {
	const rate, stall = 200.0, 300 * time.Millisecond
	var once sync.Once
	over := make(chan struct{})
	h := newTarget(t, func(w http.ResponseWriter, r *http.Request) {
		once.Do(func() { time.AfterFunc(stall, func() { close(over) }) })
		<-over
		fine(w, r)
	})
	c := quick(h, rate, 600*time.Millisecond)
	c.Warmup = 0
	r := run(t, c)
	// The stall begins with the first query; those due in it, half of all, wait 150 ms on average.
	if r.Sent < 118 || r.Errors != 0 {
		t.Errorf("sent %d with %d errors, want 120 without", r.Sent, r.Errors)
	}
	if r.Max < 280 || r.P90 < 180 {
		t.Errorf("p90 %v ms, most %v ms, want over 180 and 280 after a stall of 300 ms in 600 ms", r.P90, r.Max)
	}
}

func TestFailuresAreCounted(t *testing.T) {
	var n atomic.Int64
	h := newTarget(t, func(w http.ResponseWriter, r *http.Request) {
		switch n.Add(1) % 4 {
		case 0:
			w.WriteHeader(http.StatusServiceUnavailable)
		case 1:
			fmt.Fprint(w, `{"results":[],"degraded":["rank:no_model","features:redis"],"took_ms":1}`)
		case 2:
			<-r.Context().Done() // never answers
		default:
			fine(w, r)
		}
	})
	c := quick(h, 200, 400*time.Millisecond)
	c.Warmup, c.Timeout, c.Mix = 0, 100*time.Millisecond, shopper.Mix{{Kind: shopper.Trending, Weight: 1}}
	r := run(t, c)
	want := map[string]int64{"503": r.Failures["503"], "timeout": r.Failures["timeout"]}
	if diff := cmp.Diff(want, r.Failures); diff != "" || want["503"] < 15 || want["timeout"] < 15 || r.Errors != want["503"]+want["timeout"] {
		t.Errorf("%d errors, failures %v (-want +got):\n%s", r.Errors, r.Failures, diff)
	}
	if r.Degraded < 15 || r.DegradedBy["rank:no_model"] != r.Degraded || r.DegradedBy["features:redis"] != r.Degraded {
		t.Errorf("%d degraded by %v", r.Degraded, r.DegradedBy)
	}
	if r.P99 < 100 {
		t.Errorf("p99 = %v ms, want the time that lost queries waited, 100 ms", r.P99)
	}
}

func TestExhaustionIsCounted(t *testing.T) {
	h := newTarget(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	c := quick(h, 100, 300*time.Millisecond)
	c.Warmup, c.Concurrency, c.Timeout = 0, 5, 600*time.Millisecond
	r := run(t, c)
	if r.Exhausted != r.Sent-5 || r.Errors != r.Sent || r.Failures["not sent"] != r.Exhausted || r.QPS != 0 || r.P50 < 590 {
		t.Errorf("sent %d, exhausted %d, errors %d, p50 %v ms, want all but 5 not sent and all failed", r.Sent, r.Exhausted, r.Errors, r.P50)
	}
}

func TestCostUnknown(t *testing.T) {
	h := newTarget(t, fine)
	h.costs = func() string { return "<html>" }
	r := run(t, quick(h, 100, 100*time.Millisecond))
	if r.CPUMicros != nil || r.Coverage != nil || !slices.ContainsFunc(r.Notes, func(n string) bool { return strings.HasPrefix(n, "cost is unknown") }) {
		t.Errorf("cost = %v, notes %q, want a note that it is unknown", r.CPUMicros, r.Notes)
	}
}

func TestLoadEndsWithItsContext(t *testing.T) {
	h := newTarget(t, fine)
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(100*time.Millisecond, cancel)
	c := quick(h, 50, time.Hour)
	if _, err := Load(ctx, c, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("Load = %v, want %v", err, context.Canceled)
	}
}

func TestFindMax(t *testing.T) {
	// One worker that takes 5 ms: 200 queries per second at most. The first run is spoilt by a pause, as happens on a busy machine.
	var pause sync.Once
	var worker sync.Mutex
	h := newTarget(t, func(w http.ResponseWriter, r *http.Request) {
		worker.Lock()
		pause.Do(func() { <-time.After(150 * time.Millisecond) })
		<-time.After(5 * time.Millisecond)
		worker.Unlock()
		fine(w, r)
	})
	c := quick(h, 100, 200*time.Millisecond)
	c.Warmup = 0
	c.FindMax = Objective{Metric: "p99_ms", Limit: 60}
	var lines atomic.Int64
	r, err := Load(t.Context(), c, func(string) { lines.Add(1) })
	if err != nil {
		t.Fatal(err)
	}
	if r.FindMax == nil || r.FindMax.MaxQPS < 20 || r.FindMax.MaxQPS > 260 {
		t.Fatalf("found %+v, want at most about 200 queries per second", r.FindMax)
	}
	if first := r.FindMax.Steps[:2]; first[0].Met || first[1].Rate != first[0].Rate {
		t.Errorf("first steps %+v, want the spoilt one tried again", first)
	}
	missed := slices.ContainsFunc(r.FindMax.Steps, func(s report.Step) bool { return !s.Met })
	if !missed || r.P99 > 60 || lines.Load() == 0 {
		t.Errorf("steps %+v, best p99 %v, %d lines of progress", r.FindMax.Steps, r.P99, lines.Load())
	}
}

// Whatever the limit of the target is, the search ends near it, from above or below.
func TestRatesCloseIn(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 1))
	for range 500 {
		limit, begin := 1+1e4*random.Float64(), 1+1e3*random.Float64()
		s := newRates(begin)
		steps := 0
		for rate, more := s.first(), true; more; steps++ {
			if steps > 2*maxSteps {
				t.Fatalf("limit %v from %v: no end in %d steps", limit, begin, steps)
			}
			rate, more = s.after(rate, rate <= limit)
		}
		if s.good > limit || s.bad < limit || s.bad/s.good > closeness+1e-9 {
			t.Errorf("limit %v from %v: ended between %v and %v", limit, begin, s.good, s.bad)
		}
	}
	s := newRates(100)
	for rate, more := s.first(), true; more; {
		rate, more = s.after(rate, false)
	}
	if s.good != 0 || s.bad > 1.2 {
		t.Errorf("nothing is met: ended between %v and %v", s.good, s.bad)
	}
}

func TestParseObjective(t *testing.T) {
	for text, want := range map[string]string{
		"p99_ms=50": "p99_ms=50", "p999_ms=0.5": "p999_ms=0.5", "p50_ms=1e2": "p50_ms=100",
		"": "", "p99_ms": "", "p98_ms=50": "", "p99_ms=0": "", "p99_ms=-1": "", "p99_ms=NaN": "", "p99_ms=1e9": "",
	} {
		o, err := ParseObjective(text)
		if (err != nil) != (want == "") || err == nil && o.String() != want {
			t.Errorf("ParseObjective(%q) = %v, %v, want %q", text, o, err, want)
		}
	}
}

func TestCheck(t *testing.T) {
	good := Default()
	good.Target = "http://x"
	if err := good.Check(); err != nil {
		t.Errorf("Check of the default = %v", err)
	}
	err := (&Config{Rate: -1, Warmup: -1}).Check()
	for _, field := range []string{"target", "rate", "duration", "warmup", "mix", "arrivals", "visitors", "concurrency", "timeout"} {
		if err == nil || !strings.Contains(err.Error(), field+" ") {
			t.Errorf("Check of nothing = %v, want a fault of %s", err, field)
		}
	}
}

func TestOmittedIn(t *testing.T) {
	for body, want := range map[string][]string{
		``:                           nil,
		`{"results":[]}`:             nil,
		`{"degraded":[]}`:            nil,
		`{"degraded":["bus"],"x":1}`: {"bus"},
		`{"results":[{"item":{"title":"a \"degraded\":[\"x\"] b"}}],"degraded":["a","b"]}`: {"a", "b"},
		`{"degraded":[1]}`:   {"unreadable"},
		`{"degraded":["bus"`: nil,
	} {
		if diff := cmp.Diff(want, omittedIn([]byte(body))); diff != "" {
			t.Errorf("omittedIn(%s) (-want +got):\n%s", body, diff)
		}
	}
}

func FuzzOmittedIn(f *testing.F) {
	f.Add([]byte(`{"degraded":["bus"]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		before := bytes.Clone(body)
		omittedIn(body)
		if !bytes.Equal(before, body) {
			t.Errorf("omittedIn changed %q into %q", before, body)
		}
	})
}

func TestCommand(t *testing.T) {
	h := newTarget(t, fine)
	h2 := httptest.NewServer(http.NotFoundHandler())
	defer h2.Close()
	short := []string{"-rate", "100", "-duration", "100ms", "-warmup", "0s", "-visitors", "2"}
	for _, c := range []struct {
		name           string
		args           []string
		code           int
		stdout, stderr string
	}{
		{"nothing", nil, exitUsage, "", "haggle-bench load --target"},
		{"help", []string{"help"}, exitFine, "haggle-bench load --target", ""},
		{"unknown", []string{"lift"}, exitUsage, "", `no command "lift"`},
		{"flags", []string{"load", "--help"}, exitFine, "-find-max objective", ""},
		{"no target", []string{"load"}, exitUsage, "", "target is missing"},
		{"bad mix", []string{"load", "--mix", "x=1"}, exitUsage, "", "want kind=weight"},
		{"bad pattern", []string{"load", "--arrivals", "burst"}, exitUsage, "", "must be poisson or constant"},
		{"left over", []string{"load", "--target", h.URL, "now"}, exitUsage, "", "takes flags alone"},
		{"unknown flag", []string{"load", "--speed", "9"}, exitUsage, "", "-speed"},
		{"not there", []string{"load", "--target", "http://127.0.0.1:1"}, exitFault, "", "is haggle running at http://127.0.0.1:1?"},
		{"not a haggle", []string{"load", "--target", h2.URL}, exitFault, "", "/v1/search answered 404"},
		{"table", append([]string{"load", "--target", h.URL}, short...), exitFine, "queries/s", ""},
	} {
		var stdout, stderr bytes.Buffer
		code := Command(t.Context(), c.args, &stdout, &stderr)
		if code != c.code || !strings.Contains(stdout.String(), c.stdout) || !strings.Contains(stderr.String(), c.stderr) || c.stderr == "" && stderr.Len() > 0 {
			t.Errorf("%s: exit code %d, want %d; stdout %q, want %q; stderr %q, want %q", c.name, code, c.code, stdout.String(), c.stdout, stderr.String(), c.stderr)
		}
	}
	var stdout, stderr bytes.Buffer
	args := append([]string{"load", "--target", h.URL, "--mix", "search=1,recommend=1", "--json"}, short...)
	if code := Command(t.Context(), args, &stdout, &stderr); code != exitFine {
		t.Fatalf("exit code %d: %s", code, stderr.String())
	}
	var keys map[string]any
	if err := json.Unmarshal(stdout.Bytes(), &keys); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"qps", "p50_ms", "p99_ms", "errors", "degraded", "cpu_us_per_query", "ledger_coverage"} {
		if _, isNumber := keys[key].(float64); !isNumber {
			t.Errorf("key %s is %v, want a number", key, keys[key])
		}
	}
}
