// Package choice learns which items shoppers choose for a query, so that they stand higher the next time it is asked.
//
// A click says more of an item that stood low, because fewer look there: it counts the inverse of how likely the place is to be looked
// at (T. Joachims, A. Swaminathan, T. Schnabel, "Unbiased learning-to-rank with biased feedback", WSDM 2017), with a likelihood of
// 1 / sqrt(place) and a bound on its inverse. Four guards keep the loop from feeding itself: a shopper counts once for an item, some
// shoppers must agree, the share of an item is drawn towards nothing while there are few choices, and what it multiplies a score with
// is bounded. Choices fade, so what is no longer chosen falls back to what its words are worth. Nothing here locks.
package choice

import (
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/haggle-commerce/haggle/libs/feature"
	"github.com/haggle-commerce/haggle/services/recall/internal/catalogue"
	"github.com/haggle-commerce/haggle/services/recall/internal/pack"
)

// Limits of the core.
const (
	// MaxQueries is how many queries are remembered; those with the fewest choices give way.
	MaxQueries = 50_000
	// maxItems is how many items of a query are remembered; the one chosen least gives way.
	maxItems = 32
	// minChoosers is how many shoppers must have chosen an item for a query before it counts.
	minChoosers = 3
	// maxInverse bounds what a click at a low place counts more than one at the first.
	maxInverse = 4
	// smoothing is how many choices of nothing each query begins with.
	smoothing = 10
	// MaxBoost is what a score is multiplied with at most.
	MaxBoost = 1.5
	halfLife = 30 * 24 * time.Hour
)

// item is what is known of an item for a query.
type item struct {
	slot catalogue.Slot
	// choosers are the lower halves of the hashes of the last shoppers who chose it: one of them is not counted again.
	choosers [8]uint32
	// weight is the sum of the choices as of the query's moment.
	weight float64
	// count is how many distinct shoppers chose it, up to the room there is to know them, next where the next one is written.
	count, next uint8
}

// itemBytes is the memory of an item.
const itemBytes = 56

// query is what was chosen for a query.
type query struct {
	items []item
	at    time.Time
}

// Book holds what was chosen. Make one with [New].
type Book struct {
	queries map[uint64]*query
}

// New returns an empty book.
func New() *Book { return &Book{queries: map[uint64]*query{}} }

// Len returns how many queries are remembered.
func (b *Book) Len() int { return len(b.queries) }

// Bytes is about the memory of the book: maps take half as much again as what they hold.
func (b *Book) Bytes() int {
	n := 24 * len(b.queries)
	for _, q := range b.queries {
		n += 48 + itemBytes*cap(q.items)
	}
	return n
}

// Key names a query: the same for the same words in any order and number. It is 0 for a text of nothing.
func Key(text string) uint64 {
	var room [24]string
	words := feature.Tokens(room[:0], text)
	for i := range words {
		words[i] = feature.Stem(words[i])
	}
	slices.Sort(words)
	words = slices.Compact(words)
	if len(words) == 0 {
		return 0
	}
	// FNV-1a, each word with a space behind it.
	const prime = 1099511628211
	hash := uint64(14695981039346656037)
	for _, w := range words {
		for i := range len(w) {
			hash = (hash ^ uint64(w[i])) * prime
		}
		hash = (hash ^ ' ') * prime
	}
	return max(hash, 1)
}

// Choice is one thing that a shopper chose for a query.
type Choice struct {
	// Query is a [Key], Chooser a hash of the shopper; 0 of either does not count.
	Query, Chooser uint64
	Item           catalogue.Slot
	// Place is where it stood, from 0; Weight how much the deed says.
	Place  int
	Weight float64
	At     time.Time
}

// Add counts a choice. It reports whether it counted.
func (b *Book) Add(c Choice) bool {
	if c.Query == 0 || c.Chooser == 0 || !(c.Weight > 0) {
		return false
	}
	q := b.queries[c.Query]
	if q == nil {
		if len(b.queries) >= MaxQueries {
			b.evict()
		}
		q = &query{at: c.At}
		b.queries[c.Query] = q
	}
	weight := c.Weight * min(math.Sqrt(float64(max(c.Place, 0)+1)), maxInverse)
	if c.At.After(q.at) {
		fade := faded(c.At.Sub(q.at))
		for i := range q.items {
			q.items[i].weight *= fade
		}
		q.at = c.At
	} else {
		weight *= faded(q.at.Sub(c.At))
	}
	it := q.find(c.Item)
	if slices.Contains(it.choosers[:it.count], uint32(c.Chooser)) {
		return false
	}
	it.choosers[it.next] = uint32(c.Chooser)
	it.next = (it.next + 1) % uint8(len(it.choosers))
	it.count = min(it.count+1, uint8(len(it.choosers)))
	it.weight += weight
	return true
}

func faded(age time.Duration) float64 { return math.Exp2(-float64(age) / float64(halfLife)) }

// find returns the place of an item, in that of the one chosen least when there is no other.
func (q *query) find(s catalogue.Slot) *item {
	least := 0
	for i := range q.items {
		if q.items[i].slot == s {
			return &q.items[i]
		}
		if q.items[i].weight < q.items[least].weight {
			least = i
		}
	}
	if len(q.items) < maxItems {
		q.items = append(q.items, item{slot: s})
		return &q.items[len(q.items)-1]
	}
	q.items[least] = item{slot: s}
	return &q.items[least]
}

// evict drops the eighth of the queries for which least was chosen as of the newest.
func (b *Book) evict() {
	type worth struct {
		key    uint64
		weight float64
	}
	var newest time.Time
	for _, q := range b.queries {
		if q.at.After(newest) {
			newest = q.at
		}
	}
	all := make([]worth, 0, len(b.queries))
	for key, q := range b.queries {
		all = append(all, worth{key, q.total() * faded(newest.Sub(q.at))})
	}
	slices.SortFunc(all, func(x, y worth) int { return cmp.Or(cmp.Compare(x.weight, y.weight), cmp.Compare(x.key, y.key)) })
	for _, w := range all[:max(1, len(all)/8)] {
		delete(b.queries, w.key)
	}
}

func (q *query) total() float64 {
	sum := 0.0
	for i := range q.items {
		sum += q.items[i].weight
	}
	return sum
}

// Boosts are what the scores of a query's items are multiplied with. The zero value boosts nothing.
type Boosts struct {
	items  []item
	factor float64
	fade   float64
}

// Of returns the boosts of a query, a [Key], as of now. They hold until the next change of the book.
func (b *Book) Of(key uint64, now time.Time) Boosts {
	q := b.queries[key]
	if q == nil {
		return Boosts{}
	}
	fade := faded(max(now.Sub(q.at), 0))
	return Boosts{items: q.items, fade: fade, factor: (MaxBoost - 1) / (q.total()*fade + smoothing)}
}

// Boost returns what the score of an item is multiplied with, from 1 to [MaxBoost].
func (x Boosts) Boost(s catalogue.Slot) float64 {
	for i := range x.items {
		if it := &x.items[i]; it.slot == s && it.count >= minChoosers {
			return 1 + it.weight*x.fade*x.factor
		}
	}
	return 1
}

// AppendBinary appends the state.
func (b *Book) AppendBinary(dst []byte) []byte {
	keys := make([]uint64, 0, len(b.queries))
	for key := range b.queries {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	dst = pack.AppendUint(dst, uint64(len(keys)))
	for _, key := range keys {
		q := b.queries[key]
		dst = pack.AppendUint(dst, key)
		dst = pack.AppendUint(dst, uint64(q.at.UnixMicro()))
		dst = pack.AppendUint(dst, uint64(len(q.items)))
		for i := range q.items {
			it := &q.items[i]
			dst = pack.AppendUint(dst, uint64(it.slot))
			dst = pack.AppendFloat(dst, it.weight)
			dst = pack.AppendUint(dst, uint64(it.next))
			dst = pack.AppendList(dst, it.choosers[:it.count])
		}
	}
	return dst
}

// Restore sets an empty book to what [Book.AppendBinary] wrote, of a catalogue with size slots. Its errors wrap [pack.ErrBroken].
func (b *Book) Restore(from []byte, size int) error {
	r := pack.Read(from)
	for range r.Count(3) {
		key := r.Uint()
		q := &query{at: time.UnixMicro(int64(r.Uint())).UTC()}
		for range r.Count(4) {
			it := item{slot: catalogue.Slot(r.Below(size)), weight: r.Float()}
			it.next = uint8(r.Below(len(it.choosers)))
			choosers := pack.List[uint32](r)
			if len(choosers) > len(it.choosers) || math.IsNaN(it.weight) || math.IsInf(it.weight, 0) || it.weight < 0 || len(q.items) == maxItems {
				r.Fail("choice of %d shoppers with the weight %v", len(choosers), it.weight)
				return r.Err()
			}
			it.count = uint8(copy(it.choosers[:], choosers))
			q.items = append(q.items, it)
		}
		if r.Err() != nil {
			return r.Err()
		}
		b.queries[key] = q
	}
	return r.End()
}
