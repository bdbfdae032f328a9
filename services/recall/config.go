package recall

import (
	"errors"
	"time"

	"github.com/haggle-commerce/haggle/libs/shop"
	"github.com/haggle-commerce/haggle/services/recall/internal/engine"
)

// Config says how much is remembered and how fast it fades.
type Config struct {
	Shoppers         int           `flag:"shoppers" help:"how many shoppers are remembered, the latest ones, at up to 1.6 KiB each"`
	Sessions         int           `flag:"sessions" help:"how many sessions are remembered, the latest ones, at about 150 bytes each"`
	TrendingHalfLife time.Duration `flag:"trending-half-life" help:"after how long what shoppers want counts half for what is trending"`
	PopularHalfLife  time.Duration `flag:"popular-half-life" help:"after how long what shoppers want counts half for what is popular"`
	Workers          int           `flag:"workers" help:"how many requests are answered at once; 0 is two per core"`
	Queue            int           `flag:"queue" help:"how many requests wait at most before others are refused; 0 takes the default of the bus"`
}

// Default returns what suits a shop of up to a million items.
func Default() Config {
	d := engine.Defaults()
	return Config{
		Shoppers: d.Shoppers, Sessions: d.Sessions,
		TrendingHalfLife: d.TrendingHalfLife, PopularHalfLife: d.PopularHalfLife,
	}
}

// Check returns every fault, joined, each a [*shop.FieldError].
func (c Config) Check() error {
	var faults []error
	fault := func(wrong bool, field, reason string) {
		if wrong {
			faults = append(faults, &shop.FieldError{Field: field, Reason: reason})
		}
	}
	fault(c.Shoppers < 1 || c.Shoppers > 100_000_000, "shoppers", "must be from 1 to 100000000")
	fault(c.Sessions < 1 || c.Sessions > 100_000_000, "sessions", "must be from 1 to 100000000")
	fault(c.TrendingHalfLife < time.Minute, "trending-half-life", "must be at least 1m")
	fault(c.PopularHalfLife < c.TrendingHalfLife, "popular-half-life", "must be at least trending-half-life")
	fault(c.Workers < 0, "workers", "must not be negative")
	fault(c.Queue < 0, "queue", "must not be negative")
	return errors.Join(faults...)
}
