package lexical

import (
	"cmp"
	"math/bits"
	"slices"

	"github.com/haggle-commerce/haggle/services/recall/internal/catalogue"
)

// Scratch is the memory that one search needs. One reader uses it at a time. The zero value is ready.
type Scratch struct {
	// Hits are the items found by the last search, in no order.
	Hits  []catalogue.Slot
	cells []cell
	plan  []step
}

// cell is what a search says of one item: its score, and a bit for each word that it holds.
type cell struct {
	score float32
	mask  uint32
}

// Score returns what the last search gave item s, 0 when it was not touched.
func (sc *Scratch) Score(s catalogue.Slot) float32 {
	if int(s) >= len(sc.cells) {
		return 0
	}
	return sc.cells[s].score
}

// Matched returns how many of the words that are not optional item s holds.
func (sc *Scratch) Matched(s catalogue.Slot) int { return bits.OnesCount32(sc.cells[s].mask) }

// reset forgets the last search.
func (sc *Scratch) reset(size int) {
	for _, s := range sc.Hits {
		sc.cells[s] = cell{}
	}
	sc.Hits = sc.Hits[:0]
	if len(sc.cells) < size {
		sc.cells = make([]cell, size+size/8)
	}
}

// step is one word of the query with the terms that stand for it.
type step struct {
	terms    []termID
	postings int
	// df is how many items hold the word, 0 when each term counts for itself. The forms of a word are as common as all of them
	// together: else a rare one would count for more than the word.
	df  int
	bit uint32
}

// Search finds the items that hold at least least of the words that are not optional, and scores them by all words. It leaves
// them in sc. It returns how many words are not optional.
func (x *Index) Search(sc *Scratch, words []Word, least int) (required int) {
	sc.reset(len(x.items))
	sc.plan = sc.plan[:0]
	for i := range words {
		st := step{terms: x.lookUpAll(&words[i])}
		if !words[i].Optional {
			st.bit = 1 << required
			required++
		}
		for _, id := range st.terms {
			st.postings += len(x.terms[id].slots)
		}
		if len(words[i].Forms) > 0 {
			st.df = min(st.postings, x.count)
		}
		sc.plan = append(sc.plan, st)
	}
	// Rare words first: what is not found by the first ones cannot hold enough words, so the long lists only update.
	slices.SortStableFunc(sc.plan, func(a, b step) int {
		return cmp.Or(cmp.Compare(min(b.bit, 1), min(a.bit, 1)), cmp.Compare(a.postings, b.postings))
	})
	least = max(1, min(least, required))
	for i := range sc.plan {
		for _, id := range sc.plan[i].terms {
			if sc.plan[i].bit == 0 || i > required-least {
				x.update(sc, &x.terms[id], &sc.plan[i])
			} else {
				x.extend(sc, &x.terms[id], &sc.plan[i])
			}
		}
	}
	kept := sc.Hits[:0]
	for _, s := range sc.Hits {
		if bits.OnesCount32(sc.cells[s].mask) >= least {
			kept = append(kept, s)
		} else {
			sc.cells[s] = cell{}
		}
	}
	sc.Hits = kept
	return required
}

// lookUp returns the terms that stand for a stem: the stem itself, and for one character of a script without spaces the pairs
// that hold it. The list belongs to the index.
func (x *Index) lookUp(stem string) []termID {
	if r, ok := alone(stem); ok {
		return x.byLetter[r]
	}
	if id, ok := x.byStem[stem]; ok {
		return x.own[id : id+1 : id+1]
	}
	return nil
}

// lookUpAll returns the terms that stand for a word, each once.
func (x *Index) lookUpAll(w *Word) []termID {
	terms := x.lookUp(w.Stem)
	for i, form := range w.Forms {
		same := func(other Form) bool { return other.Stem == form.Stem }
		if form.Stem == w.Stem || slices.ContainsFunc(w.Forms[:i], same) {
			continue
		}
		// The list belongs to the index: what is appended goes into a copy.
		terms = append(terms[:len(terms):len(terms)], x.lookUp(form.Stem)...)
	}
	return terms
}

// extend adds the term to the scores of all its items.
func (x *Index) extend(sc *Scratch, t *term, st *step) {
	bit, weight := st.bit, idf(x.count, cmp.Or(st.df, len(t.slots)))
	weights := t.weights[:len(t.slots)]
	for i, s := range t.slots {
		c := &sc.cells[s]
		if c.mask == 0 {
			sc.Hits = append(sc.Hits, s)
		}
		c.mask |= bit
		c.score += weight * weights[i]
	}
}

// update adds the term to the scores of items that were found already.
func (x *Index) update(sc *Scratch, t *term, st *step) {
	bit, weight := st.bit, idf(x.count, cmp.Or(st.df, len(t.slots)))
	if len(sc.Hits)*16 < len(t.slots) {
		for _, s := range sc.Hits {
			if at, ok := slices.BinarySearch(t.slots, s); ok {
				sc.cells[s].mask |= bit
				sc.cells[s].score += weight * t.weights[at]
			}
		}
		return
	}
	weights := t.weights[:len(t.slots)]
	for i, s := range t.slots {
		if c := &sc.cells[s]; c.mask != 0 {
			c.mask |= bit
			c.score += weight * weights[i]
		}
	}
}

// Known reports whether an item holds the word.
func (x *Index) Known(w Word) bool { return len(x.lookUpAll(&w)) > 0 }

// Limits on [Index.Like]: how many words of the item are looked for, and how many postings are read.
const (
	likeTerms    = 8
	likePostings = 2000
)

// Like finds the items whose words are most like those of item s, s itself left out, and scores them. It leaves them in sc.
func (x *Index) Like(sc *Scratch, s catalogue.Slot) {
	sc.reset(len(x.items))
	if int(s) >= len(x.items) || !x.items[s].live {
		return
	}
	type telling struct {
		id     termID
		weight float32
	}
	var best []telling
	for _, id := range x.items[s].terms {
		t := &x.terms[id]
		at, ok := slices.BinarySearch(t.slots, s)
		if !ok || len(t.slots) < 2 {
			continue
		}
		best = append(best, telling{id, idf(x.count, len(t.slots)) * t.weights[at]})
	}
	slices.SortFunc(best, func(a, b telling) int {
		return cmp.Or(cmp.Compare(b.weight, a.weight), cmp.Compare(x.terms[a.id].stem, x.terms[b.id].stem))
	})
	room := likePostings
	for i := range best[:min(len(best), likeTerms)] {
		t := &x.terms[best[i].id]
		if room -= len(t.slots); room < 0 && i > 0 {
			room += len(t.slots)
			continue
		}
		x.extend(sc, t, &step{bit: 1})
	}
	if i := slices.Index(sc.Hits, s); i >= 0 {
		sc.cells[s] = cell{}
		sc.Hits = slices.Delete(sc.Hits, i, i+1)
	}
}
