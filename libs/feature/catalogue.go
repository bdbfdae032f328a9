package feature

import (
	"math"
	"sync"

	"github.com/haggle-commerce/haggle/libs/shop"
)

// priceUnit is the fixed point of price sums: 1/4096 of a natural logarithm. Integers make a sum independent of the order in
// which items came, so that the trainer's catalogue and the ranker's give the same features.
const priceUnit = 4096

// Catalogue keeps the [Facts] of every item, and what is known of all items together: how many hold a term, and what items
// of a category cost. Its methods may be called at once. The zero value is an empty catalogue.
type Catalogue struct {
	mu         sync.RWMutex
	items      map[ItemHash]*Facts
	documents  map[uint32]uint32
	prices     map[uint32]priceSum
	titleTerms int64
}

// priceSum adds up the LogPrice of the items of one narrowest category.
type priceSum struct {
	n   int64
	sum int64
}

// Put takes an item's facts in place of those it had.
func (c *Catalogue) Put(f *Facts) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.items == nil {
		c.items, c.documents, c.prices = map[ItemHash]*Facts{}, map[uint32]uint32{}, map[uint32]priceSum{}
	}
	if old, ok := c.items[f.Hash]; ok {
		c.count(old, -1)
	}
	c.items[f.Hash] = f
	c.count(f, 1)
}

// Delete forgets an item.
func (c *Catalogue) Delete(id shop.ItemID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if old, ok := c.items[HashItem(id)]; ok {
		c.count(old, -1)
		delete(c.items, old.Hash)
	}
}

// count adds the facts to what is known of all items, or takes them away.
func (c *Catalogue) count(f *Facts, sign int64) {
	c.titleTerms += sign * int64(f.TitleTerms)
	for _, term := range f.Terms {
		if n := int64(c.documents[term]) + sign; n > 0 {
			c.documents[term] = uint32(n)
		} else {
			delete(c.documents, term)
		}
	}
	if f.LogPrice > 0 {
		narrow := f.Category[Depths-1]
		p := c.prices[narrow]
		p.n += sign
		p.sum += sign * int64(math.Round(float64(f.LogPrice)*priceUnit))
		if p.n == 0 {
			delete(c.prices, narrow)
		} else {
			c.prices[narrow] = p
		}
	}
}

// Len returns how many items there are.
func (c *Catalogue) Len() int {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return len(c.items)
}

// Find returns the facts of one item, or nil.
func (c *Catalogue) Find(id shop.ItemID) *Facts {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.items[HashItem(id)]
}

// Lookup appends the facts of each id to dst, nil for an id that is not in the catalogue.
func (c *Catalogue) Lookup(dst []*Facts, ids []shop.ItemID) []*Facts {
	c.mu.RLock()
	defer c.mu.RUnlock()
	for _, id := range ids {
		dst = append(dst, c.items[HashItem(id)])
	}
	return dst
}

// Each calls f with the facts of every item, in no order, until f returns false. f must not call back into the catalogue.
func (c *Catalogue) Each(f func(*Facts) bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	for _, facts := range c.items {
		if !f(facts) {
			return
		}
	}
}

// idf returns how telling a term is: ln(1 + (N - n + 0.5) / (n + 0.5)), as in BM25. The caller holds the lock.
func (c *Catalogue) idf(term uint32) float32 {
	n, all := float32(c.documents[term]), float32(len(c.items))
	return logOnePlus((all - n + 0.5) / (n + 0.5))
}

// usualPrice returns the mean LogPrice of a narrowest category; ok is false when it has no prices. The caller holds the lock.
func (c *Catalogue) usualPrice(narrow uint32) (mean float32, ok bool) {
	p, ok := c.prices[narrow]
	if !ok {
		return 0, false
	}
	return float32(float64(p.sum) / float64(p.n) / priceUnit), true
}
