package catalogue

import (
	"cmp"
	"math"
	"slices"
	"strconv"
)

// Facet is how often each value of a key stands in a result.
type Facet struct {
	Key    string
	Values []string
	Counts []uint32
}

// Limits on what a facet lists: the most frequent values, and ranges of prices.
const (
	MaxFacetValues = 50
	maxPriceRanges = 8
)

// Counter counts facets. It is the memory that counting needs; one reader uses it at a time. The zero value is ready.
type Counter struct {
	counts []uint32
	ranges [len(priceBounds) + 1]uint32
}

// priceBounds are where ranges of prices may begin and end.
var priceBounds = [...]float64{
	1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 2e4, 5e4, 1e5, 2e5, 5e5, 1e6, 1e7, 1e8,
}

// Facets appends a facet of each key over the items of result to facets. A key that no item has gives a facet without values.
func (c *Catalogue) Facets(counter *Counter, result Bits, keys []string, facets []Facet) []Facet {
	whole := result.Count() == c.count
	if !whole && slices.ContainsFunc(keys, func(key string) bool { return FoldKey(key) != KeyPrice }) {
		counter.tally(c, result)
	}
	for _, name := range keys {
		folded := FoldKey(name)
		if folded == "categories" {
			folded = KeyCategory
		}
		if folded == KeyPrice {
			facets = append(facets, c.countPrices(counter, result, name))
			continue
		}
		facet := Facet{Key: name}
		if k := c.keys[folded]; k != nil && folded != keyLevel {
			c.collect(&facet, k, func(id valueID) uint32 {
				if whole {
					return uint32(len(c.values[id].slots))
				}
				return counter.counts[id]
			})
		}
		facets = append(facets, facet)
	}
	return facets
}

// tally counts every value of every item of the result.
func (counter *Counter) tally(c *Catalogue, result Bits) {
	if cap(counter.counts) < len(c.values) {
		counter.counts = make([]uint32, len(c.values)+len(c.values)/4)
	}
	counter.counts = counter.counts[:len(c.values)]
	clear(counter.counts)
	for s := range result.All {
		for _, id := range c.held[s] {
			counter.counts[id]++
		}
	}
}

// collect lists the most frequent values of k, equal ones by their text.
func (c *Catalogue) collect(facet *Facet, k *key, count func(valueID) uint32) {
	var found []valueID
	for _, id := range k.ids {
		if count(id) > 0 {
			found = append(found, id)
		}
	}
	slices.SortFunc(found, func(a, b valueID) int {
		if by := cmp.Compare(count(b), count(a)); by != 0 {
			return by
		}
		return cmp.Compare(c.values[a].folded, c.values[b].folded)
	})
	for _, id := range found[:min(len(found), MaxFacetValues)] {
		facet.Values = append(facet.Values, c.values[id].text)
		facet.Counts = append(facet.Counts, count(id))
	}
}

// countPrices counts items by ranges of their price, in the form that a filter takes: "10..20" is from 10 up to, not
// including, 20. The ranges cover the prices of the result; where there would be too many, the smallest neighbours are joined.
func (c *Catalogue) countPrices(counter *Counter, result Bits, name string) Facet {
	clear(counter.ranges[:])
	for s := range result.All {
		if p := c.prices[s]; p > 0 {
			counter.ranges[priceRange(p)]++
		}
	}
	type span struct {
		low, high float64
		count     uint32
	}
	var spans []span
	for i, n := range counter.ranges {
		if n == 0 {
			continue
		}
		s := span{high: math.Inf(1), count: n}
		if i > 0 {
			s.low = priceBounds[i-1]
		}
		if i < len(priceBounds) {
			s.high = priceBounds[i]
		}
		spans = append(spans, s)
	}
	for len(spans) > maxPriceRanges {
		least := 0
		for i := range spans[:len(spans)-1] {
			if spans[i].count+spans[i+1].count < spans[least].count+spans[least+1].count {
				least = i
			}
		}
		spans[least] = span{low: spans[least].low, high: spans[least+1].high, count: spans[least].count + spans[least+1].count}
		spans = slices.Delete(spans, least+1, least+2)
	}
	facet := Facet{Key: name}
	for _, s := range spans {
		text := strconv.FormatFloat(s.low, 'f', -1, 64) + ".."
		if !math.IsInf(s.high, 1) {
			text += strconv.FormatFloat(s.high, 'f', -1, 64)
		}
		facet.Values = append(facet.Values, text)
		facet.Counts = append(facet.Counts, s.count)
	}
	return facet
}

// priceRange returns how many of priceBounds are at or below p.
func priceRange(p float64) int {
	low, high := 0, len(priceBounds)
	for low < high {
		if mid := (low + high) / 2; priceBounds[mid] <= p {
			low = mid + 1
		} else {
			high = mid
		}
	}
	return low
}
