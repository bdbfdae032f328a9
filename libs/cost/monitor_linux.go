package cost

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// MonitorThread returns the thread of the runtime's monitor, which wakes every few tens of microseconds while goroutines run and
// never runs one. The runtime starts it before any other thread, and the system lists the threads of a process in that order.
func MonitorThread() (tid int, ok bool) {
	dir, err := os.Open("/proc/self/task")
	if err != nil {
		return 0, false
	}
	defer dir.Close()
	names, err := dir.Readdirnames(2)
	if err != nil || len(names) < 2 || names[0] != strconv.Itoa(os.Getpid()) {
		return 0, false
	}
	tid, err = strconv.Atoi(names[1])
	return tid, err == nil
}

func threadPath(tid int) string { return fmt.Sprintf("/proc/self/task/%d/schedstat", tid) }

// threadUsed returns the CPU time of the thread whose schedstat is at path, 0 when nobody tells.
func threadUsed(path string) time.Duration {
	text, err := os.ReadFile(path)
	if err != nil {
		return 0
	}
	first, _, _ := strings.Cut(string(text), " ")
	nanos, err := strconv.ParseInt(first, 10, 64)
	if err != nil {
		return 0
	}
	return time.Duration(nanos)
}
