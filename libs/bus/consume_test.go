package bus_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go"

	"github.com/haggle-commerce/haggle/libs/bus"
	"github.com/haggle-commerce/haggle/libs/servicetest"
	"github.com/haggle-commerce/haggle/libs/wire"
)

func TestConsumeBuriesPoisonAndLetsTheRestFlow(t *testing.T) {
	t.Parallel()
	b := servicetest.Bus(t, servicetest.NATS(t), "feature-store")
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	var mu sync.Mutex
	tries := map[string]int{}
	background(t, "Consume", func(ctx context.Context) error {
		o := bus.ConsumeOptions{Stream: wire.StreamEvents, Durable: "rows", Filter: wire.SubjectEvents, Batch: 16, MaxTries: 3}
		return b.Consume(ctx, o, func(_ context.Context, batch []bus.Message) []error {
			mu.Lock()
			defer mu.Unlock()
			errs := make([]error, len(batch))
			for i, m := range batch {
				text := string(m.Data)
				tries[text]++
				if m.Tries != tries[text] {
					t.Errorf("message %s has Tries %d, want %d", text, m.Tries, tries[text])
				}
				if text == "7" || text == "8" && tries[text] == 1 {
					errs[i] = errors.New("cannot\ndecode " + text)
				}
			}
			return errs
		})
	})
	publishAll(t, b, outgoing(0, 50))
	dead := wire.SubjectDead + wire.StreamEvents + ".rows"
	var grave bus.Message
	servicetest.Eventually(t, 20*time.Second, func() (err error) {
		grave, err = b.Last(ctx, wire.StreamDead, dead)
		return err
	})
	if string(grave.Data) != "7" {
		t.Errorf("the dead-letter stream holds %q, want 7", grave.Data)
	}
	servicetest.Eventually(t, 10*time.Second, func() error {
		mu.Lock()
		defer mu.Unlock()
		want := map[string]int{}
		for _, text := range numbers(0, 50) {
			want[text] = 1
		}
		want["7"], want["8"] = 3, 2
		if diff := cmp.Diff(want, tries); diff != "" {
			return fmt.Errorf("tries differ (-want +got):\n%s", diff)
		}
		return nil
	})
	headers := deadHeaders(t, b, dead)
	for header, want := range map[string]string{wire.HeaderOrigin: view, wire.HeaderTries: "3", wire.HeaderReason: "cannot decode 7"} {
		if got := headers[header]; len(got) != 1 || got[0] != want {
			t.Errorf("dead letter has %s %q, want %q", header, got, want)
		}
	}
}

// deadHeaders returns the headers of the dead letter.
func deadHeaders(t *testing.T, b *bus.Bus, subject string) nats.Header {
	t.Helper()
	js := b.JetStream()
	stream, err := js.Stream(t.Context(), wire.StreamDead)
	if err != nil {
		t.Fatal(err)
	}
	m, err := stream.GetLastMsgForSubject(t.Context(), subject)
	if err != nil {
		t.Fatal(err)
	}
	return m.Header
}

func TestBuryingTwiceStoresOnce(t *testing.T) {
	t.Parallel()
	b := servicetest.Bus(t, servicetest.NATS(t), "feature-store")
	for range 2 {
		m := bus.Message{Subject: view, Data: []byte("x"), Seq: 9}
		if err := b.Bury(t.Context(), wire.StreamEvents, "follower", m, errors.New("no such kind")); err != nil {
			t.Errorf("Bury() = %v, want nil", err)
		}
	}
	if _, _, n, err := b.StreamInfo(t.Context(), wire.StreamDead); n != 1 || err != nil {
		t.Errorf("StreamInfo() counts %d dead letters, %v, want 1", n, err)
	}
	if got := deadHeaders(t, b, wire.SubjectDead+wire.StreamEvents+".follower"); got.Get(wire.HeaderTries) != "1" || got.Get(wire.HeaderOrigin) != view {
		t.Errorf("dead letter has headers %v, want 1 try of %s", got, view)
	}
}

func TestConsumeKeepsABatchThatTakesLong(t *testing.T) {
	t.Parallel()
	b := servicetest.Bus(t, servicetest.NATS(t), "feature-store")
	handled := &log{}
	const ackWait = 600 * time.Millisecond
	for range 2 { // two instances share the messages
		background(t, "Consume", func(ctx context.Context) error {
			o := bus.ConsumeOptions{Stream: wire.StreamEvents, Durable: "slow", AckWait: ackWait, Batch: 4}
			return b.Consume(ctx, o, func(_ context.Context, batch []bus.Message) []error {
				<-time.After(3 * ackWait / 2)
				handled.add(batch)
				return nil
			})
		})
	}
	publishAll(t, b, outgoing(0, 6))
	servicetest.Eventually(t, 10*time.Second, func() error {
		if n := len(handled.snapshot()); n < 6 {
			return fmt.Errorf("%d handled, want 6", n)
		}
		return nil
	})
	<-time.After(ackWait)
	if got := handled.snapshot(); len(got) != 6 {
		t.Errorf("handled %v, want each of 6 once: a batch in work must not be given to another", got)
	}
}

func TestConsumeHandsBackWhenItEnds(t *testing.T) {
	t.Parallel()
	b := servicetest.Bus(t, servicetest.NATS(t), "feature-store")
	publishAll(t, b, outgoing(0, 1))
	o := bus.ConsumeOptions{Stream: wire.StreamEvents, Durable: "ends"}
	ctx, cancel := context.WithCancel(t.Context())
	err := b.Consume(ctx, o, func(_ context.Context, batch []bus.Message) []error {
		cancel()
		return []error{ctx.Err()}
	})
	if err != nil {
		t.Errorf("Consume() = %v, want nil", err)
	}
	again := make(chan int, 1)
	background(t, "Consume", func(ctx context.Context) error {
		return b.Consume(ctx, o, func(_ context.Context, batch []bus.Message) []error {
			again <- batch[0].Tries
			return nil
		})
	})
	select {
	case <-again:
	case <-time.After(10 * time.Second):
		t.Error("the message of the consumer that ended did not come again within 10 s, well under its AckWait")
	}
}

func TestPendingCountsWhatIsNotAcknowledged(t *testing.T) {
	t.Parallel()
	b := servicetest.Bus(t, servicetest.NATS(t), "recall")
	if _, err := b.Pending(t.Context(), wire.StreamEvents, "copy"); err == nil {
		t.Error("Pending of no consumer = nil error")
	}
	publishAll(t, b, outgoing(0, 10))
	release := make(chan struct{})
	background(t, "Consume", func(ctx context.Context) error {
		o := bus.ConsumeOptions{Stream: wire.StreamEvents, Durable: "copy", Batch: 4}
		return b.Consume(ctx, o, func(ctx context.Context, _ []bus.Message) []error {
			select {
			case <-release:
			case <-ctx.Done():
			}
			return nil
		})
	})
	want := func(want uint64) {
		t.Helper()
		servicetest.Eventually(t, 10*time.Second, func() error {
			if got, err := b.Pending(t.Context(), wire.StreamEvents, "copy"); err != nil || got != want {
				return fmt.Errorf("Pending = %d, %w, want %d", got, err, want)
			}
			return nil
		})
	}
	want(10)
	close(release)
	want(0)
}
