package online

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/haggle-commerce/haggle/libs/cost"
	"github.com/haggle-commerce/haggle/libs/feature"
)

// request is one MGET and its reply. It is pooled: see BenchmarkFetch.
type request struct {
	shopper    *feature.ShopperRow
	shopperKey string
	wanted     []wanted
	// args are the command's. They point at strings, which go into an interface without an allocation.
	args []any
	// reply is the raw reply; values are the rows within it, nil where there is none.
	reply  buffer
	values []span
}

// wanted is an item that must be asked for.
type wanted struct {
	index int // in the caller's ids and rows
	entry *entry
	known bool // the near cache holds the entry
}

type span struct{ from, to int }

func (q *request) want(index int, e *entry, known bool) {
	q.wanted = append(q.wanted, wanted{index, e, known})
}

// first is the place of the first item among the keys.
func (q *request) first() int {
	if q.shopper != nil {
		return 1
	}
	return 0
}

func (q *request) keys() int { return q.first() + len(q.wanted) }

// key returns key i.
func (q *request) key(i int) *string {
	if i < q.first() {
		return &q.shopperKey
	}
	return &q.wanted[i-q.first()].entry.key
}

// value returns the row at key i, valid until the request is released; empty when there is none.
func (q *request) value(i int) []byte { return q.reply.b[q.values[i].from:q.values[i].to] }

// mostKept bounds the memory that a request keeps in the pool.
const mostKept = 256 << 10

func (s *Store) release(q *request) {
	if cap(q.reply.b) > mostKept {
		return
	}
	clear(q.wanted)
	clear(q.args)
	*q = request{wanted: q.wanted[:0], args: q.args[:0], reply: buffer{q.reply.b[:0]}, values: q.values[:0]}
	s.pool.Put(q)
}

// ask sends the keys and finds the values; read tells what it took, and that Redis is missing when it did not answer.
func (s *Store) ask(ctx context.Context, q *request, read *Read) {
	if s.client == nil {
		s.askHere(q, read)
		return
	}
	if s.breaker.open.Load() || ctx.Err() != nil {
		read.Missing = true
		return
	}
	q.args = append(q.args, "mget")
	for i := range q.keys() {
		q.args = append(q.args, q.key(i))
	}
	began := s.now()
	deadline, cancel := context.WithTimeout(ctx, s.options.Timeout)
	measured := cost.Pause(ctx)
	_, err := s.client.DoRawWriteTo(deadline, &q.reply, q.args...).Result()
	if measured {
		cost.Resume(ctx)
	}
	cancel()
	if err == nil {
		err = q.parse()
	}
	read.RedisOps, read.Bytes = 1, len(q.reply.b)
	if err != nil {
		read.Missing = true
		s.failed(ctx, began, err)
		return
	}
	s.breaker.succeeded()
}

// askHere reads the keys from the Redis of this process.
func (s *Store) askHere(q *request, read *Read) {
	for i := range q.keys() {
		at := len(q.reply.b)
		if value, found := s.options.Local(*q.key(i)); found {
			q.reply.b = append(q.reply.b, value...)
		}
		q.values = append(q.values, span{at, len(q.reply.b)})
	}
	read.RedisOps, read.Bytes = 1, len(q.reply.b)
}

// failed tells the breaker of a failure that is Redis's: a caller who left, or who gave too little time, is none.
func (s *Store) failed(ctx context.Context, began time.Duration, err error) {
	now := s.now()
	if errors.Is(ctx.Err(), context.Canceled) || ctx.Err() != nil && now-began < s.options.Timeout/2 {
		return
	}
	s.metrics.failures.Inc()
	s.breaker.failed(now, func() {
		s.metrics.open.Set(1)
		s.options.Log.Warn("redis given up for now", "error", err)
		s.probes.Go(s.probe)
	})
}

// errReply marks a reply that is not the array of strings that MGET promises.
var errReply = errors.New("malformed reply")

// parse finds the values in the raw reply: an array with a bulk string or a null for each key.
func (q *request) parse() error {
	b, at := q.reply.b, 0
	kind, n, at, err := header(b, at)
	switch {
	case err != nil:
		return err
	case kind == '-':
		return fmt.Errorf("redis says: %.100s", bytes.TrimSpace(b[1:]))
	case kind != '*' || n != q.keys():
		return fmt.Errorf("%w: %q of %d, want an array of %d", errReply, kind, n, q.keys())
	}
	for range n {
		var size int
		kind, size, at, err = header(b, at)
		switch {
		case err != nil:
			return err
		case kind == '_' || kind == '$' && size < 0:
			q.values = append(q.values, span{at, at})
		case kind == '$' && size <= len(b)-at-2:
			q.values = append(q.values, span{at, at + size})
			at += size + 2
		default:
			return fmt.Errorf("%w: %q of %d bytes with %d left", errReply, kind, size, len(b)-at)
		}
	}
	if at != len(b) {
		return fmt.Errorf("%w: %d bytes too many", errReply, len(b)-at)
	}
	return nil
}

// header reads one line of the protocol, "$5\r\n", and returns what follows the line's end. n is 0 for a line without a number.
func header(b []byte, at int) (kind byte, n, next int, err error) {
	end := bytes.IndexByte(b[at:], '\n')
	if end < 2 || b[at+end-1] != '\r' {
		return 0, 0, at, fmt.Errorf("%w: no line at byte %d", errReply, at)
	}
	kind, next = b[at], at+end+1
	if kind != '*' && kind != '$' {
		return kind, 0, next, nil
	}
	// The compiler does not allocate for a conversion that only Atoi reads.
	n, err = strconv.Atoi(string(b[at+1 : next-2]))
	if err != nil {
		return 0, 0, at, fmt.Errorf("%w: length %.20q", errReply, b[at+1:next-2])
	}
	return kind, n, next, nil
}

// buffer collects a reply.
type buffer struct{ b []byte }

// Write implements [io.Writer].
func (w *buffer) Write(p []byte) (int, error) {
	w.b = append(w.b, p...)
	return len(p), nil
}

// ReadFrom implements [io.ReaderFrom], which spares io.CopyN an intermediate buffer of 32 KiB for each value.
func (w *buffer) ReadFrom(r io.Reader) (int64, error) {
	var total int64
	if limited, ok := r.(*io.LimitedReader); ok {
		w.b = append(w.b, make([]byte, limited.N)...)
		n, err := io.ReadFull(limited.R, w.b[len(w.b)-int(limited.N):])
		limited.N -= int64(n)
		return int64(n), err
	}
	for {
		if len(w.b) == cap(w.b) {
			w.b = append(w.b, 0)[:len(w.b)]
		}
		n, err := r.Read(w.b[len(w.b):cap(w.b)])
		w.b, total = w.b[:len(w.b)+n], total+int64(n)
		if err == io.EOF {
			return total, nil
		}
		if err != nil {
			return total, err
		}
	}
}
