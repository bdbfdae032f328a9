// Package cost turns work into money: thread CPU meters, receipts per query, price books and a ledger that can be reconciled.
package cost

import (
	"runtime"
	"sync/atomic"
	"time"
)

// off turns every meter of the process off. It is the one switch of this package, and exists so that what metering itself
// costs can be measured side by side; a meter reads it once, at its start.
var off atomic.Bool

// Measure turns the meters of this process on (the default) or off. Off, every piece of work takes no time, and receipts are empty.
func Measure(on bool) { off.Store(!on) }

// Meter measures the CPU time of a piece of work on one thread. The zero value is not started.
type Meter struct {
	begin time.Duration
	on    bool
}

// Start locks the goroutine to its thread and notes the thread's CPU time. The work must not block (no I/O, no locks that
// are held for long): a locked goroutine that parks costs two thread switches. Every Start needs one [Meter.Stop].
func Start() Meter {
	if off.Load() {
		return Meter{}
	}
	runtime.LockOSThread()
	return Meter{begin: threadCPU(), on: true}
}

// Lap returns the CPU time since Start or the last Lap, and begins the next piece.
func (m *Meter) Lap() time.Duration {
	if !m.on {
		return 0
	}
	now := threadCPU()
	d := now - m.begin
	m.begin = now
	return d
}

// Stop returns the CPU time since Start or the last Lap and unlocks the thread.
func (m *Meter) Stop() time.Duration {
	if !m.on {
		return 0
	}
	d := threadCPU() - m.begin
	runtime.UnlockOSThread()
	return d
}
