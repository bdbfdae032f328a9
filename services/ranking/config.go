package ranking

import (
	"errors"

	"github.com/haggle-commerce/haggle/libs/shop"
)

// Config says how much ranking takes on.
type Config struct {
	Workers    int `flag:"workers" help:"queries ranked at once; 0 is twice the number of cores"`
	Queue      int `flag:"queue" help:"queries that wait for a worker before others are turned away; 0 is 64"`
	Candidates int `flag:"candidates" help:"candidates that a query may bring"`
}

// Default returns what suits any machine.
func Default() Config { return Config{Candidates: 2000} }

// Check returns every fault, joined, each a [*shop.FieldError].
func (c Config) Check() error {
	var faults []error
	fault := func(wrong bool, field, reason string) {
		if wrong {
			faults = append(faults, &shop.FieldError{Field: field, Reason: reason})
		}
	}
	fault(c.Workers < 0 || c.Workers > 4096, "workers", "must be from 0 to 4096")
	fault(c.Queue < 0 || c.Queue > 1<<16, "queue", "must be from 0 to 65536")
	fault(c.Candidates < 1 || c.Candidates > 10_000, "candidates", "must be from 1 to 10000")
	return errors.Join(faults...)
}
