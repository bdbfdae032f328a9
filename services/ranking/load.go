package ranking

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/haggle-commerce/haggle/libs/bus"
	"github.com/haggle-commerce/haggle/libs/cost"
	"github.com/haggle-commerce/haggle/libs/feature"
	"github.com/haggle-commerce/haggle/libs/model"
	"github.com/haggle-commerce/haggle/libs/model/neighbour"
	"github.com/haggle-commerce/haggle/libs/registry"
	"github.com/haggle-commerce/haggle/libs/shop"
	"github.com/haggle-commerce/haggle/libs/wire"
	"github.com/haggle-commerce/haggle/services/ranking/internal/variant"
)

const (
	// cataloguePart is the part of this service that has to be ready.
	cataloguePart = "catalogue"
	// The slots of the models that ranking uses.
	slotRanker     = "ranker"
	slotNeighbours = "neighbours"
	// firstPause and lastPause bound the wait before the stream is looked at again.
	firstPause = 50 * time.Millisecond
	lastPause  = time.Second
)

// followCatalogue keeps the facts of all items until ctx ends.
func (r *room) followCatalogue(ctx context.Context) error {
	last, err := r.lastItem(ctx)
	if err != nil {
		return err
	}
	began, ready := r.kit.Clock(), false
	caughtUp := func(seq uint64) {
		if !ready && seq >= last {
			ready = true
			r.kit.Health.Ready(cataloguePart)
			r.kit.Log.Info("catalogue read", "items", r.catalogue.Len(), "took", r.kit.Clock().Sub(began).Round(time.Millisecond))
		}
	}
	caughtUp(0)
	return r.kit.Bus.Follow(ctx, wire.StreamCatalog, wire.SubjectItems, 0, func(batch []bus.Message) error {
		meter := cost.Start()
		for i := range batch {
			if err := r.takeItem(&batch[i]); err != nil {
				r.metrics.badItems.Inc()
				r.kit.Log.Warn("item passed over", "seq", batch[i].Seq, "error", err)
			}
		}
		r.kit.Ledger.Other(meter.Stop())
		r.metrics.items.Set(float64(r.catalogue.Len()))
		caughtUp(batch[len(batch)-1].Seq)
		return nil
	})
}

// lastItem returns the last sequence of the catalogue's stream, and waits for the stream to be there. The error is that of ctx.
func (r *room) lastItem(ctx context.Context) (uint64, error) {
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		_, last, _, err := r.kit.Bus.StreamInfo(ctx, wire.StreamCatalog)
		if err == nil {
			return last, nil
		}
		select {
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-time.After(pause):
		}
	}
}

// takeItem puts an item into the catalogue, or takes it out.
func (r *room) takeItem(m *bus.Message) error {
	id, err := wire.ItemFromToken(strings.TrimPrefix(m.Subject, wire.SubjectItem))
	if err != nil {
		return err
	}
	if len(m.Data) == 0 {
		r.catalogue.Delete(id)
		return nil
	}
	var item shop.Item
	if err := json.Unmarshal(m.Data, &item); err != nil {
		return fmt.Errorf("decode item: %w", err)
	}
	item.ID = id
	r.catalogue.Put(feature.NewFacts(&item))
	return nil
}

// loadRanker takes a ranker into service. An error leaves the one that serves.
func (r *room) loadRanker(card registry.Card, file []byte) error {
	meter := cost.Start()
	defer func() { r.kit.Ledger.Other(meter.Stop()) }()
	f, err := model.Open(file)
	if err != nil {
		return err
	}
	name := card.Variant
	if name == "" {
		name = f.Header.Kind
	}
	v, err := variant.New(card.ID, name, f)
	if err != nil {
		return err
	}
	r.ranker.Store(v)
	r.metrics.models.WithLabelValues(slotRanker).Inc()
	r.kit.Log.Info("ranker in service", "model", card.ID, "variant", name)
	return nil
}

// loadNeighbours takes lists of neighbours into service. An error leaves those that serve.
func (r *room) loadNeighbours(card registry.Card, file []byte) error {
	meter := cost.Start()
	defer func() { r.kit.Ledger.Other(meter.Stop()) }()
	m, err := neighbour.Open(file)
	if err != nil {
		return err
	}
	r.neighbours.Store(m)
	r.metrics.models.WithLabelValues(slotNeighbours).Inc()
	r.kit.Log.Info("neighbours in service", "model", card.ID, "items", m.Len())
	return nil
}
