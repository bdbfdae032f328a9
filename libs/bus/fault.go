package bus

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/haggle-commerce/haggle/libs/wire"
)

// maxErrorText bounds the text of an error in a header.
const maxErrorText = 1024

// headerText keeps text on one line of a header.
var headerText = strings.NewReplacer("\r", " ", "\n", " ", "\x00", " ")

// outcome returns err as it crosses the wire, the same in this process as between two: a [*wire.Error] keeps its code,
// the end of the context becomes Late, anything else Internal.
func outcome(err error) *wire.Error {
	out := &wire.Error{}
	switch e := (*wire.Error)(nil); {
	case errors.As(err, &e):
		out.Code, out.Field, out.Text = wire.CodeOf(e), e.Field, e.Text
		if out.Code == wire.OK {
			out.Code = wire.Internal
		}
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		out.Code, out.Text = wire.Late, err.Error()
	default:
		out.Code, out.Text = wire.Internal, err.Error()
	}
	out.Text, out.Field = oneLine(out.Text), oneLine(out.Field)
	return out
}

func oneLine(s string) string {
	if len(s) > maxErrorText {
		s = strings.ToValidUTF8(s[:maxErrorText], "")
	}
	return strings.TrimSpace(headerText.Replace(s))
}

// errorHeader writes a failure as headers of a reply.
func errorHeader(e *wire.Error) nats.Header {
	h := nats.Header{wire.HeaderCode: {string(e.Code)}}
	if e.Text != "" {
		h[wire.HeaderError] = []string{e.Text}
	}
	if e.Field != "" {
		h[wire.HeaderField] = []string{e.Field}
	}
	return h
}

// replyError reads what errorHeader wrote; nil means OK.
func replyError(m *nats.Msg) *wire.Error {
	if len(m.Header) == 0 {
		return nil
	}
	code := wire.Code(first(m.Header, wire.HeaderCode))
	if code == "" || code == wire.OK {
		return nil
	}
	e := &wire.Error{Code: code, Field: first(m.Header, wire.HeaderField), Text: first(m.Header, wire.HeaderError)}
	e.Code = wire.CodeOf(e)
	return e
}

// noResponders reports whether m is the server's word that nobody listens.
func noResponders(m *nats.Msg) bool {
	return len(m.Data) == 0 && len(m.Header) != 0 && first(m.Header, "Status") == "503"
}

// first returns the first value of a header without changing the case of its key, which spares an allocation.
func first(h nats.Header, key string) string {
	if v := h[key]; len(v) > 0 {
		return v[0]
	}
	return ""
}

// late is the failure of a call whose context ended, or is about to end, first.
func late(ctx context.Context) error {
	cause := context.Cause(ctx)
	if cause == nil {
		cause = context.DeadlineExceeded
	}
	return fmt.Errorf("%w: %w", &wire.Error{Code: wire.Late, Text: "no answer in time"}, cause)
}

// lateOnArrival is the answer to a request whose deadline passed before the work began.
var lateOnArrival = &wire.Error{Code: wire.Late, Text: "the deadline passed before the work began"}

// overloaded is the answer of an instance without room.
var overloaded = &wire.Error{Code: wire.Overloaded, Text: "the queue is full"}

// streamError gives an error of JetStream the code that callers branch on.
func streamError(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, jetstream.ErrMsgNotFound), errors.Is(err, jetstream.ErrStreamNotFound), errors.Is(err, jetstream.ErrBucketNotFound),
		errors.Is(err, jetstream.ErrKeyNotFound), errors.Is(err, jetstream.ErrObjectNotFound), errors.Is(err, jetstream.ErrConsumerNotFound):
		return fmt.Errorf("%w: %w", &wire.Error{Code: wire.NotFound, Text: "not in JetStream"}, err)
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return fmt.Errorf("%w: %w", &wire.Error{Code: wire.Late, Text: "no answer from JetStream in time"}, err)
	case errors.Is(err, nats.ErrNoResponders), errors.Is(err, jetstream.ErrNoStreamResponse), errors.Is(err, nats.ErrReconnectBufExceeded), errors.Is(err, nats.ErrConnectionClosed):
		return fmt.Errorf("%w: %w", ErrNoServer, err)
	}
	return err
}
