package bus_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/haggle-commerce/haggle/libs/bus"
	"github.com/haggle-commerce/haggle/libs/cost"
	"github.com/haggle-commerce/haggle/libs/servicetest"
	"github.com/haggle-commerce/haggle/libs/wire"
)

// modes are the ways in which services reach each other, as in eachMode.
var modes = []string{"local", "pipe", "tcp"}

// pair returns an asker and the server of an echo.
func pair(tb testing.TB, mode string) *bus.Bus {
	tb.Helper()
	w := &world{mode: mode, server: servicetest.NATS(tb)}
	if mode == "local" {
		w.local = bus.NewLocal()
	}
	serve(tb, w.connect(tb, "recall"), bus.Limits{}, echo)
	asker := w.connect(tb, "gateway")
	firstCall(tb, asker, "hello")
	return asker
}

// BenchmarkCall is a round trip of 1 KiB and of 24 KiB, the size of a rank request for 200 candidates. Its cpu-us/op
// counts the whole process: asker, server, NATS and garbage collection.
func BenchmarkCall(b *testing.B) {
	for _, mode := range modes {
		for _, size := range []int{1 << 10, 24 << 10} {
			b.Run(fmt.Sprintf("%s/%dKiB", mode, size>>10), func(b *testing.B) {
				asker := pair(b, mode)
				request := make([]byte, size)
				ctx, cancel := context.WithTimeout(b.Context(), time.Minute)
				defer cancel()
				b.ReportAllocs()
				begin := cost.ProcessCPU()
				for b.Loop() {
					if _, err := asker.Call(ctx, subject, request); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64((cost.ProcessCPU()-begin).Microseconds())/float64(b.N), "cpu-us/op")
			})
		}
	}
}

// BenchmarkCallParallel is the same with 16 callers at once, as under load.
func BenchmarkCallParallel(b *testing.B) {
	for _, mode := range modes {
		b.Run(mode, func(b *testing.B) {
			asker := pair(b, mode)
			request := make([]byte, 1<<10)
			ctx, cancel := context.WithTimeout(b.Context(), time.Minute)
			defer cancel()
			b.ReportAllocs()
			b.SetParallelism(8)
			begin := cost.ProcessCPU()
			var failed atomic.Int64
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if _, err := asker.Call(ctx, subject, request); err != nil {
						failed.Add(1)
					}
				}
			})
			if n := failed.Load(); n > 0 {
				b.Fatalf("%d calls failed", n)
			}
			b.ReportMetric(float64((cost.ProcessCPU()-begin).Microseconds())/float64(b.N), "cpu-us/op")
		})
	}
}

// BenchmarkPublishBatch is 256 events of 300 bytes, each acknowledged.
func BenchmarkPublishBatch(b *testing.B) {
	asker := servicetest.Bus(b, servicetest.NATS(b), "gateway")
	const batch = 256
	ms := make([]bus.Outgoing, batch)
	data := make([]byte, 300)
	n := 0
	b.ReportAllocs()
	for b.Loop() {
		for i := range ms {
			n++
			ms[i] = bus.Outgoing{Subject: view, ID: fmt.Sprint(n), Data: data}
		}
		for _, err := range asker.PublishBatch(b.Context(), ms) {
			if err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*batch), "us/event")
}

// BenchmarkFollow replays 50,000 events of 300 bytes.
func BenchmarkFollow(b *testing.B) {
	const events = 50_000
	reader := servicetest.Bus(b, servicetest.NATS(b), "recall")
	ms := make([]bus.Outgoing, events)
	for i := range ms {
		ms[i] = bus.Outgoing{Subject: view, Data: make([]byte, 300)}
	}
	for _, err := range reader.PublishBatch(b.Context(), ms) {
		if err != nil {
			b.Fatal(err)
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		ctx, cancel := context.WithCancel(b.Context())
		seen := 0
		err := reader.Follow(ctx, wire.StreamEvents, wire.SubjectEvents, 1, func(batch []bus.Message) error {
			if seen += len(batch); seen == events {
				cancel()
			}
			return nil
		})
		if err != nil || seen != events {
			b.Fatalf("Follow() = %v after %d messages, want nil after %d", err, seen, events)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*events), "us/event")
}

func TestLocalCallDoesNotAllocate(t *testing.T) {
	asker := pair(t, "local")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	request := make([]byte, 100)
	got := testing.AllocsPerRun(100, func() {
		if _, err := asker.Call(ctx, subject, request); err != nil {
			t.Fatal(err)
		}
	})
	// The heartbeats run beside it.
	if got >= 1 {
		t.Errorf("Call() in this process allocates %v times, want 0", got)
	}
}
