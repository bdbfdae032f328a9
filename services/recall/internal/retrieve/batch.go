package retrieve

import (
	"cmp"
	"context"
	"errors"
	"iter"
	"slices"
	"time"

	"github.com/haggle-commerce/haggle/libs/shop"
)

// Limits on what is sent at once.
const (
	// MaxBatch is how many changes one request holds at most.
	MaxBatch = 500
	// maxBatchBytes bounds the text of a batch: OpenSearch advises requests of 5 to 15 MB, and Qdrant refuses more than 32 MB.
	maxBatchBytes = 4 << 20
)

// Batches yields the changes in runs that one request may hold. In each an item stands once, with its last state.
func Batches(changes []Change) iter.Seq[[]Change] {
	return func(yield func([]Change) bool) {
		for len(changes) > 0 {
			n, bytes := 0, 0
			for n < min(len(changes), MaxBatch) && (n == 0 || bytes < maxBatchBytes) {
				bytes += sizeOf(&changes[n])
				n++
			}
			if !yield(last(changes[:n])) {
				return
			}
			changes = changes[n:]
		}
	}
}

// sizeOf is about how many bytes a change takes.
func sizeOf(c *Change) int {
	n := 0
	if it := c.Item; it != nil {
		// A number of a vector takes up to a dozen characters in JSON.
		n += 12*len(it.Vector) + len(it.Title) + len(it.Description) + len(it.Brand)
		for _, title := range it.Titles {
			n += len(title)
		}
		for key, values := range it.Attributes {
			for _, value := range values {
				n += 2 * (len(key) + len(value))
			}
		}
	}
	return n
}

// last returns the last change of each item, in the order of the last changes.
func last(changes []Change) []Change {
	seen := make(map[shop.ItemID]struct{}, len(changes))
	kept := make([]Change, 0, len(changes))
	for _, c := range slices.Backward(changes) {
		if _, ok := seen[c.ID]; !ok {
			seen[c.ID] = struct{}{}
			kept = append(kept, c)
		}
	}
	slices.Reverse(kept)
	return kept
}

// Pauses between tries of a request that found the back end busy.
const (
	firstPause = 50 * time.Millisecond
	maxPause   = 5 * time.Second
)

// Retry calls f until it returns no [*BusyError], with pauses that double, or last as long as the back end asked for. When the next
// pause would not end before the deadline of ctx, or there is none, it returns the error at once.
func Retry(ctx context.Context, f func(context.Context) error) error {
	for pause := firstPause; ; pause = min(2*pause, maxPause) {
		err := f(ctx)
		var busy *BusyError
		if !errors.As(err, &busy) {
			return err
		}
		wait := max(pause, busy.After)
		if deadline, ok := ctx.Deadline(); !ok || time.Until(deadline) <= wait {
			return err
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		case <-timer.C:
		}
	}
}

// Sort puts hits in the order of a result.
func Sort(hits []Hit) {
	slices.SortFunc(hits, func(a, b Hit) int { return cmp.Or(cmp.Compare(b.Score, a.Score), cmp.Compare(a.ID, b.ID)) })
}

// rankConstant is that of reciprocal rank fusion (Cormack, Clarke, Buettcher, SIGIR 2009).
const rankConstant = 60

// Fuse merges lists of hits by reciprocal ranks into the k best.
func Fuse(k int, lists ...[]Hit) []Hit {
	scores := map[shop.ItemID]float32{}
	for _, list := range lists {
		for rank, hit := range list {
			scores[hit.ID] += 1 / float32(rankConstant+rank+1)
		}
	}
	fused := make([]Hit, 0, len(scores))
	for id, score := range scores {
		fused = append(fused, Hit{ID: id, Score: score})
	}
	Sort(fused)
	return fused[:min(k, len(fused))]
}
