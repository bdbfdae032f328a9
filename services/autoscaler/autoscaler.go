// Package autoscaler advises how many replicas hold the objective at the least cost: it listens to the vitals of every service,
// and writes a plan with its price and its reasons. It changes nothing.
package autoscaler

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/haggle-commerce/haggle/libs/service"
	"github.com/haggle-commerce/haggle/libs/shop"
	"github.com/haggle-commerce/haggle/services/autoscaler/internal/decide"
)

// Config says what the plan must hold to.
type Config struct {
	Every time.Duration `flag:"every" help:"how often a plan is made"`
	P99   time.Duration `flag:"p99" help:"objective for a query: 99 of 100 are to be answered within it"`
	Spare float64       `flag:"spare" help:"share by which demand may grow before the next plan; 0.2 is a fifth"`
	Least int           `flag:"least" help:"fewest replicas of a service that are advised"`
	Most  int           `flag:"most" help:"most replicas of a service that are advised"`
	Hold  time.Duration `flag:"hold" help:"how long fewer replicas must have been enough before they are advised"`
	Once  bool          `flag:"once" help:"listens for a few seconds, prints the plan and ends"`
}

// Default returns a plan every 10 s for a p99 of 50 ms.
func Default() Config {
	return Config{Every: 10 * time.Second, P99: 50 * time.Millisecond, Spare: 0.2, Least: 1, Most: 20, Hold: 2 * time.Minute}
}

// Check returns every fault, joined, each a [*shop.FieldError].
func (c Config) Check() error {
	var faults []error
	require := func(ok bool, field, format string, args ...any) {
		if !ok {
			faults = append(faults, &shop.FieldError{Field: field, Reason: fmt.Sprintf(format, args...)})
		}
	}
	require(c.Every >= 100*time.Millisecond, "every", "want 100ms at least")
	require(c.P99 >= time.Millisecond, "p99", "want 1ms at least")
	require(c.Spare >= 0 && c.Spare <= 10, "spare", "want 0 to 10")
	require(c.Least >= 1, "least", "want 1 at least")
	require(c.Most >= c.Least && c.Most <= 10_000, "most", "want least, %d, to 10000", c.Least)
	require(c.Hold >= 0, "hold", "want 0s at least")
	return errors.Join(faults...)
}

func (c Config) rules() decide.Rules {
	return decide.Rules{P99: c.P99, Spare: c.Spare, Least: c.Least, Most: c.Most, Hold: c.Hold}
}

// Run advises until ctx ends; with c.Once it prints one plan to standard output and returns.
func Run(ctx context.Context, kit service.Kit, c Config) error { return run(ctx, kit, c, os.Stdout) }

// look is how long vitals, which come once a second, are listened to before the only plan of Config.Once.
const look = 5 * time.Second

func run(ctx context.Context, kit service.Kit, c Config, out io.Writer) error {
	a, err := newAdviser(kit, c)
	if err != nil {
		return err
	}
	return a.run(ctx, out)
}
