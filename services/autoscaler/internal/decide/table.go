package decide

import (
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
)

// Same reports whether two plans advise the same for the same pools, whatever their figures are.
func Same(a, b Plan) bool {
	return slices.EqualFunc(a.Pools, b.Pools, func(x, y Advice) bool {
		return x.Pool == y.Pool && x.Action == y.Action && x.ReplicasNow == y.ReplicasNow && x.Replicas == y.Replicas && x.CoresNow == y.CoresNow && x.Cores == y.Cores
	})
}

// WriteTable writes the plan for people.
func (p *Plan) WriteTable(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "pool\taction\treplicas\tcores each\tin use\trequests/s\tCPU/request\tp99 wait\t$/hour")
	for i := range p.Pools {
		a := &p.Pools[i]
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%.0f %%\t%.1f\t%.0f us\t%s\t%s\n", a.Pool, a.Action,
			change("%d", a.ReplicasNow, a.Replicas), change("%g", a.CoresNow, a.Cores), 100*a.Utilisation, a.Arrivals, a.CPUMicros,
			change("%s", millis(a.WaitNow), millis(a.Wait)), change("%.4f", a.HourNow, a.Hour))
	}
	if err := t.Flush(); err != nil {
		return fmt.Errorf("write plan: %w", err)
	}
	if len(p.Pools) == 0 {
		fmt.Fprintln(w, "no service was heard of")
	}
	fmt.Fprintf(w, "\n%.1f queries/s, p99 objective %g ms\nprice now   $%.4f per hour%s\nby the plan $%.4f per hour%s\n", p.QueriesPerSecond, p.Objective,
		p.HourNow, perThousand(p.PerThousandNow), p.Hour, perThousand(p.PerThousand))
	for i := range p.Pools {
		fmt.Fprintf(w, "\n%s\n", p.Pools[i].Pool)
		for _, reason := range p.Pools[i].Reasons {
			if _, err := fmt.Fprintf(w, "  - %s\n", reason); err != nil {
				return fmt.Errorf("write plan: %w", err)
			}
		}
	}
	return nil
}

// change writes a value that stays, or both when it changes.
func change[T comparable](format string, before, after T) string {
	if before == after {
		return fmt.Sprintf(format, after)
	}
	return fmt.Sprintf(format+" -> "+format, before, after)
}

func millis(wait *float64) string {
	if wait == nil {
		return "?"
	}
	return fmt.Sprintf("%.2f ms", *wait)
}

func perThousand(dollars *float64) string {
	if dollars == nil {
		return ", unknown per query because nobody asks"
	}
	return fmt.Sprintf(", $%.6f per 1,000 queries", *dollars)
}
