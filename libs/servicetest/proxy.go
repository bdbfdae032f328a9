package servicetest

import (
	"io"
	"net"
	"sync"
	"testing"
	"time"
)

// FaultProxy stands between a client and a server and breaks what passes. Its methods may be called at once.
type FaultProxy struct {
	target   string
	listener net.Listener
	work     sync.WaitGroup

	mu    sync.Mutex // guards what follows
	delay time.Duration
	// open is closed while bytes pass; a blackhole puts an unclosed one in its place.
	open   chan struct{}
	conns  map[net.Conn]struct{}
	refuse bool
	closed bool
}

// Proxy starts a proxy to the address target ("127.0.0.1:4222") that ends with the test.
func Proxy(t testing.TB, target string) *FaultProxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("listen for the proxy: %v", err)
	}
	p := &FaultProxy{target: target, listener: l, open: make(chan struct{}), conns: map[net.Conn]struct{}{}}
	close(p.open)
	p.work.Go(p.accept)
	t.Cleanup(p.close)
	return p
}

// Address returns where the proxy listens, "127.0.0.1:port".
func (p *FaultProxy) Address() string { return p.listener.Addr().String() }

// Delay holds back every chunk of bytes, either way, for d.
func (p *FaultProxy) Delay(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.delay = d
}

// Blackhole lets nothing pass while on, and closes nothing: what a peer that was stopped or whose packets are dropped looks like.
func (p *FaultProxy) Blackhole(on bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return
	}
	select {
	case <-p.open:
		if on {
			p.open = make(chan struct{})
		}
	default:
		if !on {
			close(p.open)
		}
	}
}

// Cut closes every connection, and while refuse is set every new one.
func (p *FaultProxy) Cut(refuse bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.refuse = refuse
	for c := range p.conns {
		_ = c.Close()
	}
}

func (p *FaultProxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		if !p.keep(client) {
			_ = client.Close()
			continue
		}
		p.work.Go(func() { p.serve(client) })
	}
}

// serve joins a client to the target until either ends.
func (p *FaultProxy) serve(client net.Conn) {
	defer p.drop(client)
	<-p.state().open
	server, err := net.DialTimeout("tcp", p.target, time.Second)
	if err != nil {
		return
	}
	if !p.keep(server) {
		_ = server.Close()
		return
	}
	defer p.drop(server)
	var both sync.WaitGroup
	pass := func(to, from net.Conn) {
		p.pass(to, from)
		_ = to.Close()
		_ = from.Close()
	}
	both.Go(func() { pass(server, client) })
	both.Go(func() { pass(client, server) })
	both.Wait()
}

func (p *FaultProxy) pass(to io.Writer, from io.Reader) {
	chunk := make([]byte, 64<<10)
	for {
		n, err := from.Read(chunk)
		if n > 0 {
			s := p.state()
			if s.delay > 0 {
				<-time.After(s.delay)
			}
			<-s.open
			if _, err := to.Write(chunk[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// proxyState is what holds at a moment.
type proxyState struct {
	delay time.Duration
	open  <-chan struct{}
}

func (p *FaultProxy) state() proxyState {
	p.mu.Lock()
	defer p.mu.Unlock()
	return proxyState{p.delay, p.open}
}

func (p *FaultProxy) keep(c net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.refuse || p.closed {
		return false
	}
	p.conns[c] = struct{}{}
	return true
}

func (p *FaultProxy) drop(c net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.conns, c)
	_ = c.Close()
}

func (p *FaultProxy) close() {
	p.Blackhole(false)
	p.mu.Lock()
	p.closed = true
	for c := range p.conns {
		_ = c.Close()
	}
	p.mu.Unlock()
	_ = p.listener.Close()
	p.work.Wait()
}
