package replay

import (
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/haggle-commerce/haggle/libs/feature"
	"github.com/haggle-commerce/haggle/libs/shop"
	"github.com/haggle-commerce/haggle/services/trainer/internal/corpus"
)

// world is what is known at a moment of the replay.
type world struct {
	corpus   *corpus.Corpus
	shelf    *Shelf
	next     int
	items    []*feature.ItemRow
	shoppers []*feature.ShopperRow
	event    shop.Event
	touched  []corpus.Item

	popular, trending *fame
	// tick is after how many events the leaders are found anew, due the event at which that happens next.
	tick, due int
	// leaders are the most popular and the most trending items, groups the most popular of each narrowest category.
	leaders [2][]scored
	groups  map[uint32][]scored
}

// Half-lives of what is popular and of what is trending, and how many leaders are known: as in recall.
const (
	popularHalfLife  = 30 * 24 * time.Hour
	trendingHalfLife = 2 * 24 * time.Hour
	maxLeaders       = 200
	maxGroupLeaders  = 60
)

func newWorld(c *corpus.Corpus, s *Shelf) *world {
	w := &world{
		corpus: c, shelf: s, items: make([]*feature.ItemRow, c.Items()+1), shoppers: make([]*feature.ShopperRow, c.Shoppers()+1),
		tick: max(1000, len(c.Events)/60), groups: map[uint32][]scored{},
	}
	if len(c.Events) > 0 {
		begin := c.Events[0].At
		w.popular, w.trending = newFame(c.Items(), begin, popularHalfLife), newFame(c.Items(), begin, trendingHalfLife)
	}
	return w
}

// advance lets everything happen that stands before an event.
func (w *world) advance(before int) {
	for ; w.next < before; w.next++ {
		e := &w.corpus.Events[w.next]
		w.corpus.Fill(&w.event, e)
		w.touched = w.corpus.ItemsOf(w.touched[:0], e)
		for i, item := range w.touched {
			row := w.items[item]
			if row == nil {
				row = &feature.ItemRow{}
				w.items[item] = row
			}
			row.ApplyEvent(&w.event, i)
			if gain := gainOf(e.Kind); gain > 0 {
				w.popular.add(item, e.At, gain)
				w.trending.add(item, e.At, gain)
			}
		}
		if e.Shopper != 0 {
			row := w.shoppers[e.Shopper]
			if row == nil {
				row = &feature.ShopperRow{}
				w.shoppers[e.Shopper] = row
			}
			row.Apply(&w.event)
		}
	}
	if w.next >= w.due {
		w.due = w.next + w.tick
		w.lead()
	}
}

// lead finds the leaders.
func (w *world) lead() {
	clear(w.groups)
	for k, f := range [...]*fame{w.popular, w.trending} {
		all := f.order(w.shelf)
		w.leaders[k] = slices.Clone(all[:min(len(all), maxLeaders)])
		if k > 0 {
			break
		}
		for _, s := range all {
			narrow := w.shelf.facts[s.item].Category[feature.Depths-1]
			if g := w.groups[narrow]; narrow != 0 && len(g) < maxGroupLeaders {
				w.groups[narrow] = append(g, s)
			}
		}
	}
}

// group returns the items of a narrowest category: those that were wanted, the most popular first, and then the others.
func (w *world) group(dst []corpus.Item, narrow uint32) []corpus.Item {
	for _, s := range w.groups[narrow] {
		dst = append(dst, s.item)
	}
	for _, item := range w.shelf.groups[narrow] {
		if len(dst) >= maxGroupLeaders {
			break
		}
		if w.popular.levels[item] == 0 {
			dst = append(dst, item)
		}
	}
	return dst
}

// fame is a count of each item that halves with time, kept as it would be at the begin (forward decay: Cormode and others,
// ICDE 2009).
type fame struct {
	begin     int64
	perMillis float64
	levels    []float64
}

func newFame(items int, begin int64, halfLife time.Duration) *fame {
	return &fame{begin: begin, perMillis: 1 / float64(halfLife.Milliseconds()), levels: make([]float64, items+1)}
}

func (f *fame) add(item corpus.Item, at int64, gain float32) {
	// Past 900 half-lives the scale begins anew: what was before is nothing.
	if age := float64(at-f.begin) * f.perMillis; age > 900 {
		clear(f.levels)
		f.begin = at
	}
	f.levels[item] += float64(gain) * math.Exp2(float64(at-f.begin)*f.perMillis)
}

// order returns the items of the shelf that have any fame, the greatest first.
func (f *fame) order(s *Shelf) []scored {
	var all []corpus.Item
	most := 0.0
	for i, level := range f.levels {
		if level > 0 && s.facts[i] != nil {
			all = append(all, corpus.Item(i))
			most = max(most, level)
		}
	}
	slices.SortFunc(all, func(a, b corpus.Item) int {
		if f.levels[a] != f.levels[b] {
			return cmp.Compare(f.levels[b], f.levels[a])
		}
		return cmp.Compare(s.facts[a].Hash, s.facts[b].Hash)
	})
	out := make([]scored, len(all))
	for i, item := range all {
		out[i] = scored{item, float32(f.levels[item] / most)}
	}
	return out
}
