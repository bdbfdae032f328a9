package contest

import (
	"context"
	"math"
)

// axis is one figure of a setting that is varied.
type axis struct {
	field func(*Setting) *float64
	// step is added, or multiplied with where times says so.
	step      float64
	times     bool
	low, high float64
}

// The axes. Exponents go in steps of an eighth: finer ones change less than some thousand users can tell.
func user(step float64) axis {
	return axis{field: func(s *Setting) *float64 { return &s.User }, step: step, low: 0, high: 1.5}
}

func item(step float64) axis {
	return axis{field: func(s *Setting) *float64 { return &s.Item }, step: step, low: 0, high: 1}
}

func source(step float64) axis {
	return axis{field: func(s *Setting) *float64 { return &s.Source }, step: step, low: -0.5, high: 1.25}
}

func target(step float64) axis {
	return axis{field: func(s *Setting) *float64 { return &s.Target }, step: step, low: -0.5, high: 1.25}
}

func penalty(factor float64) axis {
	return axis{field: func(s *Setting) *float64 { return &s.Penalty }, step: factor, times: true, low: 1e-5, high: 1e4}
}

func unobserved(factor float64) axis {
	return axis{field: func(s *Setting) *float64 { return &s.Unobserved }, step: factor, times: true, low: 1e-4, high: 10}
}

func shrinkage(factor float64) axis {
	return axis{field: func(s *Setting) *float64 { return &s.Shrinkage }, step: factor, times: true, low: 0.1, high: 100}
}

// move returns the setting a step further, and false at the end of the axis.
func (a axis) move(s Setting, up bool) (Setting, bool) {
	x := a.field(&s)
	switch {
	case a.times && up:
		*x *= a.step
	case a.times:
		*x /= a.step
	case up:
		*x += a.step
	default:
		*x -= a.step
	}
	// Rounded, so that a way there and back ends at the same setting.
	*x = math.Round(*x*1e6) / 1e6
	return s, *x >= a.low && *x <= a.high
}

// climb moves along the slow axes, one after the other and up to rounds times, as long as that makes the setting better, and returns
// the place of the best. Behind each move it climbs once along the quick ones. It makes no move that the budget has no room for.
func (t *trial) climb(ctx context.Context, at, rounds int, slow, quick []axis) (int, error) {
	for range rounds {
		before := at
		for _, a := range slow {
			next, err := t.along(ctx, at, a, true, quick)
			if err == nil && next == at {
				next, err = t.along(ctx, at, a, false, quick)
			}
			if err != nil {
				return 0, err
			}
			at = next
		}
		if at == before {
			break
		}
	}
	return at, nil
}

// along moves along one axis, in one direction, as long as that makes the setting better.
func (t *trial) along(ctx context.Context, at int, a axis, up bool, quick []axis) (int, error) {
	for {
		s, ok := a.move(t.entries[at].Setting, up)
		if _, known := t.tried[s.String()]; !ok || !known && !t.affords(s) {
			return at, nil
		}
		next, err := t.try(ctx, s)
		if err == nil && len(quick) > 0 {
			next, err = t.climb(ctx, next, 1, quick, nil)
		}
		if err != nil {
			return 0, err
		}
		if t.entries[next].quality() <= t.entries[at].quality() {
			return at, nil
		}
		at = next
	}
}
