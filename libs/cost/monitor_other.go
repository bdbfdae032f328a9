//go:build !linux

package cost

import "time"

// MonitorThread knows no thread on this system.
func MonitorThread() (tid int, ok bool) { return 0, false }

func threadPath(int) string { return "" }

func threadUsed(string) time.Duration { return 0 }
