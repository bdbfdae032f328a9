// Package trend counts what shoppers want, so that older wishes weigh less, and knows the leaders at any moment.
//
// A count is kept as its logarithm at a landmark far back (forward decay: Cormode, Shkapenyuk, Srivastava, Xu, ICDE 2009): a
// wish of weight w at time t adds w * 2^(t / half-life) to it. So events may come in any order, the order of items does not
// change while time passes, and the leaders only change when an event comes. Nothing here locks.
package trend

import (
	"math"
	"slices"
	"time"

	"github.com/haggle-commerce/haggle/services/recall/internal/catalogue"
	"github.com/haggle-commerce/haggle/services/recall/internal/top"
)

// MaxLeaders is how many leaders a [Counter] keeps.
const MaxLeaders = 512

// Counter is a decayed count for every item. Make one with [New].
type Counter struct {
	perSecond float64
	// levels are the logarithms of the counts at the landmark; -Inf where nothing was counted.
	levels  []float64
	leaders leaders
	// peak is the highest level there is.
	peak float64
}

// New returns a counter whose counts halve every half-life.
func New(halfLife time.Duration) *Counter {
	return &Counter{perSecond: math.Ln2 / halfLife.Seconds(), peak: math.Inf(-1)}
}

// Add counts a wish of the given weight for item s at time at. A weight of 0 or less counts nothing. Tie breaks equal counts.
func (c *Counter) Add(s catalogue.Slot, weight float64, at time.Time, tie uint64) {
	if c.Count(s, weight, at) {
		c.leaders.raise(top.Entry{Score: c.levels[s], Tie: tie, Slot: s})
	}
}

// Bytes is the memory of the counter.
func (c *Counter) Bytes() int {
	return 8*cap(c.levels) + 24*cap(c.leaders.entries) + 16*len(c.leaders.at)
}

// Peak returns the highest level of any item, -Inf when nothing was counted.
func (c *Counter) Peak() float64 { return c.peak }

// Count counts as [Counter.Add] does an item that is not to be among the leaders. It reports whether it counted.
func (c *Counter) Count(s catalogue.Slot, weight float64, at time.Time) bool {
	if weight <= 0 {
		return false
	}
	for int(s) >= len(c.levels) {
		c.levels = append(c.levels, math.Inf(-1))
	}
	// Milliseconds are as fine as it gets: the level is near 1e5, where a float64 has 11 digits left.
	added := math.Log(weight) + float64(at.UnixMilli())/1000*c.perSecond
	c.levels[s] = logAdd(c.levels[s], added)
	c.peak = max(c.peak, c.levels[s])
	return true
}

// logAdd returns ln(e^a + e^b).
func logAdd(a, b float64) float64 {
	if a < b {
		a, b = b, a
	}
	if math.IsInf(b, -1) {
		return a
	}
	return a + math.Log1p(math.Exp(b-a))
}

// Level orders items by their counts, now and later; -Inf when nothing was counted.
func (c *Counter) Level(s catalogue.Slot) float64 {
	if int(s) >= len(c.levels) {
		return math.Inf(-1)
	}
	return c.levels[s]
}

// Value returns the count of item s as of now.
func (c *Counter) Value(s catalogue.Slot, now time.Time) float64 {
	level := c.Level(s)
	if math.IsInf(level, -1) {
		return 0
	}
	return math.Exp(level - float64(now.UnixMilli())/1000*c.perSecond)
}

// Leaders returns the items with the highest counts, best first. They belong to the counter.
func (c *Counter) Leaders() []top.Entry { return c.leaders.entries }

// leaders keeps the items with the highest scores while scores rise. The zero value is empty.
type leaders struct {
	// entries are sorted, best first.
	entries []top.Entry
	at      map[catalogue.Slot]bool
}

// raise tells of a new score of an item, which must not be below the one told before.
func (l *leaders) raise(e top.Entry) {
	full := len(l.entries) == MaxLeaders
	if full && !before(&e, &l.entries[MaxLeaders-1]) && !l.at[e.Slot] {
		return
	}
	if l.at == nil {
		l.at = make(map[catalogue.Slot]bool, MaxLeaders)
	}
	// The item moves up from where it stood, or in at the end, past those that it beats now.
	from := len(l.entries)
	if l.at[e.Slot] {
		from = slices.IndexFunc(l.entries, func(old top.Entry) bool { return old.Slot == e.Slot })
	} else {
		if full {
			from--
			delete(l.at, l.entries[from].Slot)
		} else {
			l.entries = append(l.entries, e)
		}
		l.at[e.Slot] = true
	}
	to, _ := slices.BinarySearchFunc(l.entries[:from], e, func(have, e top.Entry) int {
		if before(&have, &e) {
			return -1
		}
		return 1
	})
	copy(l.entries[to+1:from+1], l.entries[to:from])
	l.entries[to] = e
}

func before(a, b *top.Entry) bool {
	return a.Score > b.Score || (a.Score == b.Score && a.Tie < b.Tie)
}
