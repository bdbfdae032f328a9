package haggle

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// startNATS starts a NATS server with JetStream inside the process. It listens nowhere: rooms reach it through
// nats.InProcessServer. Streams lie in dir and survive a restart.
func startNATS(ctx context.Context, dir string, log *slog.Logger) (*server.Server, error) {
	s, err := server.NewServer(&server.Options{
		ServerName: "haggle",
		DontListen: true,
		JetStream:  true,
		StoreDir:   filepath.Join(dir, "nats"),
		NoSigs:     true,
		// A chunk of a model file, a batch of events and an answer of 10,000 candidates all stay far below.
		MaxPayload: 8 << 20,
		// Nobody but our own rooms can connect; they are never slow for long, but a training run reads much at once.
		MaxPending:    256 << 20,
		WriteDeadline: 10 * time.Second,
	})
	if err != nil {
		return nil, fmt.Errorf("start the NATS server inside the process: %w", err)
	}
	s.SetLoggerV2(natsLog{log}, false, false, false)
	go s.Start()
	for !s.ReadyForConnections(100 * time.Millisecond) {
		if ctx.Err() != nil {
			s.Shutdown()
			return nil, ctx.Err()
		}
	}
	if !s.JetStreamEnabled() {
		s.Shutdown()
		return nil, errors.New("start the NATS server inside the process: JetStream did not start; is the data folder writable and the disk not full?")
	}
	return s, nil
}

// natsLog hands the server's lines to ours. What it notes for itself is for debugging here.
type natsLog struct{ log *slog.Logger }

func (l natsLog) Noticef(format string, v ...any) {
	l.log.Debug("nats", "text", fmt.Sprintf(format, v...))
}

func (l natsLog) Warnf(format string, v ...any) {
	l.log.Warn("nats", "text", fmt.Sprintf(format, v...))
}

func (l natsLog) Fatalf(format string, v ...any) {
	l.log.Error("nats", "text", fmt.Sprintf(format, v...))
}

func (l natsLog) Errorf(format string, v ...any) {
	l.log.Error("nats", "text", fmt.Sprintf(format, v...))
}

func (l natsLog) Debugf(format string, v ...any) {
	l.log.Debug("nats", "text", fmt.Sprintf(format, v...))
}
func (l natsLog) Tracef(string, ...any) {}
