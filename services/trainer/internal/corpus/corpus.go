// Package corpus keeps an event log in memory in a form that is small and quick to replay.
//
// An event takes 48 bytes and 8 bytes for each of its items, and each distinct item id, shopper and query its text once, in about
// 100 bytes.
package corpus

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/haggle-commerce/haggle/libs/shop"
)

// Item, Shopper and Query are numbers that a corpus gives to ids and texts; 0 stands for none.
type (
	Item    uint32
	Shopper uint32
	Query   uint32
)

// Kind is a [shop.EventKind] in one byte: its place in [shop.EventKinds].
type Kind uint8

// The kinds, in the order of [shop.EventKinds].
const (
	Listed Kind = iota
	Clicked
	Viewed
	Carted
	Removed
	Checkout
	Bought
	Refunded
	Searched
)

// Name returns the kind as the vocabulary names it.
func (k Kind) Name() shop.EventKind { return shop.EventKinds[k] }

// Event is one event of a corpus.
type Event struct {
	// At is when it happened, in unix milliseconds.
	At      int64
	Shopper Shopper
	Query   Query
	// Session stands for the session, by a hash; 0 for none.
	Session uint64
	Place   uint16
	Kind    Kind
	// id is a hash of the event's id; first and size say where its items stand.
	id    uint64
	first uint32
	size  uint16
}

// Time returns when it happened.
func (e *Event) Time() time.Time { return time.UnixMilli(e.At) }

// entry is one item of an event.
type entry struct {
	item  Item
	index uint16
}

// Log gathers events as they come. It belongs to one goroutine. The zero value is ready.
type Log struct {
	// Most is how many events are kept, the newest; 0 means all.
	Most int

	events   []Event
	entries  []entry
	items    table[shop.ItemID]
	shoppers table[shop.ShopperID]
	queries  table[string]
	places   table[shop.Placement]
	dropped  int
}

// table numbers texts from 1.
type table[T ~string] struct {
	at    map[T]uint32
	texts []T
}

// number returns the number of a text, a new one when it is new, 0 for the empty text.
func (t *table[T]) number(text T) uint32 {
	if text == "" {
		return 0
	}
	if n, ok := t.at[text]; ok {
		return n
	}
	if t.at == nil {
		t.at = map[T]uint32{}
	}
	// A copy: the text may be part of a whole message.
	text = T(strings.Clone(string(text)))
	t.texts = append(t.texts, text)
	t.at[text] = uint32(len(t.texts))
	return uint32(len(t.texts))
}

// Len returns how many events are kept, those that came twice counted twice.
func (l *Log) Len() int { return len(l.events) }

// Item numbers an item, so that items nobody touched are known too.
func (l *Log) Item(id shop.ItemID) Item { return Item(l.items.number(id)) }

// maxPlaces bounds the distinct placements: what comes later has none.
const maxPlaces = 1 << 15

// Add takes an event in. What the event points to is copied.
func (l *Log) Add(e *shop.Event) {
	kind := slices.Index(shop.EventKinds[:], e.Kind)
	if kind < 0 || len(e.Items) > shop.MaxEventItems {
		return
	}
	stored := Event{
		At: e.Time.UnixMilli(), Kind: Kind(kind), Shopper: Shopper(l.shoppers.number(e.Shopper)), Session: sessionOf(e),
		Query: Query(l.queries.number(strings.TrimSpace(e.SearchTerm))), id: hash(e.ID),
		first: uint32(len(l.entries)), size: uint16(len(e.Items)),
	}
	if place := l.places.number(e.Placement); place < maxPlaces {
		stored.Place = uint16(place)
	}
	for i := range e.Items {
		l.entries = append(l.entries, entry{Item(l.items.number(e.Items[i].ID)), uint16(min(max(e.Items[i].Index, 0), 1<<16-1))})
	}
	l.events = append(l.events, stored)
	// Dropping an eighth at a time costs a constant per event.
	if l.Most > 0 && len(l.events) > l.Most+l.Most/8 {
		l.drop(len(l.events) - l.Most)
	}
}

// sessionOf returns the number of an event's session: that of its id, else one made of the shopper and the order, else of the
// shopper and the half hour.
func sessionOf(e *shop.Event) uint64 {
	switch {
	case e.Session != "":
		return max(hash("s", string(e.Session), string(e.Shopper)), 1)
	case e.Shopper == "":
		return 0
	case e.Transaction != "":
		return max(hash("t", e.Transaction, string(e.Shopper)), 1)
	}
	half := e.Time.Unix() / int64(shop.SessionIdle.Seconds())
	return max(hash("h", strconv.FormatInt(half, 36), string(e.Shopper)), 1)
}

// hash is FNV-1a of the texts with a zero byte after each: the same in every process, so that what is learnt is the same too.
func hash(texts ...string) uint64 {
	h := uint64(14695981039346656037)
	for _, text := range texts {
		for i := range len(text) {
			h = (h ^ uint64(text[i])) * 1099511628211
		}
		h *= 1099511628211
	}
	h ^= h >> 32
	h *= 0xd6e8feb86659fd93
	return h ^ h>>32
}

// drop forgets the n oldest events.
func (l *Log) drop(n int) {
	sortEvents(l.events)
	l.dropped += n
	kept := slices.Clone(l.events[n:])
	entries := make([]entry, 0, len(l.entries))
	for i := range kept {
		from := kept[i].first
		kept[i].first = uint32(len(entries))
		entries = append(entries, l.entries[from:from+uint32(kept[i].size)]...)
	}
	l.events, l.entries = kept, entries
}

func sortEvents(events []Event) {
	slices.SortFunc(events, func(a, b Event) int {
		return cmp.Or(cmp.Compare(a.At, b.At), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Shopper, b.Shopper), cmp.Compare(a.first, b.first))
	})
}

// Corpus is an event log in order of time, each event once. It never changes and may be used by many goroutines at once.
type Corpus struct {
	Events []Event
	// Dropped is how many older events the log has forgotten, Twice how many came again.
	Dropped, Twice int

	entries  []entry
	items    []shop.ItemID
	queries  []string
	places   []shop.Placement
	shoppers int
}

// Corpus returns what the log holds now. The log may grow meanwhile.
func (l *Log) Corpus() *Corpus {
	c := &Corpus{
		Events: slices.Clone(l.events), Dropped: l.dropped, entries: l.entries[:len(l.entries):len(l.entries)],
		items: l.items.texts[:len(l.items.texts):len(l.items.texts)], queries: l.queries.texts[:len(l.queries.texts):len(l.queries.texts)],
		places: l.places.texts[:len(l.places.texts):len(l.places.texts)], shoppers: len(l.shoppers.texts),
	}
	sortEvents(c.Events)
	seen := make(map[uint64]struct{}, len(c.Events))
	c.Events = slices.DeleteFunc(c.Events, func(e Event) bool {
		if _, again := seen[e.id]; again {
			c.Twice++
			return true
		}
		seen[e.id] = struct{}{}
		return false
	})
	return c
}

// Items returns how many items are numbered: the numbers go from 1 to Items().
func (c *Corpus) Items() int { return len(c.items) }

// Shoppers returns how many shoppers are numbered.
func (c *Corpus) Shoppers() int { return c.shoppers }

// ID returns the id of an item.
func (c *Corpus) ID(i Item) shop.ItemID { return c.items[i-1] }

// Text returns the text of a query, "" for none.
func (c *Corpus) Text(q Query) string {
	if q == 0 {
		return ""
	}
	return c.queries[q-1]
}

// Place returns the name of a placement, "" for none.
func (c *Corpus) Place(p uint16) shop.Placement {
	if p == 0 {
		return ""
	}
	return c.places[p-1]
}

// ItemsOf appends the items of an event to dst, in their order.
func (c *Corpus) ItemsOf(dst []Item, e *Event) []Item {
	for _, entry := range c.entries[e.first : e.first+uint32(e.size)] {
		dst = append(dst, entry.item)
	}
	return dst
}

// Fill writes what rows are folded from into out, whose memory it reuses: the kind, the time and the items.
func (c *Corpus) Fill(out *shop.Event, e *Event) {
	out.Kind, out.Time, out.Items = e.Kind.Name(), e.Time(), out.Items[:0]
	for _, entry := range c.entries[e.first : e.first+uint32(e.size)] {
		out.Items = append(out.Items, shop.EventItem{ID: c.items[entry.item-1], Index: int(entry.index)})
	}
}

// Before returns how many events happened before a moment.
func (c *Corpus) Before(at int64) int {
	n, _ := slices.BinarySearchFunc(c.Events, at, func(e Event, at int64) int { return cmp.Compare(e.At, at) })
	return n
}
