// Package featurestore folds the events of the shop into rows that queries read, each event exactly once.
package featurestore

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/haggle-commerce/haggle/libs/bus"
	"github.com/haggle-commerce/haggle/libs/service"
	"github.com/haggle-commerce/haggle/libs/wire"
	"github.com/haggle-commerce/haggle/services/feature-store/internal/fold"
)

const (
	// name is how this service calls itself in the dead-letter stream.
	name = "feature-store"
	// rowsPart is the part of this service that has to be ready: rows that hold every event of the stream.
	rowsPart = "rows"
	// ahead is how many batches of messages wait while one is folded.
	ahead = 4
)

// pace is how long to wait before things that nobody waits for.
type pace struct {
	// loser is the time until a writer that lost the watermark looks where the winner is.
	loser time.Duration
	// watch is how often an idle writer looks whether Redis still has what it wrote.
	watch time.Duration
	// retry is the pause before the second try of what failed; it doubles up to lastPause.
	retry time.Duration
}

// Run folds events until ctx ends. The watermark in Redis says where it goes on; without one, all rows are built anew from the
// stream. It is ready when the rows hold what was in the stream when it began.
func Run(ctx context.Context, kit service.Kit, c Config) error {
	return run(ctx, kit, c, pace{loser: time.Second, watch: 2 * time.Second, retry: 50 * time.Millisecond})
}

func run(ctx context.Context, kit service.Kit, c Config, p pace) error {
	if err := c.Check(); err != nil {
		return err
	}
	if kit.Redis == nil {
		return errors.New("run feature-store: there is no Redis to write to; set -redis or HAGGLE_REDIS")
	}
	metrics, err := newMetrics(kit.Metrics)
	if err != nil {
		return err
	}
	defer metrics.unregister(kit.Metrics)
	w := &writer{
		kit: kit, config: c, pace: p, metrics: metrics,
		store: store{client: kit.Redis, retention: c.Retention, writer: rand.Text()},
		book:  fold.New(fold.Options{DuplicateWindow: c.DuplicateWindow}),
	}
	kit.Health.NotReady(rowsPart, "is not caught up with the events yet")
	for {
		err := w.work(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, errMoved):
			kit.Log.Warn("rows are followed anew", "reason", err)
		default:
			return fmt.Errorf("run feature-store: %w", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(p.loser):
		}
	}
}

// work goes on from the watermark until ctx ends, or until another writer has moved it.
func (w *writer) work(ctx context.Context) error {
	if err := w.open(ctx); err != nil {
		return err
	}
	batches := make(chan []bus.Message, ahead)
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		return w.kit.Bus.Follow(ctx, wire.StreamEvents, wire.SubjectEvents, w.have.seq+1, func(batch []bus.Message) error {
			select {
			case batches <- append([]bus.Message(nil), batch...):
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		})
	})
	group.Go(func() error { return w.write(ctx, batches) })
	return group.Wait()
}

// open finds where to go on, and makes room when rows are to be built anew.
func (w *writer) open(ctx context.Context) error {
	w.book.Forget()
	w.pending, w.folded, w.whole = 0, false, false
	if err := w.retry(ctx, "read watermark", func() (err error) {
		w.have, err = w.store.watermark(ctx)
		return err
	}); err != nil {
		return err
	}
	if !w.have.sound {
		w.kit.Health.NotReady(rowsPart, "is being built anew from the events")
		if err := w.retry(ctx, "remove old rows", func() error {
			removed, err := w.store.wipe(ctx, w.have)
			if removed > 0 {
				w.kit.Log.Info("old rows removed", "keys", removed)
			}
			return err
		}); err != nil {
			return err
		}
		w.have, w.whole = watermark{}, true
		w.metrics.rebuilt.Inc()
	}
	w.next = w.have.seq
	if err := w.retry(ctx, "look at the stream", func() error {
		if err := w.kit.Bus.EnsureStreams(ctx); err != nil {
			return err
		}
		_, last, _, err := w.kit.Bus.StreamInfo(ctx, wire.StreamEvents)
		w.target = last
		return err
	}); err != nil {
		return err
	}
	w.begin, w.beganAt, w.spoke = w.have.seq, w.kit.Clock(), w.kit.Clock()
	w.caughtUp()
	return nil
}
