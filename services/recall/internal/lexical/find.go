package lexical

import (
	"cmp"
	"slices"

	"github.com/haggle-commerce/haggle/services/recall/internal/catalogue"
	"github.com/haggle-commerce/haggle/services/recall/internal/postings"
	"github.com/haggle-commerce/haggle/services/recall/internal/top"
)

// Find searches. What it found is left in sc.
//
// The score of an item is the sum over the words it holds, optional ones too, of the weight of the word there (see the package) times
// idf; of the forms of a word the one that gives most. Items that hold as many words as asked are found by adding up the lists of the
// rarest words, one more than may be missing, window by window, and looking up the others; the best of those that hold any word by
// MaxScore (H. Turtle, J. Flood, "Query evaluation: strategies and optimizations", 1995) with the bounds of blocks.
func (x *Index) Find(sc *Scratch, q *Query) Found {
	sc.empty()
	sc.query, sc.result, sc.unit, sc.threshold = *q, Found{}, x.params.unit(), 0
	f := &sc.result
	f.Required = x.lookUp(sc, q.Words)
	f.Least = max(1, min(q.Least, f.Required))
	sc.query.WholeFirst = q.WholeFirst && f.Least < f.Required
	sc.found.reset(q.Limit, q.Tie)
	known, total := sc.known()
	switch {
	case q.Narrow != nil:
		if words := (max(x.size, q.Room) + 63) / 64; words <= cap(sc.Set) {
			sc.Set = sc.Set[:words]
		} else {
			sc.Set = make(catalogue.Bits, words+words/16)[:words]
		}
		x.matchAll(sc)
		sc.narrow()
		f.Exact = true
	case f.Least > 1 || q.Count && !known:
		x.matchAll(sc)
		f.Exact = true
	default:
		sc.findBest(x)
		if known {
			f.Total, f.Exact = total, true
		}
	}
	sc.finish()
	return *f
}

// empty forgets the last search. Of a set only what was put in is cleared: most are small.
func (sc *Scratch) empty() {
	if 8*len(sc.hits) < len(sc.Set) {
		for i := range sc.hits {
			sc.Set[sc.hits[i].slot>>6] = 0
		}
	} else {
		clear(sc.Set)
	}
	sc.Best, sc.places, sc.hits, sc.Set = sc.Best[:0], sc.places[:0], sc.hits[:0], sc.Set[:0]
}

// findBest finds the best of those that hold any word, and nothing else.
func (sc *Scratch) findBest(x *Index) {
	if sc.query.Limit == 0 {
		return
	}
	sc.threshold = sc.guess(&sc.query)
	sc.ladder.reset(sc.query.Limit, sc.most())
	x.bestOfAny(sc)
	if sc.threshold > 0 && len(sc.found.entries) < sc.query.Limit {
		// The guess was too high: the dead took away what it counted on.
		sc.threshold, sc.result.Total = 0, 0
		sc.found.reset(sc.query.Limit, sc.query.Tie)
		sc.ladder.reset(sc.query.Limit, sc.most())
		x.bestOfAny(sc)
	}
}

// narrow takes the hits that stay into the result.
func (sc *Scratch) narrow() {
	stay := sc.query.Narrow(sc.Set)
	for i := range sc.hits {
		h := &sc.hits[i]
		if !stay.Has(h.slot) {
			continue
		}
		sc.result.Total++
		sc.result.Counts[h.score>>postings.SumBits]++
		if key := keyOf(sc.placed(h.score), h.tie); key >= sc.found.least {
			sc.found.offerSlot(key, h.slot)
		}
	}
}

// placed returns the score of a window as it counts among the candidates: without the number of words, but with a bit above all scores
// for an item that holds all of them, when those come first.
func (sc *Scratch) placed(score uint32) uint32 {
	if sc.query.WholeFirst && int(score>>postings.SumBits) == sc.result.Required {
		return score&postings.SumMask | postings.One
	}
	return score & postings.SumMask
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
	if q.Within != nil {
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

// most returns the greatest score that an item may have.
func (sc *Scratch) most() (score uint32) {
	for i := range sc.words {
		w, most := &sc.words[i], uint32(0)
		for j := w.begin; j < w.end; j++ {
			most = max(most, uint32(sc.forms[j].list.Max)*sc.forms[j].factor)
		}
		score += most
	}
	return score
}

// matchAll finds every item that holds enough words.
func (x *Index) matchAll(sc *Scratch) {
	for p := range x.all {
		if required := sc.operandsOf(p); required >= sc.result.Least {
			sc.found.search(p)
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
	}
}

// emit takes what is in the window with a score of at least least into the result, and empties the window.
func (sc *Scratch) emit(p *part, least uint32) {
	q, ties := &sc.query, p.ties()
	sc.window.Keep(least)
	for i := range sc.window.Len() {
		doc, score := sc.window.At(i)
		if p.dead.Has(catalogue.Slot(doc)) {
			continue
		}
		if q.Within != nil && !q.Within.Has(p.slot(doc)) {
			continue
		}
		if q.Narrow != nil {
			s := p.slot(doc)
			sc.hits = append(sc.hits, hit{s, score, ties[doc]})
			sc.Set.Set(s)
			continue
		}
		sc.result.Total++
		sc.result.Counts[score>>postings.SumBits]++
		if key := keyOf(sc.placed(score), ties[doc]); key >= sc.found.least {
			sc.found.offer(key, doc)
		}
	}
	sc.window.Clear()
}

// emitBest does what emit does for a search that looks at the best alone: what cannot be among them any more by the scores of this window
// is not offered.
func (sc *Scratch) emitBest(p *part, least uint32) {
	q, ties := &sc.query, p.ties()
	sc.window.Keep(least)
	sc.alive = sc.alive[:0]
	for i := range sc.window.Len() {
		doc, score := sc.window.At(i)
		if p.dead.Has(catalogue.Slot(doc)) || q.Within != nil && !q.Within.Has(p.slot(doc)) {
			continue
		}
		sc.alive = append(sc.alive, found{doc, score})
		sc.ladder.add(score)
	}
	sc.result.Total += len(sc.alive)
	sc.window.Clear()
	sc.threshold = max(sc.threshold, sc.ladder.climb())
	for _, f := range sc.alive {
		if f.score < sc.threshold {
			continue
		}
		if key := keyOf(f.score, ties[f.doc]); key >= sc.found.least {
			sc.found.offer(key, f.doc)
		}
	}
}

// bestOfAny finds the best items that hold any word, in the largest parts first, so that the threshold rises early.
func (x *Index) bestOfAny(sc *Scratch) {
	sc.order = sc.order[:0]
	for p := range x.all {
		sc.order = append(sc.order, p)
	}
	slices.SortStableFunc(sc.order, func(a, b *part) int { return cmp.Compare(b.alive, a.alive) })
	for _, p := range sc.order {
		if required := sc.operandsOf(p); required > 0 {
			sc.found.search(p)
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
		least := max(sc.threshold, sc.found.score())
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
	sc.emitBest(p, least)
	sc.leave(end)
}

// leave moves all operands to the end of the window: looking up leaves them where they were.
func (sc *Scratch) leave(end uint32) {
	for i := range sc.operands {
		sc.operands[i].skip(end)
	}
}

// finish puts the best in order.
func (sc *Scratch) finish() {
	best := sc.found.sorted()
	for i := range best {
		c := &best[i]
		e := top.Entry{Score: float64(c.score()) * sc.unit, Tie: sc.found.whole(c), Slot: c.slot()}
		if c.first() {
			e.Score += whole
		}
		sc.Best = append(sc.Best, e)
	}
}
