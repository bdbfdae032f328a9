package spend

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/haggle-commerce/haggle/libs/cost"
	"github.com/haggle-commerce/haggle/libs/wire"
)

var start = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

// prices make the arithmetic plain: a core-second costs one nano-dollar per microsecond of CPU time... 3.6 dollars an hour.
var prices = cost.PriceBook{CoreHour: 3.6, GiBHour: 0}

func stages(recall, rank time.Duration) []cost.Stage {
	return []cost.Stage{{Name: "recall.lexical", CPU: recall}, {Name: "rank", Variant: "trees", CPU: rank}}
}

func near(got, want float64) bool { return math.Abs(got-want) <= 1e-9*max(1, math.Abs(want)) }

func TestReport(t *testing.T) {
	b := New(prices, "self", start, time.Second)
	now := start
	// 10 s with one replica of two cores; 100 searches of 300 us and 50 recommendations of 600 us.
	for i := range 100 {
		now = start.Add(time.Duration(i) * 100 * time.Millisecond)
		b.Query(now, Key{"search", "search", "trees"}, stages(100*time.Microsecond, 200*time.Microsecond), 0, false)
		if i%2 == 0 {
			b.Query(now, Key{"recommend", "home", "trees"}, stages(200*time.Microsecond, 400*time.Microsecond), 0, i == 0)
		}
		if i%10 == 9 {
			done := uint64(i + 1)
			b.Vital(&wire.Vitals{Service: "gateway", Instance: "a", Process: "self", Cores: 2, ProcessNanos: 1e9 + done*1e6, ClaimedNanos: done * 600e3, OtherNanos: done * 100e3}, now)
		}
	}
	r := b.Report(now, time.Minute, []string{"purpose"})
	if r.Queries != 150 || r.Degraded != 1 || len(r.Groups) != 2 {
		t.Fatalf("report = %+v", r)
	}
	if !near(r.WindowSeconds, 9.9) {
		t.Errorf("window = %v s, want 9.9", r.WindowSeconds)
	}
	// Both groups took 30 ms of CPU time. 60 ms of claimed time cost 60,000 nano; the replica 2 cores x 9.9 s x 1e6 = 19.8e6:
	// each nano of marginal cost stands for 330 of fully loaded cost.
	search := r.Groups[1]
	if search.Purpose != "search" || search.Placement != "" || search.Queries != 100 {
		t.Fatalf("second group = %+v, want searches", search)
	}
	if !near(search.CPUMicrosPerQuery, 300) || !near(search.MarginalNano, 300) || !near(search.MarginalUSDPer1k, 0.0003) || !near(search.FullyLoadedNano, 300*330) {
		t.Errorf("search costs %+v, want 300 us, 300 nano, 99000 fully loaded", search)
	}
	if search.Stages[0].Name != "rank" || !near(search.Stages[0].CPUMicrosPerQuery, 200) || !near(search.Stages[0].Share, 2./3) {
		t.Errorf("dearest stage = %+v, want rank with 200 us", search.Stages[0])
	}
	rec := r.Reconciliation
	if !near(rec.ProcessSeconds, 0.1) || !near(rec.ClaimedSeconds, 0.06) || !near(rec.OtherSeconds, 0.01) || !near(rec.UnclaimedSeconds, 0.03) || !near(rec.CoverageRatio, 0.6) || !near(rec.AccountedRatio, 0.7) {
		t.Errorf("reconciliation = %+v", rec)
	}
	if got := r.Totals; got.Queries != 150 || !near(got.ClaimedSeconds, 0.06) || !near(got.ProcessSeconds, 0.1) || !near(got.StageSeconds["rank"], 0.04) {
		t.Errorf("totals = %+v", got)
	}
	if !near(b.Loading(now), 330) || !near(b.Coverage(now), 0.6) {
		t.Errorf("loading, coverage = %v, %v, want 330, 0.6", b.Loading(now), b.Coverage(now))
	}
	if len(r.Replicas) != 1 || !near(r.Replicas[0].USDPerHour, 7.2) {
		t.Errorf("replicas = %+v", r.Replicas)
	}
}

func TestServicesOfOneProcessAreCountedOnce(t *testing.T) {
	b := New(prices, "self", start, 0)
	for s := range 11 {
		now := start.Add(time.Duration(s) * time.Second)
		for _, service := range []string{"gateway", "recall", "ranking"} {
			b.Vital(&wire.Vitals{Service: service, Instance: "x", Process: "self", Cores: 1, ProcessNanos: uint64(s) * 1e9, ClaimedNanos: uint64(s) * 1e8}, now)
		}
	}
	r := b.Report(start.Add(10*time.Second), time.Minute, nil)
	if !near(r.ReplicaUSD, 10*3.6/3600) || !near(r.Reconciliation.ProcessSeconds, 10) || !near(r.Reconciliation.ClaimedSeconds, 3) {
		t.Errorf("10 s of one core cost %v USD, process %v s, claimed %v s; want 0.01, 10, 3", r.ReplicaUSD, r.Reconciliation.ProcessSeconds, r.Reconciliation.ClaimedSeconds)
	}
	if len(r.Replicas) != 1 || len(r.Replicas[0].Services) != 3 {
		t.Errorf("replicas = %+v, want one with three services", r.Replicas)
	}
}

func TestReplicasThatFallSilentCostNothing(t *testing.T) {
	b := New(prices, "self", start, 0)
	b.Vital(&wire.Vitals{Service: "recall", Instance: "1", ProcessNanos: 3600e9}, start)
	b.Vital(&wire.Vitals{Service: "recall", Instance: "1", ProcessNanos: 3601e9}, start.Add(time.Second))
	r := b.Report(start.Add(time.Minute), time.Hour, nil)
	if !near(r.ReplicaUSD, 3.6/3600) || !near(r.Reconciliation.ProcessSeconds, 1) || len(r.Replicas) != 0 {
		t.Errorf("report = %+v, want one second of one core and nobody alive", r)
	}
	// What runs backwards, a late message or a new process under an old name, is not counted twice.
	b.Vital(&wire.Vitals{Service: "recall", Instance: "1", ProcessNanos: 5e9}, start.Add(2*time.Second))
	if got := b.Report(start.Add(time.Minute), time.Hour, nil).Reconciliation.ProcessSeconds; !near(got, 1) {
		t.Errorf("process seconds = %v, want 1", got)
	}
}

func TestWindows(t *testing.T) {
	b := New(prices, "self", start, 0)
	now := start
	for minute := range 26 * 60 {
		now = start.Add(time.Duration(minute) * time.Minute)
		b.Query(now, Key{Purpose: "search"}, stages(time.Microsecond, 0), 0, false)
	}
	for window, want := range map[time.Duration]uint64{10 * time.Minute: 10, 30 * time.Minute: 30, 5 * time.Hour: 300, 24 * time.Hour: 1440, 100 * time.Hour: 1440} {
		got := b.Report(now, window, nil).Queries
		// A window may begin inside a bucket: up to five minutes, here five queries, are more than asked for.
		if got < want || got > want+6 {
			t.Errorf("%v hold %d queries, want about %d", window, got, want)
		}
	}
	if len(b.fine) > fineCount || len(b.coarse) > coarseCount {
		t.Errorf("%d and %d buckets, at most %d and %d", len(b.fine), len(b.coarse), fineCount, coarseCount)
	}
	if got := b.Report(now, time.Hour, nil).Totals.Queries; got != 26*60 {
		t.Errorf("%d queries in total, want %d", got, 26*60)
	}
}

func TestCallersCannotGrowTheBook(t *testing.T) {
	b := New(prices, "self", start, 0)
	for i := range 10_000 {
		b.Query(start, Key{Purpose: "recommend", Placement: fmt.Sprint(i), Variant: fmt.Sprint(i % 500)}, []cost.Stage{{Name: fmt.Sprint("s", i), CPU: 1}}, 0, false)
	}
	if n := len(b.fine[0].groups); n > 2*maxGroups+1 {
		t.Errorf("%d groups, at most %d", n, 2*maxGroups+1)
	}
	if n := len(b.total.stages); n > maxStages {
		t.Errorf("%d stages, at most %d", n, maxStages)
	}
	r := b.Report(start, time.Minute, Dimensions)
	if r.Queries != 10_000 || !near(r.Totals.ClaimedSeconds, 1e-5) {
		t.Errorf("%d queries and %v s, want all 10000 and 1e-5", r.Queries, r.Totals.ClaimedSeconds)
	}
}

func TestMeanWrite(t *testing.T) {
	b := New(prices, "self", start, 0)
	for range 300 {
		b.Query(start, Key{}, nil, 30*time.Microsecond, false)
	}
	if got := b.MeanWrite(); got < 29*time.Microsecond || got > 31*time.Microsecond {
		t.Errorf("MeanWrite() = %v, want 30us", got)
	}
}

func TestNothingKnown(t *testing.T) {
	b := New(prices, "self", start, 0)
	r := b.Report(start, time.Hour, Dimensions)
	if r.Queries != 0 || r.Reconciliation.CoverageRatio != 0 || b.Loading(start) != 1 {
		t.Errorf("an empty book reports %+v", r)
	}
}

func BenchmarkQuery(b *testing.B) {
	book := New(prices, "self", start, 0)
	list := append(stages(1, 2), cost.Stage{Name: "features"}, cost.Stage{Name: "gateway"}, cost.Stage{Name: "recall.cf"}, cost.Stage{Name: "recall.session"})
	b.ReportAllocs()
	for b.Loop() {
		book.Query(start, Key{"search", "search", "trees"}, list, time.Microsecond, false)
	}
}
