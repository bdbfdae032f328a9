package servicetest

import (
	"context"
	"log/slog"
	"net"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/nats-io/nats.go"

	"github.com/haggle-commerce/haggle/libs/observe"
	"github.com/haggle-commerce/haggle/libs/service"
)

// KitOptions say what a test's kit is made of. The zero value starts servers of its own.
type KitOptions struct {
	// NATS is the server, so that several kits share one; nil starts one.
	NATS nats.InProcessConnProvider
	// Redis is the address of Redis; "" starts one in the process.
	Redis string
	// Clock is time.Now when nil.
	Clock func() time.Time
	// Secrets is a folder of secrets; "" means none.
	Secrets string
}

// Kit makes the kit of a service over real servers: NATS with its streams, and the Redis protocol. The kit logs to the test
// and closes with it. At most one set of options may be given.
func Kit(t testing.TB, name string, options ...KitOptions) service.Kit {
	t.Helper()
	var o KitOptions
	switch len(options) {
	case 0:
	case 1:
		o = options[0]
	default:
		t.Fatalf("Kit was given %d sets of options, want one at most", len(options))
	}
	if o.NATS == nil {
		o.NATS = NATS(t)
	}
	common := service.Common{Redis: o.Redis, Secrets: o.Secrets}
	brought := service.Options{
		Server: o.NATS, Clock: o.Clock,
		// A busy machine with the race detector on is slow, and that is not what tests of services are about.
		ReadTimeout: 2 * time.Second,
		Log:         observe.NewLogger(t.Output(), slog.LevelWarn, observe.Text),
	}
	if o.Redis == "" {
		server := miniredis.RunT(t)
		brought.DialRedis = func(context.Context, string, string) (net.Conn, error) { return server.Dial() }
	}
	house, err := service.Open(t.Context(), common, brought)
	if err != nil {
		t.Fatalf("open a house: %v", err)
	}
	t.Cleanup(func() {
		if err := house.Close(); err != nil {
			t.Errorf("close the house: %v", err)
		}
	})
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	kit, err := house.Kit(ctx, name)
	if err != nil {
		t.Fatalf("make the kit of %s: %v", name, err)
	}
	if err := kit.Bus.EnsureStreams(ctx); err != nil {
		t.Fatalf("make the streams: %v", err)
	}
	return kit
}
