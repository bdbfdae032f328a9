// Package engine answers searches and recommendations from everything that recall knows of items, events and shoppers.
//
// One lock stands around all cores but the phrases of autocompletion, which have their own: writers hold it for a few changes at a time, so
// that readers wait for a fraction of a millisecond, and every answer comes from one state of the shop.
package engine

import (
	"fmt"
	"math"
	"sync"
	"time"

	next "github.com/haggle-commerce/haggle/libs/model/session"
	"github.com/haggle-commerce/haggle/libs/shop"
	"github.com/haggle-commerce/haggle/services/recall/internal/catalogue"
	"github.com/haggle-commerce/haggle/services/recall/internal/choice"
	"github.com/haggle-commerce/haggle/services/recall/internal/complete"
	"github.com/haggle-commerce/haggle/services/recall/internal/explore"
	"github.com/haggle-commerce/haggle/services/recall/internal/history"
	"github.com/haggle-commerce/haggle/services/recall/internal/lexical"
	"github.com/haggle-commerce/haggle/services/recall/internal/neighbour"
	"github.com/haggle-commerce/haggle/services/recall/internal/newest"
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
	// newest holds the items of which it is known when they came.
	newest *newest.List
	cold   *explore.Book
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

	// typing guards phrases. It is taken after writers, and by readers after mu; no writer holds it with mu.
	typing  sync.RWMutex
	phrases *complete.Book
}

// New returns an engine that knows nothing.
func New(o Options) *Engine {
	e := &Engine{
		options:   o,
		analyser:  lexical.NewAnalyser(),
		catalogue: catalogue.New(),
		words:     lexical.New(lexical.Defaults()),
		synonyms:  o.Synonyms,
		choices:   choice.New(),
		phrases:   complete.New(),
		table:     tableOf(nil),
		trending:  trend.New(o.TrendingHalfLife),
		popular:   trend.New(o.PopularHalfLife),
		sessions:  session.New(o.Sessions),
		shoppers:  history.New(o.Shoppers),
		seen:      recently{at: map[uint64]struct{}{}},
	}
	e.newest = newest.New(e.newestEntry)
	e.cold = explore.New(func(s catalogue.Slot) uint64 { return e.catalogue.Tie(s) })
	e.vectors.given, e.vectors.used.texts = e.newIndex(), e.newIndex()
	e.rooms.New = func() any { return &room{counter: catalogue.Counter{Wide: o.Shards > 1}} }
	return e
}

// Change is a new state of one item.
type Change struct {
	ID shop.ItemID
	// Item is nil when the item is gone.
	Item *shop.Item
}

// applyAtOnce is how many changes are made under one lock: some 50 us each, for which those who ask wait.
const applyAtOnce = 4

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
		e.prepare(changes[:n], documents[:n], meant[:n])
		e.apply(changes[:n], documents[:n], meant[:n])
		e.relieve()
		changes = changes[n:]
	}
}

func (e *Engine) apply(changes []Change, documents []*lexical.Document, meant []prepared) {
	e.writers.Lock()
	defer e.writers.Unlock()
	var renamed [applyAtOnce]catalogue.Slot
	e.applyItems(changes, documents, meant, &renamed)
	e.typing.Lock()
	defer e.typing.Unlock()
	for i, change := range changes {
		if s := renamed[i]; s != unchanged {
			e.phrases.Put(uint32(s), change.Item)
		}
	}
}

// unchanged stands for the slot of an item whose texts are as they were.
const unchanged = catalogue.Slot(math.MaxUint32)

// applyItems changes all but the phrases, and says of which items those have to be changed too.
func (e *Engine) applyItems(changes []Change, documents []*lexical.Document, meant []prepared, renamed *[applyAtOnce]catalogue.Slot) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for i, change := range changes {
		renamed[i] = unchanged
		if change.Item == nil {
			if s, ok := e.catalogue.Find(change.ID); ok && e.catalogue.Live().Has(s) {
				e.delete(s, change.ID)
				renamed[i] = s
			}
			continue
		}
		s := e.put(change.Item)
		documents[i].Order(e.catalogue.Tie(s))
		if e.words.Put(s, documents[i]) {
			renamed[i] = s
		}
		e.setVectors(s, change.Item, &meant[i])
		e.cold.Put(s)
	}
}

// put puts an item into the catalogue, and where it belongs among the newest.
func (e *Engine) put(it *shop.Item) catalogue.Slot {
	s := e.catalogue.Intern(it.ID)
	before, after := e.catalogue.Created(s), int64(0)
	if !it.CreatedAt.IsZero() {
		after = it.CreatedAt.Unix()
	}
	if before != 0 && before != after {
		e.newest.Remove(s)
	}
	e.catalogue.Put(it)
	if after != 0 && before != after {
		e.newest.Add(s)
	}
	return s
}

func (e *Engine) delete(s catalogue.Slot, id shop.ItemID) {
	e.newest.Remove(s)
	e.catalogue.Delete(id)
	e.words.Delete(s)
	e.setVectors(s, nil, nil)
	e.cold.Delete(s)
}

func (e *Engine) newestEntry(s catalogue.Slot) top.Entry {
	return top.Entry{Score: float64(e.catalogue.Created(s)), Tie: e.catalogue.Tie(s), Slot: s}
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

// SetSessions makes m what [blend.Session] is answered by.
func (e *Engine) SetSessions(m *next.Model) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.sessions.Use(m)
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
	e.typing.RLock()
	defer e.typing.RUnlock()
	return Size{
		Items: e.catalogue.Count(), Words: e.words.Terms(), Phrases: e.phrases.Len(),
		Shoppers: e.shoppers.Len(), Sessions: e.sessions.Len(),
		Vectors: e.vectors.given.Len(), Encoded: e.vectors.used.texts.Len(), RefusedVectors: e.vectors.refused,
		VectorBytes: e.vectors.given.Bytes() + e.vectors.used.texts.Bytes(),
	}
}
