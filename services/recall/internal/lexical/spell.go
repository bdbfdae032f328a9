package lexical

import (
	"math/bits"
	"slices"
	"strings"
)

// Limits of spelling correction.
const (
	// minSpell is the shortest word that is corrected; from twoEdits on two edits are allowed.
	minSpell, twoEdits = 3, 6
	// maxSpell is the longest word that is corrected.
	maxSpell = 32
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

// Items returns how many items hold a stem. For one character of a script without spaces it is the sum over the pairs that hold it.
func (x *Index) Items(stem string) (n int) {
	for _, id := range x.lookUp(stem) {
		n += len(x.terms[id].slots)
	}
	return n
}

// Similar appends the stems that are at most edits (1 or 2: insert, delete, replace, swap neighbours; no substring edited twice) away
// from word and begin with the same character, in the order of their bytes. Words of other scripts than alphabets, and of more than 32
// characters, have none.
func (x *Index) Similar(dst []Entry, word string, edits int) []Entry {
	begin, target := len(dst), []rune(word)
	if len(target) == 0 || len(target) > maxSpell || !correctable(word) || edits < 1 || edits > 2 {
		return dst
	}
	set := letters(word)
	for _, id := range x.byLetter[target[0]] {
		t := &x.terms[id]
		// One edit changes at most two letters of the set.
		if bits.OnesCount32(t.letters^set) > 2*edits || !correctable(t.stem) {
			continue
		}
		if d := distance(target, t.stem, edits); d <= edits {
			dst = append(dst, Entry{Stem: t.stem, Surface: t.surface, Items: len(t.slots), Edits: d})
		}
	}
	slices.SortFunc(dst[begin:], func(a, b Entry) int { return strings.Compare(a.Stem, b.Stem) })
	return dst
}

// Correct returns the word of the dictionary that was most likely meant: of those with the same first letter and the fewest
// edits (insert, delete, replace, swap neighbours) the one that most items hold, of equal ones the first by alphabet. It
// returns false for a word that is known, too short, too long or not made of letters, and when nothing is near enough.
func (x *Index) Correct(w Word) (Word, bool) {
	if x.Known(w) || !correctable(w.Stem) {
		return w, false
	}
	word := []rune(w.Stem)
	if len(word) < minSpell || len(word) > maxSpell {
		return w, false
	}
	most := 1
	if len(word) >= twoEdits {
		most = 2
	}
	set, least, best := letters(w.Stem), most, -1
	for _, id := range x.byLetter[word[0]] {
		t := &x.terms[id]
		// One edit changes at most two letters of the set.
		if bits.OnesCount32(t.letters^set) > 2*least || !correctable(t.stem) {
			continue
		}
		d := distance(word, t.stem, least)
		if d > least {
			continue
		}
		if best < 0 || d < least || x.preferred(id, termID(best)) {
			best, least = int(id), d
		}
	}
	if best < 0 {
		return w, false
	}
	t := &x.terms[best]
	return Word{Text: t.surface, Stem: t.stem, Optional: w.Optional}, true
}

// preferred reports whether a is the likelier of two corrections with equally many edits.
func (x *Index) preferred(a, b termID) bool {
	if na, nb := len(x.terms[a].slots), len(x.terms[b].slots); na != nb {
		return na > nb
	}
	return x.terms[a].stem < x.terms[b].stem
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
