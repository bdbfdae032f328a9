// Package session says what a shopper will look at next from what this session did and what recent sessions did after the same:
// k nearest sessions over a sliding window that every event enters at once, told apart by several kinds of evidence, which a
// small model weighs.
//
// The window and the search for neighbours are those of VMIS-kNN (B. Kersbergen, O. Sprangers, S. Schelter, "Serenade -
// Low-Latency Session-Based Recommendation in e-Commerce at Scale", SIGMOD 2022). The evidence joins V-SKNN (M. Ludewig,
// D. Jannach, "Evaluation of Session-based Recommendation Algorithms", UMUAI 2018), STAN (D. Garg and others, "Sequence and Time
// Aware Neighborhood for Session-based Recommendations", SIGIR 2019) and transitions between items in both directions.
//
// Time is counted in sessions: the age of a session is how many began after it. So nothing depends on a clock, and replicas that
// saw the same events in the same order answer the same. Events count in the order in which they come; one that comes late
// stands at the end of its session, and one of a session that left the window begins a new one. Nothing here locks.
package session

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/haggle-commerce/haggle/libs/model"
)

// Params are the constants of the method.
type Params struct {
	// Sessions is how many recent sessions are kept.
	Sessions int `json:"sessions"`
	// Length is how many distinct items of one session are kept, the first ones.
	Length int `json:"length"`
	// Current is how many distinct items of the current session count, the last ones, 32 at most.
	Current int `json:"current"`
	// PerItem is how many of the most recent sessions of an item are looked at (m in the paper of VMIS-kNN).
	PerItem int `json:"per_item"`
	// Neighbours is how many sessions give evidence (k there).
	Neighbours int `json:"neighbours"`
	// Deep is how many items, the best by the fixed mix of the evidence, a scorer orders.
	Deep int `json:"deep"`
	// Fade is what an item of the current session counts less for each item that came after it, above 0 to 1.
	Fade float64 `json:"fade"`
	// HalfLife is after how many newer sessions one counts half, in shares of the sessions that the window holds.
	HalfLife float64 `json:"half_life"`
	// Gap is what an item of another session counts less for each step away from the shared one, above 0 to 1.
	Gap float64 `json:"gap"`
}

// Defaults returns constants that did well on the published sessions of two shops, and room for 200,000 sessions.
func Defaults() Params {
	return Params{Sessions: 200_000, Length: 30, Current: 8, PerItem: 500, Neighbours: 500, Deep: 120, Fade: 0.7, HalfLife: 0.3, Gap: 0.7}
}

// maxCurrent bounds Params.Current: shared items are bits of a mask.
const maxCurrent = 32

// Check says what is wrong with p.
func (p Params) Check() error {
	var faults []error
	require := func(ok bool, format string, args ...any) {
		if !ok {
			faults = append(faults, fmt.Errorf(format, args...))
		}
	}
	require(p.Sessions >= 1 && p.Sessions <= 1<<30, "%d sessions", p.Sessions)
	require(p.Length >= 1 && p.Length <= math.MaxUint16, "sessions of %d items", p.Length)
	require(p.Current >= 1 && p.Current <= maxCurrent, "%d current items", p.Current)
	require(p.PerItem >= 1 && p.Neighbours >= 1, "%d sessions an item, %d neighbours", p.PerItem, p.Neighbours)
	require(p.Deep >= 1 && p.Deep <= 1<<16, "%d items to score", p.Deep)
	require(p.Fade > 0 && p.Fade <= 1 && p.Gap > 0 && p.Gap <= 1 && p.HalfLife > 0, "fade %v, gap %v, half life %v", p.Fade, p.Gap, p.HalfLife)
	return errors.Join(faults...)
}

// Index is the window of recent sessions. Make one with [New].
type Index struct {
	params Params
	scorer model.Scorer
	// Sessions are numbered from 1; a session stands at line number % Sessions. Invariant: those of the window are the numbers
	// above last - Sessions, up to last.
	pages [][]line
	last  uint32
	byID  map[uint64]uint32
	// more are the lines of long sessions beyond their first, spare those of them that are free. The first is never used.
	more  []extra
	spare []uint32
	// visits are, by item, the numbers of the sessions that hold it, in the order in which they touched it. Numbers of sessions
	// that left the window remain for a while. counts are how many sessions of the window hold the item.
	visits [][]uint32
	counts []uint32
	events int
	buffer []uint32
}

// line is the beginning of a session: as long as a line of the cache, so that most sessions are read with one miss.
type line struct {
	id    uint64
	next  uint32
	size  uint16
	items [lineItems]uint32
}

// extra goes on where a line ends.
type extra struct {
	next  uint32
	items [extraItems]uint32
}

const (
	lineItems  = 12
	extraItems = 15
	// pageLines is how many sessions are made room for at once: 64 KiB.
	pageLines = 1 << 10
)

// New returns an empty index that keeps p.Sessions sessions of p.Length items and answers by the fixed mix of the evidence. It
// panics when p does not pass [Params.Check].
func New(p Params) *Index {
	if err := p.Check(); err != nil {
		panic("BUG: session: " + err.Error())
	}
	return &Index{params: p, byID: map[uint64]uint32{}, more: make([]extra, 1)}
}

// Params returns the constants in use.
func (x *Index) Params() Params { return x.params }

// Use answers by m from now on, which has passed [Open] or [Model.Encode]. What the window keeps, Sessions and Length, stays as
// it was.
func (x *Index) Use(m *Model) error {
	if err := m.check(); err != nil {
		return fmt.Errorf("use session model: %w", err)
	}
	p := m.Params
	p.Sessions, p.Length = x.params.Sessions, x.params.Length
	x.params, x.scorer = p, m.Scorer
	return nil
}

// Len returns how many sessions the window holds.
func (x *Index) Len() int { return len(x.byID) }

// Items returns how many items there is room for: all that were touched are below it.
func (x *Index) Items() int { return len(x.visits) }

// Count returns how many sessions of the window hold an item.
func (x *Index) Count(item uint32) int {
	if int(item) >= len(x.counts) {
		return 0
	}
	return int(x.counts[item])
}

// Touch tells that an item was touched in a session, given by a hash of its id that differs from those of all others. The first
// touch of an item in a session counts.
func (x *Index) Touch(id uint64, item uint32) {
	number, ok := x.byID[id]
	if !ok {
		number = x.open(id)
	}
	if !x.push(x.lineOf(number), item) {
		return
	}
	for int(item) >= len(x.visits) {
		x.visits, x.counts = append(x.visits, nil), append(x.counts, 0)
	}
	x.events++
	x.counts[item]++
	list := x.visits[item]
	if len(list) == cap(list) && len(list) > int(x.counts[item]) {
		list = slices.DeleteFunc(list, func(number uint32) bool { return !x.holds(number) })
	}
	x.visits[item] = append(list, number)
}

// holds reports whether the session of a number is in the window.
func (x *Index) holds(number uint32) bool { return x.last-number < uint32(x.params.Sessions) }

func (x *Index) lineOf(number uint32) *line {
	place := number % uint32(x.params.Sessions)
	return &x.pages[place/pageLines][place%pageLines]
}

// push puts an item at the end of a session, unless it is there or the session is full.
func (x *Index) push(l *line, item uint32) bool {
	size := int(l.size)
	if size >= x.params.Length || slices.Contains(l.items[:min(size, lineItems)], item) {
		return false
	}
	if size < lineItems {
		l.items[size] = item
		l.size++
		return true
	}
	at, left := &l.next, size-lineItems
	for ; *at != 0; at = &x.more[*at].next {
		n := min(left, extraItems)
		if slices.Contains(x.more[*at].items[:n], item) {
			return false
		}
		if left < extraItems {
			break
		}
		left -= n
	}
	if *at == 0 {
		// more may move: at is not used after it grew.
		if n := len(x.spare); n > 0 {
			*at, x.spare = x.spare[n-1], x.spare[:n-1]
			x.more[*at] = extra{items: [extraItems]uint32{item}}
		} else {
			*at = uint32(len(x.more))
			x.more = append(x.more, extra{items: [extraItems]uint32{item}})
		}
	} else {
		x.more[*at].items[left] = item
	}
	l.size++
	return true
}

// read returns the items of a session in order, in the index's memory or in buffer's, which grows.
func (x *Index) read(l *line, buffer *[]uint32) []uint32 {
	size := int(l.size)
	if size <= lineItems {
		return l.items[:size]
	}
	b := append((*buffer)[:0], l.items[:]...)
	for next := l.next; next != 0; next = x.more[next].next {
		b = append(b, x.more[next].items[:min(size-len(b), extraItems)]...)
	}
	*buffer = b
	return b
}

// open begins a session, in the place of the oldest when the window is full.
func (x *Index) open(id uint64) uint32 {
	x.last++
	place := int(x.last) % x.params.Sessions
	for place/pageLines >= len(x.pages) {
		x.pages = append(x.pages, make([]line, pageLines))
	}
	l := x.lineOf(x.last)
	if int(x.last) > x.params.Sessions {
		x.close(l)
	}
	*l = line{id: id}
	x.byID[id] = x.last
	return x.last
}

// close forgets a session.
func (x *Index) close(l *line) {
	delete(x.byID, l.id)
	for _, item := range x.read(l, &x.buffer) {
		x.counts[item]--
		x.events--
	}
	for next := l.next; next != 0; next = x.more[next].next {
		x.spare = append(x.spare, next)
	}
}

// Bytes returns about how much memory the index takes, and how many touches it holds.
func (x *Index) Bytes() (bytes, events int) {
	// A map of 12-byte entries is between 7/16 and 7/8 full, with a byte of control for each.
	bytes = len(x.pages)*pageLines*64 + cap(x.more)*64 + cap(x.spare)*4 + len(x.byID)*20 + cap(x.visits)*24 + cap(x.counts)*4
	for _, list := range x.visits {
		bytes += cap(list) * 4
	}
	return bytes, x.events
}
