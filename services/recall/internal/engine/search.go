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

// Of how many of the best items it is read how near the words of the query stand in them, two pages and what lies around their end, and
// the most that this counts against the words themselves.
const (
	nearFirst = 50
	nearMost  = 0.25
)

// matches is what a search has found: what holds at least least words, and passes the filter.
type matches struct {
	words    []lexical.Word
	required int
	least    int
	// browsing says that there was no query: everything matches.
	browsing bool
	// near says that what lies near a vector is the result, and no more.
	near bool
	way  order
	// all says that the items themselves are wanted, in hits, and not only the best.
	all   bool
	total int
	// counts are how many of the items hold how many words.
	counts [lexical.MaxWords + 1]int
}

func (q *question) search() error {
	if q.found != nil {
		q.adopt()
		return nil
	}
	query := trimmed(q.request.Query)
	_, typed := q.engine.catalogue.Find(shop.ItemID(query))
	m := matches{browsing: query == "", way: orders[q.request.OrderBy]}
	if m.browsing {
		q.hits = q.selection.Apply(q.engine.catalogue.Live(), q.hits, "")
		q.exclude(q.hits)
		m.total = q.hits.Count()
		if m.way == byRelevance {
			m.way = byPopularity
		}
	} else {
		m.words = q.engine.read(q.request.Language, query)
		m.all = typed || m.way != byRelevance || !q.selection.All() || len(q.request.Facets) > 0 || len(q.request.ExcludeItems) > 0 ||
			len(q.request.Vector) > 0
		q.spell(&m)
		q.find(&m)
	}
	q.reply.Total = uint32(m.total)
	entries := q.best(&m)
	switch {
	case m.way == byRelevance:
		entries = q.favour(entries, query)
		entries = q.byMeaning(entries, query)
	case m.browsing && orders[q.request.OrderBy] == byRelevance:
		entries = q.pictured(&m, entries)
	}
	q.finish(&m, entries)
	return nil
}

// finish puts the entries and what else was asked for of the result into the reply.
func (q *question) finish(m *matches, entries []top.Entry) {
	q.putSearch(entries[:min(len(entries), q.limit)])
	q.putOrder(entries)
	q.stage(blend.Lexical.String(), m.total, len(q.reply.Candidates.GetEnds()))
	if len(q.request.Facets) > 0 && q.spent() {
		q.reply.Degraded = append(q.reply.Degraded, "recall.facets:budget")
	} else if len(q.request.Facets) > 0 {
		q.facets(m)
		q.stage("facets", m.total, len(q.reply.Facets))
	}
}

// find finds the result of the query. All words have to be there; some may be missing, but at most half, and any beyond three, when too
// few items hold all: those stand behind the others. When nothing is found so, the result is what holds the most words, and the reply
// says so. Few words to look for together are far cheaper than many to choose from, so it asks for all first and for less if need be.
func (q *question) find(m *matches) {
	// A sentence has more words than any title that answers it.
	const most = 3
	m.required = requiredOf(m.words)
	floor, enough := min((m.required+1)/2, most), pageful
	if m.way != byRelevance {
		enough = 1
	}
	q.match(m, m.required)
	if m.total < pageful && q.doubt(m, m.total) {
		q.match(m, m.required)
	}
	complete := m.total
	if complete < enough && floor < m.required {
		q.match(m, floor)
		if least := m.most(enough); least > floor {
			q.match(m, least)
		}
	}
	if m.total == 0 && floor > 1 {
		q.match(m, 1)
		if least := m.most(1); least > 1 {
			q.match(m, least)
		}
	}
	if m.required > 0 && m.total > complete {
		q.reply.QueryExpansion = q.expansion(m)
		if complete == 0 {
			q.degrade(blend.Lexical, "relaxed")
		}
	}
}

// match searches for what holds at least least words, passes the filter and is not excluded. For relevance the best are more than the
// limit, so that favour has something to choose from.
func (q *question) match(m *matches, least int) {
	e := q.engine
	m.least = least
	ask := lexical.Query{
		Words: m.words, Least: least, Tie: e.catalogue.Tie, Count: true, WholeFirst: least < m.required, Room: e.catalogue.Size(),
	}
	if m.way == byRelevance {
		ask.Limit = q.limit + q.limit/4 + 10
	}
	if m.all {
		ask.Narrow = q.narrow
	}
	found := e.words.Find(&q.words, &ask)
	m.total, m.counts = found.Total, found.Counts
}

// most returns how many words at least as many as enough of the items found hold; least when there are not as many.
func (m *matches) most(enough int) int {
	sum := 0
	for n := m.required; n > m.least; n-- {
		if sum += m.counts[n]; sum >= enough {
			return n
		}
	}
	return m.least
}

// narrow sets hits to what of the items found passes the filter and is not excluded.
func (q *question) narrow(found catalogue.Bits) catalogue.Bits {
	q.hits = q.selection.Apply(found, q.hits, "")
	q.exclude(q.hits)
	return q.hits
}

// best returns the items that come first.
func (q *question) best(m *matches) []top.Entry {
	e := q.engine
	if m.way == byRelevance {
		if share := q.nearShare(); share > 0 {
			e.words.Near(&q.words, nearFirst, share)
		}
		return q.words.Best
	}
	if m.way == byPopularity && m.browsing {
		if entries, ok := q.leaders(e.popular.Leaders(), q.hits, q.limit); ok {
			return entries
		}
	}
	q.heap.Reset(q.limit)
	for s := range q.hits.All {
		q.heap.Offer(top.Entry{Score: e.rank(s, m.way), Tie: e.catalogue.Tie(s), Slot: s})
	}
	return q.heap.Sorted()
}

// nearShare is what it counts how near the words of the query stand in an item: less, the more of the best items anybody has wanted yet,
// and nothing from half of them on. What shoppers do says more, and where it is known, even a small share for words that happen to stand
// side by side drowns it.
func (q *question) nearShare() float64 {
	best := q.words.Best[:min(nearFirst, len(q.words.Best))]
	unknown := 0
	for i := range best {
		if math.IsInf(q.engine.popular.Level(best[i].Slot), -1) {
			unknown++
		}
	}
	if 2*unknown <= len(best) {
		return 0
	}
	return nearMost * (2*float64(unknown)/float64(len(best)) - 1)
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
		if q.scoreOf(entries[i].Slot) > 0 && trimmed(q.request.Query) != "" {
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
			return q.scoreOf(s)
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
		switch {
		case m.near, q.found != nil:
			base = slices.Clone(q.hits) // no more is known than what passes all conditions
		case m.browsing:
			base = slices.Clone(e.catalogue.Live())
		default:
			base = q.words.Set
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
