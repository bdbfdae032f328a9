package trainer

import (
	"errors"
	"fmt"
	"time"

	"github.com/haggle-commerce/haggle/libs/shop"
)

// Config says when the trainer learns, and from how much.
type Config struct {
	Every     time.Duration `flag:"every" help:"how long after a run the next may begin, when enough is new"`
	Settle    time.Duration `flag:"settle" help:"over how long the log of events must not grow by more than 1 % before the first run: an import may be under way"`
	MinEvents int           `flag:"min-events" help:"how many events there must be to learn from"`
	MaxEvents int           `flag:"max-events" help:"how many events are kept in memory, the newest; about 60 bytes each, and 8 for each item in them"`
	Growth    float64       `flag:"growth" help:"by which share the log must have grown since the last run for another one"`
	Contest   time.Duration `flag:"contest" help:"how much CPU time it may take, by estimate, to choose how the lists of neighbours are learnt; the first run, which the shop waits for, takes a fifth; 0 chooses nothing and counts what is touched together"`
	Seed      uint64        `flag:"seed" help:"seed of all that is random: the same log and seed give the same models"`
}

// Default returns what a shop of some ten thousand items needs.
func Default() Config {
	return Config{Every: 15 * time.Minute, Settle: 2 * time.Second, MinEvents: 1000, MaxEvents: 5_000_000, Growth: 0.02, Contest: 20 * time.Second, Seed: 1}
}

// Check returns every fault, joined, each a [*shop.FieldError].
func (c Config) Check() error {
	var faults []error
	require := func(ok bool, field, format string, args ...any) {
		if !ok {
			faults = append(faults, &shop.FieldError{Field: field, Reason: fmt.Sprintf(format, args...)})
		}
	}
	require(c.Every >= time.Second, "every", "want 1s or more")
	require(c.Settle >= time.Millisecond && c.Settle <= time.Minute, "settle", "want 1ms to 1m")
	require(c.MinEvents >= 1, "min-events", "want 1 or more")
	require(c.MaxEvents >= c.MinEvents, "max-events", "want min-events or more")
	require(c.Contest >= 0 && c.Contest <= time.Hour, "contest", "want 0s to 1h")
	require(c.Growth >= 0 && c.Growth <= 10, "growth", "want 0 to 10")
	return errors.Join(faults...)
}
