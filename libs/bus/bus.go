// Package bus carries messages between services over NATS: calls with deadlines and load-aware balancing, streams that resume, and buckets.
package bus

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/haggle-commerce/haggle/libs/wire"
)

// ErrNoServer says that a call reached nobody: no instance serves the subject, or the bus is not connected. It is a
// [*wire.Error] with code Overloaded, since another attempt, later, may find someone.
var ErrNoServer error = &wire.Error{Code: wire.Overloaded, Text: "nobody serves the subject"}

// ErrClosed says that the bus was closed.
var ErrClosed = errors.New("bus closed")

// Timings of the connection. Pings find a silent server in three intervals (3.0 s measured against a blackhole; the
// default of nats.go is 2 minutes times 2).
const (
	pingInterval  = time.Second
	pingsOut      = 2
	reconnectWait = 100 * time.Millisecond
	handshakeWait = time.Second
)

// Options say where the bus is and who connects.
type Options struct {
	// URL is where the server listens, "nats://host:4222"; several are parted by commas. Ignored when Server is set.
	URL string
	// Server is a server in this process.
	Server nats.InProcessConnProvider
	// Name is the name of the service.
	Name string
	// Instance is unique per process and service.
	Instance string
	// Credentials is the path of a NATS credentials file; empty means none.
	Credentials string
	// Log may be nil.
	Log *slog.Logger
	// Metrics may be nil.
	Metrics prometheus.Registerer
	// Local is shared by the rooms of one process: calls between them skip the server. Nil means always over NATS.
	Local *Local
}

// Bus is one connection. Its methods may be called at once.
type Bus struct {
	options Options
	log     *slog.Logger
	nc      *nats.Conn
	js      jetstream.JetStream
	link    linkState
	dialer  *dialer
	replies *replies
	peers   *directory
	// probes and the instance and subject of a peer name where the server says that nobody listens there.
	probes  string
	budget  retryBudget
	counts  counts
	closing chan struct{}
	once    sync.Once

	mu      sync.Mutex // guards what follows
	servers map[*server]struct{}
	streams map[string]jetstream.Stream

	collector *collector
}

// Connect connects to the server and keeps trying until ctx ends when it is not there yet. Once connected, the bus
// reconnects by itself for ever.
func Connect(ctx context.Context, o Options) (*Bus, error) {
	if o.Server == nil && o.URL == "" {
		return nil, errors.New("connect to the bus: neither a URL nor a server in this process is given")
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Instance == "" {
		o.Instance = nats.NewInbox()[len(nats.InboxPrefix):]
	}
	o.Instance = token(o.Instance)
	b := &Bus{
		options: o,
		log:     o.Log.With("bus", o.Name),
		closing: make(chan struct{}),
		servers: map[*server]struct{}{},
		streams: map[string]jetstream.Stream{},
	}
	b.link.reset()
	b.dialer = newDialer(ctx, &b.link)
	b.peers = newDirectory()
	if err := b.connect(ctx); err != nil {
		b.dialer.close()
		return nil, err
	}
	if err := b.begin(); err != nil {
		return nil, errors.Join(err, b.Close())
	}
	b.log.Debug("bus connected", "url", b.nc.ConnectedUrl(), "instance", o.Instance)
	return b, nil
}

// connect makes the first connection.
func (b *Bus) connect(ctx context.Context) error {
	options := b.natsOptions()
	var last error
	for {
		nc, err := nats.Connect(b.options.URL, options...)
		if err == nil {
			b.nc = nc
			b.link.rise()
			return nil
		}
		if !errors.Is(err, errNotYet) {
			last = err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("connect to the bus: %w", errors.Join(ctx.Err(), last, b.dialer.lastError()))
		case <-b.dialer.news():
		case <-time.After(reconnectWait):
		}
	}
}

// begin sets up what every connection has: replies, heartbeats of others, metrics.
func (b *Bus) begin() (err error) {
	if b.js, err = jetstream.New(b.nc); err != nil {
		return fmt.Errorf("open JetStream: %w", err)
	}
	if b.replies, err = newReplies(b.nc); err != nil {
		return err
	}
	if _, err = b.nc.Subscribe(wire.SubjectHere+">", b.heard); err != nil {
		return fmt.Errorf("subscribe to heartbeats: %w", err)
	}
	b.probes = b.nc.NewInbox() + "."
	if _, err = b.nc.Subscribe(b.probes+">", b.probed); err != nil {
		return fmt.Errorf("subscribe to probes: %w", err)
	}
	if b.options.Metrics != nil {
		b.collector = newCollector(b)
		if err = b.options.Metrics.Register(b.collector); err != nil {
			b.collector = nil
			return fmt.Errorf("register metrics of the bus: %w", err)
		}
	}
	return nil
}

func (b *Bus) natsOptions() []nats.Option {
	o := b.options
	options := []nats.Option{
		nats.Name(o.Name + "/" + o.Instance),
		nats.PingInterval(pingInterval),
		nats.MaxPingsOutstanding(pingsOut),
		nats.MaxReconnects(-1),
		nats.ReconnectWait(reconnectWait),
		nats.ReconnectJitter(reconnectWait/4, reconnectWait/4),
		nats.ReconnectBufSize(-1),
		nats.Timeout(handshakeWait),
		nats.FlusherTimeout(0), // the connections of dialer never block a writer
		nats.SkipHostLookup(),  // dialer looks hosts up, without the lock of the connection
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			b.peers.clear()
			select {
			case <-b.closing:
			default:
				b.log.Warn("bus lost", "error", err)
			}
		}),
		nats.ReconnectHandler(func(nc *nats.Conn) {
			b.link.rise()
			b.counts.reconnects.Add(1)
			b.log.Info("bus back", "url", nc.ConnectedUrl())
		}),
		nats.ErrorHandler(func(_ *nats.Conn, sub *nats.Subscription, err error) {
			subject := ""
			if sub != nil {
				subject = sub.Subject
			}
			b.log.Warn("bus fault", "subject", subject, "error", err)
		}),
	}
	if o.Credentials != "" {
		options = append(options, nats.UserCredentials(o.Credentials))
	}
	if o.Server != nil {
		return append(options, nats.InProcessServer(&inProcess{server: o.Server, link: &b.link}))
	}
	return append(options, nats.SetCustomDialer(b.dialer))
}

// JetStream returns the client for what Bus has no method for: administration and tests.
func (b *Bus) JetStream() jetstream.JetStream { return b.js }

// Close ends the connection. Every Serve, Follow, Consume and Listen should have ended before.
func (b *Bus) Close() error {
	b.once.Do(func() {
		close(b.closing)
		if b.collector != nil {
			b.options.Metrics.Unregister(b.collector)
		}
		b.peers.close()
		b.nc.Close()
		b.dialer.close()
	})
	return nil
}

// Connected reports whether the server is there, as far as pings tell.
func (b *Bus) Connected() bool { return b.link.connected() }

// Instance returns the name under which this bus announces what it serves.
func (b *Bus) Instance() string { return b.options.Instance }

// token makes s fit to be one token of a subject.
func token(s string) string {
	return strings.Map(func(r rune) rune {
		if r <= ' ' || r == '.' || r == '*' || r == '>' || r == 0x7f {
			return '_'
		}
		return r
	}, s)
}

// linkState knows whether the bus is connected. The connections themselves tell it, before nats.go gets to know, so that
// nobody enters the client while it holds its lock to reconnect.
type linkState struct {
	now atomic.Pointer[link]

	mu     sync.Mutex
	latest *lossDetector
}

// link is the state of the bus between two changes.
type link struct {
	// up is closed once the bus is connected, down once it has lost that connection.
	up, down chan struct{}
	isUp     atomic.Bool
}

func (s *linkState) reset() { s.now.Store(&link{up: make(chan struct{}), down: make(chan struct{})}) }

func (s *linkState) connected() bool { return s.now.Load().isUp.Load() }

// opened notes the connection that is being set up.
func (s *linkState) opened(d *lossDetector) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.latest = d
}

// rise notes that the latest connection is ready, unless it is lost already.
func (s *linkState) rise() {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.now.Load()
	if s.latest == nil || s.latest.lost || l.isUp.Load() {
		return
	}
	l.isUp.Store(true)
	close(l.up)
}

// fall notes that connection d is lost.
func (s *linkState) fall(d *lossDetector) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d.lost = true
	l := s.now.Load()
	if d != s.latest || !l.isUp.Load() {
		return
	}
	s.reset()
	close(l.down)
}

// lossDetector tells linkState once that a connection is lost.
type lossDetector struct {
	link *linkState
	once sync.Once
	lost bool // guarded by link.mu
}

func (d *lossDetector) tell() { d.once.Do(func() { d.link.fall(d) }) }
