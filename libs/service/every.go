package service

import (
	"context"
	"time"
)

// Every calls f once per interval until ctx ends, the first time after one. A call that takes longer delays the next, and none is made up
// for. The error is always nil.
func Every(ctx context.Context, interval time.Duration, f func()) error {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
			f()
		}
	}
}
