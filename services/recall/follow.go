package recall

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/haggle-commerce/haggle/libs/bus"
	"github.com/haggle-commerce/haggle/libs/cost"
	"github.com/haggle-commerce/haggle/libs/model/neighbour"
	"github.com/haggle-commerce/haggle/libs/model/recipe"
	"github.com/haggle-commerce/haggle/libs/model/session"
	"github.com/haggle-commerce/haggle/libs/registry"
	"github.com/haggle-commerce/haggle/libs/shop"
	"github.com/haggle-commerce/haggle/libs/wire"
	"github.com/haggle-commerce/haggle/services/recall/internal/engine"
	lists "github.com/haggle-commerce/haggle/services/recall/internal/neighbour"
)

// retryPause is how long to wait before the end of a stream is asked for again.
const retryPause = 200 * time.Millisecond

// maxAhead is how far an event may lie ahead of when the stream took it: one from the next year would lead the trends until then.
const maxAhead = 5 * time.Minute

// follower reads one stream from where the state ends, without one from its start, and says when it has read what was there when it began.
type follower struct {
	door           *door
	stream, filter string
	take           func([]bus.Message)
	caughtUp       chan struct{}
	// last is the number of the last message to wait for, waiting how many there were. done says that they were read.
	last, waiting, read uint64
	done                bool
}

func newFollower(d *door, stream, filter string, take func([]bus.Message)) *follower {
	d.kit.Health.NotReady(stream, "is not caught up with the stream yet")
	return &follower{door: d, stream: stream, filter: filter, take: take, caughtUp: make(chan struct{})}
}

func (f *follower) follow(ctx context.Context) error {
	if !f.findEnd(ctx) {
		return nil
	}
	from := f.door.keeper.from(f.stream)
	f.check(from - 1)
	return f.door.kit.Bus.Follow(ctx, f.stream, f.filter, from, func(batch []bus.Message) error {
		meter := cost.Start()
		f.door.keeper.taking(f.stream, batch[len(batch)-1].Seq, func() { f.take(batch) })
		f.door.kit.Ledger.Other(meter.Stop())
		f.door.metrics.followed.WithLabelValues(f.stream).Add(float64(len(batch)))
		f.read += uint64(len(batch))
		f.check(batch[len(batch)-1].Seq)
		return nil
	})
}

// findEnd learns where the stream ends now. It waits while the bus or the stream is not there, and returns false when ctx ends.
func (f *follower) findEnd(ctx context.Context) bool {
	for warned := false; ; warned = true {
		attempt, cancel := context.WithTimeout(ctx, 5*time.Second)
		err := f.door.kit.Bus.EnsureStreams(attempt)
		if err == nil {
			_, f.last, f.waiting, err = f.door.kit.Bus.StreamInfo(attempt, f.stream)
		}
		cancel()
		if err == nil || ctx.Err() != nil {
			return ctx.Err() == nil
		}
		if !warned {
			f.door.kit.Log.Warn("waiting for the stream", "stream", f.stream, "reason", err)
		}
		select {
		case <-ctx.Done():
			return false
		case <-time.After(retryPause):
		}
	}
}

// check says once that the stream was caught up with: its last message of the start was read, or as many as there were, in
// case the last one was taken out of the stream since.
func (f *follower) check(seq uint64) {
	if !f.done && (f.read >= f.waiting || seq >= f.last) {
		f.done = true
		f.door.kit.Health.Ready(f.stream)
		close(f.caughtUp)
	}
}

// applyItems takes messages of the catalogue: an item as JSON, or nothing when it is gone.
func (d *door) applyItems(batch []bus.Message) {
	changes := make([]engine.Change, 0, len(batch))
	for _, m := range batch {
		change, err := decodeItem(m)
		if err != nil {
			d.reject(wire.StreamCatalog, m, err)
			continue
		}
		if d.engine.Owns(change.ID) {
			changes = append(changes, change)
		}
	}
	d.engine.Apply(changes)
}

func decodeItem(m bus.Message) (engine.Change, error) {
	id, err := wire.ItemFromToken(strings.TrimPrefix(m.Subject, wire.SubjectItem))
	if err != nil {
		return engine.Change{}, err
	}
	if len(m.Data) == 0 {
		return engine.Change{ID: id}, nil
	}
	it := &shop.Item{}
	if err := json.Unmarshal(m.Data, it); err != nil {
		return engine.Change{}, fmt.Errorf("decode item: %w", err)
	}
	if it.ID != id {
		return engine.Change{}, errors.New("decode item: the id is not that of the subject")
	}
	if err := it.Check(); err != nil {
		return engine.Change{}, fmt.Errorf("decode item: %w", err)
	}
	return engine.Change{ID: id, Item: it}, nil
}

// observeEvents takes messages of events, each one or more lines of JSON.
func (d *door) observeEvents(batch []bus.Message) {
	events := make([]shop.Event, 0, len(batch))
	for _, m := range batch {
		wire.EachEvent(m.Data, func(e *shop.Event, _ []byte, err error) bool {
			if err != nil {
				d.reject(wire.StreamEvents, m, err)
				return true
			}
			kept := *e
			kept.Items = slices.Clone(e.Items)
			if latest := m.Time.Add(maxAhead); kept.Time.After(latest) {
				kept.Time = latest
			}
			events = append(events, kept)
			return true
		})
	}
	d.engine.Observe(events)
}

// reject counts a message that cannot be read and passes over it: feature-store, which may not miss one, puts events aside.
func (d *door) reject(stream string, m bus.Message, err error) {
	d.metrics.rejected.WithLabelValues(stream).Inc()
	d.kit.Log.Warn("message passed over", "stream", stream, "seq", m.Seq, "reason", err)
}

// slotNeighbours is the slot of models that neighbours are published in.
const slotNeighbours = "neighbours"

// watchNeighbours uses the model of neighbours that serves, now and whenever another one does.
func (d *door) watchNeighbours(ctx context.Context) error {
	return d.kit.Models.Watch(ctx, slotNeighbours, func(card registry.Card, file []byte) error {
		meter := cost.Start()
		defer func() { d.kit.Ledger.Other(meter.Stop()) }()
		m, err := neighbour.Open(file)
		if err != nil {
			return fmt.Errorf("open %s: %w", card.ID, err)
		}
		if err := d.engine.SetNeighbours(lists.Source{IDs: m.IDs, Offsets: m.Offsets, Items: m.Items, Weights: m.Weights}); err != nil {
			return fmt.Errorf("use %s: %w", card.ID, err)
		}
		d.kit.Log.Info("neighbours in use", "model", card.ID, "items", m.Len())
		return nil
	})
}

// slotSession is the slot of models that say what follows a session.
const slotSession = "session"

// watchSession uses the model of sessions that serves, now and whenever another one does.
func (d *door) watchSession(ctx context.Context) error {
	return d.kit.Models.Watch(ctx, slotSession, func(card registry.Card, file []byte) error {
		m, err := session.Open(file)
		if err != nil {
			return fmt.Errorf("open %s: %w", card.ID, err)
		}
		if err := d.engine.SetSessions(m); err != nil {
			return fmt.Errorf("use %s: %w", card.ID, err)
		}
		d.kit.Log.Info("model of sessions in use", "model", card.ID)
		return nil
	})
}

// slotRecipe is the slot of models that the weights of the channels are published in.
const slotRecipe = "recipe"

// watchRecipe uses the weights that serve, now and whenever others do.
func (d *door) watchRecipe(ctx context.Context) error {
	return d.kit.Models.Watch(ctx, slotRecipe, func(card registry.Card, file []byte) error {
		m, err := recipe.Open(file)
		if err != nil {
			return fmt.Errorf("open %s: %w", card.ID, err)
		}
		if err := d.engine.SetRecipe(m); err != nil {
			return fmt.Errorf("use %s: %w", card.ID, err)
		}
		d.kit.Log.Info("recipe in use", "model", card.ID, "situations", len(m))
		return nil
	})
}
