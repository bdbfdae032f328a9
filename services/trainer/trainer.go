// Package trainer learns from the event log what recall and ranking serve, and publishes it when it is not worse than what serves.
package trainer

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/haggle-commerce/haggle/libs/bus"
	"github.com/haggle-commerce/haggle/libs/cost"
	"github.com/haggle-commerce/haggle/libs/feature"
	"github.com/haggle-commerce/haggle/libs/service"
	"github.com/haggle-commerce/haggle/libs/shop"
	"github.com/haggle-commerce/haggle/libs/wire"
	"github.com/haggle-commerce/haggle/services/trainer/internal/corpus"
	"github.com/haggle-commerce/haggle/services/trainer/internal/encode"
	"github.com/haggle-commerce/haggle/services/trainer/internal/sequel"
	"github.com/haggle-commerce/haggle/services/trainer/internal/study"
)

// The parts of this service that have to be ready: the streams that are read, and the first run, which has ended well or found
// that there is too little to learn from.
const (
	catalogPart = "catalogue"
	eventsPart  = "events"
	firstPart   = "first run"
)

// room is the service at work.
type room struct {
	kit       service.Kit
	config    Config
	sizes     sizes
	metrics   *metrics
	catalogue feature.Catalogue
	// demand holds at most one wish for a run.
	demand chan struct{}
	// read is closed, one for each stream, when what was there at the start is read.
	read map[string]chan struct{}

	mu       sync.Mutex
	log      corpus.Log
	running  bool
	served   served
	encoding encoding
}

// sizes say how much work a run is.
type sizes struct {
	study   study.Options
	sequel  sequel.Options
	encoder encode.Options
}

// Run follows the streams and learns until ctx ends: once at the start, then every so often when enough is new, and on demand.
func Run(ctx context.Context, kit service.Kit, c Config) error {
	return run(ctx, kit, c, sizes{study.Default(), sequel.Quick(), encode.Default()})
}

// run is Run with work of some size.
func run(ctx context.Context, kit service.Kit, c Config, o sizes) error {
	if err := c.Check(); err != nil {
		return fmt.Errorf("configuration: %w", err)
	}
	m, err := newMetrics(kit.Metrics)
	if err != nil {
		return err
	}
	defer m.unregister(kit.Metrics)
	r := &room{
		kit: kit, config: c, sizes: o, metrics: m, demand: make(chan struct{}, 1), log: corpus.Log{Most: c.MaxEvents},
		read: map[string]chan struct{}{catalogPart: make(chan struct{}), eventsPart: make(chan struct{})},
	}
	kit.Health.NotReady(catalogPart, "is not read to its end yet")
	kit.Health.NotReady(eventsPart, "are not read to their end yet")
	kit.Health.NotReady(firstPart, "has not begun yet")
	group, inner := errgroup.WithContext(ctx)
	group.Go(func() error { return r.follow(inner, catalogPart, wire.StreamCatalog, wire.SubjectItems, r.takeItems) })
	group.Go(func() error { return r.follow(inner, eventsPart, wire.StreamEvents, wire.SubjectEvents, r.takeEvents) })
	group.Go(func() error { return kit.Models.Watch(inner, slotRanker, r.loadServed) })
	group.Go(func() error { return kit.Models.Watch(inner, slotEncoder, r.loadEncoder) })
	group.Go(func() error {
		return kit.Bus.Serve(inner, wire.SubjectTrain, bus.Limits{Workers: 1, Queue: 4}, r.answer)
	})
	group.Go(func() error { return r.learn(inner) })
	if err := group.Wait(); err != nil && ctx.Err() == nil {
		return err
	}
	return nil
}

// follow reads a stream to its end and then as it grows.
func (r *room) follow(ctx context.Context, part, stream, filter string, take func([]bus.Message)) error {
	last, err := r.endOf(ctx, stream)
	if err != nil {
		return nil // ctx ended
	}
	ready := false
	caughtUp := func(seq uint64) {
		if !ready && seq >= last {
			ready = true
			close(r.read[part])
			r.kit.Health.Ready(part)
		}
	}
	caughtUp(0)
	return r.kit.Bus.Follow(ctx, stream, filter, 0, func(batch []bus.Message) error {
		meter := cost.Start()
		take(batch)
		r.kit.Ledger.Other(meter.Stop())
		caughtUp(batch[len(batch)-1].Seq)
		return nil
	})
}

// endOf returns the last sequence of a stream, which it makes where there is none yet. Its error is that of ctx.
func (r *room) endOf(ctx context.Context, stream string) (uint64, error) {
	for pause := 50 * time.Millisecond; ; pause = min(2*pause, time.Second) {
		err := r.kit.Bus.EnsureStreams(ctx)
		if err == nil {
			var last uint64
			if _, last, _, err = r.kit.Bus.StreamInfo(ctx, stream); err == nil {
				return last, nil
			}
		}
		if err := wait(ctx, pause); err != nil {
			return 0, err
		}
	}
}

func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (r *room) takeItems(batch []bus.Message) {
	for i := range batch {
		m := &batch[i]
		id, err := wire.ItemFromToken(strings.TrimPrefix(m.Subject, wire.SubjectItem))
		if err == nil && len(m.Data) == 0 {
			r.catalogue.Delete(id)
			continue
		}
		var item *shop.Item
		if err == nil {
			item, err = decodeItem(id, m.Data)
		}
		if err != nil {
			r.metrics.bad.WithLabelValues("item").Inc()
			r.kit.Log.Warn("item passed over", "seq", m.Seq, "error", err)
			continue
		}
		r.catalogue.Put(feature.NewFacts(item))
	}
}

func decodeItem(id shop.ItemID, data []byte) (*shop.Item, error) {
	item := &shop.Item{}
	if err := json.Unmarshal(data, item); err != nil {
		return nil, err
	}
	item.ID = id
	return item, nil
}

func (r *room) takeEvents(batch []bus.Message) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range batch {
		wire.EachEvent(batch[i].Data, func(e *shop.Event, _ []byte, err error) bool {
			if err != nil {
				// feature-store puts it among the dead letters; here it is counted.
				r.metrics.bad.WithLabelValues("event").Inc()
				return true
			}
			r.log.Add(e)
			return true
		})
	}
	r.metrics.events.Set(float64(r.log.Len()))
}

// answer takes a wish for a run and says what will become of it.
func (r *room) answer(context.Context, []byte) ([]byte, error) {
	r.mu.Lock()
	state := struct {
		Events  int    `json:"events"`
		Running bool   `json:"running"`
		Will    string `json:"will"`
	}{Events: r.log.Len(), Running: r.running, Will: "begin a run"}
	r.mu.Unlock()
	switch {
	case state.Events < r.config.MinEvents:
		state.Will = fmt.Sprintf("wait for %d events", r.config.MinEvents)
	case state.Running:
		state.Will = "begin a run when this one has ended"
	}
	select {
	case r.demand <- struct{}{}:
	default:
	}
	return json.Marshal(state)
}

// learn begins runs until ctx ends.
func (r *room) learn(ctx context.Context) error {
	for _, part := range []string{catalogPart, eventsPart} {
		select {
		case <-r.read[part]:
		case <-ctx.Done():
			return nil
		}
	}
	s := schedule{config: r.config, wanted: true}
	ticker := time.NewTicker(min(r.config.Settle/10+time.Millisecond, time.Second))
	defer ticker.Stop()
	told := false
	for {
		switch n := r.size(); s.next(n, r.kit.Clock()) {
		case begin:
			r.round(ctx)
			s.ended(n, r.kit.Clock())
			r.kit.Health.Ready(firstPart)
		case tooFew:
			if !told {
				told = true
				r.kit.Log.Info("nothing to learn from yet", "events", n, "needed", r.config.MinEvents)
			}
			r.kit.Health.Ready(firstPart)
		case unsettled:
			r.notReady("waits until the events stop coming fast")
		}
		select {
		case <-ctx.Done():
			return nil
		case <-r.demand:
			s.wanted = true
		case <-ticker.C:
		}
	}
}

// notReady says why the first run has not ended. Where a ranker serves already, from before a restart, nobody has to wait.
func (r *room) notReady(why string) {
	r.mu.Lock()
	serves := r.served.file != nil
	r.mu.Unlock()
	if serves {
		r.kit.Health.Ready(firstPart)
		return
	}
	r.kit.Health.NotReady(firstPart, why)
}

func (r *room) size() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.log.Len()
}
