package feature

import (
	"math"
	"math/bits"
	"slices"
)

// Extractor makes vectors from a catalogue. It may be used by many goroutines, each with an [Asker] of its own.
type Extractor struct {
	catalogue *Catalogue
}

// NewExtractor returns an Extractor that reads from the catalogue.
func NewExtractor(c *Catalogue) *Extractor { return &Extractor{catalogue: c} }

// Rows appends one vector of [Vector] numbers per candidate to dst, row-major, and returns it. facts[i] is nil for an item
// that is not in the catalogue; rows[i] is its row, zero when nobody has seen it. Every number is finite. Rows panics
// when facts and rows differ in length.
func (x *Extractor) Rows(dst []float32, a *Asker, facts []*Facts, rows []ItemRow) []float32 {
	if len(facts) != len(rows) {
		panic("feature: facts and rows differ in length")
	}
	begin := len(dst)
	dst = slices.Grow(dst, Vector*len(facts))[:begin+Vector*len(facts)]
	vectors := dst[begin:]
	clear(vectors)
	x.prices(vectors, a, facts)
	for i, f := range facts {
		v := (*[Vector]float32)(vectors[i*Vector:])
		v[historySize] = a.size
		a.counts(v, &rows[i])
		if f != nil {
			a.content(v, f)
			a.own(v, f)
			a.text(v, f)
		}
	}
	a.nearness(vectors, facts)
	return dst
}

// prices fills the columns that compare with the usual price of a category: the only ones that need the catalogue's lock.
func (x *Extractor) prices(vectors []float32, a *Asker, facts []*Facts) {
	x.catalogue.mu.RLock()
	defer x.catalogue.mu.RUnlock()
	for i, f := range facts {
		if f == nil || f.LogPrice == 0 {
			continue
		}
		if usual, ok := x.catalogue.usualPrice(f.Category[Depths-1]); ok {
			v := vectors[i*Vector : (i+1)*Vector]
			v[priceCategory] = f.LogPrice - usual
			if a.haveLevel {
				v[priceGap] = float32(math.Abs(float64(f.LogPrice - usual - a.level)))
			}
		}
	}
}

// counts fills the columns that come from the item's row: how much it is wanted, of late and ever, and by which share of
// those who saw it. Rates lean to a prior, as if it had been seen some times before.
func (a *Asker) counts(v *[Vector]float32, r *ItemRow) {
	if r.newest == 0 {
		v[clickRate], v[cartRate], v[buyRate] = 1.0/20, 0.5/5, 0.25/5
		return
	}
	var dayBought, dayInterest, weekBought, weekInterest float32
	// A bucket from before 1970 is empty, so an index that wraps around below day 0 does no harm.
	newest := uint(r.newest - 1)
	late := max(int(a.day)-int(newest), 0)
	for age, weight := range a.dayWeight[min(late, RowDays):][:RowDays] {
		bucket := &r.days[(newest-uint(age))%RowDays]
		dayBought += weight * float32(bucket[Bought])
		dayInterest += weight * interestOf(bucket[Clicked], bucket[Viewed], bucket[Carted])
	}
	lateWeeks := max(int(a.day/7)-int(newest/7), 0)
	for age, weight := range a.weekWeight[min(lateWeeks, len(a.weekWeight)-RowWeeks):][:RowWeeks] {
		bucket := &r.weeks[(newest/7-uint(age))%RowWeeks]
		weekBought += weight * float32(bucket[Bought])
		weekInterest += weight * interestOf(bucket[Clicked], bucket[Viewed], bucket[Carted])
	}
	v[boughtTotal] = logOnePlus(float32(r.Total[Bought]))
	v[boughtMonth] = logOnePlus(weekBought)
	v[boughtDays] = logOnePlus(dayBought)
	v[interestTotal] = logOnePlus(interestOf(r.Total[Clicked], r.Total[Viewed], r.Total[Carted]))
	v[interestMonth] = logOnePlus(weekInterest)
	v[interestDays] = logOnePlus(dayInterest)
	v[shownTotal] = logOnePlus(float32(r.Total[Shown]))
	seen := float32(r.Total[Clicked]) + float32(r.Total[Viewed])
	v[clickRate] = min((float32(r.Total[Clicked])+1)/(float32(r.Examined)/examinedUnit+20), 1)
	v[cartRate] = min((float32(r.Total[Carted])+0.5)/(seen+5), 1)
	v[buyRate] = (float32(r.Total[Bought]) + 0.25) / (max(seen, float32(r.Total[Bought])) + 5)
}

// interestOf is how much is wanted what was clicked, viewed and put into carts so often.
func interestOf(clicked, viewed, carted uint32) float32 {
	return float32(clicked) + float32(viewed) + 2*float32(carted)
}

// content fills the columns that compare what the item is with what the shopper and the page lean to.
func (a *Asker) content(v *[Vector]float32, f *Facts) {
	if f.Created != 0 {
		v[newness] = 1 / (1 + a.ageDays(f.Created)/30)
	}
	v[priceLog] = f.LogPrice
	if a.havePrice && f.LogPrice > 0 {
		v[priceZ] = (f.LogPrice - a.meanPrice) / a.spread
	}
	if a.interest > 0 {
		a.leaning(v, f)
	}
	narrow := f.Category[Depths-1]
	for i, other := range a.recent {
		// 1, 1/2, 1/3 ... over their sum for recentItems.
		weight := recentWeight / float32(i+1)
		if narrow != 0 && narrow == other.Category[Depths-1] {
			v[recentCategory] += weight
		}
		if f.Brand != 0 && f.Brand == other.Brand {
			v[recentBrand] += weight
		}
	}
	for _, other := range a.context {
		v[contextCategory] = max(v[contextCategory], f.overlap(other))
		if f.Brand != 0 && f.Brand == other.Brand {
			v[contextBrand] += 1 / float32(len(a.context))
		}
		v[contextText] = max(v[contextText], f.jaccard(other))
	}
}

// leaning fills the columns of what the shopper likes: shares of all interest for brand and categories, of the interest in
// things that have an attribute of the key for attributes, and how much of the item's words she met of late.
func (a *Asker) leaning(v *[Vector]float32, f *Facts) {
	if f.Brand != 0 {
		likes, _ := a.affinity.find(levelKey(brandLevel, f.Brand))
		v[brandAffinity] = likes / a.interest
	}
	for depth, category := range f.Category {
		if category != 0 {
			likes, _ := a.affinity.find(levelKey(depth, category))
			v[categoryBroad+depth] = likes / a.interest
		}
	}
	var shares, keys float32
	for _, attribute := range f.Attributes {
		if all, ok := a.affinity.find(levelKey(keyLevel, attribute.Key)); ok {
			likes, _ := a.affinity.find(levelKey(valueLevel, attribute.Value))
			// Half a thing looked at is assumed beside what is known, so that a single one says little.
			shares, keys = shares+likes/(all+0.5), keys+1
		}
	}
	if keys > 0 {
		v[attributeAffinity] = shares / keys
	}
	var words float32
	for _, term := range f.Terms {
		if a.words.may(uint64(term)) {
			likes, _ := a.words.find(uint64(term))
			words += likes
		}
	}
	if len(f.Terms) > 0 {
		v[wordAffinity] = words / float32(len(f.Terms))
	}
}

// recentWeight makes 1 + 1/2 + ... + 1/recentItems a weight of 1.
const recentWeight = 1 / (1 + 1.0/2 + 1.0/3 + 1.0/4 + 1.0/5)

// overlap returns the share of the depths, from the narrowest up, at which two items stand in one category.
func (f *Facts) overlap(other *Facts) float32 {
	for depth := Depths - 1; depth >= 0; depth-- {
		if f.Category[depth] != 0 && f.Category[depth] == other.Category[depth] {
			return float32(depth+1) / Depths
		}
	}
	return 0
}

// jaccard returns how many words two titles have in common, over how many they have, by their marks.
func (f *Facts) jaccard(other *Facts) float32 {
	both := bits.OnesCount64(f.TitleMarks[0]&other.TitleMarks[0]) + bits.OnesCount64(f.TitleMarks[1]&other.TitleMarks[1])
	if both == 0 {
		return 0
	}
	either := bits.OnesCount64(f.TitleMarks[0]|other.TitleMarks[0]) + bits.OnesCount64(f.TitleMarks[1]|other.TitleMarks[1])
	return float32(both) / float32(either)
}

// own fills the columns of what the shopper did with this very item.
func (a *Asker) own(v *[Vector]float32, f *Facts) {
	at, ok := a.known.find(uint64(f.Hash))
	if !ok {
		return
	}
	p := &a.shopper.History[at]
	v[ownInterest] = logOnePlus(interestOf(p.Times[Clicked], p.Times[Viewed], p.Times[Carted]))
	v[ownRecency] = 1 / (1 + a.ageDays(p.Last))
	bought := float32(p.Bought())
	if bought == 0 {
		return
	}
	v[ownBought] = logOnePlus(bought)
	v[ownRate] = bought / (a.trips + 1)
	if times := p.Times[Bought]; times > 1 {
		// What is bought every ten days is due ten days after the last time; a day is the shortest period.
		period := max(float32(p.LastBought-p.FirstBought)/dayMillis/float32(times-1), 1)
		v[ownDue] = min(a.ageDays(p.LastBought)/period, 3)
	}
}

// text fills the columns of a search: the weight of the words that the item has, over that of all words of the query. In
// the title a word weighs as in BM25 with k1 = 1.2 and b = 0.75: less in a long title.
func (a *Asker) text(v *[Vector]float32, f *Facts) {
	if a.allTerms == 0 {
		return
	}
	perTerm := 2.2 / (1 + 1.2*(0.25+0.75*float32(f.TitleTerms)/a.usualTitle))
	var title, other, covered float32
	for _, term := range a.terms {
		where := f.Where(term.hash)
		if where == 0 {
			continue
		}
		covered += term.idf
		if where&InTitle != 0 {
			title += term.idf * perTerm
		}
		if where&^InTitle != 0 {
			other += term.idf
		}
	}
	v[textTitle], v[textOther], v[textCoverage] = title/a.allTerms, other/a.allTerms, covered/a.allTerms
}

// nearness fills the columns of neighbours. The candidates are looked up once and the lists of the sources walked, so that
// the cost does not depend on how many items there are.
func (a *Asker) nearness(vectors []float32, facts []*Facts) {
	if len(a.near) == 0 {
		return
	}
	a.positions.reset(len(facts))
	a.first = slices.Grow(a.first[:0], len(facts))[:len(facts)]
	for i, f := range facts {
		a.first[i] = int32(i)
		if f == nil {
			continue
		}
		if index, ok := a.neighbours.Lookup(f.ID); ok {
			// A candidate that is named twice is scored once and copied: index 0 is the table's empty key, hence 1 more.
			at := a.positions.value(uint64(index) + 1)
			if *at == 0 {
				*at = int32(i) + 1
			}
			a.first[i] = *at - 1
		}
	}
	for _, s := range a.near {
		items, weights := a.neighbours.Neighbours(s.index)
		for k, item := range items[:min(len(items), len(weights))] {
			// Nine of ten neighbours are no candidate.
			if !a.positions.may(uint64(item) + 1) {
				continue
			}
			at, ok := a.positions.find(uint64(item) + 1)
			if !ok {
				continue
			}
			v, weight := vectors[int(at-1)*Vector:], weights[k]
			if s.context {
				v[nearContext] += weight
				continue
			}
			v[nearAll] += s.weight * weight
			v[nearBest] = max(v[nearBest], weight)
			if s.recent {
				v[nearRecent] += weight
			}
		}
	}
	for i, first := range a.first {
		if int(first) != i {
			copy(vectors[i*Vector+nearAll:i*Vector+nearContext+1], vectors[int(first)*Vector+nearAll:])
		}
	}
}

// logOnePlus returns ln(1 + x) for x >= 0 with an error below 1e-6 of it or of 1: a third of the time of [math.Log1p], of
// which a vector needs ten.
func logOnePlus(x float32) float32 {
	// y = m * 2^e with m in [0.707, 1.414); ln m = 2 artanh((m-1)/(m+1)).
	y := math.Float32bits(1+x) - 0x3f3504f3
	e := int32(y) >> 23
	m := math.Float32frombits(y&0x7fffff + 0x3f3504f3)
	s := (m - 1) / (m + 1)
	s2 := s * s
	return 2*s*(1+s2*(1.0/3+s2*(1.0/5+s2*(1.0/7)))) + float32(e)*math.Ln2
}
