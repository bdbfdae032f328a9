package lexical

import "math/bits"

// Limits of spelling correction.
const (
	// minSpell is the shortest word that is corrected; from twoEdits on two edits are allowed.
	minSpell, twoEdits = 3, 6
	// maxSpell is the longest word that is corrected.
	maxSpell = 32
)

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
