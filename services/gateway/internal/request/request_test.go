package request

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/haggle-commerce/haggle/services/gateway/internal/strict"
)

func TestReadSearch(t *testing.T) {
	var r strict.Reader
	r.Reset([]byte(`{"query":"red shoe","visitor_id":"v1","user_id":"u1","session_id":"s1","page_size":5,"offset":10,"filter":"brand: ANY(\"a\")",
		"order_by":"price desc","facets":["brand","colour"],"personalization":"off","spell":"suggest","placement":"results","language":"de","diversity":"low","explain":true}`))
	got := ReadSearch(&r)
	if len(r.Faults()) > 0 {
		t.Fatalf("faults = %v", r.Faults())
	}
	want := Search{
		Query: "red shoe", Shopper: Shopper{VisitorID: "v1", UserID: "u1", SessionID: "s1"}, PageSize: 5, Offset: 10, Filter: `brand: ANY("a")`,
		OrderBy: "price desc", Facets: []string{"brand", "colour"}, Personalization: "off", Spell: "suggest", Placement: "results", Language: "de", Diversity: "low", Explain: true,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("ReadSearch (-want +got):\n%s", diff)
	}
}

func TestReadRecommend(t *testing.T) {
	var r strict.Reader
	r.Reset([]byte(`{"visitor_id":"v1","context":{"item_ids":["a","b"],"category":"Shoes","query":"boot","cart_item_ids":["c"]},"exclude_item_ids":["d"],"diversity":"high","page_size":null}`))
	got := ReadRecommend(&r)
	if len(r.Faults()) > 0 {
		t.Fatalf("faults = %v", r.Faults())
	}
	want := Recommend{
		Shopper: Shopper{VisitorID: "v1"}, Context: Context{ItemIDs: []string{"a", "b"}, Category: "Shoes", Query: "boot", CartItemIDs: []string{"c"}},
		ExcludeItemIDs: []string{"d"}, Diversity: "high", PageSize: DefaultPage,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("ReadRecommend (-want +got):\n%s", diff)
	}
}

func TestSearchFaultsNameTheirField(t *testing.T) {
	tests := []struct{ text, field string }{
		{`{}`, "query"},
		{`{"query":""}`, "query"},
		{`{"query":"` + strings.Repeat("x", 513) + `"}`, "query"},
		{`{"query":"x","page_size":0}`, "page_size"},
		{`{"query":"x","page_size":101}`, "page_size"},
		{`{"query":"x","page_size":"5"}`, "page_size"},
		{`{"query":"x","offset":-1}`, "offset"},
		{`{"query":"x","offset":990,"page_size":20}`, "offset"},
		{`{"query":"x","offset":1,"page_token":"t"}`, "offset"},
		{`{"query":"x","visitor_id":"has space"}`, "visitor_id"},
		{`{"query":"x","spell":"maybe"}`, "spell"},
		{`{"query":"x","facets":["` + strings.Repeat(`a","`, 20) + `b"]}`, "facets"},
		{`{"query":"x","personalisation":"off"}`, "personalisation"},
	}
	for _, test := range tests {
		var r strict.Reader
		r.Reset([]byte(test.text))
		ReadSearch(&r)
		if len(r.Faults()) == 0 || r.Faults()[0].Field != test.field {
			t.Errorf("ReadSearch(%.60s): faults %v, want one of %s", test.text, r.Faults(), test.field)
		}
	}
}

func TestRecommendFaultsNameTheirField(t *testing.T) {
	tests := []struct{ text, field string }{
		{`{"context":[]}`, "context"},
		{`{"context":{"item_ids":"a"}}`, "context.item_ids"},
		{`{"context":{"item_ids":["a",""]}}`, "context.item_ids[1]"},
		{`{"context":{"cart_item_ids":["a b"]}}`, "context.cart_item_ids[0]"},
		{`{"context":{"colour":"red"}}`, "context.colour"},
		{`{"exclude_item_ids":[1]}`, "exclude_item_ids[0]"},
		{`{"diversity":"lots"}`, "diversity"},
		{`{"query":"x"}`, "query"},
	}
	for _, test := range tests {
		var r strict.Reader
		r.Reset([]byte(test.text))
		ReadRecommend(&r)
		if len(r.Faults()) == 0 || r.Faults()[0].Field != test.field {
			t.Errorf("ReadRecommend(%s): faults %v, want one of %s", test.text, r.Faults(), test.field)
		}
	}
}

func TestReadParams(t *testing.T) {
	related := strict.ReadParams("page_size=7&visitor_id=v1")
	if got := ReadRelated("sku-1", true, related); got.PageSize != 7 || got.VisitorID != "v1" || !got.Together || len(related.Faults()) > 0 {
		t.Errorf("ReadRelated = %+v with %v", got, related.Faults())
	}
	for raw, field := range map[string]string{"": "q", "q=x&page_size=21": "page_size", "q=x&limit=5": "limit", "q=%01": "q", "q=a&q=b": "q"} {
		p := strict.ReadParams(raw)
		ReadComplete(p)
		if faults := p.Faults(); len(faults) == 0 || faults[0].Field != field {
			t.Errorf("ReadComplete(%q): faults %v, want one of %s", raw, faults, field)
		}
	}
	p := strict.ReadParams("visitor_id=a%20b")
	ReadTrending(p)
	if faults := p.Faults(); len(faults) == 0 || faults[0].Field != "visitor_id" {
		t.Errorf("ReadTrending with a bad visitor: faults %v", faults)
	}
}

func BenchmarkReadSearch(b *testing.B) {
	body := []byte(`{"query":"red running shoes","visitor_id":"v-123456","session_id":"s-1","page_size":20,"facets":["brand","category","price"],"placement":"search"}`)
	var r strict.Reader
	b.ReportAllocs()
	for b.Loop() {
		r.Reset(body)
		ReadSearch(&r)
		if len(r.Faults()) > 0 {
			b.Fatal(r.Faults())
		}
	}
}

func TestVectorsAreRead(t *testing.T) {
	var r strict.Reader
	r.Reset([]byte(`{"vector":[0.5,-2]}`))
	if s := ReadSearch(&r); len(r.Faults()) > 0 || len(s.Vector) != 2 || s.Vector[1] != -2 {
		t.Errorf("read %v, faults %v", s.Vector, r.Faults())
	}
	for text, field := range map[string]string{
		`{"query":"a","vector":[0,0]}`:      "vector",
		`{"query":"a","vector":[1,"x"]}`:    "vector[1]",
		`{"query":"a","vector":[1e39]}`:     "vector[0]",
		`{"query":"a","vector":{"x":1}}`:    "vector",
		`{"query":"","vector":[]}`:          "query",
		`{"query":"a","vector":[1,2,true]}`: "vector[2]",
	} {
		r.Reset([]byte(text))
		if ReadSearch(&r); len(r.Faults()) == 0 || r.Faults()[0].Field != field {
			t.Errorf("%s: faults %v, want one of %s", text, r.Faults(), field)
		}
		if r.Reset([]byte(text)); field != "query" {
			if ReadRecommend(&r); len(r.Faults()) == 0 {
				t.Errorf("%s: no fault in a recommendation", text)
			}
		}
	}
}
