//go:build !linux

package cost

import "time"

var processBegin = time.Now()

// threadCPU falls back to wall time where the thread's CPU clock is not at hand: receipts are then upper bounds.
func threadCPU() time.Duration { return time.Since(processBegin) }

// ProcessCPU falls back to wall time since the process began.
func ProcessCPU() time.Duration { return time.Since(processBegin) }
