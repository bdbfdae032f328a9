package bus

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

const (
	// followBatch is how many messages a follower gets at most at once, followAhead how many are under way to it.
	followBatch = 256
	followAhead = 1024
	// followBeat is how often the server must say that it is there; after two without, the follower begins anew.
	followBeat = time.Second
	// idleAfter is how long the server keeps the place of a follower that is gone.
	idleAfter = 30 * time.Second
)

// errAnew says that a follower lost its consumer and is to make another.
var errAnew = errors.New("the consumer is lost")

// Follow hands the messages of stream whose subject matches filter to f, in order, from sequence from (0 and 1 are the
// start) and then live, until ctx ends. A batch holds what has come, at most 256; its slice must not be kept. Nothing is
// acknowledged: the caller keeps its place. Follow resumes by itself at the right sequence after the server was away,
// and waits while the stream does not exist yet. An error of f ends it.
//
// When the stream was made anew and ends before the place of the follower, it begins at the start of the new one.
func (b *Bus) Follow(ctx context.Context, stream, filter string, from uint64, f func(batch []Message) error) error {
	w := &follower{bus: b, stream: stream, filter: filter, next: max(from, 1), f: f}
	backoff := firstBackoff
	for {
		began := time.Now()
		err := w.follow(ctx)
		var fault *handlerError
		switch {
		case errors.As(err, &fault):
			return fmt.Errorf("follow %s: %w", stream, fault.err)
		case over(ctx):
			return nil
		case time.Since(began) > 2*followBeat:
			backoff = firstBackoff
		}
		b.log.Debug("follower begins anew", "stream", stream, "next", w.next, "reason", err)
		if b.pause(ctx, backoff) != nil {
			return ended(ctx, "follow", stream)
		}
		backoff = min(2*backoff, maxBackoff)
	}
}

// errRead says that a reader has come to the end.
var errRead = errors.New("all is read")

// Read hands the messages that stream holds now and whose subject matches filter to f, in order, and returns when it has. Messages that
// come meanwhile may be among them. Batches are those of [Bus.Follow], and so is what happens while the server is away. The error is that
// of f, of ctx, or says that the stream could not be found.
func (b *Bus) Read(ctx context.Context, stream, filter string, f func(batch []Message) error) error {
	_, last, left, err := b.StreamInfo(ctx, stream)
	if err != nil || left == 0 {
		return err
	}
	// A message that is replaced by a newer one of its subject is not seen, but the newer one is, behind the last.
	err = b.Follow(ctx, stream, filter, 0, func(batch []Message) error {
		if err := f(batch); err != nil {
			return err
		}
		left -= min(left, uint64(len(batch)))
		if left == 0 || batch[len(batch)-1].Seq >= last {
			return errRead
		}
		return nil
	})
	if errors.Is(err, errRead) {
		return nil
	}
	if err == nil {
		err = ctx.Err()
	}
	return err
}

// ended is what a reader returns when it stopped: nil when its context ended, ErrClosed when the bus was closed.
func ended(ctx context.Context, what, stream string) error {
	if over(ctx) {
		return nil
	}
	return fmt.Errorf("%s %s: %w", what, stream, ErrClosed)
}

// over reports whether the caller wants no more, which is a clean end.
func over(ctx context.Context) bool { return ctx.Err() != nil }

// handlerError is an error of the caller's function.
type handlerError struct{ err error }

func (e *handlerError) Error() string { return e.err.Error() }

// follower is one Follow under way.
type follower struct {
	bus            *Bus
	stream, filter string
	// next is the sequence of the stream to read next.
	next  uint64
	f     func([]Message) error
	batch []Message
}

// follow reads with one consumer until that is lost.
func (w *follower) follow(ctx context.Context) error {
	var consumer jetstream.Consumer
	err := w.bus.Ask(ctx, apiWait, func(ctx context.Context) (err error) {
		consumer, err = w.consumer(ctx)
		return err
	})
	if err != nil {
		return err
	}
	defer w.release(ctx, consumer)
	// The consumer's own numbering starts at 1 and has no gaps: a gap is a message lost on its way.
	expect := uint64(1)
	messages, lost := make(chan jetstream.Msg, followBatch), make(chan error, 1)
	stop := make(chan struct{})
	reading, err := consumer.Consume(func(m jetstream.Msg) {
		select {
		case messages <- m:
		case <-stop:
		}
	}, jetstream.PullMaxMessages(followAhead), jetstream.PullHeartbeat(followBeat), jetstream.PullExpiry(10*followBeat),
		jetstream.ConsumeErrHandler(func(_ jetstream.ConsumeContext, err error) {
			select {
			case lost <- err:
			default:
			}
		}))
	if err != nil {
		return err
	}
	defer func() {
		close(stop)
		reading.Stop()
		<-reading.Closed()
	}()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-w.bus.closing:
			return ErrClosed
		case err := <-lost:
			return fmt.Errorf("%w: %w", errAnew, err)
		case m := <-messages:
			if expect, err = w.take(messages, m, expect); err != nil {
				return err
			}
		}
	}
}

// take hands m and what has come after it to f, and returns the consumer's number that is expected next.
func (w *follower) take(messages <-chan jetstream.Msg, m jetstream.Msg, expect uint64) (uint64, error) {
	var gap error
	w.batch = w.batch[:0]
collect:
	for {
		meta, err := m.Metadata()
		if err != nil {
			return expect, err
		}
		if meta.Sequence.Consumer != expect {
			gap = fmt.Errorf("%w: message %d came instead of %d", errAnew, meta.Sequence.Consumer, expect)
			break
		}
		expect++
		w.batch = append(w.batch, Message{Subject: m.Subject(), Data: m.Data(), Seq: meta.Sequence.Stream, Time: meta.Timestamp, Tries: 1})
		if len(w.batch) == followBatch {
			break
		}
		select {
		case m = <-messages:
		default:
			break collect
		}
	}
	if len(w.batch) > 0 {
		if err := w.f(w.batch); err != nil {
			return expect, &handlerError{err}
		}
		w.bus.counts.followed.Add(uint64(len(w.batch)))
		w.next = w.batch[len(w.batch)-1].Seq + 1
		clear(w.batch) // let go of the data
	}
	return expect, gap
}

// consumer makes a consumer that begins at w.next.
func (w *follower) consumer(ctx context.Context) (jetstream.Consumer, error) {
	stream, err := w.bus.js.Stream(ctx, w.stream)
	if err != nil {
		return nil, err
	}
	if last := stream.CachedInfo().State.LastSeq; last+1 < w.next {
		w.bus.log.Warn("stream was made anew, following it from its start", "stream", w.stream, "last", last, "next", w.next)
		w.next = 1
	}
	return stream.CreateConsumer(ctx, jetstream.ConsumerConfig{
		FilterSubject:     w.filter,
		DeliverPolicy:     jetstream.DeliverByStartSequencePolicy,
		OptStartSeq:       w.next,
		AckPolicy:         jetstream.AckNonePolicy,
		InactiveThreshold: idleAfter,
		MemoryStorage:     true,
		Replicas:          1,
	})
}

// release tells the server that nobody reads there any more. A server that is away forgets by itself.
func (w *follower) release(ctx context.Context, c jetstream.Consumer) {
	err := w.bus.Ask(context.WithoutCancel(ctx), time.Second, func(ctx context.Context) error {
		return w.bus.js.DeleteConsumer(ctx, w.stream, c.CachedInfo().Name)
	})
	if err != nil {
		w.bus.log.Debug("consumer not deleted", "stream", w.stream, "error", err)
	}
}
