package engine

import (
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/haggle-commerce/haggle/libs/model/encoder"
	"github.com/haggle-commerce/haggle/libs/shop"
	"github.com/haggle-commerce/haggle/services/recall/internal/catalogue"
	"github.com/haggle-commerce/haggle/services/recall/internal/pack"
	"github.com/haggle-commerce/haggle/services/recall/internal/vector"
)

// vectors are what is known of items by their vectors. There are two spaces that have nothing in common: that of the vectors which
// came with the catalogue, and that of the text encoder.
type vectors struct {
	given, texts *vector.Index
	// refused counts items whose vector has another length than the first one had.
	refused int
	// model is nil until an encoder was published.
	model *encoder.Model
	// said are the texts of items by slot, for the next encoder to read.
	said []encoder.Text
	// swapping says that another encoder is going through the items; changed are those that changed since it began.
	swapping bool
	changed  []catalogue.Slot

	// work lets one at a time swap the encoder or make lists anew. It is taken before all other locks.
	work sync.Mutex
}

// newIndex returns an empty index of vectors.
func (e *Engine) newIndex() *vector.Index {
	return vector.New(vector.Defaults(func(s catalogue.Slot) uint64 { return e.catalogue.Tie(s) }))
}

// prepared is an item's text and what a model made of it before the lock was held.
type prepared struct {
	text  encoder.Text
	model *encoder.Model
	// vector is empty when the text has none.
	vector []float32
}

// prepare encodes the texts of changes.
func (e *Engine) prepare(changes []Change, into []prepared) {
	e.mu.RLock()
	m := e.vectors.model
	e.mu.RUnlock()
	var w encoder.Words
	for i := range changes {
		into[i] = prepared{model: m}
		if changes[i].Item == nil {
			continue
		}
		into[i].text = encoder.TextOf(changes[i].Item)
		into[i].encode(&w)
	}
}

func (p *prepared) encode(w *encoder.Words) {
	p.vector = p.vector[:0]
	if p.model == nil {
		return
	}
	v := slices.Grow(p.vector, p.model.Dims())[:p.model.Dims()]
	if p.model.Item(v, w, p.text) {
		p.vector = v
	}
}

// setVectors makes what was prepared the vectors of item s; it is nil when the item is gone. The owner holds the lock.
func (e *Engine) setVectors(s catalogue.Slot, it *shop.Item, p *prepared) {
	v := &e.vectors
	if int(s) >= len(v.said) {
		v.said = append(v.said, make([]encoder.Text, int(s)+1-len(v.said))...)
	}
	if v.swapping {
		v.changed = append(v.changed, s)
	}
	v.said[s] = encoder.Text{}
	if it == nil {
		v.given.Delete(s)
		v.texts.Delete(s)
		return
	}
	v.said[s] = p.text
	if len(it.Vector) == 0 {
		v.given.Delete(s)
	} else if err := v.given.Put(s, it.Vector); err != nil {
		if errors.Is(err, vector.ErrDims) {
			v.refused++
		}
		v.given.Delete(s)
	}
	if p.model != v.model {
		// Another encoder came between the preparation and the lock.
		p.model = v.model
		p.encode(&encoder.Words{})
	}
	if len(p.vector) == 0 || v.texts.Put(s, p.vector) != nil {
		v.texts.Delete(s)
	}
}

// encodeAtOnce is how many items are read under one lock while an encoder goes through them.
const encodeAtOnce = 256

// SetEncoder makes m what texts are understood by: it encodes the whole catalogue beside the queries, which takes some 15 us an
// item, and then takes the place of the encoder before. When ctx ends first, that one stays.
func (e *Engine) SetEncoder(ctx context.Context, m *encoder.Model) error {
	e.vectors.work.Lock()
	defer e.vectors.work.Unlock()
	e.exclusively(func() { e.vectors.swapping, e.vectors.changed = true, nil })
	defer e.exclusively(func() { e.vectors.swapping, e.vectors.changed = false, nil })
	next, w, out := e.newIndex(), encoder.Words{}, make([]float32, m.Dims())
	put := func(s catalogue.Slot, text encoder.Text) {
		if !m.Item(out, &w, text) || next.Put(s, out) != nil {
			next.Delete(s)
		}
	}
	var some []encoder.Text
	for from := 0; ; from += len(some) {
		if err := ctx.Err(); err != nil {
			return err
		}
		e.mu.RLock()
		some = append(some[:0], e.vectors.said[from:min(from+encodeAtOnce, len(e.vectors.said))]...)
		e.mu.RUnlock()
		if len(some) == 0 {
			break
		}
		for i, text := range some {
			put(catalogue.Slot(from+i), text)
		}
	}
	// Nobody else knows of the index yet; the lock is for its ties, which are those of the catalogue.
	if next.Wants() {
		e.rebuild(ctx, e.shared, e.shared, next)
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	e.exclusively(func() {
		for _, s := range e.vectors.changed {
			put(s, e.vectors.said[s])
		}
		e.vectors.texts, e.vectors.model = next, m
	})
	return nil
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
	e.vectors.work.Lock()
	defer e.vectors.work.Unlock()
	for _, which := range []func() *vector.Index{func() *vector.Index { return e.vectors.given }, func() *vector.Index { return e.vectors.texts }} {
		var ix *vector.Index
		wants := false
		e.shared(func() {
			ix = which()
			wants = ix.Wants()
		})
		if wants {
			e.rebuild(ctx, e.shared, e.exclusively, ix)
		}
	}
}

// rebuild makes the lists of an index anew; shared and exclusively run what may not meet changes, or queries either.
func (e *Engine) rebuild(ctx context.Context, shared, exclusively func(func()), ix *vector.Index) {
	var r *vector.Rebuild
	exclusively(func() { r = ix.Begin() })
	for ctx.Err() == nil {
		var waits, trained bool
		shared(func() { waits, trained = r.Step() })
		switch {
		case trained:
			exclusively(func() { ix.Finish(r) })
			return
		case waits:
			r.Train(nil)
		}
	}
}

// saveVectors writes the vectors of the catalogue and the texts of items. What an encoder makes of them it makes again.
func (e *Engine) saveVectors(dst []byte) ([]byte, error) {
	dst = pack.AppendUint(dst, uint64(len(e.vectors.said)))
	for _, t := range e.vectors.said {
		dst = pack.AppendText(pack.AppendText(pack.AppendText(dst, t.Title), t.Facts), t.Description)
	}
	given, err := e.vectors.given.AppendBinary(nil)
	if err != nil {
		return nil, err
	}
	return pack.AppendText(dst, string(given)), nil
}

func (e *Engine) loadVectors(b []byte) error {
	r := pack.Read(b)
	for range r.Count(3) {
		e.vectors.said = append(e.vectors.said, encoder.Text{Title: r.Text(), Facts: r.Text(), Description: r.Text()})
	}
	if len(e.vectors.said) > e.catalogue.Size() {
		r.Fail("%d texts of %d items", len(e.vectors.said), e.catalogue.Size())
	}
	given := r.Bytes()
	if err := r.End(); err != nil {
		return err
	}
	ix, err := vector.Decode(given, vector.Defaults(func(s catalogue.Slot) uint64 { return e.catalogue.Tie(s) }), e.catalogue.Size())
	if err != nil {
		return err
	}
	e.vectors.given = ix
	return nil
}
