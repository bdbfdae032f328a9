package online

import (
	"sync"
	"sync/atomic"
	"time"
)

// When to give Redis up: after some failures in a row that span a time in which nothing succeeded, so that one pause of this
// process, in which many reads run late together, is no reason; a service that is asked seldom needs not wait for many.
const (
	failuresInRow = 5
	failingShort  = 100 * time.Millisecond
	failuresFew   = 2
	failingLong   = 300 * time.Millisecond
)

// breaker stops calls to a Redis that does not answer. Only a probe closes it again.
type breaker struct {
	open atomic.Bool
	// failing is set from the first failure to the next success; the lock is taken only then.
	failing atomic.Bool

	mu       sync.Mutex
	failures int
	since    time.Duration
	stopped  bool
}

// failed counts a failure at now. When that opens the breaker it calls opened, under the lock and never after stop.
func (b *breaker) failed(now time.Duration, opened func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.failures == 0 {
		b.since = now
		b.failing.Store(true)
	}
	b.failures++
	enough := b.failures >= failuresInRow && now-b.since >= failingShort || b.failures >= failuresFew && now-b.since >= failingLong
	if b.stopped || b.open.Load() || !enough {
		return
	}
	b.open.Store(true)
	opened()
}

// succeeded forgets failures. A call that began before the breaker opened does not close it.
func (b *breaker) succeeded() {
	if b.failing.Load() && !b.open.Load() {
		b.forget()
	}
}

// shut closes the breaker.
func (b *breaker) shut() {
	b.forget()
	b.open.Store(false)
}

func (b *breaker) forget() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.failures = 0
	b.failing.Store(false)
}

// stop keeps the breaker from opening any more.
func (b *breaker) stop() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.stopped = true
}
