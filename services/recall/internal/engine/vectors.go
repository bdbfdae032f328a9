package engine

import (
	"context"
	"errors"
	"sync"

	"github.com/haggle-commerce/haggle/libs/model/encoder"
	"github.com/haggle-commerce/haggle/libs/shop"
	"github.com/haggle-commerce/haggle/services/recall/internal/catalogue"
	"github.com/haggle-commerce/haggle/services/recall/internal/lexical"
	"github.com/haggle-commerce/haggle/services/recall/internal/vector"
)

// vectors are what is known of items by their vectors. There are two spaces that have nothing in common: that of the vectors which
// came with the catalogue, and that of the text encoder.
type vectors struct {
	given *vector.Index
	// refused counts items whose vector has another length than the first one had.
	refused int
	// used is the encoder that texts are understood by; its model is nil until one was published.
	used encoding
	// next is the encoder that goes through the catalogue to take the place of used; nil when none does.
	next *encoding
	// heard are the items that changed since next began: it has encoded them as they are now.
	heard catalogue.Bits

	// work lets one at a time swap the encoder or make lists anew. It is taken before all other locks.
	work sync.Mutex
}

// encoding is what one encoder makes of the texts of items.
type encoding struct {
	model *encoder.Model
	// name tells encoders apart.
	name  string
	texts *vector.Index
}

// newIndex returns an empty index of vectors.
func (e *Engine) newIndex() *vector.Index { return vector.New(e.vectorOptions()) }

func (e *Engine) vectorOptions() vector.Options {
	return vector.Defaults(func(s catalogue.Slot) uint64 { return e.catalogue.Tie(s) })
}

// prepared is what encoders made of an item before the lock was held.
type prepared struct {
	// by are the encoder in use and the one that is to take its place.
	by [2]struct {
		model *encoder.Model
		// vector is empty when the text has none.
		vector []float32
	}
	// same says that the encoder in use knows the text.
	same bool
}

// prepare encodes the texts of changes, taken apart in documents.
func (e *Engine) prepare(changes []Change, documents []*lexical.Document, into []prepared) {
	var models [2]*encoder.Model
	e.shared(func() {
		v := &e.vectors
		models[0] = v.used.model
		if v.next != nil {
			models[1] = v.next.model
		}
		for i := range changes {
			into[i] = prepared{}
			if s, ok := e.catalogue.Find(changes[i].ID); ok && changes[i].Item != nil && v.next == nil {
				into[i].same = v.used.texts.Has(s) && e.words.Holds(s, documents[i])
			}
		}
	})
	var w encoder.Words
	for i := range changes {
		into[i].by[0].model, into[i].by[1].model = models[0], models[1]
		if changes[i].Item == nil || into[i].same || models == [2]*encoder.Model{} {
			continue
		}
		text := encoder.TextOf(changes[i].Item)
		for n, m := range models {
			into[i].by[n].vector = encodeItem(m, &w, text)
		}
	}
}

// encodeItem returns the vector of an item's text; nil when there is none, or no model.
func encodeItem(m *encoder.Model, w *encoder.Words, text encoder.Text) []float32 {
	if m == nil {
		return nil
	}
	v := make([]float32, m.Dims())
	if !m.Item(v, w, text) {
		return nil
	}
	return v
}

// of returns the vector that a model gives an item. An encoder that came between the preparation and the lock was not prepared for.
func (p *prepared) of(m *encoder.Model, it *shop.Item) []float32 {
	for i := range p.by {
		if p.by[i].model == m {
			return p.by[i].vector
		}
	}
	return encodeItem(m, &encoder.Words{}, encoder.TextOf(it))
}

// put gives item s a vector, or takes away what it had.
func (x *encoding) put(s catalogue.Slot, v []float32) {
	if len(v) == 0 || x.texts.Put(s, v) != nil {
		x.texts.Delete(s)
	}
}

// setVectors gives item s its vectors, with what was prepared; it is nil when the item is gone. The owner holds the lock.
func (e *Engine) setVectors(s catalogue.Slot, it *shop.Item, p *prepared) {
	v := &e.vectors
	encodings := [2]*encoding{&v.used, v.next}
	if v.next != nil {
		v.hear(s)
	}
	if it == nil {
		v.given.Delete(s)
		for _, x := range encodings {
			if x != nil {
				x.texts.Delete(s)
			}
		}
		return
	}
	if len(it.Vector) == 0 {
		v.given.Delete(s)
	} else if err := v.given.Put(s, it.Vector); err != nil {
		if errors.Is(err, vector.ErrDims) {
			v.refused++
		}
		v.given.Delete(s)
	}
	for _, x := range encodings {
		if x == nil || x.model == nil || p.same && x.model == p.by[0].model {
			continue
		}
		x.put(s, p.of(x.model, it))
	}
}

// hear notes that item s has changed.
func (v *vectors) hear(s catalogue.Slot) {
	if more := int(s>>6) + 1 - len(v.heard); more > 0 {
		v.heard = append(v.heard, make(catalogue.Bits, more)...)
	}
	v.heard.Set(s)
}

// encodeAtOnce is how many items get their vectors under one lock while an encoder goes through them: about 1 us each.
const encodeAtOnce = 64

// Items hands each item of the catalogue to take, in any order, or at least those for which wants reports true. One that changes
// meanwhile may be handed over as it was before or after.
type Items func(ctx context.Context, wants func(shop.ItemID) bool, take func(*shop.Item)) error

// SetEncoder makes m what texts are understood by. It encodes the whole catalogue, which the engine does not keep the texts of, beside
// queries and changes, in some 15 us an item, and then takes the place of the encoder before. When ctx ends first or items fails, that
// one stays. Name tells encoders apart: one that is in use already is left as it is.
func (e *Engine) SetEncoder(ctx context.Context, name string, m *encoder.Model, items Items) error {
	v := &e.vectors
	v.work.Lock()
	defer v.work.Unlock()
	next := &encoding{model: m, name: name, texts: e.newIndex()}
	known, count := false, 0
	e.exclusively(func() {
		known, count = v.used.model != nil && v.used.name == name, e.catalogue.Count()
		if !known {
			v.next, v.heard = next, nil
		}
	})
	if known {
		return nil
	}
	defer e.exclusively(func() { v.next, v.heard = nil, nil })
	if count > 0 {
		if err := e.encodeAll(ctx, next, items); err != nil {
			return err
		}
	}
	wants := false
	e.shared(func() { wants = next.texts.Wants() })
	if wants {
		e.rebuild(ctx, next.texts)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	e.exclusively(func() { v.used = *next })
	return nil
}

// encodeAll gives the items that did not change since next began their vectors.
func (e *Engine) encodeAll(ctx context.Context, next *encoding, items Items) error {
	type read struct {
		id     shop.ItemID
		vector []float32
	}
	var some []read
	flush := func() {
		e.exclusively(func() {
			for _, r := range some {
				if s, ok := e.unheard(r.id); ok {
					next.put(s, r.vector)
				}
			}
		})
		some = some[:0]
	}
	wants := func(id shop.ItemID) (ok bool) {
		e.shared(func() { _, ok = e.unheard(id) })
		return ok
	}
	var w encoder.Words
	if err := items(ctx, wants, func(it *shop.Item) {
		some = append(some, read{it.ID, encodeItem(next.model, &w, encoder.TextOf(it))})
		if len(some) == encodeAtOnce {
			flush()
		}
	}); err != nil {
		return err
	}
	flush()
	return ctx.Err()
}

// unheard returns the slot of an item of the catalogue that did not change since next began.
func (e *Engine) unheard(id shop.ItemID) (catalogue.Slot, bool) {
	s, ok := e.catalogue.Find(id)
	return s, ok && e.catalogue.Live().Has(s) && !e.vectors.heard.Has(s)
}

// exclusively runs f while nobody reads or writes.
func (e *Engine) exclusively(f func()) {
	e.writers.Lock()
	defer e.writers.Unlock()
	e.mu.Lock()
	defer e.mu.Unlock()
	f()
}

// shared runs f while nobody writes.
func (e *Engine) shared(f func()) {
	e.mu.RLock()
	defer e.mu.RUnlock()
	f()
}

// ArrangeVectors makes the lists of vectors anew where the number of items asks for it, beside queries and changes. It is for the
// owner to call now and then. It returns early when ctx ends.
func (e *Engine) ArrangeVectors(ctx context.Context) {
	v := &e.vectors
	v.work.Lock()
	defer v.work.Unlock()
	var wanting []*vector.Index
	e.shared(func() {
		for _, ix := range []*vector.Index{v.given, v.used.texts} {
			if ix.Wants() {
				wanting = append(wanting, ix)
			}
		}
	})
	for _, ix := range wanting {
		e.rebuild(ctx, ix)
	}
}

// rebuild makes the lists of an index anew.
func (e *Engine) rebuild(ctx context.Context, ix *vector.Index) {
	var r *vector.Rebuild
	e.exclusively(func() { r = ix.Begin() })
	for ctx.Err() == nil {
		var waits, trained bool
		e.shared(func() { waits, trained = r.Step() })
		switch {
		case trained:
			e.exclusively(func() { ix.Finish(r) })
			return
		case waits:
			r.Train(nil)
		}
	}
}
