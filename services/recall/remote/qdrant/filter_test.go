package qdrant

import (
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/qdrant/go-client/qdrant"
	"google.golang.org/protobuf/testing/protocmp"

	"github.com/haggle-commerce/haggle/libs/shop"
	"github.com/haggle-commerce/haggle/services/recall/internal/retrieve"
)

func field(c *qdrant.FieldCondition) *qdrant.Condition {
	return &qdrant.Condition{ConditionOneOf: &qdrant.Condition_Field{Field: c}}
}

func keywords(key string, values ...string) *qdrant.Condition {
	return field(&qdrant.FieldCondition{Key: key, Match: &qdrant.Match{MatchValue: &qdrant.Match_Keywords{Keywords: &qdrant.RepeatedStrings{Strings: values}}}})
}

func group(f *qdrant.Filter) *qdrant.Condition {
	return &qdrant.Condition{ConditionOneOf: &qdrant.Condition_Filter{Filter: f}}
}

func must(conditions ...*qdrant.Condition) *qdrant.Filter { return &qdrant.Filter{Must: conditions} }

func TestCondition(t *testing.T) {
	num := func(x float64) *float64 { return &x }
	price := func(r *qdrant.Range) *qdrant.Condition { return field(&qdrant.FieldCondition{Key: "price", Range: r}) }
	uuid := func(s string) *qdrant.PointId {
		return &qdrant.PointId{PointIdOptions: &qdrant.PointId_Uuid{Uuid: s}}
	}
	for _, c := range []struct {
		filter, category string
		want             *qdrant.Filter
	}{
		{"", "", nil},
		{`brand = " Acme "`, "", must(keywords("brand", "acme"))},
		{`category: ANY("Shoes", "A > B")`, "", must(keywords("category", "shoes", "a > b"))},
		{`availability: preorder`, "", must(keywords("availability", "preorder"))},
		{`colour: ANY("Red", "blue")`, "", must(keywords("attributes", "colour\x1fred", "colour\x1fblue"))},
		{`available`, "", must(field(&qdrant.FieldCondition{Key: "available", Match: &qdrant.Match{MatchValue: &qdrant.Match_Boolean{Boolean: true}}}))},
		{`price: IN(10, 20e)`, "", must(price(&qdrant.Range{Gte: num(10), Lt: num(20)}))},
		{`price: IN(10e, 20)`, "", must(price(&qdrant.Range{Gt: num(10), Lte: num(20)}))},
		{`price > 10`, "", must(price(&qdrant.Range{Gt: num(10)}))},
		{`price = 10`, "", must(price(&qdrant.Range{Gte: num(10), Lte: num(10)}))},
		{`price: IN(*, *)`, "", must(price(&qdrant.Range{Gte: num(-math.MaxFloat64)}))},
		{`created_at < "2026-01-31"`, "", must(field(&qdrant.FieldCondition{Key: "created_at", Range: &qdrant.Range{Lt: num(1769817600)}}))},
		{`weight >= 0.5`, "", must(&qdrant.Condition{ConditionOneOf: &qdrant.Condition_Nested{Nested: &qdrant.NestedCondition{
			Key: "numbers", Filter: must(
				field(&qdrant.FieldCondition{Key: "key", Match: &qdrant.Match{MatchValue: &qdrant.Match_Keyword{Keyword: "weight"}}}),
				field(&qdrant.FieldCondition{Key: "value", Range: &qdrant.Range{Gte: num(0.5)}}),
			),
		}}})},
		{`id: ANY("a", "红")`, "", must(&qdrant.Condition{ConditionOneOf: &qdrant.Condition_HasId{HasId: &qdrant.HasIdCondition{HasId: []*qdrant.PointId{
			uuid("ffd5bed7-df6b-5a3b-8d25-a06cb894b2f8"), uuid("d17dc132-9bc8-5719-adce-b172aeeac98c"),
		}}}})},
		{`brand != x`, "", must(group(&qdrant.Filter{MustNot: []*qdrant.Condition{keywords("brand", "x")}}))},
		{
			`a:1 AND (b:2 OR NOT c:3)`, "",
			must(keywords("attributes", "a\x1f1"), group(&qdrant.Filter{Should: []*qdrant.Condition{
				keywords("attributes", "b\x1f2"), group(&qdrant.Filter{MustNot: []*qdrant.Condition{keywords("attributes", "c\x1f3")}}),
			}})),
		},
		{
			`a:1 OR b:2 AND c:3`, "Shoes",
			must(keywords("category", "shoes"), group(&qdrant.Filter{Should: []*qdrant.Condition{
				keywords("attributes", "a\x1f1"), group(must(keywords("attributes", "b\x1f2"), keywords("attributes", "c\x1f3"))),
			}})),
		},
	} {
		t.Run(c.filter, func(t *testing.T) {
			q := retrieve.Query{K: 1, Filter: c.filter, Category: c.category}
			n, err := q.Check()
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, condition(&n), protocmp.Transform()); diff != "" {
				t.Errorf("condition (-want +got):\n%s", diff)
			}
		})
	}
}

func TestPayload(t *testing.T) {
	got := payload(&retrieve.Change{ID: "rain", Item: &shop.Item{
		ID: "rain", Title: "Rain jacket", Brand: "Acme", Categories: []string{"Clothing", "Jackets"}, Price: 80.5,
		Attributes: map[string][]string{"Colour": {"Red"}, "weight": {"0.5"}},
	}})
	text := qdrant.NewValueString
	texts := func(values ...string) *qdrant.Value {
		l := &qdrant.ListValue{}
		for _, v := range values {
			l.Values = append(l.Values, text(v))
		}
		return qdrant.NewValueList(l)
	}
	want := map[string]*qdrant.Value{
		"id": text("rain"), "brand": text("acme"), "category": texts("clothing", "clothing > jackets", "jackets"),
		"availability": text("in_stock"), "available": qdrant.NewValueBool(true), "price": qdrant.NewValueDouble(80.5),
		"attributes": texts("colour\x1fred", "weight\x1f0.5"),
		"numbers": qdrant.NewValueList(&qdrant.ListValue{Values: []*qdrant.Value{qdrant.NewValueStruct(&qdrant.Struct{
			Fields: map[string]*qdrant.Value{"key": text("weight"), "value": qdrant.NewValueDouble(0.5)},
		})}}),
	}
	if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
		t.Errorf("payload (-want +got):\n%s", diff)
	}
}
