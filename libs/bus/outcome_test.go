package bus

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/haggle-commerce/haggle/libs/wire"
)

// FuzzOutcomeCrossesTheWire checks that a failure reads the same on the other side as in this process.
func FuzzOutcomeCrossesTheWire(f *testing.F) {
	f.Add("Invalid", "filter", "column 3: want a name")
	f.Add("", "", "")
	f.Add("OK", "x", "all is well")
	f.Add("Late", "\n", " two\r\nlines\x00 ")
	f.Add("Internal", "", strings.Repeat("坏", 500))
	f.Fuzz(func(t *testing.T, code, field, text string) {
		want := outcome(&wire.Error{Code: wire.Code(code), Field: field, Text: text})
		if len(want.Text) > maxErrorText || strings.ContainsAny(want.Text+want.Field, "\r\n\x00") {
			t.Fatalf("outcome() = %q, want one line of at most %d bytes", want.Text, maxErrorText)
		}
		if utf8.ValidString(text) && !utf8.ValidString(want.Text) {
			t.Fatalf("outcome() = %q, want valid UTF-8 of %q", want.Text, text)
		}
		sent := "NATS/1.0\r\n"
		for k, v := range errorHeader(want) {
			sent += k + ": " + v[0] + "\r\n"
		}
		h, err := nats.DecodeHeadersMsg([]byte(sent + "\r\n"))
		if err != nil {
			t.Fatalf("DecodeHeadersMsg(%q) = %v, want nil", sent, err)
		}
		if got := replyError(&nats.Msg{Header: h}); got == nil || *got != *want {
			t.Fatalf("replyError() = %+v, want %+v", got, want)
		}
	})
}

func FuzzReadAck(f *testing.F) {
	f.Add([]byte(`{"stream":"EVENTS","seq":7}`))
	f.Add([]byte(`{"error":{"code":503,"description":"no leader"}}`))
	f.Add([]byte(`{}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if seq, again, err := readAck(data); err != nil && seq != 0 || err == nil && again {
			t.Errorf("readAck(%q) = %d, %v, %v", data, seq, again, err)
		}
	})
}

func TestReadAck(t *testing.T) {
	for _, c := range []struct {
		data  string
		seq   uint64
		again bool
		fails bool
	}{
		{`{"stream":"EVENTS","seq":7,"duplicate":true}`, 7, false, false},
		{`{"error":{"code":503,"err_code":10008,"description":"no leader"}}`, 0, true, true},
		{`{"error":{"code":400,"description":"bad"}}`, 0, false, true},
		{`{"x":1}`, 0, false, true},
		{`hello`, 0, false, true},
	} {
		if seq, again, err := readAck([]byte(c.data)); seq != c.seq || again != c.again || (err != nil) != c.fails {
			t.Errorf("readAck(%s) = %d, %v, %v, want %d, %v, fails %v", c.data, seq, again, err, c.seq, c.again, c.fails)
		}
	}
}

func TestStreamErrorsHaveCodes(t *testing.T) {
	for _, c := range []struct {
		err  error
		want wire.Code
	}{
		{nil, wire.OK},
		{jetstream.ErrBucketNotFound, wire.NotFound},
		{fmt.Errorf("get: %w", jetstream.ErrKeyNotFound), wire.NotFound},
		{context.DeadlineExceeded, wire.Late},
		{nats.ErrNoResponders, wire.Overloaded},
		{errors.New("else"), wire.Internal},
	} {
		if got := wire.CodeOf(streamError(c.err)); got != c.want {
			t.Errorf("streamError(%v) has code %s, want %s", c.err, got, c.want)
		}
	}
	if err := sendError(nats.ErrConnectionClosed); !errors.Is(err, ErrNoServer) {
		t.Errorf("sendError(ErrConnectionClosed) = %v, want ErrNoServer", err)
	}
	if err := sendError(nats.ErrBadSubject); wire.CodeOf(err) != wire.Invalid {
		t.Errorf("sendError(ErrBadSubject) = %v, want Invalid", err)
	}
}
