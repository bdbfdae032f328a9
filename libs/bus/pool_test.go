package bus

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// journal notes which tasks ran and which expired, by their request.
type journal struct {
	mu           sync.Mutex
	ran, expired []string
}

func (j *journal) run(t *task) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.ran = append(j.ran, string(t.request))
}

func (j *journal) expire(t *task) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.expired = append(j.expired, string(t.request))
}

func job(name string, within time.Duration) *task {
	return &task{request: []byte(name), deadline: time.Now().Add(within)}
}

func TestPoolRunsTheNewestFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := &journal{}
		p := newPool(1, 4, j.run, j.expire)
		if !p.enter() {
			t.Fatal("enter() of an idle pool = false, want true")
		}
		for _, c := range []struct {
			name   string
			within time.Duration
			want   bool
		}{{"a", time.Second, true}, {"b", time.Hour, true}, {"c", time.Second, true}, {"d", time.Hour, true}, {"e", time.Hour, false}} {
			if got := p.submit(job(c.name, c.within)); got != c.want {
				t.Errorf("submit(%s) = %v, want %v", c.name, got, c.want)
			}
		}
		if running, queued := p.counts(); running != 1 || queued != 4 || p.load() != 5 {
			t.Errorf("counts() = %d, %d, load() = %d, want 1, 4, 5", running, queued, p.load())
		}
		if p.enter() {
			t.Error("enter() of a full pool = true, want false")
		}
		time.Sleep(2 * time.Second) // of the bubble: a and c are late now
		if !p.submit(job("f", time.Hour)) {
			t.Error("submit() with a late task at the oldest end = false, want true")
		}
		p.leave()
		synctest.Wait()
		if diff := cmp.Diff([]string{"f", "d", "b"}, j.ran); diff != "" {
			t.Errorf("tasks that ran differ (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff([]string{"a", "c"}, j.expired); diff != "" {
			t.Errorf("tasks that expired differ (-want +got):\n%s", diff)
		}
		<-p.finish()
		p.wg.Wait()
		if p.submit(job("g", time.Hour)) || p.enter() || !p.ending() {
			t.Error("a pool that finished takes tasks, want none")
		}
	})
}

func TestPoolBoundsItsWorkers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		now, most, done := 0, 0, 0
		p := newPool(3, 1000, func(*task) {
			mu.Lock()
			now++
			most = max(most, now)
			mu.Unlock()
			time.Sleep(time.Millisecond)
			mu.Lock()
			now, done = now-1, done+1
			mu.Unlock()
		}, func(*task) { t.Error("a task expired, want none") })
		for round := range 3 { // the idle workers of one round work in the next
			for range 100 {
				if !p.submit(job("x", time.Hour)) {
					t.Fatal("submit() = false, want true")
				}
			}
			time.Sleep(time.Second)
			synctest.Wait()
			if want := 100 * (round + 1); done != want {
				t.Errorf("%d tasks done after round %d, want %d", done, round, want)
			}
		}
		if most != 3 {
			t.Errorf("%d tasks ran at once, want 3", most)
		}
		for range 10 {
			p.submit(job("x", time.Hour))
		}
		<-p.finish()
		p.wg.Wait()
		if done != 310 {
			t.Errorf("%d tasks done at the end, want 310: finish() must finish what was accepted", done)
		}
	})
}

// TestRing compares the ring with a slice.
func TestRing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		size := rapid.IntRange(1, 5).Draw(t, "size")
		r := ring{tasks: make([]*task, size)}
		var model []*task
		now := time.Now()
		for range rapid.IntRange(0, 40).Draw(t, "steps") {
			switch rapid.IntRange(0, 2).Draw(t, "what") {
			case 0:
				late := rapid.Bool().Draw(t, "late")
				next := &task{deadline: now.Add(map[bool]time.Duration{true: -1, false: 1}[late])}
				if got, want := r.push(next), len(model) < size; got != want {
					t.Fatalf("push() = %v, want %v", got, want)
				} else if want {
					model = append(model, next)
				}
			case 1:
				var want *task
				if n := len(model); n > 0 {
					want, model = model[n-1], model[:n-1]
				}
				if got := r.pop(); got != want {
					t.Fatalf("pop() = %p, want %p", got, want)
				}
			case 2:
				var want *task
				if len(model) == size && !now.Before(model[0].deadline) {
					want, model = model[0], model[1:]
				}
				if got := r.evict(now); got != want {
					t.Fatalf("evict() = %p, want %p", got, want)
				}
			}
			if r.n != len(model) {
				t.Fatalf("%d tasks, want %d", r.n, len(model))
			}
		}
	})
}
