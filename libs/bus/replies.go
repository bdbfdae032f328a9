package bus

import (
	"fmt"
	"strconv"
	"sync"

	"github.com/nats-io/nats.go"
)

// replies hands each reply to the call that waits for it: one subscription for all of them. It is what nats.go does for
// its own requests, without taking the connection's lock when a wait ends, and with a wait that can be given up when
// the instance asked is gone.
type replies struct {
	prefix string

	mu      sync.Mutex
	last    uint64
	waiting map[uint64]*wait
	free    []*wait
}

// wait is one request under way.
type wait struct {
	id    uint64
	reply chan *nats.Msg // has room for the one reply
}

// maxFreeWaits bounds the waits kept for reuse.
const maxFreeWaits = 256

func newReplies(nc *nats.Conn) (*replies, error) {
	r := &replies{prefix: nc.NewInbox() + ".", waiting: map[uint64]*wait{}}
	if _, err := nc.Subscribe(r.prefix+"*", r.deliver); err != nil {
		return nil, fmt.Errorf("subscribe to replies: %w", err)
	}
	return r, nil
}

// open begins a wait; subject is where the reply is to go.
func (r *replies) open() (w *wait, subject string) {
	r.mu.Lock()
	if n := len(r.free); n > 0 {
		w, r.free = r.free[n-1], r.free[:n-1]
	} else {
		w = &wait{reply: make(chan *nats.Msg, 1)}
	}
	r.last++
	w.id = r.last
	r.waiting[w.id] = w
	r.mu.Unlock()
	var b [64]byte
	return w, string(strconv.AppendUint(append(b[:0], r.prefix...), w.id, 36))
}

// close ends a wait. It returns the reply when that came at the last moment and was not taken.
func (r *replies) close(w *wait) *nats.Msg {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.waiting, w.id)
	var m *nats.Msg
	select {
	case m = <-w.reply:
	default:
	}
	if len(r.free) < maxFreeWaits {
		r.free = append(r.free, w)
	}
	return m
}

func (r *replies) deliver(m *nats.Msg) {
	if len(m.Subject) <= len(r.prefix) {
		return
	}
	id, err := strconv.ParseUint(m.Subject[len(r.prefix):], 36, 64)
	if err != nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	w := r.waiting[id]
	if w == nil {
		return
	}
	delete(r.waiting, id)
	w.reply <- m // has room: this is the one reply, and close empties it under the same lock
}
