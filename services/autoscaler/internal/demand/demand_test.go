package demand

import (
	"encoding/json"
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/haggle-commerce/haggle/libs/wire"
)

var noon = time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)

// life makes the vitals of an instance that is asked arrivals times a second, at cpu seconds each, beside other cores of work.
type life struct {
	service, instance, process string
	arrivals, cpu, other       float64
	// skew is how far the instance's clock is off.
	skew time.Duration
}

// at returns the vitals at a second of the life. Everything is counted from its beginning.
func (l life) at(second float64) wire.Vitals {
	n := uint64(l.arrivals * second)
	v := wire.Vitals{
		Service: l.service, Instance: l.instance, Process: l.process, Time: noon.Add(l.skew + time.Duration(second*1e9)),
		Arrivals: n, Done: n, Cores: 2, MemoryBytes: 1 << 30,
		ProcessNanos: uint64((l.arrivals*l.cpu + l.other) * second * 1e9), OtherNanos: uint64(l.other * second * 1e9),
	}
	v.Latency = make([]uint64, len(wire.LatencyBounds)+1)
	v.Latency[4] = n // up to 10 ms
	return v
}

// tell feeds the vitals of seconds [from, to) of some lives to an observer, as they are heard.
func tell(t *testing.T, o *Observer, from, to int, lives ...life) {
	t.Helper()
	for s := from; s < to; s++ {
		for _, l := range lives {
			if !o.Add(l.at(float64(s)), noon.Add(time.Duration(s)*time.Second)) {
				t.Fatalf("vitals of %s at second %d are not believed", l.instance, s)
			}
		}
	}
}

func at(second float64) time.Time { return noon.Add(time.Duration(second * 1e9)) }

func near(got, want float64) bool { return math.Abs(got-want) <= 0.02*math.Abs(want)+1e-9 }

func TestRates(t *testing.T) {
	var o Observer
	// Clocks that are off, by a day even, do not matter: an instance is compared with itself.
	tell(t, &o, 0, 90,
		life{service: "ranking", instance: "a", arrivals: 100, cpu: 0.002, other: 0.1},
		life{service: "ranking", instance: "b", arrivals: 300, cpu: 0.002, other: 0.1, skew: 24 * time.Hour},
		life{service: "trainer", instance: "c", other: 0.5})
	pools := o.Pools(at(90))
	if len(pools) != 2 || pools[0].Name != "ranking" || pools[1].Name != "trainer" {
		t.Fatalf("pools = %+v", pools)
	}
	p := pools[0]
	if p.Replicas != 2 || p.Fresh != 2 || p.Silent != 0 || p.Cores != 2 || p.MemoryBytes != 1<<30 || !p.Asked || p.Alone() {
		t.Errorf("ranking = %+v", p)
	}
	if !near(p.Arrivals, 400) || !near(p.CPUSeconds, 0.002) || !near(p.Background, 0.1) || !near(p.Used, 0.5) || p.P99 != 10*time.Millisecond || p.Spread > 1e-9 {
		t.Errorf("ranking = %+v, want 400/s at 2 ms beside 0.1 cores", p)
	}
	if trainer := pools[1]; trainer.Asked || trainer.Arrivals != 0 || !near(trainer.Used, 0.5) {
		t.Errorf("trainer = %+v, want it asked nothing", trainer)
	}
}

func TestRiseIsSeenAtOnce(t *testing.T) {
	var o Observer
	tell(t, &o, 0, 60, life{service: "recall", instance: "a", arrivals: 10, cpu: 0.001})
	// From second 60 on 100/s: the counters go on from where they are.
	for s := 60; s < 70; s++ {
		v := life{service: "recall", instance: "a", arrivals: 10, cpu: 0.001}.at(float64(s))
		v.Arrivals += uint64(90 * (s - 59))
		o.Add(v, at(float64(s)))
	}
	if p := o.Pools(at(70))[0]; p.Arrivals < 85 {
		t.Errorf("arrivals = %v after ten seconds at 100/s, want about 100", p.Arrivals)
	}
}

func TestSilenceIsNotZero(t *testing.T) {
	var o Observer
	a := life{service: "ranking", instance: "a", arrivals: 100, cpu: 0.002}
	b := life{service: "ranking", instance: "b", arrivals: 100, cpu: 0.002}
	tell(t, &o, 0, 30, a, b)
	tell(t, &o, 30, 50, a) // b falls silent at 30
	p := o.Pools(at(50))[0]
	if p.Replicas != 2 || p.Fresh != 1 || p.Silent != 1 || p.Silence != 21*time.Second || !near(p.Arrivals, 200) {
		t.Errorf("one of two silent: %+v, want it imputed at the mean", p)
	}
	tell(t, &o, 50, 100, a)
	if p := o.Pools(at(100))[0]; p.Replicas != 1 || p.Silent != 0 || !near(p.Arrivals, 100) {
		t.Errorf("silent for over a minute while the other is heard: %+v, want it gone", p)
	}
	// Then all fall silent: the pool stays, for as long as an hour.
	if p := o.Pools(at(1000))[0]; p.Replicas != 1 || p.Fresh != 0 || p.Silent != 1 || p.Arrivals != 0 {
		t.Errorf("all silent: %+v, want the replica remembered and nothing measured", p)
	}
	if pools := o.Pools(at(100 + 3700)); len(pools) != 0 {
		t.Errorf("silent for over an hour: %+v, want nothing", pools)
	}
}

func TestYoungIsNotMeasured(t *testing.T) {
	var o Observer
	tell(t, &o, 0, 2, life{service: "ranking", instance: "a", arrivals: 1e5, cpu: 0.001})
	if p := o.Pools(at(2))[0]; p.Young != 1 || p.Fresh != 0 || p.Replicas != 1 || p.Arrivals != 0 {
		t.Errorf("heard for a second: %+v, want it young", p)
	}
}

func TestRestartBeginsAnew(t *testing.T) {
	for name, again := range map[string]life{
		"counters fell":           {service: "gateway", instance: "a", process: "p", arrivals: 1, skew: 30 * time.Second},
		"another instance":        {service: "gateway", instance: "b", process: "p", arrivals: 9000, skew: 30 * time.Second},
		"the clock was set back":  {service: "gateway", instance: "a", process: "p", arrivals: 9000, skew: -time.Hour},
		"instance of another pod": {service: "gateway", instance: "z", process: "p", arrivals: 1, skew: 30 * time.Second},
	} {
		var o Observer
		tell(t, &o, 0, 30, life{service: "gateway", instance: "a", process: "p", arrivals: 100, cpu: 0.001})
		o.Add(again.at(1), at(31))
		if p := o.Pools(at(31))[0]; p.Young != 1 || p.Replicas != 1 {
			t.Errorf("%s: %+v, want one that is young", name, p)
		}
	}
}

func TestAllInOne(t *testing.T) {
	var o Observer
	var lives []life
	for _, service := range []string{"gateway", "recall", "ranking", "feature-store", "trainer", "autoscaler"} {
		l := life{service: service, instance: service + "-1", process: "p"}
		switch service {
		case "gateway", "recall", "ranking":
			l.arrivals, l.cpu = 50, 0.004
		case "trainer":
			l.other = 0.15 // of the 0.2 cores that the process uses
		}
		lives = append(lives, l)
	}
	// Every room repeats the CPU of the process.
	for s := range 40 {
		for _, l := range lives {
			v := l.at(float64(s))
			v.ProcessNanos = uint64(0.35 * float64(s) * 1e9)
			o.Add(v, at(float64(s)))
		}
	}
	pools := o.Pools(at(40))
	if len(pools) != 1 {
		t.Fatalf("pools = %+v, want one", pools)
	}
	p := pools[0]
	if p.Name != "haggle" || !p.Alone() || len(p.Services) != 6 || p.Replicas != 1 || !near(p.Arrivals, 50) || !near(p.Used, 0.35) || !near(p.Background, 0.15) || !near(p.CPUSeconds, 0.2/50) {
		t.Errorf("all in one = %+v, want 50/s by the gateway alone at 4 ms, beside 0.15 cores", p)
	}
}

func TestRoomsWithoutEntrance(t *testing.T) {
	var o Observer
	tell(t, &o, 0, 20, life{service: "recall", instance: "a", process: "p", arrivals: 10}, life{service: "ranking", instance: "b", process: "p", arrivals: 10})
	if p := o.Pools(at(20))[0]; p.Name != "ranking+recall" || !near(p.Arrivals, 20) {
		t.Errorf("two rooms = %+v", p)
	}
}

func TestAddRefuses(t *testing.T) {
	good := life{service: "ranking", instance: "a", arrivals: 10, cpu: 0.001}
	for name, spoil := range map[string]func(v *wire.Vitals){
		"no service":          func(v *wire.Vitals) { v.Service = "" },
		"no instance":         func(v *wire.Vitals) { v.Instance = "" },
		"NaN cores":           func(v *wire.Vitals) { v.Cores = math.NaN() },
		"negative cores":      func(v *wire.Vitals) { v.Cores = -1 },
		"too many cores":      func(v *wire.Vitals) { v.Cores = 1e6 },
		"absurd arrivals":     func(v *wire.Vitals) { v.Arrivals = math.MaxUint64 },
		"absurd process time": func(v *wire.Vitals) { v.ProcessNanos = math.MaxUint64 },
	} {
		var o Observer
		tell(t, &o, 0, 10, good)
		v := good.at(10)
		spoil(&v)
		if o.Add(v, at(10)) || o.Refused() != 1 {
			t.Errorf("%s: believed", name)
		}
		if p := o.Pools(at(10))[0]; !near(p.Arrivals, 10) {
			t.Errorf("%s: arrivals = %v, want 10 still", name, p.Arrivals)
		}
	}
	var o Observer
	tell(t, &o, 0, 10, good)
	if !o.Add(good.at(9), at(9)) || o.Refused() != 0 {
		t.Error("vitals that are heard twice are refused")
	}
}

func TestHistoryIsBounded(t *testing.T) {
	var o Observer
	l := life{service: "ranking", instance: "a", arrivals: 10}
	tell(t, &o, 0, 1000, l)
	if n := len(o.processes["ranking/a"].services["ranking"].samples); n > 63 {
		t.Errorf("%d samples are kept of a minute", n)
	}
}

func TestSummarise(t *testing.T) {
	for _, c := range []struct {
		name   string
		counts []uint64
		p99    time.Duration
		spread float64
	}{
		{"nothing", nil, 0, 1},
		{"zeros", make([]uint64, 14), 0, 1},
		{"all alike", []uint64{0, 0, 100}, 2 * time.Millisecond, 0},
		// Half at 0.25 ms and half at 75 ms: mean 37.625, E(x^2) = 2812.53, 2812.53/1415.64 - 1 = 0.9868.
		{"two kinds", []uint64{50, 0, 0, 0, 0, 0, 0, 50}, 100 * time.Millisecond, 0.98675},
		{"beyond the last", []uint64{13: 5}, 5 * time.Second, 0},
		{"more buckets than there are", []uint64{20: 5}, 0, 1},
	} {
		p99, spread := summarise(c.counts)
		if p99 != c.p99 || math.Abs(spread-c.spread) > 1e-4 {
			t.Errorf("%s: summarise = %v, %v, want %v, %v", c.name, p99, spread, c.p99, c.spread)
		}
	}
}

func TestDifference(t *testing.T) {
	got := difference([]uint64{5, 7, 9}, []uint64{2, 8})
	if diff := cmp.Diff([]uint64{3, 0, 9}, got); diff != "" {
		t.Errorf("difference (-want +got):\n%s", diff)
	}
}

// Whatever is sent, figures stay finite and counts add up.
func FuzzObserver(f *testing.F) {
	seed, err := json.Marshal([]wire.Vitals{
		life{service: "ranking", instance: "a", arrivals: 10, cpu: 1}.at(1), life{service: "ranking", instance: "a", arrivals: 10, cpu: 1}.at(5),
	})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(seed)
	f.Fuzz(func(t *testing.T, data []byte) {
		var vitals []wire.Vitals
		if json.Unmarshal(data, &vitals) != nil {
			return
		}
		var o Observer
		for i, v := range vitals {
			o.Add(v, at(float64(i)))
		}
		for _, p := range o.Pools(at(float64(len(vitals)))) {
			if p.Replicas != p.Fresh+p.Young+p.Silent || p.Replicas < 1 {
				t.Errorf("%+v: replicas do not add up", p)
			}
			for _, x := range []float64{p.Arrivals, p.Shed, p.CPUSeconds, p.Background, p.Used, p.Spread, p.Cores} {
				if !(x >= 0) || math.IsInf(x, 0) {
					t.Errorf("%+v holds %v", p, x)
				}
			}
		}
	})
}
