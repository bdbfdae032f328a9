package autoscaler

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"runtime"
	"slices"
	"text/tabwriter"

	"golang.org/x/sync/errgroup"

	"github.com/haggle-commerce/haggle/services/autoscaler/internal/simulate"
)

// peers are the settings that each peer is tried with, from a fleet that is never busy to one that hardly holds the mean: the best of
// them on a trace is its tuning in hindsight. The first of each is the one setting that stands for all traces: the middle of
// what was best on the design's six.
var peers = []struct {
	family string
	values []float64
}{
	{"keda", []float64{41, 20, 25, 30, 34, 38, 43, 45}},
	{"hpa-cpu", []float64{70, 40, 50, 60, 75, 80, 85}},
	{"kpa", []float64{1.6, 0.8, 1.2, 1.4, 2, 2.5}},
}

// row is a line of the comparison.
type row struct {
	figures
	Cheap   bool    `json:"cheap_path"`
	Tuned   string  `json:"tuned"`
	Family  string  `json:"family"`
	Setting float64 `json:"setting,omitempty"`
}

// Compare runs the command `compare` with args and returns the exit code: the planner and its peers on the same requests, each peer
// with one setting and tuned in hindsight, with and without the cheaper path.
func Compare(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	var s simulation
	f := flag.NewFlagSet("haggle-autoscaler compare", flag.ContinueOnError)
	f.SetOutput(stderr)
	s.flags(f)
	check := func() error {
		if err := s.check(); err != nil {
			return err
		}
		if s.policy != "ours" || s.svg != "" {
			return fmt.Errorf("compare runs all policies and draws none: leave -policy and -svg out")
		}
		return nil
	}
	if code, ok := parse(f, args, stderr, check); !ok {
		return code
	}
	rows, err := s.compare(ctx, stderr)
	if err == nil && s.json {
		err = json.NewEncoder(stdout).Encode(rows)
	} else if err == nil {
		err = writeRows(stdout, rows)
	}
	if err != nil {
		fmt.Fprintf(stderr, "haggle-autoscaler compare: %v\n", err)
		return exitFault
	}
	return exitFine
}

// trial is a run of the comparison.
type trial struct {
	family string
	value  float64
	first  bool
	cheap  bool
}

func (s *simulation) compare(ctx context.Context, stderr io.Writer) ([]row, error) {
	t, err := s.load()
	if err != nil {
		return nil, err
	}
	m := s.model(&t)
	bounds, err := simulate.Bound(ctx, &t, &m)
	if err != nil {
		return nil, fmt.Errorf("reckon bounds: %w", err)
	}
	var trials []trial
	for _, cheap := range []bool{true, false} {
		if cheap && (s.cheap == 0 || s.share == 0) {
			continue
		}
		trials = append(trials, trial{family: "ours", first: true, cheap: cheap})
		for _, p := range peers {
			for i, v := range p.values {
				trials = append(trials, trial{p.family, v, i == 0, cheap})
			}
		}
	}
	rows := make([]row, len(trials))
	group, life := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i, x := range trials {
		group.Go(func() (err error) {
			rows[i], err = s.try(life, &t, x, bounds)
			fmt.Fprintf(stderr, "%s: done\n", rows[i].Policy)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	static, err := s.static(ctx, &t, bounds)
	if err != nil {
		return nil, err
	}
	return append(pick(trials, rows), static), nil
}

// try runs one.
func (s *simulation) try(ctx context.Context, t *simulate.Trace, x trial, b simulate.Bounds) (row, error) {
	one := *s
	if !x.cheap {
		one.cheap = 0
	}
	one.policy = x.family
	if x.value > 0 {
		one.policy = fmt.Sprintf("%s:%g", x.family, x.value)
	}
	m := one.model(t)
	p, err := one.who(&m)
	if err != nil {
		return row{}, err
	}
	r, err := simulate.Run(ctx, t, &m, p, one.faults(&m), nil)
	if err != nil {
		return row{}, fmt.Errorf("simulate %s: %w", one.policy, err)
	}
	return row{figures: newFigures(one.policy, &r, b), Cheap: x.cheap, Family: x.family, Setting: x.value, Tuned: "one setting"}, nil
}

// static finds the smallest fleet that never changes and misses at most 1 %, without the cheaper path.
func (s *simulation) static(ctx context.Context, t *simulate.Trace, b simulate.Bounds) (row, error) {
	low, high := 1, 2
	var best row
	holds := func(n int) (bool, error) {
		r, err := s.try(ctx, t, trial{family: "static", value: float64(n)}, b)
		if err == nil && r.MissPct <= accepted {
			best = r
			best.Tuned = "in hindsight"
			return true, nil
		}
		return false, err
	}
	for high < s.most {
		ok, err := holds(high)
		if err != nil {
			return best, err
		}
		if ok {
			break
		}
		low, high = high, 2*high
	}
	for high-low > 1 {
		middle := (low + high) / 2
		ok, err := holds(middle)
		if err != nil {
			return best, err
		}
		if ok {
			high = middle
		} else {
			low = middle
		}
	}
	return best, nil
}

// accepted is the percentage of misses up to which costs are compared.
const accepted = 1

// pick keeps of each peer the one setting and the best in hindsight: the cheapest with at most 1 % misses and at most 2 % degraded,
// or the one that misses least where none is within that.
func pick(trials []trial, rows []row) []row {
	var out []row
	for i, x := range trials {
		if !x.first {
			continue
		}
		out = append(out, rows[i])
		if x.family == "ours" {
			continue
		}
		best := slices.MinFunc(within(trials, rows, x), func(a, b row) int {
			fits := func(r row) bool { return r.MissPct <= accepted && r.DegradedPct <= 2 }
			switch {
			case fits(a) != fits(b):
				if fits(a) {
					return -1
				}
				return 1
			case fits(a) && a.ReplicaHours < b.ReplicaHours, !fits(a) && a.MissPct+a.DegradedPct < b.MissPct+b.DegradedPct:
				return -1
			}
			return 1
		})
		best.Tuned = "in hindsight"
		out = append(out, best)
	}
	return out
}

// within returns the rows of a peer's settings.
func within(trials []trial, rows []row, x trial) []row {
	var out []row
	for i, y := range trials {
		if y.family == x.family && y.cheap == x.cheap {
			out = append(out, rows[i])
		}
	}
	return out
}

func writeRows(w io.Writer, rows []row) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "policy\tsetting\tcheaper path\treplica-hours\tof oracle-30\tmisses %\tdegraded %\tdirection changes\tbad minutes\t$ per 1,000")
	for _, r := range rows {
		path := "no"
		if r.Cheap {
			path = "yes"
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%.1f\t%.3f\t%.3f\t%.3f\t%d\t%d\t%.6f\n", r.Policy, r.Tuned, path, r.ReplicaHours, r.OracleRatio, r.MissPct, r.DegradedPct, r.DirectionChanges, r.BadMinutes, r.CostPer1k)
	}
	return table.Flush()
}
