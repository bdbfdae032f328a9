package feature

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/bits"
	"time"

	"github.com/haggle-commerce/haggle/libs/shop"
)

// Count names one counter of an [ItemRow] or a [ShopperRow].
type Count uint8

// The counters. The first [windowed] of them are also kept by day and week. Append only: the order is that of the encoding.
const (
	Shown Count = iota
	Clicked
	Viewed
	Carted
	Bought
	Removed
	Refunded
	Counts // how many counters there are
)

// windowed is how many of the counters are kept by day and by week too.
const windowed = int(Bought) + 1

// countOf is the counter that an event of the kind adds to; ok is false for kinds that count for no item.
func countOf(kind shop.EventKind) (count Count, ok bool) {
	switch kind {
	case shop.ViewItemList:
		return Shown, true
	case shop.SelectItem:
		return Clicked, true
	case shop.ViewItem:
		return Viewed, true
	case shop.AddToCart:
		return Carted, true
	case shop.Purchase:
		return Bought, true
	case shop.RemoveFromCart:
		return Removed, true
	case shop.Refund:
		return Refunded, true
	}
	return 0, false
}

// How much of the recent past a row keeps: this many days, and this many weeks, each up to the newest event.
const (
	RowDays  = 8
	RowWeeks = 8
)

// examinedUnit is how much one certain look adds to [ItemRow.Examined].
const examinedUnit = 1024

// ItemRow is what shoppers did with one item: integer counters in buckets of event time. It depends on the set of events
// alone, never on their order. The zero value is the row of an item that nobody has seen.
type ItemRow struct {
	// Total counts since the beginning.
	Total [Counts]uint32
	// Examined is how often the item was looked at in lists, in 1/1024: a place far down counts less, by 1/log2(2+index).
	Examined uint64
	// LastBought is the newest purchase in unix milliseconds; 0 means never.
	LastBought int64
	// newest is one more than the day (since 1970, UTC) of the newest event; 0 means none.
	newest int32
	// days[d%RowDays] counts day d, for d in (newest day - RowDays, newest day]; weeks likewise, by day/7.
	days  [RowDays][windowed]uint32
	weeks [RowWeeks][windowed]uint32
}

// lastDay bounds the days of a row: the year 2262, beyond which times in nanoseconds overflow.
const lastDay = math.MaxInt64 / int64(24*time.Hour)

// dayOf returns the day of t since 1970, kept within [0, lastDay].
func dayOf(t time.Time) int32 {
	return int32(min(max(t.Unix()/86400, 0), lastDay))
}

// Apply counts n events of the kind at time t, the item being first in its list. Kinds that count for no item change nothing.
func (r *ItemRow) Apply(kind shop.EventKind, t time.Time, n int) {
	if count, ok := countOf(kind); ok && n > 0 {
		r.add(count, t, uint32(min(n, math.MaxUint32)), 0)
	}
}

// ApplyEvent counts entry i of the event's items. The caller has found the row by that entry's id.
func (r *ItemRow) ApplyEvent(e *shop.Event, i int) {
	if count, ok := countOf(e.Kind); ok {
		r.add(count, e.Time, 1, e.Items[i].Index)
	}
}

func (r *ItemRow) add(count Count, t time.Time, n uint32, index int) {
	r.Total[count] = saturated(r.Total[count], n)
	switch count {
	case Shown:
		r.Examined += uint64(n) * examined(index)
	case Bought:
		r.LastBought = max(r.LastBought, millisOf(t))
	}
	day := dayOf(t)
	r.advance(day)
	if int(count) >= windowed {
		return
	}
	newest := r.newest - 1
	if day > newest-RowDays {
		slot := &r.days[day%RowDays][count]
		*slot = saturated(*slot, n)
	}
	if day/7 > newest/7-RowWeeks {
		slot := &r.weeks[day/7%RowWeeks][count]
		*slot = saturated(*slot, n)
	}
}

// advance moves the windows so that they end at day, and empties the buckets that so begin anew.
func (r *ItemRow) advance(day int32) {
	if r.newest == 0 {
		r.newest = day + 1
		return
	}
	newest := r.newest - 1
	if day <= newest {
		return
	}
	for d := max(newest+1, day-RowDays+1); d <= day; d++ {
		r.days[d%RowDays] = [windowed]uint32{}
	}
	for w := max(newest/7+1, day/7-RowWeeks+1); w <= day/7; w++ {
		r.weeks[w%RowWeeks] = [windowed]uint32{}
	}
	r.newest = day + 1
}

// Day returns the count on a day, given as its age in days at now; 0 outside the window.
func (r *ItemRow) Day(count Count, age int, now time.Time) uint32 {
	day := dayOf(now) - int32(age)
	if int(count) >= windowed || r.newest == 0 || day < 0 || day > r.newest-1 || day <= r.newest-1-RowDays {
		return 0
	}
	return r.days[day%RowDays][count]
}

func saturated(a, b uint32) uint32 {
	sum, carry := bits.Add32(a, b, 0)
	if carry != 0 {
		return math.MaxUint32
	}
	return sum
}

// examined returns the weight of place index of a list in 1/examinedUnit.
func examined(index int) uint64 {
	if index < 0 {
		index = 0
	}
	if index < len(examinedAt) {
		return uint64(examinedAt[index])
	}
	return uint64(examinedUnit / math.Log2(2+float64(index)))
}

// examinedAt is 1024/log2(2+i), rounded, as written out by TestExaminedTable.
var examinedAt = [...]uint16{1024, 646, 512, 441, 396, 365, 341, 323, 308, 296, 286, 277, 269, 262, 256, 251, 246, 241, 237, 233, 230, 226, 223, 221}

// rowVersion begins each encoded row. History: 1 = the first.
const rowVersion = 1

var (
	errShort   = errors.New("is cut short")
	errVersion = errors.New("has an unknown version")
)

// AppendBinary implements [encoding.BinaryAppender]; the error is always nil. An empty bucket costs one byte in all.
func (r *ItemRow) AppendBinary(b []byte) ([]byte, error) {
	b = append(b, rowVersion)
	for _, n := range r.Total {
		b = binary.AppendUvarint(b, uint64(n))
	}
	b = binary.AppendUvarint(b, r.Examined)
	b = binary.AppendUvarint(b, uint64(r.LastBought))
	b = binary.AppendUvarint(b, uint64(r.newest))
	if r.newest == 0 {
		return b, nil
	}
	newest := r.newest - 1
	for age := range int32(RowDays) {
		if day := newest - age; day >= 0 {
			b = appendBucket(b, &r.days[day%RowDays])
		}
	}
	for age := range int32(RowWeeks) {
		if week := newest/7 - age; week >= 0 {
			b = appendBucket(b, &r.weeks[week%RowWeeks])
		}
	}
	return b, nil
}

// appendBucket writes a byte that says which counters are not 0, and those.
func appendBucket(b []byte, bucket *[windowed]uint32) []byte {
	at, mask := len(b), byte(0)
	b = append(b, 0)
	for i, n := range bucket {
		if n != 0 {
			mask |= 1 << i
			b = binary.AppendUvarint(b, uint64(n))
		}
	}
	b[at] = mask
	return b
}

// Decode reads what AppendBinary wrote, into r and nowhere else. After an error r is the zero row.
func (r *ItemRow) Decode(b []byte) error {
	*r = ItemRow{}
	d := decoder{b: b}
	d.version()
	for i := range r.Total {
		r.Total[i] = d.uint32()
	}
	r.Examined = d.uvarint()
	r.LastBought = d.millis()
	newest := d.uvarint()
	if newest > uint64(lastDay)+1 {
		d.fail(fmt.Errorf("has its newest event on day %d", newest))
		newest = 0
	}
	r.newest = int32(newest)
	if r.newest > 0 {
		for age := range int32(RowDays) {
			if day := r.newest - 1 - age; day >= 0 {
				d.bucket(&r.days[day%RowDays])
			}
		}
		for age := range int32(RowWeeks) {
			if week := (r.newest-1)/7 - age; week >= 0 {
				d.bucket(&r.weeks[week%RowWeeks])
			}
		}
	}
	if err := d.end(); err != nil {
		*r = ItemRow{}
		return fmt.Errorf("decode item row: %w", err)
	}
	return nil
}
