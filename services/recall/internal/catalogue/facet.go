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
	size := result.Count()
	count := func(id valueID) uint32 { return counter.counts[id] }
	switch {
	case size == c.count:
		count = func(id valueID) uint32 { return uint32(len(c.values[id].slots)) }
	case c.cheaperByValue(size, keys):
		count = func(id valueID) uint32 {
			n := uint32(0)
			for _, s := range c.values[id].slots {
				n += uint32(result[s>>6]>>(s&63)) & 1
			}
			return n
		}
	default:
		counter.tally(c, result)
	}
	for _, name := range keys {
		folded := facetKey(name)
		if folded == KeyPrice {
			facets = append(facets, c.countPrices(counter, result, name))
			continue
		}
		facet := Facet{Key: name}
		if k := c.keys[folded]; k != nil && folded != keyLevel {
			c.collect(&facet, k, count)
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

// cheaperByValue reports whether to walk the items of each value asked for and look them up in the result, rather than the
// values of each item of the result. A count in memory at random costs about twice what a look at a bit does.
func (c *Catalogue) cheaperByValue(size int, keys []string) bool {
	byValue := 0
	for _, name := range keys {
		if k := c.keys[facetKey(name)]; k != nil {
			byValue += k.postings
		}
	}
	return byValue < 2*size*c.postings/max(1, c.count)
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
	type counted struct {
		id valueID
		n  uint32
	}
	var found []counted
	for _, id := range k.ids {
		if n := count(id); n > 0 {
			found = append(found, counted{id, n})
		}
	}
	slices.SortFunc(found, func(a, b counted) int {
		if by := cmp.Compare(b.n, a.n); by != 0 {
			return by
		}
		return cmp.Compare(c.values[a.id].folded, c.values[b.id].folded)
	})
	for _, f := range found[:min(len(found), MaxFacetValues)] {
		facet.Values = append(facet.Values, c.values[f.id].text)
		facet.Counts = append(facet.Counts, f.n)
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
