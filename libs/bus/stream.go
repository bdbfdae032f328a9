package bus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/haggle-commerce/haggle/libs/wire"
)

// Message is one message of a stream.
type Message struct {
	Subject string
	Data    []byte
	// Seq is its place in the stream, from 1.
	Seq  uint64
	Time time.Time
	// Tries counts how often it was delivered to this consumer, from 1.
	Tries int
}

// Outgoing is a message to publish. ID may be empty.
type Outgoing struct {
	Subject string
	ID      string
	Data    []byte
}

const (
	// eventsAge is how long events are kept: a year and the weeks that a season needs to be compared with the last.
	eventsAge = 400 * 24 * time.Hour
	// duplicateWindow is how long the server remembers the id of a message.
	duplicateWindow = 2 * time.Minute
	deadAge         = 90 * 24 * time.Hour
	planHistory     = 16

	// ackWait bounds one attempt to publish; a leader election took 4.3 to 7.0 s when measured, over several attempts.
	ackWait = 2 * time.Second
	// maxPublishing is how many messages of a batch wait for their acknowledgement at once.
	maxPublishing = 256
	firstBackoff  = 20 * time.Millisecond
	maxBackoff    = 500 * time.Millisecond
	// apiWait bounds one question to JetStream, streamsWait the making of all streams.
	apiWait     = 5 * time.Second
	streamsWait = 30 * time.Second
)

// EnsureStreams creates or updates the streams and buckets. It is idempotent.
func (b *Bus) EnsureStreams(ctx context.Context) error {
	return b.Ask(ctx, streamsWait, b.ensureStreams)
}

func (b *Bus) ensureStreams(ctx context.Context) error {
	for _, c := range []jetstream.StreamConfig{
		{Name: wire.StreamEvents, Subjects: []string{wire.SubjectEvents}, MaxAge: eventsAge},
		{Name: wire.StreamCatalog, Subjects: []string{wire.SubjectItems}, MaxMsgsPerSubject: 1},
		{Name: wire.StreamDead, Subjects: []string{wire.SubjectDeads}, MaxAge: deadAge},
	} {
		c.Storage, c.Discard, c.Duplicates, c.AllowDirect = jetstream.FileStorage, jetstream.DiscardOld, duplicateWindow, true
		if _, err := b.js.CreateOrUpdateStream(ctx, c); err != nil {
			return fmt.Errorf("ensure stream %s: %w", c.Name, err)
		}
	}
	for bucket, history := range map[string]uint8{wire.BucketModels: 1, wire.BucketPlan: planHistory} {
		if _, err := b.js.CreateOrUpdateKeyValue(ctx, jetstream.KeyValueConfig{Bucket: bucket, History: history, Storage: jetstream.FileStorage}); err != nil {
			return fmt.Errorf("ensure bucket %s: %w", bucket, err)
		}
	}
	for _, bucket := range []string{wire.BucketModels, wire.BucketSnapshots} {
		if _, err := b.js.CreateOrUpdateObjectStore(ctx, jetstream.ObjectStoreConfig{Bucket: bucket, Storage: jetstream.FileStorage}); err != nil {
			return fmt.Errorf("ensure object store %s: %w", bucket, err)
		}
	}
	return nil
}

// Ask runs f, which asks JetStream something, for at most wait and only while the connection lasts: nats.go would go on
// waiting for an answer that was lost with it. It gives the error of f a code where that has none.
func (b *Bus) Ask(ctx context.Context, wait time.Duration, f func(context.Context) error) error {
	l := b.link.now.Load()
	if !l.isUp.Load() {
		return ErrNoServer
	}
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	ctx, stop := context.WithCancelCause(ctx)
	var watcher sync.WaitGroup
	watcher.Go(func() {
		select {
		case <-ctx.Done():
		case <-l.down:
			stop(ErrNoServer)
		}
	})
	err := f(ctx)
	stop(nil)
	watcher.Wait()
	if err != nil && errors.Is(context.Cause(ctx), ErrNoServer) {
		return fmt.Errorf("%w: %w", ErrNoServer, err)
	}
	return streamError(err)
}

// Publish stores data in the stream of subject and returns its sequence once the server has acknowledged it. A non-empty
// id makes it idempotent for two minutes: while the server or the leader of the stream is away, Publish tries again
// with the same id until ctx ends. Without an id, such a retry may store the message twice.
func (b *Bus) Publish(ctx context.Context, subject, id string, data []byte) (uint64, error) {
	m := Outgoing{Subject: subject, ID: id, Data: data}
	for backoff := firstBackoff; ; backoff = min(2*backoff, maxBackoff) {
		seq, again, err := b.publishOnce(ctx, &m)
		if err == nil {
			b.counts.published.Add(1)
			return seq, nil
		}
		if !again {
			return 0, fmt.Errorf("publish to %s: %w", subject, err)
		}
		b.counts.publishRetries.Add(1)
		if wait := b.pause(ctx, backoff); wait != nil {
			return 0, fmt.Errorf("publish to %s: %w (%w)", subject, late(ctx), err)
		}
	}
}

// PublishBatch publishes ms many at a time, each as [Bus.Publish] does; they are stored in order as long as none has to
// be tried again. The error at i is that of ms[i].
func (b *Bus) PublishBatch(ctx context.Context, ms []Outgoing) []error {
	errs := make([]error, len(ms))
	for begin := 0; begin < len(ms); begin += maxPublishing {
		chunk := ms[begin:min(begin+maxPublishing, len(ms))]
		waits := make([]*publishing, len(chunk))
		for i := range chunk {
			waits[i] = b.startPublish(&chunk[i])
		}
		for i := range chunk {
			_, again, err := waits[i].finish(ctx)
			if err == nil {
				b.counts.published.Add(1)
				continue
			}
			if again {
				b.counts.publishRetries.Add(1)
				_, err = b.Publish(ctx, chunk[i].Subject, chunk[i].ID, chunk[i].Data)
			}
			errs[begin+i] = err
		}
	}
	return errs
}

// publishing is a publish whose acknowledgement is awaited.
type publishing struct {
	bus  *Bus
	wait *wait // nil when err is set
	down <-chan struct{}
	err  error
}

func (b *Bus) publishOnce(ctx context.Context, m *Outgoing) (seq uint64, again bool, err error) {
	return b.startPublish(m).finish(ctx)
}

func (b *Bus) startPublish(m *Outgoing) *publishing {
	l := b.link.now.Load()
	p := &publishing{bus: b, down: l.down}
	if !l.isUp.Load() {
		p.err = ErrNoServer
		return p
	}
	out := &nats.Msg{Subject: m.Subject, Data: m.Data}
	if m.ID != "" {
		out.Header = nats.Header{jetstream.MsgIDHeader: {m.ID}}
	}
	p.wait, out.Reply = b.replies.open()
	if err := b.nc.PublishMsg(out); err != nil {
		b.replies.close(p.wait)
		p.wait, p.err = nil, sendError(err)
	}
	return p
}

// finish waits for the acknowledgement; again says that another attempt may do better.
func (p *publishing) finish(ctx context.Context) (seq uint64, again bool, err error) {
	if p.wait == nil {
		return 0, wire.CodeOf(p.err) != wire.Invalid, p.err
	}
	patience := time.NewTimer(ackWait)
	defer patience.Stop()
	var m *nats.Msg
	select {
	case m = <-p.wait.reply:
	case <-ctx.Done():
		err = late(ctx)
	case <-p.down:
		again, err = true, ErrNoServer
	case <-patience.C:
		again, err = true, &wire.Error{Code: wire.Late, Text: "the stream did not acknowledge in time"}
	}
	if last := p.bus.replies.close(p.wait); last != nil {
		m = last
	}
	if m == nil {
		return 0, again, err
	}
	if noResponders(m) {
		return 0, true, fmt.Errorf("%w: no stream takes the subject now", ErrNoServer)
	}
	return readAck(m.Data)
}

// readAck reads the server's answer to a publish.
func readAck(data []byte) (seq uint64, again bool, err error) {
	var ack struct {
		jetstream.PubAck
		Error *jetstream.APIError `json:"error"`
	}
	switch err := json.Unmarshal(data, &ack); {
	case err != nil:
		return 0, false, fmt.Errorf("decode acknowledgement: %w", err)
	case ack.Error != nil:
		// 5xx is the state of the server, which may pass; 4xx is the fault of the message.
		return 0, ack.Error.Code >= 500, streamError(ack.Error)
	case ack.Stream == "":
		return 0, false, errors.New("decode acknowledgement: no stream in it; does a service answer on this subject?")
	}
	return ack.Sequence, false, nil
}

// pause waits for d, or until the bus is connected again when it is not, and returns an error when ctx ends or the bus closes.
func (b *Bus) pause(ctx context.Context, d time.Duration) error {
	l := b.link.now.Load()
	var timer <-chan time.Time
	up := l.up
	if l.isUp.Load() {
		up = nil
		t := time.NewTimer(d)
		defer t.Stop()
		timer = t.C
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-b.closing:
		return ErrClosed
	case <-up:
	case <-timer:
	}
	return nil
}

// Last returns the last message of a subject; its failure wraps NotFound when there is none.
func (b *Bus) Last(ctx context.Context, stream, subject string) (Message, error) {
	var m *jetstream.RawStreamMsg
	err := b.Ask(ctx, apiWait, func(ctx context.Context) error {
		s, err := b.stream(ctx, stream)
		if err == nil {
			m, err = s.GetLastMsgForSubject(ctx, subject)
		}
		return err
	})
	if err != nil {
		return Message{}, fmt.Errorf("read the last of %s: %w", subject, err)
	}
	return Message{Subject: m.Subject, Data: m.Data, Seq: m.Sequence, Time: m.Time, Tries: 1}, nil
}

// StreamInfo returns the first and last sequence of a stream and how many messages it holds.
func (b *Bus) StreamInfo(ctx context.Context, stream string) (first, last, messages uint64, err error) {
	err = b.Ask(ctx, apiWait, func(ctx context.Context) error {
		s, err := b.stream(ctx, stream)
		if err != nil {
			return err
		}
		info, err := s.Info(ctx)
		if err == nil {
			first, last, messages = info.State.FirstSeq, info.State.LastSeq, info.State.Msgs
		}
		return err
	})
	if err != nil {
		err = fmt.Errorf("read the state of stream %s: %w", stream, err)
	}
	return first, last, messages, err
}

// StreamCreated returns when a stream was made: the sequences of another one of the same name mean nothing in it.
func (b *Bus) StreamCreated(ctx context.Context, stream string) (created time.Time, err error) {
	err = b.Ask(ctx, apiWait, func(ctx context.Context) error {
		s, err := b.js.Stream(ctx, stream)
		if err == nil {
			created = s.CachedInfo().Created
		}
		return err
	})
	if err != nil {
		err = fmt.Errorf("read when stream %s was made: %w", stream, err)
	}
	return created, err
}

// stream returns the handle of a stream, which is kept.
func (b *Bus) stream(ctx context.Context, name string) (jetstream.Stream, error) {
	b.mu.Lock()
	s := b.streams[name]
	b.mu.Unlock()
	if s != nil {
		return s, nil
	}
	s, err := b.js.Stream(ctx, name)
	if err != nil {
		return nil, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.streams[name] = s
	return s, nil
}
