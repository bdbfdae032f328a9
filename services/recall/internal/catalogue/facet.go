package catalogue

import (
	"cmp"
	"math/bits"
	"slices"
)

// Facet is how often each value of a key stands in a result.
type Facet struct {
	Key    string
	Values []string
	Counts []uint32
}

// MaxFacetValues is how many values of a key a facet lists: the most frequent ones.
const MaxFacetValues = 50

// wideValues is how many values one of several shards lists. A value beyond them in a shard is not added, so the sum of a key with more
// values than that may be too low for its rarer ones.
const wideValues = 1000

func (counter *Counter) most() int {
	if counter.Wide {
		return wideValues
	}
	return MaxFacetValues
}

// Counter counts facets. It is the memory that counting needs; one reader uses it at a time. The zero value is ready.
type Counter struct {
	// Wide makes facets list wideValues values and not join ranges of prices, so that those of several shards can be added up.
	Wide bool
	// ordinals and values are counts, all zero between two facets; touched and seen are which of them are not.
	ordinals, values []uint32
	touched          []uint32
	seen             []valueID
	best             []counted
}

// counted is how often a value was found.
type counted struct {
	value valueID
	count uint32
}

// What the ways to count cost per step, in about nanoseconds on a current machine: a look at the group of an item through its
// row and through a column, and one at a bit of the result.
const (
	rowCost    = 24
	columnCost = 2
	bitCost    = 1
)

// Facets appends a facet of each key over the items of result to facets. A key that no item has gives a facet without values.
// Every count is exact.
func (c *Catalogue) Facets(counter *Counter, result Bits, keys []string, facets []Facet) []Facet {
	size := result.Count()
	for _, name := range keys {
		folded := facetKey(name)
		if folded == KeyPrice {
			facets = append(facets, c.prices.facet(result, size == c.count, counter.Wide, name))
			continue
		}
		facet := Facet{Key: name}
		if id, k := c.dictionary.key(folded); k != nil && folded != keyLevel {
			c.countKey(counter, result, size, id)
			c.list(&facet, counter)
		}
		facets = append(facets, facet)
	}
	return facets
}

func facetKey(name string) string {
	folded := FoldKey(name)
	if folded == "categories" {
		return KeyCategory
	}
	return folded
}

// countKey leaves the most frequent values of a key in counter.best, best first, by the way that looks cheapest: the counts that
// are kept anyway when the result is everything, the items of each value, the key's column, or the rows of the result.
func (c *Catalogue) countKey(counter *Counter, result Bits, size int, id keyID) {
	d := &c.dictionary
	k := d.keys[id]
	counter.best = counter.best[:0]
	byItems := size * rowCost
	if k.column != nil {
		byItems = size * columnCost
	}
	switch {
	case size == c.count:
		for _, v := range k.values {
			c.offer(counter, v, d.values[v].items.count)
		}
	case c.stepsOf(k, byItems/bitCost) < byItems/bitCost:
		for _, v := range k.values {
			c.offer(counter, v, d.values[v].items.countIn(result))
		}
	default:
		c.countGroups(counter, result, id)
	}
}

// stepsOf is how many steps it takes to walk the items of every value, or enough when they are more than that.
func (c *Catalogue) stepsOf(k *key, enough int) int {
	if len(k.values) >= enough {
		return enough
	}
	n := len(k.values)
	for _, v := range k.values {
		if n += c.dictionary.values[v].items.steps(); n >= enough {
			return enough
		}
	}
	return n
}

// countGroups counts the groups of the items in result and adds up the values that they hold.
func (c *Catalogue) countGroups(counter *Counter, result Bits, id keyID) {
	d := &c.dictionary
	k := d.keys[id]
	counter.ordinals = room(counter.ordinals, len(k.groups))
	counter.values = room(counter.values, len(d.values))
	counter.touched, counter.seen = counter.touched[:0], counter.seen[:0]
	if k.column != nil {
		k.column.count(counter, result)
	} else {
		for w, word := range result {
			for ; word != 0; word &= word - 1 {
				if g, ok := c.groupAt(id, Slot(w<<6+bits.TrailingZeros64(word))); ok {
					if counter.ordinals[g.ordinal]++; counter.ordinals[g.ordinal] == 1 {
						counter.touched = append(counter.touched, g.ordinal)
					}
				}
			}
		}
	}
	for _, ordinal := range counter.touched {
		n := counter.ordinals[ordinal]
		counter.ordinals[ordinal] = 0
		if ordinal == 0 {
			continue // items without the key
		}
		for _, v := range d.groups[k.groups[ordinal]].valuesOf() {
			if d.values[v].key != id {
				continue
			}
			if counter.values[v] == 0 {
				counter.seen = append(counter.seen, valueID(v))
			}
			counter.values[v] += n
		}
	}
	for _, v := range counter.seen {
		c.offer(counter, v, counter.values[v])
		counter.values[v] = 0
	}
}

// room returns counts with room for n, all zero.
func room(counts []uint32, n int) []uint32 {
	if len(counts) < n {
		return make([]uint32, n+n/4)
	}
	return counts
}

// offer keeps a value if it is among the most frequent so far, equal ones by their text.
func (c *Catalogue) offer(counter *Counter, v valueID, n uint32) {
	best, most := counter.best, counter.most()
	if n == 0 || (len(best) == most && n < best[most-1].count) {
		return
	}
	d := &c.dictionary
	at, _ := slices.BinarySearchFunc(best, counted{v, n}, func(a, b counted) int {
		if by := cmp.Compare(b.count, a.count); by != 0 {
			return by
		}
		return cmp.Compare(d.values[a.value].folded, d.values[b.value].folded)
	})
	if len(best) == most {
		if at == most {
			return
		}
		best = best[:most-1]
	}
	counter.best = slices.Insert(best, at, counted{v, n})
}

// list writes what was counted.
func (c *Catalogue) list(facet *Facet, counter *Counter) {
	for _, b := range counter.best {
		facet.Values = append(facet.Values, c.dictionary.show(b.value))
		facet.Counts = append(facet.Counts, b.count)
	}
}
