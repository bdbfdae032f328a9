package online

import (
	"testing"
	"time"
)

func TestBreaker(t *testing.T) {
	const ms = time.Millisecond
	for _, c := range []struct {
		name string
		// at are the times of calls: a failure, or a success when negative.
		at   []time.Duration
		want bool
	}{
		{"one failure", []time.Duration{10 * ms}, false},
		{"four at once", []time.Duration{1 * ms, 2 * ms, 3 * ms, 4 * ms}, false},
		{"five at once", []time.Duration{1 * ms, 2 * ms, 3 * ms, 4 * ms, 5 * ms}, true},
		{"a success between", []time.Duration{1 * ms, 2 * ms, 3 * ms, -4 * ms, 5 * ms, 6 * ms}, false},
		{"two far apart", []time.Duration{1 * ms, 301 * ms}, true},
		{"two near each other", []time.Duration{1 * ms, 300 * ms}, false},
		{"two far apart with a success between", []time.Duration{1 * ms, -2 * ms, 400 * ms}, false},
	} {
		var b breaker
		opened := 0
		for _, at := range c.at {
			if at < 0 {
				b.succeeded()
			} else {
				b.failed(at, func() { opened++ })
			}
		}
		if got := b.open.Load(); got != c.want || (opened == 1) != c.want {
			t.Errorf("%s: open = %v after %d openings, want %v", c.name, got, opened, c.want)
		}
	}
}

func TestBreakerClosesByProbeAlone(t *testing.T) {
	var b breaker
	never := func() { t.Error("opened a second time") }
	for range failuresInRow {
		b.failed(1, func() {})
	}
	b.succeeded() // a call that began before
	b.failed(2, never)
	if !b.open.Load() {
		t.Error("a success closed the breaker")
	}
	b.shut()
	b.failed(3, never)
	if b.open.Load() {
		t.Error("open after a probe and one failure")
	}
	b.stop()
	for range failuresInRow {
		b.failed(4, never)
	}
}
