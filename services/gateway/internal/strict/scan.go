package strict

import (
	"unicode/utf16"
	"unicode/utf8"
)

// Skip reads the next value, whatever it is, and checks its syntax.
func (r *Reader) Skip() { r.Raw() }

// Raw reads the next value, whatever it is, and returns its text, which shares memory with the document.
func (r *Reader) Raw() []byte {
	r.space()
	begin := r.at
	r.skip()
	if r.malformed {
		return nil
	}
	return r.data[begin:r.at]
}

func (r *Reader) skip() {
	if r.malformed {
		return
	}
	switch r.Next() {
	case Object:
		for range r.Members {
			r.skip()
		}
	case Array:
		r.Elements(1<<30, func(int) bool { r.skip(); return true })
	case String:
		r.text()
	case Number:
		r.number()
	case True:
		r.word("true")
	case False:
		r.word("false")
	case Null:
		r.word("null")
	default:
		r.broken("has no valid value at byte %d", r.at)
	}
}

// number reads the text of a number by the grammar of RFC 8259.
func (r *Reader) number() ([]byte, bool) {
	begin := r.at
	digits := func() bool {
		from := r.at
		for r.at < len(r.data) && r.data[r.at] >= '0' && r.data[r.at] <= '9' {
			r.at++
		}
		return r.at > from
	}
	is := func(set string) bool {
		if r.at < len(r.data) {
			for i := range len(set) {
				if r.data[r.at] == set[i] {
					r.at++
					return true
				}
			}
		}
		return false
	}
	is("-")
	ok := is("0") || digits()
	if ok && is(".") {
		ok = digits()
	}
	if ok && is("eE") {
		is("+-")
		ok = digits()
	}
	if !ok || r.at < len(r.data) && !ends(r.data[r.at]) {
		r.broken("is not a number of JSON, at byte %d", begin)
		return nil, false
	}
	return r.data[begin:r.at], true
}

// ends reports whether c may follow a number.
func ends(c byte) bool {
	switch c {
	case ' ', '\t', '\n', '\r', ',', ']', '}':
		return true
	}
	return false
}

// text reads a string and returns it without its quotes and escapes. It shares memory with the document unless there were escapes.
func (r *Reader) text() ([]byte, bool) {
	r.at++
	begin, ascii := r.at, true
	for r.at < len(r.data) {
		switch c := r.data[r.at]; {
		case c == '"':
			s := r.data[begin:r.at]
			r.at++
			if !ascii && !utf8.Valid(s) {
				r.broken("is not valid UTF-8")
				return nil, false
			}
			return s, true
		case c == '\\':
			return r.escaped(begin)
		case c < ' ':
			r.broken("holds the control character %U unescaped, at byte %d", rune(c), r.at)
			return nil, false
		case c >= utf8.RuneSelf:
			ascii = false
		}
		r.at++
	}
	r.broken("ends before its closing quote")
	return nil, false
}

// escaped reads on from the first escape of a string that began at begin.
func (r *Reader) escaped(begin int) ([]byte, bool) {
	s := append(make([]byte, 0, 2*(r.at-begin)+32), r.data[begin:r.at]...)
	for r.at < len(r.data) {
		switch c := r.data[r.at]; {
		case c == '"':
			r.at++
			if !utf8.Valid(s) {
				r.broken("is not valid UTF-8")
				return nil, false
			}
			return s, true
		case c < ' ':
			r.broken("holds the control character %U unescaped, at byte %d", rune(c), r.at)
			return nil, false
		case c != '\\':
			s = append(s, c)
			r.at++
		default:
			char, ok := r.escape()
			if !ok {
				return nil, false
			}
			s = utf8.AppendRune(s, char)
		}
	}
	r.broken("ends before its closing quote")
	return nil, false
}

var escapes = [256]byte{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}

// escape reads one escape sequence, or two when they are a surrogate pair.
func (r *Reader) escape() (rune, bool) {
	if r.at+1 < len(r.data) {
		if c := escapes[r.data[r.at+1]]; c != 0 {
			r.at += 2
			return rune(c), true
		}
	}
	high, ok := r.unit()
	if !ok {
		r.broken("holds an unknown escape at byte %d", r.at)
		return 0, false
	}
	if !utf16.IsSurrogate(high) {
		return high, true
	}
	if low, ok := r.unit(); ok {
		if c := utf16.DecodeRune(high, low); c != utf8.RuneError {
			return c, true
		}
	}
	r.broken("holds half a surrogate pair, which is no character")
	return 0, false
}

// unit reads \uXXXX.
func (r *Reader) unit() (rune, bool) {
	if r.at+6 > len(r.data) || r.data[r.at] != '\\' || r.data[r.at+1] != 'u' {
		return 0, false
	}
	var v rune
	for _, c := range r.data[r.at+2 : r.at+6] {
		switch {
		case c >= '0' && c <= '9':
			v = v<<4 | rune(c-'0')
		case c >= 'a' && c <= 'f':
			v = v<<4 | rune(c-'a'+10)
		case c >= 'A' && c <= 'F':
			v = v<<4 | rune(c-'A'+10)
		default:
			return 0, false
		}
	}
	r.at += 6
	return v, true
}
