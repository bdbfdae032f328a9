// Package session finds what sessions like this one went on to look at: VMIS-kNN over a sliding window of recent sessions.
//
// The method is that of Serenade (B. Kersbergen, O. Sprangers, S. Schelter, "Serenade - Low-Latency Session-Based
// Recommendation in e-Commerce at Scale", SIGMOD 2022). Sessions that share an item with the current one are its neighbours, the
// more so the later the shared items come in it; they vote for their other items. Nothing here locks.
package session

import (
	"math"
	"slices"
	"strings"
	"time"

	"github.com/haggle-commerce/haggle/libs/shop"
	"github.com/haggle-commerce/haggle/services/recall/internal/catalogue"
	"github.com/haggle-commerce/haggle/services/recall/internal/tally"
)

// Params are the constants of the method.
type Params struct {
	// Sessions is how many recent sessions are kept.
	Sessions int
	// PerItem is how many of the most recent sessions of an item are looked at (m in the paper).
	PerItem int
	// Neighbours is how many sessions vote (k in the paper).
	Neighbours int
	// Length is how many items of one session are kept, and how many of the current one count, the last ones.
	Length int
}

// Defaults returns the constants of the paper for m and k, and room for 200,000 sessions, some 25 MB when full.
func Defaults() Params {
	return Params{Sessions: 200_000, PerItem: 500, Neighbours: 100, Length: 20}
}

// stay is one session of the window.
type stay struct {
	id    shop.SessionID
	items []catalogue.Slot
}

// Index is the window of recent sessions. Make one with [New].
type Index struct {
	params Params
	// Sessions are numbered from 1; a session stands at number % Sessions. numbers says which one stands at a place, 0 for none.
	stays   []stay
	numbers []uint32
	byID    map[shop.SessionID]uint32
	last    uint32
	// visits are, by item, the numbers of the sessions that hold it, in the order in which they touched it. Numbers of sessions
	// that left the window remain for a while. counts are how many sessions of the window hold the item.
	visits [][]uint32
	counts []uint32
}

// New returns an empty index.
func New(p Params) *Index {
	return &Index{params: p, byID: map[shop.SessionID]uint32{}}
}

// Len returns how many sessions the window holds.
func (x *Index) Len() int { return len(x.byID) }

// Key returns the session that an event belongs to: its own, else one made up of the shopper and the half hour; false when
// neither is known.
func Key(e *shop.Event) (shop.SessionID, bool) {
	switch {
	case e.Session != "":
		return e.Session, true
	case e.Shopper != "":
		var text strings.Builder
		text.WriteString(string(e.Shopper))
		text.WriteByte(' ')
		text.WriteString(e.Time.UTC().Truncate(shop.SessionIdle).Format(time.RFC3339))
		return shop.SessionID(text.String()), true
	}
	return "", false
}

// Touch tells that item s was touched in the session.
func (x *Index) Touch(id shop.SessionID, s catalogue.Slot) {
	number, ok := x.byID[id]
	if !ok {
		number = x.open(id)
	}
	st := &x.stays[number%uint32(x.params.Sessions)]
	if len(st.items) >= x.params.Length || slices.Contains(st.items, s) {
		return
	}
	st.items = append(st.items, s)
	for int(s) >= len(x.visits) {
		x.visits, x.counts = append(x.visits, nil), append(x.counts, 0)
	}
	x.counts[s]++
	list := append(x.visits[s], number)
	if len(list) > 2*int(x.counts[s])+64 {
		list = slices.DeleteFunc(list, func(number uint32) bool { return x.numbers[number%uint32(x.params.Sessions)] != number })
	}
	x.visits[s] = list
}

// open begins a session, in the place of the oldest when the window is full.
func (x *Index) open(id shop.SessionID) uint32 {
	x.last++
	place := int(x.last) % x.params.Sessions
	for place >= len(x.stays) {
		x.stays, x.numbers = append(x.stays, stay{}), append(x.numbers, 0)
	}
	st := &x.stays[place]
	if x.numbers[place] != 0 {
		delete(x.byID, st.id)
		for _, s := range st.items {
			x.counts[s]--
		}
	}
	st.id, st.items = shop.SessionID(strings.Clone(string(id))), st.items[:0]
	x.numbers[place] = x.last
	x.byID[st.id] = x.last
	return x.last
}

// Scratch is the memory of one prediction. One reader uses it at a time. The zero value is ready.
type Scratch struct {
	votes []vote
	// nearest are the sessions that share an item, each as the bits of its vote above its number: a greater one is nearer, or
	// equally near and later.
	nearest []uint64
}

// vote is how near a session of the window is.
type vote struct {
	near float32
	// shared is the position, from 1 for the latest, of the latest shared item.
	shared uint8
}

// Predict adds to t a score for each item that the nearest sessions hold, but for the current items themselves. Current are the
// items of the session so far, latest first; the cause of a score is the position in it, from 1. The session own is no neighbour
// of itself.
func (x *Index) Predict(t *tally.Tally, sc *Scratch, current []catalogue.Slot, own shop.SessionID) {
	current = current[:min(len(current), x.params.Length)]
	if len(sc.votes) < len(x.stays) {
		sc.votes = make([]vote, len(x.stays)+len(x.stays)/8)
	}
	x.vote(sc, current)
	for i, key := range sc.nearest {
		place := uint32(key) % uint32(x.params.Sessions)
		sc.nearest[i] |= uint64(math.Float32bits(sc.votes[place].near)) << 32
	}
	near := sc.nearest
	if k := x.params.Neighbours; len(near) > k {
		split(near, k)
		near = near[:k]
	}
	for _, key := range near {
		place := uint32(key) % uint32(x.params.Sessions)
		v, st := sc.votes[place], &x.stays[place]
		// The paper's match weight: 1 - 0.1 per step that the latest shared item lies back, down to nothing.
		match := 1 - 0.1*float32(v.shared-1)
		if v.shared > 10 || st.id == own {
			continue
		}
		for _, s := range st.items {
			if !slices.Contains(current, s) {
				t.Add(s, v.near*match*x.rarity(s), v.shared)
			}
		}
	}
	for _, key := range sc.nearest {
		sc.votes[uint32(key)%uint32(x.params.Sessions)] = vote{}
	}
}

// vote gives each session a vote that shares items with current, the more the later they stand in it.
func (x *Index) vote(sc *Scratch, current []catalogue.Slot) {
	sc.nearest = sc.nearest[:0]
	for i, s := range current {
		if int(s) >= len(x.visits) {
			continue
		}
		weight := float32(len(current)-i) / float32(len(current))
		list, left := x.visits[s], x.params.PerItem
		for j := len(list) - 1; j >= 0 && left > 0; j-- {
			place := list[j] % uint32(x.params.Sessions)
			if x.numbers[place] != list[j] {
				continue
			}
			left--
			v := &sc.votes[place]
			if v.shared == 0 {
				v.shared = uint8(i + 1)
				sc.nearest = append(sc.nearest, uint64(list[j]))
			}
			v.near += weight
		}
	}
}

// rarity is the weight of an item, less the more sessions hold it.
func (x *Index) rarity(s catalogue.Slot) float32 {
	return float32(math.Log(1 + float64(len(x.byID))/float64(max(1, x.counts[s]))))
}

// split moves the k greatest keys to the front, in no order (quickselect with the median of three).
func split(keys []uint64, k int) {
	for low, high := 0, len(keys)-1; low < high; {
		a, b, c := keys[low], keys[low+(high-low)/2], keys[high]
		pivot := max(min(a, b), min(max(a, b), c))
		i, j := low, high
		for i <= j {
			for keys[i] > pivot {
				i++
			}
			for keys[j] < pivot {
				j--
			}
			if i <= j {
				keys[i], keys[j] = keys[j], keys[i]
				i, j = i+1, j-1
			}
		}
		switch {
		case k-1 <= j:
			high = j
		case k-1 >= i:
			low = i
		default:
			return
		}
	}
}
