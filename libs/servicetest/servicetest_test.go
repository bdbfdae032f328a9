package servicetest_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/haggle-commerce/haggle/libs/bus"
	"github.com/haggle-commerce/haggle/libs/servicetest"
	"github.com/haggle-commerce/haggle/libs/wire"
)

// verdict is a test that notes how it ended instead of ending the real one.
type verdict struct {
	testing.TB
	mu      sync.Mutex
	failed  string
	skipped string
}

func (v *verdict) Helper() {}

func (v *verdict) Fatalf(format string, args ...any) {
	v.mu.Lock()
	v.failed = fmt.Sprintf(format, args...)
	v.mu.Unlock()
	panic(v)
}

func (v *verdict) Skipf(format string, args ...any) {
	v.mu.Lock()
	v.skipped = fmt.Sprintf(format, args...)
	v.mu.Unlock()
	panic(v)
}

// run returns how f judged.
func run(t *testing.T, f func(testing.TB)) (v *verdict) {
	v = &verdict{TB: t}
	defer func() {
		if fault := recover(); fault != nil && fault != v {
			panic(fault)
		}
	}()
	f(v)
	return v
}

func TestEventually(t *testing.T) {
	t.Parallel()
	calls := 0
	servicetest.Eventually(t, 10*time.Second, func() error {
		if calls++; calls < 5 {
			return errors.New("not yet")
		}
		return nil
	})
	if calls != 5 {
		t.Errorf("Eventually() called %d times, want 5", calls)
	}
	if v := run(t, func(tb testing.TB) {
		servicetest.Eventually(tb, 20*time.Millisecond, func() error { return errors.New("never") })
	}); v.failed == "" {
		t.Error("Eventually() of what never holds passes, want a failure")
	}
}

func TestRedisSpeaksRedis(t *testing.T) {
	t.Parallel()
	for name, start := range map[string]func(testing.TB) string{"embedded": servicetest.Redis, "real": servicetest.RealRedis} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := redis.NewClient(&redis.Options{Addr: start(t)})
			defer c.Close()
			if err := c.Set(t.Context(), "k", "v", 0).Err(); err != nil {
				t.Fatal(err)
			}
			if got, err := c.Get(t.Context(), "k").Result(); err != nil || got != "v" {
				t.Errorf("GET = %q, %v, want v", got, err)
			}
		})
	}
}

func TestMissingRedisIsLoud(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	t.Setenv(servicetest.RequireServers, "")
	if v := run(t, func(tb testing.TB) { servicetest.RealRedis(tb) }); v.skipped == "" {
		t.Error("RealRedis() without redis-server did not skip")
	}
	if err := os.Setenv(servicetest.RequireServers, "1"); err != nil {
		t.Fatal(err)
	}
	if v := run(t, func(tb testing.TB) { servicetest.RealRedis(tb) }); v.failed == "" {
		t.Error("RealRedis() without redis-server did not fail though servers are required")
	}
}

func TestNATSKeepsItsStreamsOverARestart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	srv := servicetest.NATSAt(t, dir, -1)
	port := servicetest.Port(t, srv)
	b := servicetest.Bus(t, srv, "gateway")
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if _, err := b.Publish(ctx, wire.SubjectEvent+"search", "", []byte("x")); err != nil {
		t.Fatal(err)
	}
	srv.Shutdown()
	srv.WaitForShutdown()
	again := servicetest.NATSAt(t, dir, port)
	other := servicetest.Connect(t, bus.Options{URL: again.ClientURL()})
	if _, last, _, err := other.StreamInfo(ctx, wire.StreamEvents); last != 1 || err != nil {
		t.Errorf("StreamInfo() after a restart = %d, %v, want 1, nil", last, err)
	}
}

// echoServer answers every byte with itself.
func echoServer(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var work sync.WaitGroup
	work.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			work.Go(func() {
				_, _ = io.Copy(c, c)
				_ = c.Close()
			})
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		work.Wait()
	})
	return l.Addr().String()
}

// roundTrip sends one byte and waits for it.
func roundTrip(c net.Conn, within time.Duration) error {
	if err := c.SetDeadline(time.Now().Add(within)); err != nil {
		return err
	}
	if _, err := c.Write([]byte{7}); err != nil {
		return err
	}
	_, err := io.ReadFull(c, make([]byte, 1))
	return err
}

func TestProxyBreaksWhatPasses(t *testing.T) {
	t.Parallel()
	p := servicetest.Proxy(t, echoServer(t))
	dial := func() net.Conn {
		t.Helper()
		c, err := net.Dial("tcp", p.Address())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		return c
	}
	c := dial()
	if err := roundTrip(c, 10*time.Second); err != nil {
		t.Errorf("round trip = %v, want nil", err)
	}

	p.Delay(30 * time.Millisecond)
	begin := time.Now()
	if err := roundTrip(c, 10*time.Second); err != nil || time.Since(begin) < 60*time.Millisecond {
		t.Errorf("round trip with 30 ms of delay either way = %v after %v, want nil after 60 ms", err, time.Since(begin))
	}
	p.Delay(0)

	p.Blackhole(true)
	if err := roundTrip(c, 50*time.Millisecond); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("round trip through a blackhole = %v, want a timeout", err)
	}
	swallowed := dial() // accepted, but nobody answers
	if err := roundTrip(swallowed, 50*time.Millisecond); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("round trip of a new connection through a blackhole = %v, want a timeout", err)
	}
	p.Blackhole(false)
	kept := dial()
	if err := roundTrip(kept, 10*time.Second); err != nil {
		t.Errorf("round trip after the blackhole = %v, want nil", err)
	}

	p.Cut(true)
	if err := roundTrip(kept, 10*time.Second); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("round trip over a cut connection = %v, want an error at once", err)
	}
	if err := roundTrip(dial(), 10*time.Second); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("round trip of a refused connection = %v, want an error at once", err)
	}
	p.Cut(false)
	if err := roundTrip(dial(), 10*time.Second); err != nil {
		t.Errorf("round trip after the cut = %v, want nil", err)
	}
}
