package cost

import (
	"runtime"
	"testing"
	"time"
)

// Of 1 s of a process, 100 ms of collecting and 50 ms of the monitor fall on the other 850 ms in proportion, and on nobody else.
func TestRuntimeShares(t *testing.T) {
	r := NewRuntime()
	if gc, monitor := r.Shares(time.Second); gc != 0 || monitor != 0 {
		t.Errorf("before the first tick: %v, %v, want nothing", gc, monitor)
	}
	r.note(time.Second, 100*time.Millisecond, 50*time.Millisecond)
	gc, monitor := r.Shares(850 * time.Millisecond)
	if (gc-100*time.Millisecond).Abs() > time.Microsecond || (monitor-50*time.Millisecond).Abs() > time.Microsecond {
		t.Errorf("shares of all the rest = %v, %v, want 100ms, 50ms", gc, monitor)
	}
	if gc, monitor = r.Shares(0); gc != 0 || monitor != 0 {
		t.Errorf("who used nothing pays %v, %v", gc, monitor)
	}
	for range 500 {
		r.note(time.Second, 0, 0)
	}
	if gc, _ = r.Shares(time.Second); gc > time.Microsecond {
		t.Errorf("after 500 s without a collection a second still pays %v", gc)
	}
	Measure(false)
	defer Measure(true)
	r.note(time.Second, 100*time.Millisecond, 50*time.Millisecond)
	if gc, monitor = r.Shares(time.Second); gc != 0 || monitor != 0 {
		t.Errorf("with metering off: %v, %v, want nothing", gc, monitor)
	}
	if gc, monitor = (*Runtime)(nil).Shares(time.Second); gc != 0 || monitor != 0 {
		t.Errorf("of nil: %v, %v, want nothing", gc, monitor)
	}
}

// What is charged to all is never more than the process used.
func TestRuntimeStaysWithinTheProcess(t *testing.T) {
	needsThreadClock(t)
	before := ProcessCPU()
	r := NewRuntime()
	spin(20 * time.Millisecond)
	runtime.GC()
	r.Tick()
	used := ProcessCPU() - before
	if gc, monitor := r.Shares(20 * time.Millisecond); gc < 0 || monitor < 0 || gc+monitor > used {
		t.Errorf("20 ms of %v are charged %v of collecting and %v of the monitor", used, gc, monitor)
	}
}

func TestMonitorThreadRunsNoGoroutine(t *testing.T) {
	tid, ok := MonitorThread()
	if !ok {
		t.Skip("SKIPPED: no list of threads on this system")
	}
	before := threadUsed(threadPath(tid))
	worked := spin(50 * time.Millisecond)
	if used := threadUsed(threadPath(tid)) - before; used > worked/2 {
		t.Errorf("thread %d used %v while a goroutine used %v: it is not the monitor", tid, used, worked)
	}
}
