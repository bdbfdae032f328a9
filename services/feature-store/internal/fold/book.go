// Package fold turns events into rows, each event once, in memory: it says which rows it needs and which it changed.
package fold

import (
	"encoding"
	"fmt"
	"strings"
	"time"

	"github.com/haggle-commerce/haggle/libs/feature"
	"github.com/haggle-commerce/haggle/libs/shop"
)

// Options say how long what is kept.
type Options struct {
	// DuplicateWindow is how long, by the clock of the stream, the id of an event is remembered.
	DuplicateWindow time.Duration
}

// Outcome says what became of an event.
type Outcome uint8

// The outcomes.
const (
	// Folded events changed rows.
	Folded Outcome = iota
	// Duplicate events were folded before.
	Duplicate
	// Ignored events count for nothing: no item and no shopper.
	Ignored
	outcomes
)

// String returns the outcome as it stands in a metric.
func (o Outcome) String() string { return [outcomes]string{"folded", "duplicate", "ignored"}[o] }

// Outcomes lists every outcome.
func Outcomes() []Outcome { return []Outcome{Folded, Duplicate, Ignored} }

// Shares is how many parts the ids of events without a shopper are kept in. It is part of the schema: see
// [feature.AnonymousStateKey].
const Shares = 4096

// maxAhead is how far before the stream's clock an event may say that it happened: the gateway lets no more pass.
const maxAhead = 5 * time.Minute

// Book is the rows and states that were needed so far, and which of them changed since the last [Book.Clean]. It belongs to
// one goroutine.
//
// Use: for each event of a batch [Book.Need]; read what [Book.Missing] names and hand it to [Book.Load]; for each event
// [Book.Apply]; write what [Book.Changes] gives; [Book.Clean].
type Book struct {
	options  Options
	items    map[shop.ItemID]*item
	shoppers map[shop.ShopperID]*shopper
	shares   map[int]*share
	missing  []*entry
	changed  []*entry
	arena    []byte
}

// entry is what the three kinds of page have in common.
type entry struct {
	// key is where the writer reads the page: the row of an item, the state of a shopper or of a share.
	key     string
	dirty   bool
	waiting bool
	item    *item
	shopper *shopper
	share   *share
}

type item struct {
	entry
	row feature.ItemRow
}

type shopper struct {
	entry
	id   shop.ShopperID
	seen seen
	row  feature.ShopperRow
}

type share struct {
	entry
	seen seen
}

// New returns an empty book.
func New(o Options) *Book {
	b := &Book{options: o}
	b.Forget()
	return b
}

// Forget drops everything, changed or not.
func (b *Book) Forget() {
	b.items, b.shoppers, b.shares = map[shop.ItemID]*item{}, map[shop.ShopperID]*shopper{}, map[int]*share{}
	b.missing, b.changed = nil, nil
}

// Len returns how many rows and states are in memory.
func (b *Book) Len() int { return len(b.items) + len(b.shoppers) + len(b.shares) }

// Changed returns how many rows and states differ from what was last written.
func (b *Book) Changed() int { return len(b.changed) }

// Fault says why an event cannot be folded; nil when it can. The gateway lets no such event pass.
func Fault(e *shop.Event) error {
	switch {
	case e.ID == "" || len(e.ID) > shop.MaxIDBytes:
		return &shop.FieldError{Field: "event_id", Reason: "is empty or too long"}
	case !e.Kind.Known():
		return &shop.FieldError{Field: "event", Reason: "is of no known kind"}
	case len(e.Shopper) > shop.MaxIDBytes:
		return &shop.FieldError{Field: "shopper_id", Reason: "is too long"}
	case len(e.Items) > shop.MaxEventItems:
		return &shop.FieldError{Field: "items", Reason: "are too many"}
	}
	for i := range e.Items {
		if n := len(e.Items[i].ID); n == 0 || n > shop.MaxIDBytes {
			return &shop.FieldError{Field: fmt.Sprintf("items[%d].item_id", i), Reason: "is empty or too long"}
		}
	}
	return nil
}

// shareOf returns the share that the id of an event without a shopper belongs to.
func shareOf(e *shop.Event) int { return int(hashID(e.ID) % Shares) }

// Need notes which rows and states the event touches, for Missing.
func (b *Book) Need(e *shop.Event) {
	if e.Shopper != "" {
		if b.shoppers[e.Shopper] == nil {
			id := shop.ShopperID(strings.Clone(string(e.Shopper)))
			s := &shopper{id: id}
			s.entry = entry{key: feature.ShopperStateKey(id), shopper: s}
			b.shoppers[id] = s
			b.miss(&s.entry)
		}
	} else if n := shareOf(e); b.shares[n] == nil {
		s := &share{}
		s.entry = entry{key: feature.AnonymousStateKey(n), share: s}
		b.shares[n] = s
		b.miss(&s.entry)
	}
	for i := range e.Items {
		if b.items[e.Items[i].ID] == nil {
			id := shop.ItemID(strings.Clone(string(e.Items[i].ID)))
			it := &item{}
			it.entry = entry{key: feature.ItemKey(id), item: it}
			b.items[id] = it
			b.miss(&it.entry)
		}
	}
}

func (b *Book) miss(e *entry) {
	e.waiting = true
	b.missing = append(b.missing, e)
}

// Missing appends the keys of rows and states that were needed and are not in memory.
func (b *Book) Missing(keys []string) []string {
	for _, e := range b.missing {
		keys = append(keys, e.key)
	}
	return keys
}

// Load takes the values of the keys that Missing gave, in that order; nil for a key that is not there. A value that cannot
// be decoded is an error: the rows are to be built anew from the stream, since what they counted is lost.
func (b *Book) Load(values [][]byte) error {
	for i, e := range b.missing {
		if value := values[i]; len(value) > 0 {
			if err := e.load(value); err != nil {
				return fmt.Errorf("load %s: %w", e.key, err)
			}
		}
		e.waiting = false
	}
	b.missing = b.missing[:0]
	return nil
}

// LoadNothing says that none of the keys that Missing gave is there: so it is while rows are built anew.
func (b *Book) LoadNothing() {
	for _, e := range b.missing {
		e.waiting = false
	}
	b.missing = b.missing[:0]
}

func (e *entry) load(value []byte) error {
	switch {
	case e.item != nil:
		return e.item.row.Decode(value)
	case e.share != nil:
		rest, err := e.share.seen.decode(value)
		if err == nil && len(rest) > 0 {
			err = errState
		}
		return err
	}
	rest, err := e.shopper.seen.decode(value)
	if err != nil {
		return err
	}
	return e.shopper.row.Decode(rest)
}

// Apply folds an event, whose rows are in memory, that the stream took at the given time. It panics when they are not.
func (b *Book) Apply(e *shop.Event, at time.Time) Outcome {
	if len(e.Items) == 0 && e.Shopper == "" {
		return Ignored
	}
	if latest := at.Add(maxAhead); e.Time.After(latest) {
		e.Time = latest
	}
	if e.Time.IsZero() {
		e.Time = at
	}
	if e.Shopper != "" {
		s := b.shoppers[e.Shopper]
		b.touch(&s.entry)
		if !s.seen.add(e.ID, at, b.options.DuplicateWindow) {
			return Duplicate
		}
		s.row.Apply(e)
	} else {
		s := b.shares[shareOf(e)]
		b.touch(&s.entry)
		if !s.seen.add(e.ID, at, b.options.DuplicateWindow) {
			return Duplicate
		}
	}
	for i := range e.Items {
		it := b.items[e.Items[i].ID]
		b.touch(&it.entry)
		it.row.ApplyEvent(e, i)
	}
	return Folded
}

func (b *Book) touch(e *entry) {
	if e.waiting {
		panic("BUG: " + e.key + " was not loaded")
	}
	if !e.dirty {
		e.dirty = true
		b.changed = append(b.changed, e)
	}
}

// Change is a key and the value that it is to have.
type Change struct {
	Key   string
	Value []byte
	// Personal values belong to a shopper and do not outlive the events that they were made of.
	Personal bool
}

// Changes appends what is to be written, all of it in one transaction. The values are valid until the next call of Changes.
func (b *Book) Changes(changes []Change) []Change {
	// Values that were cut from the arena before it grew keep the memory that it had then.
	b.arena = b.arena[:0]
	for _, e := range b.changed {
		switch {
		case e.item != nil:
			changes = append(changes, Change{Key: e.key, Value: b.encoded(&e.item.row)})
		case e.share != nil:
			begin := len(b.arena)
			b.arena = e.share.seen.appendTo(b.arena)
			changes = append(changes, Change{Key: e.key, Value: b.arena[begin:]})
		default:
			s := e.shopper
			changes = append(changes, Change{Key: feature.ShopperKey(s.id), Value: b.encoded(&s.row), Personal: true})
			begin := len(b.arena)
			b.arena = s.row.AppendWhole(s.seen.appendTo(b.arena))
			changes = append(changes, Change{Key: e.key, Value: b.arena[begin:], Personal: true})
		}
	}
	return changes
}

// encoded writes a row to the arena; the error of its AppendBinary is always nil.
func (b *Book) encoded(row encoding.BinaryAppender) []byte {
	begin := len(b.arena)
	arena, err := row.AppendBinary(b.arena)
	if err != nil {
		panic("BUG: " + err.Error())
	}
	b.arena = arena
	return arena[begin:]
}

// Clean says that the changes were written.
func (b *Book) Clean() {
	for _, e := range b.changed {
		e.dirty = false
	}
	b.changed = b.changed[:0]
}

// Shrink forgets what is in memory when it is more than most; changes must have been written. What is needed again is
// loaded again.
func (b *Book) Shrink(most int) {
	if b.Len() > most && len(b.changed) == 0 && len(b.missing) == 0 {
		b.Forget()
	}
}
