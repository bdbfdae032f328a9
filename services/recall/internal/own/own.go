// Package own lets recall's own index be used as a retriever, so that remote ones are held to what it does.
package own

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/haggle-commerce/haggle/libs/cost"
	"github.com/haggle-commerce/haggle/libs/wire"
	"github.com/haggle-commerce/haggle/services/recall/internal/engine"
	"github.com/haggle-commerce/haggle/services/recall/internal/retrieve"
)

// Retriever answers from an engine in this process. Make one with [New].
type Retriever struct {
	engine *engine.Engine
	// writing lets one writer in.
	writing sync.Mutex
}

// New returns a retriever over an engine.
func New(e *engine.Engine) *Retriever { return &Retriever{engine: e} }

// otherDims says in a reply that the vector of the request has another length than those of items.
const otherDims = "recall.vector:dims"

// Apply implements [retrieve.Retriever].
func (r *Retriever) Apply(ctx context.Context, changes []retrieve.Change) error {
	r.writing.Lock()
	defer r.writing.Unlock()
	for batch := range retrieve.Batches(changes) {
		if err := ctx.Err(); err != nil {
			return err
		}
		made := make([]engine.Change, len(batch))
		for i := range batch {
			made[i] = engine.Change{ID: batch[i].ID, Item: batch[i].Item}
		}
		r.engine.Apply(made)
	}
	return nil
}

// Search implements [retrieve.Retriever]. Vectors have the length of the first that an item brought.
func (r *Retriever) Search(ctx context.Context, q *retrieve.Query) (retrieve.Result, error) {
	if err := ctx.Err(); err != nil {
		return retrieve.Result{}, err
	}
	if _, err := q.Check(); err != nil {
		return retrieve.Result{}, err
	}
	request := &wire.RecallRequest{
		Purpose: wire.Purpose_PURPOSE_SEARCH, Query: q.Text, Language: q.Language, Filter: q.Filter, Category: q.Category,
		Limit: uint32(q.K), Spell: "off", Vector: wire.AppendFloats(nil, q.Vector),
	}
	reply := &wire.RecallReply{}
	span, _ := cost.Enter(ctx)
	defer span.Leave()
	if err := r.engine.Answer(request, reply, time.Time{}, &span); err != nil {
		return retrieve.Result{}, fmt.Errorf("%w: %w", retrieve.ErrInvalid, err)
	}
	if slices.Contains(reply.Degraded, otherDims) {
		return retrieve.Result{}, fmt.Errorf("a vector of %d numbers: %w", len(q.Vector), retrieve.ErrUnsupported)
	}
	result := retrieve.Result{Total: int(reply.Total)}
	scores := reply.Candidates.Column(wire.ColumnLexical, nil)
	if q.Text != "" || q.Vector != nil {
		scores = reply.Candidates.Column(wire.ColumnScore, nil)
	}
	for i, id := range reply.Candidates.AppendIDs(nil) {
		result.Hits = append(result.Hits, retrieve.Hit{ID: id, Score: scores[i]})
	}
	retrieve.Sort(result.Hits)
	return result, nil
}

// Health implements [retrieve.Retriever]: the index is always there.
func (r *Retriever) Health(ctx context.Context) error { return ctx.Err() }

// Close implements [retrieve.Retriever].
func (r *Retriever) Close() error { return nil }
