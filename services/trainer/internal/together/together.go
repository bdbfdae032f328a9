// Package together learns which items go with which, from what shoppers did in one session and over the weeks.
//
// The similarity of items i and j is a shrunk cosine over co-occurrences (Deshpande and Karypis, "Item-Based Top-N Recommendation
// Algorithms", TOIS 2004; the shrinkage is that of Bell and Koren, ICDM 2007):
//
//	w(i,j) = c(i,j) / (n(i)^(1-a) * n(j)^a) * c(i,j) / (c(i,j) + s)
//
// where c adds up how much each session and each shopper speaks for the pair, n(i) is c(i,i), a is the damping of popular
// neighbours and s the shrinkage of pairs that were seen seldom.
package together

import (
	"cmp"
	"math"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/haggle-commerce/haggle/libs/cost"
	"github.com/haggle-commerce/haggle/libs/model/neighbour"
	"github.com/haggle-commerce/haggle/libs/shop"
	"github.com/haggle-commerce/haggle/services/trainer/internal/corpus"
)

// Options are the constants of the method.
type Options struct {
	// Neighbours is the length of a list.
	Neighbours int
	// Damping is a and Shrinkage is s of the package comment.
	Damping, Shrinkage float64
	// HalfLife is the age at which a session speaks half as much as one of today.
	HalfLife time.Duration
	// Across is how much a shopper speaks for two items of different sessions, when a session speaks 1 for two of one;
	// AcrossHalfLife is the distance in time at which it is half of that.
	Across         float64
	AcrossHalfLife time.Duration
	// Workers is how many goroutines work; 0 means as many as there are processors. The result does not depend on it.
	Workers int
	// Used, where set, is told the CPU time of goroutines other than the caller's, by any of them.
	Used func(time.Duration)
}

// Default returns constants that were chosen on held-out time of the generated shop and of completejourney together.
func Default() Options {
	return Options{Neighbours: 64, Damping: 0.4, Shrinkage: 2, HalfLife: 120 * 24 * time.Hour, Across: 0.3, AcrossHalfLife: 14 * 24 * time.Hour}
}

// Bounds of one set of items: nobody buys more at once, robots do.
const (
	maxSession = 60
	maxShopper = 120
)

// strength is how much an event of a kind says of an item; 0 for kinds that say nothing.
func strength(k corpus.Kind) float32 {
	switch k {
	case corpus.Clicked, corpus.Viewed:
		return 1
	case corpus.Carted:
		return 1.5
	case corpus.Bought:
		return 2
	}
	return 0
}

// member is one item of a set.
type member struct {
	item corpus.Item
	// day is when it was last touched, in days since 1970.
	day    int32
	weight float32
}

// sets are sets of items, one after the other: set s is members[offsets[s]:offsets[s+1]].
type sets struct {
	offsets []uint32
	members []member
	// scale is how much each set speaks.
	scale []float32
	// of lists, for each item, the places of its members, and owner the set of each member.
	of    [][]uint32
	owner []uint32
}

// Learn makes the lists from the first until events. Items that nobody touched have no list.
func Learn(c *corpus.Corpus, until int, o Options) (*neighbour.Model, error) {
	if o.Workers <= 0 {
		o.Workers = runtime.GOMAXPROCS(0)
	}
	if o.Used == nil {
		o.Used = func(time.Duration) {}
	}
	sessions, shoppers := gather(c, until, o)
	l := &learner{corpus: c, options: o, sessions: sessions, shoppers: shoppers, norms: make([]float64, c.Items()+1), rows: make([][]pair, c.Items()+1)}
	l.fade = make([]float32, 400)
	for d := range l.fade {
		l.fade[d] = float32(o.Across * math.Exp2(-float64(d)*24/o.AcrossHalfLife.Hours()))
	}
	for i := range l.norms {
		l.norms[i] = l.norm(corpus.Item(i))
	}
	l.run(c.Items())
	return l.model()
}

// learner holds what the workers share.
type learner struct {
	corpus             *corpus.Corpus
	options            Options
	sessions, shoppers *sets
	// fade is how much a shopper speaks for two items so many days apart.
	fade  []float32
	norms []float64
	// rows are the lists, by item.
	rows [][]pair
}

type pair struct {
	item   corpus.Item
	weight float32
}

// norm returns c(i,i).
func (l *learner) norm(i corpus.Item) float64 {
	sum := 0.0
	for _, at := range l.sessions.of[i] {
		m := l.sessions.members[at]
		sum += float64(l.sessions.scale[l.sessions.owner[at]] * m.weight * m.weight)
	}
	for _, at := range l.shoppers.of[i] {
		m := l.shoppers.members[at]
		sum += float64(l.fade[0] * l.shoppers.scale[l.shoppers.owner[at]] * m.weight * m.weight)
	}
	return sum
}

// run makes all rows. Each is made by one worker in a fixed order, so that the sums do not depend on how many there are.
func (l *learner) run(items int) {
	const block = 64
	var group sync.WaitGroup
	next := make(chan int, l.options.Workers)
	for range l.options.Workers {
		group.Go(func() {
			counts := make([]float32, items+1)
			var touched []corpus.Item
			// The wait for the next block costs next to nothing: there is always one until the end.
			meter := cost.Start()
			defer func() { l.options.Used(meter.Stop()) }()
			for begin := range next {
				for i := begin; i < min(begin+block, items+1); i++ {
					touched = l.row(corpus.Item(i), counts, touched[:0])
				}
			}
		})
	}
	for begin := 1; begin <= items; begin += block {
		next <- begin
	}
	close(next)
	group.Wait()
}

// row makes the list of one item. counts is all zero before and after.
func (l *learner) row(i corpus.Item, counts []float32, touched []corpus.Item) []corpus.Item {
	add := func(j corpus.Item, x float32) {
		if counts[j] == 0 {
			touched = append(touched, j)
		}
		counts[j] += x
	}
	for _, at := range l.sessions.of[i] {
		s := l.sessions.owner[at]
		x := l.sessions.scale[s] * l.sessions.members[at].weight
		for _, m := range l.sessions.members[l.sessions.offsets[s]:l.sessions.offsets[s+1]] {
			if m.item != i {
				add(m.item, x*m.weight)
			}
		}
	}
	for _, at := range l.shoppers.of[i] {
		s, own := l.shoppers.owner[at], l.shoppers.members[at]
		x := l.shoppers.scale[s] * own.weight
		for _, m := range l.shoppers.members[l.shoppers.offsets[s]:l.shoppers.offsets[s+1]] {
			if m.item != i {
				apart := min(max(own.day-m.day, m.day-own.day), int32(len(l.fade)-1))
				add(m.item, x*m.weight*l.fade[apart])
			}
		}
	}
	pairs := make([]pair, 0, len(touched))
	mine := math.Pow(l.norms[i], 1-l.options.Damping)
	for _, j := range touched {
		count := float64(counts[j])
		counts[j] = 0
		weight := count / (mine * math.Pow(l.norms[j], l.options.Damping)) * count / (count + l.options.Shrinkage)
		if w := float32(weight); w > 0 {
			pairs = append(pairs, pair{j, w})
		}
	}
	slices.SortFunc(pairs, func(a, b pair) int {
		if a.weight == b.weight {
			// By id: numbers depend on the order in which items came.
			return cmp.Compare(l.corpus.ID(a.item), l.corpus.ID(b.item))
		}
		return cmp.Compare(b.weight, a.weight)
	})
	l.rows[i] = slices.Clone(pairs[:min(len(pairs), l.options.Neighbours)])
	return touched
}

// model puts the lists in the order of the ids.
func (l *learner) model() (*neighbour.Model, error) {
	c := l.corpus
	order := make([]corpus.Item, 0, c.Items())
	for i := 1; i <= c.Items(); i++ {
		if l.norms[i] > 0 {
			order = append(order, corpus.Item(i))
		}
	}
	slices.SortFunc(order, func(a, b corpus.Item) int { return cmp.Compare(c.ID(a), c.ID(b)) })
	numbers := make([]uint32, c.Items()+1)
	ids := make([]shop.ItemID, len(order))
	entries := 0
	for n, i := range order {
		numbers[i], ids[n] = uint32(n), c.ID(i)
		entries += len(l.rows[i])
	}
	offsets, items, weights := make([]uint32, 1, len(order)+1), make([]uint32, 0, entries), make([]float32, 0, entries)
	for _, i := range order {
		for _, p := range l.rows[i] {
			items, weights = append(items, numbers[p.item]), append(weights, p.weight)
		}
		offsets = append(offsets, uint32(len(items)))
	}
	return neighbour.New(ids, offsets, items, weights)
}
