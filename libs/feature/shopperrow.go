package feature

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"github.com/haggle-commerce/haggle/libs/shop"
)

// ItemHash stands for an item's id in rows and tables: 64 bits, so that 1 million items collide with probability 3e-8.
type ItemHash uint64

// HashItem returns the hash of an id: FNV-1a with a finishing mix. It never changes: rows hold it.
func HashItem(id shop.ItemID) ItemHash { return ItemHash(hash64(string(id))) }

func hash64(s string) uint64 {
	h := uint64(14695981039346656037)
	for i := range len(s) {
		h = (h ^ uint64(s[i])) * 1099511628211
	}
	h ^= h >> 33
	h *= 0xff51afd7ed558ccd
	h ^= h >> 33
	h *= 0xc4ceb9fe1a85ec53
	return h ^ h>>33
}

// Bounds of a shopper's history.
const (
	// MaxHistory is how many items of a history, the newest, queries see.
	MaxHistory = 256
	// MaxDistinct is how many different items a shopper may touch before the row is [ShopperRow.Crowded]: nobody shops so,
	// robots do.
	MaxDistinct = 4096
)

// Past is what a shopper did with one item. Times are unix milliseconds; 0 means never.
type Past struct {
	Item ItemHash
	// Last is when the shopper last did anything with the item.
	Last int64
	// FirstBought and LastBought are the first and the newest purchase.
	FirstBought, LastBought int64
	// Times counts events by kind; an event that lists the item twice counts once. Times[Shown] is always 0.
	Times [Counts]uint32
}

// Bought returns how often the item was bought, less what was given back.
func (p *Past) Bought() int { return max(0, int(p.Times[Bought])-int(p.Times[Refunded])) }

// ShopperRow is what one shopper did: the history item by item, newest first, and totals. It depends on the set of events
// alone, never on their order. The zero value is the row of somebody new.
type ShopperRow struct {
	// History is ordered by Last, newest first; ties by Item. In the writer's and the trainer's memory it is whole, up to
	// [MaxDistinct]; what queries read, and what [Extractor] looks at, are the newest [MaxHistory].
	History []Past
	// Total counts events by kind; Searches counts searches.
	Total    [Counts]uint32
	Searches uint32
	// First and Last are the oldest and the newest event in unix milliseconds; 0 means never.
	First, Last int64
	// Crowded says that more than MaxDistinct items were touched: the history is then empty for good.
	Crowded bool
}

// Reset empties the row and keeps its memory.
func (r *ShopperRow) Reset() { *r = ShopperRow{History: r.History[:0]} }

// millisOf returns t in unix milliseconds, at least 1.
func millisOf(t time.Time) int64 { return max(t.UnixMilli(), 1) }

// Apply counts the event. The caller has found the row by the event's shopper.
func (r *ShopperRow) Apply(e *shop.Event) {
	at := millisOf(e.Time)
	r.Last = max(r.Last, at)
	if r.First == 0 || at < r.First {
		r.First = at
	}
	if e.Kind == shop.Search {
		r.Searches = saturated(r.Searches, 1)
		return
	}
	count, ok := countOf(e.Kind)
	if !ok {
		return
	}
	r.Total[count] = saturated(r.Total[count], 1)
	if count == Shown || r.Crowded {
		return
	}
	for i := range e.Items {
		if !slices.ContainsFunc(e.Items[:i], func(earlier shop.EventItem) bool { return earlier.ID == e.Items[i].ID }) {
			r.touch(HashItem(e.Items[i].ID), count, at)
		}
	}
}

// touch counts one event for one item and keeps the order of the history.
func (r *ShopperRow) touch(item ItemHash, count Count, at int64) {
	if r.Crowded {
		return
	}
	i := slices.IndexFunc(r.History, func(p Past) bool { return p.Item == item })
	if i < 0 {
		if len(r.History) == MaxDistinct {
			r.Crowded, r.History = true, r.History[:0]
			return
		}
		i = len(r.History)
		r.History = append(r.History, Past{Item: item})
	}
	p := r.History[i]
	p.Times[count] = saturated(p.Times[count], 1)
	p.Last = max(p.Last, at)
	if count == Bought {
		p.LastBought = max(p.LastBought, at)
		if p.FirstBought == 0 || at < p.FirstBought {
			p.FirstBought = at
		}
	}
	to, _ := slices.BinarySearchFunc(r.History[:i], p, newer)
	copy(r.History[to+1:i+1], r.History[to:i])
	r.History[to] = p
}

// newer orders a history: the newest first, ties by item.
func newer(a, b Past) int {
	return cmp.Or(cmp.Compare(b.Last, a.Last), cmp.Compare(a.Item, b.Item))
}

// Clip forgets all but the newest [MaxHistory] items, as queries see the row.
func (r *ShopperRow) Clip() { r.History = r.History[:min(len(r.History), MaxHistory)] }

// AppendBinary implements [encoding.BinaryAppender]: the row as queries read it, with the newest [MaxHistory] items. The
// error is always nil.
func (r *ShopperRow) AppendBinary(b []byte) ([]byte, error) {
	return r.appendHistory(b, r.History[:min(len(r.History), MaxHistory)]), nil
}

// AppendWhole appends the row with its whole history, as the writer keeps it. Decode reads it too.
func (r *ShopperRow) AppendWhole(b []byte) []byte { return r.appendHistory(b, r.History) }

func (r *ShopperRow) appendHistory(b []byte, history []Past) []byte {
	b = append(b, rowVersion)
	flags := byte(0)
	if r.Crowded {
		flags = 1
	}
	b = append(b, flags)
	for _, n := range r.Total {
		b = binary.AppendUvarint(b, uint64(n))
	}
	b = binary.AppendUvarint(b, uint64(r.Searches))
	b = binary.AppendUvarint(b, uint64(r.Last))
	b = binary.AppendUvarint(b, uint64(r.Last-r.First))
	b = binary.AppendUvarint(b, uint64(len(history)))
	newest := r.Last
	for i := range history {
		p := &history[i]
		b = binary.LittleEndian.AppendUint64(b, uint64(p.Item))
		b = binary.AppendUvarint(b, uint64(newest-p.Last))
		newest = p.Last
		at, mask := len(b), byte(0)
		b = append(b, 0)
		for k, n := range p.Times {
			if n != 0 {
				mask |= 1 << k
				b = binary.AppendUvarint(b, uint64(n))
			}
		}
		b[at] = mask
		if p.Times[Bought] != 0 {
			b = binary.AppendUvarint(b, uint64(p.Last-p.LastBought))
			b = binary.AppendUvarint(b, uint64(p.LastBought-p.FirstBought))
		}
	}
	return b
}

// minPastBytes is the least that one entry of a history takes: hash, age, mask.
const minPastBytes = 10

// Decode reads what AppendBinary or AppendWhole wrote into r, whose memory it reuses. After an error r is the zero row.
func (r *ShopperRow) Decode(b []byte) error {
	r.Reset()
	d := decoder{b: b}
	d.version()
	r.Crowded = d.byte()&1 != 0
	for i := range r.Total {
		r.Total[i] = d.uint32()
	}
	r.Searches = d.uint32()
	r.Last = d.millis()
	r.First = r.Last - d.millis()
	n := d.uvarint()
	switch {
	case r.First < 0:
		d.fail(errTime)
	case n > MaxDistinct, n > uint64(len(d.b))/minPastBytes:
		d.fail(fmt.Errorf("has %d items in %d bytes", n, len(d.b)))
	}
	newest := r.Last
	for i := 0; i < int(n) && d.err == nil; i++ {
		var p Past
		d.past(&p, newest)
		if i > 0 && d.err == nil && newer(r.History[i-1], p) >= 0 {
			d.fail(fmt.Errorf("has item %d out of order", i))
		}
		newest = p.Last
		r.History = append(r.History, p)
	}
	if err := d.end(); err != nil {
		r.Reset()
		return fmt.Errorf("decode shopper row: %w", err)
	}
	return nil
}

// past reads one entry of a history whose neighbour before it was last touched at newest.
func (d *decoder) past(p *Past, newest int64) {
	p.Item = ItemHash(d.uint64())
	p.Last = newest - d.millis()
	mask := d.byte()
	for k := range p.Times {
		if mask&(1<<k) != 0 {
			p.Times[k] = d.uint32()
		}
	}
	if p.Times[Bought] != 0 {
		p.LastBought = p.Last - d.millis()
		p.FirstBought = p.LastBought - d.millis()
	}
	if p.Last < 0 || p.LastBought < 0 || p.FirstBought < 0 {
		d.fail(errTime)
	}
}
