// Package explore chooses items that hardly anybody was shown yet, so that they get the chance to be wanted.
//
// Of an item that was shown n times and wanted w times, the share of shoppers who would want it has the posterior
// Beta(1 + w, prior + n - w). A draw from it decides (Thompson sampling: Chapelle and Li, "An Empirical Evaluation of Thompson
// Sampling", NIPS 2011), so what is unknown is tried and what was tried in vain is not for long. Draws are made from a seed that
// the asker gives, and items are walked through in an order that their ids decide: replicas that know the same choose the same,
// whatever they saw first. Nothing here locks.
package explore

import (
	"cmp"
	"math"
	"math/bits"
	"math/rand/v2"
	"slices"

	"github.com/haggle-commerce/haggle/services/recall/internal/catalogue"
	"github.com/haggle-commerce/haggle/services/recall/internal/top"
)

// What makes an item known well enough: then the other channels can speak for it.
const (
	knownShown  = 200
	knownWanted = 10
)

// prior is how often an item counts as shown in vain before it was shown at all: as if one look in twenty were followed by a click,
// which is a guess and fades as an item is shown.
const prior = 19

// probes is how many items are drawn for each one that is chosen.
const probes = 4

// bucketBits is the logarithm of how many buckets hold the cold items: a million of them are 244 to a bucket.
const bucketBits = 12

// entry is a cold item with its place in its bucket, in 8 bytes: a million of them are walked through without looking anything up.
type entry struct {
	place uint32
	slot  catalogue.Slot
}

// placeOf hashes the tie of an item, as ties of ids that are alike are alike in their first bits (the finalizer of SplitMix64: Steele, Lea,
// Flood, OOPSLA 2014). The first bits say the bucket, those behind them the place there.
func placeOf(tie uint64) (bucket int, place uint32) {
	z := tie
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	z ^= z >> 31
	return split(z)
}

func split(z uint64) (bucket int, place uint32) {
	return int(z >> (64 - bucketBits)), uint32(z >> (32 - bucketBits))
}

// find returns the bucket and place where a cold item is or belongs, and whether it is there. Of one place the lower tie is first.
func (b *Book) find(s catalogue.Slot) (bucket, at int, ok bool) {
	tie := b.tie(s)
	bucket, place := placeOf(tie)
	at, ok = slices.BinarySearchFunc(b.buckets[bucket], s, func(have entry, s catalogue.Slot) int {
		if have.slot == s {
			return 0
		}
		return cmp.Or(cmp.Compare(have.place, place), cmp.Compare(b.tie(have.slot), tie), cmp.Compare(have.slot, s))
	})
	return bucket, at, ok
}

// count is what is known of one item: 3 bytes.
type count struct {
	shown  uint8
	wanted uint8
	cold   bool
}

// Book counts how often items were shown and wanted, and knows those that are cold. Make one with [New].
type Book struct {
	// tie is what items are told apart by, the same on every replica.
	tie    func(catalogue.Slot) uint64
	counts []count
	// buckets hold the cold items by the first bits of their places, in order. Filled has a bit for each that holds some.
	buckets [1 << bucketBits][]entry
	filled  [1 << bucketBits / 64]uint64
	cold    int
	// told says that the shop tells what it shows.
	told bool
}

// New returns an empty book. Tie is a hash of an item's id, which never changes.
func New(tie func(catalogue.Slot) uint64) *Book { return &Book{tie: tie} }

// Cold returns how many items are cold.
func (b *Book) Cold() int { return b.cold }

// Bytes is the memory of the book.
func (b *Book) Bytes() int {
	n := 3*cap(b.counts) + 24*len(b.buckets)
	for _, list := range b.buckets {
		n += 8 * cap(list)
	}
	return n
}

// Put makes an item known to the book: it is cold until it was shown or wanted often enough.
func (b *Book) Put(s catalogue.Slot) {
	c := b.at(s)
	if c.cold || c.known() {
		return
	}
	c.cold = true
	b.cold++
	bucket, at, _ := b.find(s)
	_, place := placeOf(b.tie(s))
	b.buckets[bucket] = insert(b.buckets[bucket], at, entry{place, s})
	b.filled[bucket/64] |= 1 << (bucket % 64)
}

// Delete takes an item out: it is not chosen any more. What was counted of it stays, in case it comes back.
func (b *Book) Delete(s catalogue.Slot) {
	if int(s) >= len(b.counts) || !b.counts[s].cold {
		return
	}
	b.counts[s].cold = false
	b.cold--
	bucket, at, ok := b.find(s)
	list := &b.buckets[bucket]
	if ok {
		*list = slices.Delete(*list, at, at+1)
	}
	if len(*list) == 0 {
		b.filled[bucket/64] &^= 1 << (bucket % 64)
	}
}

// insert puts an entry in a sorted list, which grows by an eighth and not twofold: most of the book is these lists.
func insert(list []entry, at int, e entry) []entry {
	if n := len(list); n == cap(list) {
		list = append(make([]entry, 0, n+n/8+4), list...)
	}
	return slices.Insert(list, at, e)
}

// Show counts that an item was shown to somebody.
func (b *Book) Show(s catalogue.Slot) {
	b.told = true
	c := b.at(s)
	if c.shown < knownShown {
		c.shown++
	}
	b.settle(s)
}

// Want counts that somebody wanted an item.
func (b *Book) Want(s catalogue.Slot) {
	c := b.at(s)
	if c.wanted < knownWanted {
		c.wanted++
	}
	b.settle(s)
}

func (b *Book) settle(s catalogue.Slot) {
	if c := b.counts[s]; c.cold && c.known() {
		b.Delete(s)
	}
}

func (c count) known() bool { return c.shown >= knownShown || c.wanted >= knownWanted }

func (b *Book) at(s catalogue.Slot) *count {
	for int(s) >= len(b.counts) {
		b.counts = append(b.counts, count{})
	}
	return &b.counts[s]
}

// Choose appends up to n cold items that are in allowed to dst, those first whose draw is highest: the scores are the draws, from
// 0 to 1. In a shop that never told what it shows nothing is chosen, as what is tried in vain would be tried for ever. The same seed chooses the same of the same items. Of a narrow choice it may find fewer than there are: it looks at
// a bounded number of items.
func (b *Book) Choose(dst []top.Entry, n int, seed uint64, allowed catalogue.Bits) []top.Entry {
	if n <= 0 || b.cold == 0 || !b.told {
		return dst
	}
	begin := len(dst)
	random := rand.New(rand.NewPCG(seed, 0x9e3779b97f4a7c15))
	for range n * probes {
		e, ok := b.next(random.Uint64(), allowed)
		if !ok || slices.ContainsFunc(dst[begin:], func(have top.Entry) bool { return have.Slot == e.slot }) {
			continue
		}
		c := b.counts[e.slot]
		wanted := float64(min(c.wanted, max(c.shown, c.wanted)))
		draw := beta(random, 1+wanted, prior+max(0, float64(c.shown)-wanted))
		dst = append(dst, top.Entry{Score: draw, Tie: b.tie(e.slot), Slot: e.slot})
	}
	slices.SortFunc(dst[begin:], top.Compare)
	return dst[:min(len(dst), begin+n)]
}

// walk is how many items next passes over at most.
const walk = 64

// next returns the first allowed cold item at or after a place, going round at the end.
func (b *Book) next(place uint64, allowed catalogue.Bits) (entry, bool) {
	bucket, at := split(place)
	from, _ := slices.BinarySearchFunc(b.buckets[bucket], at, func(have entry, at uint32) int { return cmp.Compare(have.place, at) })
	for left := walk; ; bucket, from = b.nextFilled(bucket), 0 {
		for _, e := range b.buckets[bucket][from:] {
			if allowed.Has(e.slot) {
				return e, true
			}
			if left--; left == 0 {
				return entry{}, false
			}
		}
	}
}

// nextFilled returns the next bucket after one that holds items, going round at the end. There is one, as some item is cold.
func (b *Book) nextFilled(bucket int) int {
	bucket = (bucket + 1) % len(b.buckets)
	word := bucket / 64
	if rest := b.filled[word] >> (bucket % 64); rest != 0 {
		return bucket + bits.TrailingZeros64(rest)
	}
	for {
		word = (word + 1) % len(b.filled)
		if b.filled[word] != 0 {
			return word*64 + bits.TrailingZeros64(b.filled[word])
		}
	}
}

// beta draws from Beta(a, b), a and b at least 1, as the share of one gamma variate in the sum of two.
func beta(random *rand.Rand, a, b float64) float64 {
	x, y := gamma(random, a), gamma(random, b)
	return x / (x + y)
}

// gamma draws from Gamma(shape, 1), shape at least 1 (G. Marsaglia, W. W. Tsang, "A simple method for generating gamma
// variables", TOMS 2000).
func gamma(random *rand.Rand, shape float64) float64 {
	d := shape - 1.0/3
	c := 1 / math.Sqrt(9*d)
	for {
		x := random.NormFloat64()
		v := 1 + c*x
		if v <= 0 {
			continue
		}
		v = v * v * v
		if u := random.Float64(); math.Log(u) < 0.5*x*x+d-d*v+d*math.Log(v) {
			return d * v
		}
	}
}
