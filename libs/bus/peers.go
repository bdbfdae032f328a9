package bus

import (
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/haggle-commerce/haggle/libs/wire"
)

const (
	heartbeat = 500 * time.Millisecond
	// forgetAfter is how long an instance is believed to be there without a heartbeat.
	forgetAfter = 2 * time.Second
	// probeAfter is how long an instance may owe an answer before it is asked whether it still listens. The server says
	// at once when it does not, so a call whose instance was killed moves on within two of these.
	probeAfter = 20 * time.Millisecond
	// shunFor is how long an instance without room is avoided: a few service times.
	shunFor = 50 * time.Millisecond
)

// A heartbeat is one of these and the instance.
const (
	markHere    = '+'
	markLeaving = '-'
)

// peer is an instance that serves one subject.
type peer struct {
	instance string
	// direct is the subject that reaches it alone.
	direct  string
	waiting atomic.Int64
	// seen and answered are when its last heartbeat and last reply came, as nanoseconds since directory.begin.
	seen     atomic.Int64
	answered atomic.Int64
	// shunned is until when others are preferred, since it had no room; a busy reply is quick, and without this a full
	// instance would owe few answers and draw every call.
	shunned atomic.Int64
	// gone is closed when it no longer listens.
	gone chan struct{}
	once sync.Once
}

func (p *peer) leave() { p.once.Do(func() { close(p.gone) }) }

// directory knows which instances serve which subject, by their heartbeats.
type directory struct {
	begin time.Time

	mu     sync.RWMutex
	groups map[string][]*peer // the slices are replaced, never changed

	probing atomic.Bool
	timer   *time.Timer // guarded by mu; nil before the first probe
	closed  bool        // guarded by mu
}

func newDirectory() *directory {
	return &directory{begin: time.Now(), groups: map[string][]*peer{}}
}

func (d *directory) now() int64 { return int64(time.Since(d.begin)) }

// pick returns the better of two random instances that serve subject: the one that owes us fewer answers. It passes over
// the instance named except, and returns nil when it knows of none.
func (d *directory) pick(subject, except string) *peer {
	d.mu.RLock()
	peers := d.groups[subject]
	d.mu.RUnlock()
	now := d.now()
	a := draw(peers, nil, except, now-int64(forgetAfter))
	if a == nil {
		return nil
	}
	if b := draw(peers, a, except, now-int64(forgetAfter)); b != nil && b.better(a, now) {
		return b
	}
	return a
}

// better reports whether p should be asked rather than q.
func (p *peer) better(q *peer, now int64) bool {
	if full, other := p.shunned.Load() > now, q.shunned.Load() > now; full != other {
		return other
	}
	return p.waiting.Load() < q.waiting.Load()
}

// draw returns a random peer that is neither the one already drawn nor the one named except and was seen since oldest.
func draw(peers []*peer, drawn *peer, except string, oldest int64) *peer {
	if len(peers) == 0 {
		return nil
	}
	fits := func(p *peer) bool { return p != drawn && p.instance != except && p.seen.Load() >= oldest }
	at := 0
	for range 8 {
		at = rand.IntN(len(peers))
		if p := peers[at]; fits(p) {
			return p
		}
	}
	// Few fit: take the next one that does.
	for i := range peers {
		if p := peers[(at+i)%len(peers)]; fits(p) {
			return p
		}
	}
	return nil
}

// heard takes a heartbeat.
func (b *Bus) heard(m *nats.Msg) {
	if len(m.Data) < 2 || len(m.Subject) <= len(wire.SubjectHere) {
		return
	}
	subject, instance := m.Subject[len(wire.SubjectHere):], string(m.Data[1:])
	switch m.Data[0] {
	case markHere:
		b.peers.add(subject, instance)
	case markLeaving:
		// It finishes what it has: who waits for it goes on waiting.
		b.peers.remove(subject, instance)
	}
}

// add notes a heartbeat, and forgets the instances of the subject that gave none for too long.
func (d *directory) add(subject, instance string) {
	now := d.now()
	d.mu.Lock()
	defer d.mu.Unlock()
	known, stale := false, false
	for _, p := range d.groups[subject] {
		switch {
		case p.instance == instance:
			p.seen.Store(now)
			known = true
		case p.seen.Load() < now-int64(forgetAfter):
			stale = true
		}
	}
	if known && !stale {
		return
	}
	next := make([]*peer, 0, len(d.groups[subject])+1)
	for _, p := range d.groups[subject] {
		if p.seen.Load() < now-int64(forgetAfter) {
			p.leave()
			continue
		}
		next = append(next, p)
	}
	if !known {
		p := &peer{instance: instance, direct: directSubject(instance, subject), gone: make(chan struct{})}
		p.seen.Store(now)
		p.answered.Store(now)
		next = append(next, p)
	}
	d.groups[subject] = next
}

// remove forgets an instance and returns it.
func (d *directory) remove(subject, instance string) *peer {
	d.mu.Lock()
	defer d.mu.Unlock()
	peers := d.groups[subject]
	for i, p := range peers {
		if p.instance == instance {
			next := make([]*peer, 0, len(peers)-1)
			d.groups[subject] = append(append(next, peers[:i]...), peers[i+1:]...)
			return p
		}
	}
	return nil
}

// clear forgets everyone, as after the loss of the connection.
func (d *directory) clear() {
	d.mu.Lock()
	defer d.mu.Unlock()
	clear(d.groups)
}

// count returns how many instances are known in all.
func (d *directory) count() int {
	d.mu.RLock()
	defer d.mu.RUnlock()
	n := 0
	for _, peers := range d.groups {
		n += len(peers)
	}
	return n
}

func (d *directory) close() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.closed = true
	if d.timer != nil {
		d.timer.Stop()
	}
}

// watch makes sure that probes run while somebody waits for an answer; ask sends one.
func (d *directory) watch(ask func(*peer)) {
	if d.probing.Load() || d.probing.Swap(true) {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case d.closed:
	case d.timer == nil:
		d.timer = time.AfterFunc(probeAfter, func() { d.probe(ask) })
	default:
		d.timer.Reset(probeAfter)
	}
}

// probe asks the instances that owe an answer and gave none lately whether they still listen.
func (d *directory) probe(ask func(*peer)) {
	// First, so that a call that begins to wait after its peer was looked at starts the timer again.
	d.probing.Store(false)
	var silent []*peer
	busy := false
	now := d.now()
	d.mu.RLock()
	for _, peers := range d.groups {
		for _, p := range peers {
			if p.waiting.Load() == 0 {
				continue
			}
			busy = true
			if p.answered.Load() < now-int64(probeAfter) {
				silent = append(silent, p)
			}
		}
	}
	d.mu.RUnlock()
	for _, p := range silent {
		ask(p)
	}
	if busy {
		d.watch(ask)
	}
}

func directSubject(instance, subject string) string {
	return wire.SubjectDirect + instance + "." + subject
}
