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
	"github.com/haggle-commerce/haggle/services/autoscaler/internal/decide"
)

// Config says what the plan must hold to.
type Config struct {
	Every time.Duration `flag:"every" help:"How often a plan is made."`
	P99   time.Duration `flag:"p99" help:"The objective for a query: 99 of 100 are answered within it."`
	Spare float64       `flag:"spare" help:"The share by which demand may grow before the next plan, 0.2 being a fifth."`
	Least int           `flag:"least" help:"The fewest replicas of a service that are advised."`
	Most  int           `flag:"most" help:"The most replicas of a service that are advised."`
	Hold  time.Duration `flag:"hold" help:"How long fewer replicas must have been enough before they are advised."`
	Once  bool          `flag:"once" help:"Listen for a few seconds, print the plan and end."`
}

// Default returns a plan every 10 s for a p99 of 50 ms.
func Default() Config {
	return Config{Every: 10 * time.Second, P99: 50 * time.Millisecond, Spare: 0.2, Least: 1, Most: 20, Hold: 2 * time.Minute}
}

// Check returns every fault of the configuration, joined.
func (c Config) Check() error {
	var errs []error
	fault := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if c.Every < 100*time.Millisecond {
		fault("every is %v, must be 100ms at least", c.Every)
	}
	if c.P99 < time.Millisecond {
		fault("p99 is %v, must be 1ms at least", c.P99)
	}
	if !(c.Spare >= 0 && c.Spare <= 10) {
		fault("spare is %v, must be between 0 and 10", c.Spare)
	}
	if c.Least < 1 {
		fault("least is %d, must be 1 at least", c.Least)
	}
	if c.Most < c.Least || c.Most > 10_000 {
		fault("most is %d, must be between least, %d, and 10000", c.Most, c.Least)
	}
	if c.Hold < 0 {
		fault("hold is %v, must not be negative", c.Hold)
	}
	return errors.Join(errs...)
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
