package lexical

import (
	"math"
	"slices"

	"github.com/haggle-commerce/haggle/services/recall/internal/catalogue"
	"github.com/haggle-commerce/haggle/services/recall/internal/postings"
	"github.com/haggle-commerce/haggle/services/recall/internal/top"
)

// Query asks for the items that hold words.
type Query struct {
	Words []Word
	// Least is how many of the words that are not optional an item has to hold: 1 for any, as many as there are for all. It is
	// brought into that range.
	Least int
	// Limit is how many of the best are wanted.
	Limit int
	// Within are the items that may be found; nil means all.
	Within catalogue.Bits
	// Narrow is given all items found, in a set of Room slots or more, and returns those that stay; they alone are counted and are
	// among the best. It is for what is dear to know of every item; nil lets all stay.
	Narrow func(found catalogue.Bits) catalogue.Bits
	Room   int
	// Tie orders items of equal score, the lower first: what [Document.Order] was given. Nil orders those of equal leading byte by slot.
	Tie func(catalogue.Slot) uint64
	// Count asks for the exact number of items found. A search that is asked for neither that nor to narrow passes over what cannot be
	// among the best.
	Count bool
	// WholeFirst puts the items that hold all words that are not optional before all others, where fewer are enough. It goes with Count
	// or Narrow.
	WholeFirst bool
}

// Found is what a search says of its result; the items stand in the [Scratch].
type Found struct {
	// Required is how many of the words were not optional, Least how many of them each item holds at least.
	Required, Least int
	// Total is how many items were found: exactly when Exact, else those that were looked at.
	Total int
	Exact bool
	// Counts are how many items hold how many of the words that are not optional, where the search looked at all of them: always for
	// a Least above 1, for 1 when the number was asked for and took looking.
	Counts [MaxWords + 1]int
	// Postings is how many postings were read.
	Postings int
}

// whole is what an item that holds all words has above the others when those come first: more than any score.
const whole = 100

// Scratch is the memory that one search needs. One reader uses it at a time. The zero value is ready.
type Scratch struct {
	// Best are the best items of the last search, best first; Set all that were found, before they were narrowed, if they were. Items may
	// be taken out of the set, and none put in.
	Best []top.Entry
	Set  catalogue.Bits

	unit      float64
	words     []asked
	forms     []form
	operands  []operand
	prefixes  []uint32
	found     chosen
	ladder    ladder
	alive     []found
	places    []place
	hits      []hit
	window    postings.Window
	union     postings.Window
	order     []*part
	query     Query
	result    Found
	threshold uint32
	near      []pair
	met       []met
}

// hit is an item that was found, before it is known whether it stays, with its score in the form of a window.
type hit struct {
	slot  catalogue.Slot
	score uint32
	tie   byte
}

// Score returns what the last search gave item s, one of the best; 0 for others.
func (sc *Scratch) Score(s catalogue.Slot) float32 {
	if len(sc.places) == 0 {
		for i := range sc.found.entries {
			c := &sc.found.entries[i]
			sc.places = append(sc.places, place{slot: c.slot(), score: c.score()})
		}
		slices.SortFunc(sc.places, func(a, b place) int { return int(a.slot) - int(b.slot) })
	}
	i, ok := slices.BinarySearchFunc(sc.places, s, func(p place, s catalogue.Slot) int { return int(p.slot) - int(s) })
	if !ok {
		return 0
	}
	return float32(float64(sc.places[i].score) * sc.unit)
}

// asked is one word of a query, looked up.
type asked struct {
	optional bool
	// begin and end bound its forms.
	begin, end int
}

// form is a stem that stands for a word, in one part of the index.
type form struct {
	part *part
	term uint32
	list postings.List
	// share is what the form counts against the others of its word, from 0 to 1; factor is what a weight is multiplied with.
	share  float32
	factor uint32
}

// scale is what an idf of 1 is in a factor. A sum stays within its bits: 24 words of weight 255 and of an idf of 14.5, as of one item
// in a million, are 91 million of 134.
const scale = 1024

// maxFactor keeps sums within their bits: MaxWords * 255 * maxFactor < 2^27.
const maxFactor = postings.SumMask / (MaxWords * 255)

// unit is the score of 1 in a sum.
func (p *Params) unit() float64 { return float64(p.K1+1) / (255 * scale) }

// quantise returns a saturated weight in steps of 1/255 of the greatest, k1 + 1. No weight is 0. The error is at most half a step,
// 0.4 % of the weight of a word that stands once in a field of the usual length.
func (p *Params) quantise(saturated float32) uint8 {
	return uint8(max(1, min(255, math.Round(float64(saturated/(p.K1+1)*255)))))
}

// lookUp finds the words of the query in all parts. It returns how many are required.
func (x *Index) lookUp(sc *Scratch, words []Word) (required int) {
	sc.words, sc.forms = sc.words[:0], sc.forms[:0]
	for i := range words[:min(len(words), MaxWords)] {
		w := &words[i]
		a := asked{optional: w.Optional, begin: len(sc.forms)}
		if !w.Optional {
			required++
		}
		df := x.lookUpForm(sc, w.Stem, 1, -1)
		for j := range w.Forms {
			if f := &w.Forms[j]; f.Weight > 0 {
				df += x.lookUpForm(sc, f.Stem, min(f.Weight, 1), a.begin)
			}
		}
		a.end = len(sc.forms)
		boost := 1.0
		if w.Weight > 0 {
			boost = float64(w.Weight)
		}
		// The forms of a word are as common as all of them together: else a rare misspelling would count for more than the word.
		factor := idf(x.count, min(x.count, df)) * scale * boost
		for j := a.begin; j < a.end; j++ {
			f := &sc.forms[j]
			f.factor = uint32(max(1, min(maxFactor, math.Round(factor*float64(f.share)))))
		}
		sc.words = append(sc.words, a)
	}
	return required
}

// lookUpForm appends the lists of a stem in all parts: of the stem itself, or of the pairs that hold it when it is one character of a
// script without spaces. It returns how many items hold them, one that holds several counted as often. Those that stand among the forms
// from known on are only raised to the share; -1 says that there can be none.
func (x *Index) lookUpForm(sc *Scratch, stem string, share float32, known int) (df int) {
	r, single := alone(stem)
	if !single {
		stem = clip(stem)
	}
	for p := range x.all {
		add := func(term uint32) bool {
			if known >= 0 {
				for i := known; i < len(sc.forms); i++ {
					if f := &sc.forms[i]; f.part == p && f.term == term {
						f.share = max(f.share, share)
						return true
					}
				}
			}
			l := p.list(term)
			if live := p.live(term, &l); live > 0 {
				df += live
				sc.forms = append(sc.forms, form{part: p, term: term, list: l, share: share})
			}
			return true
		}
		if single {
			p.holding(r, add)
		} else if term, ok := p.term(stem); ok {
			add(term)
		}
	}
	return df
}

// operand is a word of the query in one part.
type operand struct {
	optional bool
	bit      uint32
	postings int
	// bound is the most that the word adds to a score, in the part or in the window.
	bound, local uint32
	cursors      []reader
}

// reader reads one form.
type reader struct {
	postings.Cursor
	factor uint32
}

// operandsOf sets operands to the words that stand in part p, required ones first and of those the rarest. It returns how many of them
// are required.
func (sc *Scratch) operandsOf(p *part) (required int) {
	used := 0
	for _, a := range sc.words {
		// What stands behind the end has room for cursors that is used again.
		if used == cap(sc.operands) {
			sc.operands = append(sc.operands[:used], operand{})
		}
		sc.operands = sc.operands[:max(len(sc.operands), used+1)]
		o := &sc.operands[used]
		o.optional, o.bit, o.postings, o.bound, o.cursors = a.optional, 0, 0, 0, o.cursors[:0]
		for i := a.begin; i < a.end; i++ {
			if f := &sc.forms[i]; f.part == p {
				o.cursors = append(o.cursors, reader{postings.NewCursor(f.list), f.factor})
				o.postings += f.list.Count
				o.bound = max(o.bound, uint32(f.list.Max)*f.factor)
			}
		}
		if len(o.cursors) == 0 {
			continue
		}
		if !o.optional {
			required++
			o.bit = postings.One
		}
		used++
	}
	sc.operands = sc.operands[:used]
	return required
}

// next returns the next document of any form.
func (o *operand) next() (least uint32, ok bool) {
	for i := range o.cursors {
		if doc, there := o.cursors[i].Next(); there && (!ok || doc < least) {
			least, ok = doc, true
		}
	}
	return least, ok
}

// skip passes over documents below doc.
func (o *operand) skip(doc uint32) {
	for i := range o.cursors {
		o.cursors[i].Skip(doc)
	}
}

// extend adds the word to all its documents below end.
func (o *operand) extend(sc *Scratch, end, bit uint32) (read int) {
	if len(o.cursors) == 1 {
		return o.cursors[0].Extend(&sc.window, end, o.cursors[0].factor, bit)
	}
	read = o.merge(sc, end)
	sc.window.Take(&sc.union, bit, false)
	return read
}

// update adds the word to documents below end that were found.
func (o *operand) update(sc *Scratch, end, bit uint32) (read int) {
	if len(o.cursors) == 1 {
		return o.cursors[0].Update(&sc.window, end, o.cursors[0].factor, bit)
	}
	o.skip(sc.window.Base)
	read = o.merge(sc, end)
	sc.window.Take(&sc.union, bit, true)
	return read
}

// merge gathers the forms in the union: of several in one document the one that gives most counts.
func (o *operand) merge(sc *Scratch, end uint32) (read int) {
	sc.union.Base = sc.window.Base
	for i := range o.cursors {
		read += o.cursors[i].Merge(&sc.union, end, o.cursors[i].factor)
	}
	return read
}

// localBound sets local to the most that the word adds to a document from where it stands to before end.
func (o *operand) localBound(end uint32) {
	o.local = 0
	for i := range o.cursors {
		most, _ := o.cursors[i].Bound(end)
		o.local = max(o.local, uint32(most)*o.cursors[i].factor)
	}
}

// place is one of the best items, by slot, with its score as the window has it.
type place struct {
	slot  catalogue.Slot
	score uint32
}
