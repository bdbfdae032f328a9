//go:build !linux

package schedule

import "time"

// Until sleeps until t, and returns at once when t has passed.
func Until(t time.Time) { time.Sleep(time.Until(t)) }
