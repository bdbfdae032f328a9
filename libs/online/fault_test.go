package online_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"

	"github.com/haggle-commerce/haggle/libs/feature"
	"github.com/haggle-commerce/haggle/libs/observe"
	"github.com/haggle-commerce/haggle/libs/online"
	"github.com/haggle-commerce/haggle/libs/servicetest"
	"github.com/haggle-commerce/haggle/libs/shop"
)

// slack is what the scheduler of a busy machine may add to the 10 ms that are promised beyond a deadline. A client that
// ignores deadlines is off by seconds.
const slack = 150 * time.Millisecond

// house is a store behind a proxy, with an item and a shopper that Redis knows.
type house struct {
	store *online.Store
	proxy *servicetest.FaultProxy
	log   *journal
	// longest is the longest that a read took.
	longest time.Duration
}

type journal struct {
	mu sync.Mutex
	b  strings.Builder
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.b.Write(p)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.b.String()
}

var items = []shop.ItemID{"i1", "i2"}

func newHouse(t *testing.T) *house {
	t.Helper()
	server := miniredis.RunT(t)
	var row feature.ItemRow
	row.Apply(shop.Purchase, time.Now(), 3)
	b, err := row.AppendBinary(nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range items {
		if err := server.Set(feature.ItemKey(id), string(b)); err != nil {
			t.Fatal(err)
		}
	}
	h := &house{proxy: servicetest.Proxy(t, server.Addr()), log: new(journal)}
	h.store, err = online.Open(online.Options{
		Address: h.proxy.Address(), Timeout: 25 * time.Millisecond, Fresh: time.Nanosecond, Log: observe.NewLogger(io.MultiWriter(h.log, t.Output()), 0, observe.Text),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.store.Close() })
	servicetest.Eventually(t, 10*time.Second, func() error { return h.healthy(t) })
	return h
}

// read reads rows and returns what it took; the time is checked against the limit.
func (h *house) read(t *testing.T, ctx context.Context, limit time.Duration) online.Read {
	t.Helper()
	var shopper feature.ShopperRow
	rows := make([]feature.ItemRow, len(items))
	began := time.Now()
	defer func() { h.longest = max(h.longest, time.Since(began)) }()
	read, err := h.store.Fetch(ctx, "s", &shopper, items, rows)
	if err != nil {
		t.Fatalf("Fetch = %v, want no error whatever Redis does", err)
	}
	if took := time.Since(began); took > limit+slack {
		t.Errorf("Fetch took %v, want at most %v", took, limit)
	}
	return read
}

func (h *house) healthy(t *testing.T) error {
	if read := h.read(t, t.Context(), 25*time.Millisecond); read.Missing {
		return fmt.Errorf("missing: %+v", read)
	}
	return nil
}

// given up reads until the breaker is open, and requires that within a second of the first failure.
func (h *house) givenUp(t *testing.T) {
	t.Helper()
	began := time.Now()
	for h.read(t, t.Context(), 25*time.Millisecond).RedisOps > 0 {
		if took := time.Since(began); took > time.Second {
			t.Fatalf("after %v of failures Redis is still asked, want the breaker open within 1 s", took)
		}
	}
	if !strings.Contains(h.log.String(), "redis given up for now") {
		t.Errorf("the log says nothing of it: %s", h.log)
	}
}

// foundAgain waits for a read that Redis answers, for as long as is promised.
func (h *house) foundAgain(t *testing.T) {
	t.Helper()
	servicetest.Eventually(t, 5*time.Second, func() error { return h.healthy(t) })
	if !strings.Contains(h.log.String(), "redis found again") {
		t.Errorf("the log says nothing of it: %s", h.log)
	}
}

func TestFaults(t *testing.T) {
	for _, fault := range []struct {
		name        string
		begin, over func(p *servicetest.FaultProxy)
	}{
		{"slow by 200 ms", func(p *servicetest.FaultProxy) { p.Delay(200 * time.Millisecond) }, func(p *servicetest.FaultProxy) { p.Delay(0) }},
		{"blackhole", func(p *servicetest.FaultProxy) { p.Blackhole(true) }, func(p *servicetest.FaultProxy) { p.Blackhole(false) }},
		{"refused", func(p *servicetest.FaultProxy) { p.Cut(true) }, func(p *servicetest.FaultProxy) { p.Cut(false) }},
	} {
		t.Run(fault.name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t)
			fault.begin(h.proxy)
			if read := h.read(t, t.Context(), 25*time.Millisecond); !read.Missing {
				t.Errorf("Fetch = %+v, want Missing", read)
			}
			h.givenUp(t)
			t.Logf("the longest read with a budget of 25 ms took %v", h.longest)
			began := time.Now()
			for range 100 {
				h.read(t, t.Context(), 5*time.Millisecond)
			}
			if took := time.Since(began); took > slack {
				t.Errorf("100 reads with the breaker open took %v, want no wait", took)
			}
			fault.over(h.proxy)
			h.foundAgain(t)
		})
	}
}

// TestOneCutConnectionIsNoFault cuts connections once: a read or two may miss, and the breaker stays closed.
func TestOneCutConnectionIsNoFault(t *testing.T) {
	h := newHouse(t)
	h.proxy.Cut(false)
	servicetest.Eventually(t, time.Second, func() error { return h.healthy(t) })
	if strings.Contains(h.log.String(), "given up") {
		t.Errorf("the breaker opened: %s", h.log)
	}
}

func TestDeadlineOfTheCallerHolds(t *testing.T) {
	h := newHouse(t)
	h.proxy.Blackhole(true)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Millisecond)
	defer cancel()
	if read := h.read(t, ctx, 5*time.Millisecond); !read.Missing {
		t.Errorf("Fetch = %+v, want Missing", read)
	}
}

// TestBlackholeAtTheFirstDial is a Redis whose host drops packets: the connection itself does not come about.
func TestBlackholeAtTheFirstDial(t *testing.T) {
	s, err := online.Open(online.Options{
		Address: "redis.invalid:6379", Timeout: 25 * time.Millisecond,
		Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	h := &house{store: s}
	for range 3 {
		if read := h.read(t, t.Context(), 25*time.Millisecond); !read.Missing {
			t.Errorf("Fetch = %+v, want Missing", read)
		}
	}
}

// TestManyAtOnce reads from many goroutines while Redis comes and goes; the race detector watches.
func TestManyAtOnce(t *testing.T) {
	h := newHouse(t)
	var readers sync.WaitGroup
	ctx, stop := context.WithCancel(t.Context())
	for range 8 {
		readers.Go(func() {
			var shopper feature.ShopperRow
			rows := make([]feature.ItemRow, len(items))
			for ctx.Err() == nil {
				if _, err := h.store.Fetch(ctx, "s", &shopper, items, rows); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for range 3 {
		h.proxy.Cut(true)
		<-time.After(30 * time.Millisecond)
		h.proxy.Cut(false)
		<-time.After(30 * time.Millisecond)
	}
	stop()
	readers.Wait()
	servicetest.Eventually(t, 5*time.Second, func() error { return h.healthy(t) })
}

func TestRealRedis(t *testing.T) {
	address := servicetest.RealRedis(t)
	s, err := online.Open(online.Options{Address: address, Timeout: 2 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	h := &house{store: s}
	if read := h.read(t, t.Context(), 2*time.Second); read.Missing || read.RedisOps != 1 || read.CacheHits != 0 {
		t.Errorf("first Fetch = %+v, want one operation", read)
	}
	if read := h.read(t, t.Context(), 2*time.Second); read.Missing || read.CacheHits != len(items) {
		t.Errorf("second Fetch = %+v, want hits of items that Redis does not know", read)
	}
}
