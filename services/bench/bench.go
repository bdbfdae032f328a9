// Package bench loads a haggle from outside, as shoppers would, and says how fast it answers and what a query costs.
package bench

import (
	"errors"
	"fmt"
	"time"

	"github.com/haggle-commerce/haggle/services/bench/internal/schedule"
	"github.com/haggle-commerce/haggle/services/bench/internal/shopper"
)

// Config says what to load, how hard and for how long.
type Config struct {
	// Target is where haggle answers, such as "http://127.0.0.1:8080"; Key is sent as a bearer token unless it is empty.
	Target string
	Key    string
	// Rate is how many queries per second are due on average, for Duration after Warmup.
	Rate     float64
	Duration time.Duration
	Warmup   time.Duration
	Mix      shopper.Mix
	Arrivals schedule.Pattern
	// Visitors is how many shoppers there are, and Seed makes all that is random.
	Visitors int
	Seed     uint64
	// Concurrency bounds how many queries may wait for an answer at once, and Timeout how long each does.
	Concurrency int
	Timeout     time.Duration
	// FindMax looks for the highest rate that meets an objective, beginning at Rate; the zero value does not.
	FindMax Objective
}

// Default returns 50 queries per second, half search and half recommend, for 10 s after 2 s of warm-up.
func Default() Config {
	return Config{
		Rate: 50, Duration: 10 * time.Second, Warmup: 2 * time.Second, Arrivals: schedule.Poisson, Visitors: 500, Seed: 1,
		Mix:         shopper.Mix{{Kind: shopper.Search, Weight: 1}, {Kind: shopper.Recommend, Weight: 1}},
		Concurrency: 4096, Timeout: 5 * time.Second,
	}
}

// Check returns every fault of the configuration, joined.
func (c *Config) Check() error {
	var errs []error
	fault := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if c.Target == "" {
		fault("target is missing, such as -target http://127.0.0.1:8080")
	}
	if !(c.Rate > 0 && c.Rate <= 1e6) {
		fault("rate is %v, must be above 0 and at most 1000000 per second", c.Rate)
	}
	if c.Duration < 100*time.Millisecond {
		fault("duration is %v, must be 100ms at least", c.Duration)
	}
	if c.Warmup < 0 {
		fault("warmup is %v, must not be negative", c.Warmup)
	}
	if len(c.Mix) == 0 {
		fault("mix is missing, such as -mix search=1,recommend=1")
	}
	if err := c.Arrivals.Check(); err != nil {
		fault("arrivals %w", err)
	}
	if c.Visitors < 1 || c.Visitors > 1e6 {
		fault("visitors is %d, must be between 1 and 1000000", c.Visitors)
	}
	if c.Concurrency < 1 || c.Concurrency > 100_000 {
		fault("concurrency is %d, must be between 1 and 100000", c.Concurrency)
	}
	if c.Timeout < time.Millisecond || c.Timeout > maxLatency {
		fault("timeout is %v, must be between 1ms and %v", c.Timeout, maxLatency)
	}
	return errors.Join(errs...)
}
