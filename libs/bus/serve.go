package bus

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/haggle-commerce/haggle/libs/cost"
	"github.com/haggle-commerce/haggle/libs/wire"
)

// Handler answers one request. The context ends at the caller's deadline, and the handler should end with it. An error
// that is a [*wire.Error] keeps its code; anything else becomes Internal. The request must not be changed or kept.
type Handler func(ctx context.Context, request []byte) ([]byte, error)

// Limits bound what one Serve does at once.
type Limits struct {
	// Workers is how many handlers run at once; 0 means twice GOMAXPROCS.
	Workers int
	// Queue is how many requests may wait for a worker; 0 means 64.
	Queue int
}

const (
	defaultQueue = 64
	// drainWait bounds how long a Serve that ends waits for the server and for handlers; under the 5 s of a process.
	drainWait = 4 * time.Second
)

// server is one Serve under way.
type server struct {
	bus     *Bus
	subject string
	handler Handler
	pool    *pool
	// base lends its values to the contexts of requests, and is never done: a Serve that ends finishes what it has.
	base func(deadline time.Time) (context.Context, context.CancelFunc)
}

// task is one request in a pool.
type task struct {
	deadline time.Time
	request  []byte
	// message is set for a request over NATS; ctx and done for one from this process.
	message *nats.Msg
	ctx     context.Context
	done    chan struct{}
	reply   []byte
	err     *wire.Error
}

// Serve answers the requests to subject with h, beside other instances that serve it. It blocks until ctx ends; then it
// announces that it leaves, finishes what it has accepted and returns nil.
func (b *Bus) Serve(ctx context.Context, subject string, l Limits, h Handler) error {
	if l.Workers <= 0 {
		l.Workers = 2 * runtime.GOMAXPROCS(0)
	}
	if l.Queue <= 0 {
		l.Queue = defaultQueue
	}
	base := context.WithoutCancel(ctx)
	s := &server{bus: b, subject: subject, handler: h, base: func(deadline time.Time) (context.Context, context.CancelFunc) {
		return context.WithDeadline(base, deadline)
	}}
	s.pool = newPool(l.Workers, l.Queue, s.work, s.expired)
	shared, err := b.nc.QueueSubscribe(subject, subject, s.accept)
	if err != nil {
		return fmt.Errorf("serve %s: %w", subject, sendError(err))
	}
	direct, err := b.nc.Subscribe(directSubject(b.options.Instance, subject), s.accept)
	if err != nil {
		return errors.Join(fmt.Errorf("serve %s: %w", subject, sendError(err)), shared.Unsubscribe())
	}
	b.join(s)
	s.announce(ctx)
	s.drain(shared, direct)
	select {
	case <-b.closing:
		return fmt.Errorf("serve %s: %w", subject, ErrClosed)
	default:
		return nil
	}
}

// announce says that this instance is here until ctx ends, then that it leaves.
func (s *server) announce(ctx context.Context) {
	beat := time.NewTicker(heartbeat)
	defer beat.Stop()
	for {
		s.beat(markHere)
		l := s.bus.link.now.Load()
		up := l.up
		if l.isUp.Load() {
			up = nil
		}
		select {
		case <-ctx.Done():
			s.beat(markLeaving)
			return
		case <-s.bus.closing:
			return
		case <-beat.C:
		case <-up:
			// Connected again: nobody knows of us, so do not wait for the next beat.
		}
	}
}

func (s *server) beat(mark byte) {
	err := s.bus.Broadcast(wire.SubjectHere+s.subject, append([]byte{mark}, s.bus.options.Instance...))
	if err != nil && !errors.Is(err, ErrNoServer) {
		s.bus.log.Debug("heartbeat failed", "subject", s.subject, "error", err)
	}
}

// drain stops to accept and finishes what was accepted.
func (s *server) drain(subs ...*nats.Subscription) {
	defer s.bus.leave(s)
	s.bus.options.Local.remove(s)
	limit := time.NewTimer(drainWait)
	defer limit.Stop()
	for _, sub := range subs {
		s.end(sub, limit.C)
	}
	quiet := s.pool.finish()
	select {
	case <-quiet:
		s.pool.wg.Wait()
	case <-limit.C:
		// A handler that does not end with its context; its goroutine ends with the process.
		s.bus.log.Warn("requests unfinished at the end", "subject", s.subject)
	}
	if s.bus.Connected() {
		_ = s.bus.nc.FlushTimeout(time.Second)
	}
}

// end ends the interest of sub at the server and waits until what came before has been accepted.
func (s *server) end(sub *nats.Subscription, limit <-chan time.Time) {
	l := s.bus.link.now.Load()
	if !l.isUp.Load() {
		_ = sub.Unsubscribe()
		return
	}
	closed := make(chan struct{})
	sub.SetClosedHandler(func(string) { close(closed) })
	if err := sub.Drain(); err != nil {
		return
	}
	select {
	case <-closed:
	case <-l.down:
	case <-limit:
	}
}

// accept takes a request from NATS. It only queues: what it cannot queue it refuses at once.
func (s *server) accept(m *nats.Msg) {
	deadline := first(m.Header, wire.HeaderDeadline)
	if deadline == probeDeadline {
		return
	}
	c := &s.bus.counts
	c.arrivals.Add(1)
	micros, err := strconv.ParseInt(deadline, 10, 64)
	if err != nil {
		c.shed.Add(1)
		s.respond(m, nil, &wire.Error{Code: wire.Invalid, Field: wire.HeaderDeadline, Text: "is missing or not a number"})
		return
	}
	t := &task{deadline: time.UnixMicro(micros), request: m.Data, message: m}
	if !time.Now().Before(t.deadline) {
		s.expired(t)
		return
	}
	if !s.pool.submit(t) {
		c.shed.Add(1)
		s.respond(m, nil, overloaded)
	}
}

// serveLocal answers a request of this process: on the calling goroutine when a worker's place is free, else from the
// queue. It reports false when this server is ending and does not take the request.
func (s *server) serveLocal(ctx context.Context, deadline time.Time, request []byte) ([]byte, *wire.Error, bool) {
	c := &s.bus.counts
	if s.pool.enter() {
		c.arrivals.Add(1)
		reply, err := s.invoke(ctx, request)
		s.pool.leave()
		return reply, err, true
	}
	// The caller may give up and use its bytes anew while the request waits here: keep a copy.
	t := &task{deadline: deadline, request: append([]byte(nil), request...), ctx: cost.Apart(ctx), done: make(chan struct{})}
	if !s.pool.submit(t) {
		if s.pool.ending() {
			return nil, nil, false
		}
		c.arrivals.Add(1)
		c.shed.Add(1)
		return nil, overloaded, true
	}
	c.arrivals.Add(1)
	if cost.Pause(ctx) {
		defer cost.Resume(ctx)
	}
	select {
	case <-t.done:
		return t.reply, t.err, true
	case <-ctx.Done():
		return nil, outcome(late(ctx)), true
	}
}

// work runs one task of the pool.
func (s *server) work(t *task) {
	if t.message == nil {
		t.reply, t.err = s.invoke(t.ctx, t.request)
		close(t.done)
		return
	}
	ctx, cancel := s.base(t.deadline)
	reply, err := s.invoke(takeTrace(ctx, t.message.Header), t.request)
	cancel()
	s.respond(t.message, reply, err)
}

// expired answers a task whose deadline passed.
func (s *server) expired(t *task) {
	s.bus.counts.shed.Add(1)
	if t.message == nil {
		t.err = lateOnArrival
		close(t.done)
		return
	}
	s.respond(t.message, nil, lateOnArrival)
}

// invoke runs the handler, counts, and keeps a panic from ending the process.
func (s *server) invoke(ctx context.Context, request []byte) (reply []byte, out *wire.Error) {
	begin := time.Now()
	defer func() {
		if fault := recover(); fault != nil {
			s.bus.log.Error("handler panicked", "subject", s.subject, "fault", fmt.Sprint(fault), "stack", string(debug.Stack()))
			reply, out = nil, &wire.Error{Code: wire.Internal, Text: "the handler panicked"}
		}
		s.bus.counts.served(time.Since(begin))
	}()
	reply, err := s.handler(ctx, request)
	if err != nil {
		return nil, outcome(err)
	}
	if len(reply) > maxMessage {
		return nil, &wire.Error{Code: wire.Internal, Text: fmt.Sprintf("the reply has %d bytes, at most %d", len(reply), maxMessage)}
	}
	return reply, nil
}

func (s *server) respond(m *nats.Msg, reply []byte, e *wire.Error) {
	if m.Reply == "" {
		return
	}
	answer := &nats.Msg{Subject: m.Reply, Data: reply}
	if e != nil {
		answer.Header = errorHeader(e)
	}
	if err := s.bus.nc.PublishMsg(answer); err != nil {
		s.bus.log.Debug("reply failed", "subject", s.subject, "error", err)
	}
}

func (b *Bus) join(s *server) {
	b.mu.Lock()
	b.servers[s] = struct{}{}
	b.mu.Unlock()
	b.options.Local.add(s)
}

func (b *Bus) leave(s *server) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.servers, s)
}
