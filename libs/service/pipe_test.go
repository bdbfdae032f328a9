package service

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"testing"
)

// TestBufferedTakesALongPipeline writes more than a pipe takes before the other end, which echoes, has been read from.
func TestBufferedTakesALongPipeline(t *testing.T) {
	near, far := net.Pipe()
	conn, err := buffered(func(context.Context, string, string) (net.Conn, error) { return near, nil })(t.Context(), "", "")
	if err != nil {
		t.Fatal(err)
	}
	echoed := make(chan error, 1)
	go func() {
		_, err := io.Copy(far, far)
		echoed <- err
	}()
	want := bytes.Repeat([]byte("0123456789"), 100_000)
	for part := range len(want) / 1000 {
		if _, err := conn.Write(want[part*1000 : (part+1)*1000]); err != nil {
			t.Fatal(err)
		}
	}
	got := make([]byte, len(want))
	if _, err := io.ReadFull(conn, got); err != nil || !bytes.Equal(got, want) {
		t.Errorf("the echo differs, or %v", err)
	}
	if err := conn.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
	if _, err := conn.Write([]byte("x")); !errors.Is(err, net.ErrClosed) {
		t.Errorf("write after close: %v, want %v", err, net.ErrClosed)
	}
	<-echoed
}

func TestBufferedSaysThatTheOtherEndIsGone(t *testing.T) {
	near, far := net.Pipe()
	conn, err := buffered(func(context.Context, string, string) (net.Conn, error) { return near, nil })(t.Context(), "", "")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := far.Close(); err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := conn.Write([]byte("x")); err != nil {
			return
		}
	}
}

func TestBufferedPassesOn(t *testing.T) {
	if buffered(nil) != nil {
		t.Error("buffered(nil) is a dialler")
	}
	refused := errors.New("refused")
	if _, err := buffered(func(context.Context, string, string) (net.Conn, error) { return nil, refused })(t.Context(), "", ""); !errors.Is(err, refused) {
		t.Errorf("dial: %v, want %v", err, refused)
	}
}
