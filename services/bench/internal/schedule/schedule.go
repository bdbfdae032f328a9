// Package schedule says when queries arrive, without regard to when earlier ones are answered: an open loop.
package schedule

import (
	"fmt"
	"math"
	"math/rand/v2"
	"time"
)

// Pattern is how arrivals are spaced.
type Pattern string

// The patterns.
const (
	// Poisson arrivals are independent of one another, as those of many shoppers are.
	Poisson Pattern = "poisson"
	// Constant arrivals are one interval apart.
	Constant Pattern = "constant"
)

// Check returns an error unless p is a known pattern.
func (p Pattern) Check() error {
	if p != Poisson && p != Constant {
		return fmt.Errorf("is %q, must be %s or %s", p, Poisson, Constant)
	}
	return nil
}

// Schedule yields the times of arrivals, counted from the start of a run.
type Schedule struct {
	pattern Pattern
	rate    float64
	random  *rand.Rand
	count   int
	at      float64
}

// New returns a schedule with rate arrivals per second on average. The same seed gives the same times.
func New(p Pattern, rate float64, seed uint64) *Schedule {
	return &Schedule{pattern: p, rate: rate, random: rand.New(rand.NewPCG(seed, 0x5ced))}
}

// Next returns the time of the next arrival. Times never fall.
func (s *Schedule) Next() time.Duration {
	s.count++
	if s.pattern == Constant {
		return time.Duration(math.Round(float64(s.count) / s.rate * float64(time.Second)))
	}
	s.at += s.random.ExpFloat64() / s.rate
	return time.Duration(s.at * float64(time.Second))
}
