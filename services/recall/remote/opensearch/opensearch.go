// Package opensearch keeps the items of a shop in an index of OpenSearch, as package retrieve asks for.
package opensearch

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/opensearch-project/opensearch-go/v4"
	"github.com/opensearch-project/opensearch-go/v4/opensearchapi"

	"github.com/haggle-commerce/haggle/libs/shop"
	"github.com/haggle-commerce/haggle/services/recall/internal/retrieve"
)

// Retriever is an index of OpenSearch. Make one with [Open].
type Retriever struct {
	client *opensearchapi.Client
	index  string
	dims   int
	stop   context.CancelFunc
	// made says that the index is there.
	made atomic.Bool
}

// connections is how many idle connections are kept to a node.
const connections = 64

// Open returns a retriever; it sends nothing yet. The index is made when the first change comes, and used as it is when it exists.
func Open(a retrieve.Address, login retrieve.Login) (retrieve.Retriever, error) {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = connections
	scheme := "http://"
	if a.Secure {
		scheme = "https://"
	}
	life, stop := context.WithCancel(context.Background())
	client, err := opensearchapi.NewClient(opensearchapi.Config{Client: opensearch.Config{
		Addresses: []string{scheme + a.Host}, Username: login.User, Password: login.Password,
		Transport: transport, Context: life,
		// One layer tries again, and knows the deadline: retrieve.Retry.
		DisableRetry: true,
	}})
	if err != nil {
		stop()
		return nil, fmt.Errorf("open opensearch: %w", err)
	}
	return &Retriever{client: client, index: a.Collection, dims: a.Dims, stop: stop}, nil
}

// Close implements [retrieve.Retriever].
func (r *Retriever) Close() error {
	r.stop()
	return nil
}

// Health implements [retrieve.Retriever]: the cluster answers, and all primary shards are there.
func (r *Retriever) Health(ctx context.Context) error {
	answer, err := r.client.Cluster.Health(ctx, &opensearchapi.ClusterHealthReq{})
	if answer == nil {
		return fault(ctx, nil, err)
	}
	if err := fault(ctx, answer.Inspect().Response, err); err != nil {
		return err
	}
	if answer.Status == "red" {
		return fmt.Errorf("%w: a primary shard is missing", retrieve.ErrUnavailable)
	}
	return nil
}

// Apply implements [retrieve.Retriever]. A state that is older than what the index holds is passed over.
func (r *Retriever) Apply(ctx context.Context, changes []retrieve.Change) error {
	if err := retrieve.Retry(ctx, r.ensure); err != nil {
		return err
	}
	var refused retrieve.RefusedError
	for batch := range retrieve.Batches(changes) {
		err := retrieve.Retry(ctx, func(ctx context.Context) (err error) {
			batch, err = r.bulk(ctx, batch, &refused)
			return err
		})
		if err != nil {
			return err
		}
	}
	return refused.Err()
}

// ensure makes the index when it is not there.
func (r *Retriever) ensure(ctx context.Context) error {
	if r.made.Load() {
		return nil
	}
	answer, err := r.client.Indices.Create(ctx, opensearchapi.IndicesCreateReq{Index: r.index, Body: bytes.NewReader(schema(r.dims))})
	var detail *opensearch.StructError
	if errors.As(err, &detail) && detail.Err.Type == "resource_already_exists_exception" {
		err = nil
	} else if answer == nil {
		err = fault(ctx, nil, err)
	} else {
		err = fault(ctx, answer.Inspect().Response, err)
	}
	if err != nil {
		return fmt.Errorf("make the index: %w", err)
	}
	r.made.Store(true)
	return nil
}

// bulk sends a batch. It returns what is to be sent again, with an error, and notes what was refused.
func (r *Retriever) bulk(ctx context.Context, batch []retrieve.Change, refused *retrieve.RefusedError) ([]retrieve.Change, error) {
	body, err := bulkBody(batch, r.dims)
	if err != nil {
		return batch, err
	}
	answer, err := r.client.Bulk(ctx, opensearchapi.BulkReq{Index: r.index, Body: bytes.NewReader(body)})
	if answer == nil {
		return batch, fault(ctx, nil, err)
	}
	if err := fault(ctx, answer.Inspect().Response, err); err != nil {
		return batch, err
	}
	if len(answer.Items) != len(batch) {
		return batch, fmt.Errorf("%w: the answer is about %d of %d changes", retrieve.ErrUnavailable, len(answer.Items), len(batch))
	}
	var again []retrieve.Change
	for i, item := range answer.Items {
		for _, outcome := range item { // there is one, by the name of the action
			switch status := outcome.Status; {
			case status < 300, status == http.StatusConflict:
			case status == http.StatusNotFound && batch[i].Item == nil:
			case busy(status):
				again = append(again, batch[i])
			default:
				refused.Add(batch[i].ID, reason(status, outcome))
			}
		}
	}
	if len(again) > 0 {
		return again, &retrieve.BusyError{Text: fmt.Sprintf("%d of %d changes were not taken", len(again), len(batch))}
	}
	return nil, nil
}

func reason(status int, outcome opensearchapi.BulkRespItem) string {
	if outcome.Error == nil {
		return fmt.Sprintf("status %d", status)
	}
	return fmt.Sprintf("status %d: %s: %s", status, outcome.Error.Type, outcome.Error.Reason)
}

// Search implements [retrieve.Retriever]. With a text and a vector it asks for both and merges by reciprocal rank.
func (r *Retriever) Search(ctx context.Context, q *retrieve.Query) (retrieve.Result, error) {
	n, err := q.Check()
	if err != nil {
		return retrieve.Result{}, err
	}
	if q.Vector != nil && len(q.Vector) != r.dims {
		return retrieve.Result{}, fmt.Errorf("a vector of %d numbers, the index has %d: %w", len(q.Vector), r.dims, retrieve.ErrUnsupported)
	}
	where := condition(&n)
	if q.Vector == nil {
		return r.ask(ctx, r.textBody(q, where), q.K)
	}
	near, err := r.ask(ctx, r.vectorBody(q, where), q.K)
	if err != nil || q.Text == "" {
		return near, err
	}
	words, err := r.ask(ctx, r.textBody(q, where), q.K)
	if err != nil {
		return retrieve.Result{}, err
	}
	hits := retrieve.Fuse(q.K, words.Hits, near.Hits)
	return retrieve.Result{Hits: hits, Total: max(len(hits), words.Total, near.Total), AtLeast: true}, nil
}

// ask sends one search, again while the back end is busy and the deadline allows.
func (r *Retriever) ask(ctx context.Context, body any, k int) (result retrieve.Result, err error) {
	text, err := json.Marshal(body)
	if err != nil {
		return retrieve.Result{}, fmt.Errorf("encode search: %w", err)
	}
	err = retrieve.Retry(ctx, func(ctx context.Context) (err error) {
		result, err = r.askOnce(ctx, text, k)
		return err
	})
	return result, err
}

func (r *Retriever) askOnce(ctx context.Context, body []byte, k int) (retrieve.Result, error) {
	answer, err := r.client.Search(ctx, &opensearchapi.SearchReq{Indices: []string{r.index}, Body: bytes.NewReader(body)})
	if answer == nil {
		return retrieve.Result{}, fault(ctx, nil, err)
	}
	if err := fault(ctx, answer.Inspect().Response, err); err != nil {
		return retrieve.Result{}, err
	}
	// An answer of some shards would be taken for the truth.
	if answer.Timeout || answer.Shards.Failed > 0 || len(answer.Hits.Hits) > k {
		return retrieve.Result{}, fmt.Errorf("%w: %d of %d shards failed, %d hits for %d, timed out: %v", retrieve.ErrUnavailable,
			answer.Shards.Failed, answer.Shards.Total, len(answer.Hits.Hits), k, answer.Timeout)
	}
	result := retrieve.Result{Total: max(answer.Hits.Total.Value, len(answer.Hits.Hits)), AtLeast: answer.Hits.Total.Relation == "gte"}
	for _, hit := range answer.Hits.Hits {
		result.Hits = append(result.Hits, retrieve.Hit{ID: shop.ItemID(hit.ID), Score: hit.Score})
	}
	retrieve.Sort(result.Hits)
	return result, nil
}

// busy reports whether a status asks to come again.
func busy(status int) bool {
	switch status {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}

// fault makes an error of package retrieve of what the client says; nil stays nil.
func fault(ctx context.Context, response *opensearch.Response, err error) error {
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case response == nil:
		return fmt.Errorf("%w: %w", retrieve.ErrUnavailable, err)
	case busy(response.StatusCode):
		after, _ := strconv.Atoi(strings.TrimSpace(response.Header.Get("Retry-After")))
		return &retrieve.BusyError{After: time.Duration(max(0, after)) * time.Second, Text: err.Error()}
	case response.StatusCode == http.StatusBadRequest:
		return fmt.Errorf("%w: %w", retrieve.ErrInvalid, err)
	}
	return fmt.Errorf("%w: status %d: %w", retrieve.ErrUnavailable, response.StatusCode, err)
}
