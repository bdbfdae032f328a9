// Package retrieve says what an index of items must do to stand in for recall's own when it searches by words, and holds what every
// remote one needs: the facts that filters ask of an item, batches, and pauses between tries.
package retrieve

import (
	"context"
	"errors"
	"fmt"
	"time"
	"unicode/utf8"

	"github.com/haggle-commerce/haggle/libs/shop"
	"github.com/haggle-commerce/haggle/services/recall/internal/filter"
)

// Retriever is an index of items. Its methods may be called at once, but Apply is for one goroutine. Each returns when ctx ends.
type Retriever interface {
	// Apply makes the changes in their order. It is idempotent. When it returns nil all changes are stored, and searches see them within
	// a second or so. A [*RefusedError] names items that will never be taken; the others are stored. Any other error says that some may
	// be stored, and that the same call may be made again.
	Apply(ctx context.Context, changes []Change) error
	// Search returns the best items. An error wraps [ErrInvalid], [ErrUnsupported] or [ErrUnavailable], or is that of ctx.
	Search(ctx context.Context, q *Query) (Result, error)
	// Health returns nil when the index can be asked now.
	Health(ctx context.Context) error
	// Close frees what the retriever holds. The items stay.
	Close() error
}

// Errors of a retriever, to be asked for with errors.Is.
var (
	// ErrInvalid says that the query cannot be asked, now or later.
	ErrInvalid = errors.New("the query is invalid")
	// ErrUnsupported says that the back end does not do what was asked for.
	ErrUnsupported = errors.New("the back end does not support this")
	// ErrUnavailable says that the back end did not answer, or answered in part.
	ErrUnavailable = errors.New("the back end is unavailable")
)

// Change is a new state of one item.
type Change struct {
	ID shop.ItemID
	// Item is nil when the item is gone. Its vector is left out where it has no direction or another length than those of the index,
	// or where the index holds none: the item is found by its words all the same.
	Item *shop.Item
	// Version rises from one state of an item to the next; 0 is unknown. A back end that keeps versions passes over older ones.
	Version uint64
}

// Limits on a query.
const (
	// MaxK is how many items a search returns at most.
	MaxK = 1000
	// MaxText is how many characters a text has at most.
	MaxText = 512
)

// Query asks for the K items that match best.
type Query struct {
	// Text is what the shopper typed. Without text and vector every item matches alike.
	Text string
	// Language is a BCP 47 tag; "" is unknown.
	Language string
	// Filter is an expression of package filter.
	Filter string
	// Category adds the condition that items stand in it: a level by its name, or a path.
	Category string
	K        int
	// Vector is one in the space of the items' vectors, or nil. With a text, items near the vector and items that match the text are both
	// found; without, those near it alone.
	Vector []float32
}

// Check returns the parsed filter, or an error that wraps [ErrInvalid].
func (q *Query) Check() (filter.Node, error) {
	invalid := func(format string, args ...any) (filter.Node, error) {
		return filter.Node{}, fmt.Errorf("%w: %w", ErrInvalid, fmt.Errorf(format, args...))
	}
	if q.K < 1 || q.K > MaxK {
		return invalid("k is %d, must be from 1 to %d", q.K, MaxK)
	}
	if n := utf8.RuneCountInString(q.Text); n > MaxText {
		return invalid("the text has %d characters, at most %d", n, MaxText)
	}
	if reason := shop.VectorFault(q.Vector); reason != "" {
		return invalid("the vector %s", reason)
	}
	n, err := filter.Parse(q.Filter)
	if err != nil {
		return invalid("filter: %w", err)
	}
	if q.Category != "" {
		within := filter.Node{Op: filter.Any, Key: "category", Values: []string{q.Category}}
		n = filter.Node{Op: filter.And, Children: append([]filter.Node{within}, n.Conjuncts()...)}
	}
	return n, nil
}

// VectorOf returns the vector of an item as an index of vectors of so many numbers takes it; nil when there is none.
func VectorOf(it *shop.Item, dims int) []float32 {
	if dims == 0 || len(it.Vector) != dims || shop.VectorFault(it.Vector) != "" {
		return nil
	}
	return it.Vector
}

// Hit is one item that was found.
type Hit struct {
	ID    shop.ItemID
	Score float32
}

// Result is what a search found.
type Result struct {
	// Hits are ordered by score, the highest first, and then by id.
	Hits []Hit
	// Total is how many items match, or a number that is less when AtLeast is set.
	Total   int
	AtLeast bool
}

// RefusedError names items that the back end will not take as they are.
type RefusedError struct {
	// Reasons holds why, by item.
	Reasons map[shop.ItemID]string
}

// Error implements error.
func (e *RefusedError) Error() string {
	first, some := shop.ItemID(""), false
	for id := range e.Reasons {
		if !some || id < first {
			first, some = id, true
		}
	}
	return fmt.Sprintf("%d items refused, the first %s: %s", len(e.Reasons), first, e.Reasons[first])
}

// Add notes that an item was refused.
func (e *RefusedError) Add(id shop.ItemID, reason string) {
	if e.Reasons == nil {
		e.Reasons = map[shop.ItemID]string{}
	}
	e.Reasons[id] = reason
}

// Err returns e, or nil when no item was refused.
func (e *RefusedError) Err() error {
	if len(e.Reasons) == 0 {
		return nil
	}
	return e
}

// BusyError says that the back end asks to be left alone for a moment. It wraps [ErrUnavailable].
type BusyError struct {
	// After is how long; 0 is unknown.
	After time.Duration
	Text  string
}

// Error implements error.
func (e *BusyError) Error() string { return "the back end is busy: " + e.Text }

// Unwrap returns [ErrUnavailable].
func (e *BusyError) Unwrap() error { return ErrUnavailable }
