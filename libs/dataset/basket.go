package dataset

import (
	"cmp"
	"math"
	"slices"

	"github.com/haggle-commerce/haggle/libs/shop"
)

// baskets gathers the rows of a transaction into one event. It holds all open ones, because a log need not be in any order:
// about 250 bytes a row, at most limit rows; beyond that the older half goes out.
type baskets struct {
	limit int
	rows  int
	open  map[basketKey]*shop.Event
	// order is the order in which the transactions began.
	order []*shop.Event
}

// basketKey tells baskets apart: exports that round their order numbers (4.0128e+10) give one number to several shoppers.
type basketKey struct {
	transaction string
	shopper     shop.ShopperID
	kind        shop.EventKind
}

// add takes a row with one item and returns events that had to go out to make room.
func (b *baskets) add(e shop.Event) (out []*shop.Event) {
	if b.open == nil {
		b.open = map[basketKey]*shop.Event{}
	}
	if b.rows >= b.limit {
		out = b.older()
	}
	b.rows++
	key := basketKey{e.Transaction, e.Shopper, e.Kind}
	if whole, ok := b.open[key]; ok && merge(whole, e) {
		return out
	}
	b.open[key] = &e
	b.order = append(b.order, &e)
	return out
}

// merge adds the item of a row to its transaction; false when that is full. The same item twice is one with both quantities.
func merge(whole *shop.Event, e shop.Event) bool {
	item := e.Items[0]
	for i := range whole.Items {
		if same := &whole.Items[i]; same.ID == item.ID && same.Price == item.Price && same.Quantity > 0 && item.Quantity > 0 {
			same.Quantity += item.Quantity
			item.ID = ""
			break
		}
	}
	if item.ID != "" {
		if len(whole.Items) == shop.MaxEventItems {
			return false
		}
		whole.Items = append(whole.Items, item)
	}
	if e.Time.Before(whole.Time) {
		whole.Time = e.Time
	}
	whole.Session = cmp.Or(whole.Session, e.Session)
	whole.Value = cmp.Or(whole.Value, e.Value)
	return true
}

// older takes the older half of the transactions out.
func (b *baskets) older() []*shop.Event {
	half := (len(b.order) + 1) / 2
	out := b.order[:half:half]
	b.order = slices.Clone(b.order[half:])
	for _, e := range out {
		b.rows -= len(e.Items)
		if key := (basketKey{e.Transaction, e.Shopper, e.Kind}); b.open[key] == e {
			delete(b.open, key)
		}
	}
	return closed(out)
}

// all takes everything out.
func (b *baskets) all() []*shop.Event {
	out := b.order
	*b = baskets{limit: b.limit}
	return closed(out)
}

// closed sorts events by their times and works out the value of those that came without one.
func closed(events []*shop.Event) []*shop.Event {
	for _, e := range events {
		if e.Value != 0 {
			continue
		}
		for _, it := range e.Items {
			e.Value += it.Price * max(it.Quantity, 1)
		}
		if len(e.Items) == 1 && e.Items[0].Quantity > 0 {
			e.Value = e.Items[0].Price * e.Items[0].Quantity
		}
		e.Value = math.Round(e.Value*100) / 100
	}
	slices.SortStableFunc(events, func(a, b *shop.Event) int { return a.Time.Compare(b.Time) })
	return events
}
