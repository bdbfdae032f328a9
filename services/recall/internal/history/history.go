// Package history remembers what each shopper did last, for as many shoppers as memory allows.
//
// The shopper who was heard of longest ago is forgotten first. Nothing here locks; reading does not change the order.
package history

import (
	"strings"
	"time"

	"github.com/haggle-commerce/haggle/libs/shop"
	"github.com/haggle-commerce/haggle/services/recall/internal/catalogue"
)

// Limits on what is remembered of one shopper.
const (
	MaxRecent = 50
	MaxBought = 50
)

// Touch is one thing that a shopper did with an item.
type Touch struct {
	Slot catalogue.Slot
	Kind Kind
	// Count is how often it was done.
	Count uint16
	// At is when it was last done, in unix seconds.
	At int64
}

// Kind is how much a shopper meant by what was done, the least first.
type Kind uint8

// The kinds of touch.
const (
	Viewed Kind = iota
	Carted
	Bought
)

// KindOf returns the kind of touch that an event is, and false for events that tell nothing of interest in their items.
func KindOf(k shop.EventKind) (Kind, bool) {
	switch k {
	case shop.SelectItem, shop.ViewItem:
		return Viewed, true
	case shop.AddToCart, shop.BeginCheckout:
		return Carted, true
	case shop.Purchase:
		return Bought, true
	}
	return 0, false
}

// Shopper is what is remembered of one shopper.
type Shopper struct {
	// Recent are the items touched last, each once, newest first, with the strongest kind.
	Recent []Touch
	// Bought are the items bought last, each once, newest first, counted.
	Bought []Touch

	id           shop.ShopperID
	newer, older uint32
}

// Book is what is remembered of all shoppers. Make one with [New].
type Book struct {
	at       map[shop.ShopperID]uint32
	shoppers []Shopper
	// newest and oldest are the ends of the list through newer and older; index 0 of shoppers stands for none.
	newest, oldest uint32
	most           int
}

// Sizes in memory: of a shopper, of a place in the map with the room that maps leave, and of a touch.
const (
	shopperBytes = 72
	placeBytes   = 36
	touchBytes   = 16
)

// New returns a book for at most most shoppers, at least one.
func New(most int) *Book {
	return &Book{at: map[shop.ShopperID]uint32{}, shoppers: make([]Shopper, 1), most: max(1, most)}
}

// Len returns how many shoppers are remembered.
func (b *Book) Len() int { return len(b.at) }

// Bytes is about the memory of the book.
func (b *Book) Bytes() int {
	n := shopperBytes*cap(b.shoppers) + placeBytes*len(b.at)
	for i := range b.shoppers {
		p := &b.shoppers[i]
		n += len(p.id) + touchBytes*(cap(p.Recent)+cap(p.Bought))
	}
	return n
}

// Find returns what is remembered of a shopper, nil when nothing is. It belongs to the book.
func (b *Book) Find(id shop.ShopperID) *Shopper {
	if i, ok := b.at[id]; ok {
		return &b.shoppers[i]
	}
	return nil
}

// Touch remembers that a shopper did something with an item.
func (b *Book) Touch(id shop.ShopperID, s catalogue.Slot, kind Kind, at time.Time) {
	p := &b.shoppers[b.newestOf(id)]
	t := Touch{Slot: s, Kind: kind, Count: 1, At: at.Unix()}
	p.Recent = insert(p.Recent, t, MaxRecent)
	if kind == Bought {
		p.Bought = insert(p.Bought, t, MaxBought)
	}
}

// Forget drops all that is known of a shopper.
func (b *Book) Forget(id shop.ShopperID) {
	if i, ok := b.at[id]; ok {
		b.unlink(i)
		delete(b.at, id)
		b.shoppers[i] = Shopper{older: b.shoppers[0].older}
		b.shoppers[0].older = i
	}
}

// insert puts t among touches, newest first, joined with an older one of the same item, and drops the last above most.
func insert(touches []Touch, t Touch, most int) []Touch {
	from := len(touches)
	for i := range touches {
		if touches[i].Slot == t.Slot {
			from = i
			t.Kind = max(t.Kind, touches[i].Kind)
			t.At = max(t.At, touches[i].At)
			t.Count += min(touches[i].Count, 1<<16-2)
			break
		}
	}
	if from == len(touches) {
		if len(touches) < most {
			touches = append(touches, t)
		} else if from--; touches[from].At > t.At {
			return touches
		}
	}
	to := from
	for to > 0 && touches[to-1].At <= t.At {
		to--
	}
	copy(touches[to+1:from+1], touches[to:from])
	touches[to] = t
	return touches
}

// newestOf returns the place of a shopper, moved to the front; a new one takes the place of the oldest when the book is full.
func (b *Book) newestOf(id shop.ShopperID) uint32 {
	i, ok := b.at[id]
	switch {
	case ok:
		if b.newest == i {
			return i
		}
		b.unlink(i)
	case len(b.at) >= b.most:
		i = b.oldest
		b.unlink(i)
		delete(b.at, b.shoppers[i].id)
		p := &b.shoppers[i]
		*p = Shopper{Recent: p.Recent[:0], Bought: p.Bought[:0]}
	case b.shoppers[0].older != 0:
		// A place that Forget left: they hang on the place of none.
		i = b.shoppers[0].older
		b.shoppers[0].older = b.shoppers[i].older
	default:
		i = uint32(len(b.shoppers))
		b.shoppers = append(b.shoppers, Shopper{})
	}
	p := &b.shoppers[i]
	if !ok {
		p.id = shop.ShopperID(strings.Clone(string(id)))
		b.at[p.id] = i
	}
	p.newer, p.older = 0, b.newest
	if b.newest != 0 {
		b.shoppers[b.newest].newer = i
	}
	b.newest = i
	if b.oldest == 0 {
		b.oldest = i
	}
	return i
}

func (b *Book) unlink(i uint32) {
	p := &b.shoppers[i]
	if p.newer != 0 {
		b.shoppers[p.newer].older = p.older
	} else {
		b.newest = p.older
	}
	if p.older != 0 {
		b.shoppers[p.older].newer = p.newer
	} else {
		b.oldest = p.newer
	}
}
