// Package catalogue holds what can be filtered, counted and sorted of every item of the shop, column by column.
//
// Items are numbered densely ([Slot]); the other cores keep their own columns by the same numbers. What items say of a key is kept
// three ways, each for what it is fast at: the groups of each item row by row, the items of each value as a compact set, and for
// keys that many items have a column of small numbers by slot. A query takes the way that costs it least. Nothing here locks: the
// owner lets one writer in alone, or any number of readers.
package catalogue

import (
	"math/bits"
	"slices"
	"strings"
	"sync"

	"github.com/haggle-commerce/haggle/libs/shop"
	"github.com/haggle-commerce/haggle/services/recall/internal/rows"
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

// Catalogue is the columns of all items. Make one with [New].
type Catalogue struct {
	names names
	// live are the items of the catalogue, buyable those that are not out of stock.
	live, buyable Bits
	count         int
	prices        prices
	created       []int64
	rows          rows.Rows
	dictionary    dictionary
	// said is room for what one item says while it is put.
	said []uint64
	row  []groupID
	kept []groupID
	text []uint32
	// sets is memory that selections need for a moment.
	sets sync.Pool
}

// New returns an empty catalogue.
func New() *Catalogue {
	return &Catalogue{dictionary: dictionary{byName: map[string]keyID{}}}
}

// Size returns how many slots were given out; every slot is below it.
func (c *Catalogue) Size() int { return c.names.len() }

// Count returns how many items the catalogue holds now.
func (c *Catalogue) Count() int { return c.count }

// Find returns the slot of an item that was ever heard of.
func (c *Catalogue) Find(id shop.ItemID) (Slot, bool) { return c.names.find(id) }

// Intern returns the slot of id, a new one when it has none. The item is not in the catalogue until it is put.
func (c *Catalogue) Intern(id shop.ItemID) Slot {
	if s, ok := c.names.find(id); ok {
		return s
	}
	s := c.names.add(id)
	c.prices.grow()
	c.created = append(c.created, 0)
	c.rows.Grow()
	if int(s)%64 == 0 {
		c.live, c.buyable = append(c.live, 0), append(c.buyable, 0)
	}
	return s
}

// ID returns the item's own key.
func (c *Catalogue) ID(s Slot) shop.ItemID { return c.names.id(s) }

// Tie orders items whose scores are equal: a hash of the id, so that every replica orders them alike whatever it saw first. All of its
// bits are even.
func (c *Catalogue) Tie(s Slot) uint64 { return spread(c.names.hashes[s]) }

// Live returns the set of the catalogue's items. It belongs to the catalogue.
func (c *Catalogue) Live() Bits { return c.live }

// Buyable returns the set of items that are not out of stock. It belongs to the catalogue.
func (c *Catalogue) Buyable() Bits { return c.buyable }

// Price returns the price of an item; 0 means unknown.
func (c *Catalogue) Price(s Slot) float64 { return c.prices.of[s] }

// Created returns when the item came into the shop, in unix seconds; 0 means unknown.
func (c *Catalogue) Created(s Slot) int64 { return c.created[s] }

// SameKind measures how alike two items are by their values, from 0 to 1: the share of a's values that b has too, each weighed by
// how rare it is: 1 for one that most items have, and 1 more each time that half as many have it.
func (c *Catalogue) SameKind(a, b Slot) float32 {
	d := &c.dictionary
	shared, all := 0, 0
	other := c.rows.Of(uint32(b))
	for _, n := range c.rows.Of(uint32(a)) {
		g := &d.groups[n]
		for len(other) > 0 && d.groups[other[0]].key < g.key {
			other = other[1:]
		}
		var theirs []uint32
		if len(other) > 0 && d.groups[other[0]].key == g.key {
			theirs = d.groups[other[0]].valuesOf()
		}
		for _, id := range g.valuesOf() {
			weight := bits.Len32(uint32(c.count) / max(1, d.values[id].items.count))
			all += weight
			if slices.Contains(theirs, id) {
				shared += weight
			}
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
	c.prices.set(s, it.Price)
	c.created[s] = 0
	if !it.CreatedAt.IsZero() {
		c.created[s] = it.CreatedAt.Unix()
	}
	c.hold(s, c.groupsOf(it))
	return s
}

// Delete takes an item out. It reports whether it was in the catalogue.
func (c *Catalogue) Delete(id shop.ItemID) (Slot, bool) {
	s, ok := c.names.find(id)
	if !ok || !c.live.Has(s) {
		return s, false
	}
	c.live.Clear(s)
	c.buyable.Clear(s)
	c.count--
	c.prices.set(s, 0)
	c.created[s] = 0
	c.hold(s, nil)
	return s, true
}

// groupsOf returns the groups of the item, interned, by the number of their key.
func (c *Catalogue) groupsOf(it *shop.Item) []groupID {
	d := &c.dictionary
	c.said = c.said[:0]
	// say notes that the item has the value for a key; owner is the key in whose group it stands.
	say := func(owner, k keyID, text string) {
		c.said = append(c.said, uint64(owner)<<32|uint64(d.internText(k, text)))
	}
	if brand := strings.TrimSpace(it.Brand); brand != "" {
		k := d.internKey(KeyBrand)
		say(k, k, brand)
	}
	path := ""
	for _, level := range it.Categories {
		if level = strings.TrimSpace(level); level == "" {
			continue
		}
		if path != "" {
			path += PathSeparator
		}
		path += level
		k := d.internKey(KeyCategory)
		say(k, k, path)
		say(k, d.internKey(keyLevel), level)
	}
	availability := it.Availability
	if availability == "" {
		availability = shop.InStock
	}
	k := d.internKey(KeyAvailability)
	say(k, k, string(availability))
	named := 0
	for name, texts := range it.Attributes {
		if name = FoldKey(name); Reserved(name) {
			continue
		}
		// A row takes no more; an item that passed its check has far fewer.
		if named++; named > rows.Most-8 {
			break
		}
		for _, text := range texts {
			if text = strings.TrimSpace(text); text != "" {
				k := d.internKey(name)
				say(k, k, text)
			}
		}
	}
	slices.Sort(c.said)
	c.row = c.row[:0]
	for said := slices.Compact(c.said); len(said) > 0; {
		owner := said[0] >> 32
		c.text = c.text[:0]
		for len(said) > 0 && said[0]>>32 == owner {
			c.text = append(c.text, uint32(said[0]))
			said = said[1:]
		}
		c.row = append(c.row, d.internGroup(keyID(owner), c.text))
	}
	return c.row
}

// FoldKey is the form in which names of keys are compared.
func FoldKey(name string) string {
	return strings.TrimPrefix(strings.ToLower(strings.TrimSpace(name)), "attributes.")
}

// Reserved reports whether an attribute of that name would be taken for one of the keys that every item has.
func Reserved(name string) bool {
	switch name {
	case "", KeyBrand, KeyCategory, "categories", KeyPrice, KeyCreated, KeyAvailability, KeyID, keyLevel:
		return true
	}
	return false
}

// hold makes groups those of the item, and forgets what no item has any more. What did not change is not touched.
func (c *Catalogue) hold(s Slot, groups []groupID) {
	d := &c.dictionary
	c.kept = append(c.kept[:0], c.rows.Of(uint32(s))...)
	old := c.kept
	c.rows.Set(uint32(s), groups)
	for len(old) > 0 || len(groups) > 0 {
		switch {
		case len(groups) == 0, len(old) > 0 && d.groups[old[0]].key < d.groups[groups[0]].key:
			c.change(s, old[0], nobody)
			old = old[1:]
		case len(old) == 0, d.groups[groups[0]].key < d.groups[old[0]].key:
			c.change(s, nobody, groups[0])
			groups = groups[1:]
		default:
			if old[0] != groups[0] {
				c.change(s, old[0], groups[0])
			}
			old, groups = old[1:], groups[1:]
		}
	}
}

// change moves an item from one group of a key to another; nobody stands for none.
func (c *Catalogue) change(s Slot, from, to groupID) {
	d := &c.dictionary
	var before, after []uint32
	var k *key
	ordinal := uint32(0)
	if from != nobody {
		before, k = d.groups[from].valuesOf(), d.keys[d.groups[from].key]
	}
	if to != nobody {
		g := &d.groups[to]
		after, k, ordinal = g.valuesOf(), d.keys[g.key], g.ordinal
		g.items++
		for _, t := range g.texts() {
			d.texts[t].items++
		}
	}
	for _, v := range after {
		if !slices.Contains(before, v) {
			d.values[v].items.add(s)
			d.keys[d.values[v].key].postings++
		}
	}
	for _, v := range before {
		if !slices.Contains(after, v) {
			d.values[v].items.remove(s)
			d.keys[d.values[v].key].postings--
		}
	}
	switch {
	case from == nobody:
		k.items++
	case to == nobody:
		k.items--
	}
	c.keep(k, s, ordinal)
	if from == nobody {
		return
	}
	g := &d.groups[from]
	g.items--
	for _, t := range g.texts() {
		d.texts[t].items--
	}
	if g.items == 0 {
		d.forgetGroup(from)
	}
}

// keep stores the ordinal of an item in the key's column, which comes and goes with the share of items that have the key.
func (c *Catalogue) keep(k *key, s Slot, ordinal uint32) {
	switch {
	case k.column != nil && k.items*2*columnShare < c.Size():
		k.column = nil
	case k.column != nil:
		k.column.set(s, ordinal, c.Size())
	case k.items*columnShare >= c.Size():
		d := &c.dictionary
		k.column = newColumn(c.Size(), len(k.groups))
		for s := range Slot(c.Size()) {
			for _, n := range c.rows.Of(uint32(s)) {
				if g := &d.groups[n]; d.keys[g.key] == k {
					k.column.set(s, g.ordinal, c.Size())
				}
			}
		}
	}
}

// groupAt returns the group that item s has for key id.
func (c *Catalogue) groupAt(id keyID, s Slot) (*group, bool) {
	d := &c.dictionary
	if column := d.keys[id].column; column != nil {
		if ordinal := column.at(s); ordinal != 0 {
			return &d.groups[d.keys[id].groups[ordinal]], true
		}
		return nil, false
	}
	for _, n := range c.rows.Of(uint32(s)) {
		if g := &d.groups[n]; g.key == id {
			return g, true
		}
	}
	return nil, false
}

// Memory is what a catalogue takes, in bytes, part by part.
type Memory struct {
	// IDs are the names of the items and the way to find them; Fields are prices, dates and what is live; Rows are the groups of
	// the items; Dictionary is the values and groups; Postings are the items of each value; Columns are the columns of keys.
	IDs, Fields, Rows, Dictionary, Postings, Columns int
}

// Total is the sum over all parts.
func (m Memory) Total() int {
	return m.IDs + m.Fields + m.Rows + m.Dictionary + m.Postings + m.Columns
}

// Memory measures the catalogue. It looks at every value.
func (c *Catalogue) Memory() Memory {
	m := Memory{
		IDs:    c.names.bytes(),
		Fields: 8*(cap(c.live)+cap(c.buyable)+cap(c.created)) + c.prices.bytes(),
		Rows:   c.rows.Bytes(),
	}
	m.Dictionary, m.Postings, m.Columns = c.dictionary.bytes()
	return m
}
