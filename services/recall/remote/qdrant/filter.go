package qdrant

import (
	"math"

	"github.com/qdrant/go-client/qdrant"

	"github.com/haggle-commerce/haggle/libs/shop"
	"github.com/haggle-commerce/haggle/services/recall/internal/catalogue"
	"github.com/haggle-commerce/haggle/services/recall/internal/filter"
	"github.com/haggle-commerce/haggle/services/recall/internal/retrieve"
)

// condition translates a filter; nil when every item passes.
func condition(n *filter.Node) *qdrant.Filter {
	conjuncts := n.Conjuncts()
	if len(conjuncts) == 0 {
		return nil
	}
	return &qdrant.Filter{Must: all(conjuncts)}
}

func all(nodes []filter.Node) []*qdrant.Condition {
	conditions := make([]*qdrant.Condition, len(nodes))
	for i := range nodes {
		conditions[i] = one(&nodes[i])
	}
	return conditions
}

func one(n *filter.Node) *qdrant.Condition {
	switch n.Op {
	case filter.And:
		return qdrant.NewFilterAsCondition(&qdrant.Filter{Must: all(n.Children)})
	case filter.Or:
		return qdrant.NewFilterAsCondition(&qdrant.Filter{Should: all(n.Children)})
	case filter.Not:
		return qdrant.NewFilterAsCondition(&qdrant.Filter{MustNot: all(n.Children)})
	case filter.Available:
		return qdrant.NewMatchBool(fieldAvailable, true)
	case filter.Range:
		return ranged(n)
	case filter.Any:
		return anyOf(n)
	}
	panic("BUG: a filter of no known operation")
}

func anyOf(n *filter.Node) *qdrant.Condition {
	if n.Key == catalogue.KeyID {
		ids := make([]*qdrant.PointId, len(n.Values))
		for i, value := range n.Values {
			ids[i] = pointID(shop.ItemID(value))
		}
		return qdrant.NewHasID(ids...)
	}
	field, values := fieldAttributes, make([]string, len(n.Values))
	switch n.Key {
	case catalogue.KeyBrand, catalogue.KeyCategory, catalogue.KeyAvailability:
		field = n.Key
	}
	for i, value := range n.Values {
		if values[i] = retrieve.Fold(value); field == fieldAttributes {
			values[i] = retrieve.Token(n.Key, value)
		}
	}
	return qdrant.NewMatchKeywords(field, values...)
}

func ranged(n *filter.Node) *qdrant.Condition {
	switch n.Key {
	case catalogue.KeyPrice, catalogue.KeyCreated:
		return qdrant.NewRange(n.Key, bounds(n))
	}
	return qdrant.NewNestedFilter(fieldNumbers, &qdrant.Filter{Must: []*qdrant.Condition{
		qdrant.NewMatchKeyword(fieldKey, n.Key), qdrant.NewRange(fieldValue, bounds(n)),
	}})
}

// bounds are those of a range. One without any has the least number as its lower one, so that it holds what has the field.
func bounds(n *filter.Node) *qdrant.Range {
	r := &qdrant.Range{}
	low, high := n.Low, n.High
	if math.IsInf(low, -1) && math.IsInf(high, 1) {
		low = -math.MaxFloat64
	}
	switch {
	case math.IsInf(low, -1):
	case n.LowOut:
		r.Gt = &low
	default:
		r.Gte = &low
	}
	switch {
	case math.IsInf(high, 1):
	case n.HighOut:
		r.Lt = &high
	default:
		r.Lte = &high
	}
	return r
}
