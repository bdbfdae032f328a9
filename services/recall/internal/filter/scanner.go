package filter

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// tokenKind is the token itself when it is one character, else one of the constants below.
type tokenKind rune

const (
	tokenEnd     tokenKind = 0
	tokenWord    tokenKind = 'w'
	tokenQuoted  tokenKind = 'q'
	tokenNumber  tokenKind = 'n'
	tokenRange   tokenKind = '…'
	tokenNot     tokenKind = '≠'
	tokenAtMost  tokenKind = '≤'
	tokenAtLeast tokenKind = '≥'
)

type token struct {
	kind tokenKind
	// text is the word, the text without its quotes, or the number as it was written.
	text   string
	number float64
	// at is the byte where the token begins.
	at int
}

// String describes the token in an error.
func (t token) String() string {
	switch t.kind {
	case tokenEnd:
		return "the end"
	case tokenQuoted:
		return fmt.Sprintf("the text %q", t.text)
	case tokenWord, tokenNumber:
		return strconv.Quote(t.text)
	case tokenRange:
		return `".."`
	}
	return strconv.Quote(string(t.kind))
}

type scanner struct {
	text string
	at   int
}

// column is where byte at stands, in characters from 1.
func (s *scanner) column(at int) int {
	return utf8.RuneCountInString(s.text[:min(at, len(s.text))]) + 1
}

// next returns the next token.
func (s *scanner) next() (token, error) {
	for s.at < len(s.text) && strings.IndexByte(" \t\r\n", s.text[s.at]) >= 0 {
		s.at++
	}
	begin := s.at
	if begin >= len(s.text) {
		return token{at: begin}, nil
	}
	rest := s.text[begin:]
	two := func(kind tokenKind) (token, error) {
		s.at += 2
		return token{kind: kind, at: begin}, nil
	}
	switch {
	case strings.HasPrefix(rest, ".."):
		return two(tokenRange)
	case strings.HasPrefix(rest, "!="):
		return two(tokenNot)
	case strings.HasPrefix(rest, "<="):
		return two(tokenAtMost)
	case strings.HasPrefix(rest, ">="):
		return two(tokenAtLeast)
	case rest[0] == '"':
		return s.quoted()
	case numberBegins(rest):
		return s.number()
	case strings.IndexByte(":=<>(),*-", rest[0]) >= 0:
		s.at++
		return token{kind: tokenKind(rest[0]), at: begin}, nil
	}
	for s.at < len(s.text) {
		r, size := utf8.DecodeRuneInString(s.text[s.at:])
		dots := strings.HasPrefix(s.text[s.at:], "..")
		if dots || (r != '_' && r != '-' && r != '.' && !unicode.IsLetter(r) && !unicode.IsMark(r) && !unicode.IsDigit(r)) {
			break
		}
		s.at += size
	}
	if s.at == begin {
		r, _ := utf8.DecodeRuneInString(rest)
		return token{}, &Error{Column: s.column(begin), Text: fmt.Sprintf("unexpected character %q", r)}
	}
	return token{kind: tokenWord, text: s.text[begin:s.at], at: begin}, nil
}

func digit(c byte) bool { return c >= '0' && c <= '9' }

// numberBegins reports whether s begins with a digit, perhaps behind a minus.
func numberBegins(s string) bool {
	return digit(s[0]) || (len(s) > 1 && s[0] == '-' && digit(s[1]))
}

// number reads a decimal number. An "e" is never part of it: "20e" is the number 20 and the word e. A run of digits that goes
// on with letters, as "42mm", is a word.
func (s *scanner) number() (token, error) {
	begin := s.at
	s.at++
	for s.at < len(s.text) && digit(s.text[s.at]) {
		s.at++
	}
	if rest := s.text[s.at:]; len(rest) > 1 && rest[0] == '.' && digit(rest[1]) {
		s.at++
		for s.at < len(s.text) && digit(s.text[s.at]) {
			s.at++
		}
	}
	if end := s.wordEnd(); end > s.at {
		if tail := s.text[s.at:end]; tail != "e" && tail != "E" && tail != "i" && tail != "I" {
			s.at = end
			return token{kind: tokenWord, text: s.text[begin:end], at: begin}, nil
		}
	}
	text := s.text[begin:s.at]
	value, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsInf(value, 0) {
		return token{}, &Error{Column: s.column(begin), Text: fmt.Sprintf("%q is no number", text)}
	}
	return token{kind: tokenNumber, text: text, number: value, at: begin}, nil
}

// wordEnd is where the letters and digits from here on end.
func (s *scanner) wordEnd() int {
	end := s.at
	for end < len(s.text) {
		r, size := utf8.DecodeRuneInString(s.text[end:])
		if r != '_' && !unicode.IsLetter(r) && !unicode.IsDigit(r) {
			break
		}
		end += size
	}
	return end
}

// quoted reads a text in quotes.
func (s *scanner) quoted() (token, error) {
	begin := s.at
	var text strings.Builder
	for i := begin + 1; i < len(s.text); i++ {
		switch c := s.text[i]; c {
		case '"':
			s.at = i + 1
			if !utf8.ValidString(text.String()) {
				return token{}, &Error{Column: s.column(begin), Text: "the text is not valid UTF-8"}
			}
			return token{kind: tokenQuoted, text: text.String(), at: begin}, nil
		case '\\':
			if i++; i >= len(s.text) || (s.text[i] != '"' && s.text[i] != '\\') {
				return token{}, &Error{Column: s.column(i), Text: `expected " or \ after \`}
			}
			text.WriteByte(s.text[i])
		default:
			text.WriteByte(c)
		}
	}
	return token{}, &Error{Column: s.column(begin), Text: "the text that begins here has no closing quote"}
}
