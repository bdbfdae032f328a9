package wire

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/haggle-commerce/haggle/libs/shop"
)

// EachEvent decodes the events of a message of the EVENTS stream, one JSON document per line, and hands each to f until f
// returns false. A line that is no event comes with an error and a zero event; empty lines are skipped. The event belongs
// to f for the time of the call; its strings share one copy of the line, so whoever keeps one of them for long clones it.
func EachEvent(payload []byte, f func(e *shop.Event, line []byte, err error) bool) {
	var e shop.Event
	for len(payload) > 0 {
		line := payload
		if end := bytes.IndexByte(payload, '\n'); end >= 0 {
			line, payload = payload[:end], payload[end+1:]
		} else {
			payload = nil
		}
		if line = bytes.TrimSpace(line); len(line) == 0 {
			continue
		}
		if !f(&e, line, DecodeEvent(line, &e)) {
			return
		}
	}
}

// DecodeEvent reads one event from its JSON into e, whose memory for items it reuses. It accepts and refuses what
// [json.Unmarshal] does, and gives the same event: documents as the gateway writes them are read about five times faster (see
// BenchmarkDecodeEvent), all others are left to package json. After an error e is zero.
func DecodeEvent(line []byte, e *shop.Event) error {
	items := e.Items[:0]
	*e = shop.Event{Items: items}
	s := scanner{text: string(line)}
	if s.event(e) {
		if len(e.Items) == 0 {
			e.Items = nil
		}
		return nil
	}
	*e = shop.Event{}
	if err := json.Unmarshal(line, e); err != nil {
		*e = shop.Event{}
		return fmt.Errorf("decode event: %w", err)
	}
	return nil
}

// scanner reads the JSON of events. Each method reads one thing, moves on and reports whether it was there in the plain
// form that the scanner knows: no escapes, no exponents, no null, no keys in another case.
type scanner struct {
	text string
	at   int
}

func (s *scanner) spaces() {
	for s.at < len(s.text) && (s.text[s.at] == ' ' || s.text[s.at] == '\t' || s.text[s.at] == '\r' || s.text[s.at] == '\n') {
		s.at++
	}
}

// char reads c, with spaces about it.
func (s *scanner) char(c byte) bool {
	s.spaces()
	if s.at >= len(s.text) || s.text[s.at] != c {
		return false
	}
	s.at++
	s.spaces()
	return true
}

// str reads a string without escapes.
func (s *scanner) str(into *string) bool {
	if s.at >= len(s.text) || s.text[s.at] != '"' {
		return false
	}
	begin, ascii := s.at+1, true
	for i := begin; i < len(s.text); i++ {
		switch c := s.text[i]; {
		case c == '"':
			*into, s.at = s.text[begin:i], i+1
			return ascii || utf8.ValidString(*into)
		case c < ' ' || c == '\\':
			return false
		case c >= utf8.RuneSelf:
			ascii = false
		}
	}
	return false
}

// strAs reads a string of any string type.
func strAs[S ~string](s *scanner, into *S) bool {
	var plain string
	ok := s.str(&plain)
	*into = S(plain)
	return ok
}

// pow10 are the powers of ten that a float64 holds exactly.
var pow10 = [...]float64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15}

// number reads a decimal of at most 15 digits. Both the digits as a whole number and the power of ten are exact then, so
// that one division rounds as it should (Clinger, "How to read floating point numbers accurately", 1990).
func (s *scanner) number(into *float64) bool {
	begin, digits, dot := s.at, uint64(0), -1
	for ; s.at < len(s.text); s.at++ {
		c := s.text[s.at]
		switch {
		case c >= '0' && c <= '9':
			digits = digits*10 + uint64(c-'0')
		case c == '.' && dot < 0 && s.at > begin:
			dot = s.at
		default:
			return s.finish(into, begin, dot, digits)
		}
		if s.at-begin > 15 {
			return false
		}
	}
	return false
}

// finish checks the form of the number that ends here: digits, no zero before another digit, a digit behind the dot, and
// nothing behind that belongs to it.
func (s *scanner) finish(into *float64, begin, dot int, digits uint64) bool {
	whole := s.at
	if dot >= 0 {
		whole = dot
	}
	switch c := s.text[s.at]; {
	case c == 'e', c == 'E', c == '.', whole == begin, whole > begin+1 && s.text[begin] == '0', dot == s.at-1:
		return false
	}
	*into = float64(digits)
	if dot >= 0 {
		*into /= pow10[s.at-dot-1]
	}
	return true
}

// whole reads a whole number.
func (s *scanner) whole(into *int) bool {
	var number float64
	begin := s.at
	if !s.number(&number) || strings.IndexByte(s.text[begin:s.at], '.') >= 0 {
		return false
	}
	*into = int(number)
	return true
}

func (s *scanner) boolean(into *bool) bool {
	for word, value := range [...]string{"false", "true"} {
		if len(s.text)-s.at >= len(value) && s.text[s.at:s.at+len(value)] == value {
			*into, s.at = word == 1, s.at+len(value)
			return true
		}
	}
	return false
}

// two reads two digits of text at i.
func two(text string, i int) int {
	a, b := text[i]-'0', text[i+1]-'0'
	if a > 9 || b > 9 {
		return -1
	}
	return int(a)*10 + int(b)
}

// moment reads a time in UTC: "2026-09-16T12:00:00.123Z".
func (s *scanner) moment(into *time.Time) bool {
	var text string
	if !s.str(&text) || len(text) < 20 || len(text) > 30 || text[len(text)-1] != 'Z' {
		return false
	}
	if text[4] != '-' || text[7] != '-' || text[10] != 'T' || text[13] != ':' || text[16] != ':' {
		return false
	}
	century, year, month, day := two(text, 0), two(text, 2), two(text, 5), two(text, 8)
	hour, minute, second := two(text, 11), two(text, 14), two(text, 17)
	if min(century, year, hour, minute, second) < 0 || month < 1 || month > 12 || day < 1 || hour > 23 || minute > 59 || second > 59 {
		return false
	}
	nanos := 0
	if fraction := text[19 : len(text)-1]; fraction != "" {
		if fraction[0] != '.' || len(fraction) == 1 {
			return false
		}
		for i := 1; i < 10; i++ {
			digit := byte(0)
			if i < len(fraction) {
				if digit = fraction[i] - '0'; digit > 9 {
					return false
				}
			}
			nanos = nanos*10 + int(digit)
		}
	}
	*into = time.Date(century*100+year, time.Month(month), day, hour, minute, second, nanos, time.UTC)
	// The 31st of a month of 30 days would have become the 1st of the next.
	return into.Day() == day
}

// event reads a whole event with nothing behind it.
func (s *scanner) event(e *shop.Event) bool {
	return s.object(func(key string) bool { return s.eventField(e, key) }) && s.at == len(s.text)
}

// object reads an object and calls field for each key, with the scanner at its value.
func (s *scanner) object(field func(key string) bool) bool {
	if !s.char('{') {
		return false
	}
	if s.char('}') {
		return true
	}
	for {
		var key string
		if !s.str(&key) || !s.char(':') || !field(key) {
			return false
		}
		if !s.char(',') {
			return s.char('}')
		}
	}
}

func (s *scanner) eventField(e *shop.Event, key string) bool {
	switch key {
	case "event_id":
		return s.str(&e.ID)
	case "event":
		return strAs(s, &e.Kind)
	case "timestamp":
		return s.moment(&e.Time)
	case "shopper_id":
		return strAs(s, &e.Shopper)
	case "session_id":
		return strAs(s, &e.Session)
	case "item_list_id":
		return strAs(s, &e.Placement)
	case "search_term":
		return s.str(&e.SearchTerm)
	case "items":
		return len(e.Items) == 0 && s.items(e)
	case "value":
		return s.number(&e.Value)
	case "currency":
		return s.str(&e.Currency)
	case "transaction_id":
		return s.str(&e.Transaction)
	case "request_id":
		return strAs(s, &e.Request)
	case "model":
		return s.str(&e.Model)
	case "verified":
		return s.boolean(&e.Verified)
	}
	return false
}

// items reads at least one item.
func (s *scanner) items(e *shop.Event) bool {
	if !s.char('[') {
		return false
	}
	for {
		e.Items = append(e.Items, shop.EventItem{})
		it := &e.Items[len(e.Items)-1]
		if !s.object(func(key string) bool { return s.itemField(it, key) }) {
			return false
		}
		if !s.char(',') {
			return s.char(']')
		}
	}
}

func (s *scanner) itemField(it *shop.EventItem, key string) bool {
	switch key {
	case "item_id":
		return strAs(s, &it.ID)
	case "index":
		return s.whole(&it.Index)
	case "price":
		return s.number(&it.Price)
	case "quantity":
		return s.number(&it.Quantity)
	}
	return false
}
