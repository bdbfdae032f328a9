package intake

import (
	"math"
	"strconv"
	"time"

	"github.com/haggle-commerce/haggle/libs/shop"
	"github.com/haggle-commerce/haggle/services/gateway/internal/request"
	"github.com/haggle-commerce/haggle/services/gateway/internal/strict"
)

const maxTokenText = 8192

// read reads an event in any of the layouts. GA4 may nest its fields in "params" or "ecommerce".
func (e *raw) read(r *strict.Reader) {
	for key := range r.Members {
		switch string(key) {
		case "event", "name", "eventType", "action_name":
			e.name = r.Text(64)
		case "event_id", "eventId":
			e.id = r.Text(shop.MaxIDBytes)
		case "timestamp", "timestamp_micros", "eventTime":
			e.when = readTime(r)
		case "visitor_id", "visitorId", "client_id":
			e.Visitor = readKey(r)
		case "user_id", "userId":
			e.User = readKey(r)
		case "session_id", "sessionId", "ga_session_id":
			e.Session = readKey(r)
		case "attribution_token", "attributionToken":
			e.token = r.Text(maxTokenText)
		case "item_list_id":
			e.list = r.Text(shop.MaxValueBytes)
		case "search_term", "searchQuery", "user_query":
			e.term = r.Text(request.MaxQuery)
		case "items", "productDetails":
			e.readItems(r)
		case "value":
			e.value = r.Float(-math.MaxFloat64, math.MaxFloat64)
		case "currency":
			e.currency = r.Text(8)
		case "transaction_id":
			e.transaction = r.Text(shop.MaxIDBytes)
		case "params", "ecommerce":
			e.read(r)
		case "consent":
			e.readConsent(r)
		case "purchaseTransaction":
			e.readTransaction(r)
		case "userInfo":
			e.readUserInfo(r)
		case "event_attributes":
			e.readAttributes(r)
		default:
			if passing[string(key)] {
				r.Skip()
			}
		}
	}
}

func (e *raw) readItems(r *strict.Reader) {
	r.Elements(shop.MaxEventItems, func(int) bool {
		it := rawItem{}
		if r.Next() != strict.Object {
			r.Fault("must be an object")
			r.Skip()
			return true
		}
		for key := range r.Members {
			switch string(key) {
			case "item_id", "id":
				it.id = readKey(r)
			case "index":
				it.index = r.Int(0, 1e6)
			case "price":
				it.price = r.Float(0, shop.MaxPrice)
			case "quantity":
				it.quantity = r.Float(0, 1e6)
			case "attribution_token":
				it.token = r.Text(maxTokenText)
			case "product":
				for key := range r.Members {
					if string(key) == "id" {
						it.id = r.Text(shop.MaxIDBytes)
					} else {
						r.Skip()
					}
				}
			default:
				if passingItem[string(key)] {
					r.Skip()
				}
			}
		}
		e.items = append(e.items, it)
		return true
	})
}

func (e *raw) readConsent(r *strict.Reader) {
	e.refused = true
	for key := range r.Members {
		if string(key) == "personalization" {
			e.refused = !r.Bool()
		}
	}
}

// readTransaction reads Google Retail's order.
func (e *raw) readTransaction(r *strict.Reader) {
	for key := range r.Members {
		switch string(key) {
		case "id":
			e.transaction = r.Text(shop.MaxIDBytes)
		case "revenue":
			e.value = r.Float(-math.MaxFloat64, math.MaxFloat64)
		case "currencyCode":
			e.currency = r.Text(8)
		case "tax", "cost":
			r.Skip()
		}
	}
}

// readUserInfo reads Google Retail's account.
func (e *raw) readUserInfo(r *strict.Reader) {
	for key := range r.Members {
		switch string(key) {
		case "userId":
			e.User = readKey(r)
		case "ipAddress", "userAgent", "directUserRequest":
			r.Skip()
		}
	}
}

// readAttributes reads the object and position of a UBI event; the layout leaves room for anything else.
func (e *raw) readAttributes(r *strict.Reader) {
	it := rawItem{}
	for key := range r.Members {
		switch string(key) {
		case "object":
			for key := range r.Members {
				if string(key) == "object_id" {
					it.id = readKey(r)
				} else {
					r.Skip()
				}
			}
		case "position":
			for key := range r.Members {
				if string(key) == "ordinal" {
					it.index = r.Int(0, 1e6)
				} else {
					r.Skip()
				}
			}
		default:
			r.Skip()
		}
	}
	if it.id != "" {
		e.items = append(e.items, it)
	}
}

// readKey reads a key, which some data layers send as a number; "" means none.
func readKey(r *strict.Reader) string {
	if r.Next() == strict.Number {
		return string(r.Raw())
	}
	s := r.Text(shop.MaxIDBytes)
	if reason := shop.IDFault(s); s != "" && reason != "" {
		r.Fault("%s", reason)
		return ""
	}
	return s
}

// readTime reads RFC 3339 text, or seconds, milliseconds or microseconds since 1970, told apart by their size: 1e11 seconds
// are in the year 5138, and as milliseconds in 1973.
func readTime(r *strict.Reader) time.Time {
	if r.Next() == strict.Number {
		v := r.Float(0, 1e17)
		if v > 0 {
			return fromNumber(v)
		}
		return time.Time{}
	}
	text := r.Text(64)
	if text == "" {
		return time.Time{}
	}
	if t, err := time.Parse(time.RFC3339Nano, text); err == nil {
		if y := t.Year(); y < 1970 || y > 9999 {
			r.Fault("is in the year %d", y)
			return time.Time{}
		}
		return t.UTC()
	}
	if v, err := strconv.ParseFloat(text, 64); err == nil && v > 0 && v < 1e17 {
		return fromNumber(v)
	}
	r.Fault("is %.40q, must be RFC 3339 or a number of seconds, milliseconds or microseconds since 1970", text)
	return time.Time{}
}

func fromNumber(v float64) time.Time {
	switch {
	case v < 1e11:
		v *= 1e6
	case v < 1e14:
		v *= 1e3
	}
	return time.UnixMicro(int64(v)).UTC()
}

func index(i int) string { return "[" + strconv.Itoa(i) + "]" }

// ReadEnvelope reads what a document of events says of all of them, and skips the events.
func ReadEnvelope(r *strict.Reader) Envelope {
	var e Envelope
	listed := false
	for key := range r.Members {
		switch string(key) {
		case "events":
			listed = true
			if r.Next() != strict.Array {
				r.Fault("must be an array")
			}
			r.Skip()
		case "visitor_id", "client_id", "visitorId":
			e.Visitor = readKey(r)
		case "user_id", "userId":
			e.User = readKey(r)
		case "session_id", "sessionId":
			e.Session = readKey(r)
		}
	}
	r.End()
	if !listed && len(r.Faults()) == 0 {
		r.FaultAt("events", "is missing")
	}
	return e
}
