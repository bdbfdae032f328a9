package servicetest

import (
	"testing"
	"time"
)

// Eventually calls f until it returns nil, and fails the test with the last error when that takes longer than within.
func Eventually(t testing.TB, within time.Duration, f func() error) {
	t.Helper()
	begin := time.Now()
	// Begin often, so that a quick condition costs little; then rarely, so that a slow one does not burn the processor.
	for pause := time.Millisecond; ; pause = min(2*pause, 20*time.Millisecond) {
		err := f()
		if err == nil {
			return
		}
		if waited := time.Since(begin); waited > within {
			t.Fatalf("after %v still: %v", waited.Round(time.Millisecond), err)
		}
		<-time.After(pause)
	}
}
