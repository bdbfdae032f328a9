// Package intake reads what shops report of their shoppers and turns it into events for the stream.
package intake

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"math"
	"time"

	"github.com/haggle-commerce/haggle/libs/shop"
	"github.com/haggle-commerce/haggle/services/gateway/internal/privacy"
	"github.com/haggle-commerce/haggle/services/gateway/internal/strict"
	"github.com/haggle-commerce/haggle/services/gateway/internal/token"
)

// Status is what became of an event.
type Status string

// The statuses.
const (
	// Accepted events go to the stream.
	Accepted Status = "accepted"
	// Ignored events are known and nothing is learnt from them, such as the view of a home page.
	Ignored Status = "ignored"
	// Rejected events are wrong.
	Rejected Status = "rejected"
)

// Codes of rejected events.
const (
	Invalid    = "invalid_event"
	Forged     = "attribution_forged"
	Expired    = "attribution_expired"
	Mismatched = "attribution_mismatch"
	Replayed   = "attribution_replayed"
)

// Outcome is what became of one event.
type Outcome struct {
	Status Status
	// Event is set when Status is Accepted.
	Event shop.Event
	// ID is the event's own id, or the one that was made for it; "" when the event could not be read.
	ID string
	// Clamped says that the client's time was not believed.
	Clamped bool
	// Code and Faults say what is wrong when Status is Rejected.
	Code   string
	Faults []strict.Fault
}

// Desk turns documents into events. Its methods may be called at once, with a [strict.Reader] each.
type Desk struct {
	Pseudonyms *privacy.Pseudonyms
	Tokens     *token.Signer
	// Guard refuses what repeats too often; nil refuses nothing.
	Guard *Guard
	// History says that times are not clamped: the events are an import.
	History bool
}

// Envelope is what a document says of all its events.
type Envelope struct {
	Visitor, User, Session string
}

// raw is an event as it was sent.
type raw struct {
	Envelope
	name, id, token, list, term, transaction, currency string

	when  time.Time
	value float64
	items []rawItem
	// refused says that the shopper did not consent to personalisation.
	refused bool
}

type rawItem struct {
	id, token       string
	index           int
	price, quantity float64
}

// Read reads one event, received at now.
func (d *Desk) Read(r *strict.Reader, envelope Envelope, now time.Time) Outcome {
	path, e := r.Path(), raw{Envelope: envelope}
	if r.Next() == strict.Object {
		e.read(r)
	} else {
		r.Fault("must be an object")
		r.Skip()
	}
	faults := r.Take()
	kind, known := kinds[e.name]
	if !known && !r.Malformed() {
		reason := "is not an event that haggle knows"
		if e.name == "" {
			reason = "is missing"
		}
		faults = append(faults, strict.Fault{Field: join(path, "event"), Reason: reason})
	}
	if len(faults) > 0 {
		return Outcome{Status: Rejected, Code: Invalid, ID: e.id, Faults: faults}
	}
	if kind == ignored || kind == shop.ViewItemList && len(e.items) == 0 {
		return Outcome{Status: Ignored, ID: e.id}
	}
	return d.event(kind, &e, path, now)
}

// event makes the event of what was sent.
func (d *Desk) event(kind shop.EventKind, e *raw, path string, now time.Time) Outcome {
	ev := shop.Event{
		Kind: kind, Time: e.when, Placement: shop.Placement(e.list), SearchTerm: privacy.Scrub(e.term), Value: e.value,
		Currency: e.currency, Transaction: e.transaction,
	}
	shopper := d.Pseudonyms.Shopper(e.User, e.Visitor)
	if !e.refused {
		ev.Shopper, ev.Session = shopper, d.Pseudonyms.Session(e.Session)
	}
	for i := range e.items {
		it := &e.items[i]
		ev.Items = append(ev.Items, shop.EventItem{ID: shop.ItemID(it.id), Index: it.index, Price: it.price, Quantity: it.quantity})
	}
	if ev.ID = e.id; ev.ID == "" {
		ev.ID = contentID(&ev, shopper, now)
	}
	out := Outcome{Status: Accepted, ID: ev.ID}
	if d.History {
		if ev.Time.IsZero() {
			out.Faults = append(out.Faults, strict.Fault{Field: "timestamp", Reason: "is missing; history needs the time of each event"})
		} else if ev.Time.After(now.Add(5 * time.Minute)) {
			out.Faults = append(out.Faults, strict.Fault{Field: "timestamp", Reason: "is in the future"})
			// So that it is reported once.
			ev.Time = now
		}
	} else {
		ev.Time = shop.ClampTime(ev.Time, now)
		out.Clamped = !e.when.IsZero() && !ev.Time.Equal(e.when)
	}
	if kind == shop.Search && ev.SearchTerm == "" {
		out.Faults = append(out.Faults, strict.Fault{Field: "search_term", Reason: "is missing"})
	}
	out.Faults = append(out.Faults, strict.Unfold(ev.Check())...)
	if len(out.Faults) > 0 {
		out.Code = Invalid
	} else {
		out.Code, out.Faults = d.attribute(&ev, e, shopper, now)
	}
	for i := range out.Faults {
		out.Faults[i].Field = join(path, out.Faults[i].Field)
	}
	if out.Code != "" {
		out.Status = Rejected
		return out
	}
	out.Event = ev
	return out
}

// attribute verifies the tokens of an event and takes over what they say.
func (d *Desk) attribute(ev *shop.Event, e *raw, shopper shop.ShopperID, now time.Time) (code string, faults []strict.Fault) {
	at := now
	if d.History {
		// Tokens in history were good at their time, if ever.
		at = ev.Time
	}
	if e.token != "" {
		a, code, reason := d.verify(e.token, ev, shopper, at)
		if code == "" && !shows(&a, ev) {
			code, reason = Mismatched, "is of an answer that did not show these items"
		}
		if code != "" {
			return code, []strict.Fault{{Field: "attribution_token", Reason: reason}}
		}
		adopt(ev, &a)
	}
	for i := range e.items {
		if e.items[i].token == "" {
			continue
		}
		a, code, reason := d.verify(e.items[i].token, ev, shopper, at)
		if code == "" && a.Place(ev.Items[i].ID) < 0 {
			code, reason = Mismatched, "is of an answer that did not show this item"
		}
		if code != "" {
			return code, []strict.Fault{{Field: "items" + index(i) + ".attribution_token", Reason: reason}}
		}
		if !ev.Verified {
			adopt(ev, &a)
		}
	}
	return "", nil
}

func (d *Desk) verify(text string, ev *shop.Event, shopper shop.ShopperID, at time.Time) (a token.Attribution, code, reason string) {
	a, err := d.Tokens.Verify(text, at)
	switch {
	case errors.Is(err, token.ErrExpired):
		return a, Expired, err.Error()
	case err != nil:
		return a, Forged, err.Error()
	case a.Shopper != 0 && shopper != "" && a.Shopper != token.Digest(string(shopper)):
		return a, Mismatched, "was given to another shopper"
	case d.Guard != nil && !d.Guard.Admit(text, ev):
		return a, Replayed, "was used too often for this"
	}
	return a, "", ""
}

// adopt copies what a verified token says into the event.
func adopt(ev *shop.Event, a *token.Attribution) {
	ev.Request, ev.Model, ev.Verified = a.Request.Request(), a.Model, true
	if ev.Placement == "" {
		ev.Placement = a.Placement
	}
}

// shows reports whether the answer behind a showed what the event is about: every item, or for a whole cart one at least.
func shows(a *token.Attribution, ev *shop.Event) bool {
	if len(ev.Items) == 0 {
		return true
	}
	n := 0
	for i := range ev.Items {
		if a.Place(ev.Items[i].ID) >= 0 {
			n++
		}
	}
	switch ev.Kind {
	case shop.Purchase, shop.BeginCheckout, shop.Refund:
		return n > 0
	}
	return n == len(ev.Items)
}

// contentID names an event that came without an id by what it says, so that sending it again is the same event: an order by
// its number, anything else by shopper, kind, time and items. Without a time of its own each arrival counts as an event.
func contentID(ev *shop.Event, shopper shop.ShopperID, now time.Time) string {
	h := sha256.New()
	text := func(s string) {
		var n [4]byte
		binary.BigEndian.PutUint32(n[:], uint32(len(s)))
		h.Write(n[:])
		h.Write([]byte(s))
	}
	number := func(v uint64) {
		var n [8]byte
		binary.BigEndian.PutUint64(n[:], v)
		h.Write(n[:])
	}
	text(string(ev.Kind))
	text(string(shopper))
	text(ev.Transaction)
	if ev.Transaction == "" {
		at := ev.Time
		if at.IsZero() {
			at = now
		}
		number(uint64(at.UnixMicro()))
		text(string(ev.Session))
		text(ev.SearchTerm)
		text(string(ev.Placement))
	}
	for i := range ev.Items {
		text(string(ev.Items[i].ID))
		number(uint64(ev.Items[i].Index))
		number(math.Float64bits(ev.Items[i].Quantity))
	}
	return "c" + base64.RawURLEncoding.EncodeToString(h.Sum(nil)[:16])
}

func join(path, field string) string {
	if path == "" || field == "" {
		return path + field
	}
	return path + "." + field
}
