package bus

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// ConsumeOptions say what to consume.
type ConsumeOptions struct {
	Stream string
	// Durable names the consumer; those that share it share its messages.
	Durable string
	// Filter selects subjects; empty means all.
	Filter string
	// Batch is how many messages are handled at once at most; 0 means 256.
	Batch int
	// MaxTries is how often a message is tried before it goes to the dead-letter stream; 0 means 5.
	MaxTries int
	// AckWait is after how long without a sign of life a message is delivered again; 0 means 5 s. It may be short, since
	// Consume gives that sign while f works.
	AckWait time.Duration
}

const (
	defaultBatch    = 256
	defaultTries    = 5
	defaultAckWait  = 5 * time.Second
	consumePoll     = 2 * time.Second
	firstRedelivery = 100 * time.Millisecond
	maxRedelivery   = 30 * time.Second
)

// Consume hands the messages of a durable consumer to f until ctx ends, each at least once. The error at i, which may be
// left out at the end, says how messages i of the batch went: nil acknowledges it, another error has it delivered
// again after a pause that grows, and after MaxTries moves it to the dead-letter stream; the others flow on meanwhile.
// A message that was delivered more often than that, because every try ended the process, goes there unseen.
//
// While f runs, the server is kept from giving the batch to others. A batch must not be kept.
func (b *Bus) Consume(ctx context.Context, o ConsumeOptions, f func(ctx context.Context, batch []Message) []error) error {
	if o.Batch <= 0 {
		o.Batch = defaultBatch
	}
	if o.MaxTries <= 0 {
		o.MaxTries = defaultTries
	}
	if o.AckWait <= 0 {
		o.AckWait = defaultAckWait
	}
	c := &consumption{bus: b, options: o, f: f}
	backoff := firstBackoff
	for {
		began := time.Now()
		err := c.consume(ctx)
		if over(ctx) {
			return nil
		}
		if time.Since(began) > consumePoll {
			backoff = firstBackoff
		}
		b.log.Debug("consumer begins anew", "stream", o.Stream, "durable", o.Durable, "reason", err)
		if b.pause(ctx, backoff) != nil {
			return ended(ctx, "consume", o.Stream)
		}
		backoff = min(2*backoff, maxBackoff)
	}
}

// Pending returns how many messages a durable consumer has not acknowledged yet.
func (b *Bus) Pending(ctx context.Context, stream, durable string) (waiting uint64, err error) {
	err = b.Ask(ctx, apiWait, func(ctx context.Context) error {
		consumer, err := b.js.Consumer(ctx, stream, durable)
		if err == nil {
			info := consumer.CachedInfo() // just fetched
			waiting = info.NumPending + uint64(info.NumAckPending)
		}
		return err
	})
	if err != nil {
		err = fmt.Errorf("read what %s has pending: %w", durable, err)
	}
	return waiting, err
}

// consumption is one Consume under way.
type consumption struct {
	bus     *Bus
	options ConsumeOptions
	f       func(context.Context, []Message) []error
	raw     []jetstream.Msg
	batch   []Message
	// full says that the last fetch brought all it asked for, so that there is probably more.
	full bool
}

// consume opens the consumer and works until that fails or ctx ends.
func (c *consumption) consume(ctx context.Context) error {
	var consumer jetstream.Consumer
	err := c.bus.Ask(ctx, apiWait, func(ctx context.Context) (err error) {
		consumer, err = c.open(ctx)
		return err
	})
	if err != nil {
		return err
	}
	for ctx.Err() == nil {
		if err := c.fetch(ctx, consumer); err != nil {
			return err
		}
		if len(c.raw) == 0 {
			select {
			case <-c.bus.closing:
				return ErrClosed
			default:
				continue
			}
		}
		if err := c.handle(ctx); err != nil {
			return err
		}
	}
	return ctx.Err()
}

func (c *consumption) open(ctx context.Context) (jetstream.Consumer, error) {
	return c.bus.js.CreateOrUpdateConsumer(ctx, c.options.Stream, jetstream.ConsumerConfig{
		Durable:       c.options.Durable,
		FilterSubject: c.options.Filter,
		DeliverPolicy: jetstream.DeliverAllPolicy,
		AckPolicy:     jetstream.AckExplicitPolicy,
		AckWait:       c.options.AckWait,
		MaxDeliver:    -1, // the tries are counted here, so that a message that is given up is kept
		MaxAckPending: 4 * c.options.Batch,
	})
}

// fetch fills c.raw with what is there, or waits for one message for a while. It never has messages under way while f
// works, so that none is delivered anew for having waited here.
func (c *consumption) fetch(ctx context.Context, consumer jetstream.Consumer) error {
	clear(c.raw)
	c.raw = c.raw[:0]
	l := c.bus.link.now.Load()
	if !c.full {
		// There may be nothing: wait for the first.
		waiting, cancel := context.WithTimeout(ctx, consumePoll)
		defer cancel()
		batch, err := consumer.Fetch(1, jetstream.FetchContext(waiting), jetstream.FetchHeartbeat(consumePoll/4))
		if err == nil {
			err = c.collect(batch, l, cancel)
		}
		if len(c.raw) == 0 {
			return err
		}
	}
	c.full = false
	if room := c.options.Batch - len(c.raw); room > 0 {
		batch, err := consumer.FetchNoWait(room)
		if err == nil {
			err = c.collect(batch, l, func() {})
		}
		if len(c.raw) == 0 {
			return err
		}
	}
	c.full = len(c.raw) == c.options.Batch
	return nil
}

// collect takes the messages of a fetch until it ends, which cancel hastens: when the connection is lost, what has come
// is handled though its acknowledgement may be lost, and the rest is delivered again.
func (c *consumption) collect(batch jetstream.MessageBatch, l *link, cancel func()) error {
	closing, down := c.bus.closing, l.down
	var cut error
	for {
		select {
		case m, ok := <-batch.Messages():
			if !ok {
				return errors.Join(cut, batch.Error())
			}
			c.raw = append(c.raw, m)
		case <-closing:
			cut, closing = ErrClosed, nil
			cancel()
		case <-down:
			cut, down = ErrNoServer, nil
			cancel()
		}
	}
}

// handle hands the batch to f and settles each message.
func (c *consumption) handle(ctx context.Context) error {
	if over(ctx) {
		// Another consumer gets them at once.
		for _, m := range c.raw {
			_ = m.Nak()
		}
		return ctx.Err()
	}
	c.batch = c.batch[:0]
	kept := c.raw[:0]
	for _, m := range c.raw {
		meta, err := m.Metadata()
		if err != nil {
			return fmt.Errorf("read where a message stands: %w", err)
		}
		msg := Message{Subject: m.Subject(), Data: m.Data(), Seq: meta.Sequence.Stream, Time: meta.Timestamp, Tries: int(meta.NumDelivered)}
		if msg.Tries > c.options.MaxTries {
			c.bury(ctx, m, &msg, errors.New("it was never settled: the consumer ended or hung on every try"))
			continue
		}
		kept = append(kept, m)
		c.batch = append(c.batch, msg)
	}
	if len(c.batch) > 0 {
		errs := c.work(ctx, kept)
		for i, m := range kept {
			var err error
			if i < len(errs) {
				err = errs[i]
			}
			c.settle(ctx, m, &c.batch[i], err)
		}
		clear(c.batch)
	}
	return nil
}

// work runs f and tells the server meanwhile that the messages are in work.
func (c *consumption) work(ctx context.Context, ms []jetstream.Msg) []error {
	done, silent := make(chan struct{}), make(chan struct{})
	every := c.options.AckWait / 3
	timer := time.AfterFunc(every, func() {
		defer close(silent)
		tick := time.NewTicker(every)
		defer tick.Stop()
		for {
			for _, m := range ms {
				_ = m.InProgress()
			}
			select {
			case <-done:
				return
			case <-tick.C:
			}
		}
	})
	errs := c.f(ctx, c.batch)
	close(done)
	if !timer.Stop() {
		<-silent
	}
	return errs
}

// settle acknowledges a message, has it delivered again, or gives it up.
func (c *consumption) settle(ctx context.Context, m jetstream.Msg, msg *Message, fault error) {
	var err error
	switch {
	case fault == nil:
		if err = m.Ack(); err == nil {
			c.bus.counts.consumed.Add(1)
		}
	case ctx.Err() != nil:
		// The end of the consumer is no fault of the message.
		err = m.Nak()
	case msg.Tries >= c.options.MaxTries:
		c.bury(ctx, m, msg, fault)
	default:
		err = m.NakWithDelay(redelivery(msg.Tries))
	}
	if err != nil {
		// It will be delivered again.
		c.bus.log.Debug("message not settled", "stream", c.options.Stream, "seq", msg.Seq, "error", err)
	}
}

// redelivery is the pause after try number tries: 100 ms, 400 ms, 1.6 s, 6.4 s and so on.
func redelivery(tries int) time.Duration {
	return min(firstRedelivery<<(2*min(tries-1, 8)), maxRedelivery)
}

// bury moves a message to the dead-letter stream. When that fails the message is delivered again.
func (c *consumption) bury(ctx context.Context, m jetstream.Msg, msg *Message, reason error) {
	o := c.options
	if err := c.bus.Bury(ctx, o.Stream, o.Durable, *msg, reason); err != nil {
		c.bus.log.Warn("message not moved to the dead-letter stream", "stream", o.Stream, "seq", msg.Seq, "error", err)
		_ = m.NakWithDelay(maxBackoff)
		return
	}
	c.bus.log.Warn("message moved to the dead-letter stream", "stream", o.Stream, "subject", msg.Subject, "seq", msg.Seq, "tries", msg.Tries, "reason", reason)
	if err := m.TermWithReason("moved to the dead-letter stream"); err != nil {
		c.bus.log.Debug("message not settled", "stream", o.Stream, "seq", msg.Seq, "error", err)
	}
}
