package gateway

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"github.com/haggle-commerce/haggle/services/gateway/internal/problem"
)

// fuzzed checks what holds for every request: an answer in JSON, or a problem with a code and the request's id, never a 5xx.
func fuzzed(t *testing.T, h *house, method, path, query string, body []byte) {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, "http://shop.example/", bytes.NewReader(body))
	r.URL = &url.URL{Scheme: "http", Host: "shop.example", Path: path, RawQuery: query}
	r.Header.Set("Content-Type", "application/json")
	if len(body) == 0 {
		r.Body = http.NoBody
	}
	w := httptest.NewRecorder()
	begin := time.Now()
	h.g.ServeHTTP(w, r)
	if took := time.Since(begin); took > 10*time.Second {
		t.Errorf("%s %s %q took %v", method, path, body, took)
	}
	switch {
	case w.Code >= 500:
		t.Fatalf("%s %s?%s %q = %d %s", method, path, query, body, w.Code, w.Body)
	case w.Code >= 400:
		var p problem.Problem
		if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil || p.Code == "" || p.RequestID == "" || p.Status != w.Code {
			t.Fatalf("%s %s?%s %q = %d %s (%v)", method, path, query, body, w.Code, w.Body, err)
		}
	case w.Code == http.StatusOK && w.Header().Get("Content-Type") == "application/json" && !json.Valid(w.Body.Bytes()):
		t.Fatalf("%s %s?%s %q = %s, which is no JSON", method, path, query, body, w.Body)
	}
}

// bodies fuzzes an endpoint that takes a body, seeded with the malformed requests for it.
func bodies(f *testing.F, method, path string, seeds ...string) {
	h := newHouse(f, options{})
	for _, seed := range seeds {
		f.Add([]byte(seed))
	}
	for _, m := range malformedRequests() {
		if m.path == path && m.method == method && len(m.body) < 1<<12 {
			f.Add([]byte(m.body))
		}
	}
	f.Fuzz(func(t *testing.T, body []byte) { fuzzed(t, h, method, path, "", body) })
}

// queries fuzzes an endpoint that takes parameters.
func queries(f *testing.F, path string, seeds ...string) {
	h := newHouse(f, options{})
	for _, seed := range seeds {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, query string) { fuzzed(t, h, "GET", path, query, nil) })
}

func FuzzSearch(f *testing.F) {
	bodies(f, "POST", "/v1/search", benchSearch, `{"query":"x","filter":"price < 5","page_size":100,"offset":3,"explain":true,"diversity":"high"}`)
}

func FuzzRecommend(f *testing.F) {
	bodies(f, "POST", "/v1/recommend/home", `{"visitor_id":"v","context":{"item_ids":["item-01"],"cart_item_ids":["item-02"]},"exclude_item_ids":["item-03"]}`)
}

func FuzzPlacement(f *testing.F) {
	h := newHouse(f, options{})
	for _, seed := range []string{"home", "", "a b", "\xff", "../..", "{placement}", "%2f"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, placement string) {
		fuzzed(t, h, "POST", "/v1/recommend/"+placement, "", []byte(`{}`))
	})
}

func FuzzRelated(f *testing.F) {
	queries(f, "/v1/items/item-01/similar", "page_size=5&explain=true", "visitor_id=v&user_id=u&session_id=s", "%ff=1")
}

func FuzzTogether(f *testing.F) {
	queries(f, "/v1/items/item-01/bought-together", "page_size=5", "a=1&a=2")
}

func FuzzTrending(f *testing.F) { queries(f, "/v1/trending", "category=Clothing&page_size=3") }

func FuzzAutocomplete(f *testing.F) { queries(f, "/v1/autocomplete", "q=sho&page_size=3&language=de") }

func FuzzCost(f *testing.F) { queries(f, "/v1/cost", "window=5m&group_by=purpose,placement") }

func FuzzEvents(f *testing.F) {
	bodies(f, "POST", "/v1/events", `{"events":[{"event":"view_item","visitor_id":"v","items":[{"item_id":"item-01"}]}],"session_id":"s"}`)
}

func FuzzBeacon(f *testing.F) {
	bodies(f, "POST", "/v1/events:beacon", `[{"event":"search","search_term":"x"}]`)
}

func FuzzImport(f *testing.F) {
	bodies(f, "POST", "/v1/events:import", "{\"event\":\"search\",\"search_term\":\"x\",\"timestamp\":\"2021-01-01T00:00:00Z\"}\n\n{}\n")
}

func FuzzPutItem(f *testing.F) {
	bodies(f, "PUT", "/v1/items/sku-1", `{"title":"Jacket","price":5,"attributes":{"colour":["red"]}}`)
}

func FuzzPatchItem(f *testing.F) {
	bodies(f, "PATCH", "/v1/items/item-01", `{"price":5,"attributes":{"colour":null}}`)
}

func FuzzItemsBatch(f *testing.F) {
	bodies(f, "POST", "/v1/items:batch", "{\"id\":\"a\",\"title\":\"b\"}\n{}\nx")
}

func FuzzItemID(f *testing.F) {
	h := newHouse(f, options{})
	for _, seed := range []string{"item-01", "none", "a b", "\xff", "a/b", "夹克", ".."} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, id string) { fuzzed(t, h, "GET", "/v1/items/"+id, "", nil) })
}
