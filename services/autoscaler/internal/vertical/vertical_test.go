package vertical

import (
	"testing"
	"time"
)

func TestRequestFollowsUse(t *testing.T) {
	var e Estimate
	now := time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)
	for step := range 1000 {
		if step == 100 {
			if _, _, ok := e.Request(); ok {
				t.Error("a request after minutes of watching")
			}
		}
		now = now.Add(5 * time.Second)
		e.Note(now, 0.8, 1<<30)
	}
	cores, bytes, ok := e.Request()
	// 0.8 cores and 15 %, within a bucket of 5 %; a GiB and a fifth, a little faded.
	if !ok || cores < 0.91 || cores > 0.98 || float64(bytes) < 1.15*(1<<30) || float64(bytes) > 1.2*(1<<30)+1 {
		t.Errorf("asks for %g cores and %d bytes, %t", cores, bytes, ok)
	}
}
