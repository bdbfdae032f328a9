package synth

import (
	"math"
	"slices"
	"strconv"

	"github.com/haggle-commerce/haggle/libs/shop"
)

// The placements of the generated shop.
const (
	placeSearch = shop.Placement("search")
	placeHome   = shop.Placement("home")
	placeItem   = shop.Placement("item")
	placeCart   = shop.Placement("cart")
)

// visit lets the shopper walk through one session that begins at a moment.
func (w *walk) visit(s *shopper, session shop.SessionID, begin int64) {
	w.shopper, w.session, w.now = s, session, begin
	s.due = slices.DeleteFunc(s.due, func(d refill) bool { return d.at < begin-40*day.Milliseconds() })
	s.urges = slices.DeleteFunc(s.urges, func(u urge) bool { return u.until < begin })
	if w.random.chance(0.45) {
		w.browse(scene{place: placeHome, base: -2.5, want: wish{kind: -1}}, w.favourites(12))
	}
	for intents := 1; ; intents++ {
		w.pursue()
		if intents == 4 || !w.random.chance(0.25) {
			break
		}
		w.pass(5, 60)
	}
	w.leave()
	s.freeAt = w.now + 35*60*1000
}

// pass lets some seconds go by.
func (w *walk) pass(low, high float64) { w.now += int64(1000 * w.random.between(low, high)) }

// pursue goes after one thing: what has run out, what goes with an earlier purchase, or what she feels like.
func (w *walk) pursue() {
	r, s := w.random, w.shopper
	for i, d := range s.due {
		if d.at <= w.now && r.chance(0.7) {
			s.due = slices.Delete(s.due, i, i+1)
			if r.chance(0.55) {
				w.open(d.product, scene{place: placeHome, want: wish{kind: int(w.products[d.product].kind), brand: -1, colour: -1, style: -1}, keen: 2})
				return
			}
			w.search(int(w.products[d.product].kind), 1.2)
			return
		}
	}
	if len(s.urges) > 0 && r.chance(0.45) {
		w.search(int(s.urges[r.below(len(s.urges))].kind), 0.6)
		return
	}
	sums := w.sums[:0]
	for i := range w.kinds {
		sums = append(sums, s.wants[i]*w.season[i])
	}
	w.sums = running(sums)
	w.search(r.pick(w.sums), 0)
}

// search asks for a type in words, once or a few times.
func (w *walk) search(kind int, keen float32) {
	for tries := 0; tries < 3; tries++ {
		want := w.newWish(w.shopper, kind)
		term := w.text(w.shopper, want)
		w.say(shop.Search, placeSearch, term, nil)
		w.pass(0.2, 0.9)
		place := scene{place: placeSearch, term: term, base: -2.1, want: want, keen: keen}
		if w.browse(place, w.results(want, 10+w.random.below(11))) > 0 || !w.random.chance(0.4) {
			return
		}
		w.pass(4, 20)
	}
}

// scene is a list before the shopper: where it stands, the query, how readily she clicks in it, what she is after (a kind
// of -1 for nothing in particular), how badly she needs it, and how deep in the shop it is.
type scene struct {
	place shop.Placement
	term  string
	base  float32
	want  wish
	keen  float32
	depth int
}

// browse shows a list and lets her click. She looks at a position with probability 1/sqrt(position), whatever stands there
// (the examination hypothesis of click models), and clicks what she sees by its appeal to her. It returns the clicks.
func (w *walk) browse(v scene, list []int32) (clicks int) {
	if len(list) == 0 {
		return 0
	}
	items := make([]shop.EventItem, len(list))
	for i, at := range list {
		items[i] = shop.EventItem{ID: w.products[at].id, Index: i}
	}
	w.say(shop.ViewItemList, v.place, v.term, items)
	w.pass(1, 3)
	for i, at := range list {
		if !w.random.chance(1 / math.Sqrt(float64(i+1))) {
			continue
		}
		w.pass(0.3, 1.5)
		if !w.random.chance(sigmoid(v.base + w.appealOf(v, at))) {
			continue
		}
		clicks++
		w.say(shop.SelectItem, v.place, v.term, []shop.EventItem{{ID: w.products[at].id, Index: i}})
		w.pass(0.2, 1)
		if w.open(at, v) && w.random.chance(0.8) || clicks == 4 {
			break
		}
	}
	return clicks
}

// appealOf is how much she would like to look at a product that she sees in a list.
func (w *walk) appealOf(v scene, at int32) float32 {
	s, p := w.shopper, &w.products[at]
	u := s.taste(w.catalogue, p) + s.memory(w.catalogue, at)
	if v.place == placeSearch {
		return u + 0.6*w.match(v.want, p)
	}
	// Without a query it matters whether she cares for the type at all, today.
	interest := float32(math.Log(float64(s.wants[p.kind]*w.season[p.kind]))) - s.mild
	u = 0.8*u + 0.6*max(interest, -4)
	for _, g := range s.urges {
		if g.kind == p.kind {
			u += 1
			break
		}
	}
	return u
}

// open shows the page of a product and reports whether she put it into the cart.
func (w *walk) open(at int32, v scene) bool {
	r, s, p := w.random, w.shopper, &w.products[at]
	item := shop.EventItem{ID: p.id, Price: p.price}
	w.say(shop.ViewItem, v.place, v.term, []shop.EventItem{item})
	u := -3.0 + 0.9*s.taste(w.catalogue, p) + s.memory(w.catalogue, at) + v.keen - 0.2*float32(math.Log(p.price/40))
	s.seen = remember(s.seen, at, 40)
	w.pass(6, 75)
	if !slices.Contains(s.cart, at) && len(s.cart) < 12 && r.chance(sigmoid(u)) {
		item.Quantity = 1
		w.say(shop.AddToCart, v.place, v.term, []shop.EventItem{item})
		s.cart = append(s.cart, at)
		w.hanker(at)
		w.pass(1, 6)
		if v.depth < 2 && r.chance(0.5) {
			w.browse(scene{place: placeCart, base: -2.2, want: wish{kind: -1}, depth: v.depth + 1}, w.beside(at, 0.1, 8))
		}
		return true
	}
	if v.depth < 2 && r.chance(0.3) {
		w.browse(scene{place: placeItem, base: -2.2, want: wish{kind: -1}, keen: v.keen / 2, depth: v.depth + 1}, w.beside(at, 0.6, 10))
	}
	return false
}

// hanker notes that she now lacks what goes with a product.
func (w *walk) hanker(at int32) {
	for _, kind := range w.kinds[w.products[at].kind].companions {
		if w.random.chance(0.6) && len(w.shopper.urges) < 12 {
			w.shopper.urges = append(w.shopper.urges, urge{int32(kind), w.now + int64(w.random.between(1, 10)*float64(day.Milliseconds()))})
		}
	}
}

// leave ends a session: she pays, thinks better of something, or keeps the cart for another day.
func (w *walk) leave() {
	r, s := w.random, w.shopper
	if len(s.cart) == 0 {
		return
	}
	w.pass(3, 30)
	if r.chance(0.12) {
		i := r.below(len(s.cart))
		w.say(shop.RemoveFromCart, placeCart, "", w.basket(s.cart[i:i+1]))
		s.cart = slices.Delete(s.cart, i, i+1)
		w.pass(2, 15)
	}
	if len(s.cart) == 0 || !r.chance(0.5) {
		return
	}
	w.say(shop.BeginCheckout, placeCart, "", w.basket(s.cart))
	w.pass(20, 120)
	if r.chance(0.12) {
		return
	}
	w.pay()
}

// basket makes the items of a cart event; of consumables she often takes several.
func (w *walk) basket(cart []int32) []shop.EventItem {
	items := make([]shop.EventItem, len(cart))
	for i, at := range cart {
		p := &w.products[at]
		items[i] = shop.EventItem{ID: p.id, Index: i, Price: p.price, Quantity: 1}
		if w.kinds[p.kind].cycleDays > 0 && w.random.chance(0.3) {
			items[i].Quantity = float64(2 + w.random.below(3))
		}
	}
	return items
}

// pay buys the cart, and notes when its consumables will have run out. One order in fifty comes back within two weeks.
func (w *walk) pay() {
	r, s := w.random, w.shopper
	items := w.basket(s.cart)
	w.orders++
	e := w.event(shop.Purchase, placeCart, "", items)
	e.Transaction, e.Currency = "order-"+strconv.Itoa(w.orders), "EUR"
	for _, it := range items {
		e.Value += it.Price * it.Quantity
	}
	e.Value = math.Round(e.Value*100) / 100
	if w.now >= w.end {
		return
	}
	w.box.push(w.now, e)
	if r.chance(0.02) {
		later := w.now + int64(r.between(2, 14)*float64(day.Milliseconds()))
		back := items[r.below(len(items))]
		refund := e
		refund.Kind, refund.Items, refund.Value = shop.Refund, []shop.EventItem{back}, math.Round(back.Price*back.Quantity*100)/100
		if later < w.end {
			w.box.push(later, refund)
		}
	}
	for i, at := range s.cart {
		s.bought = remember(s.bought, at, 60)
		if cycle := w.kinds[w.products[at].kind].cycleDays; cycle > 0 {
			days := cycle * math.Sqrt(items[i].Quantity) * math.Exp(0.25*r.normal())
			s.due = append(s.due, refill{at, w.now + int64(days*float64(day.Milliseconds()))})
		}
	}
	s.cart = s.cart[:0]
}

func (w *walk) event(kind shop.EventKind, place shop.Placement, term string, items []shop.EventItem) shop.Event {
	return shop.Event{Kind: kind, Shopper: w.shopper.id, Session: w.session, Placement: place, SearchTerm: term, Items: items}
}

func (w *walk) say(kind shop.EventKind, place shop.Placement, term string, items []shop.EventItem) {
	if w.now < w.end {
		w.box.push(w.now, w.event(kind, place, term, items))
	}
}
