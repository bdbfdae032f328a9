package bus_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/haggle-commerce/haggle/libs/bus"
	"github.com/haggle-commerce/haggle/libs/servicetest"
	"github.com/haggle-commerce/haggle/libs/wire"
)

// view is an event subject.
const view = wire.SubjectEvent + "view_item"

// log keeps messages in the order in which they came.
type log struct {
	mu   sync.Mutex
	data []string
	seqs []uint64
}

func (l *log) add(batch []bus.Message) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, m := range batch {
		l.data, l.seqs = append(l.data, string(m.Data)), append(l.seqs, m.Seq)
	}
}

func (l *log) snapshot() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]string(nil), l.data...)
}

// has waits until the log is want.
func (l *log) has(t *testing.T, want []string) {
	t.Helper()
	servicetest.Eventually(t, 20*time.Second, func() error {
		if got := l.snapshot(); len(got) < len(want) {
			return fmt.Errorf("%d messages, want %d", len(got), len(want))
		}
		return nil
	})
	if diff := cmp.Diff(want, l.snapshot()); diff != "" {
		t.Errorf("messages differ (-want +got):\n%s", diff)
	}
}

func numbers(from, to int) (texts []string) {
	for i := from; i < to; i++ {
		texts = append(texts, strconv.Itoa(i))
	}
	return texts
}

func outgoing(from, to int) (ms []bus.Outgoing) {
	for _, text := range numbers(from, to) {
		ms = append(ms, bus.Outgoing{Subject: view, ID: "event-" + text, Data: []byte(text)})
	}
	return ms
}

func publishAll(t *testing.T, b *bus.Bus, ms []bus.Outgoing) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if err := errors.Join(b.PublishBatch(ctx, ms)...); err != nil {
		t.Fatalf("PublishBatch() = %v, want nil", err)
	}
}

// background runs f until the test ends and checks that it then returns nil.
func background(t *testing.T, what string, f func(context.Context) error) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- f(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		select {
		case err := <-done:
			if err != nil {
				t.Errorf("%s() = %v, want nil", what, err)
			}
		case <-time.After(15 * time.Second):
			t.Errorf("%s() did not end within 15 s of its context", what)
		}
	})
	t.Cleanup(stop)
	return stop
}

func TestPublishIsIdempotent(t *testing.T) {
	t.Parallel()
	b := servicetest.Bus(t, servicetest.NATS(t), "gateway")
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := b.EnsureStreams(ctx); err != nil {
		t.Errorf("EnsureStreams() again = %v, want nil", err)
	}
	for i, c := range []struct {
		id   string
		want uint64
	}{{"a", 1}, {"b", 2}, {"a", 1}, {"", 3}, {"", 4}} {
		if got, err := b.Publish(ctx, view, c.id, []byte("x")); err != nil || got != c.want {
			t.Errorf("Publish() %d with id %q = %d, %v, want %d, nil", i, c.id, got, err, c.want)
		}
	}
	if first, last, n, err := b.StreamInfo(ctx, wire.StreamEvents); first != 1 || last != 4 || n != 4 || err != nil {
		t.Errorf("StreamInfo() = %d, %d, %d, %v, want 1, 4, 4, nil", first, last, n, err)
	}
	if _, err := b.Publish(ctx, view, "", make([]byte, 2<<20)); wire.CodeOf(err) != wire.Invalid {
		t.Errorf("Publish() of 2 MiB = %v, want Invalid", err)
	}
	short, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
	defer cancel()
	if _, err := b.Publish(short, "nobody.stores.this", "", nil); !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, bus.ErrNoServer) {
		t.Errorf("Publish() outside the streams = %v, want DeadlineExceeded and ErrNoServer", err)
	}
}

func TestLast(t *testing.T) {
	t.Parallel()
	b := servicetest.Bus(t, servicetest.NATS(t), "gateway")
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	item := wire.SubjectItem + wire.ItemToken("sku 7")
	if _, err := b.Last(ctx, wire.StreamCatalog, item); wire.CodeOf(err) != wire.NotFound {
		t.Errorf("Last() of nothing = %v, want NotFound", err)
	}
	for _, text := range []string{"old", "new"} {
		if _, err := b.Publish(ctx, item, "", []byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := b.Last(ctx, wire.StreamCatalog, item); err != nil || string(got.Data) != "new" || got.Seq != 2 || got.Subject != item || got.Time.IsZero() {
		t.Errorf("Last() = %+v, %v, want new at 2", got, err)
	}
	if _, _, n, err := b.StreamInfo(ctx, wire.StreamCatalog); n != 1 || err != nil {
		t.Errorf("StreamInfo() counts %d, %v, want 1: only the last of a subject is kept", n, err)
	}
	if _, err := b.Last(ctx, "NONE", item); wire.CodeOf(err) != wire.NotFound {
		t.Errorf("Last() in no stream = %v, want NotFound", err)
	}
}

func TestFollowReadsInOrderAndThenLive(t *testing.T) {
	t.Parallel()
	b := servicetest.Bus(t, servicetest.NATS(t), "recall")
	publishAll(t, b, outgoing(0, 1000))
	publishAll(t, b, []bus.Outgoing{{Subject: wire.SubjectEvent + "purchase", Data: []byte("other")}})
	whole, tail := &log{}, &log{}
	background(t, "Follow", func(ctx context.Context) error {
		return b.Follow(ctx, wire.StreamEvents, view, 0, func(batch []bus.Message) error { whole.add(batch); return nil })
	})
	background(t, "Follow", func(ctx context.Context) error {
		return b.Follow(ctx, wire.StreamEvents, wire.SubjectEvents, 999, func(batch []bus.Message) error { tail.add(batch); return nil })
	})
	whole.has(t, numbers(0, 1000))
	publishAll(t, b, outgoing(1000, 1010))
	whole.has(t, numbers(0, 1010))
	tail.has(t, append([]string{"998", "999", "other"}, numbers(1000, 1010)...))

	wrong := errors.New("enough")
	err := b.Follow(t.Context(), wire.StreamEvents, wire.SubjectEvents, 1, func([]bus.Message) error { return wrong })
	if !errors.Is(err, wrong) {
		t.Errorf("Follow() = %v, want the error of its function", err)
	}
}

func TestReadEndsWithWhatIsThere(t *testing.T) {
	t.Parallel()
	b := servicetest.Bus(t, servicetest.NATS(t), "recall")
	read := &log{}
	f := func(batch []bus.Message) error { read.add(batch); return nil }
	if err := b.Read(t.Context(), wire.StreamCatalog, wire.SubjectItems, f); err != nil {
		t.Errorf("Read() of an empty stream = %v", err)
	}
	var out []bus.Outgoing
	// The first items are put twice: the stream keeps the last message of each.
	for _, n := range append(numbers(0, 300), numbers(0, 10)...) {
		out = append(out, bus.Outgoing{Subject: wire.SubjectItem + n, Data: []byte(n)})
	}
	publishAll(t, b, out)
	if err := b.Read(t.Context(), wire.StreamCatalog, wire.SubjectItems, f); err != nil {
		t.Errorf("Read() = %v", err)
	}
	read.has(t, append(numbers(10, 300), numbers(0, 10)...))
	wrong := errors.New("enough")
	if err := b.Read(t.Context(), wire.StreamCatalog, wire.SubjectItems, func([]bus.Message) error { return wrong }); !errors.Is(err, wrong) {
		t.Errorf("Read() = %v, want the error of its function", err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := b.Read(ended, wire.StreamCatalog, wire.SubjectItems, f); err == nil {
		t.Error("Read() does not tell that its context ended")
	}
}

// TestStreamsSurviveARestart restarts the server under publishers, a follower and a consumer: nothing that was
// acknowledged is lost, and nothing is stored twice.
func TestStreamsSurviveARestart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	srv := servicetest.NATSAt(t, dir, -1)
	port, url := servicetest.Port(t, srv), srv.ClientURL()
	b := servicetest.Connect(t, bus.Options{URL: url, Name: "gateway"})
	reader := servicetest.Connect(t, bus.Options{URL: url, Name: "recall"})
	if err := b.EnsureStreams(t.Context()); err != nil {
		t.Fatal(err)
	}
	followed, consumed := &log{}, &log{}
	background(t, "Follow", func(ctx context.Context) error {
		return reader.Follow(ctx, wire.StreamEvents, wire.SubjectEvents, 1, func(batch []bus.Message) error { followed.add(batch); return nil })
	})
	background(t, "Consume", func(ctx context.Context) error {
		return reader.Consume(ctx, bus.ConsumeOptions{Stream: wire.StreamEvents, Durable: "test", AckWait: time.Second}, func(_ context.Context, batch []bus.Message) []error {
			consumed.add(batch)
			return nil
		})
	})
	publishAll(t, b, outgoing(0, 500))
	followed.has(t, numbers(0, 500))

	published := make(chan struct{})
	go func() {
		defer close(published)
		publishAll(t, b, outgoing(500, 3000))
	}()
	// In the middle of it.
	servicetest.Eventually(t, 10*time.Second, func() error {
		if n := len(followed.snapshot()); n < 600 {
			return fmt.Errorf("%d followed, want 600", n)
		}
		return nil
	})
	srv.Shutdown()
	srv.WaitForShutdown()
	servicetest.NATSAt(t, dir, port)
	<-published
	followed.has(t, numbers(0, 3000))
	for i, seq := range followed.seqs {
		if seq != uint64(i+1) {
			t.Fatalf("message %d has sequence %d, want %d: something was stored twice", i, seq, i+1)
		}
	}
	// Delivery is at least once: every message came, some perhaps twice.
	servicetest.Eventually(t, 40*time.Second, func() error {
		seen := map[string]bool{}
		for _, text := range consumed.snapshot() {
			seen[text] = true
		}
		if len(seen) != 3000 {
			return fmt.Errorf("%d different messages consumed, want 3000", len(seen))
		}
		return nil
	})
}

func TestFollowStartsOverWhenTheStreamIsMadeAnew(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	srv := servicetest.NATSAt(t, dir, -1)
	port := servicetest.Port(t, srv)
	b := servicetest.Connect(t, bus.Options{URL: srv.ClientURL(), Name: "gateway"})
	if err := b.EnsureStreams(t.Context()); err != nil {
		t.Fatal(err)
	}
	followed := &log{}
	background(t, "Follow", func(ctx context.Context) error {
		return b.Follow(ctx, wire.StreamEvents, wire.SubjectEvents, 1, func(batch []bus.Message) error { followed.add(batch); return nil })
	})
	publishAll(t, b, outgoing(0, 10))
	followed.has(t, numbers(0, 10))
	srv.Shutdown()
	srv.WaitForShutdown()
	servicetest.NATSAt(t, t.TempDir(), port) // its disk is gone
	servicetest.Eventually(t, 10*time.Second, func() error { return b.EnsureStreams(t.Context()) })
	publishAll(t, b, outgoing(20, 22))
	followed.has(t, append(numbers(0, 10), numbers(20, 22)...))
}

func TestBuckets(t *testing.T) {
	t.Parallel()
	srv := servicetest.NATS(t)
	bare := servicetest.Connect(t, bus.Options{Server: srv, Name: "early"})
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if _, err := bare.KV(ctx, wire.BucketPlan); wire.CodeOf(err) != wire.NotFound {
		t.Errorf("KV() before it is made = %v, want NotFound", err)
	}
	if _, err := bare.Objects(ctx, wire.BucketModels); wire.CodeOf(err) != wire.NotFound {
		t.Errorf("Objects() before it is made = %v, want NotFound", err)
	}
	b := servicetest.Bus(t, srv, "autoscaler")
	kv, err := b.KV(ctx, wire.BucketPlan)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := kv.PutString(ctx, "replicas", "3"); err != nil {
		t.Fatal(err)
	}
	objects, err := b.Objects(ctx, wire.BucketModels)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := objects.GetBytes(ctx, "none"); !errors.Is(err, jetstream.ErrObjectNotFound) {
		t.Errorf("GetBytes() of nothing = %v, want ErrObjectNotFound", err)
	}
}

func TestListenHearsBroadcasts(t *testing.T) {
	t.Parallel()
	b := servicetest.Connect(t, bus.Options{Server: servicetest.NATS(t), Name: "autoscaler"})
	heard := make(chan string, 16)
	stop := background(t, "Listen", func(ctx context.Context) error {
		return b.Listen(ctx, wire.SubjectVitals, func(subject string, data []byte) { heard <- subject + "=" + string(data) })
	})
	servicetest.Eventually(t, 5*time.Second, func() error {
		if err := b.Broadcast(wire.SubjectVital+"recall.1", []byte("fine")); err != nil {
			return err
		}
		select {
		case got := <-heard:
			if want := wire.SubjectVital + "recall.1=fine"; got != want {
				return fmt.Errorf("heard %q, want %q", got, want)
			}
			return nil
		case <-time.After(50 * time.Millisecond):
			return errors.New("heard nothing")
		}
	})
	stop()
}
