package engine

import (
	"slices"

	"github.com/haggle-commerce/haggle/libs/shop"
	"github.com/haggle-commerce/haggle/libs/wire"
	"github.com/haggle-commerce/haggle/services/recall/internal/catalogue"
	"github.com/haggle-commerce/haggle/services/recall/internal/top"
)

// Found is what another index found for a search.
type Found struct {
	// IDs stand in the order of their scores, the highest first.
	IDs    []shop.ItemID
	Scores []float32
	// Total is how many items match at least.
	Total int
	// Meant says that the other index was asked for the vector of the request as well. Otherwise it is brought in here.
	Meant bool
}

// Elsewhere reports whether the request is one that another index may find the items of: a search by words or, where that index holds
// the vectors of items, by a vector of its own, by relevance.
func Elsewhere(request *wire.RecallRequest, vectors bool) bool {
	return request.Purpose == wire.Purpose_PURPOSE_SEARCH && orders[request.OrderBy] == byRelevance &&
		(trimmed(request.Query) != "" || vectors && len(request.Vector) > 0)
}

// adopt takes what another index found for the result: those items that are here, pass the filter and are not excluded. The catalogue is
// newer than any index that follows it from afar, so it has the last word on what is there.
func (q *question) adopt() {
	e := q.engine
	m := matches{}
	q.hits = q.hits.Grow(e.catalogue.Size())
	q.scores = make(map[catalogue.Slot]float32, len(q.found.IDs))
	entries := make([]top.Entry, 0, len(q.found.IDs))
	for i, id := range q.found.IDs {
		s, ok := e.catalogue.Find(id)
		if !ok || !e.catalogue.Live().Has(s) || !q.selection.Holds(s) || q.hits.Has(s) || slices.Contains(q.request.ExcludeItems, string(id)) {
			continue
		}
		q.hits.Set(s)
		q.scores[s] = q.found.Scores[i]
		entries = append(entries, top.Entry{Score: float64(q.found.Scores[i]), Tie: e.catalogue.Tie(s), Slot: s})
	}
	m.total = max(len(entries), q.found.Total-(len(q.found.IDs)-len(entries)))
	q.reply.Total = uint32(m.total)
	if query := trimmed(q.request.Query); query != "" {
		entries = q.favour(entries, query)
		if !q.found.Meant {
			entries = q.byMeaning(entries, query)
		}
	}
	q.finish(&m, entries)
}

// scoreOf is what the words of the query gave item s.
func (q *question) scoreOf(s catalogue.Slot) float32 {
	if q.found != nil {
		return q.scores[s]
	}
	return q.words.Score(s)
}
