package observe

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"math/rand/v2"
)

// Trace is a W3C trace context (https://www.w3.org/TR/trace-context/, level 1): which request of a shopper a piece of work
// belongs to. The zero value is no trace.
type Trace struct {
	// ID is the same for all work of one request; Span names one piece of it.
	ID   [16]byte
	Span [8]byte
	// Flags has bit 0 set when the caller records the trace.
	Flags byte
}

// traceBytes is the length of a version 00 header: "00-" + 32 + "-" + 16 + "-" + 2.
const traceBytes = 55

// NewTrace begins a trace with random identifiers, which need to be unique but not secret.
func NewTrace() Trace {
	var t Trace
	for t.ID == [16]byte{} {
		binary.BigEndian.PutUint64(t.ID[:8], rand.Uint64())
		binary.BigEndian.PutUint64(t.ID[8:], rand.Uint64())
	}
	return t.Child()
}

// ParseTrace reads a traceparent header. It reports false for one that the specification tells receivers to ignore:
// malformed, in upper case, of version ff, or with a zero identifier.
func ParseTrace(header string) (Trace, bool) {
	var t Trace
	if len(header) < traceBytes || header[2] != '-' || header[35] != '-' || header[52] != '-' {
		return Trace{}, false
	}
	for i := range traceBytes {
		if c := header[i]; c != '-' && (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return Trace{}, false
		}
	}
	var version, flags [1]byte
	for _, part := range [...]struct {
		into []byte
		from int
	}{{version[:], 0}, {t.ID[:], 3}, {t.Span[:], 36}, {flags[:], 53}} {
		if _, err := hex.Decode(part.into, []byte(header[part.from:part.from+2*len(part.into)])); err != nil {
			return Trace{}, false
		}
	}
	// A later version may append fields behind a dash; version 00 may not.
	longer := len(header) > traceBytes
	if version[0] == 0xff || longer && (version[0] == 0 || header[traceBytes] != '-') || t.ID == [16]byte{} || t.Span == [8]byte{} {
		return Trace{}, false
	}
	t.Flags = flags[0]
	return t, true
}

// Child returns a new span of the same trace.
func (t Trace) Child() Trace {
	for binary.BigEndian.PutUint64(t.Span[:], rand.Uint64()); t.Span == [8]byte{}; {
		binary.BigEndian.PutUint64(t.Span[:], rand.Uint64())
	}
	return t
}

// Valid reports whether t is a trace and not the zero value.
func (t Trace) Valid() bool { return t.ID != [16]byte{} && t.Span != [8]byte{} }

// AppendText appends the traceparent header of t to b.
func (t Trace) AppendText(b []byte) ([]byte, error) {
	b = append(b, "00-"...)
	b = hex.AppendEncode(b, t.ID[:])
	b = append(b, '-')
	b = hex.AppendEncode(b, t.Span[:])
	b = append(b, '-')
	return hex.AppendEncode(b, []byte{t.Flags}), nil
}

// String returns the traceparent header of t.
func (t Trace) String() string {
	b, _ := t.AppendText(make([]byte, 0, traceBytes))
	return string(b)
}

type traceKey struct{}

// WithTrace returns a context that carries t.
func WithTrace(ctx context.Context, t Trace) context.Context {
	return context.WithValue(ctx, traceKey{}, t)
}

// TraceOf returns the trace that ctx carries, and false when it carries none.
func TraceOf(ctx context.Context) (Trace, bool) {
	t, ok := ctx.Value(traceKey{}).(Trace)
	return t, ok
}
