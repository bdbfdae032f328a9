// Package catalogue holds what can be filtered, counted and sorted of every item of the shop, column by column.
//
// Items are numbered densely ([Slot]); the other cores keep their own columns by the same numbers. Nothing here locks: the
// owner lets one writer in alone, or any number of readers.
package catalogue

import (
	"hash/fnv"
	"math"
	"math/bits"
	"slices"
	"strconv"
	"strings"

	"github.com/haggle-commerce/haggle/libs/shop"
)

// Keys that every item has, beside the names of its attributes.
const (
	KeyBrand        = "brand"
	KeyCategory     = "category"
	KeyPrice        = "price"
	KeyCreated      = "created_at"
	KeyAvailability = "availability"
	KeyID           = "id"
	// keyLevel holds the bare name of each level of a category path, so that a filter may name "Shoes" without what is above it.
	// The byte before it keeps it apart from the names of attributes, which come without control characters.
	keyLevel = "\x00level"
)

// PathSeparator stands between the levels of a category in facets and filters: "Clothing > Jackets".
const PathSeparator = " > "

// valueID numbers one value of one key.
type valueID uint32

// value is one value of one key, with the items that have it.
type value struct {
	key *key
	// text is the value as the first item wrote it; folded is the form in which it is compared.
	text, folded string
	// number is the value as a number, or NaN.
	number float64
	// slots are the items that have the value, in rising order.
	slots []Slot
	// at is where the value stands in key.ids.
	at int
}

// key is one name that items have values for.
type key struct {
	name   string
	values map[string]valueID
	ids    []valueID
	// postings is the sum of the lengths of the values' slots.
	postings int
}

// Catalogue is the columns of all items. Make one with [New].
type Catalogue struct {
	slots map[shop.ItemID]Slot
	ids   []shop.ItemID
	ties  []uint64
	// live are the items of the catalogue, buyable those that are not out of stock.
	live, buyable Bits
	count         int
	prices        []float64
	created       []int64
	// held are the values of each item, in rising order.
	held [][]valueID

	keys   map[string]*key
	values []value
	free   []valueID
	// postings is the sum over all keys.
	postings int
}

// New returns an empty catalogue.
func New() *Catalogue {
	return &Catalogue{slots: map[shop.ItemID]Slot{}, keys: map[string]*key{}}
}

// Size returns how many slots were given out; every slot is below it.
func (c *Catalogue) Size() int { return len(c.ids) }

// Count returns how many items the catalogue holds now.
func (c *Catalogue) Count() int { return c.count }

// Find returns the slot of an item that was ever heard of.
func (c *Catalogue) Find(id shop.ItemID) (Slot, bool) {
	s, ok := c.slots[id]
	return s, ok
}

// Intern returns the slot of id, a new one when it has none. The item is not in the catalogue until it is put.
func (c *Catalogue) Intern(id shop.ItemID) Slot {
	if s, ok := c.slots[id]; ok {
		return s
	}
	s := Slot(len(c.ids))
	id = shop.ItemID(strings.Clone(string(id)))
	hash := fnv.New64a()
	hash.Write([]byte(id))
	c.slots[id] = s
	c.ids = append(c.ids, id)
	c.ties = append(c.ties, hash.Sum64())
	c.prices = append(c.prices, 0)
	c.created = append(c.created, 0)
	c.held = append(c.held, nil)
	if int(s)%64 == 0 {
		c.live, c.buyable = append(c.live, 0), append(c.buyable, 0)
	}
	return s
}

// ID returns the item's own key.
func (c *Catalogue) ID(s Slot) shop.ItemID { return c.ids[s] }

// Tie orders items whose scores are equal: a hash of the id, so that every replica orders them alike whatever it saw first.
func (c *Catalogue) Tie(s Slot) uint64 { return c.ties[s] }

// Live returns the set of the catalogue's items. It belongs to the catalogue.
func (c *Catalogue) Live() Bits { return c.live }

// Buyable returns the set of items that are not out of stock. It belongs to the catalogue.
func (c *Catalogue) Buyable() Bits { return c.buyable }

// Price returns the price of an item; 0 means unknown.
func (c *Catalogue) Price(s Slot) float64 { return c.prices[s] }

// Created returns when the item came into the shop, in unix seconds; 0 means unknown.
func (c *Catalogue) Created(s Slot) int64 { return c.created[s] }

// SameKind measures how alike two items are by their values, from 0 to 1: the share of a's values that b has too, each weighed by
// how rare it is: 1 for one that most items have, and 1 more each time that half as many have it.
func (c *Catalogue) SameKind(a, b Slot) float32 {
	shared, all := 0, 0
	mine, other := c.held[a], c.held[b]
	j := 0
	for _, id := range mine {
		weight := bits.Len32(uint32(c.count) / uint32(max(1, len(c.values[id].slots))))
		all += weight
		for j < len(other) && other[j] < id {
			j++
		}
		if j < len(other) && other[j] == id {
			shared += weight
		}
	}
	if all == 0 {
		return 0
	}
	return float32(shared) / float32(all)
}

// Put adds an item or replaces the one of the same id, and returns its slot.
func (c *Catalogue) Put(it *shop.Item) Slot {
	s := c.Intern(it.ID)
	if !c.live.Has(s) {
		c.live.Set(s)
		c.count++
	}
	c.buyable.Clear(s)
	if it.Buyable() {
		c.buyable.Set(s)
	}
	c.prices[s] = it.Price
	c.created[s] = 0
	if !it.CreatedAt.IsZero() {
		c.created[s] = it.CreatedAt.Unix()
	}
	c.hold(s, c.valuesOf(it))
	return s
}

// Delete takes an item out. It reports whether it was in the catalogue.
func (c *Catalogue) Delete(id shop.ItemID) (Slot, bool) {
	s, ok := c.slots[id]
	if !ok || !c.live.Has(s) {
		return s, false
	}
	c.live.Clear(s)
	c.buyable.Clear(s)
	c.count--
	c.prices[s], c.created[s] = 0, 0
	c.hold(s, nil)
	return s, true
}

// valuesOf returns the values of the item, interned, sorted and each once.
func (c *Catalogue) valuesOf(it *shop.Item) []valueID {
	ids := make([]valueID, 0, 4+2*len(it.Categories)+len(it.Attributes))
	add := func(name, text string) {
		if text = strings.TrimSpace(text); text != "" {
			ids = append(ids, c.intern(name, text))
		}
	}
	add(KeyBrand, it.Brand)
	path := ""
	for _, level := range it.Categories {
		if level = strings.TrimSpace(level); level == "" {
			continue
		}
		if path != "" {
			path += PathSeparator
		}
		path += level
		add(KeyCategory, path)
		add(keyLevel, level)
	}
	availability := it.Availability
	if availability == "" {
		availability = shop.InStock
	}
	add(KeyAvailability, string(availability))
	for name, texts := range it.Attributes {
		if name = FoldKey(name); reserved(name) {
			continue
		}
		for _, text := range texts {
			add(name, text)
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// FoldKey is the form in which names of keys are compared.
func FoldKey(name string) string {
	return strings.TrimPrefix(strings.ToLower(strings.TrimSpace(name)), "attributes.")
}

// reserved reports whether an attribute of that name would be taken for one of the keys that every item has.
func reserved(name string) bool {
	switch name {
	case "", KeyBrand, KeyCategory, "categories", KeyPrice, KeyCreated, KeyAvailability, KeyID, keyLevel:
		return true
	}
	return false
}

func (c *Catalogue) intern(name, text string) valueID {
	k := c.keys[name]
	if k == nil {
		name = strings.Clone(name)
		k = &key{name: name, values: map[string]valueID{}}
		c.keys[name] = k
	}
	folded := strings.ToLower(text)
	if id, ok := k.values[folded]; ok {
		return id
	}
	v := value{key: k, text: strings.Clone(text), folded: strings.Clone(folded), number: math.NaN(), at: len(k.ids)}
	if number, err := strconv.ParseFloat(v.folded, 64); err == nil {
		v.number = number
	}
	id := valueID(len(c.values))
	if n := len(c.free); n > 0 {
		id, c.free = c.free[n-1], c.free[:n-1]
		c.values[id] = v
	} else {
		c.values = append(c.values, v)
	}
	k.values[v.folded] = id
	k.ids = append(k.ids, id)
	return id
}

// hold makes ids the values of the item, and forgets values that no item has any more.
func (c *Catalogue) hold(s Slot, ids []valueID) {
	old := c.held[s]
	i, j := 0, 0
	for i < len(old) || j < len(ids) {
		switch {
		case j == len(ids) || (i < len(old) && old[i] < ids[j]):
			v := &c.values[old[i]]
			if at, ok := slices.BinarySearch(v.slots, s); ok {
				v.slots = slices.Delete(v.slots, at, at+1)
				v.key.postings--
				c.postings--
			}
			if len(v.slots) == 0 {
				c.forget(old[i])
			}
			i++
		case i == len(old) || ids[j] < old[i]:
			v := &c.values[ids[j]]
			if n := len(v.slots); n == 0 || v.slots[n-1] < s {
				v.slots = append(v.slots, s)
			} else {
				at, _ := slices.BinarySearch(v.slots, s)
				v.slots = slices.Insert(v.slots, at, s)
			}
			v.key.postings++
			c.postings++
			j++
		default:
			i, j = i+1, j+1
		}
	}
	c.held[s] = ids
}

// forget frees the number of a value that no item has any more.
func (c *Catalogue) forget(id valueID) {
	v := &c.values[id]
	k, last := v.key, len(v.key.ids)-1
	moved := k.ids[last]
	k.ids[v.at] = moved
	c.values[moved].at = v.at
	k.ids = k.ids[:last]
	delete(k.values, v.folded)
	if last == 0 {
		delete(c.keys, k.name)
	}
	*v = value{}
	c.free = append(c.free, id)
}
