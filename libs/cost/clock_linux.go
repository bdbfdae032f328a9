package cost

import (
	"syscall"
	"time"
	"unsafe"
)

const (
	clockProcess = 2 // CLOCK_PROCESS_CPUTIME_ID
	clockThread  = 3 // CLOCK_THREAD_CPUTIME_ID
)

// threadCPU is the CPU time, user and system, of the calling thread. It costs one system call: 0.2 us on bare metal, 1.4 to 3 us on
// some virtual machines.
func threadCPU() time.Duration { return cpuClock(clockThread) }

// ProcessCPU returns the CPU time, user and system, of the whole process since it began.
func ProcessCPU() time.Duration { return cpuClock(clockProcess) }

func cpuClock(id uintptr) time.Duration {
	var ts syscall.Timespec
	// RawSyscall: the call does not block, so the scheduler need not know of it.
	_, _, errno := syscall.RawSyscall(syscall.SYS_CLOCK_GETTIME, id, uintptr(unsafe.Pointer(&ts)), 0)
	if errno != 0 {
		return 0
	}
	return time.Duration(ts.Nano())
}
