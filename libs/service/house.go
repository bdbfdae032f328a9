package service

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"

	"github.com/haggle-commerce/haggle/libs/bus"
	"github.com/haggle-commerce/haggle/libs/cost"
	"github.com/haggle-commerce/haggle/libs/observe"
	"github.com/haggle-commerce/haggle/libs/online"
	"github.com/haggle-commerce/haggle/libs/registry"
)

// The services that are not like the others.
const (
	// writer is the one that writes rows, and so the one that is given a client of Redis.
	writer = "feature-store"
	// entrance is the one that shoppers reach, and so the one that asks for keys.
	entrance = "gateway"
)

// Options are what a process brings beyond its configuration. The zero value is a process of one service.
type Options struct {
	// Log is the logger; nil makes one on standard error as the configuration says.
	Log *slog.Logger
	// Server is a NATS server inside this process; Common.NATS is then not used.
	Server nats.InProcessConnProvider
	// DialRedis opens connections to a Redis inside this process; Common.Redis is then not used.
	DialRedis func(ctx context.Context, network, address string) (net.Conn, error)
	// LocalRow reads one key of a Redis inside this process without a connection; see [online.Options.Local].
	LocalRow func(key string) (value string, found bool)
	// ReadTimeout bounds a read of rows; zero is [online.DefaultTimeout].
	ReadTimeout time.Duration
	// Clock is time.Now when nil.
	Clock func() time.Time
}

// House is a process: what its rooms, one or more services, share. Its methods may be called at once.
type House struct {
	common   Common
	options  Options
	log      *slog.Logger
	metrics  *prometheus.Registry
	process  string
	prices   cost.PriceBook
	vault    *vault
	online   *online.Store
	local    *bus.Local
	listener net.Listener // of the admin server; nil when it is off
	// drainTime is how long rooms have to end; tests shorten it.
	drainTime time.Duration

	mu    sync.Mutex
	rooms []Kit
}

// Open prepares a process: it reads prices and secrets, opens the admin port and makes clients, which connect later. The
// error names the setting at fault.
func Open(_ context.Context, common Common, o Options) (*House, error) {
	if o.Log == nil {
		o.Log = observe.NewLogger(os.Stderr, common.LogLevel, common.LogFormat)
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	h := &House{common: common, options: o, log: o.Log, metrics: observe.NewRegistry(), process: processName(), local: bus.NewLocal(), drainTime: drainTime}
	var faults []error
	note := func(err error) {
		if err != nil {
			faults = append(faults, err)
		}
	}
	if common.NATS == "" && o.Server == nil {
		note(errors.New("nats: is empty and no server runs in this process; set -nats or HAGGLE_NATS to a URL such as nats://nats:4222"))
	}
	var err error
	h.prices, err = readPrices(common.Prices)
	note(err)
	h.vault, err = openVault(common.Secrets)
	note(err)
	h.online, err = online.Open(online.Options{
		Fresh:   rowAge,
		Address: common.Redis, Dial: o.DialRedis, Local: o.LocalRow, Log: h.log, Metrics: h.metrics,
		Password: h.redisPassword, Timeout: o.ReadTimeout,
	})
	if err != nil {
		note(fmt.Errorf("redis: %w; set -redis or HAGGLE_REDIS", err))
	}
	if common.Admin != "" && common.Admin != adminOff {
		h.listener, err = net.Listen("tcp", common.Admin)
		if err != nil {
			note(fmt.Errorf("admin: %w; set -admin or HAGGLE_ADMIN to a free address, or to %s", err, adminOff))
		}
	}
	if err := errors.Join(faults...); err != nil {
		return nil, errors.Join(err, h.Close())
	}
	return h, nil
}

// processName is the host's name, fit to be part of a subject, and a random end, since a restarted container keeps its name.
func processName() string {
	host, err := os.Hostname()
	if err != nil || host == "" {
		host = "host"
	}
	host = strings.Map(func(r rune) rune {
		if r == '-' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' {
			return r
		}
		return '-'
	}, host)
	var end [3]byte
	rand.Read(end[:])
	return host[:min(len(host), 64)] + "-" + hex.EncodeToString(end[:])
}

func (h *House) redisPassword() string { return h.vault.now.Load().RedisPassword }

// Log returns the logger of the process.
func (h *House) Log() *slog.Logger { return h.log }

// Metrics returns the registry of the process.
func (h *House) Metrics() *prometheus.Registry { return h.metrics }

// Process returns the name of the process, the same in the kits of all its rooms.
func (h *House) Process() string { return h.process }

// Admin returns the address of the admin server, "" when it is off.
func (h *House) Admin() string {
	if h.listener == nil {
		return ""
	}
	return h.listener.Addr().String()
}

// Kit makes the kit of a room and connects its bus; it waits for the NATS server until ctx ends.
func (h *House) Kit(ctx context.Context, name string) (Kit, error) {
	kit := Kit{
		Service: name, Instance: h.process + "-" + name, Process: h.process,
		Log: h.log.With("service", name), Metrics: h.metrics, Online: h.online, Prices: h.prices,
		Ledger: new(cost.Ledger), Health: new(Health), Traffic: new(Traffic), Secrets: *h.vault.now.Load(), Clock: h.options.Clock,
		Cores: h.common.Cores, MemoryBytes: uint64(h.common.Memory), Node: h.common.Node, Pod: h.common.Pod,
	}
	// Only until the first connection: later the loss of the bus is no reason not to be ready.
	kit.Health.NotReady("bus", "no connection yet")
	h.mu.Lock()
	at := len(h.rooms)
	h.rooms = append(h.rooms, kit)
	h.mu.Unlock()
	b, err := bus.Connect(ctx, bus.Options{
		URL: h.common.NATS, Server: h.options.Server, Name: name, Instance: kit.Instance, Credentials: h.common.NATSCredentials,
		Log: kit.Log, Metrics: h.metrics, Local: h.local,
	})
	if err != nil {
		return Kit{}, fmt.Errorf("connect %s to the bus: %w", name, err)
	}
	kit.Bus, kit.Models = b, registry.New(b, kit.Log)
	if name == writer {
		if kit.Redis, err = h.newWriter(); err != nil {
			return Kit{}, errors.Join(err, b.Close())
		}
	}
	h.mu.Lock()
	h.rooms[at] = kit
	h.mu.Unlock()
	if err := h.metrics.Register(newRoomCollector(kit)); err != nil {
		return Kit{}, fmt.Errorf("register metrics of %s: %w", name, err)
	}
	kit.Health.forget("bus")
	return kit, nil
}

// rowAge is how old the near copy of an item's row may get. Counters of what thousands do may be seconds late; what a shopper
// does is in the shopper's own row, which is read fresh each time.
const rowAge = 5 * time.Second

// Timeouts of the writer's client: it writes in batches and may wait, since no query waits for it.
const (
	writerDial    = time.Second
	writerSocket  = 5 * time.Second
	writerPool    = time.Second
	writerSockets = 8
)

func (h *House) newWriter() (redis.UniversalClient, error) {
	o := &redis.Options{Addr: "inside:0"}
	if h.options.DialRedis == nil {
		var err error
		if o, err = online.ParseAddress(h.common.Redis); err != nil {
			return nil, err
		}
	}
	online.Quiet(o)
	username := o.Username
	o.Dialer = buffered(h.options.DialRedis)
	if password := o.Password; password == "" {
		o.CredentialsProviderContext = func(context.Context) (string, string, error) { return username, h.redisPassword(), nil }
	}
	o.DialTimeout, o.ReadTimeout, o.WriteTimeout, o.PoolTimeout = writerDial, writerSocket, writerSocket, writerPool
	o.PoolSize = writerSockets
	return redis.NewClient(o), nil
}

// kits returns the kits of all rooms.
func (h *House) kits() []Kit {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append([]Kit(nil), h.rooms...)
}

// Close closes what the house opened: buses, clients and the admin port. Rooms must have ended.
func (h *House) Close() error {
	var faults []error
	for _, kit := range h.kits() {
		if kit.Bus != nil {
			faults = append(faults, kit.Bus.Close())
		}
		if kit.Redis != nil {
			faults = append(faults, kit.Redis.Close())
		}
	}
	if h.online != nil {
		faults = append(faults, h.online.Close())
	}
	if h.listener != nil {
		if err := h.listener.Close(); !errors.Is(err, net.ErrClosed) {
			faults = append(faults, err)
		}
	}
	return errors.Join(faults...)
}
