package service

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

func TestEvery(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second+time.Millisecond)
		defer cancel()
		calls := 0
		if err := Every(ctx, time.Second, func() { calls++ }); err != nil || calls != 5 {
			t.Errorf("%d calls in 5 s, %v, want 5", calls, err)
		}
	})
}
