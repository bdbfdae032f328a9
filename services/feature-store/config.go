package featurestore

import (
	"errors"
	"time"

	"github.com/haggle-commerce/haggle/libs/shop"
)

// Config says how long rows live and how much is done at once.
type Config struct {
	Retention       time.Duration `flag:"retention" help:"how long the rows of a shopper who stays away are kept"`
	DuplicateWindow time.Duration `flag:"duplicate-window" help:"how long the id of an event is remembered, so that sending it again counts nothing"`
	Batch           int           `flag:"batch" help:"how many events are written in one transaction at most, while there is a backlog"`
	RowsInMemory    int           `flag:"rows-in-memory" help:"how many rows of items and shoppers are kept in memory, about 1 KiB each; others are read when an event needs them"`
}

// Default returns what suits a shop of up to 100,000 items on a small machine.
func Default() Config {
	return Config{Retention: 400 * 24 * time.Hour, DuplicateWindow: 30 * 24 * time.Hour, Batch: 2048, RowsInMemory: 100_000}
}

// Check returns every fault, joined, each a [*shop.FieldError].
func (c Config) Check() error {
	var faults []error
	fault := func(wrong bool, field, reason string) {
		if wrong {
			faults = append(faults, &shop.FieldError{Field: field, Reason: reason})
		}
	}
	fault(c.Retention < 24*time.Hour, "retention", "must be at least 24h")
	fault(c.DuplicateWindow < time.Minute, "duplicate-window", "must be at least 1m")
	fault(c.DuplicateWindow > c.Retention, "duplicate-window", "must not exceed retention")
	fault(c.Batch < 1 || c.Batch > 100_000, "batch", "must be from 1 to 100000")
	fault(c.RowsInMemory < 0, "rows-in-memory", "must not be negative")
	return errors.Join(faults...)
}
