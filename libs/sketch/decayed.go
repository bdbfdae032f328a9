package sketch

import (
	"math"
	"time"
)

// Decayed is a count that halves every half-life of event time: forward decay (Cormode, Shkapenyuk, Srivastava and Xu, ICDE
// 2009) with the newest event as the landmark. Events may come in any order: the value depends on what happened when, not on
// when it was heard of, but for rounding (relative error under 1e-12 for a million events). The zero value counts nothing.
// It is 16 bytes, so that there can be one per item, and not safe for use at once.
type Decayed struct {
	value float64
	// latest is the landmark, in unix microseconds, as of which value is.
	latest int64
}

// Add counts n at time t. Every call on one counter must name the same half-life, above 0.
func (d *Decayed) Add(n float64, t time.Time, halfLife time.Duration) {
	at := t.UnixMicro()
	switch {
	case d.value == 0:
		d.value, d.latest = n, at
	case at > d.latest:
		d.value, d.latest = d.value*fade(at-d.latest, halfLife)+n, at
	default:
		d.value += n * fade(d.latest-at, halfLife)
	}
}

// Value returns the count as of now. A now before the newest event is taken as the time of that event, so that a clock that
// runs behind never makes a count grow.
func (d *Decayed) Value(now time.Time, halfLife time.Duration) float64 {
	return d.value * fade(max(0, now.UnixMicro()-d.latest), halfLife)
}

// Merge adds what other counted, with the same half-life.
func (d *Decayed) Merge(other Decayed, halfLife time.Duration) {
	if other.value != 0 {
		d.Add(other.value, time.UnixMicro(other.latest), halfLife)
	}
}

// fade returns 2^-(age/halfLife).
func fade(ageMicros int64, halfLife time.Duration) float64 {
	if ageMicros == 0 {
		return 1
	}
	return math.Exp2(-float64(ageMicros) * 1000 / float64(halfLife))
}
