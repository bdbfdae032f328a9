// Package analysis takes texts apart into the terms that an index holds and that a query is looked up by.
//
// A word gives its stem, by the rules of its language. Three things that shops write in many ways give a second term besides, at
// the place of the first: parts with a hyphen between them are also one word ("wi-fi" is found as "wifi", "tn-2110" as "tn2110"),
// a number and its unit are also one word ("4 gb" is "4gb"), and a number with an inch sign is a number of inches. So the text
// holds what either spelling asks for.
package analysis

import (
	"strings"
	"unicode/utf8"

	"github.com/haggle-commerce/haggle/libs/feature"
)

// Token is one term of a text.
type Token struct {
	// Stem is what is looked up, Surface the folded word that it came from.
	Stem, Surface string
	// Position counts the words of the text from 0; a joined form stands where its first part does.
	Position int
	// Parts is how many words a joined form stands for, 0 for a word as it was written.
	Parts int
}

// Joined reports whether the token is a second form beside the words it is made of.
func (t Token) Joined() bool { return t.Parts > 0 }

// Limits on joined forms: what is longer is a list or a code with inner structure that nobody types in one go.
const (
	maxJoinedParts = 3
	maxJoinedBytes = 24
)

// Tokens appends the terms of text in a language, a BCP 47 tag, to dst, in the order of their positions. A language without
// rules of its own, and "", are treated as English.
func Tokens(dst []Token, language, text string) []Token {
	return appendTokens(dst, StemmerOf(language), text)
}

func appendTokens(dst []Token, stem Stemmer, text string) []Token {
	position := 0
	if len(dst) > 0 {
		position = dst[len(dst)-1].Position + 1
	}
	w := writer{dst: dst, stem: stem, position: position, number: -1}
	for {
		text = strings.TrimLeft(text, " \t\r\n")
		if text == "" {
			return w.dst
		}
		end := strings.IndexAny(text, " \t\r\n")
		if end < 0 {
			end = len(text)
		}
		w.chunk(text[:end])
		text = text[end:]
	}
}

// writer appends the tokens of one text.
type writer struct {
	dst      []Token
	stem     Stemmer
	position int
	// number is the index in dst of the last word when it is a number, -1 when not.
	number int
	words  []string
}

// chunk takes apart what stands between two spaces.
func (w *writer) chunk(chunk string) {
	if !signed(chunk) {
		w.words = feature.Tokens(w.words[:0], chunk)
		for _, word := range w.words {
			w.word(word)
		}
		return
	}
	chunk = plainDecimals(chunk)
	for chunk != "" {
		end, size := nextHyphen(chunk)
		begin, parts := len(w.dst), 0
		run := true
		for {
			before := w.position
			w.words = feature.Tokens(w.words[:0], chunk[:end])
			for _, word := range w.words {
				w.word(word)
			}
			if w.number >= 0 && w.number == len(w.dst)-1 && inchSign(chunk[:end]) {
				w.join(w.number, 1, w.dst[w.number].Surface+"inch")
				w.number = -1
			}
			run = run && w.position == before+1
			parts++
			if size == 0 {
				chunk = ""
				break
			}
			chunk = chunk[end+size:]
			end, size = nextHyphen(chunk)
		}
		if run && parts > 1 && parts <= maxJoinedParts {
			w.joinAll(begin)
		}
	}
}

// word appends one word, and the joined form when it is the unit of a number before it or holds a number with its unit.
func (w *writer) word(word string) {
	at := len(w.dst)
	if number, unit, ok := measured(word); ok {
		// "4gb" is one word; "15.6in" is also the number alone, because sizes are asked for without their unit.
		word = number + unit
		w.dst = append(w.dst, Token{Stem: word, Surface: word, Position: w.position})
		if unit == inch {
			w.dst = append(w.dst, Token{Stem: number, Surface: number, Position: w.position, Parts: 1})
		}
		w.position++
		w.number = -1
		return
	}
	if w.number >= 0 {
		if unit, ok := apart[word]; ok {
			number := w.number
			w.dst = append(w.dst, Token{Stem: w.stem(word), Surface: word, Position: w.position})
			w.position++
			w.join(number, 2, w.dst[number].Surface+unit)
			w.number = -1
			return
		}
	}
	w.dst = append(w.dst, Token{Stem: w.stem(word), Surface: word, Position: w.position})
	w.position++
	w.number = -1
	if isNumber(word) {
		w.number = at
	}
}

// join appends a joined form that stands where the token at index first does.
func (w *writer) join(first, parts int, text string) {
	w.dst = append(w.dst, Token{Stem: text, Surface: text, Position: w.dst[first].Position, Parts: parts})
}

// joinAll appends the words from index begin on as one.
func (w *writer) joinAll(begin int) {
	size, parts := 0, 0
	for _, t := range w.dst[begin:] {
		if !t.Joined() {
			size += len(t.Surface)
			parts++
		}
	}
	if size > maxJoinedBytes {
		return
	}
	var b strings.Builder
	for _, t := range w.dst[begin:] {
		if t.Joined() {
			continue
		}
		if r, _ := utf8.DecodeRuneInString(t.Surface); r >= firstUnspaced {
			return
		}
		b.WriteString(t.Surface)
	}
	text := b.String()
	if number, unit, ok := measured(text); ok {
		text = number + unit
	}
	stem := text
	if !strings.ContainsAny(text, "0123456789") {
		stem = w.stem(text)
	}
	for _, t := range w.dst[begin:] {
		if t.Stem == stem {
			return
		}
	}
	w.dst = append(w.dst, Token{Stem: stem, Surface: text, Position: w.dst[begin].Position, Parts: parts})
}

// firstUnspaced is the first character of the scripts that write no spaces, as package feature takes them apart.
const firstUnspaced = 0x2e80

// signed reports whether a chunk may hold a hyphen, an inch sign or a comma in a number.
func signed(chunk string) bool {
	for i := range len(chunk) {
		switch chunk[i] {
		// Typographic hyphens and quotes begin with the byte 0xe2 in UTF-8.
		case '-', '"', '\'', ',', '_', 0xe2:
			return true
		}
	}
	return false
}

// nextHyphen returns where the first hyphen between characters is and how many bytes it has, len(text) and 0 when there is none.
func nextHyphen(text string) (at, size int) {
	for i, r := range text {
		switch r {
		case '-', '_', '‐', '‑', '–':
			if n := utf8.RuneLen(r); i > 0 && i+n < len(text) {
				return i, n
			}
		}
	}
	return len(text), 0
}

// inchSign reports whether a chunk ends in a sign for inches behind a digit.
func inchSign(chunk string) bool {
	chunk = strings.TrimRight(chunk, ",;:.)]")
	for _, sign := range [...]string{`"`, "''", "″", "”", "’’"} {
		if rest, ok := strings.CutSuffix(chunk, sign); ok {
			return rest != "" && digit(rest[len(rest)-1])
		}
	}
	return false
}

// plainDecimals writes a decimal comma as a point and takes away commas between thousands: "15,6" is 15.6 and "1,000" is 1000.
func plainDecimals(chunk string) string {
	at := strings.IndexByte(chunk, ',')
	if at <= 0 || at == len(chunk)-1 || !digit(chunk[at-1]) || !digit(chunk[at+1]) {
		return chunk
	}
	end := at + 1
	for end < len(chunk) && digit(chunk[end]) {
		end++
	}
	switch end - at - 1 {
	case 1, 2:
		return chunk[:at] + "." + chunk[at+1:]
	case 3:
		return plainDecimals(chunk[:at] + chunk[at+1:])
	}
	return chunk
}

func digit(c byte) bool { return c >= '0' && c <= '9' }

// isNumber reports whether a folded word is digits, with a point at most.
func isNumber(word string) bool {
	for i := range len(word) {
		if c := word[i]; !digit(c) && c != '.' {
			return false
		}
	}
	return word != ""
}

// inch is the unit of inches in joined forms.
const inch = "inch"

// attached are the units that are written right behind a number, by their folded forms, with the form that is looked up.
var attached = map[string]string{
	"in": inch, "inch": inch, "inches": inch, "zoll": inch,
	"gb": "gb", "tb": "tb", "mb": "mb", "kb": "kb", "gbit": "gbit", "mbit": "mbit",
	"mm": "mm", "cm": "cm", "m": "m", "km": "km", "ft": "ft",
	"g": "g", "kg": "kg", "mg": "mg", "oz": "oz", "lb": "lb", "lbs": "lb",
	"l": "l", "ml": "ml", "cl": "cl", "liter": "l", "litre": "l", "liters": "l", "litres": "l",
	"w": "w", "kw": "kw", "watt": "w", "watts": "w", "v": "v", "volt": "v", "volts": "v", "mah": "mah", "ah": "ah", "wh": "wh",
	"hz": "hz", "khz": "khz", "mhz": "mhz", "ghz": "ghz", "mp": "mp", "dpi": "dpi", "rpm": "rpm",
	"pc": "pc", "pcs": "pc", "pack": "pack", "pk": "pack",
}

// apart are the units that are also written as a word of their own behind a number. "In" is not: "2 in 1".
var apart = func() map[string]string {
	m := map[string]string{}
	for word, unit := range attached {
		if word != "in" && word != "pc" && word != "pcs" {
			m[word] = unit
		}
	}
	return m
}()

// measured takes a word such as "4gb" apart into its number and unit.
func measured(word string) (number, unit string, ok bool) {
	if word == "" || !digit(word[0]) || isNumber(word) {
		return "", "", false
	}
	at := 0
	for at < len(word) && (digit(word[at]) || word[at] == '.') {
		at++
	}
	unit, ok = attached[word[at:]]
	return word[:at], unit, ok
}
