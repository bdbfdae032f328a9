package service

import (
	"context"
	"net"
	"sync"
)

// buffered gives the connections of a dialler a buffer without bound for what is written. A pipe inside the process
// ([net.Pipe]) has none: a client that writes a long pipeline before it reads the first reply, and a server that answers each command
// before it reads the next, would wait for one another for ever. A nil dialler stays nil.
func buffered(dial func(ctx context.Context, network, address string) (net.Conn, error)) func(ctx context.Context, network, address string) (net.Conn, error) {
	if dial == nil {
		return nil
	}
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		b := &bufferedConn{Conn: conn}
		b.filled.L = &b.mu
		b.work.Go(b.pump)
		return b, nil
	}
}

// bufferedConn writes from a goroutine of its own.
type bufferedConn struct {
	net.Conn
	work sync.WaitGroup

	mu     sync.Mutex
	filled sync.Cond // waiting is not empty, or closed
	// waiting is what was written by the caller and not yet by pump, and spare memory for the next.
	waiting, spare []byte
	closed         bool
	err            error
}

// Write keeps p for pump and returns at once. An error of an earlier write is returned by the next.
func (c *bufferedConn) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return 0, net.ErrClosed
	}
	if c.err != nil {
		return 0, c.err
	}
	c.waiting = append(c.waiting, p...)
	c.filled.Signal()
	return len(p), nil
}

// Close ends the connection; what waits to be written is dropped.
func (c *bufferedConn) Close() error {
	c.mu.Lock()
	c.closed = true
	c.filled.Signal()
	c.mu.Unlock()
	err := c.Conn.Close()
	c.work.Wait()
	return err
}

func (c *bufferedConn) pump() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for {
		for len(c.waiting) == 0 && !c.closed {
			c.filled.Wait()
		}
		if c.closed || c.err != nil {
			return
		}
		p := c.waiting
		c.waiting, c.spare = c.spare[:0], nil
		c.mu.Unlock()
		_, err := c.Conn.Write(p)
		c.mu.Lock()
		c.spare = p
		if err != nil {
			c.err = err
			return
		}
	}
}
