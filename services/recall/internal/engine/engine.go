// Package engine answers searches and recommendations from everything that recall knows of items, events and shoppers.
//
// One lock stands around all cores: writers hold it for a handful of changes at a time, so that readers wait for less than a
// millisecond, and every answer comes from one state of the shop.
package engine

import (
	"fmt"
	"math"
	"sync"
	"time"

	"github.com/haggle-commerce/haggle/libs/shop"
	"github.com/haggle-commerce/haggle/services/recall/internal/catalogue"
	"github.com/haggle-commerce/haggle/services/recall/internal/choice"
	"github.com/haggle-commerce/haggle/services/recall/internal/complete"
	"github.com/haggle-commerce/haggle/services/recall/internal/explore"
	"github.com/haggle-commerce/haggle/services/recall/internal/history"
	"github.com/haggle-commerce/haggle/services/recall/internal/lexical"
	"github.com/haggle-commerce/haggle/services/recall/internal/neighbour"
	"github.com/haggle-commerce/haggle/services/recall/internal/session"
	"github.com/haggle-commerce/haggle/services/recall/internal/synonym"
	"github.com/haggle-commerce/haggle/services/recall/internal/top"
	"github.com/haggle-commerce/haggle/services/recall/internal/trend"
)

// Options bound the engine's memory and set how fast it forgets.
type Options struct {
	// Shoppers and Sessions are how many are remembered.
	Shoppers, Sessions int
	// TrendingHalfLife and PopularHalfLife are after how long a wish counts half.
	TrendingHalfLife, PopularHalfLife time.Duration
	// Shard of Shards is the part of the items that the engine is told of; others are known from events alone. 0 or 1 shards is all.
	Shard, Shards int
	// Synonyms may be nil.
	Synonyms *synonym.Rules
}

// Defaults returns options for a shop of a million items: at most some 400 MB for shoppers and sessions, and far less in most.
func Defaults() Options {
	return Options{Shoppers: 200_000, Sessions: 200_000, TrendingHalfLife: 12 * time.Hour, PopularHalfLife: 30 * 24 * time.Hour}
}

// Engine is all that recall knows. Make one with [New]. Answer may be called at once with anything else; of the writers, Apply is
// for one goroutine.
type Engine struct {
	options  Options
	analyser *lexical.Analyser
	rooms    sync.Pool

	// writers lets one writer in at a time. It is taken before mu, and held alone while a snapshot is written: those who ask go on.
	writers sync.Mutex

	mu        sync.RWMutex
	catalogue *catalogue.Catalogue
	words     *lexical.Index
	synonyms  *synonym.Rules
	choices   *choice.Book
	phrases   *complete.Book
	// phraseIDs are the numbers of each item's phrases, by slot.
	phraseIDs [][]uint32
	newest    trend.Leaders
	cold      *explore.Book
	// bought counts what was bought, rebought what the same shopper had bought on an earlier day.
	bought, rebought float64
	trending         *trend.Counter
	popular          *trend.Counter
	sessions         *session.Index
	shoppers         *history.Book
	// neighbours is nil until a model was published.
	neighbours *neighbour.Lists
	table      *table
	seen       recently
	vectors    vectors
}

// New returns an engine that knows nothing.
func New(o Options) *Engine {
	sessions := session.Defaults()
	sessions.Sessions = o.Sessions
	e := &Engine{
		options:   o,
		analyser:  lexical.NewAnalyser(),
		catalogue: catalogue.New(),
		words:     lexical.New(lexical.Defaults()),
		synonyms:  o.Synonyms,
		choices:   choice.New(),
		phrases:   complete.New(),
		cold:      explore.New(),
		table:     tableOf(nil),
		trending:  trend.New(o.TrendingHalfLife),
		popular:   trend.New(o.PopularHalfLife),
		sessions:  session.New(sessions),
		shoppers:  history.New(o.Shoppers),
		seen:      recently{at: map[uint64]struct{}{}},
	}
	e.vectors.given, e.vectors.texts = e.newIndex(), e.newIndex()
	e.rooms.New = func() any { return &room{counter: catalogue.Counter{Wide: o.Shards > 1}} }
	return e
}

// Change is a new state of one item.
type Change struct {
	ID shop.ItemID
	// Item is nil when the item is gone.
	Item *shop.Item
}

// applyAtOnce is how many changes are made under one lock: about 30 us each.
const applyAtOnce = 16

// Apply changes the catalogue. Texts are taken apart before the lock is held.
func (e *Engine) Apply(changes []Change) {
	var documents [applyAtOnce]*lexical.Document
	var meant [applyAtOnce]prepared
	for len(changes) > 0 {
		n := min(applyAtOnce, len(changes))
		for i, change := range changes[:n] {
			documents[i] = nil
			if change.Item != nil {
				documents[i] = e.analyser.Analyse(change.Item)
			}
		}
		e.prepare(changes[:n], meant[:n])
		e.apply(changes[:n], documents[:n], meant[:n])
		changes = changes[n:]
	}
}

func (e *Engine) apply(changes []Change, documents []*lexical.Document, meant []prepared) {
	e.writers.Lock()
	defer e.writers.Unlock()
	e.mu.Lock()
	defer e.mu.Unlock()
	dropped := false
	for i, change := range changes {
		if change.Item == nil {
			if s, ok := e.catalogue.Delete(change.ID); ok {
				e.words.Delete(s)
				e.setPhrases(s, nil)
				e.setVectors(s, nil, nil)
				e.cold.Delete(s, e.catalogue.Tie(s))
				dropped = e.newest.Drop(s) || dropped
			}
			continue
		}
		s := e.catalogue.Put(change.Item)
		if e.words.Put(s, documents[i]) {
			e.setPhrases(s, change.Item)
		}
		e.setVectors(s, change.Item, &meant[i])
		e.cold.Put(s, e.catalogue.Tie(s))
		dropped = e.newest.Drop(s) || dropped
		e.newest.Raise(e.newestEntry(s))
	}
	if dropped && e.catalogue.Count() >= trend.MaxLeaders {
		// What stood behind the last of the newest is not known: look again.
		for s := range e.catalogue.Live().All {
			e.newest.Raise(e.newestEntry(s))
		}
	}
}

func (e *Engine) newestEntry(s catalogue.Slot) top.Entry {
	return top.Entry{Score: float64(e.catalogue.Created(s)), Tie: e.catalogue.Tie(s), Slot: s}
}

// setPhrases makes the texts of it what autocompletion finds of item s; nil takes them away.
func (e *Engine) setPhrases(s catalogue.Slot, it *shop.Item) {
	for int(s) >= len(e.phraseIDs) {
		e.phraseIDs = append(e.phraseIDs, nil)
	}
	old := e.phraseIDs[s]
	e.phraseIDs[s] = nil
	if it != nil {
		e.phraseIDs[s] = e.phrases.AddItem(it, nil)
	}
	for _, i := range old {
		e.phrases.Remove(i)
	}
}

// observeAtOnce is how many events are counted under one lock: about 2 us each.
const observeAtOnce = 64

// Observe counts events. An event that was counted lately is not counted again.
func (e *Engine) Observe(events []shop.Event) {
	for len(events) > 0 {
		n := min(observeAtOnce, len(events))
		e.observeAll(events[:n])
		events = events[n:]
	}
}

func (e *Engine) observeAll(events []shop.Event) {
	e.writers.Lock()
	defer e.writers.Unlock()
	e.mu.Lock()
	defer e.mu.Unlock()
	for i := range events {
		e.observe(&events[i])
	}
}

// wishes are how much each kind of event says of the want for an item.
var wishes = map[shop.EventKind]float64{
	shop.SelectItem: 0.5, shop.ViewItem: 1, shop.AddToCart: 3, shop.BeginCheckout: 1, shop.Purchase: 6,
}

func (e *Engine) observe(event *shop.Event) {
	if event.ID != "" && !e.seen.add(hashOf(event.ID)) {
		return
	}
	if event.Kind == shop.Search && event.SearchTerm != "" {
		asker := string(event.Shopper)
		if asker == "" {
			asker = string(event.Session)
		}
		e.phrases.Ask(event.SearchTerm, hashOf(asker), event.Time)
	}
	e.observeChoice(event)
	wish := wishes[event.Kind]
	kind, touched := history.KindOf(event.Kind)
	sessionID, inSession := session.Key(event)
	for i := range event.Items {
		s, ok := e.slotOf(event.Items[i].ID)
		if !ok {
			continue
		}
		owned := e.ownsSlot(s)
		if event.Kind == shop.ViewItemList && owned {
			e.cold.Show(s, e.catalogue.Tie(s))
		}
		if wish > 0 && !owned {
			e.trending.Count(s, wish, event.Time)
			e.popular.Count(s, wish, event.Time)
		} else if wish > 0 {
			e.cold.Want(s, e.catalogue.Tie(s))
			e.trending.Add(s, wish, event.Time, e.catalogue.Tie(s))
			e.popular.Add(s, wish, event.Time, e.catalogue.Tie(s))
		}
		if touched && event.Shopper != "" {
			if kind == history.Bought {
				e.countPurchase(event.Shopper, s, event.Time)
			}
			e.shoppers.Touch(event.Shopper, s, kind, event.Time)
		}
		if touched && inSession {
			e.sessions.Touch(sessionID, s)
		}
	}
}

// countPurchase notes whether a purchase repeats one of an earlier day.
func (e *Engine) countPurchase(shopper shop.ShopperID, s catalogue.Slot, at time.Time) {
	known := e.shoppers.Find(shopper)
	if known == nil {
		return
	}
	e.bought++
	for _, touch := range known.Bought {
		if touch.Slot == s && at.Unix()-touch.At >= minAgainDays*24*60*60 {
			e.rebought++
			return
		}
	}
}

// A shop in which less than rareRebuy of what known shoppers buy was bought before, of enoughBought purchases at least, is one in
// which a thing is bought once.
const (
	rareRebuy    = 0.02
	enoughBought = 500
)

// boughtOnce reports whether what somebody bought is not worth offering to them again.
func (e *Engine) boughtOnce() bool {
	return e.bought >= enoughBought && e.rebought < rareRebuy*e.bought
}

// slotOf returns the slot of an item of an event. Items that the catalogue does not have are numbered too, as it may only be
// behind, but not without bound.
func (e *Engine) slotOf(id shop.ItemID) (catalogue.Slot, bool) {
	if s, ok := e.catalogue.Find(id); ok {
		return s, true
	}
	if e.catalogue.Size() >= 2*max(1, e.options.Shards)*e.catalogue.Count()+100_000 {
		return 0, false
	}
	return e.catalogue.Intern(id), true
}

// SetNeighbours makes source what [blend.Together] is answered from. It is checked first, and refused as a whole.
func (e *Engine) SetNeighbours(source neighbour.Source) error {
	if len(source.Offsets) != len(source.IDs)+1 || len(source.Items) != len(source.Weights) {
		return fmt.Errorf("%d ids, %d offsets, %d items and %d weights do not fit together", len(source.IDs), len(source.Offsets), len(source.Items), len(source.Weights))
	}
	at := uint32(0)
	for _, next := range source.Offsets {
		if next < at || int(next) > len(source.Items) {
			return fmt.Errorf("offset %d behind offset %d of %d items", next, at, len(source.Items))
		}
		at = next
	}
	for i, item := range source.Items {
		if int(item) >= len(source.IDs) || math.IsNaN(float64(source.Weights[i])) {
			return fmt.Errorf("item %d of %d has weight %v", item, len(source.IDs), source.Weights[i])
		}
	}
	e.writers.Lock()
	defer e.writers.Unlock()
	e.mu.Lock()
	defer e.mu.Unlock()
	e.neighbours = neighbour.New(e.catalogue, source)
	return nil
}

// Size says how much the engine knows.
type Size struct {
	Items, Words, Phrases, Shoppers, Sessions int
	// Vectors and Encoded are how many items have a vector of the catalogue's and of the encoder's; RefusedVectors counts vectors that
	// were refused for their length; VectorBytes is the memory of the indices.
	Vectors, Encoded, RefusedVectors, VectorBytes int
}

// Size returns how much the engine knows.
func (e *Engine) Size() Size {
	e.mu.RLock()
	defer e.mu.RUnlock()
	return Size{
		Items: e.catalogue.Count(), Words: e.words.Terms(), Phrases: e.phrases.Len(),
		Shoppers: e.shoppers.Len(), Sessions: e.sessions.Len(),
		Vectors: e.vectors.given.Len(), Encoded: e.vectors.texts.Len(), RefusedVectors: e.vectors.refused,
		VectorBytes: e.vectors.given.Bytes() + e.vectors.texts.Bytes(),
	}
}

// recently is a set of the last 65,536 hashes.
type recently struct {
	at   map[uint64]struct{}
	ring [1 << 16]uint64
	next uint16
}

// add puts a hash in and reports whether it was not there.
func (r *recently) add(hash uint64) bool {
	if _, ok := r.at[hash]; ok {
		return false
	}
	delete(r.at, r.ring[r.next])
	r.at[hash] = struct{}{}
	r.ring[r.next] = hash
	r.next++
	return true
}
