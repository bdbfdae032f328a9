package crew

import (
	"context"
	"sync"
	"testing"
	"time"
)

func TestEachDoesEveryBlockOnce(t *testing.T) {
	for _, c := range []struct{ n, size, workers int }{{0, 4, 2}, {1, 4, 2}, {100, 7, 3}, {64, 64, 0}, {5, 1, 9}} {
		var mu sync.Mutex
		done := make([]int, c.n)
		used := 0
		w := Crew{Workers: c.workers, Used: func(time.Duration) {
			mu.Lock()
			used++
			mu.Unlock()
		}}
		err := w.Each(t.Context(), c.n, c.size, func() func(from, to int) {
			return func(from, to int) {
				mu.Lock()
				defer mu.Unlock()
				if to-from > c.size {
					t.Errorf("block of %d, at most %d", to-from, c.size)
				}
				for i := from; i < to; i++ {
					done[i]++
				}
			}
		})
		if err != nil || c.n > 0 && used == 0 {
			t.Errorf("%+v: error %v, %d workers told what they used", c, err, used)
		}
		for i, n := range done {
			if n != 1 {
				t.Errorf("%+v: row %d was done %d times", c, i, n)
			}
		}
	}
}

func TestEachEndsWithItsContext(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if err := (Crew{}).Each(ctx, 10, 1, func() func(from, to int) { return func(int, int) {} }); err == nil {
		t.Error("no error after the end of the context")
	}
}
