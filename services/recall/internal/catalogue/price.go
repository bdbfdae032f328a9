package catalogue

import (
	"cmp"
	"maps"
	"math"
	"math/bits"
	"slices"
	"strconv"
	"strings"
)

// maxPriceRanges is how many ranges of prices a facet lists at most.
const maxPriceRanges = 8

// priceBounds are where ranges of prices may begin and end.
var priceBounds = [...]float64{
	1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 2e4, 5e4, 1e5, 2e5, 5e5, 1e6, 1e7, 1e8,
}

// bandsPerRange is how many bands each range between two bounds has, so that all of them fit a byte beside the unknown price.
const bandsPerRange = 11

// noBand is the band of an item whose price is not known.
const noBand = 255

// bandBounds are where bands begin, but for the first; each range of priceBounds is cut into bands of equal ratio.
var bandBounds = func() []float64 {
	bounds := make([]float64, 0, noBand)
	low := priceBounds[0] / 2
	for _, high := range priceBounds {
		for i := 1; i < bandsPerRange; i++ {
			bounds = append(bounds, low*math.Pow(high/low, float64(i)/bandsPerRange))
		}
		bounds = append(bounds, high)
		low = high
	}
	for i := 1; i < bandsPerRange; i++ {
		bounds = append(bounds, low*math.Pow(10, float64(i)/bandsPerRange))
	}
	return bounds
}()

// prices are the prices of the items by slot, and the band that each lies in: a look at one byte tells for most items whether the
// price is in a range.
type prices struct {
	of    []float64
	bands []uint8
	// counts are how many items have a price in each band.
	counts [noBand + 1]uint32
}

func (p *prices) grow() {
	p.of, p.bands = append(p.of, 0), append(p.bands, noBand)
	p.counts[noBand]++
}

func (p *prices) set(s Slot, price float64) {
	p.counts[p.bands[s]]--
	p.of[s], p.bands[s] = price, bandOf(price)
	p.counts[p.bands[s]]++
}

func (p *prices) bytes() int { return 8*cap(p.of) + cap(p.bands) }

// bandOf returns the band of a price: how many of bandBounds are at or below it.
func bandOf(price float64) uint8 {
	if !(price > 0) {
		return noBand
	}
	at, ok := slices.BinarySearch(bandBounds, price)
	if ok {
		at++
	}
	return uint8(at)
}

// interval is the numbers from low to high, with the ends or without.
type interval struct {
	low, high       float64
	lowOut, highOut bool
}

func (v interval) holds(x float64) bool {
	return (x > v.low || (x == v.low && !v.lowOut)) && (x < v.high || (x == v.high && !v.highOut))
}

// bands says of each band whether all of its prices are in the interval, and whether only a look at each tells.
func (v interval) bands() (all, open [noBand + 1]uint8) {
	for b := range len(bandBounds) + 1 {
		from, to := 0.0, math.Inf(1)
		if b > 0 {
			from = bandBounds[b-1]
		}
		if b < len(bandBounds) {
			to = bandBounds[b]
		}
		switch {
		case v.holds(from) && (v.holds(to) || v.high == to):
			all[b] = 1 // of to itself the band holds nothing
		case to > v.low && (from < v.high || v.holds(from)):
			open[b] = 1
		}
	}
	return all, open
}

// choose adds to out those slots of in whose price is in the interval. An unknown price is in none.
func (p *prices) choose(v interval, in, out Bits) {
	all, open := v.bands()
	for w, word := range in {
		if word == 0 {
			continue
		}
		found, asked := uint64(0), uint64(0)
		part := p.bands[w<<6 : min(len(p.bands), w<<6+64)]
		for ; word != 0; word &= word - 1 {
			i := bits.TrailingZeros64(word)
			band := part[i]
			found |= uint64(all[band]) << (i & 63)
			asked |= uint64(open[band]) << (i & 63)
		}
		for ; asked != 0; asked &= asked - 1 {
			if i := bits.TrailingZeros64(asked); v.holds(p.of[w<<6+i]) {
				found |= 1 << i
			}
		}
		out[w] |= found
	}
}

// holds reports whether the price of an item is in the interval.
func (p *prices) holds(v interval, s Slot) bool { return p.of[s] > 0 && v.holds(p.of[s]) }

// facet counts the items of result by ranges of their price, in the form that a filter takes: "10..20" is from 10 up to, not
// including, 20. The ranges cover the prices of the result; where there would be too many, the smallest neighbours are joined.
// All says that the result is every item that has a price, apart that no ranges are joined.
func (p *prices) facet(result Bits, all, apart bool, name string) Facet {
	counts := p.counts
	if !all {
		clear(counts[:])
		for w, word := range result {
			for ; word != 0; word &= word - 1 {
				counts[p.bands[w<<6+bits.TrailingZeros64(word)]]++
			}
		}
	}
	var spans []span
	for i := range len(priceBounds) + 1 {
		s := span{high: math.Inf(1)}
		for _, n := range counts[i*bandsPerRange : (i+1)*bandsPerRange] {
			s.count += n
		}
		if s.count == 0 {
			continue
		}
		if i > 0 {
			s.low = priceBounds[i-1]
		}
		if i < len(priceBounds) {
			s.high = priceBounds[i]
		}
		spans = append(spans, s)
	}
	if !apart {
		spans = join(spans)
	}
	facet := Facet{Key: name}
	for _, s := range spans {
		facet.Values = append(facet.Values, s.String())
		facet.Counts = append(facet.Counts, s.count)
	}
	return facet
}

// span is how many prices lie from low up to, not including, high.
type span struct {
	low, high float64
	count     uint32
}

// String is the span as a filter takes it.
func (s span) String() string {
	text := strconv.FormatFloat(s.low, 'f', -1, 64) + ".."
	if !math.IsInf(s.high, 1) {
		text += strconv.FormatFloat(s.high, 'f', -1, 64)
	}
	return text
}

// join joins the smallest neighbours until there are few enough.
func join(spans []span) []span {
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
	return spans
}

// MergeFacets adds up what shards that count widely (see [Counter]) counted of one key.
func MergeFacets(key string, parts []Facet) Facet {
	counts := map[string]uint32{}
	for _, part := range parts {
		for i, v := range part.Values {
			counts[v] += part.Counts[i]
		}
	}
	merged := Facet{Key: key}
	if facetKey(key) == KeyPrice {
		var spans []span
		for v, n := range counts {
			s := span{high: math.Inf(1), count: n}
			low, high, _ := strings.Cut(v, "..")
			s.low, _ = strconv.ParseFloat(low, 64)
			if high != "" {
				s.high, _ = strconv.ParseFloat(high, 64)
			}
			spans = append(spans, s)
		}
		slices.SortFunc(spans, func(a, b span) int { return cmp.Compare(a.low, b.low) })
		for _, s := range join(spans) {
			merged.Values, merged.Counts = append(merged.Values, s.String()), append(merged.Counts, s.count)
		}
		return merged
	}
	// Shards may show one value in other capitals: it is one.
	shown, sums := map[string]string{}, map[string]uint32{}
	for v, n := range counts {
		folded := strings.ToLower(v)
		have, ok := shown[folded]
		if sums[folded] += n; !ok || n > counts[have] || (n == counts[have] && v < have) {
			shown[folded] = v
		}
	}
	folded := slices.Collect(maps.Keys(sums))
	slices.SortFunc(folded, func(a, b string) int { return cmp.Or(cmp.Compare(sums[b], sums[a]), cmp.Compare(a, b)) })
	for _, f := range folded[:min(len(folded), MaxFacetValues)] {
		merged.Values, merged.Counts = append(merged.Values, shown[f]), append(merged.Counts, sums[f])
	}
	return merged
}
