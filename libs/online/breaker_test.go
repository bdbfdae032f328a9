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
		{"many at once, in one pause of the process", []time.Duration{1 * ms, 2 * ms, 3 * ms, 4 * ms, 5 * ms, 6 * ms, 7 * ms, 99 * ms}, false},
		{"five over a tenth of a second", []time.Duration{1 * ms, 25 * ms, 50 * ms, 75 * ms, 101 * ms}, true},
		{"four over it", []time.Duration{1 * ms, 50 * ms, 75 * ms, 101 * ms}, false},
		{"a success between", []time.Duration{1 * ms, 50 * ms, 100 * ms, -150 * ms, 200 * ms, 250 * ms}, false},
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
	for i := range failuresInRow {
		b.failed(time.Duration(i)*failingShort, func() {})
	}
	b.succeeded() // a call that began before
	b.failed(time.Minute, never)
	if !b.open.Load() {
		t.Error("a success closed the breaker")
	}
	b.shut()
	b.failed(2*time.Minute, never)
	if b.open.Load() {
		t.Error("open after a probe and one failure")
	}
	b.stop()
	for i := range failuresInRow {
		b.failed(time.Duration(3+i)*time.Minute, never)
	}
}
