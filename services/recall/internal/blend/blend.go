// Package blend merges what several channels of recall offer into one list without repetition.
//
// The channels' scores have nothing in common, so ranks are merged, as libs/model/recipe says: an item scores the sum, over the
// channels that offer it, of weight / (60 + rank).
package blend

import (
	"github.com/haggle-commerce/haggle/libs/model/recipe"
	"github.com/haggle-commerce/haggle/libs/shop"
	"github.com/haggle-commerce/haggle/services/recall/internal/catalogue"
	"github.com/haggle-commerce/haggle/services/recall/internal/top"
)

// Channel is one way to find candidates.
type Channel uint8

// The channels.
const (
	Lexical Channel = iota
	Together
	Session
	Similar
	Trending
	Again
	Popular
	New
	Explore
	Vector
	ChannelCount
)

// names are the channels as they stand in receipts.
var names = [ChannelCount]string{"lexical", "together", "session", "similar", "trending", "again", "popular", "new", "explore", "vector"}

// String returns the channel's name in receipts: "together".
func (ch Channel) String() string { return names[ch] }

// ChannelOf returns the channel of a name, and false when there is none.
func ChannelOf(name string) (Channel, bool) {
	for ch, known := range names {
		if known == name {
			return Channel(ch), true
		}
	}
	return 0, false
}

// untold is the reason of channels that tell a shopper nothing.
const untold = 0xff

// reasons are what a shopper is told of an item from each channel.
var reasons = [ChannelCount]shop.Reason{
	shop.ReasonMatch, shop.ReasonTogether, shop.ReasonSession, shop.ReasonSimilar,
	shop.ReasonTrending, shop.ReasonAgain, shop.ReasonPopular, shop.ReasonNew, untold, shop.ReasonSimilar,
}

// Candidate is an item of the merged list.
type Candidate struct {
	Slot  catalogue.Slot
	Score float32
	Why   shop.Reasons
	// Because is which seed explains the item, from 1; 0 for none: that of the channel that adds most.
	Because uint8
	// Scores are what each channel said of the item; 0 where it did not offer it.
	Scores [ChannelCount]float32

	strongest float32
}

// Offer is what one channel has found.
type Offer struct {
	Channel Channel
	Weight  float32
	// Entries are the items, best first, each once.
	Entries []top.Entry
	// Because returns the seed that explains an item, from 1, or 0; nil when the channel has no seeds.
	Because func(catalogue.Slot) uint8
	// Unsaid reports items for which the channel's reason would be untrue; nil when there are none.
	Unsaid func(top.Entry) bool
}

// Blender merges offers. It keeps its memory; one reader uses it at a time. The zero value is ready for [Blender.Reset].
type Blender struct {
	// places are where an item stands in candidates, from 1, by slot.
	places     []uint32
	candidates []Candidate
	heap       top.Heap
	sorted     []Candidate
}

// Reset forgets all offers and makes room for slots below size.
func (b *Blender) Reset(size int) {
	for i := range b.candidates {
		b.places[b.candidates[i].Slot] = 0
	}
	b.candidates = b.candidates[:0]
	if len(b.places) < size {
		b.places = make([]uint32, size+size/8)
	}
}

// Len returns how many different items were offered.
func (b *Blender) Len() int { return len(b.candidates) }

// Has reports whether an item was offered.
func (b *Blender) Has(s catalogue.Slot) bool { return b.places[s] != 0 }

// Add takes an offer in.
func (b *Blender) Add(o Offer) {
	for rank, e := range o.Entries {
		place := b.places[e.Slot]
		if place == 0 {
			b.candidates = append(b.candidates, Candidate{Slot: e.Slot})
			place = uint32(len(b.candidates))
			b.places[e.Slot] = place
		}
		c := &b.candidates[place-1]
		share := o.Weight / float32(recipe.RankOffset+rank+1)
		c.Score += share
		c.Scores[o.Channel] = float32(e.Score)
		if reasons[o.Channel] != untold && (o.Unsaid == nil || !o.Unsaid(e)) {
			c.Why = c.Why.With(reasons[o.Channel])
		}
		if o.Because != nil && share > c.strongest {
			if because := o.Because(e.Slot); because != 0 {
				c.Because, c.strongest = because, share
			}
		}
	}
}

// Best returns the k best candidates, best first. They are the blender's until the next Reset.
func (b *Blender) Best(k int, c *catalogue.Catalogue) []Candidate {
	b.heap.Reset(k)
	for i := range b.candidates {
		b.heap.Offer(top.Entry{Score: float64(b.candidates[i].Score), Tie: c.Tie(b.candidates[i].Slot), Slot: b.candidates[i].Slot})
	}
	b.sorted = b.sorted[:0]
	for _, e := range b.heap.Sorted() {
		b.sorted = append(b.sorted, b.candidates[b.places[e.Slot]-1])
	}
	return b.sorted
}

// Reserve gives the last places of the list that Best returned to those of entries that are not on it, so that what a channel
// offers is among the candidates whatever the others say. With fewer than k candidates it only appends.
func (b *Blender) Reserve(k int, ch Channel, entries []top.Entry) []Candidate {
	fresh := 0
	for _, e := range entries {
		if !b.listed(e.Slot) {
			fresh++
		}
	}
	b.sorted = b.sorted[:min(len(b.sorted), max(0, k-fresh))]
	for _, e := range entries {
		if len(b.sorted) == k {
			break
		}
		if !b.listed(e.Slot) {
			c := Candidate{Slot: e.Slot}
			c.Scores[ch] = float32(e.Score)
			b.sorted = append(b.sorted, c)
		}
	}
	return b.sorted
}

func (b *Blender) listed(s catalogue.Slot) bool {
	for i := range b.sorted {
		if b.sorted[i].Slot == s {
			return true
		}
	}
	return false
}

// Ranked returns the k best candidates as entries with their merged scores, best first. They are the blender's until the next Best
// or Ranked.
func (b *Blender) Ranked(k int, c *catalogue.Catalogue) []top.Entry {
	b.heap.Reset(k)
	for i := range b.candidates {
		b.heap.Offer(top.Entry{Score: float64(b.candidates[i].Score), Tie: c.Tie(b.candidates[i].Slot), Slot: b.candidates[i].Slot})
	}
	return b.heap.Sorted()
}
