package caller

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// serve starts a target that counts the connections it is sent.
func serve(t *testing.T, h http.HandlerFunc) (*Caller, *atomic.Int64) {
	t.Helper()
	c, connections, _ := serveAndClose(t, h)
	return c, connections
}

// serveAndClose also returns how to hang up on every caller.
func serveAndClose(t *testing.T, h http.HandlerFunc) (c *Caller, connections *atomic.Int64, hangUp func()) {
	t.Helper()
	connections = new(atomic.Int64)
	server := httptest.NewUnstartedServer(h)
	server.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			connections.Add(1)
		}
	}
	server.Start()
	t.Cleanup(server.Close)
	c, err := New(server.URL+"/base", "secret")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c, connections, server.CloseClientConnections
}

func TestDo(t *testing.T) {
	c, connections := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		if r.URL.Path == "/base/chunked" {
			w.(http.Flusher).Flush() // no length is known: the answer is sent in chunks
		}
		fmt.Fprintf(w, "%s %s %s %s", r.Method, r.URL, r.Header.Get("Authorization"), body)
	})
	for _, r := range []struct {
		Request
		want string
	}{
		{Request{Method: "POST", Path: "/v1/search", Body: []byte(`{"query":"x"}`)}, `POST /base/v1/search Bearer secret {"query":"x"}`},
		{Request{Method: "GET", Path: "/v1/autocomplete?q=a+b"}, "GET /base/v1/autocomplete?q=a+b Bearer secret "},
		{Request{Method: "POST", Path: "/chunked", Body: []byte("1")}, "POST /base/chunked Bearer secret 1"},
		{Request{Method: "POST", Path: "/empty", Body: []byte{}}, "POST /base/empty Bearer secret "},
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		status, body, err := c.Do(ctx, r.Request, []byte("before "))
		cancel()
		if err != nil || status != 200 || string(body) != "before "+r.want {
			t.Errorf("Do(%s %s) = %d %q %v, want %q", r.Method, r.Path, status, body, err, r.want)
		}
	}
	if got := connections.Load(); got != 1 {
		t.Errorf("%d connections were made, want one that is kept", got)
	}
}

func TestDoReplacesAStaleConnection(t *testing.T) {
	c, connections, hangUp := serveAndClose(t, func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "fine") })
	for round := range 3 {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		_, body, err := c.Do(ctx, Request{Method: "GET", Path: "/"}, nil)
		cancel()
		if err != nil || string(body) != "fine" {
			t.Fatalf("round %d: %q, %v", round, body, err)
		}
		hangUp()
	}
	if got := connections.Load(); got != 3 {
		t.Errorf("%d connections were made, want 3", got)
	}
}

func TestDoHonoursConnectionClose(t *testing.T) {
	c, connections := serve(t, func(w http.ResponseWriter, r *http.Request) { w.Header().Set("Connection", "close") })
	for range 2 {
		if _, err := c.Get(t.Context(), "/", 5*time.Second); err != nil {
			t.Fatal(err)
		}
	}
	if got := connections.Load(); got != 2 {
		t.Errorf("%d connections were made, want 2", got)
	}
}

func TestDoEndsAtItsDeadline(t *testing.T) {
	release := make(chan struct{})
	c, _ := serve(t, func(w http.ResponseWriter, r *http.Request) { <-release })
	defer close(release)
	begin := time.Now()
	_, err := c.Get(t.Context(), "/", 30*time.Millisecond)
	if took := time.Since(begin); err == nil || !isTimeout(err) || took > 2*time.Second {
		t.Errorf("Get of a silent target = %v after %v, want a timeout after 30 ms", err, took)
	}
}

func TestErrors(t *testing.T) {
	c, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusTeapot)
		fmt.Fprint(w, strings.Repeat("no coffee ", 100))
	})
	_, err := c.Post(t.Context(), "/v1/search", []byte("{}"), 5*time.Second)
	status := (*StatusError)(nil)
	if !errors.As(err, &status) || status.Status != 418 || !strings.Contains(err.Error(), "no coffee") || len(err.Error()) > 400 {
		t.Errorf("Post to a teapot = %v", err)
	}
	for _, target := range []string{"", "127.0.0.1:8080", "ftp://x", "http://", "http://[::1"} {
		if _, err := New(target, ""); err == nil {
			t.Errorf("New(%q) gives no error", target)
		}
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	gone, err := New("http://"+address, "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := gone.Get(t.Context(), "/healthz", time.Second); err == nil || !strings.Contains(err.Error(), "connect") {
		t.Errorf("Get of a target that is gone = %v, want a refused connection", err)
	}
}

func TestTLS(t *testing.T) {
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {}))
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	defer server.Close()
	c, err := New(server.URL, "")
	if err != nil {
		t.Fatal(err)
	}
	// The test server's certificate is signed by nobody we know: what matters is that it is checked.
	if _, err := c.Get(t.Context(), "/", time.Second); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("Get over TLS with an unknown certificate = %v, want a refusal", err)
	}
}

func TestAtOnce(t *testing.T) {
	c, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		_, _ = w.Write(bytes.Repeat(body, 1000))
	})
	var group sync.WaitGroup
	for worker := range 16 {
		group.Go(func() {
			for i := range 20 {
				sent := fmt.Appendf(nil, "[%d,%d]", worker, i)
				body, err := c.Post(t.Context(), "/", sent, 10*time.Second)
				if err != nil || !bytes.Equal(body, bytes.Repeat(sent, 1000)) {
					t.Errorf("worker %d got another's answer or %v", worker, err)
				}
			}
		})
	}
	group.Wait()
}

func BenchmarkDo(b *testing.B) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write(make([]byte, 8<<10))
	}))
	defer server.Close()
	c, err := New(server.URL, "")
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	buffer := make([]byte, 0, 16<<10)
	ctx, cancel := context.WithTimeout(b.Context(), time.Minute)
	defer cancel()
	b.ReportAllocs()
	for b.Loop() {
		if _, buffer, err = c.Do(ctx, Request{Method: "POST", Path: "/v1/search", Body: []byte(`{"query":"jacket"}`)}, buffer[:0]); err != nil {
			b.Fatal(err)
		}
	}
}
