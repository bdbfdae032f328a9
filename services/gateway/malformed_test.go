package gateway

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// malformed is a request that must be refused: with which status, and for which field.
type malformed struct {
	method, path, body string
	status             int
	field              string
	// contentType replaces application/json.
	contentType string
}

func malformedRequests() []malformed {
	long := func(n int) string { return strings.Repeat("x", n) }
	search := func(body string, status int, field string) malformed {
		return malformed{"POST", "/v1/search", body, status, field, ""}
	}
	recommend := func(body string, status int, field string) malformed {
		return malformed{"POST", "/v1/recommend/home", body, status, field, ""}
	}
	event := func(body string, status int, field string) malformed {
		return malformed{"POST", "/v1/events", `{"events":[` + body + `]}`, status, field, ""}
	}
	put := func(body string, status int, field string) malformed {
		return malformed{"PUT", "/v1/items/sku-1", body, status, field, ""}
	}
	get := func(path string, status int, field string) malformed {
		return malformed{"GET", path, "", status, field, ""}
	}
	view := func(extra string) string { return `{"event":"view_item","items":[{"item_id":"a"}]` + extra + `}` }
	return []malformed{
		// Text that is no JSON.
		search(``, 400, ""),
		search(`{`, 400, ""),
		search(`{"query":"x"`, 400, ""),
		search(`{"query":"x"}}`, 400, ""),
		search(`{"query":"x",}`, 400, ""),
		search(`{'query':'x'}`, 400, ""),
		search(`{"query":x}`, 400, "query"),
		search(`{"query":"x","page_size":NaN}`, 400, "page_size"),
		search(`{"query":"x","page_size":0x10}`, 400, "page_size"),
		search("{\"query\":\"a\x00b\"}", 400, "query"),
		search("{\"query\":\"\xff\xfe\"}", 400, "query"),
		search("{\"\xff\":1}", 400, ""),
		search(`{"query":"\ud800"}`, 400, "query"),
		search(`{"query":"\x41"}`, 400, "query"),
		search(`{"deep":`+strings.Repeat("[", 30_000), 400, "deep"),
		search(`{"deep":`+strings.Repeat(`{"a":`, 5_000), 400, "deep"),
		// Documents of another shape.
		search(`null`, 422, "query"),
		search(`"query"`, 422, ""),
		search(`[]`, 422, ""),
		search(`{}`, 422, "query"),
		search(`{"query":""}`, 422, "query"),
		search(`{"query":null}`, 422, "query"),
		search(`{"query":1}`, 422, "query"),
		search(`{"query":["x"]}`, 422, "query"),
		search(`{"query":{"$ne":""}}`, 422, "query"),
		search(`{"query":"a\u0000b"}`, 422, "query"),
		search(`{"query":"a\u001bb"}`, 422, "query"),
		search(`{"query":"`+long(513)+`"}`, 422, "query"),
		search(`{"query":"x","query":"y"}`, 422, "query"),
		search(`{"query":"x","Query":"y"}`, 422, "Query"),
		search(`{"query":"x","__proto__":{}}`, 422, "__proto__"),
		search(`{"query":"x","page_size":0}`, 422, "page_size"),
		search(`{"query":"x","page_size":-1}`, 422, "page_size"),
		search(`{"query":"x","page_size":101}`, 422, "page_size"),
		search(`{"query":"x","page_size":1000000000000}`, 422, "page_size"),
		search(`{"query":"x","page_size":1e400}`, 422, "page_size"),
		search(`{"query":"x","page_size":2.5}`, 422, "page_size"),
		search(`{"query":"x","page_size":"20"}`, 422, "page_size"),
		search(`{"query":"x","page_size":true}`, 422, "page_size"),
		search(`{"query":"x","offset":-5}`, 422, "offset"),
		search(`{"query":"x","offset":1000}`, 422, "offset"),
		search(`{"query":"x","page_token":"forged"}`, 422, "page_token"),
		search(`{"query":"x","page_token":"`+long(9000)+`"}`, 422, "page_token"),
		search(`{"query":"x","filter":"`+long(5000)+`"}`, 422, "filter"),
		search(`{"query":"x","filter":{"price":5}}`, 422, "filter"),
		search(`{"query":"x","facets":"brand"}`, 422, "facets"),
		search(`{"query":"x","facets":[1]}`, 422, "facets[0]"),
		search(`{"query":"x","facets":[`+strings.Repeat(`"a",`, 20)+`"a"]}`, 422, "facets"),
		search(`{"query":"x","visitor_id":"a b"}`, 422, "visitor_id"),
		search(`{"query":"x","visitor_id":"`+long(129)+`"}`, 422, "visitor_id"),
		search(`{"query":"x","personalization":"maybe"}`, 422, "personalization"),
		search(`{"query":"x","spell":true}`, 422, "spell"),
		search(`{"query":"x","explain":"yes"}`, 422, "explain"),
		search(`{"query":"x","placement":"a b"}`, 422, "placement"),
		search(`{"query":"`+long(70_000)+`"}`, 413, ""),
		{"POST", "/v1/search", `query=x`, 415, "", "application/x-www-form-urlencoded"},
		{"POST", "/v1/search", `{"query":"x"}`, 415, "", "application/json; charset=utf-16"},
		{"POST", "/v1/search?debug=1", `{"query":"x"}`, 422, "", ""},
		{"GET", "/v1/search", "", 405, "", ""},
		{"DELETE", "/v1/search", "", 405, "", ""},
		{"BREW", "/v1/search", "", 405, "", ""},
		get("/v1/nothing", 404, ""),
		get("/v1/search/", 404, ""),
		get("/../../etc/passwd", 404, ""),
		// Recommendations.
		recommend(`{"context":null,"page_size":101}`, 422, "page_size"),
		recommend(`{"context":"item"}`, 422, "context"),
		recommend(`{"context":{"item_ids":"a"}}`, 422, "context.item_ids"),
		recommend(`{"context":{"item_ids":[""]}}`, 422, "context.item_ids[0]"),
		recommend(`{"context":{"item_ids":[`+strings.Repeat(`"a",`, 100)+`"a"]}}`, 422, "context.item_ids"),
		recommend(`{"context":{"query":"`+long(513)+`"}}`, 422, "context.query"),
		recommend(`{"exclude_item_ids":{"a":1}}`, 422, "exclude_item_ids"),
		recommend(`{"diversity":"extreme"}`, 422, "diversity"),
		recommend(`{"query":"x"}`, 422, "query"),
		{"POST", "/v1/recommend/" + long(65), `{}`, 422, "placement", ""},
		{"POST", "/v1/recommend/a%20b", `{}`, 422, "placement", ""},
		{"POST", "/v1/recommend/", `{}`, 404, "", ""},
		// Parameters.
		get("/v1/items/item-01/similar?page_size=1000", 422, "page_size"),
		get("/v1/items/item-01/similar?limit=5", 422, "limit"),
		get("/v1/items/none/similar", 404, "id"),
		get("/v1/items/a%00b/similar", 422, "id"),
		get("/v1/items/item-01/bought-together?page_size=x", 422, "page_size"),
		get("/v1/items/item-01/bought-together?explain=5", 422, "explain"),
		get("/v1/trending?category=a&category=b", 422, "category"),
		get("/v1/trending?category=%ff", 422, "category"),
		get("/v1/trending?visitor_id=a%20b", 422, "visitor_id"),
		get("/v1/trending?%zz", 400, ""),
		get("/v1/trending?category="+long(5000), 414, ""),
		get("/v1/autocomplete", 422, "q"),
		get("/v1/autocomplete?q="+long(513), 422, "q"),
		get("/v1/autocomplete?q=a%01b", 422, "q"),
		{"GET", "/v1/trending", `{"a":1}`, 422, "", ""},
		// Events.
		{"POST", "/v1/events", ``, 400, "", ""},
		{"POST", "/v1/events", `{}`, 422, "events", ""},
		{"POST", "/v1/events", `{"events":{}}`, 422, "events", ""},
		{"POST", "/v1/events", `{"events":[]}`, 422, "events", ""},
		{"POST", "/v1/events", `[]`, 422, "events", ""},
		{"POST", "/v1/events", `{"events":[` + strings.Repeat(view("")+",", 1000) + view("") + `]}`, 422, "events", ""},
		{"POST", "/v1/events", `{"events":[` + view("") + `],"shop":"x"}`, 422, "shop", ""},
		{"POST", "/v1/events", `{"events":[` + view("") + `],"visitor_id":"a b"}`, 422, "visitor_id", ""},
		{"POST", "/v1/events", `{"events":[` + view("") + `,]}`, 400, "events[1]", ""},
		{"POST", "/v1/events", `"` + long(3<<20) + `"`, 413, "", ""},
		event(`5`, 422, "events[0]"),
		event(`null`, 422, "events[0]"),
		event(`{}`, 422, "events[0].event"),
		event(`{"event":"explode"}`, 422, "events[0].event"),
		event(`{"event":"view_item"}`, 422, "events[0].items"),
		event(`{"event":"view_item","items":[{"item_id":""}]}`, 422, "events[0].items[0].item_id"),
		event(`{"event":"view_item","items":[{"item_id":"a","price":"5"}]}`, 422, "events[0].items[0].price"),
		event(`{"event":"view_item","items":[{"item_id":"a","index":-1}]}`, 422, "events[0].items[0].index"),
		event(`{"event":"view_item","items":[`+strings.Repeat(`{"item_id":"a"},`, 200)+`{"item_id":"a"}]}`, 422, "events[0].items"),
		event(view(`,"timestamp":"soon"`), 422, "events[0].timestamp"),
		event(view(`,"timestamp":-5`), 422, "events[0].timestamp"),
		event(view(`,"value":1e999`), 422, "events[0].value"),
		event(view(`,"value":NaN`), 400, "events[0].value"),
		event(view(`,"consent":true`), 422, "events[0].consent"),
		event(view(`,"attribution_token":"AAAA"`), 401, "events[0].attribution_token"),
		event(view(`,"event_id":"a b"`), 422, "events[0].event_id"),
		event(`{"event":"search"}`, 422, "events[0].search_term"),
		{"POST", "/v1/events:import", ``, 422, "", ""},
		{"POST", "/v1/events:import", long(300 << 10), 413, "line 1", ""},
		// Items.
		put(``, 400, ""),
		put(`[]`, 422, ""),
		put(`{}`, 422, "title"),
		put(`{"title":"x","id":"sku-2"}`, 422, "id"),
		put(`{"title":"`+long(1025)+`"}`, 422, "title"),
		put(`{"title":"x","price":-1}`, 422, "price"),
		put(`{"title":"x","price":1e10}`, 422, "price"),
		put(`{"title":"x","categories":"Shoes"}`, 422, "categories"),
		put(`{"title":"x","categories":[`+strings.Repeat(`"a",`, 10)+`"a"]}`, 422, "categories"),
		put(`{"title":"x","attributes":{"colour":"red"}}`, 422, "attributes.colour"),
		put(`{"title":"x","availability":"soon"}`, 422, "availability"),
		put(`{"title":"x","created_at":"2026-13-45"}`, 422, "created_at"),
		put(`{"title":"x","stock":5}`, 422, "stock"),
		put(`{"title":"x","description":"`+long(300<<10)+`"}`, 413, ""),
		{"PUT", "/v1/items/a%20b", `{"title":"x"}`, 422, "id", ""},
		{"PUT", "/v1/items/" + long(129), `{"title":"x"}`, 422, "id", ""},
		{"PATCH", "/v1/items/none", `{"title":"x"}`, 404, "id", ""},
		{"PATCH", "/v1/items/item-01", `{"title":null}`, 422, "title", ""},
		{"PATCH", "/v1/items/item-01", `{"price":"5"}`, 422, "price", ""},
		{"DELETE", "/v1/items/none", ``, 404, "id", ""},
		get("/v1/items/none", 404, "id"),
		{"POST", "/v1/items/item-01", `{}`, 405, "", ""},
		{"POST", "/v1/items:batch", ``, 422, "", ""},
		// Cost.
		get("/v1/cost?window=yesterday", 422, "window"),
		get("/v1/cost?window=1000h", 422, "window"),
		get("/v1/cost?group_by=shopper", 422, "group_by"),
		get("/v1/cost?groupby=placement", 422, "groupby"),
	}
}

func TestMalformedRequests(t *testing.T) {
	h := newHouse(t, options{})
	tests := malformedRequests()
	if len(tests) < 60 {
		t.Fatalf("%d requests, want at least 60", len(tests))
	}
	for _, test := range tests {
		contentType := test.contentType
		if contentType == "" {
			contentType = "application/json"
		}
		name := fmt.Sprintf("%s %.60s %.60q", test.method, test.path, test.body)
		w := h.do(test.method, test.path, test.body, "Content-Type", contentType)
		if w.Code != test.status {
			t.Errorf("%s = %d %.300s, want %d", name, w.Code, w.Body, test.status)
			continue
		}
		p := problemOf(t, w)
		if test.field == "" {
			continue
		}
		found := false
		for _, e := range p.Errors {
			found = found || e.Field == test.field && e.Reason != ""
		}
		if !found {
			t.Errorf("%s: errors %v, want one of the field %q", name, p.Errors, test.field)
		}
	}
	if h.recall.calls.Load() > 20 {
		t.Errorf("recall was asked %d times, though none of the requests is right", h.recall.calls.Load())
	}
	if w := h.do("POST", "/v1/search", `{"query":"shoe"}`); w.Code != http.StatusOK {
		t.Errorf("after all that a search = %d %s", w.Code, w.Body)
	}
}
