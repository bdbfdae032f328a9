package bus_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/haggle-commerce/haggle/libs/bus"
	"github.com/haggle-commerce/haggle/libs/servicetest"
	"github.com/haggle-commerce/haggle/libs/wire"
)

// overrun is by how much a call may outlive its deadline here. The promise is 10 ms, and 1 to 8 ms were measured on two
// idle cores. The bound leaves room for a machine that is busy with other tests under the race detector (0.1 s and, once
// in many runs, more); a client that blocks its caller does so for 2 s and longer.
const overrun = time.Second

// throughProxy connects a service to srv over a proxy.
func throughProxy(t *testing.T, address, name string) (*bus.Bus, *servicetest.FaultProxy) {
	t.Helper()
	p := servicetest.Proxy(t, address)
	return servicetest.Connect(t, bus.Options{URL: "nats://" + p.Address(), Name: name}), p
}

func echo(_ context.Context, request []byte) ([]byte, error) { return request, nil }

// It is not parallel to the tests that burn the processor: it measures time.
func TestEveryCallEndsInTimeAgainstABlackhole(t *testing.T) {
	// Small requests leave the server's silence to the pings. Large ones fill the buffers of the sockets, so that a client
	// that writes on the caller's goroutine would block it; the backlog finds the fault sooner than the pings.
	t.Run("small", func(t *testing.T) { testBlackhole(t, make([]byte, 100)) })
	t.Run("large", func(t *testing.T) { testBlackhole(t, make([]byte, 512<<10)) })
}

func testBlackhole(t *testing.T, request []byte) {
	t.Parallel()
	srv := servicetest.NATS(t)
	serve(t, servicetest.Connect(t, bus.Options{URL: srv.ClientURL(), Name: "recall"}), bus.Limits{}, echo)
	asker, proxy := throughProxy(t, srv.Addr().String(), "gateway")
	firstCall(t, asker, "hello")

	proxy.Blackhole(true)
	silent := time.Now()
	ctx, stop := context.WithCancel(t.Context())
	var callers sync.WaitGroup
	var mu sync.Mutex
	worst, calls := time.Duration(0), 0
	for range 8 {
		callers.Go(func() {
			for ctx.Err() == nil {
				const within = 30 * time.Millisecond
				begin := time.Now()
				_, err := call(t, asker, within, request)
				took := time.Since(begin)
				if err == nil {
					t.Error("Call() through a blackhole = nil, want an error")
				}
				mu.Lock()
				worst, calls = max(worst, took-within), calls+1
				mu.Unlock()
				<-time.After(10 * time.Millisecond)
			}
		})
	}
	servicetest.Eventually(t, 10*time.Second, func() error {
		if asker.Connected() {
			return errors.New("the bus believes to be connected")
		}
		return nil
	})
	detected := time.Since(silent)
	// While it reconnects in vain, too.
	<-time.After(500 * time.Millisecond)
	stop()
	callers.Wait()
	if worst > overrun {
		t.Errorf("a call overran its deadline by %v, want at most %v", worst, overrun)
	}
	if detected > 3500*time.Millisecond+overrun {
		t.Errorf("the blackhole was found after %v, want at most 3.5 s", detected)
	}
	begin := time.Now()
	if _, err := call(t, asker, time.Second, nil); !errors.Is(err, bus.ErrNoServer) || time.Since(begin) > overrun {
		t.Errorf("Call() on a lost bus = %v after %v, want ErrNoServer at once", err, time.Since(begin))
	}
	proxy.Blackhole(false)
	back := time.Now()
	firstCall(t, asker, "hello")
	t.Logf("%d calls, worst overrun %v; lost after %v, back after %v", calls, worst, detected, time.Since(back))
}

func TestCallsFailAtOnceWhenTheServerEnds(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	srv := servicetest.NATSAt(t, dir, -1)
	port := servicetest.Port(t, srv)
	g := newGate("only")
	serve(t, servicetest.Connect(t, bus.Options{URL: srv.ClientURL(), Name: "recall"}), bus.Limits{}, g.handle)
	asker := servicetest.Connect(t, bus.Options{URL: srv.ClientURL(), Name: "gateway"})
	firstCall(t, asker, "hello")
	failed := make(chan error, 1)
	go func() {
		_, err := call(t, asker, 20*time.Second, []byte("wait"))
		failed <- err
	}()
	<-g.entered
	begin := time.Now()
	srv.Shutdown()
	if err := <-failed; !errors.Is(err, bus.ErrNoServer) || time.Since(begin) > 10*time.Second {
		t.Errorf("Call() under way = %v after %v, want ErrNoServer at once", err, time.Since(begin))
	}
	close(g.open)
	srv.WaitForShutdown()
	if err := asker.Broadcast(wire.SubjectVital+"a.b", nil); !errors.Is(err, bus.ErrNoServer) {
		t.Errorf("Broadcast() without a server = %v, want ErrNoServer", err)
	}
	servicetest.NATSAt(t, dir, port)
	begin = time.Now()
	firstCall(t, asker, "hello")
	if took := time.Since(begin); took > 4*time.Second {
		t.Errorf("the bus was back after %v, want within 4 s", took)
	}
}

// hear waits until b has heard heartbeats of n instances.
func hear(t *testing.T, b *bus.Bus, n int) {
	t.Helper()
	heard := make(chan string, 1024)
	stop := background(t, "Listen", func(ctx context.Context) error {
		return b.Listen(ctx, wire.SubjectHere+subject, func(_ string, data []byte) { heard <- string(data) })
	})
	defer stop()
	// Of each the second one: b may have been told of the first after this listener was.
	beats := map[string]int{}
	for known := 0; known < n; {
		select {
		case beat := <-heard:
			if beats[beat]++; beats[beat] == 2 {
				known++
			}
		case <-time.After(10 * time.Second):
			t.Fatalf("heard %v, want two heartbeats of each of %d instances", beats, n)
		}
	}
}

func TestInstanceThatDiesIsReplaced(t *testing.T) {
	t.Parallel()
	srv := servicetest.NATS(t)
	dies, lives := newGate("dies"), newGate("lives")
	dying, proxy := throughProxy(t, srv.Addr().String(), "recall")
	serve(t, dying, bus.Limits{}, dies.handle)
	asker := servicetest.Connect(t, bus.Options{URL: srv.ClientURL(), Name: "gateway"})
	firstCall(t, asker, "hello")
	// So that the call below goes to that instance by name.
	hear(t, asker, 1)
	type result struct {
		reply []byte
		err   error
	}
	results := make(chan result, 1)
	go func() {
		reply, err := call(t, asker, 10*time.Second, []byte("wait"))
		results <- result{reply, err}
	}()
	<-dies.entered
	serve(t, servicetest.Connect(t, bus.Options{URL: srv.ClientURL(), Name: "recall"}), bus.Limits{}, lives.handle)
	close(lives.open)
	begin := time.Now()
	proxy.Cut(true)
	r := <-results
	took := time.Since(begin)
	if r.err != nil || string(r.reply) != "lives" {
		t.Errorf("Call() = %q, %v, want the answer of the other instance", r.reply, r.err)
	}
	if took > time.Second {
		t.Errorf("the other instance answered after %v, want well within the 2 s of a heartbeat's loss", took)
	}
	t.Logf("answered %v after the death", took)
	close(dies.open)
}

func TestLoadMovesAwayFromASlowInstance(t *testing.T) {
	t.Parallel()
	srv := servicetest.NATS(t)
	slow, quick := newGate("slow"), newGate("quick")
	pause := func(d time.Duration, g *gate) bus.Handler {
		return func(ctx context.Context, request []byte) ([]byte, error) {
			<-time.After(d)
			return g.handle(ctx, request)
		}
	}
	serve(t, servicetest.Connect(t, bus.Options{Server: srv, Name: "recall"}), bus.Limits{Workers: 64}, pause(10*time.Millisecond, slow))
	serve(t, servicetest.Connect(t, bus.Options{Server: srv, Name: "recall"}), bus.Limits{Workers: 64}, pause(time.Millisecond, quick))
	asker := servicetest.Connect(t, bus.Options{Server: srv, Name: "gateway"})
	hear(t, asker, 2)
	before, beforeQuick := slow.served.Load(), quick.served.Load()
	var callers sync.WaitGroup
	for range 8 {
		callers.Go(func() {
			for range 50 {
				if _, err := call(t, asker, 5*time.Second, nil); err != nil {
					t.Errorf("Call() = %v, want nil", err)
				}
			}
		})
	}
	callers.Wait()
	toSlow, toQuick := slow.served.Load()-before, quick.served.Load()-beforeQuick
	if toSlow*2 > toQuick {
		t.Errorf("the slow instance got %d of %d calls, want less than a third", toSlow, toSlow+toQuick)
	}
	t.Logf("slow %d, quick %d", toSlow, toQuick)
}

func TestConnect(t *testing.T) {
	t.Parallel()
	if _, err := bus.Connect(t.Context(), bus.Options{}); err == nil {
		t.Error("Connect() without a server = nil, want an error")
	}
	srv := servicetest.NATS(t)
	port := servicetest.Port(t, srv)
	srv.Shutdown()
	srv.WaitForShutdown()
	url := fmt.Sprintf("nats://127.0.0.1:%d", port)
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if _, err := bus.Connect(ctx, bus.Options{URL: url}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Connect() to nobody = %v, want DeadlineExceeded", err)
	}
	connected := make(chan error, 1)
	go func() {
		b, err := bus.Connect(t.Context(), bus.Options{URL: url, Instance: "with a dot. and *"})
		if err == nil {
			err = b.Close()
		}
		connected <- err
	}()
	servicetest.NATSAt(t, t.TempDir(), port)
	select {
	case err := <-connected:
		if err != nil {
			t.Errorf("Connect() before the server is there = %v, want nil", err)
		}
	case <-time.After(10 * time.Second):
		t.Error("Connect() did not end within 10 s of the server's start")
	}
}
