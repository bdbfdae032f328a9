package opensearch

import (
	"math"

	"github.com/haggle-commerce/haggle/services/recall/internal/catalogue"
	"github.com/haggle-commerce/haggle/services/recall/internal/filter"
	"github.com/haggle-commerce/haggle/services/recall/internal/retrieve"
)

// weighted are the fields that are searched by words. cross_fields scores the fields of one analyser as one, as BM25F does: a word counts
// by the field that says most, and how rare it is, is taken over all of them. Groups of other analysers are alternatives.
var weighted = []string{
	"title^3", "brand.text^2", "category.text^1.5", "values", "description^0.5",
	"title.standard^3", "title.cjk^3",
}

// enough says how many words an item must hold: all of up to three, three quarters of more.
const enough = "3<75%"

// mostCounted is up to how many matches a search counts.
const mostCounted = 10_000

func (r *Retriever) textBody(q *retrieve.Query, where []any) object {
	match := object{"match_all": object{}}
	if q.Text != "" {
		match = object{"multi_match": object{
			"query": q.Text, "type": "cross_fields", "fields": weighted, "minimum_should_match": enough, "tie_breaker": 0.1,
		}}
	}
	return body(q.K, object{"bool": object{"must": []any{match}, "filter": where}})
}

func (r *Retriever) vectorBody(q *retrieve.Query, where []any) object {
	near := object{"vector": q.Vector, "k": q.K}
	if len(where) > 0 {
		near["filter"] = object{"bool": object{"filter": where}}
	}
	return body(q.K, object{"knn": object{"vector": near}})
}

// body asks for ids alone, by score and then by id.
func body(k int, query object) object {
	return object{
		"size": k, "_source": false, "track_total_hits": mostCounted, "query": query,
		"sort": []any{object{"_score": "desc"}, object{"id": "asc"}}, "track_scores": true,
	}
}

// condition translates a filter into clauses that all have to hold.
func condition(n *filter.Node) []any {
	clauses := []any{}
	conjuncts := n.Conjuncts()
	for i := range conjuncts {
		clauses = append(clauses, clause(&conjuncts[i]))
	}
	return clauses
}

func clause(n *filter.Node) object {
	var children []any
	for i := range n.Children {
		children = append(children, clause(&n.Children[i]))
	}
	switch n.Op {
	case filter.And:
		return object{"bool": object{"filter": children}}
	case filter.Or:
		return object{"bool": object{"should": children, "minimum_should_match": 1}}
	case filter.Not:
		return object{"bool": object{"must_not": children}}
	case filter.Available:
		return object{"term": object{"available": true}}
	case filter.Range:
		return ranged(n)
	case filter.Any:
		return anyOf(n)
	}
	panic("BUG: a filter of no known operation")
}

func anyOf(n *filter.Node) object {
	values := make([]string, len(n.Values))
	for i, value := range n.Values {
		values[i] = retrieve.Fold(value)
	}
	switch n.Key {
	case catalogue.KeyID:
		return object{"terms": object{"id": n.Values}}
	case catalogue.KeyBrand, catalogue.KeyCategory, catalogue.KeyAvailability:
		return object{"terms": object{n.Key: values}}
	}
	for i, value := range values {
		values[i] = retrieve.Token(n.Key, value)
	}
	return object{"terms": object{"attributes": values}}
}

func ranged(n *filter.Node) object {
	switch n.Key {
	case catalogue.KeyPrice, catalogue.KeyCreated:
		return between(n.Key, n)
	}
	return object{"nested": object{"path": "numbers", "query": object{"bool": object{"filter": []any{
		object{"term": object{"numbers.key": n.Key}}, between("numbers.value", n),
	}}}}}
}

// between compares a field with the bounds of a range. One without any holds what has the field.
func between(field string, n *filter.Node) object {
	bounds := object{}
	if !math.IsInf(n.Low, -1) {
		bounds[strict(n.LowOut, "gt")] = n.Low
	}
	if !math.IsInf(n.High, 1) {
		bounds[strict(n.HighOut, "lt")] = n.High
	}
	if len(bounds) == 0 {
		return object{"exists": object{"field": field}}
	}
	return object{"range": object{field: bounds}}
}

// strict names a comparison that leaves the bound itself out, or lets it in.
func strict(out bool, name string) string {
	if out {
		return name
	}
	return name + "e"
}
