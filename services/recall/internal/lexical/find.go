package lexical

import (
	"cmp"
	"slices"

	"github.com/haggle-commerce/haggle/services/recall/internal/catalogue"
	"github.com/haggle-commerce/haggle/services/recall/internal/postings"
	"github.com/haggle-commerce/haggle/services/recall/internal/top"
)

// Find searches. The best items, and the set if it was asked for, are left in sc.
//
// The score of an item is the sum over the words it holds, optional ones too, of the weight of the word there (see the package) times
// idf; of the forms of a word the one that gives most. Items that hold as many words as asked are found by adding up the lists of the
// rarest words, one more than may be missing, window by window, and looking up the others; the best of those that hold any word by
// MaxScore (H. Turtle, J. Flood, "Query evaluation: strategies and optimizations", 1995) with the bounds of blocks.
func (x *Index) Find(sc *Scratch, q *Query) Found {
	sc.reset()
	sc.query, sc.result, sc.all, sc.unit = *q, Found{}, false, x.params.unit()
	f := &sc.result
	f.Required = x.lookUp(sc, q.Words)
	f.Least = max(1, min(q.Least, f.Required))
	sc.found.reset(q.Limit, q.Tie)
	if q.Set {
		sc.Set = sc.Set.Grow(x.size)
	}
	known, total := sc.known()
	if prune := f.Least == 1 && !q.Set && (!q.Count || known); prune {
		sc.threshold = sc.guess(q)
		x.bestOfAny(sc)
		if sc.threshold > 0 && len(sc.found.entries) < q.Limit && !f.Cut {
			// The guess was too high: the dead or the filter took away what it counted on.
			sc.threshold, *f = 0, Found{Required: f.Required, Least: 1}
			sc.found.reset(q.Limit, q.Tie)
			x.bestOfAny(sc)
		}
		if f.Counts = [MaxWords + 1]int{}; known {
			f.Total, f.Exact = total, true
		}
	} else {
		sc.threshold = 0
		x.matchAll(sc)
		f.Exact = !f.Cut
	}
	sc.finish()
	return *f
}

// known reports whether the number of items found is known beforehand: those of one word of one form.
func (sc *Scratch) known() (known bool, total int) {
	if sc.result.Required != 1 || sc.query.Within != nil {
		return false, 0
	}
	for i := range sc.words {
		if sc.query.Words[i].Optional {
			continue
		}
		if _, single := alone(sc.query.Words[i].Stem); single || len(sc.query.Words[i].Forms) > 0 {
			return false, 0
		}
		for j := sc.words[i].begin; j < sc.words[i].end; j++ {
			form := &sc.forms[j]
			total += form.part.live(form.term, &form.list)
		}
	}
	return true, total
}

// guess returns a score that the best items surely have, were none of them dead: that of the limit-th best by one word alone.
func (sc *Scratch) guess(q *Query) (score uint32) {
	if q.Within != nil || q.Limit == 0 || q.Budget > 0 {
		return 0
	}
	for i := range sc.words {
		if w := &sc.words[i]; !w.optional {
			for j := w.begin; j < w.end; j++ {
				score = max(score, uint32(sc.forms[j].list.Rank(q.Limit))*sc.forms[j].factor)
			}
		}
	}
	return score
}

// matchAll finds every item that holds enough words.
func (x *Index) matchAll(sc *Scratch) {
	for p := range x.all {
		if sc.result.Cut {
			return
		}
		if required := sc.operandsOf(p); required >= sc.result.Least {
			sc.match(p, required)
		}
	}
}

// match finds the items of one part that hold enough words.
func (sc *Scratch) match(p *part, required int) {
	slices.SortStableFunc(sc.operands, func(a, b operand) int {
		return cmp.Or(-cmp.Compare(a.bit, b.bit), cmp.Compare(a.postings, b.postings))
	})
	least := sc.result.Least
	// What is in none of the first ones cannot be in enough of the others.
	first := required - least + 1
	for {
		base, ok := uint32(0), false
		for i := range first {
			if doc, there := sc.operands[i].next(); there && (!ok || doc < base) {
				base, ok = doc, true
			}
		}
		if !ok {
			return
		}
		sc.window.Base = base
		end := base + postings.Size
		for i := range sc.operands {
			o := &sc.operands[i]
			if i < first {
				sc.result.Postings += o.extend(sc, end, o.bit)
				continue
			}
			if i < required {
				sc.window.Keep(uint32(least-(required-i)) << postings.SumBits)
			} else if i == required {
				sc.window.Keep(uint32(least) << postings.SumBits)
			}
			if sc.window.Len() == 0 {
				break
			}
			sc.result.Postings += o.update(sc, end, o.bit)
		}
		sc.emit(p, uint32(least)<<postings.SumBits)
		if sc.spent() {
			return
		}
	}
}

// spent reports whether the budget is used up.
func (sc *Scratch) spent() bool {
	sc.result.Cut = sc.query.Budget > 0 && sc.result.Postings >= sc.query.Budget
	return sc.result.Cut
}

// emit takes what is in the window with a score of at least least into the result, and empties the window.
func (sc *Scratch) emit(p *part, least uint32) {
	q := &sc.query
	for i := range sc.window.Len() {
		doc, score := sc.window.At(i)
		if score < least || p.dead.Has(catalogue.Slot(doc)) {
			continue
		}
		s := p.slot(doc)
		if q.Within != nil && !q.Within.Has(s) {
			continue
		}
		sc.result.Total++
		sc.result.Counts[score>>postings.SumBits]++
		if sc.all {
			sc.Hits = append(sc.Hits, s)
			sc.cells[s] = score
			continue
		}
		if q.Set {
			sc.Set.Set(s)
		}
		sc.found.offer(candidate{score: score & postings.SumMask, slot: s, part: p, doc: doc})
	}
	sc.window.Clear()
}

// bestOfAny finds the best items that hold any word, in the largest parts first, so that the threshold rises early.
func (x *Index) bestOfAny(sc *Scratch) {
	sc.order = sc.order[:0]
	for p := range x.all {
		sc.order = append(sc.order, p)
	}
	slices.SortStableFunc(sc.order, func(a, b *part) int { return cmp.Compare(b.alive, a.alive) })
	for _, p := range sc.order {
		if sc.result.Cut {
			return
		}
		if required := sc.operandsOf(p); required > 0 {
			sc.best(p, len(sc.operands)-required)
		}
	}
}

// best finds the best items of one part. The first optional of the operands, after they are put in order, are optional words.
func (sc *Scratch) best(p *part, optional int) {
	slices.SortStableFunc(sc.operands, func(a, b operand) int {
		return cmp.Or(cmp.Compare(a.bit, b.bit), cmp.Compare(a.bound, b.bound))
	})
	ops := sc.operands
	for {
		// An item that holds none of the essential words cannot enter, so these alone say where the next window lies.
		least := max(sc.threshold, sc.found.least())
		essential, sum := 0, uint32(0)
		for essential < len(ops) && sum+ops[essential].bound < least {
			sum += ops[essential].bound
			essential++
		}
		base, ok := uint32(0), false
		for i := max(essential, optional); i < len(ops); i++ {
			if doc, there := ops[i].next(); there && (!ok || doc < base) {
				base, ok = doc, true
			}
		}
		if !ok {
			return
		}
		sc.window.Base = base
		sc.bestOfWindow(p, optional, least)
		if sc.spent() {
			return
		}
	}
}

// bestOfWindow does one window. All operands stand behind it afterwards, or are no more essential.
func (sc *Scratch) bestOfWindow(p *part, optional int, least uint32) {
	ops, end := sc.operands, sc.window.Base+postings.Size
	sc.prefixes = sc.prefixes[:0]
	sum, essential := uint32(0), len(ops)
	for i := range ops {
		ops[i].skip(sc.window.Base)
		ops[i].localBound(end)
		sc.prefixes = append(sc.prefixes, sum)
		if sum += ops[i].local; sum >= least && essential == len(ops) {
			essential = i
		}
	}
	if essential == len(ops) {
		sc.leave(end)
		return
	}
	essential = max(essential, optional)
	if only := &ops[essential]; essential == len(ops)-1 && len(only.cursors) == 1 {
		c := &only.cursors[0]
		weight := uint32(0)
		if rest := sc.prefixes[essential]; least > rest {
			weight = (least - rest + c.factor - 1) / c.factor
		}
		sc.result.Postings += c.ExtendAbove(&sc.window, end, c.factor, 0, uint8(min(weight, 255)))
	} else {
		for i := essential; i < len(ops); i++ {
			sc.result.Postings += ops[i].extend(sc, end, 0)
		}
	}
	for i := essential - 1; i >= 0; i-- {
		if bound := sc.prefixes[i] + ops[i].local; least > bound {
			sc.window.Keep(least - bound)
		}
		if sc.window.Len() == 0 {
			break
		}
		sc.result.Postings += ops[i].update(sc, end, 0)
	}
	sc.emit(p, least)
	sc.leave(end)
}

// leave moves all operands to the end of the window: looking up leaves them where they were.
func (sc *Scratch) leave(end uint32) {
	for i := range sc.operands {
		sc.operands[i].skip(end)
	}
}

// finish puts the best in order and notes where they stand.
func (sc *Scratch) finish() {
	for _, c := range sc.found.sorted() {
		sc.Best = append(sc.Best, top.Entry{Score: float64(c.score) * sc.unit, Tie: c.tie, Slot: c.slot})
		sc.places = append(sc.places, place{slot: c.slot, score: c.score, part: c.part, doc: c.doc})
	}
	slices.SortFunc(sc.places, func(a, b place) int { return cmp.Compare(a.slot, b.slot) })
}

// Search finds the items that hold at least least of the words that are not optional, and scores them by all words. It leaves them in
// the hits of sc. It returns how many words are not optional. [Index.Find] does the same for less where only the best are wanted.
func (x *Index) Search(sc *Scratch, words []Word, least int) (required int) {
	x.begin(sc)
	f := &sc.result
	f.Required = x.lookUp(sc, words)
	f.Least = max(1, min(least, f.Required))
	x.matchAll(sc)
	return f.Required
}

// begin makes sc ready to gather hits.
func (x *Index) begin(sc *Scratch) {
	sc.reset()
	sc.query, sc.result, sc.all, sc.unit, sc.threshold = Query{}, Found{Least: 1}, true, x.params.unit(), 0
	if len(sc.cells) < x.size {
		sc.cells = make([]uint32, x.size+x.size/8)
	}
}
