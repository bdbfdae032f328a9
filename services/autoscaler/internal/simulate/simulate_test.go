package simulate

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/xml"
	"errors"
	"io"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestReadTrace(t *testing.T) {
	text := "timestamp,rps\n2026-05-04T12:00:00Z,10\n2026-05-04T12:01:00Z,20.5\n"
	want := Trace{Start: time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC), Times: []float64{0, 60}, Rates: []float64{20, 41}, End: 120}
	got, err := ReadTrace(strings.NewReader(text), 2)
	if err != nil || !cmp.Equal(got, want) {
		t.Errorf("ReadTrace = %v, %v, want %v", got, err, want)
	}
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	io.WriteString(z, text)
	z.Close()
	if got, err := ReadTrace(&packed, 2); err != nil || !cmp.Equal(got, want) {
		t.Errorf("ReadTrace of gzip = %v, %v", got, err)
	}
	seconds, err := ReadTrace(strings.NewReader("rps,x,timestamp\n1,,0\n2,,1\n3,,2\n"), 1)
	if err != nil || seconds.End != 3 || !cmp.Equal(seconds.Rates, []float64{1, 2, 3}) {
		t.Errorf("ReadTrace of seconds in another order = %v, %v", seconds, err)
	}
	for name, c := range map[string]struct{ text, want string }{
		"nothing":       {"", "line 1"},
		"other columns": {"time,load\n1,2\n", "line 1: want the columns timestamp,rps"},
		"one line":      {"timestamp,rps\n0,1\n", "1 lines of data"},
		"a bad rate":    {"timestamp,rps\n0,1\n60,many\n", `line 3: rps "many"`},
		"a negative":    {"timestamp,rps\n0,1\n60,-2\n", `line 3: rps "-2"`},
		"not a number":  {"timestamp,rps\n0,1\n60,NaN\n", `line 3: rps "NaN"`},
		"a bad time":    {"timestamp,rps\nnoon,1\n60,2\n", `line 2: timestamp "noon"`},
		"backwards":     {"timestamp,rps\n60,1\n0,2\n", `line 3: timestamp "0"`},
		"too short":     {"timestamp,rps\n0,1\n60\n", "line 3: 1 fields"},
	} {
		if _, err := ReadTrace(strings.NewReader(c.text), 1); !errors.Is(err, ErrTrace) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("ReadTrace of %s = %v, want %q", name, err, c.want)
		}
	}
}

func FuzzReadTrace(f *testing.F) {
	f.Add([]byte("timestamp,rps\n0,1\n1,2\n"))
	f.Add([]byte("timestamp,rps\n2026-05-04T12:00:00Z,1e3\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		trace, err := ReadTrace(bytes.NewReader(data), 1)
		if err != nil {
			return
		}
		last := math.Inf(-1)
		for i, at := range trace.Times {
			if !(at > last) || !(trace.Rates[i] >= 0) || trace.Rates[i] > maxRate {
				t.Fatalf("step %d: time %g after %g, rate %g", i, at, last, trace.Rates[i])
			}
			last = at
		}
		if !(trace.End > last) {
			t.Fatalf("the end %g is not after the last step %g", trace.End, last)
		}
	})
}

// wave is a day's load of two hours: up and down between 60 and 240 requests a second.
func wave() Trace {
	t := Trace{Start: time.Date(2026, 5, 4, 0, 0, 0, 0, time.UTC), End: 7200}
	for s := 0.0; s < t.End; s += 60 {
		t.Times, t.Rates = append(t.Times, s), append(t.Rates, 150-90*math.Cos(2*math.Pi*s/t.End))
	}
	return t
}

func TestRunIsDeterministicAndAddsUp(t *testing.T) {
	m, trace := service(40), wave()
	run := func() Result {
		r, err := Run(t.Context(), &trace, &m, NewOurs(&m, 0.02), Faults{}, nil)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	r := run()
	if again := run(); !cmp.Equal(r, again, cmpopts.EquateNaNs()) {
		t.Error("two runs of the same seed differ")
	}
	if r.Ledger.Bill <= 0 || r.Ledger.Total() != r.Ledger.Bill {
		t.Errorf("the ledger divides %d of a bill of %d", r.Ledger.Total(), r.Ledger.Bill)
	}
	if got, want := float64(r.Ledger.Bill)/1e9, r.Dollars; math.Abs(got-want) > 1e-6 {
		t.Errorf("bill %g, replica-hours come to %g", got, want)
	}
	if r.Misses() > 0.01 || r.Degraded() > 0.03 {
		t.Errorf("%s", r.String())
	}
	b, err := Bound(t.Context(), &trace, &m)
	if err != nil || b.FluidHours >= b.OracleHours || b.OracleHours > r.ReplicaHours*1.1 {
		t.Errorf("bounds %+v, %v, for a run of %g h", b, err, r.ReplicaHours)
	}
	var picture bytes.Buffer
	if err := Draw(&picture, trace.Start, &r); err != nil {
		t.Fatal(err)
	}
	if err := xml.Unmarshal(picture.Bytes(), new(struct{})); err != nil {
		t.Errorf("the picture is not XML: %v", err)
	}
}

func TestEveryPolicyGetsTheSameRequests(t *testing.T) {
	m, trace := service(40), wave()
	counts := map[float64]bool{}
	for _, p := range []Policy{NewOurs(&m, 0.02), NewOurs(&m, 0), &Static{N: 8}, &HPA{Rate: 41}, &HPA{Utilisation: 0.7}, &KPA{Target: 1.6}} {
		r, err := Run(t.Context(), &trace, &m, p, Faults{}, nil)
		if err != nil {
			t.Fatal(err)
		}
		counts[r.Requests] = true
		if r.Misses() > 0.05 {
			t.Errorf("%T: %s", p, r.String())
		}
	}
	if len(counts) != 1 {
		t.Errorf("policies were given %v requests", counts)
	}
}

func TestRunEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	m, trace := service(40), wave()
	if _, err := Run(ctx, &trace, &m, &Static{N: 2}, Faults{}, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("Run = %v, want that it was cancelled", err)
	}
	if _, err := Bound(ctx, &trace, &m); !errors.Is(err, context.Canceled) {
		t.Errorf("Bound = %v, want that it was cancelled", err)
	}
}
