// Package servicetest gives tests real servers: NATS with JetStream in the process, Redis, a proxy that breaks connections, and a patient eye.
package servicetest

import (
	"context"
	"net"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/haggle-commerce/haggle/libs/bus"
)

// patience is how long a test waits for a server to start.
const patience = 20 * time.Second

// NATS starts a server with JetStream that ends with the test. Connect to it in the process (it is a
// nats.InProcessConnProvider) or over loopback TCP at its ClientURL.
func NATS(t testing.TB) *server.Server {
	t.Helper()
	return NATSAt(t, t.TempDir(), server.RANDOM_PORT)
}

// NATSAt starts a server that keeps its streams in dir and listens on a port of the loopback interface. A test that shuts
// one down and starts another with the same arguments has restarted it.
func NATSAt(t testing.TB, dir string, port int) *server.Server {
	t.Helper()
	srv, err := server.NewServer(&server.Options{
		ServerName: "test", Host: "127.0.0.1", Port: port,
		JetStream: true, StoreDir: dir, NoLog: true, NoSigs: true,
	})
	if err != nil {
		t.Fatalf("make a NATS server: %v", err)
	}
	srv.Start()
	t.Cleanup(func() {
		srv.Shutdown()
		srv.WaitForShutdown()
	})
	if !srv.ReadyForConnections(patience) {
		t.Fatalf("the NATS server was not ready within %v", patience)
	}
	return srv
}

// Port returns the port on which srv listens.
func Port(t testing.TB, srv *server.Server) int {
	t.Helper()
	at, ok := srv.Addr().(*net.TCPAddr)
	if !ok {
		t.Fatalf("the NATS server listens on %v, want a TCP address", srv.Addr())
	}
	return at.Port
}

// Bus connects to srv in the process as service name, makes sure of the streams, and closes with the test.
func Bus(t testing.TB, srv *server.Server, name string) *bus.Bus {
	t.Helper()
	b := Connect(t, bus.Options{Server: srv, Name: name})
	if err := b.EnsureStreams(t.Context()); err != nil {
		t.Fatalf("make the streams: %v", err)
	}
	return b
}

// Connect connects as o says and closes with the test.
func Connect(t testing.TB, o bus.Options) *bus.Bus {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	b, err := bus.Connect(ctx, o)
	if err != nil {
		t.Fatalf("connect to NATS: %v", err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Errorf("close the bus: %v", err)
		}
	})
	return b
}
