package gateway

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"runtime/debug"
	"strconv"
	"time"

	"github.com/haggle-commerce/haggle/libs/cost"
	"github.com/haggle-commerce/haggle/libs/service"
	"github.com/haggle-commerce/haggle/services/gateway/internal/keyring"
	"github.com/haggle-commerce/haggle/services/gateway/internal/problem"
	"github.com/haggle-commerce/haggle/services/gateway/internal/strict"
	"github.com/haggle-commerce/haggle/services/gateway/internal/token"
)

// Limits on bodies.
const (
	maxQueryBody  = 64 << 10
	maxEventsBody = 2 << 20
	maxItemBody   = 256 << 10
	maxImportBody = 64 << 20
	maxImportLine = 256 << 10
	maxLines      = 100_000
	// keepBuffer is up to what size the memory of an exchange is kept for the next.
	keepBuffer = 256 << 10
)

// exchange is one request and its answer. It is the ResponseWriter that handlers get, so that it needs no place in a context.
type exchange struct {
	http.ResponseWriter
	gate  *gateway
	ID    token.ID
	id    string
	begin time.Time
	keys  *keys
	scope keyring.Scope
	// body is the whole body, unless the endpoint reads it as a stream.
	body   []byte
	reader strict.Reader
	// watch is that of the connection, or own where nothing is measured.
	watch *stopwatch
	own   stopwatch
	conn  *connection
	// transport is the CPU time that bringing the request here took.
	transport time.Duration
	buf       []byte
	status    int
	cheap     bool
	answer    *reply
	memory    *work
}

// stopwatch adds up the CPU time of the goroutine that carries a request through the gateway, without the time in which it
// waits. The zero value is off and counts nothing.
type stopwatch struct {
	on    bool
	clock cost.Clock
	// booked is how much of the clock's CPU time is on somebody's bill. What was estimated too high or too low when it was
	// booked is mended with the next piece of work on the same connection.
	booked time.Duration
	// used0 and given0 are what the clock said when the query began.
	used0, given0 time.Duration
}

// resume goes on measuring. Between resume and pause the goroutine is bound to its thread, and must not wait.
func (w *stopwatch) resume() {
	if w.on {
		w.clock.Run()
	}
}

// pause stops measuring.
func (w *stopwatch) pause() { w.clock.Pause() }

// begin begins a query.
func (w *stopwatch) begin() {
	w.used0, w.given0 = w.clock.Used(), w.clock.Given()
}

// exact returns the CPU time of the query so far, and what the time that others measured on this clock has to be multiplied by
// for their stages to fit into it.
func (w *stopwatch) exact() (used time.Duration, pace float64) {
	estimate := max(w.used(), w.given())
	used = max(0, w.clock.Exact()-w.used0)
	if estimate <= 0 {
		return used, 1
	}
	return used, float64(used) / float64(estimate)
}

// used returns the CPU time of the query so far.
func (w *stopwatch) used() time.Duration { return w.clock.Used() - w.used0 }

// given returns the CPU time that others measured on this clock for the query.
func (w *stopwatch) given() time.Duration { return w.clock.Given() - w.given0 }

// book returns the CPU time that is on no bill yet, and takes it to be on one now.
func (w *stopwatch) book() time.Duration {
	d := max(0, w.clock.Used()-w.clock.Given()-w.booked)
	w.booked += d
	return d
}

// ServeHTTP is the way in: it names the request, reads its body within bounds, and sees to it that whatever happens inside is
// answered and accounted for.
func (g *gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	x := g.exchanges.Get().(*exchange)
	x.start(g, w, r)
	g.kit.Traffic.Begin()
	defer x.end(r)
	if !g.streams(r.URL.Path) {
		if err := x.readBody(r, g.bodyLimit(r.URL.Path)); err != nil {
			x.fail(err)
			return
		}
	}
	x.watch.resume()
	g.handler.ServeHTTP(x, r)
}

func (x *exchange) start(g *gateway, w http.ResponseWriter, r *http.Request) {
	now := g.kit.Clock()
	*x = exchange{
		ResponseWriter: w, gate: g, begin: now, ID: token.NewID(now, [2]uint64{g.random(), g.random()}), keys: g.keys.Load(),
		body: x.body[:0], buf: x.buf[:0], reader: x.reader,
	}
	x.watch = &x.own
	if x.conn = connectionOf(r); x.conn != nil {
		x.watch, x.transport = &x.conn.watch, x.conn.enter()
	} else {
		x.own.on = g.config.Accounting
	}
	x.watch.begin()
	x.id = x.ID.String()
	w.Header()["X-Request-Id"] = []string{x.id}
}

// end is deferred: it answers a panic, settles the bill and puts the memory back.
func (x *exchange) end(r *http.Request) {
	g := x.gate
	if fault := recover(); fault != nil {
		x.watch.pause()
		if err, ok := fault.(error); ok && errors.Is(err, http.ErrAbortHandler) {
			x.settle()
			panic(fault)
		}
		g.kit.Log.Error("handler panicked", "path", r.URL.Path, "request", x.id, "fault", fmt.Sprint(fault), "stack", string(debug.Stack()))
		if x.status == 0 {
			x.fail(problem.New(http.StatusInternalServerError, problem.Internal, "the fault is on our side; it was logged under the request id"))
		}
	}
	// Booking is work, too: on a connection that measures itself it goes to the next request.
	if x.conn == nil {
		x.watch.pause()
	} else {
		x.watch.resume()
	}
	x.settle()
	if x.memory != nil {
		g.desk.works.Put(x.memory)
	}
	conn := x.conn
	x.ResponseWriter, x.answer, x.memory, x.conn, x.watch = nil, nil, nil, nil, nil
	if cap(x.body) > keepBuffer {
		x.body = nil
	}
	if cap(x.buf) > keepBuffer {
		x.buf = nil
	}
	g.exchanges.Put(x)
	if conn != nil {
		conn.leave()
	}
}

// settle books what the exchange used.
func (x *exchange) settle() {
	g, took := x.gate, x.gate.kit.Clock().Sub(x.begin)
	outcome := service.Answered
	switch {
	case x.status == http.StatusTooManyRequests || x.status == http.StatusServiceUnavailable:
		outcome = service.Refused
	case x.cheap:
		outcome = service.AnsweredCheaply
	}
	g.kit.Traffic.End(took, outcome)
	g.metrics.answered(x.status)
	if x.answer == nil {
		g.kit.Ledger.Other(x.watch.book() + x.transport)
		return
	}
	g.kit.Ledger.Claim(x.transport)
	g.desk.settle(x.answer, x.watch, took)
}

// readBody reads the whole body. It is not measured: who sends slowly would hold a thread.
func (x *exchange) readBody(r *http.Request, limit int) error {
	if r.Body == nil || r.Body == http.NoBody {
		return nil
	}
	tooLarge := problem.New(http.StatusRequestEntityTooLarge, problem.TooLarge, fmt.Sprintf("the body may have %d bytes", limit))
	if r.ContentLength > int64(limit) {
		return tooLarge
	}
	for {
		if len(x.body) == cap(x.body) {
			x.body = append(x.body, make([]byte, max(1024, min(int(r.ContentLength)+1, limit+1)-len(x.body), len(x.body)))...)[:len(x.body)]
		}
		n, err := r.Body.Read(x.body[len(x.body):cap(x.body)])
		x.body = x.body[:len(x.body)+n]
		switch {
		case len(x.body) > limit:
			return tooLarge
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return bodyProblem(err)
		}
	}
}

// bodyProblem says why a body could not be read.
func bodyProblem(err error) error {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return problem.New(http.StatusRequestTimeout, problem.Timeout, "the body did not come in time")
	}
	return problem.New(http.StatusBadRequest, problem.Malformed, "the body could not be read to its end")
}

// WriteHeader notes the status.
func (x *exchange) WriteHeader(status int) {
	if x.status == 0 {
		x.status = status
	}
	x.ResponseWriter.WriteHeader(status)
}

// Write implements [http.ResponseWriter] for handlers that are not ours.
func (x *exchange) Write(b []byte) (int, error) {
	if x.status == 0 {
		x.status = http.StatusOK
	}
	return x.ResponseWriter.Write(b)
}

// Unwrap lets [http.ResponseController] find the connection.
func (x *exchange) Unwrap() http.ResponseWriter { return x.ResponseWriter }

// Flush implements [http.Flusher].
func (x *exchange) Flush() {
	if f, ok := x.ResponseWriter.(http.Flusher); ok {
		f.Flush()
	}
}

var jsonType = []string{"application/json"}

// send answers with a document of JSON and pushes it out to the network, so that the CPU time of that is measured too.
func (x *exchange) send(status int, body []byte) {
	h := x.Header()
	if h["Content-Type"] == nil {
		h["Content-Type"] = jsonType
	}
	h["Content-Length"] = []string{strconv.Itoa(len(body))}
	x.WriteHeader(status)
	// Nobody is left to be told when it fails: the connection is gone.
	if _, err := x.ResponseWriter.Write(body); err == nil {
		x.Flush()
	}
}

// fail answers with the problem behind err.
func (x *exchange) fail(err error) {
	p := *problem.OfError(err)
	p.RequestID = x.id
	if p.Status >= http.StatusInternalServerError && p.Status != http.StatusServiceUnavailable {
		x.gate.kit.Log.Error("request not answered", "request", x.id, "error", err)
	}
	h := x.Header()
	if p.RetryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(p.RetryAfter))
	}
	if p.Status == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", `Bearer realm="haggle"`)
	}
	h["Content-Type"] = []string{problem.ContentType}
	h["Cache-Control"] = []string{"no-store"}
	x.buf = p.AppendJSON(x.buf[:0])
	x.send(p.Status, x.buf)
}
