package fold

import (
	"time"

	"github.com/haggle-commerce/haggle/libs/shop"
	"github.com/haggle-commerce/haggle/libs/wire"
)

// Batch is the events of some messages, decoded into memory that is used again. The zero value is empty.
type Batch struct {
	events []shop.Event
	at     []time.Time
}

// Reset empties the batch.
func (b *Batch) Reset() { b.events, b.at = b.events[:0], b.at[:0] }

// Len returns how many events there are.
func (b *Batch) Len() int { return len(b.events) }

// Add decodes the events of a message that the stream took at the given time. Lines that cannot be folded go to refused, which must
// not keep them; the others are added all the same.
func (b *Batch) Add(payload []byte, at time.Time, refused func(line []byte, reason error)) {
	wire.EachEvent(payload, func(e *shop.Event, line []byte, err error) bool {
		if err == nil {
			err = Fault(e)
		}
		if err != nil {
			refused(line, err)
			return true
		}
		if len(b.events) < cap(b.events) {
			b.events = b.events[:len(b.events)+1]
		} else {
			b.events = append(b.events, shop.Event{})
		}
		into := &b.events[len(b.events)-1]
		items := append(into.Items[:0], e.Items...)
		*into = *e
		into.Items = items
		b.at = append(b.at, at)
		return true
	})
}

// Need notes what the batch touches in the book.
func (b *Batch) Need(book *Book) {
	for i := range b.events {
		book.Need(&b.events[i])
	}
}

// Fold applies the events in order and counts the outcomes.
func (b *Batch) Fold(book *Book, counts *[outcomes]int) {
	for i := range b.events {
		counts[book.Apply(&b.events[i], b.at[i])]++
	}
}

// Counts is how many events had each [Outcome].
type Counts = [outcomes]int
