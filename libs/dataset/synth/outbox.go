package synth

import (
	"container/heap"
	"math"
	"strconv"
	"time"

	"github.com/haggle-commerce/haggle/libs/shop"
)

// outbox holds the events of sessions that run at the same time and lets them go in the order of their times.
type outbox struct {
	waiting queue
	pushed  int
	prefix  string
	emitted int
	emit    func(*shop.Event) error
}

type pending struct {
	at    int64
	order int
	event shop.Event
}

// queue is a heap by time, then by the order in which the events came in.
type queue []pending

func (q queue) Len() int { return len(q) }
func (q queue) Less(i, j int) bool {
	return q[i].at < q[j].at || q[i].at == q[j].at && q[i].order < q[j].order
}
func (q queue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q *queue) Push(x any)   { *q = append(*q, x.(pending)) }
func (q *queue) Pop() (x any) {
	n := len(*q) - 1
	x = (*q)[n]
	(*q)[n] = pending{}
	*q = (*q)[:n]
	return x
}

func (b *outbox) push(at int64, e shop.Event) {
	b.pushed++
	heap.Push(&b.waiting, pending{at: at, order: b.pushed, event: e})
}

// total is how many events there are, gone and waiting.
func (b *outbox) total() int { return b.emitted + len(b.waiting) }

// flush lets the events before a moment go, at most limit in all.
func (b *outbox) flush(before int64, limit int) error {
	for len(b.waiting) > 0 && b.waiting[0].at < before && b.emitted < limit {
		p := heap.Pop(&b.waiting).(pending)
		b.emitted++
		p.event.ID = b.prefix + strconv.Itoa(b.emitted)
		p.event.Time = time.UnixMilli(p.at).UTC()
		if err := b.emit(&p.event); err != nil {
			return err
		}
	}
	return nil
}

// drain lets all events go, at most limit in all.
func (b *outbox) drain(limit int) error { return b.flush(math.MaxInt64, limit) }
