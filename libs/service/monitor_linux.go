package service

import (
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/haggle-commerce/haggle/libs/cost"
)

// monitorSlack is how much later than it asks for the runtime's monitor may wake. It asks for 20 us while goroutines run, a
// tenth of what a service uses at a few hundred queries a second goes into that, and all that hangs on it is how soon a
// processor is taken back from a system call that blocks (none of ours do for long) or from a goroutine that ran for 10 ms.
const monitorSlack = time.Millisecond

// CalmMonitor lets the kernel wake the runtime's monitor thread less often; where that cannot be set, all stays as it is.
func CalmMonitor() {
	if tid, ok := cost.MonitorThread(); ok {
		_ = os.WriteFile(fmt.Sprintf("/proc/%d/timerslack_ns", tid), strconv.AppendInt(nil, int64(monitorSlack), 10), 0o600)
	}
}
