package bus

import (
	"sync"
	"sync/atomic"
)

// Local joins the rooms of one process: a call to a subject that one of them serves goes straight to it. A nil *Local
// joins nothing.
type Local struct {
	mu      sync.Mutex
	servers atomic.Pointer[map[string][]*server] // replaced, never changed
}

// NewLocal returns a Local without rooms.
func NewLocal() *Local { return &Local{} }

// pick returns the server of subject with the least to do, other than the instance named except; nil when there is none.
func (l *Local) pick(subject, except string) *server {
	if l == nil {
		return nil
	}
	m := l.servers.Load()
	if m == nil {
		return nil
	}
	var best *server
	least := 0
	for _, s := range (*m)[subject] {
		if s.bus.options.Instance == except {
			continue
		}
		if n := s.pool.load(); best == nil || n < least {
			best, least = s, n
		}
	}
	return best
}

// Here reports whether this process serves subject, so that a call to it is work of this process.
func (b *Bus) Here(subject string) bool { return b.options.Local.pick(subject, "") != nil }

func (l *Local) add(s *server) {
	l.change(s.subject, func(old []*server) []*server { return append(append([]*server(nil), old...), s) })
}

func (l *Local) remove(s *server) {
	l.change(s.subject, func(old []*server) []*server {
		var next []*server
		for _, o := range old {
			if o != s {
				next = append(next, o)
			}
		}
		return next
	})
}

func (l *Local) change(subject string, f func([]*server) []*server) {
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	next := map[string][]*server{}
	if old := l.servers.Load(); old != nil {
		for k, v := range *old {
			next[k] = v
		}
	}
	next[subject] = f(next[subject])
	l.servers.Store(&next)
}
