// Package query understands what a shopper typed: it takes a query apart into the words that an index is asked for, with what else
// may stand for each, and finds out what was meant where the words say nothing.
package query

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/haggle-commerce/haggle/libs/feature"
	"github.com/haggle-commerce/haggle/services/recall/internal/analysis"
	"github.com/haggle-commerce/haggle/services/recall/internal/lexical"
	"github.com/haggle-commerce/haggle/services/recall/internal/synonym"
)

// Dictionary is what is asked of an index.
type Dictionary interface {
	// Count returns how many items there are.
	Count() int
	// Items returns how many items hold a stem.
	Items(stem string) int
	// Similar appends the stems at most so many edits away that begin with the same character.
	Similar(dst []lexical.Entry, word string, edits int) []lexical.Entry
}

// alternative is what another form of a word counts against the word that was typed.
const alternative = 0.8

// Words takes a query in a language, a BCP 47 tag, apart: each word once, words that say nothing ("for", "the") optional unless there
// are only such. Parts with a hyphen are also found as one word, neighbours too where the dictionary has the two as one ("head set"); a
// number with its unit is one word where the dictionary has it. Rules may be nil.
func Words(d Dictionary, rules *synonym.Rules, language, text string) []lexical.Word {
	tokens := analysis.Tokens(make([]analysis.Token, 0, 8), language, text)
	if rules != nil {
		if replaced, ok := rules.Replace(surfaces(tokens)); ok {
			tokens = analysis.Tokens(nil, language, strings.Join(replaced, " "))
		}
	}
	r := reader{dictionary: d, stemmed: analysis.Primary(language) != "", words: make([]lexical.Word, 0, len(tokens))}
	r.read(tokens)
	r.joinNeighbours()
	r.expand(rules)
	r.settle()
	return r.words
}

// surfaces are the words of a text, in order, without joined forms.
func surfaces(tokens []analysis.Token) []string {
	var words []string
	for _, t := range tokens {
		if !t.Joined() {
			words = append(words, t.Surface)
		}
	}
	return words
}

type reader struct {
	dictionary Dictionary
	// stemmed says that stems may be of a language's own rules.
	stemmed bool
	words   []lexical.Word
}

// read makes words of tokens. Joined forms come behind the words that they join.
func (r *reader) read(tokens []analysis.Token) {
	var measures []analysis.Token
	for _, t := range tokens {
		if !t.Joined() {
			w := lexical.Word{Text: t.Surface, Stem: t.Stem}
			if plain := feature.Stem(t.Surface); r.stemmed && plain != t.Stem && !isMeasure(t.Surface) {
				w.Forms = append(w.Forms, lexical.Form{Stem: plain, Weight: 1})
			}
			r.words = append(r.words, w)
			continue
		}
		if isMeasure(t.Surface) {
			measures = append(measures, t)
			continue
		}
		if at := t.Position; t.Parts > 1 && at+t.Parts <= len(r.words) {
			for i := range r.words[at : at+t.Parts] {
				w := &r.words[at+i]
				w.Forms = append(w.Forms, lexical.Form{Stem: t.Stem, Weight: 1})
			}
		}
	}
	// From the last to the first, so that places before stay.
	for _, t := range slices.Backward(measures) {
		at, parts := t.Position, t.Parts
		if at+parts > len(r.words) || r.dictionary.Items(t.Stem) == 0 {
			continue
		}
		r.words = slices.Replace(r.words, at, at+parts, lexical.Word{Text: t.Surface, Stem: t.Stem})
	}
}

// isMeasure reports whether a joined form is a number with a unit.
func isMeasure(text string) bool {
	return text != "" && text[0] >= '0' && text[0] <= '9' && strings.ContainsFunc(text, unicode.IsLetter)
}

// joinNeighbours lets two neighbours be found as one word where the dictionary has it.
func (r *reader) joinNeighbours() {
	for i := 1; i < len(r.words); i++ {
		a, b := &r.words[i-1], &r.words[i]
		if !letters(a.Text) || !letters(b.Text) || analysis.Filler(a.Text) || analysis.Filler(b.Text) {
			continue
		}
		stem := feature.Stem(a.Text + b.Text)
		if r.dictionary.Items(stem) == 0 {
			continue
		}
		for _, w := range [...]*lexical.Word{a, b} {
			if !slices.ContainsFunc(w.Forms, func(f lexical.Form) bool { return f.Stem == stem }) {
				w.Forms = append(w.Forms, lexical.Form{Stem: stem, Weight: alternative})
			}
		}
	}
}

// expand adds what the rules say may also stand for words.
func (r *reader) expand(rules *synonym.Rules) {
	if rules == nil {
		return
	}
	texts := make([]string, len(r.words))
	for i := range r.words {
		texts[i] = r.words[i].Text
	}
	rules.Each(texts, func(first, length int, other string) {
		for i := first; i < first+length; i++ {
			r.words[i].Forms = append(r.words[i].Forms, lexical.Form{Stem: feature.Stem(other), Weight: alternative})
		}
	})
}

// settle leaves each word once, no more than the index takes, and tells which are not needed.
func (r *reader) settle() {
	kept := r.words[:0]
	required := 0
	for _, w := range r.words {
		if len(kept) == lexical.MaxWords {
			break
		}
		if slices.ContainsFunc(kept, func(k lexical.Word) bool { return k.Stem == w.Stem }) {
			continue
		}
		if w.Optional = analysis.Filler(w.Text); !w.Optional {
			required++
		}
		kept = append(kept, w)
	}
	if required == 0 {
		for i := range kept {
			kept[i].Optional = false
		}
	}
	r.words = kept
}

// Known reports whether an item holds the word, in any form.
func Known(d Dictionary, w lexical.Word) bool {
	return d.Items(w.Stem) > 0 || slices.ContainsFunc(w.Forms, func(f lexical.Form) bool { return d.Items(f.Stem) > 0 })
}

// Text writes words as a query.
func Text(words []lexical.Word) string {
	texts := make([]string, len(words))
	for i := range words {
		texts[i] = words[i].Text
	}
	return strings.Join(texts, " ")
}

// letters reports whether a word is of letters of an alphabet alone: neither a number nor a pair of characters.
func letters(word string) bool {
	return word != "" && !strings.ContainsFunc(word, func(r rune) bool { return r >= 0x2e80 || !unicode.IsLetter(r) })
}

func runes(word string) int { return utf8.RuneCountInString(word) }
