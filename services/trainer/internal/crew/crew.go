// Package crew runs the rows of a job on several goroutines and accounts for their CPU time.
package crew

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/haggle-commerce/haggle/libs/cost"
)

// Crew says how many goroutines work and who is told what they used. The zero value takes every processor and tells nobody.
type Crew struct {
	// Workers is how many goroutines work; 0 means as many as there are processors. No result may depend on it.
	Workers int
	// Used, where set, is told the CPU time of goroutines other than the caller's, by any of them.
	Used func(time.Duration)
}

// Count returns how many goroutines work.
func (c Crew) Count() int {
	if c.Workers <= 0 {
		return runtime.GOMAXPROCS(0)
	}
	return c.Workers
}

// Each hands out the numbers 0 to n-1 in blocks of at most size. Each worker calls begin once, for memory of its own, and what
// begin returns for each of its blocks. A block must not depend on other blocks, so that the result is the same for any number
// of workers. Each returns when all have ended; its error is that of ctx, and some blocks were left out then.
func (c Crew) Each(ctx context.Context, n, size int, begin func() func(from, to int)) error {
	var group sync.WaitGroup
	var next atomic.Int64
	for range min(c.Count(), (n+size-1)/size) {
		group.Go(func() {
			meter := cost.Start()
			work := begin()
			for ctx.Err() == nil {
				to := int(next.Add(int64(size)))
				if to-size >= n {
					break
				}
				work(to-size, min(to, n))
			}
			if used := meter.Stop(); c.Used != nil {
				c.Used(used)
			}
		})
	}
	group.Wait()
	return ctx.Err()
}
