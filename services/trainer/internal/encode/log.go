package encode

import (
	"hash/fnv"
	"math"

	"github.com/haggle-commerce/haggle/libs/shop"
	"github.com/haggle-commerce/haggle/services/trainer/internal/corpus"
)

// heldTime is the share of the clicks, the latest, that are held out.
const heldTime = 0.1

// FromLog returns the clicks of a log on the items that at numbers, in order of time: the older ones, which are trained on, and the
// latest. What one shopper did with an item after one query counts once.
func FromLog(c *corpus.Corpus, at map[shop.ItemID]int) (older, latest []Click) {
	type deed struct {
		shopper corpus.Shopper
		query   corpus.Query
		item    corpus.Item
	}
	var clicks []Click
	seen := map[deed]struct{}{}
	var items []corpus.Item
	for i := range c.Events {
		e := &c.Events[i]
		if e.Query == 0 || !chosen(e.Kind) {
			continue
		}
		items = c.ItemsOf(items[:0], e)
		for _, item := range items {
			d := deed{e.Shopper, e.Query, item}
			if _, again := seen[d]; again && e.Shopper != 0 {
				continue
			}
			seen[d] = struct{}{}
			if n, ok := at[c.ID(item)]; ok {
				clicks = append(clicks, Click{Query: c.Text(e.Query), Item: n})
			}
		}
	}
	cut := len(clicks) - int(heldTime*float64(len(clicks)))
	return clicks[:cut], clicks[cut:]
}

// Sample returns what draws about most of n items: by their ids, so that it is the same ones each time.
func Sample(n, most int) func(shop.ItemID) bool {
	if n <= most {
		return func(shop.ItemID) bool { return true }
	}
	limit := uint64(float64(most) / float64(n) * math.MaxUint64)
	return func(id shop.ItemID) bool {
		h := fnv.New64a()
		h.Write([]byte(id))
		// FNV's upper bits are those that differ least.
		return h.Sum64()*0x9e3779b97f4a7c15 < limit
	}
}

// chosen reports whether an event of a kind says that its items answered the query.
func chosen(k corpus.Kind) bool {
	switch k {
	case corpus.Clicked, corpus.Viewed, corpus.Carted, corpus.Bought:
		return true
	}
	return false
}
