package query

import (
	"cmp"
	"math"
	"slices"
	"strings"

	"github.com/haggle-commerce/haggle/services/recall/internal/analysis"
	"github.com/haggle-commerce/haggle/services/recall/internal/lexical"
)

// How long a word must be before it is corrected: one edit from minOne letters on, two from minTwo on, as Typesense and Algolia have
// it. A word of three letters is corrected only where no item holds it: nothing is found otherwise.
const (
	minUnknown, minOne, minTwo, maxLetters = 3, 4, 8, 32
)

// What an edit costs against the logarithm of how many items hold a word: one in the first letter is ten times rarer than one behind
// it, a swap less so (E. Pollock and A. Zamora, "Automatic spelling correction in scientific and scholarly text", 1984, count 7.8 % there), a second
// edit rarer again.
const (
	firstCost  = 2.3
	swapCost   = 1.0
	secondCost = 3.0
)

// maxCandidates is how many corrections are tried with the other words of a query.
const maxCandidates = 8

// candidate is a word that may have been meant.
type candidate struct {
	stem, text string
	score      float64
}

// Correct finds what was meant by words that no item holds, and leaves the others. Matches says how many items hold all of some words;
// of several candidates the first is taken that does not leave the query without any. It returns false when nothing was changed.
func Correct(d Dictionary, words []lexical.Word, matches func([]lexical.Word) int) ([]lexical.Word, bool) {
	corrected, changed := slices.Clone(words), false
	for i := 0; i < len(corrected); i++ {
		w := corrected[i]
		if w.Optional || Known(d, w) {
			continue
		}
		choices := without(unknownCandidates(d, w), corrected, i)
		if first, second, ok := split(d, w); ok && (len(choices) == 0 || choices[0].score < math.Log(float64(min(d.Items(first.Stem), d.Items(second.Stem))))-firstCost) {
			corrected = slices.Replace(corrected, i, i+1, first, second)
			changed = true
			i++
			continue
		}
		if len(choices) == 0 {
			continue
		}
		corrected[i] = choose(d, corrected, i, choices, matches)
		changed = true
	}
	return corrected, changed
}

// choose returns the likeliest of the choices for word i. Where there are other words, how many items hold it together with them says
// more than how many hold it at all.
func choose(d Dictionary, words []lexical.Word, i int, choices []candidate, matches func([]lexical.Word) int) lexical.Word {
	trial := slices.Clone(words)
	trial[i] = choices[0].word()
	others := len(known(d, trial)) > 1
	best, most := choices[0], math.Inf(-1)
	for _, c := range choices {
		if !others || len(choices) == 1 {
			break
		}
		trial[i] = c.word()
		if n := matches(known(d, trial)); n > 0 {
			if score := c.score - math.Log(float64(d.Items(c.stem))) + math.Log(float64(n)); score > most {
				best, most = c, score
			}
		}
	}
	return best.word()
}

// without leaves out the candidates for word i that are other words of the query.
func without(found []candidate, words []lexical.Word, i int) []candidate {
	return slices.DeleteFunc(found, func(c candidate) bool {
		return slices.ContainsFunc(words, func(w lexical.Word) bool { return w.Stem == c.stem && w.Stem != words[i].Stem })
	})
}

// known are the words that are needed and that some item holds.
func known(d Dictionary, words []lexical.Word) []lexical.Word {
	return slices.DeleteFunc(slices.Clone(words), func(w lexical.Word) bool { return w.Optional || !Known(d, w) })
}

func (c candidate) word() lexical.Word { return lexical.Word{Text: c.text, Stem: c.stem} }

// unknownCandidates are what a word that no item holds may have meant, the likeliest first.
func unknownCandidates(d Dictionary, w lexical.Word) []candidate {
	n := runes(w.Text)
	if n < minUnknown || n > maxLetters {
		return nil
	}
	if !letters(w.Text) {
		return rank(codeCandidates(d, w.Stem))
	}
	found := candidates(d, w, 1)
	if len(found) == 0 && n >= minTwo {
		found = candidates(d, w, 2)
	}
	return found
}

// candidates are the words at most so many edits away, and those one edit in the first letter away.
func candidates(d Dictionary, w lexical.Word, edits int) []candidate {
	var found []candidate
	for _, e := range d.Similar(nil, w.Stem, edits) {
		if e.Edits > 0 && sensible(e.Stem) {
			score := math.Log(float64(e.Items)) - secondCost*float64(e.Edits-1)
			found = append(found, candidate{strings.Clone(e.Stem), strings.Clone(e.Surface), score})
		}
	}
	if edits == 1 {
		for _, stem := range firstEdits(w.Stem) {
			if n := d.Items(stem); n > 0 && sensible(stem) {
				price := firstCost
				if len(stem) == len(w.Stem) && stem[0] == w.Stem[1] {
					price = swapCost
				}
				found = append(found, candidate{stem, surface(d, stem), math.Log(float64(n)) - price})
			}
		}
		found = append(found, endings(d, w, found)...)
	}
	return rank(found)
}

// sensible reports whether a stem can be what was meant by a word that matters.
func sensible(stem string) bool { return runes(stem) >= minUnknown && !analysis.Filler(stem) }

// endings are the words one edit away whose edit changes what the stem is: "batteires" has another stem than "batteries", more than
// one edit away from that of the word. Only an edit in the last letters does that.
func endings(d Dictionary, w lexical.Word, found []candidate) (more []candidate) {
	const last = 4
	stem := analysis.StemmerOf("")
	try := func(text string) {
		s := stem(text)
		n := d.Items(s)
		has := func(c candidate) bool { return c.stem == s }
		if n > 0 && s != w.Stem && sensible(s) && !slices.ContainsFunc(found, has) && !slices.ContainsFunc(more, has) {
			more = append(more, candidate{s, text, math.Log(float64(n))})
		}
	}
	if len(w.Text) <= last+1 || runes(w.Text) != len(w.Text) {
		return nil
	}
	edits(w.Text, len(w.Text)-last, try)
	return more
}

// rank orders candidates, the likeliest first, and leaves the first few.
func rank(found []candidate) []candidate {
	slices.SortFunc(found, func(a, b candidate) int {
		return cmp.Or(cmp.Compare(b.score, a.score), strings.Compare(a.stem, b.stem))
	})
	return found[:min(len(found), maxCandidates)]
}

// surface is a form of a stem that can be shown.
func surface(d Dictionary, stem string) string {
	for _, e := range d.Similar(nil, stem, 1) {
		if e.Stem == stem {
			return strings.Clone(e.Surface)
		}
	}
	return stem
}

const alphabet = "abcdefghijklmnopqrstuvwxyz"

// firstEdits are the words one edit in the first letter away.
func firstEdits(word string) []string {
	rs := []rune(word)
	if len(rs) < 2 {
		return nil
	}
	rest := string(rs[1:])
	edited := []string{rest}
	if rs[0] != rs[1] {
		edited = append(edited, string(rs[1])+string(rs[0])+string(rs[2:]))
	}
	for _, letter := range alphabet {
		if letter != rs[0] {
			edited = append(edited, string(letter)+rest, string(letter)+word)
		}
	}
	return edited
}

// codeCandidates are the words one edit away from one of letters and digits that have the same digits in the same order: another
// number is another thing, another letter a slip.
func codeCandidates(d Dictionary, word string) []candidate {
	rs := []rune(word)
	if len(rs) < minUnknown || !strings.ContainsAny(word, "0123456789") || strings.ContainsFunc(word, func(r rune) bool { return r >= 0x80 || r == '.' }) {
		return nil
	}
	var found []candidate
	try := func(edited string) {
		if n := d.Items(edited); n > 0 {
			found = append(found, candidate{edited, edited, math.Log(float64(n))})
		}
	}
	edits(word, 0, try)
	return found
}

// edits yields the words of one insertion, deletion, replacement or swap of neighbours from place begin on that leave digits as they are.
func edits(word string, begin int, yield func(string)) {
	for i := begin; i <= len(word); i++ {
		for _, letter := range alphabet {
			yield(word[:i] + string(letter) + word[i:])
		}
		if i == len(word) {
			break
		}
		if next := i + 1; next < len(word) && word[i] != word[next] && (!digit(word[i]) || !digit(word[next])) {
			yield(word[:i] + string(word[next]) + string(word[i]) + word[next+1:])
		}
		if digit(word[i]) {
			continue
		}
		yield(word[:i] + word[i+1:])
		for _, letter := range alphabet {
			if byte(letter) != word[i] {
				yield(word[:i] + string(letter) + word[i+1:])
			}
		}
	}
}

func digit(c byte) bool { return c >= '0' && c <= '9' }

// split takes a word that is two ("usbhub") apart, where both are known; of several places the one whose rarer half most items hold.
func split(d Dictionary, w lexical.Word) (first, second lexical.Word, ok bool) {
	const shortest = 3
	if !letters(w.Text) {
		return first, second, false
	}
	most := 1
	for i := range w.Text {
		a, b := w.Text[:i], w.Text[i:]
		if runes(a) < shortest || runes(b) < shortest {
			continue
		}
		stems := [2]string{analysis.StemmerOf("")(a), analysis.StemmerOf("")(b)}
		if n := min(d.Items(stems[0]), d.Items(stems[1])); n > most {
			most, ok = n, true
			first, second = lexical.Word{Text: a, Stem: stems[0]}, lexical.Word{Text: b, Stem: stems[1]}
		}
	}
	return first, second, ok
}

// minDoubted is how long a word must be that is doubted: the other words of the query bear witness, so shorter than alone.
const minDoubted = 2

// A word is doubted that at most one in rare of the items holds, and where far times more hold another one. Where no item holds all words
// of the query that is reason enough: then it may be one in common, and another one that some more hold will do.
const (
	rare, far    = 500, 20
	common, some = 20, 2
)

// Doubt looks for a word that items hold, but few, where another one an edit away is held by far more and lets the query find more. The
// word stays, the other one may stand for it. A single word is not in doubt: what it finds is what was asked for. It returns the words,
// what was probably meant, and false when nothing is in doubt.
func Doubt(d Dictionary, words []lexical.Word, matches func([]lexical.Word) int) (doubted, meant []lexical.Word, ok bool) {
	const less = 0.5
	if len(words) == 1 {
		return nil, nil, false
	}
	own := matches(words)
	limit, times, best := max(2, d.Count()/rare), far, max(3*own, 4)
	if own == 0 {
		limit, times, best = max(2, d.Count()/common), some, 1
	}
	for i, w := range words {
		if w.Optional || !letters(w.Text) || runes(w.Text) > maxLetters || runes(w.Text) < minDoubted {
			continue
		}
		items := d.Items(w.Stem)
		if items > limit {
			continue
		}
		for _, c := range without(candidates(d, w, 1), words, i) {
			if d.Items(c.stem) < times*max(items, 1) {
				continue
			}
			trial := slices.Clone(words)
			trial[i].Forms = append(slices.Clone(w.Forms), lexical.Form{Stem: c.stem, Weight: less})
			if n := matches(trial); n > best {
				best, ok = n, true
				doubted = trial
				meant = slices.Clone(words)
				meant[i] = c.word()
			}
		}
	}
	return doubted, meant, ok
}
