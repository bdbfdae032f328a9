package service

import (
	"sync/atomic"
	"time"

	"github.com/haggle-commerce/haggle/libs/wire"
)

// Outcome is how a request ended.
type Outcome int

// The outcomes of requests.
const (
	// Answered is a request that was answered in full.
	Answered Outcome = iota
	// AnsweredCheaply is one that was answered by a cheaper path than it asked for.
	AnsweredCheaply
	// Refused is one that was turned away as busy or late.
	Refused
)

// Traffic counts requests that do not come over the bus, which counts its own: those of an HTTP door. The zero value is
// ready. Its methods may be called at once.
type Traffic struct {
	arrivals, done, refused, cheap, busy atomic.Uint64
	inFlight                             atomic.Int64
	latency                              [len(wire.LatencyBounds) + 1]atomic.Uint64
}

// Begin counts a request that came in. Each Begin needs one End.
func (t *Traffic) Begin() {
	t.arrivals.Add(1)
	t.inFlight.Add(1)
}

// End counts how a request ended and how long it took, from Begin.
func (t *Traffic) End(took time.Duration, o Outcome) {
	t.inFlight.Add(-1)
	if o == Refused {
		t.refused.Add(1)
		return
	}
	if o == AnsweredCheaply {
		t.cheap.Add(1)
	}
	t.done.Add(1)
	t.busy.Add(uint64(max(took, 0)))
	bucket := 0
	for seconds := took.Seconds(); bucket < len(wire.LatencyBounds) && seconds > wire.LatencyBounds[bucket]; {
		bucket++
	}
	t.latency[bucket].Add(1)
}

// addTo adds the counts to vitals that already hold those of the bus.
func (t *Traffic) addTo(v *wire.Vitals) {
	v.Arrivals += t.arrivals.Load()
	v.Done += t.done.Load()
	v.Shed += t.refused.Load()
	v.Cheap += t.cheap.Load()
	v.BusyNanos += t.busy.Load()
	v.InFlight += int(t.inFlight.Load())
	if len(v.Latency) < len(t.latency) {
		v.Latency = append(v.Latency, make([]uint64, len(t.latency)-len(v.Latency))...)
	}
	for i := range t.latency {
		v.Latency[i] += t.latency[i].Load()
	}
}
