package catalogue

import (
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
	// test is what Range tests.
	test func(Slot) bool
	// values are looked up for Any; slots stand for the ids of items.
	values []valueID
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

// Holds reports whether one item passes.
func (sel *Selection) Holds(s Slot) bool {
	for i := range sel.parts {
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
	return make(Bits, words)
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
		for s := range in.All {
			if n.test(s) {
				out.Set(s)
			}
		}
	case filter.Any:
		sel.evalAny(n, in, out)
	}
}

// evalAny walks the shorter of two ways: the items that have the values, or the items asked about.
func (sel *Selection) evalAny(n *node, in, out Bits) {
	postings := 0
	for _, id := range n.values {
		postings += len(sel.c.values[id].slots)
	}
	if postings > 64 && postings > 4*in.Count() {
		for s := range in.All {
			if sel.holds(n, s) {
				out.Set(s)
			}
		}
		return
	}
	for _, id := range n.values {
		for _, s := range sel.c.values[id].slots {
			if in.Has(s) {
				out.Set(s)
			}
		}
	}
	for _, s := range n.slots {
		if in.Has(s) {
			out.Set(s)
		}
	}
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
		return n.test(s)
	case filter.Available:
		return sel.c.buyable.Has(s)
	}
	for _, id := range sel.c.held[s] {
		if _, ok := slices.BinarySearch(n.values, id); ok {
			return true
		}
	}
	return slices.Contains(n.slots, s)
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
			if s, ok := c.slots[shop.ItemID(text)]; ok {
				n.slots = append(n.slots, s)
			}
		}
		return n
	}
	names := []string{e.Key}
	if e.Key == KeyCategory {
		names = append(names, keyLevel)
	}
	for _, name := range names {
		k := c.keys[name]
		if k == nil {
			continue
		}
		for _, text := range e.Values {
			if id, ok := k.values[strings.ToLower(strings.TrimSpace(text))]; ok {
				n.values = append(n.values, id)
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
	within := func(x float64) bool {
		return (x > e.Low || (x == e.Low && !e.LowOut)) && (x < e.High || (x == e.High && !e.HighOut))
	}
	switch e.Key {
	case KeyPrice:
		return node{op: filter.Range, test: func(s Slot) bool { p := c.prices[s]; return p > 0 && within(p) }}
	case KeyCreated:
		return node{op: filter.Range, test: func(s Slot) bool { at := c.created[s]; return at != 0 && within(float64(at)) }}
	}
	n := node{op: filter.Any}
	if k := c.keys[e.Key]; k != nil {
		for _, id := range k.ids {
			if within(c.values[id].number) {
				n.values = append(n.values, id)
			}
		}
	}
	slices.Sort(n.values)
	return n
}
