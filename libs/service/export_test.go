package service

import (
	"context"
	"io"
	"time"
)

// Execute is Main without the process around it, for tests.
func Execute[C any](ctx context.Context, name string, c C, run func(context.Context, Kit, C) error, args []string, env func(string) string, stdout, stderr io.Writer) int {
	return execute(ctx, name, c, run, world{args, env, stdout, stderr})
}

// DrainWithin shortens the time for draining.
func (h *House) DrainWithin(d time.Duration) { h.drainTime = d }
