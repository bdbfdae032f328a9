package decide

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/haggle-commerce/haggle/libs/cost"
	"github.com/haggle-commerce/haggle/services/autoscaler/internal/demand"
)

var (
	update = flag.Bool("update", false, "write the golden files anew")
	noon   = time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)
	rules  = Rules{P99: 50 * time.Millisecond, Spare: 0.2, Least: 1, Most: 20, Hold: 2 * time.Minute}
)

// busy is a pool of replicas of one core that is asked so many times a second, at 10 ms each.
func busy(replicas int, arrivals float64) demand.Pool {
	return demand.Pool{
		Name: "ranking", Services: []string{"ranking"}, Replicas: replicas, Fresh: replicas, Cores: 1, MemoryBytes: 1 << 30, Asked: true,
		Arrivals: arrivals, CPUSeconds: 0.01, Background: 0.02, Used: 0.02 + arrivals*0.01/float64(replicas), P99: 20 * time.Millisecond, Spread: 1,
	}
}

func only(t *testing.T, p Plan) Advice {
	t.Helper()
	if len(p.Pools) != 1 {
		t.Fatalf("the plan has %d pools", len(p.Pools))
	}
	return p.Pools[0]
}

func TestAdvice(t *testing.T) {
	for _, c := range []struct {
		name     string
		pool     func() demand.Pool
		action   Action
		replicas int
		cores    float64
		reason   string
	}{
		{"too few", func() demand.Pool { return busy(2, 300) }, Up, 8, 1, "8 replicas of 1 cores keep the p99 wait under 5 ms, 2 do not"},
		{"as many as needed", func() demand.Pool { return busy(8, 300) }, Hold, 8, 1, "8 is the fewest"},
		{"too many, for now", func() demand.Pool { return busy(12, 300) }, Hold, 12, 1, "8 would be enough, for 0s so far"},
		{"more than is allowed", func() demand.Pool { return busy(10, 3000) }, Up, 20, 1, "the most that are allowed, do not hold"},
		{"all silent", func() demand.Pool {
			p := busy(3, 300)
			p.Fresh, p.Silent, p.Silence, p.Arrivals, p.Asked = 0, 3, 90*time.Second, 0, false
			return p
		}, Hold, 3, 1, "nothing was heard for 1m30s: held, because silence is not idleness"},
		{"all young", func() demand.Pool {
			p := busy(3, 0)
			p.Fresh, p.Young, p.Asked = 0, 3, false
			return p
		}, Hold, 3, 1, "too short a time"},
		{"one silent, too many", func() demand.Pool {
			p := busy(12, 300)
			p.Fresh, p.Silent, p.Silence = 11, 1, 10*time.Second
			return p
		}, Hold, 12, 1, "of 12 replicas 1 are silent and 0 too young: held"},
		{"one silent, too few", func() demand.Pool {
			p := busy(2, 300)
			p.Fresh, p.Silent, p.Silence = 1, 1, 10*time.Second
			return p
		}, Up, 8, 1, "1 of 2 replicas are silent for up to 10s and taken as average ones"},
		{"not asked", func() demand.Pool {
			p := busy(1, 0)
			p.Name, p.Asked, p.Used = "trainer", false, 0.7
			return p
		}, Hold, 1, 1, "answers no requests, so its size is set by hand; it uses 0.70 of 1 cores"},
		{"refused", func() demand.Pool {
			p := busy(2, 300)
			p.Shed = 12.5
			return p
		}, Up, 8, 1, "12.5 requests/s are refused"},
		{"slow by itself", func() demand.Pool {
			p := busy(8, 300)
			p.P99 = 200 * time.Millisecond
			return p
		}, Hold, 8, 1, "more replicas will not make the work itself shorter"},
		{"cores not said", func() demand.Pool {
			p := busy(8, 300)
			p.Cores = 0
			return p
		}, Hold, 8, 1, "taken as 1 each"},
		{"the background leaves nothing", func() demand.Pool {
			p := busy(2, 10)
			p.Background = 1.2
			return p
		}, Up, 20, 1, "do not hold"},
		{"all in one, too small", func() demand.Pool {
			p := busy(1, 300)
			p.Name, p.Services = "haggle", []string{"gateway", "ranking", "recall"}
			return p
		}, Up, 1, 8, "8 cores keep the p99 wait under 5 ms beside 0.02 cores of other work, 1 do not"},
		{"all in one, too large", func() demand.Pool {
			p := busy(1, 10)
			p.Name, p.Services, p.Cores = "haggle", []string{"gateway", "ranking", "recall"}, 8
			return p
		}, Hold, 1, 8, "would be enough, for 0s so far"},
	} {
		var d Decider
		a := only(t, d.Plan(noon, rules, []demand.Pool{c.pool()}, cost.DefaultPrices()))
		if a.Action != c.action || a.Replicas != c.replicas || a.Cores != c.cores || !strings.Contains(strings.Join(a.Reasons, "\n"), c.reason) {
			t.Errorf("%s: %s to %d replicas of %v cores, want %s to %d of %v because %q; reasons:\n%s", c.name, a.Action, a.Replicas, a.Cores, c.action, c.replicas, c.cores, c.reason, strings.Join(a.Reasons, "\n"))
		}
	}
}

// Down only after less was enough for the whole hold, then gently, and not below what any moment of it needed.
func TestDownHoldsFirst(t *testing.T) {
	var d Decider
	at := func(s int) time.Time { return noon.Add(time.Duration(s) * time.Second) }
	plan := func(s int, p demand.Pool) Advice {
		return only(t, d.Plan(at(s), rules, []demand.Pool{p}, cost.DefaultPrices()))
	}
	for s := 0; s < 120; s += 10 {
		arrivals := 300.0
		if s == 50 {
			arrivals = 420 // ten replicas
		}
		if a := plan(s, busy(16, arrivals)); a.Action != Hold || a.Replicas != 16 {
			t.Fatalf("after %d s: %s to %d, want it held at 16", s, a.Action, a.Replicas)
		}
	}
	if a := plan(120, busy(16, 300)); a.Action != Down || a.Replicas != 12 {
		t.Errorf("after 2 min: %s to %d, want down by three tenths, to 12: %q", a.Action, a.Replicas, a.Reasons)
	}
	// A need for all of them starts the time anew.
	if a := plan(130, busy(16, 900)); a.Action == Down {
		t.Errorf("under load: %s", a.Action)
	}
	if a := plan(260, busy(16, 300)); a.Action != Hold {
		t.Errorf("right after load: %s to %d, want it held", a.Action, a.Replicas)
	}
	if a := plan(380, busy(16, 300)); a.Action != Down {
		t.Errorf("2 min after load: %s to %d, want down", a.Action, a.Replicas)
	}
}

func TestDownReachesTheLeast(t *testing.T) {
	var d Decider
	now, replicas := noon, 12
	for range 40 {
		now = now.Add(3 * time.Minute)
		a := only(t, d.Plan(now, rules, []demand.Pool{busy(replicas, 1)}, cost.DefaultPrices()))
		if a.Replicas > replicas || replicas > 1 && a.Action == Up {
			t.Fatalf("%s from %d to %d at next to no load", a.Action, replicas, a.Replicas)
		}
		replicas = a.Replicas
	}
	if replicas != 1 {
		t.Errorf("ended at %d replicas, want 1", replicas)
	}
}

func TestPrices(t *testing.T) {
	var d Decider
	gateway := busy(2, 100)
	gateway.Name, gateway.Services = "gateway", []string{"gateway"}
	p := d.Plan(noon, rules, []demand.Pool{gateway, busy(2, 300)}, cost.DefaultPrices())
	// A replica of 1 core and 1 GiB is $0.045 an hour: 4 now, and by the plan 8 for ranking and 5 for the gateway's 1.2 erlangs.
	if math.Abs(p.HourNow-4*0.045) > 1e-9 || math.Abs(p.Hour-13*0.045) > 1e-9 {
		t.Errorf("prices = %v now, %v by the plan", p.HourNow, p.Hour)
	}
	// 100 queries a second are 360,000 an hour.
	if p.QueriesPerSecond != 100 || p.PerThousandNow == nil || math.Abs(*p.PerThousandNow-p.HourNow/360) > 1e-12 || math.Abs(*p.PerThousand-p.Hour/360) > 1e-12 {
		t.Errorf("per 1,000 = %v and %v at %v queries/s", *p.PerThousandNow, *p.PerThousand, p.QueriesPerSecond)
	}
	if idle := d.Plan(noon, rules, nil, cost.DefaultPrices()); idle.PerThousandNow != nil || idle.Hour != 0 {
		t.Errorf("no pools: %+v, want no price per 1,000", idle)
	}
}

// Whatever is measured, a plan stays within its bounds, never cuts what it does not know, says why, and can be written.
func TestPlanProperties(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 1))
	odd := []float64{0, 1e-12, 1, 1e9, math.Inf(1), math.NaN()}
	var d Decider
	for round := range 5000 {
		p := busy(1+random.IntN(30), 1000*random.Float64())
		p.Fresh = random.IntN(p.Replicas + 1)
		p.Silent = random.IntN(p.Replicas - p.Fresh + 1)
		p.Young = p.Replicas - p.Fresh - p.Silent
		for _, x := range []*float64{&p.Arrivals, &p.CPUSeconds, &p.Background, &p.Used, &p.Spread} {
			if random.IntN(6) == 0 {
				*x = odd[random.IntN(len(odd))]
			}
		}
		if random.IntN(4) == 0 {
			p.Services = []string{"gateway", "recall"}
		}
		before := p.Replicas
		plan := d.Plan(noon.Add(time.Duration(round)*10*time.Second), rules, []demand.Pool{p}, cost.DefaultPrices())
		a := only(t, plan)
		unknown := p.Silent > 0 || p.Young > 0
		switch {
		case a.Replicas < 1 || a.Replicas > max(rules.Most, before):
			t.Fatalf("%+v: %d replicas are out of bounds", p, a.Replicas)
		case unknown && (a.Replicas < before || a.Cores < a.CoresNow):
			t.Fatalf("%+v: cut from %d to %d although some are unknown", p, before, a.Replicas)
		case p.Fresh == 0 && a.Action != Hold:
			t.Fatalf("%+v: %s although nothing is known", p, a.Action)
		case a.Action == Down && float64(a.Replicas) < gentle*float64(before)-1:
			t.Fatalf("%+v: down from %d to %d at once", p, before, a.Replicas)
		case len(a.Reasons) == 0:
			t.Fatalf("%+v: no reason", p)
		}
	}
}

func example() Plan {
	var d Decider
	gateway := busy(2, 50)
	gateway.Name, gateway.Services, gateway.CPUSeconds, gateway.Used = "gateway", []string{"gateway"}, 0.0005, 0.05
	silent := busy(1, 0)
	silent.Name, silent.Fresh, silent.Silent, silent.Silence, silent.Used = "recall", 0, 1, 42*time.Second, 0
	return d.Plan(noon, rules, []demand.Pool{gateway, busy(2, 300), silent}, cost.DefaultPrices())
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

func TestGolden(t *testing.T) {
	p := example()
	var table bytes.Buffer
	if err := p.WriteTable(&table); err != nil {
		t.Fatal(err)
	}
	golden(t, "plan.golden", table.Bytes())
	encoded, err := json.MarshalIndent(p, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "plan.golden.json", append(encoded, '\n'))
	var back Plan
	if err := json.Unmarshal(encoded, &back); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(p, back); diff != "" {
		t.Errorf("the plan reads as (-want +got):\n%s", diff)
	}
	table.Reset()
	if err := new(Plan).WriteTable(&table); err != nil || !strings.Contains(table.String(), "no service was heard of") {
		t.Errorf("the table of nothing = %q, %v", table.String(), err)
	}
}

func TestSame(t *testing.T) {
	a, b := example(), example()
	b.Time, b.Pools[0].Arrivals = b.Time.Add(time.Hour), 51
	if !Same(a, b) {
		t.Error("other figures make another plan")
	}
	b.Pools[1].Replicas++
	if Same(a, b) || Same(a, Plan{}) {
		t.Error("other replicas make the same plan")
	}
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("disk full") }

func TestWriteErrors(t *testing.T) {
	p := example()
	if p.WriteTable(full{}) == nil {
		t.Error("a failed write is not reported")
	}
}
