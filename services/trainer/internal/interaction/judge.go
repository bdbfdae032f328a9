package interaction

import (
	"context"
	"math"

	"github.com/haggle-commerce/haggle/services/trainer/internal/crew"
)

// Asker scores all items for histories, one at a time. It keeps its memory, so that a query allocates nothing.
type Asker interface {
	// Score writes a score for each item to dst, the higher the better. History is ascending; dst has one place for each item.
	Score(dst []float32, history []uint32)
}

// Model can be asked by many goroutines at once, each with an Asker of its own.
type Model interface {
	Asker() Asker
}

// Values are the measures of a model, one for each case, in the order of the cases.
type Values struct {
	// Recall is the share of the wanted items among the first, divided by all that were wanted; NDCG has gains of 1 and an ideal of
	// min(depth, wanted) hits.
	Recall, NDCG []float64
}

// Depth is how many items are looked at: those of the published protocols.
const Depth = 20

// Judge asks a model for the first [Depth] of all items but those of the history. Items of one score stand in the order of rank,
// which has the place of each.
func Judge(ctx context.Context, c crew.Crew, m Model, cases []Case, rank []uint32) (Values, error) {
	v := Values{Recall: make([]float64, len(cases)), NDCG: make([]float64, len(cases))}
	var discounts, ideals [Depth + 1]float64
	for i := range Depth {
		discounts[i] = 1 / math.Log2(float64(i+2))
		ideals[i+1] = ideals[i] + discounts[i]
	}
	err := c.Each(ctx, len(cases), 16, func() func(from, to int) {
		asker, scores := m.Asker(), make([]float32, len(rank))
		wanted := make([]bool, len(rank))
		var best heap
		return func(from, to int) {
			for at := from; at < to; at++ {
				c := &cases[at]
				asker.Score(scores, c.History)
				for _, i := range c.History {
					scores[i] = float32(math.Inf(-1))
				}
				for _, i := range c.Wanted {
					wanted[i] = true
				}
				hits, gain := 0, 0.0
				for place, i := range best.first(scores, rank) {
					if wanted[i] {
						hits++
						gain += discounts[place]
					}
				}
				for _, i := range c.Wanted {
					wanted[i] = false
				}
				v.Recall[at] = float64(hits) / float64(len(c.Wanted))
				v.NDCG[at] = gain / ideals[min(Depth, len(c.Wanted))]
			}
		}
	})
	return v, err
}

// Ranks returns the place of each item in an order.
func Ranks(order []uint32) []uint32 {
	ranks := make([]uint32, len(order))
	for place, i := range order {
		ranks[i] = uint32(place)
	}
	return ranks
}

// heap keeps the best items, in order: with 20 of them, to push others along is cheaper than a tree.
type heap struct {
	scores [Depth]float32
	items  [Depth]uint32
}

// first returns the [Depth] best items, best first, at most as many as have a score above minus infinity.
func (h *heap) first(scores []float32, rank []uint32) []uint32 {
	n, floor := 0, float32(math.Inf(-1))
	for i, s := range scores {
		if s < floor || s == float32(math.Inf(-1)) || n == Depth && s == floor && rank[i] > rank[h.items[n-1]] {
			continue
		}
		if n < Depth {
			n++
		}
		at := n - 1
		for at > 0 && (s > h.scores[at-1] || s == h.scores[at-1] && rank[i] < rank[h.items[at-1]]) {
			h.scores[at], h.items[at] = h.scores[at-1], h.items[at-1]
			at--
		}
		h.scores[at], h.items[at] = s, uint32(i)
		if n == Depth {
			floor = h.scores[n-1]
		}
	}
	return h.items[:n]
}
