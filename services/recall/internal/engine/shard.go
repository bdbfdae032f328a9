package engine

import (
	"github.com/haggle-commerce/haggle/libs/shop"
	"github.com/haggle-commerce/haggle/libs/wire"
	"github.com/haggle-commerce/haggle/services/recall/internal/catalogue"
	"github.com/haggle-commerce/haggle/services/recall/internal/top"
)

// Columns that a shard adds to the answer of a search, so that those of several can be merged: by what items are sorted, as the sum of
// two numbers that a float32 holds.
const (
	columnOrderHigh = "order_high"
	columnOrderLow  = "order_low"
)

// Owns reports whether the item belongs to the engine's shard. What belongs to another is not to be put.
func (e *Engine) Owns(id shop.ItemID) bool {
	return e.options.Shards <= 1 || catalogue.ShardOf(id, e.options.Shards) == e.options.Shard
}

func (e *Engine) ownsSlot(s catalogue.Slot) bool {
	return e.options.Shards <= 1 || e.Owns(e.catalogue.ID(s))
}

// putOrder adds what entries are sorted by to the candidates of a shard.
func (q *question) putOrder(entries []top.Entry) {
	candidates := q.reply.Candidates
	if q.engine.options.Shards <= 1 || candidates == nil {
		return
	}
	n := candidates.Len()
	values := make([]float32, 2*n)
	for i, e := range entries[:n] {
		// What is not known is -Inf, which has no rest.
		values[i] = float32(e.Score)
		if rest := e.Score - float64(values[i]); rest == rest {
			values[n+i] = float32(rest)
		}
	}
	added := &wire.Columns{}
	added.SetValues(values)
	candidates.Names = append(candidates.Names, columnOrderHigh, columnOrderLow)
	candidates.Values = append(candidates.Values, added.Values...)
}
