package gateway

import (
	"context"
	"encoding/json"
	"fmt"
	"hash/maphash"
	"net/http"
	"sync"
	"time"

	"github.com/haggle-commerce/haggle/libs/bus"
	"github.com/haggle-commerce/haggle/libs/shop"
	"github.com/haggle-commerce/haggle/libs/wire"
	"github.com/haggle-commerce/haggle/services/gateway/internal/problem"
	"github.com/haggle-commerce/haggle/services/gateway/internal/stock"
	"github.com/haggle-commerce/haggle/services/gateway/internal/strict"
)

// itemWait bounds the reading of one item.
const itemWait = time.Second

// maxItemMessage is how long an item may be on the stream: NATS takes messages of 1 MiB.
const maxItemMessage = 900 << 10

// getItem answers GET /v1/items/{id} from the stream, and from memory while that is away.
func (x *exchange) getItem(r *http.Request) error {
	id, err := pathItem(r)
	if err != nil {
		return err
	}
	data, err := x.lastItem(r.Context(), id)
	if code := wire.CodeOf(err); code == wire.Overloaded || code == wire.Late {
		if e := x.gate.desk.shelf.Get(id); e != nil {
			data, err = e.Document, nil
		}
	}
	if err != nil {
		return err
	}
	x.send(http.StatusOK, data)
	return nil
}

// putItem answers PUT /v1/items/{id}.
func (x *exchange) putItem(r *http.Request) error {
	id, err := pathItem(r)
	if err != nil {
		return err
	}
	defer x.gate.lock(id).Unlock()
	return x.change(r.Context(), id, shop.Item{ID: id})
}

// patchItem answers PATCH /v1/items/{id}. Two changes through one gateway follow one another; through two gateways the later wins.
func (x *exchange) patchItem(r *http.Request) error {
	id, err := pathItem(r)
	if err != nil {
		return err
	}
	defer x.gate.lock(id).Unlock()
	data, err := x.lastItem(r.Context(), id)
	if err != nil {
		return err
	}
	var item shop.Item
	if err := json.Unmarshal(data, &item); err != nil {
		return fmt.Errorf("decode item %s: %w", id, err)
	}
	item.ID, item.UpdatedAt = id, time.Time{}
	return x.change(r.Context(), id, item)
}

// deleteItem answers DELETE /v1/items/{id}.
func (x *exchange) deleteItem(r *http.Request) error {
	id, err := pathItem(r)
	if err != nil {
		return err
	}
	defer x.gate.lock(id).Unlock()
	if _, err := x.lastItem(r.Context(), id); err != nil {
		return err
	}
	if err := x.publishItem(r.Context(), id, nil); err != nil {
		return err
	}
	x.WriteHeader(http.StatusNoContent)
	return nil
}

// change applies the body to an item, checks it and stores it.
func (x *exchange) change(ctx context.Context, id shop.ItemID, item shop.Item) error {
	x.reader.Reset(x.body)
	item = stock.Read(&x.reader, item)
	x.reader.End()
	if len(x.reader.Faults()) == 0 && item.ID != id {
		x.reader.FaultAt("id", "is %q, the address says %q", item.ID, id)
	}
	if faults := x.reader.Faults(); len(faults) > 0 {
		return problem.Of(faults, x.reader.Malformed())
	}
	if faults := strict.Unfold(item.Check()); len(faults) > 0 {
		return problem.Of(faults, false)
	}
	if item.UpdatedAt.IsZero() {
		item.UpdatedAt = x.begin.UTC().Truncate(time.Millisecond)
	}
	data, err := encodeItem(&item)
	if err != nil {
		return err
	}
	if err := x.publishItem(ctx, id, data); err != nil {
		return err
	}
	x.send(http.StatusOK, data)
	return nil
}

func encodeItem(item *shop.Item) ([]byte, error) {
	data, err := json.Marshal(item)
	if err != nil {
		return nil, fmt.Errorf("encode item %s: %w", item.ID, err)
	}
	if len(data) > maxItemMessage {
		return nil, tooLarge("", fmt.Sprintf("the item has %d bytes as JSON, at most %d", len(data), maxItemMessage))
	}
	return data, nil
}

// lastItem reads an item from the stream; one that was taken out is not found.
func (x *exchange) lastItem(ctx context.Context, id shop.ItemID) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, itemWait)
	defer cancel()
	x.watch.pause()
	defer x.watch.resume()
	m, err := x.gate.kit.Bus.Last(ctx, wire.StreamCatalog, wire.SubjectItem+wire.ItemToken(id))
	switch {
	case wire.CodeOf(err) == wire.NotFound, err == nil && len(m.Data) == 0:
		return nil, errUnknownItem(string(id))
	case err != nil:
		return nil, fmt.Errorf("read item: %w", err)
	}
	return m.Data, nil
}

func (x *exchange) publishItem(ctx context.Context, id shop.ItemID, data []byte) error {
	if err := x.publishItems(ctx, []bus.Outgoing{{Subject: wire.SubjectItem + wire.ItemToken(id), Data: data}})[0]; err != nil {
		return fmt.Errorf("store item: %w", err)
	}
	return nil
}

// publishItems stores messages of the catalogue, and returns an error for each.
func (x *exchange) publishItems(ctx context.Context, messages []bus.Outgoing) []error {
	ctx, cancel := context.WithTimeout(ctx, x.gate.config.EventWait)
	defer cancel()
	x.watch.pause()
	defer x.watch.resume()
	return x.gate.kit.Bus.PublishBatch(ctx, messages)
}

// lock holds all other changes of item id off.
func (g *gateway) lock(id shop.ItemID) *sync.Mutex {
	m := &g.items[maphash.String(g.seed, string(id))%uint64(len(g.items))]
	m.Lock()
	return m
}
