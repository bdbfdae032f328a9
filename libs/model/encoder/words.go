package encoder

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	// maxWords bounds the words of one part of a text: what stands far behind says little.
	maxWords = 64
	// shortGram and longGram are the lengths of the character n-grams of a word, in characters, its ends counted.
	shortGram, longGram = 3, 5
	// maxWordBytes bounds what is hashed of one word.
	maxWordBytes = 40
)

// Word is a word of a text as rows of the table: its own, which also tells how rare it is, and those of its character n-grams,
// which it shares with its other forms and with misspellings (Bojanowski, Grave, Joulin, Mikolov, TACL 2017).
type Word struct {
	Row    uint32
	Weight float32
	// Grams are the rows From to To of [Words.Grams].
	From, To uint32
}

// Words are the words of a text. The zero value is empty; memory is kept by [Words.Reset].
type Words struct {
	List  []Word
	Grams []uint32

	folded []byte
}

// Reset empties w.
func (w *Words) Reset() { w.List, w.Grams = w.List[:0], w.Grams[:0] }

// Add adds the words of text, each with a weight, as rows below buckets. Letters are lower-cased; scripts without spaces give
// pairs of neighbouring characters.
func (w *Words) Add(text string, weight float32, buckets uint32) {
	n, begin := 0, -1
	w.folded = w.folded[:0]
	var before rune
	flush := func() {
		if begin >= 0 && n < maxWords {
			w.word(w.folded[begin:], weight, buckets)
			n++
		}
		begin = -1
	}
	for _, r := range text {
		if n == maxWords {
			return
		}
		r = unicode.ToLower(r)
		switch {
		case unspaced(r):
			flush()
			if unspaced(before) {
				begin = len(w.folded)
				w.folded = utf8.AppendRune(utf8.AppendRune(w.folded, before), r)
				flush()
			}
		case unicode.IsLetter(r) || unicode.IsDigit(r):
			if begin < 0 {
				begin, w.folded = 0, w.folded[:0]
			}
			w.folded = utf8.AppendRune(w.folded, r)
		case unicode.IsMark(r):
		default:
			flush()
		}
		before = r
	}
	flush()
}

// unspaced reports whether a character belongs to a script that writes no spaces.
func unspaced(r rune) bool {
	return r >= 0x2e80 && (unicode.Is(unicode.Han, r) || unicode.Is(unicode.Hiragana, r) || unicode.Is(unicode.Katakana, r) || unicode.Is(unicode.Hangul, r))
}

// word adds one folded word.
func (w *Words) word(folded []byte, weight float32, buckets uint32) {
	folded = folded[:min(len(folded), maxWordBytes)]
	word := Word{Row: reduce(hash(folded, 0), buckets), Weight: weight, From: uint32(len(w.Grams))}
	var marked [maxWordBytes + 2]byte
	text := append(append(append(marked[:0], '<'), folded...), '>')
	var starts [maxWordBytes + 3]uint8
	runes := 0
	for i := range text {
		if utf8.RuneStart(text[i]) {
			starts[runes] = uint8(i)
			runes++
		}
	}
	starts[runes] = uint8(len(text))
	for size := shortGram; size <= longGram; size++ {
		for i := 0; i+size <= runes; i++ {
			w.Grams = append(w.Grams, reduce(hash(text[starts[i]:starts[i+size]], 1), buckets))
		}
	}
	word.To = uint32(len(w.Grams))
	w.List = append(w.List, word)
}

// hash is FNV-1a with a last mix, the same on every machine.
func hash(text []byte, kind uint64) uint64 {
	h := 14695981039346656037 ^ kind
	for _, c := range text {
		h = (h ^ uint64(c)) * 1099511628211
	}
	h ^= h >> 32
	return h * 0x9e3779b97f4a7c15
}

// reduce maps a hash onto rows without a division.
func reduce(h uint64, buckets uint32) uint32 { return uint32((h >> 32) * uint64(buckets) >> 32) }

// join puts a space between what is not empty.
func join(parts ...string) string {
	var b strings.Builder
	for _, p := range parts {
		if p != "" {
			if b.Len() > 0 {
				b.WriteByte(' ')
			}
			b.WriteString(p)
		}
	}
	return b.String()
}
