package bus

import (
	"context"

	"github.com/nats-io/nats.go"

	"github.com/haggle-commerce/haggle/libs/observe"
	"github.com/haggle-commerce/haggle/libs/wire"
)

// carryTrace writes the trace of ctx, when there is one, as a header.
func carryTrace(ctx context.Context, h nats.Header) {
	if t, ok := observe.TraceOf(ctx); ok {
		h[wire.HeaderTrace] = []string{t.String()}
	}
}

// takeTrace returns ctx with the trace of a header, when there is one.
func takeTrace(ctx context.Context, h nats.Header) context.Context {
	if text := first(h, wire.HeaderTrace); text != "" {
		if t, ok := observe.ParseTrace(text); ok {
			return observe.WithTrace(ctx, t)
		}
	}
	return ctx
}
