package bus

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/haggle-commerce/haggle/libs/cost"
	"github.com/haggle-commerce/haggle/libs/wire"
)

// How one attempt ended.
type ending int

const (
	answered ending = iota
	// failed means that asking another instance would not help.
	failed
	// busy means that the instance had no room.
	busy
	// absent means that the instance asked is not there any more.
	absent
)

// attempt is one try of a call: at whom, and how it ended.
type attempt struct {
	instance string
	reply    []byte
	ending   ending
	err      error
}

// probeDeadline marks a message that only asks whether somebody listens; nobody answers it.
const probeDeadline = "0"

// maxMessage is how long a request or a reply may be: what a server takes by default, less room for headers.
const maxMessage = 1<<20 - 4<<10

// Call sends request to an instance that serves subject and returns its reply. The context must carry a deadline; the
// call ends by then, whatever the network does. A call is tried once more, at another instance, when the first was
// busy or went away and time is left; a handler may thus see a request twice.
//
// A failure wraps a [*wire.Error]; it is [ErrNoServer] when nobody serves the subject or the bus is not connected.
//
// When an instance in this process serves the subject (see [Options.Local]), its handler gets the very same bytes, on
// this goroutine when it has a worker free: neither side may change them afterwards, and a handler that outlives its
// context keeps its caller.
func (b *Bus) Call(ctx context.Context, subject string, request []byte) ([]byte, error) {
	b.counts.calls.Add(1)
	reply, err := b.call(ctx, subject, request)
	if err != nil {
		if deadline, ok := ctx.Deadline(); ok && wire.CodeOf(err) == wire.Late && !time.Now().Before(deadline) {
			err = late(ctx) // the receiver saw the deadline pass a moment before the caller did
		}
		b.counts.failed(wire.CodeOf(err))
		return nil, fmt.Errorf("call %s: %w", subject, err)
	}
	return reply, nil
}

func (b *Bus) call(ctx context.Context, subject string, request []byte) ([]byte, error) {
	deadline, ok := ctx.Deadline()
	if !ok {
		return nil, &wire.Error{Code: wire.Invalid, Text: "the context has no deadline"}
	}
	if len(request) > maxMessage {
		return nil, &wire.Error{Code: wire.Invalid, Text: fmt.Sprintf("the request has %d bytes, at most %d", len(request), maxMessage)}
	}
	if !time.Now().Before(deadline) || ctx.Err() != nil {
		return nil, late(ctx)
	}
	b.budget.earn()
	a := b.try(ctx, deadline, subject, request, "")
	if a.ending <= failed {
		return a.reply, a.err
	}
	if !b.worthRetry(&a, subject) || ctx.Err() != nil {
		return nil, a.err
	}
	b.counts.retries.Add(1)
	again := b.try(ctx, deadline, subject, request, a.instance)
	if again.ending == absent && a.ending == busy {
		// The only other instance went away: that the first one was busy says more.
		return nil, a.err
	}
	return again.reply, again.err
}

// worthRetry reports whether a second attempt may do better.
func (b *Bus) worthRetry(a *attempt, subject string) bool {
	switch a.ending {
	case absent:
		return a.instance != "" && b.Connected()
	case busy:
		// Without a known instance the queue group may find another one; the budget bounds how often we hope so.
		another := a.instance == "" || b.peers.pick(subject, a.instance) != nil || b.options.Local.pick(subject, a.instance) != nil
		return another && b.budget.spend()
	}
	return false
}

// try makes one attempt at an instance other than except.
func (b *Bus) try(ctx context.Context, deadline time.Time, subject string, request []byte, except string) attempt {
	if s := b.options.Local.pick(subject, except); s != nil {
		if reply, err, ok := s.serveLocal(ctx, deadline, request); ok {
			return concluded(s.bus.options.Instance, reply, err)
		}
		except = s.bus.options.Instance
	}
	l := b.link.now.Load()
	if !l.isUp.Load() {
		return attempt{ending: failed, err: ErrNoServer}
	}
	p := b.peers.pick(subject, except)
	if p == nil {
		return b.ask(ctx, deadline, subject, request, nil, l.down)
	}
	p.waiting.Add(1)
	b.peers.watch(b.probe)
	a := b.ask(ctx, deadline, p.direct, request, p, l.down)
	p.waiting.Add(-1)
	switch a.ending {
	case absent:
		b.forget(p, subject)
	case busy:
		p.shunned.Store(b.peers.now() + int64(shunFor))
	}
	return a
}

// concluded turns what a handler returned into an attempt.
func concluded(instance string, reply []byte, err *wire.Error) attempt {
	a := attempt{instance: instance, reply: reply, ending: answered}
	if err != nil {
		a.reply, a.err, a.ending = nil, err, failed
		if err.Code == wire.Overloaded {
			a.ending = busy
		}
	}
	return a
}

// ask sends the request over NATS and waits. Peer p is nil when the queue group is asked.
func (b *Bus) ask(ctx context.Context, deadline time.Time, subject string, request []byte, p *peer, down <-chan struct{}) attempt {
	w, inbox := b.replies.open()
	header := nats.Header{wire.HeaderDeadline: {strconv.FormatInt(unixMicrosUp(deadline), 10)}}
	carryTrace(ctx, header)
	if err := b.nc.PublishMsg(&nats.Msg{Subject: subject, Reply: inbox, Header: header, Data: request}); err != nil {
		b.replies.close(w)
		return attempt{ending: failed, err: sendError(err)}
	}
	if cost.Pause(ctx) {
		defer cost.Resume(ctx)
	}
	var gone <-chan struct{}
	instance := ""
	if p != nil {
		gone, instance = p.gone, p.instance
	}
	var m *nats.Msg
	var err error
	end := failed
	select {
	case m = <-w.reply:
	case <-ctx.Done():
		err = late(ctx)
	case <-down:
		err = ErrNoServer
	case <-gone:
		end, err = absent, ErrNoServer
	}
	if last := b.replies.close(w); last != nil {
		m = last
	}
	if m == nil {
		return attempt{instance: instance, ending: end, err: err}
	}
	if noResponders(m) {
		return attempt{instance: instance, ending: absent, err: ErrNoServer}
	}
	if p != nil {
		p.answered.Store(b.peers.now())
	}
	return concluded(instance, m.Data, replyError(m))
}

// unixMicrosUp rounds up, so that no receiver sees the deadline pass before the caller does.
func unixMicrosUp(t time.Time) int64 { return t.Add(time.Microsecond - time.Nanosecond).UnixMicro() }

// forget drops an instance that does not listen, and tells everyone who waits for it.
func (b *Bus) forget(p *peer, subject string) {
	if b.peers.remove(subject, p.instance) == p {
		b.log.Debug("instance gone", "subject", subject, "instance", p.instance)
	}
	p.leave()
}

// probe asks the server whether p still listens.
func (b *Bus) probe(p *peer) {
	if !b.Connected() {
		return
	}
	m := &nats.Msg{
		Subject: p.direct, Reply: b.probes + strings.TrimPrefix(p.direct, wire.SubjectDirect),
		Header: nats.Header{wire.HeaderDeadline: {probeDeadline}},
	}
	if err := b.nc.PublishMsg(m); err != nil {
		b.log.Debug("probe failed", "instance", p.instance, "error", err)
	}
}

// probed takes the server's word that an instance does not listen.
func (b *Bus) probed(m *nats.Msg) {
	if !noResponders(m) || len(m.Subject) <= len(b.probes) {
		return
	}
	instance, subject, _ := strings.Cut(m.Subject[len(b.probes):], ".")
	if p := b.peers.remove(subject, instance); p != nil {
		p.leave()
	}
}

// sendError gives the fault of a publish its code.
func sendError(err error) error {
	switch {
	case errors.Is(err, nats.ErrMaxPayload):
		return fmt.Errorf("%w: %w", &wire.Error{Code: wire.Invalid, Text: "the message is too large for the bus"}, err)
	case errors.Is(err, nats.ErrBadSubject):
		return fmt.Errorf("%w: %w", &wire.Error{Code: wire.Invalid, Text: "the subject is not valid"}, err)
	}
	return fmt.Errorf("%w: %w", ErrNoServer, err)
}

// retryBudget lets at most one call in ten be tried again for lack of room, so that retries do not feed an overload.
type retryBudget struct {
	spent atomic.Int64 // in tenths of a retry; 0 means that the budget is full
}

const (
	retryCost = 10
	// retryBurst is how many retries may come at once.
	retryBurst = 10
)

func (r *retryBudget) earn() {
	for {
		s := r.spent.Load()
		if s == 0 || r.spent.CompareAndSwap(s, s-1) {
			return
		}
	}
}

func (r *retryBudget) spend() bool {
	for {
		s := r.spent.Load()
		if s > retryCost*(retryBurst-1) {
			return false
		}
		if r.spent.CompareAndSwap(s, s+retryCost) {
			return true
		}
	}
}
