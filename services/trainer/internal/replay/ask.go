// Package replay goes through an event log once more and makes, for moments at which somebody could have been asked for, what a
// query would have seen then: the candidates, their features, and what the shopper wanted in the end.
package replay

import (
	"cmp"
	"slices"

	"github.com/haggle-commerce/haggle/libs/shop"
	"github.com/haggle-commerce/haggle/services/trainer/internal/corpus"
)

// Purpose is what an ask is for.
type Purpose uint8

// The purposes.
const (
	// Home asks for anything that the shopper may like, at the begin of a visit or on a page of its own.
	Home Purpose = iota
	// Beside asks for what goes with an item that is looked at, Basket for what goes with a cart.
	Beside
	Basket
	// Search asks for what matches words.
	Search
	Purposes // how many there are
)

// String returns the purpose as it stands in reports.
func (p Purpose) String() string { return [...]string{"home", "item", "cart", "search"}[p] }

// Want is an item that turned out to be wanted, and how much.
type Want struct {
	Item corpus.Item
	Gain float32
}

// The gains of what was done with an item in the end.
const (
	gainLooked = 1
	gainCarted = 2
	gainBought = 3
)

// gainOf returns what an event of a kind says of its items; 0 for kinds that say nothing.
func gainOf(k corpus.Kind) float32 {
	switch k {
	case corpus.Clicked, corpus.Viewed:
		return gainLooked
	case corpus.Carted:
		return gainCarted
	case corpus.Bought:
		return gainBought
	}
	return 0
}

// Ask is a query that was made, or could have been, and what came of it.
type Ask struct {
	// Before is the event before which the ask stands: all earlier ones are its past.
	Before  int
	Purpose Purpose
	Shopper corpus.Shopper
	Session uint64
	Query   corpus.Query
	Context []corpus.Item
	// Shown are the items of the list that was shown, where there was one.
	Shown  []corpus.Item
	Wanted []Want

	place uint16
}

// The placements whose lists belong to a page with items: see [shop.Placement].
const (
	placeItem = shop.Placement("item")
	placeCart = shop.Placement("cart")
)

// Bounds of one ask.
const (
	maxWanted  = 20
	maxContext = 8
)

// Asks returns the asks of a log, in order of time. What was done in a list belongs to the ask of that list; what belongs to no
// list was wanted at the begin of the visit. Asks of which nothing came are left out.
func Asks(c *corpus.Corpus) []Ask {
	order := make([]int32, 0, len(c.Events))
	for i := range c.Events {
		if c.Events[i].Session != 0 {
			order = append(order, int32(i))
		}
	}
	slices.SortStableFunc(order, func(a, b int32) int { return cmp.Compare(c.Events[a].Session, c.Events[b].Session) })
	var asks []Ask
	for begin := 0; begin < len(order); {
		end := begin + 1
		for end < len(order) && c.Events[order[end]].Session == c.Events[order[begin]].Session {
			end++
		}
		v := visit{corpus: c}
		for _, i := range order[begin:end] {
			v.take(int(i))
		}
		asks = v.finish(asks)
		begin = end
	}
	slices.SortStableFunc(asks, func(a, b Ask) int {
		return cmp.Or(cmp.Compare(a.Before, b.Before), cmp.Compare(a.Purpose, b.Purpose))
	})
	return asks
}

// visit is one session under way.
type visit struct {
	corpus *corpus.Corpus
	// asks[0] is that of the begin.
	asks  []Ask
	cart  []corpus.Item
	last  corpus.Item
	pages bool
	items []corpus.Item
}

// take goes on to the next event of the session.
func (v *visit) take(at int) {
	e := &v.corpus.Events[at]
	if len(v.asks) == 0 {
		v.asks = append(v.asks, Ask{Before: at, Purpose: Home, Shopper: e.Shopper, Session: e.Session})
	}
	v.items = v.corpus.ItemsOf(v.items[:0], e)
	switch e.Kind {
	case corpus.Searched:
		if e.Query != 0 {
			v.asks = append(v.asks, Ask{Before: at, Purpose: Search, Shopper: e.Shopper, Session: e.Session, Query: e.Query, place: e.Place})
		}
	case corpus.Listed:
		v.listed(at, e)
	case corpus.Bought:
		v.bought(at, e)
	case corpus.Removed:
		v.cart = slices.DeleteFunc(v.cart, func(i corpus.Item) bool { return slices.Contains(v.items, i) })
	default:
		if gain := gainOf(e.Kind); gain > 0 {
			for _, item := range v.items {
				v.engaged(e, item, gain)
			}
		}
	}
}

// listed opens the ask of a list, or shows the list of a search that was just made.
func (v *visit) listed(at int, e *corpus.Event) {
	last := &v.asks[len(v.asks)-1]
	if e.Query != 0 && last.Purpose == Search && last.Query == e.Query && last.Shown == nil && len(last.Wanted) == 0 {
		last.Shown, last.place = slices.Clone(v.items), e.Place
		return
	}
	a := Ask{Before: at, Shopper: e.Shopper, Session: e.Session, Query: e.Query, Shown: slices.Clone(v.items), place: e.Place}
	switch place := v.corpus.Place(e.Place); {
	case e.Query != 0:
		a.Purpose = Search
	case place == placeItem && v.last != 0:
		a.Purpose, a.Context = Beside, []corpus.Item{v.last}
		v.pages = true
	case place == placeCart && len(v.cart) > 0:
		a.Purpose, a.Context = Basket, slices.Clone(v.cart[max(0, len(v.cart)-maxContext):])
		v.pages = true
	}
	v.asks = append(v.asks, a)
}

// engaged notes that an item was looked at or put into the cart.
func (v *visit) engaged(e *corpus.Event, item corpus.Item, gain float32) {
	a := v.owner(e, item)
	a.want(item, gain)
	if e.Kind == corpus.Carted && !slices.Contains(v.cart, item) {
		v.cart = append(v.cart, item)
	}
	v.last = item
}

// owner returns the newest ask of the list, or of the search, that an event says it came from; else the newest in which the
// item was wanted already; else that of the begin.
func (v *visit) owner(e *corpus.Event, item corpus.Item) *Ask {
	for i := len(v.asks) - 1; i > 0; i-- {
		a := &v.asks[i]
		if a.Query == e.Query && (a.Query != 0 || a.place == e.Place) && (a.Shown == nil || slices.Contains(a.Shown, item) || a.has(item)) {
			return a
		}
	}
	for i := len(v.asks) - 1; i > 0; i-- {
		if v.asks[i].has(item) {
			return &v.asks[i]
		}
	}
	return &v.asks[0]
}

// bought raises what was wanted before; what comes out of nowhere, as all baskets of a till do, was wanted at the begin, and a
// part of it goes with the other.
func (v *visit) bought(at int, e *corpus.Event) {
	var fresh []corpus.Item
	for _, item := range v.items {
		known := false
		for i := range v.asks {
			if v.asks[i].has(item) {
				v.asks[i].want(item, gainBought)
				known = true
			}
		}
		if !known {
			v.asks[0].want(item, gainBought)
			fresh = append(fresh, item)
		}
	}
	v.cart = v.cart[:0]
	if len(fresh) < 3 || v.pages {
		return
	}
	// Half of the basket is the cart, every second item, so that the order in which a till writes them matters little.
	a := Ask{Before: at, Purpose: Basket, Shopper: e.Shopper, Session: e.Session}
	for i, item := range fresh {
		if i%2 == 0 && len(a.Context) < maxContext {
			a.Context = append(a.Context, item)
		} else {
			a.want(item, gainBought)
		}
	}
	v.asks = append(v.asks, a)
}

func (a *Ask) has(item corpus.Item) bool {
	return slices.ContainsFunc(a.Wanted, func(w Want) bool { return w.Item == item })
}

// want raises the gain of an item, unless the page shows it already.
func (a *Ask) want(item corpus.Item, gain float32) {
	if slices.Contains(a.Context, item) {
		return
	}
	for i := range a.Wanted {
		if a.Wanted[i].Item == item {
			a.Wanted[i].Gain = max(a.Wanted[i].Gain, gain)
			return
		}
	}
	if len(a.Wanted) < maxWanted {
		a.Wanted = append(a.Wanted, Want{item, gain})
	}
}

// finish appends the asks of the session of which something came. A visit without lists on the pages of items gets an ask there:
// what goes with the first item that was looked at.
func (v *visit) finish(asks []Ask) []Ask {
	if begin := v.asks[0]; !v.pages && len(begin.Wanted) > 1 && begin.Wanted[0].Gain < gainBought {
		beside := Ask{Before: begin.Before, Purpose: Beside, Shopper: begin.Shopper, Session: begin.Session, Context: []corpus.Item{begin.Wanted[0].Item}}
		for _, w := range begin.Wanted[1:] {
			beside.want(w.Item, w.Gain)
		}
		// It stands after the first look, which the shopper had made by then.
		beside.Before++
		v.asks = append(v.asks, beside)
	}
	for _, a := range v.asks {
		if len(a.Wanted) > 0 {
			asks = append(asks, a)
		}
	}
	return asks
}
