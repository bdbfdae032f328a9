package synth

import (
	"cmp"
	"math"
	"slices"
	"sort"

	"github.com/haggle-commerce/haggle/libs/shop"
)

// walk is a visit of a shopper to the shop: where she is, and what the shop shows her.
type walk struct {
	*demand
	random   *random
	coloured []bool
	box      *outbox

	shopper  *shopper
	session  shop.SessionID
	now, end int64
	orders   int
	scratch  []scored
	sums     []float32
}

type scored struct {
	product int32
	score   float32
}

func newWalk(d *demand, r *random, box *outbox) *walk {
	w := &walk{demand: d, random: r, box: box, coloured: make([]bool, len(d.kinds))}
	for i := range d.kinds {
		for _, s := range d.kinds[i].sets {
			if d.sets[s].name == "colour" {
				w.coloured[i] = true
			}
		}
	}
	return w
}

// results is what the search of an ordinary shop shows for a wish: by words, popularity and chance, with some products of
// neighbouring types. It does not know the shopper, so that there is something to learn.
func (w *walk) results(want wish, length int) []int32 {
	r := w.random
	found := w.scratch[:0]
	for _, at := range w.byKind[want.kind] {
		if w.popularity[at] > 0 {
			score := w.match(want, &w.products[at]) + 0.75*w.logged[at] + 0.8*float32(r.normal())
			found = append(found, scored{at, score})
		}
	}
	siblings := w.categories[w.kinds[want.kind].category].types
	for range length / 4 {
		if shelf := w.byKind[siblings[r.below(len(siblings))]]; len(shelf) > 0 {
			if at := shelf[r.below(len(shelf))]; w.popularity[at] > 0 {
				score := w.match(want, &w.products[at]) + 0.75*w.logged[at] + 0.8*float32(r.normal()) + 1.5
				found = append(found, scored{at, score})
			}
		}
	}
	// One product in ten comes by chance, as new products do in a shop that gives them a turn.
	for i := range found {
		if r.chance(0.02) {
			found[i].score += 3
		}
	}
	w.scratch = found
	return top(found, length)
}

// top returns the products of the highest scores, each once.
func top(found []scored, length int) []int32 {
	slices.SortFunc(found, func(a, b scored) int {
		return cmp.Or(cmp.Compare(b.score, a.score), cmp.Compare(a.product, b.product))
	})
	list := make([]int32, 0, length)
	for _, f := range found {
		if len(list) == length {
			break
		}
		if !slices.Contains(list, f.product) {
			list = append(list, f.product)
		}
	}
	return list
}

// favourites is the home page: what many want, a few products of types that she looked at, and some by chance.
func (w *walk) favourites(length int) []int32 {
	r := w.random
	list := make([]int32, 0, length)
	add := func(at int32) {
		if w.popularity[at] > 0 && !slices.Contains(list, at) {
			list = append(list, at)
		}
	}
	total := w.demand.sums[len(w.demand.sums)-1]
	seen := w.shopper.seen
	for tries := 0; len(list) < length && tries < 8*length; tries++ {
		switch x := r.float(); {
		case x < 0.45 || x < 0.75 && len(seen) == 0:
			draw := float32(r.float()) * total
			add(int32(min(sort.Search(len(w.demand.sums), func(i int) bool { return w.demand.sums[i] > draw }), len(w.products)-1)))
		case x < 0.75:
			shelf := w.byKind[w.products[seen[r.below(len(seen))]].kind]
			add(shelf[r.below(len(shelf))])
		default:
			add(int32(r.below(len(w.products))))
		}
	}
	return list
}

// beside is the list on the page of a product or in the cart: things that go with it, things like it, and some by chance.
func (w *walk) beside(at int32, likeness float64, length int) []int32 {
	r := w.random
	k := &w.kinds[w.products[at].kind]
	siblings := w.categories[k.category].types
	found := w.scratch[:0]
	for range 6 * length {
		kind := int(w.products[at].kind)
		switch x := r.float(); {
		case x < likeness:
		case len(k.companions) > 0 && x < 0.85:
			kind = k.companions[r.below(len(k.companions))]
		case x < 0.95:
			kind = siblings[r.below(len(siblings))]
		default:
			kind = r.below(len(w.kinds))
		}
		shelf := w.byKind[kind]
		if len(shelf) == 0 {
			continue
		}
		other := shelf[r.below(len(shelf))]
		if other != at && w.popularity[other] > 0 {
			found = append(found, scored{other, 0.7*w.logged[other] + float32(r.normal())})
		}
	}
	w.scratch = found
	return top(found, length)
}

func sigmoid(x float32) float64 { return 1 / (1 + math.Exp(-float64(x))) }
