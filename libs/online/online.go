// Package online reads the rows of shoppers and items from Redis within a time that holds, and does without them when it must.
package online

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/maypok86/otter/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"

	"github.com/haggle-commerce/haggle/libs/feature"
	"github.com/haggle-commerce/haggle/libs/shop"
)

// What the options are when left zero.
const (
	// DefaultTimeout is the time for one read, connection included: the budget of fault 7 in the reliability table (20 to 30 ms).
	DefaultTimeout = 20 * time.Millisecond
	// DefaultNearItems is the capacity of the near cache: about 500 bytes each, so 10 MB.
	DefaultNearItems = 20_000
	// DefaultFresh is how long a row of the near cache counts as current.
	DefaultFresh = time.Second
)

// Options say where the rows are and how long a read may take.
type Options struct {
	// Address is host:port, or a URL: redis://host:port/db, rediss:// for TLS.
	Address string
	// Dial opens connections; nil dials TCP.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Local reads one key of a Redis that lives in this process, without a connection; it must not block. Where it is set,
	// Address and Dial are not used.
	Local func(key string) (value string, found bool)
	// Timeout bounds each read; zero means DefaultTimeout. A deadline of the context that comes sooner is kept too.
	Timeout time.Duration
	// NearItems is how many item rows the near cache holds; zero means DefaultNearItems.
	NearItems int
	// Fresh is how long a row of the near cache is used without asking; zero means DefaultFresh.
	Fresh time.Duration
	// Password is asked for at each new connection, so that a new one works without a restart; nil means none.
	Password func() string
	// Log hears of faults and of recovery; nil discards.
	Log *slog.Logger
	// Metrics may be nil.
	Metrics prometheus.Registerer
}

// Read is what a read used and whether it had to guess.
type Read struct {
	// RedisOps counts commands sent; CacheHits counts items that the near cache answered; Bytes are those of rows received.
	RedisOps, CacheHits int
	Bytes               int
	// Missing says that Redis did not answer: rows are stale ones of the near cache, or zero.
	Missing bool
}

// Store reads rows. Its methods may be called at once.
type Store struct {
	options Options
	client  *redis.Client // nil when Options.Local is set
	near    *otter.Cache[shop.ItemID, *entry]
	breaker breaker
	metrics *metrics
	pool    sync.Pool // of *request
	begin   time.Time

	// life ends with Close; probes run under it.
	life   context.Context
	end    context.CancelFunc
	probes sync.WaitGroup
}

// ErrMemory is returned when the caller gave fewer rows than ids.
var ErrMemory = errors.New("fewer rows than ids")

// Open returns a store. It does not connect, so it succeeds while Redis is away; an error means wrong options.
func Open(o Options) (*Store, error) {
	if o.Timeout < 0 || o.NearItems < 0 || o.Fresh < 0 {
		return nil, fmt.Errorf("open online store: timeout %v, near items %d and fresh %v must not be negative", o.Timeout, o.NearItems, o.Fresh)
	}
	if o.Timeout == 0 {
		o.Timeout = DefaultTimeout
	}
	if o.NearItems == 0 {
		o.NearItems = DefaultNearItems
	}
	if o.Fresh == 0 {
		o.Fresh = DefaultFresh
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	s := &Store{options: o, metrics: newMetrics(o.Metrics), begin: time.Now()}
	s.pool.New = func() any { return new(request) }
	if o.Local == nil {
		client, err := newClient(o)
		if err != nil {
			return nil, fmt.Errorf("open online store: %w", err)
		}
		s.client = client
	}
	near, err := otter.New(&otter.Options[shop.ItemID, *entry]{MaximumSize: o.NearItems})
	if err != nil {
		return nil, fmt.Errorf("open online store: %w", err)
	}
	s.near = near
	// The root of the store's own life, which Close ends: probes belong to no request.
	s.life, s.end = context.WithCancel(context.Background())
	return s, nil
}

// Close ends probes and connections. Reads after it find Redis missing.
func (s *Store) Close() error {
	s.breaker.stop()
	s.end()
	s.probes.Wait()
	s.near.StopAllGoroutines()
	if s.client == nil {
		return nil
	}
	return s.client.Close()
}

// Shopper reads the row of a shopper into row, always afresh: what was done a second ago counts. Nobody known by id, and id
// "", give the zero row. The error is always nil; see [Read.Missing].
func (s *Store) Shopper(ctx context.Context, id shop.ShopperID, row *feature.ShopperRow) (Read, error) {
	return s.Fetch(ctx, id, row, nil, nil)
}

// Items reads the row of ids[i] into rows[i], from the near cache or else in one round trip. An item without a row gives the
// zero row. The error is [ErrMemory] or nil.
func (s *Store) Items(ctx context.Context, ids []shop.ItemID, rows []feature.ItemRow) (Read, error) {
	return s.Fetch(ctx, "", nil, ids, rows)
}

// Fetch reads a shopper's row and items' rows, all that must be asked for in one command and one round trip. A nil row
// reads no shopper. It ends by the deadline of ctx or [Options.Timeout], whichever comes first. The error is [ErrMemory] or nil.
func (s *Store) Fetch(ctx context.Context, id shop.ShopperID, row *feature.ShopperRow, ids []shop.ItemID, rows []feature.ItemRow) (Read, error) {
	var read Read
	if len(rows) < len(ids) {
		return read, fmt.Errorf("fetch rows of %d items into %d: %w", len(ids), len(rows), ErrMemory)
	}
	q := s.pool.Get().(*request)
	defer s.release(q)
	if row != nil {
		row.Reset()
		if id != "" {
			q.shopper, q.shopperKey = row, feature.ShopperKey(id)
		}
	}
	now := s.now()
	for i, item := range ids {
		e, known := s.near.GetIfPresent(item)
		if !known {
			e = &entry{key: feature.ItemKey(item)}
			rows[i] = feature.ItemRow{}
		} else if e.copyTo(&rows[i], now, s.options.Fresh) {
			read.CacheHits++
			continue
		}
		q.want(i, e, known)
	}
	if q.keys() > 0 {
		s.ask(ctx, q, &read)
		s.keep(q, ids, rows, now, &read)
	}
	s.metrics.count(len(ids), q, &read)
	return read, nil
}

// keep decodes what came into the caller's rows and the near cache. Where Redis was missing there is nothing to keep: the
// rows hold what the near cache had, or zeros.
func (s *Store) keep(q *request, ids []shop.ItemID, rows []feature.ItemRow, now time.Duration, read *Read) {
	if read.Missing {
		return
	}
	if q.shopper != nil {
		if value := q.value(0); len(value) > 0 {
			s.decoded(q.shopper.Decode(value))
		}
	}
	for n, w := range q.wanted {
		row := &rows[w.index]
		*row = feature.ItemRow{}
		if value := q.value(n + q.first()); len(value) > 0 {
			s.decoded(row.Decode(value))
		}
		w.entry.set(row, now)
		if !w.known {
			s.near.Set(ids[w.index], w.entry)
		}
	}
}

// decoded counts a row that could not be read; it was left zero. The writer will write it anew with the next event.
func (s *Store) decoded(err error) {
	if err == nil {
		return
	}
	s.metrics.badRows.Inc()
	s.options.Log.Debug("row refused", "error", err)
}

// now is the time since the store was opened, by the monotonic clock.
func (s *Store) now() time.Duration { return time.Since(s.begin) }

// entry is a row in the near cache. It is refreshed in place, so that a refresh allocates nothing.
type entry struct {
	key string

	mu     sync.Mutex
	loaded time.Duration
	row    feature.ItemRow
}

// copyTo copies the row, current or not, and reports whether it is current.
func (e *entry) copyTo(row *feature.ItemRow, now, fresh time.Duration) bool {
	e.mu.Lock()
	*row = e.row
	current := now-e.loaded < fresh
	e.mu.Unlock()
	return current
}

func (e *entry) set(row *feature.ItemRow, now time.Duration) {
	e.mu.Lock()
	e.row, e.loaded = *row, now
	e.mu.Unlock()
}
