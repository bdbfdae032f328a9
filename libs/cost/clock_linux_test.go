package cost

import (
	"syscall"
	"testing"
	"time"
)

// A thread that sleeps within a lap stands for one that waits for a processor: what it did not use is in no lap and in no estimate.
func TestLongLapsAreExact(t *testing.T) {
	needsThreadClock(t)
	span, _ := Enter(t.Context())
	defer span.Leave()
	worked := spin(time.Millisecond)
	stall := syscall.Timespec{Nsec: int64(40 * time.Millisecond)}
	if err := syscall.Nanosleep(&stall, nil); err != nil {
		t.Fatal(err)
	}
	if used := span.clock.Used(); used > worked+20*time.Millisecond {
		t.Errorf("Used = %v after %v of work and a stall of 40ms", used, worked)
	}
	if lap := span.Lap(); lap > worked+20*time.Millisecond {
		t.Errorf("a lap of %v after %v of work and a stall of 40ms", lap, worked)
	}
}
