package lexical

import (
	"cmp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/blevesearch/vellum/levenshtein"
)

// Limits of spelling correction.
const (
	// minSpell is the shortest word that is corrected; from twoEdits on two edits are allowed.
	minSpell, twoEdits = 3, 6
	// maxSpell is the longest word that is corrected.
	maxSpell = 32
	// maxEdits is how many edits there are automata for.
	maxEdits = 2
)

// Entry is a stem of the dictionary.
type Entry struct {
	// Stem is what is looked up, Surface a form of it that is shown. They belong to the index and hold until its next change.
	Stem, Surface string
	// Items is how many items hold it, one at least.
	Items int
	// Edits is how many edits away it is from the word that was asked for.
	Edits int
}

// Known reports whether an item holds the word.
func (x *Index) Known(w Word) bool {
	return x.Items(w.Stem) > 0 || slices.ContainsFunc(w.Forms, func(f Form) bool { return x.Items(f.Stem) > 0 })
}

// Items returns how many items hold a stem. For one character of a script without spaces it is the sum over the pairs that hold it.
func (x *Index) Items(stem string) (n int) {
	r, single := alone(stem)
	for p := range x.all {
		add := func(term uint32) bool {
			l := p.list(term)
			n += p.live(term, &l)
			return true
		}
		if single {
			p.holding(r, add)
		} else if term, ok := p.term(clip(stem)); ok {
			add(term)
		}
	}
	return n
}

// Prefix appends the stems that begin with prefix to dst, in the order of their bytes, but reads at most limit in each part: with more
// of them some are missing.
func (x *Index) Prefix(dst []Entry, prefix string, limit int) []Entry {
	begin := len(dst)
	for p := range x.all {
		if p.head != nil {
			first, _ := utf8.DecodeRuneInString(prefix)
			read := 0
			for _, term := range p.head.byLetter[first] {
				if strings.HasPrefix(p.head.terms[term].stem, prefix) && read < limit {
					dst = p.appendEntry(dst, term, 0)
					read++
				}
			}
			continue
		}
		read := 0
		p.segment.Prefix(prefix, func(term uint32) bool {
			dst = p.appendEntry(dst, term, 0)
			read++
			return read < limit
		})
	}
	return joinEntries(dst, begin)
}

// Similar appends the stems that are at most edits (1 or 2: insert, delete, replace, swap neighbours; no substring edited twice) away
// from word and begin with the same character, in the order of their bytes. Words of other scripts than alphabets, and of more than 32
// characters, have none.
func (x *Index) Similar(dst []Entry, word string, edits int) []Entry {
	begin, target := len(dst), []rune(word)
	if len(target) == 0 || len(target) > maxSpell || !correctable(word) || edits < 1 || edits > maxEdits {
		return dst
	}
	first, size := utf8.DecodeRuneInString(word)
	var automaton *levenshtein.DFA
	after := word[:size-1] + string([]byte{word[size-1] + 1})
	for p := range x.all {
		consider := func(term uint32) bool {
			stem, _ := p.text(term)
			if d := distance(target, stem, edits); d <= edits && correctable(stem) {
				dst = p.appendEntry(dst, term, d)
			}
			return true
		}
		near := func(term uint32) bool {
			stem, _ := p.text(term)
			if n := len(stem); n <= len(word)+4*edits && len(word) <= n+4*edits {
				return consider(term)
			}
			return true
		}
		switch {
		case p.head != nil:
			for _, term := range p.head.byLetter[first] {
				near(term)
			}
		case p.segment.Between(word[:size], after) <= fewTerms<<edits:
			p.segment.Prefix(word[:size], near)
		default:
			if automaton == nil {
				automaton = x.automaton(word, edits)
			}
			if automaton != nil {
				p.segment.Accepted(automaton, word[:size], after, consider)
			}
		}
	}
	return joinEntries(dst, begin)
}

// fewTerms times two is how many terms are compared one by one in about the time that it takes to make an automaton for one edit, 100 us,
// and times four for two edits, 450 us.
const fewTerms = 1000

// automaton returns what accepts the words near word, nil when there is none.
func (x *Index) automaton(word string, edits int) *levenshtein.DFA {
	builder, err := x.spellers[edits-1]()
	if err != nil {
		return nil
	}
	automaton, err := builder.BuildDfa(word, uint8(edits))
	if err != nil {
		return nil
	}
	return automaton
}

func (p *part) appendEntry(dst []Entry, term uint32, edits int) []Entry {
	l := p.list(term)
	live := p.live(term, &l)
	if live == 0 {
		return dst
	}
	stem, surface := p.text(term)
	return append(dst, Entry{Stem: stem, Surface: surface, Items: live, Edits: edits})
}

// joinEntries puts the entries from begin on in order and makes one of those with the same stem.
func joinEntries(dst []Entry, begin int) []Entry {
	found := dst[begin:]
	slices.SortFunc(found, func(a, b Entry) int {
		return cmp.Or(strings.Compare(a.Stem, b.Stem), cmp.Compare(len(a.Surface), len(b.Surface)), strings.Compare(a.Surface, b.Surface))
	})
	joined := found[:0]
	for _, e := range found {
		if n := len(joined); n > 0 && joined[n-1].Stem == e.Stem {
			joined[n-1].Items += e.Items
			continue
		}
		joined = append(joined, e)
	}
	return dst[:begin+len(joined)]
}

// Correct returns the word of the dictionary that was most likely meant: of those with the same first letter and the fewest
// edits (insert, delete, replace, swap neighbours) the one that most items hold, of equal ones the first by alphabet. It
// returns false for a word that is known, too short, too long or not made of letters, and when nothing is near enough.
func (x *Index) Correct(w Word) (Word, bool) {
	if x.Known(w) || !correctable(w.Stem) {
		return w, false
	}
	n := utf8.RuneCountInString(w.Stem)
	if n < minSpell || n > maxSpell {
		return w, false
	}
	most := 1
	if n >= twoEdits {
		most = 2
	}
	// One edit first: it is what is meant in most cases, and costs a tenth.
	for edits := 1; edits <= most; edits++ {
		near := x.Similar(nil, w.Stem, edits)
		if len(near) == 0 {
			continue
		}
		best := slices.MinFunc(near, func(a, b Entry) int {
			return cmp.Or(cmp.Compare(a.Edits, b.Edits), cmp.Compare(b.Items, a.Items), strings.Compare(a.Stem, b.Stem))
		})
		return Word{Text: strings.Clone(best.Surface), Stem: strings.Clone(best.Stem), Optional: w.Optional}, true
	}
	return w, false
}

// distance counts the edits (insert, delete, replace, swap neighbours; no substring edited twice) between a and b; anything
// above most when there are more.
func distance(a []rune, b string, most int) int {
	var room [maxSpell + 3]rune
	n := 0
	for _, r := range b {
		if n == len(a)+most {
			return most + 1
		}
		room[n] = r
		n++
	}
	if n+most < len(a) {
		return most + 1
	}
	target := room[:n]
	var rows [3][maxSpell + 3]int
	before, last, next := &rows[0], &rows[1], &rows[2]
	for j := range n + 1 {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		next[0] = i
		least := i
		for j := 1; j <= n; j++ {
			change := 1
			if a[i-1] == target[j-1] {
				change = 0
			}
			d := min(last[j]+1, next[j-1]+1, last[j-1]+change)
			if i > 1 && j > 1 && a[i-1] == target[j-2] && a[i-2] == target[j-1] {
				d = min(d, before[j-2]+1)
			}
			next[j] = d
			least = min(least, d)
		}
		if least > most && i < len(a) {
			return most + 1
		}
		before, last, next = last, next, before
	}
	return last[n]
}
