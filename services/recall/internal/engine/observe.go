package engine

import (
	"time"

	"github.com/haggle-commerce/haggle/libs/shop"
	"github.com/haggle-commerce/haggle/services/recall/internal/catalogue"
	"github.com/haggle-commerce/haggle/services/recall/internal/history"
	"github.com/haggle-commerce/haggle/services/recall/internal/session"
)

// observeAtOnce is how many events are counted under one lock: about 2 us each.
const observeAtOnce = 64

// Observe counts events. An event that was counted lately is not counted again.
func (e *Engine) Observe(events []shop.Event) {
	for len(events) > 0 {
		n := min(observeAtOnce, len(events))
		e.observeAll(events[:n])
		events = events[n:]
	}
}

func (e *Engine) observeAll(events []shop.Event) {
	e.writers.Lock()
	defer e.writers.Unlock()
	asked := e.observeItems(events)
	if len(asked) == 0 {
		return
	}
	e.typing.Lock()
	defer e.typing.Unlock()
	for _, event := range asked {
		asker := string(event.Shopper)
		if asker == "" {
			asker = string(event.Session)
		}
		e.phrases.Ask(event.SearchTerm, hashOf(asker), event.Time)
	}
}

// observeItems counts events in all but the phrases, and returns the searches among the new ones.
func (e *Engine) observeItems(events []shop.Event) (asked []*shop.Event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for i := range events {
		if e.observe(&events[i]) && events[i].Kind == shop.Search && events[i].SearchTerm != "" {
			asked = append(asked, &events[i])
		}
	}
	return asked
}

// wishes are how much each kind of event says of the want for an item.
var wishes = map[shop.EventKind]float64{
	shop.SelectItem: 0.5, shop.ViewItem: 1, shop.AddToCart: 3, shop.BeginCheckout: 1, shop.Purchase: 6,
}

// observe counts an event, and reports whether it is a new one.
func (e *Engine) observe(event *shop.Event) bool {
	if event.ID != "" && !e.seen.add(hashOf(event.ID)) {
		return false
	}
	e.observeChoice(event)
	wish := wishes[event.Kind]
	kind, touched := history.KindOf(event.Kind)
	sessionID, inSession := session.Key(event)
	for i := range event.Items {
		s, ok := e.slotOf(event.Items[i].ID)
		if !ok {
			continue
		}
		owned := e.ownsSlot(s)
		if event.Kind == shop.ViewItemList && owned {
			e.cold.Show(s)
		}
		if wish > 0 && !owned {
			e.trending.Count(s, wish, event.Time)
			e.popular.Count(s, wish, event.Time)
		} else if wish > 0 {
			e.cold.Want(s)
			e.trending.Add(s, wish, event.Time, e.catalogue.Tie(s))
			e.popular.Add(s, wish, event.Time, e.catalogue.Tie(s))
		}
		if touched && event.Shopper != "" {
			if kind == history.Bought {
				e.countPurchase(event.Shopper, s, event.Time)
			}
			e.shoppers.Touch(event.Shopper, s, kind, event.Time)
		}
		if touched && inSession {
			e.sessions.Touch(sessionID, s)
		}
	}
	return true
}

// countPurchase notes whether a purchase repeats one of an earlier day.
func (e *Engine) countPurchase(shopper shop.ShopperID, s catalogue.Slot, at time.Time) {
	known := e.shoppers.Find(shopper)
	if known == nil {
		return
	}
	e.bought++
	for _, touch := range known.Bought {
		if touch.Slot == s && at.Unix()-touch.At >= minAgainDays*24*60*60 {
			e.rebought++
			return
		}
	}
}

// A shop in which less than rareRebuy of what known shoppers buy was bought before, of enoughBought purchases at least, is one in
// which a thing is bought once. Both were chosen by sense.
const (
	rareRebuy    = 0.02
	enoughBought = 500
)

// boughtOnce reports whether what somebody bought is not worth offering to them again.
func (e *Engine) boughtOnce() bool {
	return e.bought >= enoughBought && e.rebought < rareRebuy*e.bought
}

// slotOf returns the slot of an item of an event. Items that the catalogue does not have are numbered too, as it may only be
// behind, but not without bound.
func (e *Engine) slotOf(id shop.ItemID) (catalogue.Slot, bool) {
	if s, ok := e.catalogue.Find(id); ok {
		return s, true
	}
	if e.catalogue.Size() >= 2*max(1, e.options.Shards)*e.catalogue.Count()+100_000 {
		return 0, false
	}
	return e.catalogue.Intern(id), true
}

// recently is a set of the last 65,536 hashes.
type recently struct {
	at   map[uint64]struct{}
	ring [1 << 16]uint64
	next uint16
}

// add puts a hash in and reports whether it was not there.
func (r *recently) add(hash uint64) bool {
	if _, ok := r.at[hash]; ok {
		return false
	}
	delete(r.at, r.ring[r.next])
	r.at[hash] = struct{}{}
	r.ring[r.next] = hash
	r.next++
	return true
}
