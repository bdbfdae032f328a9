package engine

import (
	"math"
	"slices"

	"github.com/haggle-commerce/haggle/libs/shop"
	"github.com/haggle-commerce/haggle/libs/wire"
	"github.com/haggle-commerce/haggle/services/recall/internal/blend"
	"github.com/haggle-commerce/haggle/services/recall/internal/catalogue"
	"github.com/haggle-commerce/haggle/services/recall/internal/choice"
	"github.com/haggle-commerce/haggle/services/recall/internal/lexical"
	"github.com/haggle-commerce/haggle/services/recall/internal/top"
)

// order is a way to sort a result.
type order int

const (
	byRelevance order = iota
	byPrice
	byPriceDesc
	byNewest
	byPopularity
)

// orders are the ways by their names in a request.
var orders = map[string]order{
	"": byRelevance, "relevance": byRelevance, "price": byPrice, "price asc": byPrice, "price desc": byPriceDesc,
	"newest": byNewest, "popular": byPopularity,
}

// pageful is how many items a result should have before it is held to all words of a longer query: with fewer that match all,
// those that match nearly all fill the page, behind them.
const pageful = 20

// matches is what a search has found: hits that hold at least least words, and pass the filter.
type matches struct {
	words    []lexical.Word
	required int
	least    int
	// browsing says that there was no query: everything matches.
	browsing bool
}

func (q *question) search() error {
	query := trimmed(q.request.Query)
	way := orders[q.request.OrderBy]
	m := matches{browsing: query == ""}
	if m.browsing {
		q.hits = q.selection.Apply(q.engine.catalogue.Live(), q.hits, "")
		q.exclude(q.hits)
		if way == byRelevance {
			way = byPopularity
		}
	} else {
		m.words = q.engine.read(q.request.Language, query)
		q.spell(&m)
		q.find(&m, way)
	}
	total := q.hits.Count()
	q.reply.Total = uint32(total)
	entries := q.best(&m, way)
	if !m.browsing && way == byRelevance {
		entries = q.favour(entries, query)
		entries = q.mean(entries, query, m.required)
	}
	q.putSearch(entries[:min(len(entries), q.limit)])
	q.putOrder(entries)
	q.stage(blend.Lexical.String(), total, len(q.reply.Candidates.GetEnds()))
	if len(q.request.Facets) > 0 && q.spent() {
		q.reply.Degraded = append(q.reply.Degraded, "recall.facets:budget")
	} else if len(q.request.Facets) > 0 {
		q.facets(&m)
		q.stage("facets", total, len(q.reply.Facets))
	}
	return nil
}

// find sets hits to the result of the query. All words have to be there; some may be missing, but at most half, and any beyond three, when too few items
// hold all: those stand behind the others. When nothing is found so, the result is what holds the most words, and the reply says so.
func (q *question) find(m *matches, way order) {
	// A sentence has more words than any title that answers it.
	const most = 3
	words := &q.words
	m.required = requiredOf(m.words)
	floor := min((m.required+1)/2, most)
	counts := q.match(m, floor)
	if counts[m.required] < pageful && q.doubt(m, counts[m.required]) {
		counts = q.match(m, floor)
	}
	m.least = floor
	for least, sum := m.required, 0; least >= floor; least-- {
		sum += counts[least]
		if sum >= pageful || (way != byRelevance && sum > 0) {
			m.least = least
			break
		}
	}
	if sumFrom(counts, floor) == 0 && floor > 1 {
		counts = q.match(m, 1)
		for m.least = floor - 1; m.least > 1 && counts[m.least] == 0; {
			m.least--
		}
	}
	if m.required > 0 && sumFrom(counts, m.least) > counts[m.required] {
		q.reply.QueryExpansion = q.expansion(m)
		if counts[m.required] == 0 {
			q.degrade(blend.Lexical, "relaxed")
		}
	}
	for _, s := range words.Hits {
		if q.hits.Has(s) && words.Matched(s) < m.least {
			q.hits.Clear(s)
		}
	}
}

func sumFrom(counts [lexical.MaxWords + 1]int, least int) int {
	sum := 0
	for _, n := range counts[least:] {
		sum += n
	}
	return sum
}

// match searches and sets hits to what passes the filter and is not excluded. It returns how many of those hold how many words.
func (q *question) match(m *matches, least int) (counts [lexical.MaxWords + 1]int) {
	e, words := q.engine, &q.words
	e.words.Search(words, m.words, least)
	q.hits = q.hits.Grow(e.catalogue.Size())
	for _, s := range words.Hits {
		q.hits.Set(s)
	}
	if !q.selection.All() {
		q.spare = q.selection.Apply(q.hits, q.spare, "")
		q.hits, q.spare = q.spare, q.hits
	}
	q.exclude(q.hits)
	for _, s := range words.Hits {
		if q.hits.Has(s) {
			counts[words.Matched(s)]++
		}
	}
	return counts
}

// best returns the hits that come first. For relevance there are more than the limit, so that favour has something to choose from.
func (q *question) best(m *matches, way order) []top.Entry {
	e := q.engine
	k := q.limit
	if way == byRelevance {
		k = q.limit + q.limit/4 + 10
	}
	q.heap.Reset(k)
	if way == byRelevance {
		for _, s := range q.words.Hits {
			if q.hits.Has(s) {
				q.heap.Offer(top.Entry{Score: q.relevance(m, s), Tie: e.catalogue.Tie(s), Slot: s})
			}
		}
		return q.heap.Sorted()
	}
	if way == byPopularity && m.browsing {
		if entries, ok := q.leaders(e.popular.Leaders(), q.hits, k); ok {
			return entries
		}
	}
	for s := range q.hits.All {
		q.heap.Offer(top.Entry{Score: e.rank(s, way), Tie: e.catalogue.Tie(s), Slot: s})
	}
	return q.heap.Sorted()
}

// relevance is how well item s answers the query: by its words, and an item that holds all of them stands before all that do not.
func (q *question) relevance(m *matches, s catalogue.Slot) float64 {
	const whole = 100
	score := float64(q.words.Score(s))
	if m.least < m.required && q.words.Matched(s) == m.required {
		score += whole
	}
	return score
}

// rank is what item s is sorted by, higher first; what is not known comes last.
func (e *Engine) rank(s catalogue.Slot, way order) float64 {
	switch way {
	case byPrice, byPriceDesc:
		price := e.catalogue.Price(s)
		if price == 0 {
			return math.Inf(-1)
		}
		if way == byPrice {
			return -price
		}
		return price
	case byNewest:
		return float64(e.catalogue.Created(s))
	}
	if level := e.popular.Level(s); !math.IsInf(level, -1) {
		return level
	}
	// What nobody has wanted yet comes last, the newest first.
	return -1e12 + float64(e.catalogue.Created(s))
}

// leaders returns the k first of the leaders that are in allowed, and false when there are not as many.
func (q *question) leaders(leaders []top.Entry, allowed catalogue.Bits, k int) ([]top.Entry, bool) {
	q.entries = q.entries[:0]
	for _, e := range leaders {
		if allowed.Has(e.Slot) {
			if q.entries = append(q.entries, e); len(q.entries) == k {
				return q.entries, true
			}
		}
	}
	return q.entries, false
}

// favour moves up what shoppers chose for this query, and what is wanted more among what matches about as well; it moves down what is
// out of stock, and to the top the item whose id was typed.
func (q *question) favour(entries []top.Entry, query string) []top.Entry {
	e := q.engine
	best, chosen := e.popular.Peak(), e.choices.Of(choice.Key(query), q.now)
	for i := range entries {
		s := entries[i].Slot
		entries[i].Score *= chosen.Boost(s)
		if level := e.popular.Level(s); !math.IsInf(level, -1) {
			// The square root of the share of the leader's count.
			entries[i].Score *= 1 + 0.2*math.Exp((level-best)/2)
		}
		if !e.catalogue.Buyable().Has(s) {
			entries[i].Score *= 0.7
		}
	}
	entries = q.named(entries, shop.ItemID(query))
	slices.SortFunc(entries, top.Compare)
	return entries
}

// beatsAll is more than any score of words.
const beatsAll = 1000

// named puts the item whose id was typed, if it may be offered, among the entries with a score that beats all.
func (q *question) named(entries []top.Entry, id shop.ItemID) []top.Entry {
	e := q.engine
	s, ok := e.catalogue.Find(id)
	if !ok || !e.catalogue.Live().Has(s) || !q.selection.Holds(s) || slices.Contains(q.request.ExcludeItems, string(id)) {
		return entries
	}
	if !q.hits.Has(s) {
		q.hits.Set(s)
		q.reply.Total++
	}
	for i := range entries {
		if entries[i].Slot == s {
			entries[i].Score += beatsAll
			return entries
		}
	}
	return append(entries, top.Entry{Score: beatsAll, Slot: s, Tie: e.catalogue.Tie(s)})
}

// searchColumns are the columns of a search.
var searchColumns = []string{wire.ColumnScore, wire.ColumnLexical, wire.ColumnTrending}

func (q *question) putSearch(entries []top.Entry) {
	reasons := make([]byte, len(entries))
	for i := range entries {
		if q.words.Score(entries[i].Slot) > 0 && trimmed(q.request.Query) != "" {
			reasons[i] = byte(shop.Reasons(0).With(shop.ReasonMatch))
		}
	}
	q.reply.Reasons, q.reply.Because = reasons, make([]byte, len(entries))
	browsing := trimmed(q.request.Query) == ""
	q.put(len(entries), func(i int) catalogue.Slot { return entries[i].Slot }, searchColumns, func(i, column int) float32 {
		s := entries[i].Slot
		switch searchColumns[column] {
		case wire.ColumnScore:
			if browsing {
				// Levels and dates mean nothing outside; the order does.
				return 1 / float32(1+i)
			}
			return float32(entries[i].Score)
		case wire.ColumnLexical:
			if browsing {
				return 0
			}
			return q.words.Score(s)
		}
		return float32(q.engine.trending.Value(s, q.now))
	})
}

// facets counts the facets of the result. The conditions of the filter on a key do not narrow the counts of that key.
func (q *question) facets(m *matches) {
	e := q.engine
	var together []string
	for _, key := range q.request.Facets {
		if !q.selection.About(catalogue.FoldKey(key)) {
			together = append(together, key)
		}
	}
	facets := make([]catalogue.Facet, 0, len(q.request.Facets))
	facets = e.catalogue.Facets(&q.counter, q.hits, together, facets)
	for _, key := range q.request.Facets {
		folded := catalogue.FoldKey(key)
		if !q.selection.About(folded) {
			continue
		}
		var base catalogue.Bits
		if m.browsing {
			base = slices.Clone(e.catalogue.Live())
		} else {
			base = catalogue.Bits(nil).Grow(e.catalogue.Size())
			for _, s := range q.words.Hits {
				if q.words.Matched(s) >= m.least {
					base.Set(s)
				}
			}
		}
		q.exclude(base)
		facets = e.catalogue.Facets(&q.counter, q.selection.Apply(base, nil, folded), []string{key}, facets)
	}
	// In the order in which they were asked for.
	for _, key := range q.request.Facets {
		for i := range facets {
			if facets[i].Key == key {
				q.reply.Facets = append(q.reply.Facets, &wire.Facet{Key: key, Values: facets[i].Values, Counts: facets[i].Counts})
				break
			}
		}
	}
}
