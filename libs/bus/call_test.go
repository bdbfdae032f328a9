package bus_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/haggle-commerce/haggle/libs/bus"
	"github.com/haggle-commerce/haggle/libs/observe"
	"github.com/haggle-commerce/haggle/libs/servicetest"
	"github.com/haggle-commerce/haggle/libs/wire"
)

// subject is what the tests serve: any subject of the query corridor does.
const subject = wire.SubjectRecall

// world is how two services reach each other in a test.
type world struct {
	mode   string
	server *server.Server
	local  *bus.Local
}

// eachMode runs one test body in every way in which services reach each other.
func eachMode(t *testing.T, f func(t *testing.T, w *world)) {
	t.Helper()
	for _, mode := range []string{"local", "pipe", "tcp"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			w := &world{mode: mode, server: servicetest.NATS(t)}
			if mode == "local" {
				w.local = bus.NewLocal()
			}
			f(t, w)
		})
	}
}

// connect returns the bus of one more room.
func (w *world) connect(t testing.TB, name string) *bus.Bus {
	t.Helper()
	o := bus.Options{Name: name, Local: w.local}
	if w.mode == "tcp" {
		o.URL = w.server.ClientURL()
	} else {
		o.Server = w.server
	}
	return servicetest.Connect(t, o)
}

// serve runs Serve until stop is called, and returns once asker is answered by someone.
func serve(t testing.TB, b *bus.Bus, l bus.Limits, h bus.Handler) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- b.Serve(ctx, subject, l, h) }()
	stop = sync.OnceFunc(func() {
		cancel()
		select {
		case err := <-done:
			if err != nil {
				t.Errorf("Serve() = %v, want nil", err)
			}
		case <-time.After(10 * time.Second):
			t.Error("Serve() did not end within 10 s of its context")
		}
	})
	t.Cleanup(stop)
	servicetest.Eventually(t, 5*time.Second, func() error {
		if b.Load().Workers == 0 {
			return errors.New("not serving")
		}
		return nil
	})
	return stop
}

// call calls with a deadline of within.
func call(t testing.TB, b *bus.Bus, within time.Duration, request []byte) ([]byte, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	return b.Call(ctx, subject, request)
}

// firstCall calls until somebody serves.
func firstCall(t testing.TB, b *bus.Bus, request string) {
	t.Helper()
	servicetest.Eventually(t, 5*time.Second, func() error {
		_, err := call(t, b, time.Second, []byte(request))
		return err
	})
}

func TestCallAnswersTheSameInEveryMode(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, w *world) {
		serve(t, w.connect(t, "recall"), bus.Limits{}, func(ctx context.Context, request []byte) ([]byte, error) {
			switch what, rest, _ := strings.Cut(string(request), " "); what {
			case "echo":
				return request, nil
			case "nothing":
				return nil, nil
			case "field":
				return nil, &wire.Error{Code: wire.Invalid, Field: "filter", Text: rest}
			case "missing":
				return nil, fmt.Errorf("look up: %w", wire.Errorf(wire.NotFound, "no item %s", rest))
			case "plain":
				return nil, errors.New(rest)
			case "strange":
				return nil, &wire.Error{Code: "Teapot", Text: rest}
			case "panic":
				panic(rest)
			case "huge":
				return make([]byte, 2<<20), nil
			case "hang":
				<-ctx.Done()
				return nil, ctx.Err()
			case "trace":
				trace, ok := observe.TraceOf(ctx)
				return []byte(trace.String()), map[bool]error{true: nil, false: errors.New("no trace")}[ok]
			default:
				return nil, errors.New("unknown request")
			}
		})
		asker := w.connect(t, "gateway")
		firstCall(t, asker, "nothing")

		long := strings.Repeat("x", 200_000)
		for _, c := range []struct{ request, want string }{
			{"echo hello", "echo hello"},
			{"echo \x00\xff\r\n", "echo \x00\xff\r\n"},
			{"echo " + long, "echo " + long},
			{"nothing", ""},
		} {
			got, err := call(t, asker, 5*time.Second, []byte(c.request))
			if err != nil || string(got) != c.want {
				t.Errorf("Call(%.20q) = %.20q, %v, want %.20q, nil", c.request, got, err, c.want)
			}
		}

		for _, c := range []struct {
			request string
			want    wire.Error
		}{
			{"field must be a list", wire.Error{Code: wire.Invalid, Field: "filter", Text: "must be a list"}},
			{"missing 7", wire.Error{Code: wire.NotFound, Text: "no item 7"}},
			{"plain 坏了", wire.Error{Code: wire.Internal, Text: "坏了"}},
			{"plain two\r\nlines", wire.Error{Code: wire.Internal, Text: "two  lines"}},
			{"plain " + long, wire.Error{Code: wire.Internal, Text: long[:1024]}},
			{"strange brew", wire.Error{Code: wire.Internal, Text: "brew"}},
			{"panic now", wire.Error{Code: wire.Internal, Text: "the handler panicked"}},
			{"huge", wire.Error{Code: wire.Internal, Text: "the reply has 2097152 bytes, at most 1044480"}},
			{"echo " + strings.Repeat(long, 6), wire.Error{Code: wire.Invalid, Text: "the request has 1200005 bytes, at most 1044480"}},
		} {
			got, err := call(t, asker, 5*time.Second, []byte(c.request))
			var e *wire.Error
			if got != nil || !errors.As(err, &e) || *e != c.want {
				t.Errorf("Call(%.20q) = %.20q, %v, want nil, %v", c.request, got, err, &c.want)
			}
		}

		begin := time.Now()
		_, err := call(t, asker, 50*time.Millisecond, []byte("hang"))
		if took := time.Since(begin); wire.CodeOf(err) != wire.Late || !errors.Is(err, context.DeadlineExceeded) || took > time.Second {
			t.Errorf("Call(hang) = %v after %v, want Late and DeadlineExceeded after 50 ms", err, took)
		}
		if _, err = call(t, asker, -time.Second, []byte("echo")); wire.CodeOf(err) != wire.Late || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Call() past its deadline = %v, want Late and DeadlineExceeded", err)
		}
		if _, err = asker.Call(t.Context(), subject, nil); wire.CodeOf(err) != wire.Invalid {
			t.Errorf("Call() without a deadline = %v, want Invalid", err)
		}

		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		if _, err = asker.Call(ctx, wire.SubjectRank, nil); !errors.Is(err, bus.ErrNoServer) {
			t.Errorf("Call() of a subject that nobody serves = %v, want ErrNoServer", err)
		}
		trace := observe.NewTrace()
		if got, err := asker.Call(observe.WithTrace(ctx, trace), subject, []byte("trace")); err != nil || string(got) != trace.String() {
			t.Errorf("Call(trace) = %q, %v, want %q, nil", got, err, trace)
		}
	})
}

// gate is a handler that holds "wait" requests until it is opened and answers others at once.
type gate struct {
	name    string
	open    chan struct{}
	entered chan struct{}
	served  atomic.Int64
}

func newGate(name string) *gate {
	return &gate{name: name, open: make(chan struct{}), entered: make(chan struct{}, 1024)}
}

func (g *gate) handle(ctx context.Context, request []byte) ([]byte, error) {
	g.served.Add(1)
	if bytes.HasPrefix(request, []byte("wait")) {
		g.entered <- struct{}{}
		select {
		case <-g.open:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return []byte(g.name), nil
}

func TestFullQueueAnswersOverloadedAtOnce(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, w *world) {
		g := newGate("only")
		server := w.connect(t, "recall")
		serve(t, server, bus.Limits{Workers: 1, Queue: 2}, g.handle)
		asker := w.connect(t, "gateway")
		firstCall(t, asker, "hello")

		var waiting sync.WaitGroup
		for range 3 {
			waiting.Go(func() {
				if _, err := call(t, asker, 10*time.Second, []byte("wait")); err != nil {
					t.Errorf("Call() of a queued request = %v, want nil", err)
				}
			})
		}
		servicetest.Eventually(t, 5*time.Second, func() error {
			if l := server.Load(); l.InFlight != 1 || l.Queued != 2 {
				return fmt.Errorf("%d in flight, %d queued, want 1 and 2", l.InFlight, l.Queued)
			}
			return nil
		})
		begin := time.Now()
		_, err := call(t, asker, 10*time.Second, []byte("wait"))
		if took := time.Since(begin); wire.CodeOf(err) != wire.Overloaded || errors.Is(err, bus.ErrNoServer) || took > time.Second {
			t.Errorf("Call() of a full server = %v after %v, want Overloaded at once", err, took)
		}
		close(g.open)
		waiting.Wait()

		l := server.Load()
		if l.Shed == 0 || l.Done < 4 || l.Arrivals != l.Done+l.Shed || l.BusyNanos == 0 || l.Workers != 1 || l.Queued != 0 {
			t.Errorf("Load() = %+v, want arrivals = done + shed, some of each, and 1 worker", l)
		}
		counted := uint64(0)
		for _, n := range l.Latency {
			counted += n
		}
		if counted != l.Done || len(l.Latency) != len(wire.LatencyBounds)+1 {
			t.Errorf("Load().Latency counts %d in %d buckets, want %d in %d", counted, len(l.Latency), l.Done, len(wire.LatencyBounds)+1)
		}
	})
}

func TestQueuedRequestThatIsLateIsNotHandled(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, w *world) {
		g := newGate("only")
		server := w.connect(t, "recall")
		serve(t, server, bus.Limits{Workers: 1, Queue: 8}, g.handle)
		asker := w.connect(t, "gateway")
		firstCall(t, asker, "hello")
		var holder sync.WaitGroup
		holder.Go(func() {
			if _, err := call(t, asker, 10*time.Second, []byte("wait")); err != nil {
				t.Errorf("Call() = %v, want nil", err)
			}
		})
		<-g.entered
		before := g.served.Load()
		for range 3 {
			if _, err := call(t, asker, 20*time.Millisecond, []byte("expires")); wire.CodeOf(err) != wire.Late {
				t.Errorf("Call() behind a busy worker = %v, want Late", err)
			}
		}
		close(g.open)
		holder.Wait()
		firstCall(t, asker, "after")
		servicetest.Eventually(t, 5*time.Second, func() error {
			if l := server.Load(); l.Queued != 0 || l.Shed < 3 {
				return fmt.Errorf("Load() = %+v, want 3 shed and none queued", l)
			}
			return nil
		})
		if got := g.served.Load() - before; got != 1 {
			t.Errorf("%d requests were handled, want 1: the late ones must not be", got)
		}
	})
}

func TestBusyInstanceIsTriedElsewhere(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, w *world) {
		full, free := newGate("full"), newGate("free")
		fullBus := w.connect(t, "recall")
		serve(t, fullBus, bus.Limits{Workers: 1, Queue: 1}, full.handle)
		// Another service fills the instance, so that the asker has no reason to shun it.
		other, asker := w.connect(t, "bench"), w.connect(t, "gateway")
		firstCall(t, other, "hello")
		var waiting sync.WaitGroup
		defer waiting.Wait()
		for range 2 {
			waiting.Go(func() { _, _ = call(t, other, 20*time.Second, []byte("wait")) })
		}
		servicetest.Eventually(t, 5*time.Second, func() error {
			if l := fullBus.Load(); l.Queued != 1 {
				return fmt.Errorf("%d queued, want 1", l.Queued)
			}
			return nil
		})
		serve(t, w.connect(t, "recall"), bus.Limits{}, free.handle)
		// The second instance becomes known by its first heartbeat.
		servicetest.Eventually(t, 5*time.Second, func() error {
			_, err := call(t, asker, time.Second, []byte("hello"))
			return err
		})
		// More calls than the retry budget would bear, if each went to the full instance first.
		for range 100 {
			if got, err := call(t, asker, 5*time.Second, []byte("hello")); err != nil || string(got) != "free" {
				t.Errorf("Call() = %q, %v, want the instance that is free", got, err)
			}
		}
		close(full.open)
	})
}

func TestDrainLosesNoRequest(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, w *world) {
		asker := w.connect(t, "gateway")
		serve(t, w.connect(t, "recall"), bus.Limits{Queue: 1024}, newGate("stays").handle)
		firstCall(t, asker, "hello")
		ctx, stop := context.WithCancel(t.Context())
		var callers sync.WaitGroup
		var calls atomic.Int64
		for range 8 {
			callers.Go(func() {
				for ctx.Err() == nil {
					if _, err := call(t, asker, 5*time.Second, []byte("hello")); err != nil {
						t.Errorf("Call() during a rollout = %v, want nil", err)
					}
					calls.Add(1)
				}
			})
		}
		for range 5 {
			g := newGate("comes and goes")
			leave := serve(t, w.connect(t, "recall"), bus.Limits{Queue: 1024}, g.handle)
			if w.mode != "local" {
				servicetest.Eventually(t, 5*time.Second, func() error {
					if g.served.Load() < 10 {
						return errors.New("the new instance gets no requests")
					}
					return nil
				})
			}
			leave()
		}
		stop()
		callers.Wait()
		t.Logf("%d calls over 5 rollouts", calls.Load())
	})
}
