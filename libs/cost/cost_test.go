package cost

import (
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// spin burns CPU on this thread until its own clock says that d has passed, and returns what the clock said.
func spin(d time.Duration) time.Duration {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	begin := threadCPU()
	for x := 1.0; ; {
		for range 1000 {
			x = math.Sqrt(x + 1)
		}
		if used := threadCPU() - begin; used >= d {
			return used
		}
	}
}

func needsThreadClock(t testing.TB) {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skipf("the CPU clock of a thread is read on linux alone, this is %s", runtime.GOOS)
	}
}

func TestMeterCountsWork(t *testing.T) {
	needsThreadClock(t)
	m := Start()
	worked := spin(5 * time.Millisecond)
	got := m.Stop()
	if got < worked || got > worked+5*time.Millisecond {
		t.Errorf("Stop = %v after %v of work", got, worked)
	}
}

// Waiting, and the work of other threads meanwhile, is not this thread's work.
func TestMeterDoesNotCountWaiting(t *testing.T) {
	needsThreadClock(t)
	others := make(chan time.Duration)
	m := Start()
	go func() { others <- spin(30 * time.Millisecond) }()
	began := time.Now()
	worked := <-others
	got, waited := m.Stop(), time.Since(began)
	if got > worked/3 {
		t.Errorf("Stop = %v after waiting %v for %v of another thread's work", got, waited, worked)
	}
}

func TestMeterLapsAddUp(t *testing.T) {
	needsThreadClock(t)
	whole := Start()
	m := Start()
	spin(2 * time.Millisecond)
	first := m.Lap()
	spin(4 * time.Millisecond)
	second := m.Lap()
	last := m.Stop()
	all := whole.Stop()
	if first < 2*time.Millisecond || second < 4*time.Millisecond || second < first {
		t.Errorf("laps = %v and %v, want at least 2 ms and 4 ms", first, second)
	}
	if sum := first + second + last; sum > all || all-sum > time.Millisecond {
		t.Errorf("laps add up to %v, the whole is %v", sum, all)
	}
}

func TestProcessCPUCountsEveryThread(t *testing.T) {
	needsThreadClock(t)
	before := ProcessCPU()
	var group sync.WaitGroup
	for range 2 {
		group.Go(func() { spin(5 * time.Millisecond) })
	}
	group.Wait()
	if got := ProcessCPU() - before; got < 10*time.Millisecond {
		t.Errorf("ProcessCPU rose by %v, want at least 10 ms", got)
	}
}

func TestMeterDoesNotAllocate(t *testing.T) {
	if n := testing.AllocsPerRun(100, func() { m := Start(); m.Lap(); m.Stop() }); n != 0 {
		t.Errorf("a pair allocates %v times", n)
	}
}

func TestLedgerAddsUp(t *testing.T) {
	var l Ledger
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for range 1000 {
				l.Claim(3)
				l.Other(2)
			}
		})
	}
	group.Wait()
	if l.Claimed() != 24000 || l.Others() != 16000 {
		t.Errorf("ledger = %d claimed, %d other, want 24000 and 16000", l.Claimed(), l.Others())
	}
}

func TestReceipt(t *testing.T) {
	var r Receipt
	if r.CPU() != 0 {
		t.Errorf("CPU of an empty receipt = %v", r.CPU())
	}
	r.Add(Stage{Name: "recall", CPU: 40 * time.Microsecond})
	r.Add(Stage{Name: "rank", CPU: 50 * time.Microsecond})
	if got := r.CPU(); got != 90*time.Microsecond {
		t.Errorf("CPU = %v, want 90us", got)
	}
	// 90 us of a core at $0.04 an hour: 0.04e9 / 3600e6 * 90 = 1 nano-dollar.
	if got := r.Marginal(DefaultPrices()); math.Abs(float64(got)-1) > 1e-9 {
		t.Errorf("Marginal = %v nano-dollars, want 1", got)
	}
}

func TestReplicaPrice(t *testing.T) {
	// 2 cores and 4 GiB for 30 minutes: (2 * 0.04 + 4 * 0.005) / 2 = 0.05 dollars.
	if got := DefaultPrices().Replica(2, 4<<30, 30*time.Minute); math.Abs(float64(got)-0.05e9) > 1 {
		t.Errorf("Replica = %v, want 5e7 nano-dollars", got)
	}
	if got := (PriceBook{}).Replica(2, 4<<30, time.Hour); got != 0 {
		t.Errorf("Replica of an empty book = %v, want 0", got)
	}
}

func TestParse(t *testing.T) {
	for _, c := range []struct {
		name, file string
		want       PriceBook
		faults     []string
	}{
		{
			name: "as OpenCost writes it",
			file: `{"provider":"custom","description":"mine","CPU":"0.031611","spotCPU":"0.006655","RAM":"0.004237","spotRAM":"0.000892","GPU":"0.95","storage":"0.00005","zoneNetworkEgress":"0.01"}`,
			want: PriceBook{CoreHour: 0.031611, GiBHour: 0.004237, SpotCoreHour: 0.006655, SpotGiBHour: 0.000892, GPUHour: 0.95},
		},
		{name: "numbers", file: `{"CPU":0.04,"RAM":0.005}`, want: PriceBook{CoreHour: 0.04, GiBHour: 0.005}},
		{name: "unknown as an empty string", file: `{"CPU":0.04,"RAM":0,"GPU":"","spotCPU":""}`, want: PriceBook{CoreHour: 0.04}},
		{name: "nothing", file: `{}`, faults: []string{"CPU is missing", "RAM is missing"}},
		{name: "all wrong", file: `{"CPU":"cheap","RAM":-1,"GPU":[1],"spotCPU":"NaN","spotRAM":"31611"}`, faults: []string{"CPU is", "RAM is", "GPU is", "spotCPU is", "spotRAM is"}},
		{name: "needed but empty", file: `{"CPU":"","RAM":1}`, faults: []string{"CPU is"}},
		{name: "not JSON", file: `CPU: 1`, faults: []string{"decode JSON"}},
		{name: "not an object", file: `[1]`, faults: []string{"decode JSON"}},
		{name: "null", file: `null`, faults: []string{"CPU is missing"}},
	} {
		got, err := Parse([]byte(c.file))
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s: Parse (-want +got):\n%s", c.name, diff)
		}
		if (err != nil) != (c.faults != nil) {
			t.Errorf("%s: Parse error = %v, want faults %q", c.name, err, c.faults)
			continue
		}
		for _, fault := range c.faults {
			if !strings.Contains(err.Error(), fault) {
				t.Errorf("%s: Parse error = %v, want it to hold %q", c.name, err, fault)
			}
		}
	}
}

func TestLoad(t *testing.T) {
	path := filepath.Join(t.TempDir(), "prices.json")
	if _, err := Load(path); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("Load of a missing file = %v, want an error with its path", err)
	}
	if err := os.WriteFile(path, []byte(`{"CPU":"x","RAM":1}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(path); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("Load of a wrong file = %v, want an error with its path", err)
	}
	if err := os.WriteFile(path, []byte(`{"CPU":1,"RAM":2}`), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := Load(path)
	if want := (PriceBook{CoreHour: 1, GiBHour: 2}); got != want || err != nil {
		t.Errorf("Load = %v, %v, want %v", got, err, want)
	}
}

func TestSpot(t *testing.T) {
	if _, known := DefaultPrices().Spot(); known {
		t.Error("the default book claims to know spot prices")
	}
	book, known := PriceBook{CoreHour: 4, GiBHour: 3, SpotCoreHour: 2, SpotGiBHour: 1}.Spot()
	if !known || book.CoreHour != 2 || book.GiBHour != 1 {
		t.Errorf("Spot = %+v, %v", book, known)
	}
}

func TestShares(t *testing.T) {
	for _, c := range []struct {
		name string
		bill Bill
		uses []int64
		want []Bill
		rest Bill
	}{
		{name: "nobody", bill: 7, uses: nil, want: []Bill{}, rest: 7},
		{name: "idle", bill: 7, uses: []int64{0, 0}, want: []Bill{0, 0}, rest: 7},
		{name: "one", bill: 7, uses: []int64{3}, want: []Bill{7}},
		{name: "even", bill: 10, uses: []int64{1, 1}, want: []Bill{5, 5}},
		{name: "thirds, the first gets the odd one", bill: 10, uses: []int64{1, 1, 1}, want: []Bill{4, 3, 3}},
		{name: "largest remainder wins", bill: 10, uses: []int64{15, 26, 59}, want: []Bill{1, 3, 6}},
		{name: "below zero counts as zero", bill: 9, uses: []int64{-5, 3}, want: []Bill{0, 9}},
		{name: "no money", bill: 0, uses: []int64{1, 2}, want: []Bill{0, 0}},
		{name: "128 bits", bill: math.MaxInt64, uses: []int64{math.MaxInt64 - 1, 1}, want: []Bill{math.MaxInt64 - 1, 1}},
	} {
		shares, rest := Shares(c.bill, c.uses)
		if diff := cmp.Diff(c.want, shares); diff != "" || rest != c.rest {
			t.Errorf("%s: Shares(%d, %v) rest %d want %d (-want +got):\n%s", c.name, c.bill, c.uses, rest, c.rest, diff)
		}
	}
}

func TestSharesPanics(t *testing.T) {
	for name, f := range map[string]func(){
		"negative bill": func() { Shares(-1, []int64{1}) },
		"overflow":      func() { Shares(1, []int64{math.MaxInt64, 1}) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s did not panic", name)
				}
			}()
			f()
		}()
	}
}

// The identity, over receipts of every size: what the queries pay, to the billionth, is the bill.
func TestSharesIdentity(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 1))
	for round := range 300 {
		uses := make([]int64, random.IntN(200))
		total := 0.0
		for i := range uses {
			uses[i] = random.Int64N(1 << random.IntN(50))
			total += float64(uses[i])
		}
		bill := Bill(random.Int64N(1 << (1 + random.IntN(60))))
		shares, rest := Shares(bill, uses)
		sum := rest
		for i, s := range shares {
			sum += s
			if exact := float64(bill) * float64(uses[i]) / max(total, 1); math.Abs(float64(s)-exact) > 1+1e-9*exact {
				t.Fatalf("round %d: share %d of %d is %d, exact %v", round, i, bill, s, exact)
			}
		}
		if sum != bill {
			t.Fatalf("round %d: shares and rest add up to %d, want the bill %d", round, sum, bill)
		}
	}
}

func TestWhole(t *testing.T) {
	for _, c := range []struct {
		nano NanoUSD
		want Bill
	}{{0.4, 0}, {0.5, 1}, {2.4e9, 2_400_000_000}, {-1.6, -2}, {1e30, math.MaxInt64}, {-1e30, math.MinInt64}, {NanoUSD(math.NaN()), 0}} {
		if got := c.nano.Whole(); got != c.want {
			t.Errorf("NanoUSD(%v).Whole() = %d, want %d", float64(c.nano), got, c.want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"CPU":"0.03","RAM":0.004,"GPU":""}`))
	f.Add([]byte(`{"CPU":1e309,"RAM":"0x1p-2"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := Parse(data)
		for _, price := range []float64{p.CoreHour, p.GiBHour, p.SpotCoreHour, p.SpotGiBHour, p.GPUHour} {
			if !(price >= 0 && price <= maxDollars) || err != nil && price != 0 {
				t.Errorf("Parse(%q) = %+v, %v", data, p, err)
			}
		}
	})
}

func FuzzShares(f *testing.F) {
	f.Add(int64(10), int64(1), int64(1), int64(1))
	f.Fuzz(func(t *testing.T, bill, a, b, c int64) {
		const limit = math.MaxInt64 / 4
		uses := []int64{a % limit, b % limit, c % limit}
		bill = max(bill, 0)
		shares, rest := Shares(Bill(bill), uses)
		if sum := shares[0] + shares[1] + shares[2] + rest; sum != Bill(bill) {
			t.Errorf("Shares(%d, %v) adds up to %d", bill, uses, sum)
		}
	})
}

// A pair is what every metered stage pays: two reads of the thread's clock and the locking of the thread.
func BenchmarkMeterPair(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		m := Start()
		m.Stop()
	}
}

func BenchmarkShares(b *testing.B) {
	uses := make([]int64, 1000)
	for i := range uses {
		uses[i] = int64(40_000 + i*37)
	}
	b.ReportAllocs()
	for b.Loop() {
		Shares(123_456_789, uses)
	}
}
