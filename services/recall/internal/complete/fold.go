package complete

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// private reports whether a query looks like something about a person: an address of mail, or a long number.
func private(query string) bool {
	digits := 0
	for _, r := range query {
		switch {
		case r == '@':
			return true
		case unicode.IsDigit(r):
			if digits++; digits >= 9 {
				return true
			}
		case r != ' ' && r != '-' && r != '/':
			digits = 0
		}
	}
	return false
}

// cut shortens a text to MaxPhrase bytes, at the end of a word where there is one.
func cut(text string) string {
	text = strings.TrimSpace(text)
	if len(text) <= MaxPhrase {
		return text
	}
	end := MaxPhrase
	for end > 0 && !utf8.RuneStart(text[end]) {
		end--
	}
	if space := strings.LastIndexByte(text[:end], ' '); space > end/2 {
		end = space
	}
	return strings.TrimSpace(text[:end])
}

// fold is the form in which phrases and prefixes are compared: lower case, runs of spaces and signs as one space.
func fold(text string) string {
	if plain(text) {
		return text
	}
	var b strings.Builder
	b.Grow(len(text))
	gap := false
	for _, r := range text {
		if unicode.IsSpace(r) || unicode.IsControl(r) || unicode.IsPunct(r) || r == utf8.RuneError {
			gap = b.Len() > 0
			continue
		}
		if gap {
			b.WriteByte(' ')
			gap = false
		}
		if r >= 0xff01 && r <= 0xff5e {
			r -= 0xfee0
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}

// plain reports whether a text is its own folded form, as most are that hold nothing but small letters, digits and single spaces.
func plain(text string) bool {
	gap := true
	for i := range len(text) {
		switch c := text[i]; {
		case 'a' <= c && c <= 'z', '0' <= c && c <= '9':
			gap = false
		case c == ' ' && !gap:
			gap = true
		default:
			return false
		}
	}
	return !gap
}

// beginnings appends the places in a folded text where a word begins, or a character of a script that writes no spaces: of the first
// maxBeginnings of them. The first is 0.
func beginnings(at []uint8, key string) []uint8 {
	start := true
	for i, r := range key {
		if len(at) == maxBeginnings {
			break
		}
		if r == ' ' {
			start = true
			continue
		}
		if start || r >= 0x2e80 {
			at = append(at, uint8(i))
		}
		start = false
	}
	return at
}
