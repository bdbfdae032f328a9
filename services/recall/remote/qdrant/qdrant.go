// Package qdrant keeps the items of a shop in a collection of Qdrant, as package retrieve asks for.
//
// Qdrant finds by vectors. For words an item has a sparse vector that our own analyser makes (package sparse), and Qdrant adds how rare
// each word is. An item that holds any word of a query is found, those that hold more of it, or rarer ones, come first.
package qdrant

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/qdrant/go-client/qdrant"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/haggle-commerce/haggle/libs/shop"
	"github.com/haggle-commerce/haggle/services/recall/internal/retrieve"
	"github.com/haggle-commerce/haggle/services/recall/internal/sparse"
)

// Names of the vectors of a point.
const (
	words = "words"
	dense = "dense"
)

// Retriever is a collection of Qdrant. Make one with [Open].
type Retriever struct {
	client     *qdrant.Client
	collection string
	dims       int
	maker      *sparse.Maker
	// made says that the collection is there.
	made atomic.Bool
}

// Open returns a retriever; it sends nothing yet. The collection is made when the first change comes, and used as it is when it exists.
func Open(a retrieve.Address, login retrieve.Login) (retrieve.Retriever, error) {
	host, port, err := net.SplitHostPort(a.Host)
	if err != nil {
		return nil, fmt.Errorf("open qdrant: %w", err)
	}
	number, err := strconv.Atoi(port)
	if err != nil {
		return nil, fmt.Errorf("open qdrant: port %q: %w", port, err)
	}
	client, err := qdrant.NewClient(&qdrant.Config{
		Host: host, Port: number, APIKey: login.Password, UseTLS: a.Secure,
		// The check would wait for the server here.
		SkipCompatibilityCheck: true,
	})
	if err != nil {
		return nil, fmt.Errorf("open qdrant: %w", err)
	}
	return &Retriever{client: client, collection: a.Collection, dims: a.Dims, maker: sparse.NewMaker()}, nil
}

// Close implements [retrieve.Retriever].
func (r *Retriever) Close() error { return r.client.Close() }

// Health implements [retrieve.Retriever].
func (r *Retriever) Health(ctx context.Context) error {
	_, err := r.client.HealthCheck(ctx)
	return fault(ctx, err)
}

// Apply implements [retrieve.Retriever]. Versions are not kept: who applies changes keeps their order.
func (r *Retriever) Apply(ctx context.Context, changes []retrieve.Change) error {
	if err := retrieve.Retry(ctx, r.ensure); err != nil {
		return err
	}
	for batch := range retrieve.Batches(changes) {
		if err := r.send(ctx, batch); err != nil {
			return err
		}
	}
	return nil
}

// send makes the changes of one batch, in which each item stands once.
func (r *Retriever) send(ctx context.Context, batch []retrieve.Change) error {
	var points []*qdrant.PointStruct
	var gone []*qdrant.PointId
	for i := range batch {
		if batch[i].Item == nil {
			gone = append(gone, pointID(batch[i].ID))
		} else {
			points = append(points, r.point(&batch[i]))
		}
	}
	wait := true
	return retrieve.Retry(ctx, func(ctx context.Context) error {
		if len(points) > 0 {
			if _, err := r.client.Upsert(ctx, &qdrant.UpsertPoints{CollectionName: r.collection, Wait: &wait, Points: points}); err != nil {
				return fault(ctx, err)
			}
			points = nil
		}
		if len(gone) == 0 {
			return nil
		}
		_, err := r.client.Delete(ctx, &qdrant.DeletePoints{CollectionName: r.collection, Wait: &wait, Points: qdrant.NewPointsSelectorIDs(gone)})
		return fault(ctx, err)
	})
}

// Search implements [retrieve.Retriever]. With a text and a vector Qdrant asks for both and merges by reciprocal rank.
func (r *Retriever) Search(ctx context.Context, q *retrieve.Query) (retrieve.Result, error) {
	n, err := q.Check()
	if err != nil {
		return retrieve.Result{}, err
	}
	if q.Vector != nil && len(q.Vector) != r.dims {
		return retrieve.Result{}, fmt.Errorf("a vector of %d numbers, the collection has %d: %w", len(q.Vector), r.dims, retrieve.ErrUnsupported)
	}
	where := condition(&n)
	if q.Text == "" && q.Vector == nil {
		return r.browse(ctx, q, where)
	}
	request := r.query(q, where)
	if request == nil {
		return retrieve.Result{}, ctx.Err() // a text without words
	}
	var found []*qdrant.ScoredPoint
	err = retrieve.Retry(ctx, func(ctx context.Context) (err error) {
		found, err = r.client.Query(ctx, request)
		return fault(ctx, err)
	})
	if err != nil {
		return retrieve.Result{}, err
	}
	result := retrieve.Result{Total: len(found), AtLeast: len(found) == q.K}
	for _, point := range found {
		hit, err := hitOf(point.GetPayload(), point.GetScore())
		if err != nil {
			return retrieve.Result{}, err
		}
		result.Hits = append(result.Hits, hit)
	}
	retrieve.Sort(result.Hits)
	return result, nil
}

// query makes the request for a text, a vector or both; nil when the text holds no words and there is no vector.
func (r *Retriever) query(q *retrieve.Query, where *qdrant.Filter) *qdrant.QueryPoints {
	limit := uint64(q.K)
	var ways []*qdrant.PrefetchQuery
	if v := sparse.Query(q.Language, q.Text); len(v.Indices) > 0 {
		ways = append(ways, &qdrant.PrefetchQuery{Query: qdrant.NewQuerySparse(v.Indices, v.Values), Using: qdrant.PtrOf(words), Filter: where, Limit: &limit})
	}
	if q.Vector != nil {
		ways = append(ways, &qdrant.PrefetchQuery{Query: qdrant.NewQueryDense(q.Vector), Using: qdrant.PtrOf(dense), Filter: where, Limit: &limit})
	}
	request := &qdrant.QueryPoints{CollectionName: r.collection, Limit: &limit, WithPayload: qdrant.NewWithPayloadInclude(fieldID)}
	switch len(ways) {
	case 0:
		return nil
	case 1:
		request.Query, request.Using, request.Filter = ways[0].Query, ways[0].Using, where
	default:
		request.Prefetch, request.Query = ways, qdrant.NewQueryFusion(qdrant.Fusion_RRF)
	}
	return request
}

// browse returns items that pass the filter, all of them alike.
func (r *Retriever) browse(ctx context.Context, q *retrieve.Query, where *qdrant.Filter) (result retrieve.Result, err error) {
	limit, exact := uint32(q.K), true
	err = retrieve.Retry(ctx, func(ctx context.Context) error {
		total, err := r.client.Count(ctx, &qdrant.CountPoints{CollectionName: r.collection, Filter: where, Exact: &exact})
		if err != nil {
			return fault(ctx, err)
		}
		points, err := r.client.Scroll(ctx, &qdrant.ScrollPoints{
			CollectionName: r.collection, Filter: where, Limit: &limit, WithPayload: qdrant.NewWithPayloadInclude(fieldID),
		})
		if err != nil {
			return fault(ctx, err)
		}
		result = retrieve.Result{Total: max(int(total), len(points))}
		for _, point := range points {
			hit, err := hitOf(point.GetPayload(), 0)
			if err != nil {
				return err
			}
			result.Hits = append(result.Hits, hit)
		}
		return nil
	})
	retrieve.Sort(result.Hits)
	return result, err
}

func hitOf(payload map[string]*qdrant.Value, score float32) (retrieve.Hit, error) {
	id := payload[fieldID].GetStringValue()
	if id == "" {
		return retrieve.Hit{}, fmt.Errorf("%w: a point without the id of an item: the collection holds something else", retrieve.ErrUnavailable)
	}
	return retrieve.Hit{ID: shop.ItemID(id), Score: score}, nil
}

// ensure makes the collection when it is not there.
func (r *Retriever) ensure(ctx context.Context) error {
	if r.made.Load() {
		return nil
	}
	there, err := r.client.CollectionExists(ctx, r.collection)
	if err != nil {
		return fault(ctx, err)
	}
	if !there {
		// Another replica may have been faster.
		if err := r.client.CreateCollection(ctx, schema(r.collection, r.dims)); err != nil && status.Code(err) != codes.AlreadyExists {
			return fmt.Errorf("make the collection: %w", fault(ctx, err))
		}
	}
	for _, field := range slices.Sorted(maps.Keys(fields)) {
		kind, wait := fields[field], true
		request := &qdrant.CreateFieldIndexCollection{CollectionName: r.collection, FieldName: field, FieldType: &kind, Wait: &wait}
		if _, err := r.client.CreateFieldIndex(ctx, request); err != nil {
			return fmt.Errorf("make the index of %s: %w", field, fault(ctx, err))
		}
	}
	r.made.Store(true)
	return nil
}

// fault makes an error of package retrieve of what the client says; nil stays nil.
func fault(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	var exhausted *qdrant.QdrantResourceExhaustedError
	if errors.As(err, &exhausted) {
		return &retrieve.BusyError{After: time.Duration(max(0, exhausted.RetryAfterS)) * time.Second, Text: err.Error()}
	}
	switch status.Code(err) {
	case codes.ResourceExhausted, codes.Unavailable:
		return &retrieve.BusyError{Text: err.Error()}
	case codes.InvalidArgument:
		return fmt.Errorf("%w: %w", retrieve.ErrInvalid, err)
	}
	return fmt.Errorf("%w: %w", retrieve.ErrUnavailable, err)
}
