// Package strict reads JSON documents without reflection and names the field of every fault that it finds.
//
// It is stricter than encoding/json where leniency hides mistakes: a key that appears twice, a key that nobody asked for,
// invalid UTF-8, half a surrogate pair, control characters and deep nesting are all refused. The caller walks the document:
//
//	for key := range r.Members {
//		switch string(key) {
//		case "query":
//			q.Query = r.Text(512)
//		}
//	}
//
// A member whose value the loop does not read is unknown, and a fault.
package strict

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/haggle-commerce/haggle/libs/shop"
)

// Limits on the shape of a document.
const (
	// MaxDepth is how deep objects and arrays may be nested.
	MaxDepth = 16
	// MaxMembers is how many members an object may have.
	MaxMembers = 256
	// MaxFaults is how many faults are kept; a document with more is as wrong as one can be.
	MaxFaults = 64
)

// Fault is one thing wrong with a document. Field is a path such as "events[3].items[0].item_id"; "" means the whole.
type Fault struct {
	Field  string
	Reason string
}

// Unfold returns the faults in an error of package shop, each of its joined parts a [*shop.FieldError]; none for nil.
func Unfold(err error) []Fault {
	if err == nil {
		return nil
	}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		var faults []Fault
		for _, part := range joined.Unwrap() {
			faults = append(faults, Unfold(part)...)
		}
		return faults
	}
	if f := (*shop.FieldError)(nil); errors.As(err, &f) {
		return []Fault{{Field: f.Field, Reason: f.Reason}}
	}
	return []Fault{{Reason: err.Error()}}
}

// Reader walks one JSON document. The zero value reads nothing; see [Reader.Reset]. Reads after a syntax error return zero
// values at once. It must not be used by two goroutines at once.
type Reader struct {
	data  []byte
	at    int
	depth int
	// path is the field being read; seen holds the keys of the objects that are open, innermost last.
	path []byte
	seen [][]byte
	// malformed says that the text is not JSON: what follows cannot be read.
	malformed bool
	faults    []Fault
}

// Reset makes r read data from its beginning and forget all faults. Its memory is kept.
func (r *Reader) Reset(data []byte) {
	clear(r.seen[:cap(r.seen)])
	*r = Reader{data: data, path: r.path[:0], seen: r.seen[:0], faults: nil}
}

// Malformed reports whether the text is not valid JSON (or not valid UTF-8), as against a document with wrong content.
func (r *Reader) Malformed() bool { return r.malformed }

// Faults returns what was found wrong so far, in the order of the document; a syntax error comes first.
func (r *Reader) Faults() []Fault { return r.faults }

// Take returns the faults found so far and forgets them, so that each part of a document can be judged alone.
func (r *Reader) Take() []Fault {
	taken := r.faults
	r.faults = nil
	return taken
}

// Path returns the field being read.
func (r *Reader) Path() string { return string(r.path) }

// Offset returns how many bytes were read.
func (r *Reader) Offset() int { return r.at }

// Fault notes that the value being read is wrong.
func (r *Reader) Fault(format string, args ...any) {
	r.note(string(r.path), fmt.Sprintf(format, args...))
}

// FaultAt notes that field, a member of the object being read, is wrong or missing.
func (r *Reader) FaultAt(field, format string, args ...any) {
	path := field
	if len(r.path) > 0 {
		path = string(r.path) + "." + field
	}
	r.note(path, fmt.Sprintf(format, args...))
}

func (r *Reader) note(field, reason string) {
	if len(r.faults) < MaxFaults {
		r.faults = append(r.faults, Fault{Field: field, Reason: reason})
	}
}

// broken notes a syntax error, before all other faults, and ends the reading.
func (r *Reader) broken(format string, args ...any) {
	if r.malformed {
		return
	}
	r.malformed = true
	r.faults = slices.Insert(r.faults, 0, Fault{Field: string(r.path), Reason: fmt.Sprintf(format, args...)})
	r.at = len(r.data)
}

// End notes a fault unless nothing but white space is left.
func (r *Reader) End() {
	if r.space(); !r.malformed && r.at < len(r.data) {
		r.path = r.path[:0]
		r.broken("has more text after the document, at byte %d", r.at)
	}
}

// Kind is what a value looks like from its first byte.
type Kind byte

// The kinds of value.
const (
	None   Kind = 0
	Object Kind = '{'
	Array  Kind = '['
	String Kind = '"'
	Number Kind = '0'
	True   Kind = 't'
	False  Kind = 'f'
	Null   Kind = 'n'
)

var kindNames = map[Kind]string{None: "nothing", Object: "an object", Array: "an array", String: "a string", Number: "a number", True: "true", False: "false", Null: "null"}

// Next returns the kind of the next value without reading it.
func (r *Reader) Next() Kind {
	r.space()
	if r.at >= len(r.data) {
		return None
	}
	switch c := r.data[r.at]; c {
	case '{', '[', '"', 't', 'f', 'n':
		return Kind(c)
	case '-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9':
		return Number
	}
	return None
}

func (r *Reader) space() {
	for r.at < len(r.data) {
		switch r.data[r.at] {
		case ' ', '\t', '\n', '\r':
			r.at++
		default:
			return
		}
	}
}

// Members calls member with each key of the next object; member must read the value. Null is an object without members.
// The key is only good during the call.
func (r *Reader) Members(member func(key []byte) bool) {
	if !r.open(Object) {
		return
	}
	base, first := len(r.seen), true
	for count := 0; !r.malformed; count++ {
		r.space()
		if r.at >= len(r.data) {
			r.broken("ends before its closing brace")
			break
		}
		if r.data[r.at] == '}' && first {
			r.at++
			break
		}
		if !first {
			if r.data[r.at] == '}' {
				r.at++
				break
			}
			if r.data[r.at] != ',' {
				r.broken("lacks a comma or a closing brace at byte %d", r.at)
				break
			}
			r.at++
			r.space()
		}
		first = false
		if count == MaxMembers {
			r.broken("has more than %d members", MaxMembers)
			break
		}
		if !r.member(base, member) {
			break
		}
	}
	r.seen = r.seen[:base]
	r.depth--
}

// member reads one key and lets member read its value; false ends the object early.
func (r *Reader) member(base int, member func(key []byte) bool) bool {
	if r.at >= len(r.data) || r.data[r.at] != '"' {
		r.broken("lacks a key in quotes at byte %d", r.at)
		return false
	}
	key, ok := r.text()
	if !ok {
		return false
	}
	r.space()
	if r.at >= len(r.data) || r.data[r.at] != ':' {
		r.broken("lacks a colon after a key at byte %d", r.at)
		return false
	}
	r.at++
	r.space()
	mark := len(r.path)
	if mark > 0 {
		r.path = append(r.path, '.')
	}
	r.path = append(r.path, key[:min(len(key), 64)]...)
	for _, other := range r.seen[base:] {
		if bytes.Equal(other, key) {
			r.Fault("appears twice")
			break
		}
	}
	r.seen = append(r.seen, key)
	begin := r.at
	more := member(key)
	if !r.malformed {
		if r.at == begin && more {
			r.Fault("is not a known field")
			r.Skip()
		}
		r.path = r.path[:mark]
	}
	return more && !r.malformed
}

// Elements calls element for each element of the next array with its index; element must read the value. Null is an empty
// array. An array of more than most elements is a fault, and the rest is skipped.
func (r *Reader) Elements(most int, element func(i int) bool) {
	if !r.open(Array) {
		return
	}
	mark := len(r.path)
	for i := 0; !r.malformed; i++ {
		r.space()
		if r.at >= len(r.data) {
			r.broken("ends before its closing bracket")
			break
		}
		if r.data[r.at] == ']' && i == 0 {
			r.at++
			break
		}
		if i > 0 {
			if r.data[r.at] == ']' {
				r.at++
				break
			}
			if r.data[r.at] != ',' {
				r.broken("lacks a comma or a closing bracket at byte %d", r.at)
				break
			}
			r.at++
			r.space()
		}
		if i == most {
			r.Fault("has more than %d elements", most)
		}
		if i >= most {
			r.Skip()
			continue
		}
		r.path = append(strconv.AppendInt(append(r.path, '['), int64(i), 10), ']')
		begin := r.at
		element(i)
		if r.malformed {
			return
		}
		if r.at == begin {
			r.Skip()
		}
		r.path = r.path[:mark]
	}
	r.depth--
}

// open reads the opening brace or bracket of a value of the kind; false means that there is nothing to walk.
func (r *Reader) open(want Kind) bool {
	if r.null() || !r.expect(want) {
		return false
	}
	if r.depth++; r.depth > MaxDepth {
		r.broken("is nested deeper than %d levels", MaxDepth)
		return false
	}
	r.at++
	return true
}

// expect reports whether the next value is of the kind; if not, that is a fault and the value is skipped.
func (r *Reader) expect(want Kind) bool {
	if r.malformed {
		return false
	}
	switch have := r.Next(); have {
	case want:
		return true
	case None:
		r.broken("has no valid value at byte %d", r.at)
	default:
		r.Fault("is %s, must be %s", kindNames[have], kindNames[want])
		r.Skip()
	}
	return false
}

// null reads a null, if it is next.
func (r *Reader) null() bool { return !r.malformed && r.Next() == Null && r.word("null") }

func (r *Reader) word(w string) bool {
	if len(r.data)-r.at >= len(w) && string(r.data[r.at:r.at+len(w)]) == w {
		r.at += len(w)
		return true
	}
	r.broken("has no valid value at byte %d", r.at)
	return false
}

// Null reads a null, if it is next, and reports whether it was.
func (r *Reader) Null() bool { return r.null() }

// Bool reads true or false; null is false.
func (r *Reader) Bool() bool {
	switch {
	case r.malformed, r.null():
		return false
	}
	switch r.Next() {
	case True:
		return r.word("true")
	case False:
		r.word("false")
		return false
	case None:
		r.broken("has no valid value at byte %d", r.at)
		return false
	}
	r.Fault("is %s, must be true or false", kindNames[r.Next()])
	r.Skip()
	return false
}

// Text reads a string of at most limit characters, without control characters other than tab and line ends; null is "".
func (r *Reader) Text(limit int) string {
	if r.null() || !r.expect(String) {
		return ""
	}
	b, ok := r.text()
	if !ok {
		return ""
	}
	if n := utf8.RuneCount(b); n > limit {
		r.Fault("has %d characters, at most %d", n, limit)
		return ""
	}
	s := string(b)
	if i := strings.IndexFunc(s, control); i >= 0 {
		c, _ := utf8.DecodeRuneInString(s[i:])
		r.Fault("holds the control character %U", c)
		return ""
	}
	return s
}

func control(c rune) bool { return unicode.IsControl(c) && c != '\n' && c != '\t' && c != '\r' }

// Choice reads a string that must be one of allowed; null is "".
func (r *Reader) Choice(allowed ...string) string {
	before := len(r.faults)
	s := r.Text(64)
	if len(r.faults) > before || s == "" {
		return ""
	}
	for _, a := range allowed {
		if s == a {
			return a
		}
	}
	r.Fault("is %q, must be one of %s", s, strings.Join(allowed, ", "))
	return ""
}

// Float reads a finite number within [least, most]; null is 0.
func (r *Reader) Float(least, most float64) float64 {
	if r.null() || !r.expect(Number) {
		return 0
	}
	text, ok := r.number()
	if !ok {
		return 0
	}
	v, err := strconv.ParseFloat(string(text), 64)
	if err != nil || math.IsInf(v, 0) || v < least || v > most {
		r.Fault("is %s, must be between %g and %g", text[:min(len(text), 24)], least, most)
		return 0
	}
	return v
}

// Int reads a whole number within [least, most]; null is 0.
func (r *Reader) Int(least, most int) int {
	before := len(r.faults)
	if r.null() || !r.expect(Number) {
		return 0
	}
	text, ok := r.number()
	if !ok {
		return 0
	}
	v, err := strconv.ParseInt(string(text), 10, 64)
	if err != nil {
		f, ferr := strconv.ParseFloat(string(text), 64)
		if ferr == nil && f != math.Trunc(f) {
			r.Fault("is %s, must be a whole number", text[:min(len(text), 24)])
			return 0
		}
		// 1e2 is a whole number too; what is too large for an int64 is out of any range below.
		v = int64(min(max(f, -1<<62), 1<<62))
	}
	if v < int64(least) || v > int64(most) {
		r.Fault("is %s, must be between %d and %d", text[:min(len(text), 24)], least, most)
	}
	if len(r.faults) > before {
		return 0
	}
	return int(v)
}
