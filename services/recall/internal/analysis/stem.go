package analysis

import (
	"strings"
	"unicode/utf8"

	"github.com/blevesearch/snowballstem"
	"github.com/blevesearch/snowballstem/arabic"
	"github.com/blevesearch/snowballstem/danish"
	"github.com/blevesearch/snowballstem/dutch"
	"github.com/blevesearch/snowballstem/finnish"
	"github.com/blevesearch/snowballstem/french"
	"github.com/blevesearch/snowballstem/german"
	"github.com/blevesearch/snowballstem/hungarian"
	"github.com/blevesearch/snowballstem/irish"
	"github.com/blevesearch/snowballstem/italian"
	"github.com/blevesearch/snowballstem/norwegian"
	"github.com/blevesearch/snowballstem/portuguese"
	"github.com/blevesearch/snowballstem/romanian"
	"github.com/blevesearch/snowballstem/russian"
	"github.com/blevesearch/snowballstem/spanish"
	"github.com/blevesearch/snowballstem/swedish"
	"github.com/blevesearch/snowballstem/tamil"
	"github.com/blevesearch/snowballstem/turkish"

	"github.com/haggle-commerce/haggle/libs/feature"
)

// Stemmer returns what the forms of a folded word have in common. Only the equality of two stems means anything.
type Stemmer func(word string) string

// stemmers are the rules by the primary subtag of a language: the Snowball algorithms (M. Porter, "Snowball: a language for
// stemming algorithms", 2001). English has the lighter [feature.Stem], which joins singular and plural and nothing else: in the
// short texts of a shop "printer" and "printing", or "charger" and "charged", are things apart.
var stemmers = map[string]func(*snowballstem.Env) bool{
	"ar": arabic.Stem, "da": danish.Stem, "nl": dutch.Stem, "fi": finnish.Stem, "fr": french.Stem, "de": german.Stem,
	"hu": hungarian.Stem, "ga": irish.Stem, "it": italian.Stem, "no": norwegian.Stem, "nb": norwegian.Stem, "nn": norwegian.Stem,
	"pt": portuguese.Stem, "ro": romanian.Stem, "ru": russian.Stem, "es": spanish.Stem, "sv": swedish.Stem, "ta": tamil.Stem, "tr": turkish.Stem,
}

// Primary returns the primary subtag of a BCP 47 tag in lower case: "de" of "de-AT".
func Primary(language string) string {
	if at := strings.IndexAny(language, "-_"); at >= 0 {
		language = language[:at]
	}
	return strings.ToLower(language)
}

// StemmerOf returns the stemmer of a language, a BCP 47 tag. Words are folded before they are stemmed, so that a shopper who
// leaves out accents finds the same; words with digits, and those of scripts that write no spaces, are left as they are.
func StemmerOf(language string) Stemmer {
	rules, ok := stemmers[Primary(language)]
	if !ok {
		return feature.Stem
	}
	return func(word string) string { return snowball(rules, word) }
}

// snowball runs rules over a word.
func snowball(rules func(*snowballstem.Env) bool, word string) string {
	if len(word) < 3 || strings.ContainsAny(word, "0123456789") {
		return word
	}
	if r, _ := utf8.DecodeRuneInString(word); r >= firstUnspaced {
		return word
	}
	env := snowballstem.NewEnv(word)
	rules(env)
	return env.Current()
}

// Cache takes texts apart as [Tokens] does and remembers stems, for one goroutine that reads many texts. The zero value is ready.
type Cache struct {
	stems map[string]map[string]string
}

// maxCached is how many stems of a language are remembered before all are forgotten: a few MB.
const maxCached = 1 << 16

// Tokens appends the terms of text in a language to dst.
func (c *Cache) Tokens(dst []Token, language, text string) []Token {
	primary := Primary(language)
	rules, ok := stemmers[primary]
	if !ok {
		return appendTokens(dst, feature.Stem, text)
	}
	return appendTokens(dst, func(word string) string {
		known := c.stems[primary]
		if stem, ok := known[word]; ok {
			return stem
		}
		if known == nil || len(known) >= maxCached {
			if c.stems == nil {
				c.stems = map[string]map[string]string{}
			}
			known = map[string]string{}
			c.stems[primary] = known
		}
		word = strings.Clone(word)
		stem := snowball(rules, word)
		known[word] = stem
		return stem
	}, text)
}
