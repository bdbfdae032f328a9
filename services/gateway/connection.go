package gateway

import (
	"context"
	"net"
	"net/http"
	"sync/atomic"
	"syscall"
	"time"
)

// connection measures what a connection of the HTTP server costs beside its handlers: reading and parsing a request, and
// finishing the answer before it. The goroutine that serves a connection is bound to its thread from the moment that bytes
// came until it waits for more, so the thread's own CPU clock tells; it is never bound while it waits.
//
// It rests on three habits of net/http, which a test holds on to: one goroutine reads requests, into a buffer of more than a
// byte; a second one watches beside the handler for the end of the connection, by reading a single byte; and the first calls
// it off by a read deadline that has long passed, before it waits for it to end.
type connection struct {
	net.Conn
	raw   syscall.RawConn
	watch stopwatch
	// into, n and err are of the read under way, try reads once: a closure for each read would be garbage.
	into []byte
	n    int
	err  error
	try  func(fd uintptr) bool
	// calledOff says that the goroutine waits for the one that watches.
	calledOff bool
	// turnedAway says that the last read was one of a single byte, and brought nothing. The goroutine that watches reads once a
	// request, and a deadline is set between two: so who reads a single byte again is the one that reads requests.
	turnedAway atomic.Bool
}

func newConnection(c net.Conn) *connection {
	m := &connection{Conn: c, watch: stopwatch{on: true}}
	m.raw, m.try = rawOf(c), m.readOnce
	return m
}

// Read reads what there is, and waits unmeasured if there is nothing yet.
//
// To the goroutine that watches for the end of the connection it says that there is nothing and no error, which ends it: to park
// it in the poller and to call it off again wakes threads for a tenth of what a query costs, and a client that gives up within
// the deadline of a query saves us next to nothing. That it left shows when the answer is written. A buffer that has room for one
// more byte asks again at once, and is answered.
func (c *connection) Read(b []byte) (int, error) {
	if len(b) == 1 && !c.turnedAway.Swap(true) {
		return 0, nil
	}
	c.turnedAway.Store(false)
	if c.raw == nil {
		c.watch.pause()
		n, err := c.Conn.Read(b)
		c.watch.resume()
		return n, err
	}
	c.into, c.n, c.err = b, 0, nil
	err := c.raw.Read(c.try)
	c.into = nil
	if err != nil {
		c.watch.pause()
		return 0, err
	}
	return c.n, c.err
}

// SetReadDeadline sets the deadline; see the type for what else it tells.
func (c *connection) SetReadDeadline(t time.Time) error {
	switch {
	case t.IsZero():
		err := c.Conn.SetReadDeadline(t)
		if c.calledOff {
			c.calledOff = false
			c.watch.resume()
		}
		return err
	case t.Unix() == 1:
		c.calledOff = true
		c.watch.pause()
	default:
		c.turnedAway.Store(false)
	}
	return c.Conn.SetReadDeadline(t)
}

// enter begins a request and returns the CPU time that bringing it here took, and finishing the answer before it.
func (c *connection) enter() time.Duration {
	c.watch.resume()
	return c.watch.book()
}

// leave ends a request. What comes now belongs to the next one on the connection.
func (c *connection) leave() { c.watch.resume() }

// metered is a listener whose connections measure themselves.
type metered struct{ net.Listener }

// Accept implements [net.Listener].
func (l metered) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return newConnection(c), nil
}

// connectionKey is where a request's context has its connection.
type connectionKey struct{}

// remember puts the connection into the context of its requests.
func remember(ctx context.Context, c net.Conn) context.Context {
	return context.WithValue(ctx, connectionKey{}, c)
}

// connectionOf returns the connection of a request, nil where nothing is measured.
func connectionOf(r *http.Request) *connection {
	c, _ := r.Context().Value(connectionKey{}).(*connection)
	return c
}

// ended lets go of the thread when the goroutine of a connection is about to end.
func ended(c net.Conn, state http.ConnState) {
	if state != http.StateClosed && state != http.StateHijacked {
		return
	}
	if m, ok := c.(*connection); ok {
		m.watch.pause()
	}
}
