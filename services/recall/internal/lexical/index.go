package lexical

import (
	"math"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/haggle-commerce/haggle/services/recall/internal/catalogue"
)

// termID numbers a word of the dictionary.
type termID uint32

// term is a word of the dictionary with its postings.
type term struct {
	stem string
	// surface is the shortest form of the word that was seen, of equal ones the first by alphabet: what a shopper is shown.
	surface string
	// letters has a bit per letter that the stem holds, to pass over words that cannot be a correction.
	letters uint32
	// slots are the items that hold the word, in rising order; weights are their saturated weights.
	slots   []catalogue.Slot
	weights []float32
}

// entry is the words of one item.
type entry struct {
	terms       []termID
	fingerprint uint64
	live        bool
}

// Index is an inverted index. Make one with [New].
type Index struct {
	params Params
	byStem map[string]termID
	terms  []term
	// own holds each number at its own place, so that a list of one term costs no memory.
	own  []termID
	free []termID
	// byLetter lists words by their first character, and pairs of characters by their second too.
	byLetter map[rune][]termID
	items    []entry
	count    int
}

// New returns an empty index.
func New(p Params) *Index {
	return &Index{params: p, byStem: map[string]termID{}, byLetter: map[rune][]termID{}}
}

// Count returns how many items are in the index.
func (x *Index) Count() int { return x.count }

// Terms returns how many words the dictionary has.
func (x *Index) Terms() int { return len(x.byStem) }

// Size returns a number above every slot that was ever put.
func (x *Index) Size() int { return len(x.items) }

// Put makes d the text of item s. It reports whether that changed anything.
func (x *Index) Put(s catalogue.Slot, d *Document) bool {
	for int(s) >= len(x.items) {
		x.items = append(x.items, entry{})
	}
	if x.items[s].live && x.items[s].fingerprint == d.fingerprint {
		return false
	}
	x.Delete(s)
	terms := make([]termID, len(d.terms))
	for i := range d.terms {
		o := &d.terms[i]
		id := x.intern(o)
		terms[i] = id
		t := &x.terms[id]
		w := x.params.saturate(x.params.weight(d, o))
		if n := len(t.slots); n == 0 || t.slots[n-1] < s {
			t.slots, t.weights = append(t.slots, s), append(t.weights, w)
		} else {
			at, _ := slices.BinarySearch(t.slots, s)
			t.slots, t.weights = slices.Insert(t.slots, at, s), slices.Insert(t.weights, at, w)
		}
	}
	x.items[s] = entry{terms: terms, fingerprint: d.fingerprint, live: true}
	x.count++
	return true
}

// Delete takes item s out. It reports whether it was in.
func (x *Index) Delete(s catalogue.Slot) bool {
	if int(s) >= len(x.items) || !x.items[s].live {
		return false
	}
	for _, id := range x.items[s].terms {
		t := &x.terms[id]
		if at, ok := slices.BinarySearch(t.slots, s); ok {
			t.slots, t.weights = slices.Delete(t.slots, at, at+1), slices.Delete(t.weights, at, at+1)
		}
		if len(t.slots) == 0 {
			x.forget(id)
		}
	}
	x.items[s] = entry{}
	x.count--
	return true
}

func (x *Index) intern(o *occurrence) termID {
	if id, ok := x.byStem[o.stem]; ok {
		t := &x.terms[id]
		if len(o.surface) < len(t.surface) || (len(o.surface) == len(t.surface) && o.surface < t.surface) {
			t.surface = strings.Clone(o.surface)
		}
		return id
	}
	t := term{surface: strings.Clone(o.surface), letters: letters(o.stem)}
	t.stem = strings.Clone(o.stem)
	id := termID(len(x.terms))
	if n := len(x.free); n > 0 {
		id, x.free = x.free[n-1], x.free[:n-1]
		x.terms[id] = t
	} else {
		x.terms, x.own = append(x.terms, t), append(x.own, id)
	}
	x.byStem[t.stem] = id
	for _, r := range entrances(t.stem) {
		x.byLetter[r] = append(x.byLetter[r], id)
	}
	return id
}

// forget takes a word without items out of the dictionary.
func (x *Index) forget(id termID) {
	t := &x.terms[id]
	delete(x.byStem, t.stem)
	for _, r := range entrances(t.stem) {
		list := x.byLetter[r]
		if at := slices.Index(list, id); at >= 0 {
			list[at] = list[len(list)-1]
			x.byLetter[r] = list[:len(list)-1]
		}
		if len(x.byLetter[r]) == 0 {
			delete(x.byLetter, r)
		}
	}
	*t = term{}
	x.free = append(x.free, id)
}

// entrances are the characters under which byLetter lists a word.
func entrances(stem string) []rune {
	first, size := utf8.DecodeRuneInString(stem)
	if first < 0x2e80 || size == len(stem) {
		return []rune{first}
	}
	if second, _ := utf8.DecodeRuneInString(stem[size:]); second != first {
		return []rune{first, second}
	}
	return []rune{first}
}

// letters sets a bit for each letter of the word, others share the bits above.
func letters(word string) uint32 {
	set := uint32(0)
	for _, r := range word {
		if r >= 'a' && r <= 'z' {
			set |= 1 << (r - 'a')
		} else {
			set |= 1 << (26 + r%6)
		}
	}
	return set
}

// idf is how much a word of df items says among n: ln(1 + (n - df + 0.5) / (df + 0.5)).
func idf(n, df int) float32 {
	return float32(math.Log1p((float64(n-df) + 0.5) / (float64(df) + 0.5)))
}
