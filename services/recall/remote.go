package recall

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/haggle-commerce/haggle/libs/bus"
	"github.com/haggle-commerce/haggle/libs/cost"
	"github.com/haggle-commerce/haggle/libs/shop"
	"github.com/haggle-commerce/haggle/libs/wire"
	"github.com/haggle-commerce/haggle/services/recall/internal/engine"
	"github.com/haggle-commerce/haggle/services/recall/internal/retrieve"
)

// degradedRemote says in an answer that the own index stood in for the remote one.
const degradedRemote = "recall.lexical:remote"

// Limits on what is asked of a remote index and sent to it.
const (
	// remoteShare is the part of the time left that the remote index gets: the own one needs far less than the rest.
	remoteShare = 2
	// remoteWait is the time it gets when the request has no deadline.
	remoteWait = 200 * time.Millisecond
	// After faultsToRest failures one after the other the remote index is left alone for restTime.
	faultsToRest = 3
	restTime     = time.Second
	// applyWait bounds one try to send a batch, sendPause what is waited after the first that failed; pauses double up to maxSendPause.
	applyWait    = 30 * time.Second
	sendPause    = time.Second
	maxSendPause = 30 * time.Second
	// mostBehind is how many changes the remote index may be behind and still be asked: about a second of the most that is expected.
	mostBehind = 5000
	checkEvery = time.Second
)

// remote asks a remote index for the items of searches, and sends it all changes of items. Searches wait for no change: the stream is the
// queue, and a durable consumer that all replicas share remembers what was stored.
type remote struct {
	door      *door
	retriever retrieve.Retriever
	// dims is how long the vectors are that the index holds of items; 0 is none.
	dims    int
	durable string
	// current says that the index is not far behind the stream.
	current atomic.Bool
	// faults counts searches that failed one after the other; until then it rests, in unix nanoseconds.
	faults, until atomic.Int64
}

// openRemote opens the remote index of the configuration; nil when there is none.
func openRemote(d *door, c *Config) (*remote, error) {
	if c.own() {
		return nil, nil
	}
	address, err := retrieve.ParseAddress(c.Retriever)
	if err != nil {
		return nil, fmt.Errorf("retriever %w", err)
	}
	login := retrieve.Login{}
	if c.RetrieverLogin != "" {
		text, err := os.ReadFile(c.RetrieverLogin)
		if err != nil {
			return nil, fmt.Errorf("read the login of the retriever: %w", err)
		}
		login = retrieve.ParseLogin(string(text))
	}
	retriever, err := c.Open(address, login)
	if err != nil {
		return nil, err
	}
	return &remote{door: d, retriever: retriever, dims: address.Dims, durable: "recall-" + address.Kind + "-" + address.Collection}, nil
}

// run sends changes until ctx ends, and then closes the retriever.
func (r *remote) run(ctx context.Context) error {
	defer r.retriever.Close()
	group, life := errgroup.WithContext(ctx)
	group.Go(func() error { return r.watch(life) })
	group.Go(func() error {
		o := bus.ConsumeOptions{Stream: wire.StreamCatalog, Durable: r.durable, Filter: wire.SubjectItems, Batch: retrieve.MaxBatch}
		return r.door.kit.Bus.Consume(life, o, r.send)
	})
	return group.Wait()
}

// watch keeps current true to its word.
func (r *remote) watch(ctx context.Context) error {
	ticker := time.NewTicker(checkEvery)
	defer ticker.Stop()
	for {
		behind, err := r.door.kit.Bus.Pending(ctx, wire.StreamCatalog, r.durable)
		// Without an answer nothing is known, and what was true a second ago is the best guess.
		if err == nil {
			r.door.metrics.remoteBehind.Set(float64(behind))
			if now := behind <= mostBehind; r.current.Swap(now) != now {
				r.door.kit.Log.Info("remote index", "current", now, "behind", behind)
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

// send stores a batch of changes. It tries until they are stored or ctx ends, so that none overtakes another.
func (r *remote) send(ctx context.Context, batch []bus.Message) []error {
	changes := make([]retrieve.Change, 0, len(batch))
	for _, m := range batch {
		if change, err := decodeItem(m); err == nil { // the follower of the own index tells of those that cannot be read
			// Sequences begin anew with a stream that is made anew, time does not.
			changes = append(changes, retrieve.Change{ID: change.ID, Item: change.Item, Version: uint64(m.Time.UnixNano())})
		}
	}
	for pause := sendPause; ; pause = min(2*pause, maxSendPause) {
		attempt, cancel := context.WithTimeout(ctx, applyWait)
		err := r.retriever.Apply(attempt, changes)
		cancel()
		var refused *retrieve.RefusedError
		if err == nil || errors.As(err, &refused) {
			r.stored(len(changes), refused)
			return nil
		}
		if pause == sendPause && ctx.Err() == nil {
			r.door.kit.Log.Warn("changes not stored in the remote index, trying again", "reason", err)
		}
		select {
		case <-ctx.Done():
			return failed(ctx.Err(), len(batch))
		case <-time.After(pause):
		}
	}
}

// failed is err for each message of a batch.
func failed(err error, n int) []error {
	errs := make([]error, n)
	for i := range errs {
		errs[i] = err
	}
	return errs
}

func (r *remote) stored(n int, refused *retrieve.RefusedError) {
	if refused != nil {
		n -= len(refused.Reasons)
		r.door.metrics.remoteChanges.WithLabelValues("refused").Add(float64(len(refused.Reasons)))
		r.door.kit.Log.Warn("items refused by the remote index", "reason", refused)
	}
	r.door.metrics.remoteChanges.WithLabelValues("stored").Add(float64(n))
}

// find asks the remote index for the items of a search. It returns nil when the own index is to answer, and whether that is because the
// remote one failed. The caller's clock waits meanwhile.
func (r *remote) find(ctx context.Context, request *wire.RecallRequest) (found *engine.Found, missed bool) {
	if r == nil {
		return nil, false
	}
	vector := r.wanted(request)
	if !engine.Elsewhere(request, vector != nil) {
		return nil, false
	}
	if !r.current.Load() || r.resting() {
		r.door.metrics.remoteSearches.WithLabelValues("skipped").Inc()
		return nil, true
	}
	if cost.Pause(ctx) {
		defer cost.Resume(ctx)
	}
	wait := remoteWait
	if deadline, ok := ctx.Deadline(); ok {
		wait = time.Until(deadline) / remoteShare
	}
	attempt, cancel := context.WithTimeout(cost.Apart(ctx), wait)
	defer cancel()
	result, err := r.retriever.Search(attempt, &retrieve.Query{
		Text: request.Query, Language: request.Language, Filter: request.Filter, Category: request.Category, K: depth(request),
		Vector: vector,
	})
	r.note(err)
	if err != nil {
		return nil, true
	}
	found = &engine.Found{Total: result.Total, Meant: vector != nil, IDs: make([]shop.ItemID, len(result.Hits)), Scores: make([]float32, len(result.Hits))}
	for i, hit := range result.Hits {
		found.IDs[i], found.Scores[i] = hit.ID, hit.Score
	}
	return found, false
}

// wanted is the vector of the request when the remote index can be asked for it. When it cannot, the own index brings it in.
func (r *remote) wanted(request *wire.RecallRequest) []float32 {
	if r.dims == 0 || len(request.Vector) != 4*r.dims {
		return nil
	}
	vector := make([]float32, r.dims)
	for i := range vector {
		vector[i] = math.Float32frombits(binary.LittleEndian.Uint32(request.Vector[4*i:]))
	}
	return vector
}

// depth is how many items are asked for: some more than are wanted, because the own catalogue may know better of a few, and as many as
// there may be when facets are counted over them.
func depth(request *wire.RecallRequest) int {
	if len(request.Facets) > 0 {
		return retrieve.MaxK
	}
	k := engine.DefaultLimit
	if request.Limit > 0 {
		k = int(min(request.Limit, retrieve.MaxK))
	}
	return min(k+k/4+10+len(request.ExcludeItems), retrieve.MaxK)
}

// note counts how a search ended, and lets the index rest after several that failed.
func (r *remote) note(err error) {
	outcome := "ok"
	switch {
	case err == nil:
		r.faults.Store(0)
	case errors.Is(err, retrieve.ErrInvalid):
		outcome = "invalid" // no sign of how the index is
	default:
		if outcome = "failed"; errors.Is(err, context.DeadlineExceeded) {
			outcome = "late"
		}
		if r.faults.Add(1) >= faultsToRest {
			r.until.Store(r.door.kit.Clock().Add(restTime).UnixNano())
		}
	}
	r.door.metrics.remoteSearches.WithLabelValues(outcome).Inc()
}

// resting reports whether the index is left alone. When the time is over, one search after the other finds out how it is.
func (r *remote) resting() bool { return r.door.kit.Clock().UnixNano() < r.until.Load() }
