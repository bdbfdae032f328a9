package gateway

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// meteredServer answers on measured connections and counts what its requests took beside their handler.
func meteredServer(t *testing.T, handle http.HandlerFunc) (url string, transport *atomic.Int64) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	transport = new(atomic.Int64)
	server := &http.Server{
		ConnContext: remember, ConnState: ended, ReadHeaderTimeout: readHeaderTimeout, IdleTimeout: idleTimeout,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			c := connectionOf(r)
			transport.Add(int64(c.enter()))
			defer c.leave()
			defer c.watch.pause()
			handle(w, r)
		}),
	}
	var served sync.WaitGroup
	served.Go(func() { _ = server.Serve(metered{listener}) })
	t.Cleanup(func() {
		_ = server.Close()
		served.Wait()
	})
	return "http://" + listener.Addr().String(), transport
}

// threads returns how many threads the process has, or skips where nobody tells.
func threads(t *testing.T) int {
	t.Helper()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Skip("SKIPPED: no /proc/self/status on this system")
	}
	for line := range strings.Lines(string(status)) {
		if count, ok := strings.CutPrefix(line, "Threads:"); ok {
			n, err := strconv.Atoi(strings.TrimSpace(count))
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
	}
	t.Fatal("no line Threads in /proc/self/status")
	return 0
}

// TestConnectionsHoldNoThreadWhileTheyWait holds on to the habits of net/http that [connection] rests on: were one of them to
// change, a connection would keep its thread while it waits for the next request.
func TestConnectionsHoldNoThreadWhileTheyWait(t *testing.T) {
	const connections = 200
	url, transport := meteredServer(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		_, _ = w.Write(body)
	})
	before := threads(t)
	kept := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: connections}}
	defer kept.CloseIdleConnections()
	for range 3 {
		var all sync.WaitGroup
		var together sync.WaitGroup
		together.Add(connections)
		for range connections {
			all.Go(func() {
				together.Done()
				together.Wait()
				response, err := kept.Post(url, "text/plain", strings.NewReader("the body"))
				if err != nil {
					t.Error(err)
					return
				}
				defer response.Body.Close()
				if body, _ := io.ReadAll(response.Body); string(body) != "the body" {
					t.Errorf("answer = %q, want the body", body)
				}
			})
		}
		all.Wait()
	}
	if grown := threads(t) - before; grown > connections/4 {
		t.Errorf("%d connections that wait hold %d threads more than before", connections, grown)
	}
	if transport.Load() <= 0 {
		t.Error("reading and answering requests took no CPU time")
	}
}

// TestConnectionMeasuresSlowSenders checks that a body that comes in pieces, an answer that ends the connection and a client
// that goes away are all served.
func TestConnectionMeasuresSlowSenders(t *testing.T) {
	gone := make(chan struct{}, 1)
	url, _ := meteredServer(t, func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			gone <- struct{}{}
			return
		}
		w.Header().Set("Connection", "close")
		_, _ = w.Write(body)
	})
	conn, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for _, piece := range []string{"POST / HTTP/1.1\r\nHost: x\r\n", "Content-Length: 10\r\n\r\n", "01234", "56789"} {
		if _, err := io.WriteString(conn, piece); err != nil {
			t.Fatal(err)
		}
	}
	_ = conn.SetReadDeadline(time.Now().Add(10 * time.Second))
	answer, err := io.ReadAll(conn)
	if err != nil || !strings.HasSuffix(string(answer), "0123456789") {
		t.Errorf("answer = %q, %v, want it to end in the body", answer, err)
	}
	half, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(half, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n01234"); err != nil {
		t.Fatal(err)
	}
	half.Close()
	select {
	case <-gone:
	case <-time.After(10 * time.Second):
		t.Error("the handler was not told that the client went away")
	}
}

// pipes is a listener whose connections are pipes: what is written at once is read at once, as far as there is room.
type pipes chan net.Conn

func (p pipes) Accept() (net.Conn, error) {
	c, ok := <-p
	if !ok {
		return nil, net.ErrClosed
	}
	return c, nil
}

func (p pipes) Close() error {
	close(p)
	return nil
}

func (p pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipe", Net: "unix"} }

// TestConnectionFillsABufferToItsLastByte sends a request whose first line leaves the buffer of net/http room for one more byte: that
// is a read of a single byte that wants to be answered.
func TestConnectionFillsABufferToItsLastByte(t *testing.T) {
	const buffer = 4096
	listener := make(pipes, 1)
	server := &http.Server{
		ConnContext: remember, ConnState: ended, ReadHeaderTimeout: readHeaderTimeout, IdleTimeout: idleTimeout,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			connectionOf(r).enter()
			defer connectionOf(r).leave()
			_, _ = io.WriteString(w, strconv.Itoa(len(r.URL.RawQuery)))
		}),
	}
	var served sync.WaitGroup
	served.Go(func() { _ = server.Serve(metered{listener}) })
	here, there := net.Pipe()
	listener <- there
	defer served.Wait()
	defer server.Close()
	defer here.Close()
	for range 2 {
		line := "GET /?" + strings.Repeat("a", buffer)
		if _, err := io.WriteString(here, line[:buffer-1]); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(here, line[buffer-1:]+" HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		response, err := http.ReadResponse(bufio.NewReader(here), nil)
		if err != nil {
			t.Fatal(err)
		}
		if body, _ := io.ReadAll(response.Body); string(body) != strconv.Itoa(buffer) {
			t.Errorf("the handler saw a query of %s bytes, want %d", body, buffer)
		}
	}
}

// TestStalledLinesHoldNoThread lets many clients stop where the buffer of net/http has room for one more byte. Threads are not given back,
// so their number afterwards is the most there were.
func TestStalledLinesHoldNoThread(t *testing.T) {
	const connections, buffer = 200, 4096
	url, _ := meteredServer(t, func(http.ResponseWriter, *http.Request) {})
	before := threads(t)
	line := "GET /?" + strings.Repeat("a", buffer)
	var all, stalled sync.WaitGroup
	stalled.Add(connections)
	for range connections {
		all.Go(func() {
			conn, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
			if err == nil {
				defer conn.Close()
				_, err = io.WriteString(conn, line[:buffer-1])
			}
			stalled.Done()
			stalled.Wait()
			if err == nil {
				_, err = io.WriteString(conn, line[buffer-1:]+" HTTP/1.1\r\nHost: x\r\n\r\n")
			}
			if err != nil {
				t.Error(err)
				return
			}
			if response, err := http.ReadResponse(bufio.NewReader(conn), nil); err != nil || response.StatusCode != http.StatusOK {
				t.Errorf("answer %v, %v, want 200", response, err)
			}
		})
	}
	all.Wait()
	if grown := threads(t) - before; grown > connections/4 {
		t.Errorf("%d clients that stalled held %d threads more than before", connections, grown)
	}
}
