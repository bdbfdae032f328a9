package bus

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go"
)

// Broadcast sends data to whoever listens now. It is lossy, and fails with [ErrNoServer] while the bus is not connected.
func (b *Bus) Broadcast(subject string, data []byte) error {
	if !b.Connected() {
		return fmt.Errorf("broadcast %s: %w", subject, ErrNoServer)
	}
	if err := b.nc.Publish(subject, data); err != nil {
		return fmt.Errorf("broadcast %s: %w", subject, sendError(err))
	}
	return nil
}

// Listen hands what is broadcast on subject, which may hold wildcards, to f, one message after the other, until ctx ends.
func (b *Bus) Listen(ctx context.Context, subject string, f func(subject string, data []byte)) error {
	sub, err := b.nc.Subscribe(subject, func(m *nats.Msg) { f(m.Subject, m.Data) })
	if err != nil {
		return fmt.Errorf("listen to %s: %w", subject, sendError(err))
	}
	ended := make(chan struct{})
	sub.SetClosedHandler(func(string) { close(ended) })
	select {
	case <-ctx.Done():
	case <-b.closing:
	}
	if err := sub.Unsubscribe(); err == nil {
		<-ended // so that f is not called after the return
	} else if !errors.Is(err, nats.ErrConnectionClosed) && !errors.Is(err, nats.ErrBadSubscription) {
		return fmt.Errorf("listen to %s: %w", subject, err)
	}
	return nil
}
