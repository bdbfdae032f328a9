package bus

import (
	"context"
	"errors"
	"net"
	"os"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
)

// errNotYet is the answer of dialer.Dial while a connection is being made.
var errNotYet = errors.New("not connected yet")

const (
	dialWait = 2 * time.Second
	// readyFor is how long a connection that nobody took is kept.
	readyFor = 2 * time.Second
	// writePatience is how long a write may wait for a full socket before what is left of it goes to the backlog: well
	// under the 10 ms by which a call may overrun its deadline.
	writePatience = 2 * time.Millisecond
	// maxBacklog bounds what is kept for a server that does not read: about a second of traffic of a busy gateway. More
	// means that the server is gone.
	maxBacklog = 8 << 20
)

// dialer makes connections in the background. nats.go dials, looks up names and waits for the greeting while it holds
// the lock that every publish needs; against a server that is silent, that is seconds. So Dial answers at once: with a
// connection over which the server has begun to greet, or with errNotYet.
type dialer struct {
	link    *linkState
	changed chan struct{} // has one element when there is news
	// attempt gives the context of one dial; it ends with cancel.
	attempt func() (context.Context, context.CancelFunc)
	cancel  context.CancelFunc
	work    sync.WaitGroup

	mu      sync.Mutex // guards what follows
	ready   map[string]*steadyConn
	dialing map[string]bool
	closed  bool
	last    error
}

// newDialer returns a dialer that lives until it is closed; ctx lends its values alone.
func newDialer(ctx context.Context, l *linkState) *dialer {
	life, cancel := context.WithCancel(context.WithoutCancel(ctx))
	return &dialer{
		link: l, cancel: cancel, changed: make(chan struct{}, 1),
		attempt: func() (context.Context, context.CancelFunc) { return context.WithTimeout(life, dialWait) },
		ready:   map[string]*steadyConn{}, dialing: map[string]bool{},
	}
}

// Dial implements [nats.CustomDialer].
func (d *dialer) Dial(network, address string) (net.Conn, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if c := d.ready[address]; c != nil {
		delete(d.ready, address)
		c.unclaimed.Stop()
		d.link.opened(c.loss)
		return c, nil
	}
	if !d.dialing[address] && !d.closed {
		d.dialing[address] = true
		d.work.Go(func() { d.prepare(network, address) })
	}
	return nil, errNotYet
}

// prepare dials and waits for the first byte of the greeting.
func (d *dialer) prepare(network, address string) {
	c, err := d.open(network, address)
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.dialing, address)
	d.last = err
	if err == nil {
		d.ready[address] = c
		c.unclaimed = time.AfterFunc(readyFor, func() { d.drop(address, c) })
	}
	select {
	case d.changed <- struct{}{}:
	default:
	}
}

func (d *dialer) open(network, address string) (*steadyConn, error) {
	ctx, cancel := d.attempt()
	defer cancel()
	conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	first := make([]byte, 1)
	if _, err = conn.Read(first); err != nil {
		return nil, errors.Join(err, ctx.Err(), conn.Close())
	}
	return &steadyConn{Conn: conn, greeting: first, loss: &lossDetector{link: d.link}}, nil
}

func (d *dialer) drop(address string, c *steadyConn) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.ready[address] == c {
		delete(d.ready, address)
		_ = c.Close()
	}
}

// news has an element after a dial ended.
func (d *dialer) news() <-chan struct{} { return d.changed }

func (d *dialer) lastError() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.last
}

func (d *dialer) close() {
	d.mu.Lock()
	d.closed = true
	d.mu.Unlock()
	d.cancel()
	d.work.Wait()
	d.mu.Lock()
	defer d.mu.Unlock()
	for address, c := range d.ready {
		c.unclaimed.Stop()
		_ = c.Close()
		delete(d.ready, address)
	}
}

// steadyConn is a connection on which Write never blocks for longer than writePatience: what the socket does not take
// waits in a bounded backlog. nats.go writes under the lock that every publish needs.
type steadyConn struct {
	net.Conn
	greeting  []byte
	unclaimed *time.Timer
	loss      *lossDetector

	mu       sync.Mutex // guards what follows
	backlog  [][]byte
	backlogs int // bytes in backlog
	draining bool
	broken   error
}

// Read returns the greeting first.
func (c *steadyConn) Read(p []byte) (int, error) {
	if len(c.greeting) > 0 {
		n := copy(p, c.greeting)
		c.greeting = c.greeting[n:]
		return n, nil
	}
	n, err := c.Conn.Read(p)
	if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
		c.loss.tell()
	}
	return n, err
}

// Write writes p or keeps what the socket does not take at once.
func (c *steadyConn) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.broken != nil {
		return 0, c.broken
	}
	if c.draining {
		if c.backlogs+len(p) > maxBacklog {
			return 0, c.fail(errors.New("the server does not read"))
		}
		c.keep(p)
		return len(p), nil
	}
	if err := c.Conn.SetWriteDeadline(time.Now().Add(writePatience)); err != nil {
		return 0, c.fail(err)
	}
	n, err := c.Conn.Write(p)
	switch {
	case err == nil:
		return n, nil
	case !errors.Is(err, os.ErrDeadlineExceeded):
		return 0, c.fail(err)
	}
	c.keep(p[n:])
	c.draining = true
	// The goroutine ends when the backlog is written or the connection closed, which nats.go does for every connection.
	go c.drain()
	return len(p), nil
}

// keep adds a copy of p to the backlog; c.mu is held.
func (c *steadyConn) keep(p []byte) {
	c.backlog = append(c.backlog, append([]byte(nil), p...))
	c.backlogs += len(p)
}

// drain writes the backlog, waiting for the socket as long as that takes.
func (c *steadyConn) drain() {
	err := c.Conn.SetWriteDeadline(time.Time{})
	for {
		c.mu.Lock()
		if err != nil {
			_ = c.fail(err)
		}
		if c.broken != nil || len(c.backlog) == 0 {
			c.draining = false
			c.mu.Unlock()
			return
		}
		chunk := c.backlog[0]
		c.backlog = c.backlog[1:]
		c.backlogs -= len(chunk)
		c.mu.Unlock()
		_, err = c.Conn.Write(chunk)
	}
}

// fail closes the connection for good; c.mu is held.
func (c *steadyConn) fail(err error) error {
	if c.broken == nil {
		c.broken = err
	}
	c.loss.tell()
	_ = c.Conn.Close()
	return err
}

// Close implements [net.Conn].
func (c *steadyConn) Close() error {
	c.loss.tell()
	return c.Conn.Close()
}

// SetDeadline bounds reads alone: writes do not block.
func (c *steadyConn) SetDeadline(t time.Time) error { return c.Conn.SetReadDeadline(t) }

// SetWriteDeadline does nothing: writes do not block.
func (c *steadyConn) SetWriteDeadline(time.Time) error { return nil }

// inProcess hands out connections to a server in this process that tell of their loss.
type inProcess struct {
	server nats.InProcessConnProvider
	link   *linkState
}

// InProcessConn implements [nats.InProcessConnProvider].
func (p *inProcess) InProcessConn() (net.Conn, error) {
	conn, err := p.server.InProcessConn()
	if err != nil {
		return nil, err
	}
	c := &pipeConn{Conn: conn, loss: &lossDetector{link: p.link}}
	p.link.opened(c.loss)
	return c, nil
}

// pipeConn is a connection to a server in this process.
type pipeConn struct {
	net.Conn
	loss *lossDetector
}

// Read implements [net.Conn].
func (c *pipeConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
		c.loss.tell()
	}
	return n, err
}

// Close implements [net.Conn].
func (c *pipeConn) Close() error {
	c.loss.tell()
	return c.Conn.Close()
}
