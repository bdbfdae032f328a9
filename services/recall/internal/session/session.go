// Package session finds what sessions like this one went on to look at: it tells the events of the shop to the index of package
// session of libs/model, and what that answers to a tally. Nothing here locks.
package session

import (
	"strings"
	"time"

	"github.com/haggle-commerce/haggle/libs/model/session"
	"github.com/haggle-commerce/haggle/libs/shop"
	"github.com/haggle-commerce/haggle/services/recall/internal/catalogue"
	"github.com/haggle-commerce/haggle/services/recall/internal/tally"
)

// Index is the window of recent sessions. Make one with [New].
type Index struct {
	sessions *session.Index
}

// New returns an empty index of at most most sessions, at least one, that answers as session.Default does.
func New(most int) *Index {
	m := session.Default()
	m.Params.Sessions = max(1, most)
	x := &Index{sessions: session.New(m.Params)}
	if err := x.Use(m); err != nil {
		panic("BUG: session: the default model: " + err.Error())
	}
	return x
}

// Use answers by m from now on.
func (x *Index) Use(m *session.Model) error { return x.sessions.Use(m) }

// Len returns how many sessions the window holds.
func (x *Index) Len() int { return x.sessions.Len() }

// Bytes returns about how much memory the window takes, and how many touches it holds.
func (x *Index) Bytes() (bytes, touches int) { return x.sessions.Bytes() }

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
func (x *Index) Touch(id shop.SessionID, s catalogue.Slot) { x.sessions.Touch(numberOf(id), uint32(s)) }

// numberOf is the number of a session, never 0: FNV-1a, so that it is the same in every process and a window can be restored.
func numberOf(id shop.SessionID) uint64 {
	h := uint64(14695981039346656037)
	for i := range len(id) {
		h = (h ^ uint64(id[i])) * 1099511628211
	}
	return max(h, 1)
}

// Scratch is the memory of one prediction. One reader uses it at a time. The zero value is ready.
type Scratch struct {
	sessions session.Scratch
	current  []uint32
}

// Question is what is asked of an [Index].
type Question struct {
	// Current are the items of the session so far, each once, the latest first.
	Current []catalogue.Slot
	// Own is the session itself, which is no neighbour of itself.
	Own shop.SessionID
	// Allowed are the items that may be answered; nil allows all.
	Allowed catalogue.Bits
	// Limit is the most items.
	Limit int
}

// Predict adds to t a score for each item that may come next: how likely it is, as a share of the best one's likelihood. The
// cause of a score is the place in q.Current, from 1.
func (x *Index) Predict(t *tally.Tally, sc *Scratch, q Question) {
	sc.current = sc.current[:0]
	for _, s := range q.Current {
		sc.current = append(sc.current, uint32(s))
	}
	query := session.Query{Current: sc.current, Keep: q.Allowed}
	if q.Own != "" {
		query.Own = numberOf(q.Own)
	}
	for _, f := range x.sessions.Predict(&sc.sessions, &query, q.Limit) {
		// Sessions that share nothing explain nothing: the latest item stands for what they were found by.
		t.Add(catalogue.Slot(f.Item), f.Score, uint8(max(f.Because, 1)))
	}
}
