// Package gateway answers the storefront's HTTP API: it asks recall and ranking, takes in events and items, and says what each query cost.
package gateway

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/maphash"
	"net"
	"net/http"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/haggle-commerce/haggle/libs/cost"
	"github.com/haggle-commerce/haggle/libs/service"
	"github.com/haggle-commerce/haggle/services/gateway/internal/budget"
	"github.com/haggle-commerce/haggle/services/gateway/internal/fallback"
	"github.com/haggle-commerce/haggle/services/gateway/internal/intake"
	"github.com/haggle-commerce/haggle/services/gateway/internal/shelf"
	"github.com/haggle-commerce/haggle/services/gateway/internal/spend"
)

// Timeouts of the HTTP server. Streams of items and of history move theirs along as they come.
const (
	readHeaderTimeout = 2 * time.Second
	readTimeout       = 10 * time.Second
	idleTimeout       = 60 * time.Second
	maxHeaderBytes    = 16 << 10
	drainTimeout      = 4 * time.Second
)

// gateway is the service at work.
type gateway struct {
	config    Config
	kit       service.Kit
	desk      *desk
	guard     *intake.Guard
	metrics   *metrics
	keys      atomic.Pointer[keys]
	handler   http.Handler
	openapi   document
	page      http.Handler
	exchanges sync.Pool
	// working counts queries, waiting the bytes of events that wait for the stream.
	working atomic.Int64
	waiting atomic.Int64
	most    int64
	// items are held while an item is changed, by the digest of its id.
	items [64]sync.Mutex
	seed  maphash.Seed
}

// Run answers HTTP requests until ctx ends, then finishes those that are under way.
func Run(ctx context.Context, kit service.Kit, c Config) error {
	if err := c.Check(); err != nil {
		return fmt.Errorf("configuration: %w", err)
	}
	listener, err := net.Listen("tcp", c.Address)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	g, err := newGateway(kit, c)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	kit.Log.Info("listening", "address", "http://"+listener.Addr().String())
	group, inner := errgroup.WithContext(ctx)
	g.begin(inner, group)
	group.Go(func() error { return g.serve(inner, g.measured(limited(listener, c.Connections))) })
	return group.Wait()
}

// measured returns a listener whose connections measure themselves, unless that is turned off.
func (g *gateway) measured(l net.Listener) net.Listener {
	if !g.config.Accounting {
		return l
	}
	return metered{l}
}

// newGateway prepares a gateway that does nothing yet.
func newGateway(kit service.Kit, c Config) (*gateway, error) {
	random := make([]byte, 32)
	rand.Read(random)
	g := &gateway{config: c, kit: kit, guard: intake.NewGuard(), most: int64(c.Concurrency), seed: maphash.MakeSeed()}
	if g.most == 0 {
		g.most = int64(64 * runtime.GOMAXPROCS(0))
	}
	g.keys.Store(newKeys(kit.Secrets.Now(), random, c.TokenLife))
	if ring := g.keys.Load().ring; ring.Open() {
		kit.Log.Warn("OPEN TO EVERYBODY: no key is asked for, and every answer shows what it cost; for a local trial only")
	}
	book := spend.New(kit.Prices, kit.Process, kit.Clock(), cost.ProcessCPU())
	var err error
	if g.metrics, err = newMetrics(kit.Metrics, func() float64 { return book.Coverage(kit.Clock()) }); err != nil {
		return nil, err
	}
	g.desk = &desk{
		bus: kit.Bus, log: kit.Log, clock: kit.Clock, random: g.random, ledger: kit.Ledger, keys: &g.keys, shelf: shelf.New(),
		fallback: &fallback.Store{}, book: book, metrics: g.metrics, runtime: cost.NewRuntime(), plan: budget.Split(c.Deadline), candidates: c.Candidates,
		thrift: func() budget.Thrift { return budget.ThriftAt(g.working.Load(), g.most) }, allowed: newAllowances(),
		accounting: c.Accounting, works: sync.Pool{New: func() any { return new(work) }}, reasons: reasonTable(),
	}
	g.exchanges.New = func() any { return new(exchange) }
	if c.Page {
		g.page = g.frontPage()
	}
	g.handler = g.routes()
	return g, nil
}

// begin starts what goes on beside the requests, until ctx ends.
func (g *gateway) begin(ctx context.Context, group *errgroup.Group) {
	group.Go(func() error { return g.followCatalogue(ctx) })
	group.Go(func() error { return g.followVitals(ctx) })
	group.Go(func() error { return g.followRuntime(ctx) })
	group.Go(func() error { return g.followPopular(ctx) })
	group.Go(func() error { return g.followSecrets(ctx) })
	group.Go(func() error { return g.ready(ctx) })
}

// serve answers connections until ctx ends, and then the requests that are under way.
func (g *gateway) serve(ctx context.Context, listener net.Listener) error {
	server := &http.Server{
		Handler: g, ReadHeaderTimeout: readHeaderTimeout, ReadTimeout: readTimeout, WriteTimeout: readTimeout + g.config.EventWait,
		IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeaderBytes,
		ConnContext: remember, ConnState: ended,
		BaseContext: func(net.Listener) context.Context { return context.WithoutCancel(ctx) },
	}
	failed := make(chan error, 1)
	var wait sync.WaitGroup
	wait.Go(func() { failed <- server.Serve(listener) })
	defer wait.Wait()
	select {
	case err := <-failed:
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
	}
	patience, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTimeout)
	defer cancel()
	if err := server.Shutdown(patience); err != nil {
		g.kit.Log.Warn("requests cut off at the end", "error", err)
		return server.Close()
	}
	return nil
}

// random returns 64 random bits for a request id.
func (g *gateway) random() uint64 {
	var b [8]byte
	rand.Read(b[:])
	return binary.LittleEndian.Uint64(b[:])
}

// limited returns a listener that closes connections beyond most at once, so that those who are in stay well served.
func limited(l net.Listener, most int) net.Listener {
	return &limitedListener{Listener: l, most: int64(most)}
}

type limitedListener struct {
	net.Listener
	most int64
	open atomic.Int64
}

// Accept waits for a connection that there is room for.
func (l *limitedListener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if l.open.Add(1) <= l.most {
			return &countedConn{Conn: c, open: &l.open}, nil
		}
		l.open.Add(-1)
		c.Close()
	}
}

type countedConn struct {
	net.Conn
	open *atomic.Int64
	once sync.Once
}

// Close closes the connection and makes room for another.
func (c *countedConn) Close() error {
	c.once.Do(func() { c.open.Add(-1) })
	return c.Conn.Close()
}
