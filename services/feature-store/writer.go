package featurestore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/haggle-commerce/haggle/libs/bus"
	"github.com/haggle-commerce/haggle/libs/cost"
	"github.com/haggle-commerce/haggle/libs/service"
	"github.com/haggle-commerce/haggle/libs/wire"
	"github.com/haggle-commerce/haggle/services/feature-store/internal/fold"
)

// writer folds messages and writes what changed. It belongs to the goroutine of write.
type writer struct {
	kit     service.Kit
	config  Config
	pace    pace
	metrics *metrics
	store   store
	book    *fold.Book
	batch   fold.Batch
	keys    []string
	changes []fold.Change
	counts  fold.Counts
	dead    []deadLines

	// have is the watermark in Redis; next is the last sequence that was folded, of a message taken at newest. folded says that
	// something was since the last commit, pending how many events.
	have    watermark
	next    uint64
	newest  time.Time
	folded  bool
	pending int
	// whole says that every row there is lies in the book: nothing was there when it began, and nothing was forgotten since.
	whole bool
	// target is the sequence at which the rows have caught up; begin, beganAt and spoke are for the progress told meanwhile.
	target, begin  uint64
	beganAt, spoke time.Time
}

// deadLines are the lines of a message that cannot be folded, and what is wrong with the first.
type deadLines struct {
	message bus.Message
	reason  error
}

// write folds batches as they come, and writes when there is no other waiting or enough is pending.
func (w *writer) write(ctx context.Context, batches <-chan []bus.Message) error {
	idle := time.NewTicker(w.pace.watch)
	defer idle.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case ms := <-batches:
			if err := w.take(ctx, ms); err != nil {
				return err
			}
			// Rows bound the transaction as events do: while it runs, Redis answers no query.
			if len(batches) > 0 && w.pending < w.config.Batch && w.book.Changed() < w.config.Batch {
				continue
			}
			if err := w.commit(ctx); err != nil {
				return err
			}
		case <-idle.C:
			if err := w.look(ctx); err != nil {
				return err
			}
		}
	}
}

// look finds out while nothing happens that Redis has lost the rows, or that there is another writer.
func (w *writer) look(ctx context.Context) error {
	mark, err := w.store.watermark(ctx)
	if err == nil && mark.text != w.have.text {
		return errMoved
	}
	return nil
}

// take folds messages into the book.
func (w *writer) take(ctx context.Context, ms []bus.Message) error {
	w.dead = w.dead[:0]
	meter := cost.Start()
	w.batch.Reset()
	for i := range ms {
		w.batch.Add(ms[i].Data, ms[i].Time, func(line []byte, reason error) {
			if n := len(w.dead); n > 0 && w.dead[n-1].message.Seq == ms[i].Seq {
				w.dead[n-1].message.Data = append(append(w.dead[n-1].message.Data, '\n'), line...)
				return
			}
			m := ms[i]
			m.Data = bytes.Clone(line)
			w.dead = append(w.dead, deadLines{m, reason})
		})
	}
	w.batch.Need(w.book)
	w.keys = w.book.Missing(w.keys[:0])
	spent := meter.Stop()
	if err := w.load(ctx); err != nil {
		return err
	}
	meter = cost.Start()
	w.batch.Fold(w.book, &w.counts)
	w.kit.Ledger.Other(spent + meter.Stop())
	for _, d := range w.dead {
		if err := w.retry(ctx, "bury a message", func() error {
			return w.kit.Bus.Bury(ctx, wire.StreamEvents, name, d.message, d.reason)
		}); err != nil {
			return err
		}
		w.kit.Log.Warn("event moved to the dead-letter stream", "seq", d.message.Seq, "reason", d.reason)
		w.metrics.events.WithLabelValues(poison).Inc()
	}
	last := &ms[len(ms)-1]
	w.pending += w.batch.Len()
	w.next, w.newest, w.folded = last.Seq, last.Time, true
	return nil
}

// load reads the rows that the batch needs. A row that cannot be read has lost what it counted: the watermark is removed, so that
// all are built anew.
func (w *writer) load(ctx context.Context) error {
	if w.whole {
		w.book.LoadNothing()
		return nil
	}
	var values [][]byte
	if err := w.retry(ctx, "load rows", func() (err error) {
		values, err = w.store.load(ctx, w.keys)
		return err
	}); err != nil {
		return err
	}
	fault := w.book.Load(values)
	if fault == nil {
		return nil
	}
	w.kit.Log.Error("rows cannot be read and are built anew", "error", fault)
	return w.retry(ctx, "remove unreadable rows", func() error {
		if _, err := w.store.wipe(ctx, w.have); err != nil {
			return err
		}
		return fmt.Errorf("%w: %w", errMoved, fault)
	})
}

// commit writes what changed, and moves the watermark.
func (w *writer) commit(ctx context.Context) error {
	if !w.folded {
		return nil
	}
	meter := cost.Start()
	w.changes = w.book.Changes(w.changes[:0])
	w.kit.Ledger.Other(meter.Stop())
	next := w.store.at(w.next)
	if err := w.retry(ctx, "write rows", func() error { return w.store.commit(ctx, w.have, next, w.changes) }); err != nil {
		return err
	}
	w.book.Clean()
	w.have, w.folded, w.pending = next, false, 0
	if w.book.Len() > w.config.RowsInMemory {
		w.book.Shrink(w.config.RowsInMemory)
		w.whole = false
	}
	w.metrics.commits.Inc()
	w.metrics.rows.Add(float64(len(w.changes)))
	w.metrics.position.Set(float64(next.seq))
	w.metrics.lag.Set(w.kit.Clock().Sub(w.newest).Seconds())
	for _, outcome := range fold.Outcomes() {
		w.metrics.events.WithLabelValues(outcome.String()).Add(float64(w.counts[outcome]))
	}
	w.counts = fold.Counts{}
	w.caughtUp()
	return nil
}

// caughtUp says that the service is ready once the rows hold what was in the stream when it began, and tells of the
// progress until then.
func (w *writer) caughtUp() {
	now := w.kit.Clock()
	switch took := now.Sub(w.beganAt); {
	case w.target == 0 && w.have.seq > 0:
		// Long since ready.
	case w.have.seq >= w.target:
		w.kit.Health.Ready(rowsPart)
		if w.have.seq > w.begin {
			w.kit.Log.Info("rows have caught up with the events", "seq", w.have.seq, "took", took.Round(time.Millisecond))
		}
		w.target = 0
	case now.Sub(w.spoke) >= time.Second:
		w.spoke = now
		done := float64(w.have.seq-w.begin) / float64(w.target-w.begin)
		left := "unknown"
		if done > 0 {
			left = time.Duration(float64(took) * (1 - done) / done).Round(100 * time.Millisecond).String()
		}
		w.kit.Log.Info("rows are catching up with the events", "seq", w.have.seq, "of", w.target, "left", left)
	}
}

// lastPause is the longest pause between two tries.
const lastPause = time.Second

// retry calls f until it succeeds, ctx ends or the watermark was moved: while Redis or NATS is away, events wait in the stream.
func (w *writer) retry(ctx context.Context, what string, f func() error) error {
	for pause := w.pace.retry; ; pause = min(2*pause, lastPause) {
		err := f()
		if err == nil {
			if pause > w.pace.retry {
				w.kit.Log.Info("goes on", "what", what)
			}
			return nil
		}
		if ctx.Err() != nil || errors.Is(err, errMoved) {
			return err
		}
		w.metrics.failures.Inc()
		if pause == w.pace.retry {
			w.kit.Log.Warn("tries again until it works", "what", what, "error", err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
	}
}
