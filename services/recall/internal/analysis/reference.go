package analysis

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/blevesearch/snowballstem"
	"github.com/blevesearch/snowballstem/porter"
)

// Reference appends the terms of an English text to dst as Lucene's EnglishAnalyzer takes it apart: words by the rules of
// Unicode's annex 29, without a possessive 's, in lower case, without Lucene's stop words, stemmed by Porter's algorithm of 1980.
// It is the yardstick of published figures, not what the product indexes with.
func Reference(dst []string, text string) []string {
	for word, rest := nextReferenceWord(text); word != ""; word, rest = nextReferenceWord(rest) {
		for _, possessive := range [...]string{"'s", "'S", "’s", "’S"} {
			word = strings.TrimSuffix(word, possessive)
		}
		word = strings.ToLower(word)
		if referenceStops[word] {
			continue
		}
		dst = append(dst, porterStem(word))
	}
	return dst
}

func porterStem(word string) string {
	for i := range len(word) {
		if word[i] >= 0x80 {
			return word
		}
	}
	if len(word) < 3 {
		return word
	}
	env := snowballstem.NewEnv(word)
	porter.Stem(env)
	return env.Current()
}

// nextReferenceWord returns the next word of text: letters, digits and low lines; an apostrophe or a point between two letters
// belongs to the word, a point, comma, semicolon or apostrophe between two digits too, a colon not (rules WB4 to WB13 for the
// scripts with spaces). Ideographs are words of one character.
func nextReferenceWord(text string) (word, rest string) {
	runes := text
	begin := strings.IndexFunc(runes, wordRune)
	for begin >= 0 {
		runes = runes[begin:]
		end, hasWord := scanReference(runes)
		if hasWord {
			return runes[:end], runes[end:]
		}
		runes = runes[end:]
		begin = strings.IndexFunc(runes, wordRune)
	}
	return "", ""
}

func wordRune(r rune) bool { return r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r) }

// scanReference returns where the word at the beginning of text ends, and whether it holds more than low lines.
func scanReference(text string) (end int, hasWord bool) {
	var last rune
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRuneInString(text[i:])
		switch {
		case unicode.Is(unicode.Mn, r) && i > 0:
		case wordRune(r):
			if r >= firstUnspaced {
				if i == 0 {
					return size, true
				}
				return i, hasWord
			}
			hasWord = hasWord || r != '_'
			last = r
		case joins(last, r, nextRune(text[i+size:])):
		default:
			return i, hasWord
		}
		i += size
	}
	return len(text), hasWord
}

func nextRune(text string) rune {
	for _, r := range text {
		return r
	}
	return ' '
}

// joins reports whether sign belongs to a word between the characters before and after it.
func joins(before, sign, after rune) bool {
	switch sign {
	case '\'', '.', '’', '․':
		return unicode.IsLetter(before) && unicode.IsLetter(after) || unicode.IsDigit(before) && unicode.IsDigit(after)
	case ',', ';':
		return unicode.IsDigit(before) && unicode.IsDigit(after)
	case '·', ':':
		return unicode.IsLetter(before) && unicode.IsLetter(after) && sign == '·'
	}
	return false
}

// referenceStops are the English stop words of Lucene.
var referenceStops = func() map[string]bool {
	m := map[string]bool{}
	for _, word := range strings.Fields("a an and are as at be but by for if in into is it no not of on or such that the their then there these they this to was will with") {
		m[word] = true
	}
	return m
}()
