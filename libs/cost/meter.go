// Package cost turns work into money: thread CPU meters, receipts per query, price books and a ledger that can be reconciled.
package cost

import (
	"runtime"
	"time"
)

// Meter measures the CPU time of a piece of work on one thread. The zero value is not started.
type Meter struct {
	begin time.Duration
}

// Start locks the goroutine to its thread and notes the thread's CPU time. The work must not block (no I/O, no locks that
// are held for long): a locked goroutine that parks costs two thread switches. Every Start needs one [Meter.Stop].
func Start() Meter {
	runtime.LockOSThread()
	return Meter{begin: threadCPU()}
}

// Lap returns the CPU time since Start or the last Lap, and begins the next piece.
func (m *Meter) Lap() time.Duration {
	now := threadCPU()
	d := now - m.begin
	m.begin = now
	return d
}

// Stop returns the CPU time since Start or the last Lap and unlocks the thread.
func (m *Meter) Stop() time.Duration {
	d := threadCPU() - m.begin
	runtime.UnlockOSThread()
	return d
}
