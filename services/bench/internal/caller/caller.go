// Package caller sends HTTP requests over connections that it keeps open, at a fraction of the CPU that net/http's own
// transport takes: the load generator must not take the cores from what it measures.
package caller

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"
)

// maxBody is how much of an answer is read; more is an error, since no answer of the API is that long.
const maxBody = 16 << 20

// Request is what is sent.
type Request struct {
	Method, Path string
	// Body is JSON; nil sends none.
	Body []byte
}

// Caller sends requests to one target. Its methods may be called at once.
type Caller struct {
	target *url.URL
	host   string
	key    string
	mu     sync.Mutex
	idle   []*connection
	closed bool
}

type connection struct {
	net.Conn
	reader *bufio.Reader
	used   bool
}

// New returns a caller of target, such as "http://127.0.0.1:8080". key is sent as a bearer token unless it is empty.
func New(target, key string) (*Caller, error) {
	u, err := url.Parse(target)
	if err != nil {
		return nil, fmt.Errorf("parse target: %w", err)
	}
	if u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, fmt.Errorf("target %q is no address such as http://127.0.0.1:8080", target)
	}
	host := u.Host
	if u.Port() == "" {
		host = net.JoinHostPort(u.Hostname(), map[string]string{"http": "80", "https": "443"}[u.Scheme])
	}
	return &Caller{target: u, host: host, key: key}, nil
}

// Close closes the connections that are idle, and lets no other become so.
func (c *Caller) Close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	for _, conn := range c.idle {
		_ = conn.Close()
	}
	c.idle = nil
}

// Do sends r, ends by the context's deadline at the latest and returns the status and the body, which is appended to buffer.
// A connection that the target closed while it was idle is replaced once.
func (c *Caller) Do(ctx context.Context, r Request, buffer []byte) (status int, body []byte, err error) {
	for {
		conn, err := c.connect(ctx)
		if err != nil {
			return 0, buffer, err
		}
		deadline, _ := ctx.Deadline()
		if err := conn.SetDeadline(deadline); err != nil {
			_ = conn.Close()
			return 0, buffer, fmt.Errorf("set deadline: %w", err)
		}
		status, body, keep, err := c.exchange(conn, r, buffer)
		if err == nil {
			c.giveBack(conn, keep)
			return status, body, nil
		}
		_ = conn.Close()
		if stale := conn.used && errors.Is(err, errNoAnswer) && !isTimeout(err); !stale || ctx.Err() != nil {
			return 0, buffer, err
		}
	}
}

// errNoAnswer says that a connection ended before the first byte of an answer.
var errNoAnswer = errors.New("no answer")

// exchange writes r and reads its answer. keep says whether the connection can serve another.
func (c *Caller) exchange(conn *connection, r Request, buffer []byte) (status int, body []byte, keep bool, err error) {
	if _, err := conn.Write(c.head(r)); err != nil {
		return 0, buffer, false, fmt.Errorf("%w: write request: %w", errNoAnswer, err)
	}
	if _, err := conn.reader.Peek(1); err != nil {
		return 0, buffer, false, fmt.Errorf("%w: %w", errNoAnswer, err)
	}
	response, err := http.ReadResponse(conn.reader, nil)
	if err != nil {
		return 0, buffer, false, fmt.Errorf("read answer: %w", err)
	}
	defer response.Body.Close()
	out := bytes.NewBuffer(buffer)
	n, err := io.Copy(out, io.LimitReader(response.Body, maxBody))
	if err != nil {
		return 0, buffer, false, fmt.Errorf("read answer: %w", err)
	}
	if n == maxBody {
		return 0, buffer, false, fmt.Errorf("read answer: over %d bytes", maxBody)
	}
	return response.StatusCode, out.Bytes(), !response.Close, nil
}

// head returns the bytes of r.
func (c *Caller) head(r Request) []byte {
	b := make([]byte, 0, 256+len(r.Body))
	b = fmt.Appendf(b, "%s %s%s HTTP/1.1\r\nHost: %s\r\nUser-Agent: haggle-bench\r\nAccept: application/json\r\n", r.Method, c.target.Path, r.Path, c.target.Host)
	if c.key != "" {
		b = fmt.Appendf(b, "Authorization: Bearer %s\r\n", c.key)
	}
	if r.Body != nil {
		b = fmt.Appendf(b, "Content-Type: application/json\r\nContent-Length: %d\r\n", len(r.Body))
	}
	b = append(b, "\r\n"...)
	return append(b, r.Body...)
}

// connect takes the connection that was used last, so that few are warm rather than many lukewarm, or dials.
func (c *Caller) connect(ctx context.Context) (*connection, error) {
	c.mu.Lock()
	if n := len(c.idle); n > 0 {
		conn := c.idle[n-1]
		c.idle = c.idle[:n-1]
		c.mu.Unlock()
		return conn, nil
	}
	c.mu.Unlock()
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "tcp", c.host)
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	if c.target.Scheme == "https" {
		secure := tls.Client(conn, &tls.Config{ServerName: c.target.Hostname(), MinVersion: tls.VersionTLS12})
		if err := secure.HandshakeContext(ctx); err != nil {
			_ = conn.Close()
			return nil, fmt.Errorf("connect: %w", err)
		}
		conn = secure
	}
	return &connection{Conn: conn, reader: bufio.NewReaderSize(conn, 16<<10)}, nil
}

func (c *Caller) giveBack(conn *connection, keep bool) {
	conn.used = true
	c.mu.Lock()
	defer c.mu.Unlock()
	if !keep || c.closed || conn.reader.Buffered() > 0 {
		_ = conn.Close()
		return
	}
	c.idle = append(c.idle, conn)
}

func isTimeout(err error) bool {
	var timeout interface{ Timeout() bool }
	return errors.As(err, &timeout) && timeout.Timeout()
}

// Get asks for path with a deadline of its own and returns the answer; a status other than 200 is an error.
func (c *Caller) Get(ctx context.Context, path string, wait time.Duration) ([]byte, error) {
	return c.once(ctx, Request{Method: http.MethodGet, Path: path}, wait)
}

// Post sends body to path with a deadline of its own and returns the answer; a status other than 2xx is an error.
func (c *Caller) Post(ctx context.Context, path string, body []byte, wait time.Duration) ([]byte, error) {
	return c.once(ctx, Request{Method: http.MethodPost, Path: path, Body: body}, wait)
}

// StatusError is an answer that was not 2xx.
type StatusError struct {
	Path   string
	Status int
	// Body is the beginning of the answer.
	Body string
}

// Error implements error.
func (e *StatusError) Error() string {
	return fmt.Sprintf("%s answered %d: %s", e.Path, e.Status, e.Body)
}

func (c *Caller) once(ctx context.Context, r Request, wait time.Duration) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	status, body, err := c.Do(ctx, r, nil)
	if err != nil {
		return nil, fmt.Errorf("ask %s: %w", r.Path, err)
	}
	if status < 200 || status > 299 {
		return nil, &StatusError{Path: r.Path, Status: status, Body: string(body[:min(len(body), 300)])}
	}
	return body, nil
}
