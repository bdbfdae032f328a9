package autoscaler

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"os"
	"time"

	"github.com/haggle-commerce/haggle/services/autoscaler/internal/queue"
	"github.com/haggle-commerce/haggle/services/autoscaler/internal/simulate"
)

// Exit codes of the commands.
const (
	exitFine  = 0
	exitFault = 1
	exitUsage = 2
)

// simulation is what the command simulate is asked for.
type simulation struct {
	trace, svg, policy, service       string
	scale                             float64
	startUp, drain, shed, objective   time.Duration
	from, span                        time.Duration
	mean                              time.Duration
	cv, price, cheap, share, spotKill float64
	workers, most                     int
	seed                              uint64
	json                              bool
}

func (s *simulation) flags(f *flag.FlagSet) {
	f.StringVar(&s.trace, "trace", "", "`file` of the load: CSV with the columns timestamp,rps, also with .gz")
	f.Float64Var(&s.scale, "scale", 1, "what the rates are multiplied by")
	f.DurationVar(&s.from, "from", 0, "where in the trace to begin")
	f.DurationVar(&s.span, "for", 0, "how much of the trace to run; 0 is all")
	f.StringVar(&s.policy, "policy", "ours", "who scales: ours, static:N, hpa-cpu:PERCENT, keda:RATE or kpa:CONCURRENCY")
	f.DurationVar(&s.startUp, "start-up", 40*time.Second, "how long a replica takes to become ready, give or take a quarter")
	f.DurationVar(&s.drain, "drain", 10*time.Second, "how long a replica that leaves is still paid for")
	f.DurationVar(&s.objective, "objective", 160*time.Millisecond, "within which time a request is to be answered")
	f.DurationVar(&s.shed, "shed-after", 2*time.Second, "from which wait on a request is refused")
	f.DurationVar(&s.mean, "service-time", 40*time.Millisecond, "mean work of a request")
	f.Float64Var(&s.cv, "service-cv", 0.5, "coefficient of variation of the work")
	f.StringVar(&s.service, "service-model", "lognormal", "how the work is distributed: lognormal or two-kinds")
	f.IntVar(&s.workers, "workers", 2, "how many requests a replica works on at once")
	f.IntVar(&s.most, "most", 1000, "most replicas")
	f.Float64Var(&s.price, "price", 0.0802, "dollars per replica-hour; the default is 2 vCPU and 4 GiB of the large clouds")
	f.Float64Var(&s.cheap, "cheap-cost", 0.3, "work of the cheaper path as a part of the full one's; 0 for a service that has none")
	f.Float64Var(&s.share, "cheap-share", 0.02, "greatest share of a day's requests that may take the cheaper path")
	f.Float64Var(&s.spotKill, "kills", 0, "how often an hour the oldest replica is taken away without warning")
	f.Uint64Var(&s.seed, "seed", 1, "what all that is random is drawn from")
	f.BoolVar(&s.json, "json", false, "write the figures as JSON instead of a table")
	f.StringVar(&s.svg, "svg", "", "`file` to draw the run into")
}

func (s *simulation) check() error {
	var faults []error
	require := func(ok bool, format string, args ...any) {
		if !ok {
			faults = append(faults, fmt.Errorf(format, args...))
		}
	}
	require(s.trace != "", "-trace: want a file")
	require(s.scale > 0 && !math.IsInf(s.scale, 0), "-scale %g: want more than 0", s.scale)
	require(s.startUp > 0 && s.startUp <= time.Hour, "-start-up %s: want more than 0s, up to 1h", s.startUp)
	require(s.drain >= 0 && s.shed > 0, "-drain %s, -shed-after %s: want 0s at least, and more than 0s", s.drain, s.shed)
	require(s.objective > 0 && s.mean > 0, "-objective %s, -service-time %s: want more than 0s", s.objective, s.mean)
	require(s.cv >= 0 && s.cv <= 5, "-service-cv %g: want 0 to 5", s.cv)
	require(s.service == "lognormal" || s.service == "two-kinds", "-service-model %q: want lognormal or two-kinds", s.service)
	require(s.workers >= 1 && s.most >= 1 && s.most <= 100_000, "-workers %d, -most %d: want 1 at least", s.workers, s.most)
	require(s.price >= 0, "-price %g: want 0 at least", s.price)
	require(s.cheap >= 0 && s.cheap < 1, "-cheap-cost %g: want 0 to less than 1", s.cheap)
	require(s.share >= 0 && s.share <= 1, "-cheap-share %g: want 0 to 1", s.share)
	require(s.spotKill >= 0, "-kills %g: want 0 at least", s.spotKill)
	require(s.from >= 0 && s.span >= 0, "-from %s, -for %s: want 0s at least", s.from, s.span)
	return errors.Join(faults...)
}

// load reads the trace and cuts it.
func (s *simulation) load() (simulate.Trace, error) {
	file, err := os.Open(s.trace)
	if err != nil {
		return simulate.Trace{}, fmt.Errorf("open the trace: %w", err)
	}
	defer file.Close()
	t, err := simulate.ReadTrace(file, s.scale)
	if err != nil {
		return t, fmt.Errorf("read %s: %w", s.trace, err)
	}
	if s.from > 0 || s.span > 0 {
		end := t.End
		if s.span > 0 {
			end = (s.from + s.span).Seconds()
		}
		return t.Cut(s.from.Seconds(), end)
	}
	return t, nil
}

// warm is the beginning of a trace whose peak the fleet is sized for that is there when it begins: a service that was in use before
// has more than its first second needs.
const warm = 10 * time.Minute

// model is the service of the simulation, with as many replicas at the beginning as the peak of the first ten minutes keeps seven
// tenths busy, whoever scales.
func (s *simulation) model(t *simulate.Trace) simulate.Model {
	draw := queue.Lognormal(s.mean.Seconds(), s.cv)
	if s.service == "two-kinds" {
		draw = queue.TwoKinds(s.mean.Seconds(), s.cv)
	}
	first := t.Peak(warm.Seconds()) * s.mean.Seconds() / float64(s.workers)
	return simulate.Model{
		Objective: s.objective.Seconds(), ShedAfter: s.shed.Seconds(), StartUp: s.startUp.Seconds(), StartUpSpread: s.startUp.Seconds() / 4,
		Drain: s.drain.Seconds(), CheapCost: s.cheap, Seed: s.seed,
		Kinds: []simulate.Kind{{
			Name: "ranking", Variant: "full", Speed: 1, Price: s.price, Service: draw, Mean: s.mean.Seconds(), CV: s.cv, Workers: s.workers,
			Min: 1, Max: s.most, Initial: min(s.most, max(1, int(math.Ceil(first/0.7)))),
		}},
	}
}

// figures are what the command reports.
type figures struct {
	ReplicaHours     float64 `json:"replica_hours"`
	OracleRatio      float64 `json:"oracle_ratio"`
	MissPct          float64 `json:"miss_pct"`
	DegradedPct      float64 `json:"degraded_pct"`
	DirectionChanges int     `json:"direction_changes"`
	CostPer1k        float64 `json:"cost_per_1k_usd"`
	// The rest tells more of the same run.
	Policy        string  `json:"policy"`
	Hours         float64 `json:"hours"`
	Requests      float64 `json:"requests"`
	MeanRate      float64 `json:"mean_rps"`
	OracleHours   float64 `json:"oracle_hours"`
	FluidHours    float64 `json:"fluid_hours"`
	FluidRatio    float64 `json:"fluid_ratio"`
	ChangesPerDay float64 `json:"direction_changes_per_day"`
	Moves         int     `json:"moves"`
	BadMinutes    int     `json:"bad_minutes"`
	ShedPct       float64 `json:"shed_pct"`
	BillNanos     int64   `json:"bill_nano_usd"`
	ComputeNanos  int64   `json:"compute_nano_usd"`
	HeadroomNanos int64   `json:"headroom_nano_usd"`
	WasteNanos    int64   `json:"waste_nano_usd"`
	IdleNanos     int64   `json:"idle_nano_usd"`
}

func newFigures(policy string, r *simulate.Result, b simulate.Bounds) figures {
	f := figures{
		ReplicaHours: r.ReplicaHours, MissPct: 100 * r.Misses(), DegradedPct: 100 * r.Degraded(), DirectionChanges: r.Changes,
		Policy: policy, Hours: r.Seconds / 3600, Requests: r.Requests, MeanRate: r.Requests / r.Seconds, OracleHours: b.OracleHours, FluidHours: b.FluidHours,
		ChangesPerDay: float64(r.Changes) / r.Seconds * 86400, Moves: r.Moves, BadMinutes: r.BadMinutes,
		BillNanos: int64(r.Ledger.Bill), ComputeNanos: int64(r.Ledger.Compute), HeadroomNanos: int64(r.Ledger.Headroom), WasteNanos: int64(r.Ledger.Waste), IdleNanos: int64(r.Ledger.Idle),
	}
	if b.OracleHours > 0 {
		f.OracleRatio = r.ReplicaHours / b.OracleHours
	}
	if b.FluidHours > 0 {
		f.FluidRatio = r.ReplicaHours / b.FluidHours
	}
	if r.Requests > 0 {
		f.CostPer1k = r.Dollars / r.Requests * 1000
		f.ShedPct = 100 * r.Shed / r.Requests
	}
	return f
}

// Simulate runs the command `simulate` with args and returns the exit code: the planner, or a peer, scales a service
// through a trace, request by request. Figures go to stdout, progress and faults to stderr.
func Simulate(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	var s simulation
	f := flag.NewFlagSet("haggle-autoscaler simulate", flag.ContinueOnError)
	f.SetOutput(stderr)
	s.flags(f)
	if code, ok := parse(f, args, stderr, s.check); !ok {
		return code
	}
	if err := s.run(ctx, stdout, stderr); err != nil {
		fmt.Fprintf(stderr, "haggle-autoscaler simulate: %v\n", err)
		return exitFault
	}
	return exitFine
}

// parse reads flags and checks them; ok is false when the command ends with the code.
func parse(f *flag.FlagSet, args []string, stderr io.Writer, check func() error) (code int, ok bool) {
	switch err := f.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return exitFine, false
	case err != nil:
		return exitUsage, false
	case f.NArg() > 0:
		fmt.Fprintf(stderr, "%s takes flags alone, not %q\n", f.Name(), f.Args())
		return exitUsage, false
	}
	if err := check(); err != nil {
		fmt.Fprintf(stderr, "%s:\n%v\n", f.Name(), err)
		return exitUsage, false
	}
	return exitFine, true
}

func (s *simulation) run(ctx context.Context, stdout, stderr io.Writer) error {
	t, err := s.load()
	if err != nil {
		return err
	}
	m := s.model(&t)
	policy, err := s.who(&m)
	if err != nil {
		return err
	}
	result, err := simulate.Run(ctx, &t, &m, policy, s.faults(&m), progress(stderr, s.policy, t.End))
	if err != nil {
		return fmt.Errorf("simulate: %w", err)
	}
	bounds, err := simulate.Bound(ctx, &t, &m)
	if err != nil {
		return fmt.Errorf("reckon bounds: %w", err)
	}
	if s.svg != "" {
		if err := writePicture(s.svg, &t, &result); err != nil {
			return err
		}
	}
	return writeFigures(stdout, newFigures(s.policy, &result, bounds), s.json)
}

func writeFigures(w io.Writer, f figures, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(w).Encode(f)
	}
	_, err := fmt.Fprintf(w, "%s, %.1f h of %.1f requests/s\nreplica-hours       %.2f (%.3f of oracle-30, %.3f of fluid)\nmisses              %.3f %% (%d bad minutes)\ndegraded            %.3f %%\ndirection changes   %d (%.1f a day)\n$ per 1,000         %.6f\n",
		f.Policy, f.Hours, f.MeanRate, f.ReplicaHours, f.OracleRatio, f.FluidRatio, f.MissPct, f.BadMinutes, f.DegradedPct, f.DirectionChanges, f.ChangesPerDay, f.CostPer1k)
	return err
}
