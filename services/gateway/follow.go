package gateway

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/haggle-commerce/haggle/libs/bus"
	"github.com/haggle-commerce/haggle/libs/cost"
	"github.com/haggle-commerce/haggle/libs/service"
	"github.com/haggle-commerce/haggle/libs/shop"
	"github.com/haggle-commerce/haggle/libs/wire"
)

const (
	// popularEvery is how old the memory for a bad day may get; popularLimit how long it is.
	popularEvery = 5 * time.Second
	popularLimit = 500
	popularWait  = time.Second
	readyEvery   = 200 * time.Millisecond
	streamsWait  = 5 * time.Second
)

// followCatalogue keeps the shelf as the stream of items has it, until ctx ends.
func (g *gateway) followCatalogue(ctx context.Context) error {
	return g.kit.Bus.Follow(ctx, wire.StreamCatalog, wire.SubjectItems, 0, func(batch []bus.Message) error {
		meter := cost.Start()
		defer func() { g.kit.Ledger.Other(meter.Stop()) }()
		for i := range batch {
			if err := g.shelve(&batch[i]); err != nil {
				g.metrics.badItems.Inc()
				g.kit.Log.Warn("item left out", "subject", batch[i].Subject, "error", err)
			}
		}
		g.metrics.items.Set(float64(g.desk.shelf.Len()))
		g.metrics.followed.Store(batch[len(batch)-1].Seq)
		return nil
	})
}

// shelve applies one message of the catalogue.
func (g *gateway) shelve(m *bus.Message) error {
	id, err := wire.ItemFromToken(strings.TrimPrefix(m.Subject, wire.SubjectItem))
	if err != nil {
		return err
	}
	if len(m.Data) == 0 {
		g.desk.shelf.Delete(id)
		g.desk.fallback.Delete(id)
		return nil
	}
	var item shop.Item
	if err := json.Unmarshal(m.Data, &item); err != nil {
		return fmt.Errorf("decode item %s: %w", id, err)
	}
	item.ID = id
	g.desk.fallback.Put(&item)
	return g.desk.shelf.Put(&item)
}

// ready says so once the shelf holds what the catalogue held at the start. It asks again while the bus is away, and the loss
// of the bus later on changes nothing.
func (g *gateway) ready(ctx context.Context) error {
	g.kit.Health.NotReady("catalogue", "not read to its end yet")
	ticker := time.NewTicker(readyEvery)
	defer ticker.Stop()
	for made := false; ; {
		// The gateway is the one writer of events and items, so it sees to it that there is a place for them.
		if !made {
			attempt, cancel := context.WithTimeout(ctx, streamsWait)
			made = g.kit.Bus.EnsureStreams(attempt) == nil
			cancel()
		}
		_, last, messages, err := g.kit.Bus.StreamInfo(ctx, wire.StreamCatalog)
		if made && err == nil && (messages == 0 || g.metrics.followed.Load() >= last) {
			g.desk.followed.Store(true)
			g.kit.Health.Ready("catalogue")
			g.kit.Log.Info("catalogue read", "items", g.desk.shelf.Len())
			return nil
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

// followVitals prices the replicas by what they say of themselves, until ctx ends.
func (g *gateway) followVitals(ctx context.Context) error {
	return g.kit.Bus.Listen(ctx, wire.SubjectVitals, func(_ string, data []byte) {
		meter := cost.Start()
		defer func() { g.kit.Ledger.Other(meter.Stop()) }()
		var v wire.Vitals
		if err := json.Unmarshal(data, &v); err != nil {
			g.kit.Log.Debug("vitals not read", "error", err)
			return
		}
		g.desk.book.Vital(&v, g.kit.Clock())
	})
}

// followRuntime looks once a second at what the Go runtime uses, until ctx ends.
func (g *gateway) followRuntime(ctx context.Context) error {
	if !g.config.Accounting {
		return nil
	}
	return service.Every(ctx, time.Second, func() {
		meter := cost.Start()
		g.desk.runtime.Tick()
		g.kit.Ledger.Other(meter.Stop())
	})
}

// followPopular asks recall every few seconds what to offer when it cannot be asked, until ctx ends.
func (g *gateway) followPopular(ctx context.Context) error {
	ticker := time.NewTicker(popularEvery)
	defer ticker.Stop()
	for {
		if err := g.refreshPopular(ctx); err != nil && ctx.Err() == nil {
			g.kit.Log.Debug("popular items not refreshed", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

func (g *gateway) refreshPopular(ctx context.Context) error {
	message, err := proto.Marshal(&wire.RecallRequest{
		Purpose: wire.Purpose_PURPOSE_TRENDING, Placement: "fallback", Limit: popularLimit, Anonymous: true, NowMicros: g.kit.Clock().UnixMicro(),
	})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, popularWait)
	defer cancel()
	data, err := g.kit.Bus.Call(ctx, wire.SubjectRecall, message)
	if err != nil {
		return err
	}
	var reply wire.RecallReply
	if err := proto.Unmarshal(data, &reply); err != nil {
		return fmt.Errorf("decode popular items: %w", err)
	}
	if err := reply.GetCandidates().Check(); err != nil {
		return err
	}
	if ids := reply.GetCandidates().AppendIDs(nil); len(ids) > 0 {
		g.desk.fallback.SetPopular(ids)
	}
	return nil
}
