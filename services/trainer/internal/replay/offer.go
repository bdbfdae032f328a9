package replay

import (
	"math"
	"slices"

	"github.com/haggle-commerce/haggle/libs/feature"
	"github.com/haggle-commerce/haggle/libs/model/neighbour"
	"github.com/haggle-commerce/haggle/services/trainer/internal/corpus"
)

// offerer finds candidates in the manner of recall: several channels, merged by reciprocal rank. It is not recall, whose index
// is its own; it stands for the kind of items that a ranker will be given.
type offerer struct {
	world      *world
	neighbours *neighbour.Model
	// numbers are the items of the neighbour lists.
	numbers []corpus.Item

	channel, blend tally
	barred         map[corpus.Item]bool
	seeds          []scored
	group          []corpus.Item
	out            []scored
}

// Limits on what an offer starts from.
const (
	maxSeeds  = 16
	maxRecent = 50
	perOffer  = 100
	// rankOffset is k of reciprocal rank fusion.
	rankOffset = 60
	dayMillis  = 24 * 60 * 60 * 1000
)

// recipe is what each channel counts.
type recipe struct{ together, similar, again, popular, trending float32 }

// recipes are those of the purposes without words; stranger is for somebody of whom nothing is known. They were chosen on
// held-out time of the generated shop and of completejourney together, and are never written.
var (
	recipes = [Search]recipe{
		Home:   {together: 0.3, similar: 0.05, again: 1, popular: 0.3, trending: 0.1},
		Beside: {together: 1, similar: 0.4, again: 0.1, popular: 0.1, trending: 0.1},
		Basket: {together: 1, similar: 0.4, again: 0.8, popular: 0.8, trending: 0.2},
	}
	stranger = recipe{popular: 0.8, trending: 1}
)

func newOfferer(w *world) *offerer { return &offerer{world: w, barred: map[corpus.Item]bool{}} }

// use takes other lists of neighbours.
func (o *offerer) use(m *neighbour.Model) {
	o.neighbours, o.numbers = m, make([]corpus.Item, m.Len())
	for i, id := range m.IDs {
		o.numbers[i] = o.world.shelf.numbers[feature.HashItem(id)]
	}
}

// offer returns up to k candidates, best first. They are valid until the next call.
func (o *offerer) offer(a *Ask, at int64, k int) []scored {
	w := o.world
	o.blend.reset(len(w.shelf.facts))
	clear(o.barred)
	for _, item := range a.Context {
		o.barred[item] = true
	}
	keep := func(item corpus.Item) bool {
		return !o.barred[item] && w.shelf.facts[item].Created <= at
	}
	if a.Purpose == Search {
		o.lexical(a, keep)
		return o.finish(k, keep)
	}
	row := w.shoppers[a.Shopper]
	if a.Shopper == 0 {
		row = nil
	}
	o.again(recipes[a.Purpose].again, row, at, keep)
	o.seed(a, row)
	r := recipes[a.Purpose]
	if len(o.seeds) == 0 {
		r = stranger
	}
	o.together(r.together, keep)
	o.similar(r.similar, keep)
	o.add(r.popular, w.leaders[0], keep)
	o.add(r.trending, w.leaders[1], keep)
	// What was seen lately is offered as bought again or not at all: o.again was asked before it was barred.
	return o.finish(k, func(corpus.Item) bool { return true })
}

// finish returns the best of all channels, filled up with what is popular.
func (o *offerer) finish(k int, keep func(corpus.Item) bool) []scored {
	o.out = append(o.out[:0], o.blend.top(k, o.world.shelf, keep)...)
	return o.out
}

// add merges a channel's items, best first.
func (o *offerer) add(weight float32, items []scored, keep func(corpus.Item) bool) {
	if weight == 0 {
		return
	}
	rank := 1
	for _, s := range items {
		if rank > perOffer {
			return
		}
		if keep(s.item) {
			o.blend.add(s.item, weight/float32(rankOffset+rank))
			rank++
		}
	}
}

// lexical offers what matches the query.
func (o *offerer) lexical(a *Ask, keep func(corpus.Item) bool) {
	s := o.world.shelf
	o.channel.reset(len(s.facts))
	words := terms(o.world.corpus.Text(a.Query))
	var all float32
	for _, term := range words {
		all += s.idf(len(s.postings[term]))
	}
	for _, term := range words {
		list := s.postings[term]
		idf := s.idf(len(list))
		for _, p := range list {
			o.channel.add(p.item, idf*p.weight)
		}
	}
	// What holds all words comes first: a word that is missing takes off more than the others can make up for.
	for _, item := range o.channel.touched {
		held := float32(0)
		for _, term := range words {
			if s.facts[item].Where(term) != 0 {
				held += s.idf(len(s.postings[term]))
			}
		}
		share := held / all
		o.channel.scores[item] *= share * share
	}
	o.add(1, o.channel.top(perOffer, s, keep), keep)
}

// seed sets the seeds: the page's items, then what the shopper touched last, which is barred.
func (o *offerer) seed(a *Ask, row *feature.ShopperRow) {
	o.seeds = o.seeds[:0]
	for _, item := range a.Context {
		o.seeds = append(o.seeds, scored{item, 1})
	}
	if row == nil {
		return
	}
	weight := float32(1)
	if len(o.seeds) > 0 {
		weight = 0.3
	}
	for i := range row.History[:min(len(row.History), maxRecent)] {
		past := &row.History[i]
		item, ok := o.world.shelf.numbers[past.Item]
		if !ok || o.barred[item] && slices.ContainsFunc(o.seeds, func(s scored) bool { return s.item == item }) {
			continue
		}
		o.barred[item] = true
		if len(o.seeds) < maxSeeds {
			kind := float32(0)
			switch {
			case past.Times[feature.Bought] > 0:
				kind = 2
			case past.Times[feature.Carted] > 0:
				kind = 1
			}
			o.seeds = append(o.seeds, scored{item, weight * (1 + 0.5*kind)})
			weight *= 0.85
		}
	}
}

// together offers neighbours of the seeds.
func (o *offerer) together(weight float32, keep func(corpus.Item) bool) {
	if o.neighbours == nil || len(o.seeds) == 0 {
		return
	}
	o.channel.reset(len(o.world.shelf.facts))
	for _, seed := range o.seeds {
		index, ok := o.neighbours.Lookup(o.world.corpus.ID(seed.item))
		if !ok {
			continue
		}
		items, weights := o.neighbours.Neighbours(index)
		for k, n := range items {
			if item := o.numbers[n]; item != 0 {
				o.channel.add(item, weights[k]*seed.score)
			}
		}
	}
	o.add(weight, o.channel.top(perOffer, o.world.shelf, keep), keep)
}

// similar offers what is popular in the categories of the first two seeds.
func (o *offerer) similar(weight float32, keep func(corpus.Item) bool) {
	if weight == 0 {
		return
	}
	o.channel.reset(len(o.world.shelf.facts))
	for _, seed := range o.seeds[:min(2, len(o.seeds))] {
		f := o.world.shelf.facts[seed.item]
		if f == nil || f.Category[feature.Depths-1] == 0 {
			continue
		}
		o.group = o.world.group(o.group[:0], f.Category[feature.Depths-1])
		for rank, item := range o.group {
			o.channel.add(item, seed.score/float32(rank+5))
		}
	}
	o.add(weight, o.channel.top(perOffer/2, o.world.shelf, keep), keep)
}

// again offers what the shopper bought before, but not today.
func (o *offerer) again(weight float32, row *feature.ShopperRow, at int64, keep func(corpus.Item) bool) {
	if row == nil {
		return
	}
	o.channel.reset(len(o.world.shelf.facts))
	for i := range row.History[:min(len(row.History), feature.MaxHistory)] {
		past := &row.History[i]
		days := float64(at-past.LastBought) / dayMillis
		if past.Bought() == 0 || days < 1 {
			continue
		}
		if item, ok := o.world.shelf.numbers[past.Item]; ok {
			// What others want too was no accident.
			liked := math.Sqrt(o.world.popular.levels[item] / max(o.world.mostPopular(), 1e-300))
			o.channel.add(item, float32(float64(past.Bought())/(1+days/30)*liked))
		}
	}
	o.add(weight, o.channel.top(maxRecent, o.world.shelf, keep), keep)
}
