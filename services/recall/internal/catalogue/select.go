package catalogue

import (
	"math"
	"slices"
	"strings"

	"github.com/haggle-commerce/haggle/libs/shop"
	"github.com/haggle-commerce/haggle/services/recall/internal/filter"
)

// Selection is a filter that was looked up in a catalogue. It holds until the next write and is for one reader.
type Selection struct {
	c     *Catalogue
	parts []part
	// room is sets that evaluation used and may use again.
	room []Bits
}

// part is one of the conditions that all have to hold.
type part struct {
	node node
	// only is the key that the whole part is about, "" when there are several.
	only string
}

// node is a [filter.Node] whose values were looked up.
type node struct {
	op       filter.Op
	children []node
	// within and field are what Range tests: the price, or else the date.
	within interval
	field  string
	// values are looked up for Any, in rising order, and key is where they stand in the groups of items; slots stand for the ids
	// of items.
	values []uint32
	key    keyID
	slots  []Slot
}

// Select looks up the expression.
func (c *Catalogue) Select(e *filter.Node) *Selection {
	sel := &Selection{c: c}
	conjuncts := e.Conjuncts()
	for i := range conjuncts {
		only, _ := conjuncts[i].OnlyKey()
		sel.parts = append(sel.parts, part{node: c.lookUp(&conjuncts[i]), only: only})
	}
	return sel
}

// InCategory adds the condition that the item stands in the category: a level by its name, or a path.
func (sel *Selection) InCategory(category string) {
	n := filter.Node{Op: filter.Any, Key: KeyCategory, Values: []string{category}}
	sel.parts = append(sel.parts, part{node: sel.c.lookUp(&n)})
}

// All reports whether every item passes.
func (sel *Selection) All() bool { return len(sel.parts) == 0 }

// About reports whether a condition is about the key alone, so that counts of that key are taken without it.
func (sel *Selection) About(key string) bool {
	return slices.ContainsFunc(sel.parts, func(p part) bool { return p.only == key })
}

// Apply writes into out, grown as needed, those slots of in that pass; conditions about the key except alone are left out.
func (sel *Selection) Apply(in, out Bits, except string) Bits {
	if cap(out) < len(in) {
		out = make(Bits, len(in))
	}
	out = out[:len(in)]
	if few := eachCost / max(1, len(sel.parts)); in.countTo(few) < few {
		clear(out)
		for s := range in.All {
			if sel.passes(s, except) {
				out.Set(s)
			}
		}
		return out
	}
	defer sel.giveBack()
	copy(out, in)
	for i := range sel.parts {
		if except != "" && sel.parts[i].only == except {
			continue
		}
		next := sel.borrow(len(in))
		sel.eval(&sel.parts[i].node, out, next)
		copy(out, next)
		sel.room = append(sel.room, next)
	}
	return out
}

// eachCost is how many looks at one item cost as much as one condition on a set, whatever is in it: the passes over the sets of a million
// slots take 40 us, a look 30 to 60 ns.
const eachCost = 1000

// Holds reports whether one item passes.
func (sel *Selection) Holds(s Slot) bool { return sel.passes(s, "") }

// passes reports whether one item passes; conditions about the key except alone are left out.
func (sel *Selection) passes(s Slot, except string) bool {
	for i := range sel.parts {
		if except != "" && sel.parts[i].only == except {
			continue
		}
		if !sel.holds(&sel.parts[i].node, s) {
			return false
		}
	}
	return true
}

func (sel *Selection) borrow(words int) Bits {
	if n := len(sel.room); n > 0 && cap(sel.room[n-1]) >= words {
		b := sel.room[n-1]
		sel.room = sel.room[:n-1]
		return b.Grow(64 * words)
	}
	if b, ok := sel.c.sets.Get().(*Bits); ok && cap(*b) >= words {
		return b.Grow(64 * words)
	}
	return make(Bits, words)
}

// giveBack leaves the sets that evaluation used to the next selection.
func (sel *Selection) giveBack() {
	for i := range sel.room {
		sel.c.sets.Put(&sel.room[i])
	}
	sel.room = nil
}

// eval adds to out, which is empty, those slots of in for which n holds.
func (sel *Selection) eval(n *node, in, out Bits) {
	switch n.op {
	case filter.Available:
		for i := range in {
			out[i] = in[i] & sel.c.buyable[i]
		}
	case filter.And:
		copy(out, in)
		next := sel.borrow(len(in))
		for i := range n.children {
			clear(next)
			sel.eval(&n.children[i], out, next)
			copy(out, next)
		}
		sel.room = append(sel.room, next)
	case filter.Or, filter.Not:
		next := sel.borrow(len(in))
		for i := range n.children {
			clear(next)
			sel.eval(&n.children[i], in, next)
			for w := range next {
				out[w] |= next[w]
			}
		}
		sel.room = append(sel.room, next)
		if n.op == filter.Not {
			for w := range in {
				out[w] = in[w] &^ out[w]
			}
		}
	case filter.Range:
		if n.field == KeyPrice {
			sel.c.prices.choose(n.within, in, out)
			return
		}
		for s := range in.All {
			if sel.dated(n, s) {
				out.Set(s)
			}
		}
	case filter.Any:
		sel.evalAny(n, in, out)
	}
}

// dated reports whether the item came into the shop in the interval.
func (sel *Selection) dated(n *node, s Slot) bool {
	at := sel.c.created[s]
	return at != 0 && n.within.holds(float64(at))
}

// evalAny takes the cheapest of three ways: the items that have the values, the key's column, or the group of each item asked about.
func (sel *Selection) evalAny(n *node, in, out Bits) {
	for _, s := range n.slots {
		if in.Has(s) {
			out.Set(s)
		}
	}
	if len(n.values) == 0 {
		return
	}
	d := &sel.c.dictionary
	steps := 0
	for _, v := range n.values {
		steps += d.values[v].items.steps()
	}
	if steps <= 64 {
		sel.collect(n, in, out)
		return
	}
	asked := in.Count()
	k := d.keys[n.key]
	byItem, byColumn := rowCost*asked, math.MaxInt
	if k.column != nil {
		byItem /= 2
		byColumn = columnCost*asked + 4*len(k.groups)
	}
	switch min(bitCost*steps, byItem, byColumn) {
	case bitCost * steps:
		sel.collect(n, in, out)
	case byColumn:
		chosen := make(Bits, len(k.groups)/64+1)
		for ordinal, g := range k.groups {
			if ordinal > 0 && g != nobody && meet(d.groups[g].valuesOf(), n.values) {
				chosen.Set(Slot(ordinal))
			}
		}
		k.column.choose(chosen, in, out)
	default:
		for s := range in.All {
			if sel.hasAny(n, s) {
				out.Set(s)
			}
		}
	}
}

func (sel *Selection) collect(n *node, in, out Bits) {
	for _, v := range n.values {
		sel.c.dictionary.values[v].items.collect(in, out)
	}
}

// meet reports whether two lists in rising order have a number in common.
func meet(a, b []uint32) bool {
	if len(b) > 8*len(a) {
		for _, x := range a {
			if _, ok := slices.BinarySearch(b, x); ok {
				return true
			}
		}
		return false
	}
	for len(a) > 0 && len(b) > 0 {
		switch {
		case a[0] == b[0]:
			return true
		case a[0] < b[0]:
			a = a[1:]
		default:
			b = b[1:]
		}
	}
	return false
}

// hasAny reports whether the item has one of the values.
func (sel *Selection) hasAny(n *node, s Slot) bool {
	if len(n.values) == 0 {
		return false
	}
	g, ok := sel.c.groupAt(n.key, s)
	return ok && meet(g.valuesOf(), n.values)
}

func (sel *Selection) holds(n *node, s Slot) bool {
	switch n.op {
	case filter.And, filter.Or:
		for i := range n.children {
			if sel.holds(&n.children[i], s) == (n.op == filter.Or) {
				return n.op == filter.Or
			}
		}
		return n.op == filter.And
	case filter.Not:
		return !sel.holds(&n.children[0], s)
	case filter.Range:
		if n.field == KeyPrice {
			return sel.c.prices.holds(n.within, s)
		}
		return sel.dated(n, s)
	case filter.Available:
		return sel.c.buyable.Has(s)
	}
	return sel.hasAny(n, s) || slices.Contains(n.slots, s)
}

func (c *Catalogue) lookUp(e *filter.Node) node {
	n := node{op: e.Op}
	for i := range e.Children {
		n.children = append(n.children, c.lookUp(&e.Children[i]))
	}
	switch {
	case e.Op == filter.Range:
		return c.lookUpRange(e)
	case e.Op != filter.Any:
		return n
	case e.Key == KeyID:
		for _, text := range e.Values {
			if s, ok := c.names.find(shop.ItemID(text)); ok {
				n.slots = append(n.slots, s)
			}
		}
		return n
	}
	names := []string{e.Key}
	if e.Key == KeyCategory {
		names = append(names, keyLevel)
	}
	d := &c.dictionary
	n.key, _ = d.key(e.Key)
	for _, name := range names {
		id, k := d.key(name)
		if k == nil {
			continue
		}
		for _, text := range e.Values {
			if v, ok := d.findValue(id, strings.ToLower(strings.TrimSpace(text))); ok {
				n.values = append(n.values, uint32(v))
			}
		}
	}
	slices.Sort(n.values)
	n.values = slices.Compact(n.values)
	return n
}

// lookUpRange resolves a range: over prices and dates by their columns, over an attribute by those of its values that are
// numbers. What has no price, date or number is in no range.
func (c *Catalogue) lookUpRange(e *filter.Node) node {
	within := interval{low: e.Low, high: e.High, lowOut: e.LowOut, highOut: e.HighOut}
	if e.Key == KeyPrice || e.Key == KeyCreated {
		return node{op: filter.Range, within: within, field: e.Key}
	}
	d := &c.dictionary
	n := node{op: filter.Any}
	id, k := d.key(e.Key)
	if k == nil {
		return n
	}
	n.key = id
	for _, v := range k.values {
		if within.holds(d.values[v].number) {
			n.values = append(n.values, uint32(v))
		}
	}
	slices.Sort(n.values)
	return n
}
