package shop

import (
	"errors"
	"fmt"
	"math"
	"time"
)

// EventKind is a GA4 e-commerce event name.
type EventKind string

// The kinds of event that haggle understands, by their GA4 names.
const (
	ViewItemList   EventKind = "view_item_list"
	SelectItem     EventKind = "select_item"
	ViewItem       EventKind = "view_item"
	AddToCart      EventKind = "add_to_cart"
	RemoveFromCart EventKind = "remove_from_cart"
	BeginCheckout  EventKind = "begin_checkout"
	Purchase       EventKind = "purchase"
	Refund         EventKind = "refund"
	Search         EventKind = "search"
)

// EventKinds lists every kind, in a fixed order.
var EventKinds = [...]EventKind{ViewItemList, SelectItem, ViewItem, AddToCart, RemoveFromCart, BeginCheckout, Purchase, Refund, Search}

// Known reports whether k is one of [EventKinds].
func (k EventKind) Known() bool {
	for _, known := range EventKinds {
		if k == known {
			return true
		}
	}
	return false
}

// Consent is what a shopper allowed. The zero value allows nothing; an event without a consent field is treated by the
// gateway as full consent, because the shop is the controller of its data.
type Consent struct {
	// Personalization allows the event to be joined to the shopper. Without it the event still counts for the items.
	Personalization bool `json:"personalization"`
}

// EventItem is one item of an event.
type EventItem struct {
	ID ItemID `json:"item_id"`
	// Index is the position in the list, from 0.
	Index    int     `json:"index,omitempty"`
	Price    float64 `json:"price,omitempty"`
	Quantity float64 `json:"quantity,omitempty"`
}

// Event is one thing that a shopper did, as it lies on the EVENTS stream.
type Event struct {
	// ID is the idempotency key: two events with one ID are one event.
	ID   string    `json:"event_id"`
	Kind EventKind `json:"event"`
	// Time is when it happened, clamped by the gateway.
	Time    time.Time `json:"timestamp"`
	Shopper ShopperID `json:"shopper_id,omitempty"`
	Session SessionID `json:"session_id,omitempty"`
	// Placement is GA4's item_list_id: where the items stood.
	Placement  Placement   `json:"item_list_id,omitempty"`
	SearchTerm string      `json:"search_term,omitempty"`
	Items      []EventItem `json:"items,omitempty"`
	Value      float64     `json:"value,omitempty"`
	Currency   string      `json:"currency,omitempty"`
	// Transaction is the shop's order number, on purchase and refund.
	Transaction string `json:"transaction_id,omitempty"`
	// Request, Model and Verified come from an attribution token whose signature held: the query that showed the items.
	Request  RequestID `json:"request_id,omitempty"`
	Model    string    `json:"model,omitempty"`
	Verified bool      `json:"verified,omitempty"`
}

// MaxEventItems is how many items one event may carry.
const MaxEventItems = 200

// Check returns every fault of the event, joined, each a [*FieldError]; nil when it may enter the stream.
func (e *Event) Check() error {
	var errs []error
	fault := func(field, format string, args ...any) {
		errs = append(errs, &FieldError{Field: field, Reason: fmt.Sprintf(format, args...)})
	}
	if reason := IDFault(e.ID); reason != "" {
		fault("event_id", "%s", reason)
	}
	if !e.Kind.Known() {
		fault("event", "is %q, must be one of %v", e.Kind, EventKinds)
	}
	if e.Time.IsZero() {
		fault("timestamp", "is missing")
	}
	if e.Shopper != "" {
		if reason := IDFault(string(e.Shopper)); reason != "" {
			fault("visitor_id", "%s", reason)
		}
	}
	if e.Session != "" {
		if reason := IDFault(string(e.Session)); reason != "" {
			fault("session_id", "%s", reason)
		}
	}
	for _, text := range [...]struct{ field, value string }{
		{"item_list_id", string(e.Placement)},
		{"search_term", e.SearchTerm},
		{"transaction_id", e.Transaction},
		{"currency", e.Currency},
	} {
		if reason := textFault(text.value, MaxValueBytes); reason != "" {
			fault(text.field, "%s", reason)
		}
	}
	if math.IsNaN(e.Value) || math.IsInf(e.Value, 0) {
		fault("value", "is %v, must be a finite number", e.Value)
	}
	if len(e.Items) == 0 && e.Kind.Known() && e.Kind != Search {
		fault("items", "is empty, a %s event needs at least one item", e.Kind)
	}
	if len(e.Items) > MaxEventItems {
		fault("items", "has %d entries, at most %d", len(e.Items), MaxEventItems)
		return errors.Join(errs...)
	}
	for i := range e.Items {
		it := &e.Items[i]
		if reason := IDFault(string(it.ID)); reason != "" {
			fault(fmt.Sprintf("items[%d].item_id", i), "%s", reason)
		}
		if it.Index < 0 || it.Index > 1e6 {
			fault(fmt.Sprintf("items[%d].index", i), "is %d, must be between 0 and 1000000", it.Index)
		}
		if math.IsNaN(it.Price) || it.Price < 0 || it.Price > MaxPrice {
			fault(fmt.Sprintf("items[%d].price", i), "is %v, must be between 0 and %g", it.Price, float64(MaxPrice))
		}
		if math.IsNaN(it.Quantity) || it.Quantity < 0 || it.Quantity > 1e6 {
			fault(fmt.Sprintf("items[%d].quantity", i), "is %v, must be between 0 and 1e6", it.Quantity)
		}
	}
	return errors.Join(errs...)
}

// ClampTime returns t moved into [received - 24 h, received + 5 min]: a client's clock is not believed beyond that.
// A zero t becomes received.
func ClampTime(t, received time.Time) time.Time {
	switch earliest, latest := received.Add(-24*time.Hour), received.Add(5*time.Minute); {
	case t.IsZero():
		return received
	case t.Before(earliest):
		return earliest
	case t.After(latest):
		return latest
	}
	return t
}
