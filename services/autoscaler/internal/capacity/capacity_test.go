package capacity

import (
	"container/heap"
	"math"
	"math/rand/v2"
	"testing"
)

// direct is the textbook formula: (a^c/c!) c/(c-a) / (sum of a^k/k! for k < c, and the same term).
func direct(servers int, a float64) float64 {
	term, sum := 1.0, 0.0
	for k := range servers {
		sum += term
		term *= a / float64(k+1)
	}
	last := term * float64(servers) / (float64(servers) - a)
	return last / (sum + last)
}

func TestErlangC(t *testing.T) {
	for _, c := range []struct {
		servers int
		erlangs float64
		want    float64
	}{
		// One server: the chance to wait is the utilisation.
		{1, 0.3, 0.3},
		{1, 0.9, 0.9},
		// Two servers at a = 1: 1/3. Ten at a = 8: 0.409 in the published tables.
		{2, 1, 1. / 3},
		{10, 8, 0.40918},
		{0, 1, 1},
		{3, 3, 1},
		{3, 4, 1},
		{3, 0, 0},
		{3, -1, 0},
	} {
		if got := ErlangC(c.servers, c.erlangs); math.Abs(got-c.want) > 1e-5 {
			t.Errorf("ErlangC(%d, %v) = %v, want %v", c.servers, c.erlangs, got, c.want)
		}
	}
	for servers := 1; servers <= 60; servers++ {
		for share := 0.05; share < 1; share += 0.05 {
			a := share * float64(servers)
			if got, want := ErlangC(servers, a), direct(servers, a); math.Abs(got-want) > 1e-9 {
				t.Errorf("ErlangC(%d, %v) = %v, the direct formula gives %v", servers, a, got, want)
			}
		}
	}
	if got := ErlangC(5000, 4900); !(got > 0 && got < 1) {
		t.Errorf("ErlangC(5000, 4900) = %v, want a share", got)
	}
}

func TestWait(t *testing.T) {
	// One server of 10 ms at 50/s is half busy: P(W > t) = 0.5 exp(-50 t), 0.01 at t = ln(50)/50 = 78.2 ms.
	l := Load{Arrivals: 50, Service: 0.01, Spread: 1}
	if got, want := Wait(l, 1, 1, 0.99), math.Log(50)/50; math.Abs(got-want) > 1e-12 {
		t.Errorf("Wait = %v, want %v", got, want)
	}
	// The same times for all halve the wait.
	l.Spread = 0
	if got, want := Wait(l, 1, 1, 0.99), math.Log(50)/100; math.Abs(got-want) > 1e-12 {
		t.Errorf("Wait without spread = %v, want %v", got, want)
	}
	for name, c := range map[string]struct {
		load    Load
		servers int
		speed   float64
		want    float64
	}{
		"nobody":    {Load{}, 0, 0, 0},
		"no server": {Load{Arrivals: 1, Service: 1}, 0, 1, math.Inf(1)},
		"no speed":  {Load{Arrivals: 1, Service: 1}, 1, 0, math.Inf(1)},
		"saturated": {Load{Arrivals: 100, Service: 0.01}, 1, 1, math.Inf(1)},
		"few wait":  {Load{Arrivals: 1, Service: 0.001}, 4, 1, 0},
	} {
		if got := Wait(c.load, c.servers, c.speed, 0.99); got != c.want {
			t.Errorf("%s: Wait = %v, want %v", name, got, c.want)
		}
	}
}

// freed is when each server is free again, the earliest on top.
type freed []float64

func (f freed) Len() int           { return len(f) }
func (f freed) Less(i, j int) bool { return f[i] < f[j] }
func (f freed) Swap(i, j int)      { f[i], f[j] = f[j], f[i] }
func (f *freed) Push(x any)        { *f = append(*f, x.(float64)) }
func (f *freed) Pop() any {
	last := (*f)[len(*f)-1]
	*f = (*f)[:len(*f)-1]
	return last
}

// The formula against requests that are simulated one by one: the share that waits longer than it says is about 1 - p.
func TestWaitAgainstSimulation(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 1))
	for _, c := range []struct {
		servers int
		busy    float64
		spread  float64
	}{{1, 0.7, 1}, {4, 0.8, 1}, {16, 0.9, 1}, {4, 0.8, 0}} {
		const p, requests = 0.95, 200_000
		l := Load{Arrivals: c.busy * float64(c.servers), Service: 1, Spread: c.spread}
		limit := Wait(l, c.servers, 1, p)
		free := make(freed, c.servers)
		now, late := 0.0, 0
		for range requests {
			now += random.ExpFloat64() / l.Arrivals
			begin := max(now, heap.Pop(&free).(float64))
			if begin-now > limit {
				late++
			}
			service := 1.0
			if c.spread > 0 {
				service = random.ExpFloat64()
			}
			heap.Push(&free, begin+service)
		}
		if share := float64(late) / requests; share < 0.03 || share > 0.075 {
			t.Errorf("%d servers, %v busy, spread %v: %v of the requests wait over %v, want about 0.05", c.servers, c.busy, c.spread, share, limit)
		}
	}
}

func TestServers(t *testing.T) {
	for _, c := range []struct {
		replica Replica
		servers int
		speed   float64
	}{
		{Replica{Cores: 2}, 2, 1},
		{Replica{Cores: 2.5}, 2, 1.25},
		{Replica{Cores: 0.25}, 1, 0.25},
		{Replica{Cores: 2, Background: 0.5}, 2, 0.75},
		{Replica{Cores: 0.5, Background: 0.5}, 0, 0},
		{Replica{}, 0, 0},
	} {
		if servers, speed := c.replica.Servers(); servers != c.servers || speed != c.speed {
			t.Errorf("%+v.Servers() = %d, %v, want %d, %v", c.replica, servers, speed, c.servers, c.speed)
		}
	}
}

// The number found is the fewest, and what it takes rises with load, spread and strictness.
func TestReplicasIsTheFewest(t *testing.T) {
	random := rand.New(rand.NewPCG(2, 2))
	for range 2000 {
		d := Need{Load: Load{Arrivals: 1000 * random.Float64(), Service: 0.05 * random.Float64(), Spread: 2 * random.Float64()}, Wait: 0.05 * random.Float64(), P: 0.99, Busy: 0.85}
		r := Replica{Cores: []float64{0.25, 0.5, 1, 2, 4}[random.IntN(5)], Background: 0.1 * random.Float64()}
		n, met := Replicas(d, r, 1, 500)
		if met != d.Met(500, r) || met && !d.Met(n, r) {
			t.Fatalf("Replicas(%+v, %+v) = %d, %v", d, r, n, met)
		}
		if met && n > 1 && d.Met(n-1, r) {
			t.Fatalf("Replicas(%+v, %+v) = %d, and %d hold it as well", d, r, n, n-1)
		}
		for name, harder := range map[string]func(d *Need){
			"more arrivals": func(d *Need) { d.Arrivals *= 1.5 },
			"more spread":   func(d *Need) { d.Spread++ },
			"less waiting":  func(d *Need) { d.Wait /= 2 },
			"a higher p":    func(d *Need) { d.P = 0.999 },
		} {
			h := d
			harder(&h)
			if more, metToo := Replicas(h, r, 1, 500); more < n || metToo && !met {
				t.Fatalf("%s: %d replicas after %d for %+v and %+v", name, more, n, d, r)
			}
		}
	}
}

func TestReplicasBounds(t *testing.T) {
	d := Need{Load: Load{Arrivals: 100, Service: 0.1, Spread: 1}, Wait: 0.01, P: 0.99, Busy: 0.85}
	if n, met := Replicas(d, Replica{Cores: 1}, 1, 5); n != 5 || met {
		t.Errorf("10 erlangs on at most 5 cores = %d, %v, want 5 and not met", n, met)
	}
	if n, met := Replicas(Need{}, Replica{Cores: 1}, 3, 5); n != 3 || !met {
		t.Errorf("no load = %d, %v, want the least, 3", n, met)
	}
	if n, met := Replicas(Need{}, Replica{}, 0, 0); n != 1 || !met {
		t.Errorf("no load and no bounds = %d, %v, want 1", n, met)
	}
}

// Square-root staffing: above the load itself a pool needs about a constant times its root.
func TestSquareRootStaffing(t *testing.T) {
	for _, a := range []float64{25, 100, 400, 1600} {
		n, met := Replicas(Need{Load: Load{Arrivals: a * 10, Service: 0.1, Spread: 1}, Wait: 0.02, P: 0.99, Busy: 1}, Replica{Cores: 1}, 1, 5000)
		beta := (float64(n) - a) / math.Sqrt(a)
		if !met || beta < 0.5 || beta > 3 {
			t.Errorf("%v erlangs need %d servers, %v roots above", a, n, beta)
		}
	}
}

func TestCores(t *testing.T) {
	d := Need{Load: Load{Arrivals: 1000, Service: 0.001, Spread: 1}, Wait: 0.01, P: 0.99, Busy: 0.85}
	for _, c := range []struct {
		background, least, most float64
		want                    float64
		met                     bool
	}{{0, 0.25, 64, 2, true}, {1.5, 0.25, 64, 3, true}, {0, 4, 64, 4, true}, {0, 0.25, 1, 1, false}} {
		if got, met := Cores(d, c.background, c.least, c.most); got != c.want || met != c.met {
			t.Errorf("Cores(background %v, %v to %v) = %v, %v, want %v, %v", c.background, c.least, c.most, got, met, c.want, c.met)
		}
	}
}

func FuzzReplicas(f *testing.F) {
	f.Add(100.0, 0.01, 1.0, 0.01, 1.0, 0.0)
	f.Add(math.Inf(1), math.NaN(), -1.0, 0.0, 1e-300, 1e300)
	f.Fuzz(func(t *testing.T, arrivals, service, spread, wait, cores, background float64) {
		d := Need{Load: Load{Arrivals: arrivals, Service: service, Spread: spread}, Wait: wait, P: 0.99, Busy: 0.85}
		// Sizes beyond any machine are not asked for: the recursion is as long as there are servers.
		r := Replica{Cores: min(cores, 256), Background: background}
		if n, _ := Replicas(d, r, 1, 20); n < 1 || n > 20 {
			t.Errorf("Replicas(%+v, %+v) = %d, outside of 1 to 20", d, r, n)
		}
	})
}

func BenchmarkReplicas(b *testing.B) {
	d := Need{Load: Load{Arrivals: 5000, Service: 0.01, Spread: 1}, Wait: 0.005, P: 0.99, Busy: 0.85}
	b.ReportAllocs()
	for b.Loop() {
		Replicas(d, Replica{Cores: 2}, 1, 200)
	}
}
