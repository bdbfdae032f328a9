package gateway

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"

	"github.com/haggle-commerce/haggle/libs/shop"
	"github.com/haggle-commerce/haggle/libs/wire"
	"github.com/haggle-commerce/haggle/services/gateway/internal/answer"
	"github.com/haggle-commerce/haggle/services/gateway/internal/budget"
	"github.com/haggle-commerce/haggle/services/gateway/internal/request"
)

func unescape(t testing.TB, path string) string {
	t.Helper()
	plain, err := url.PathUnescape(path)
	if err != nil {
		return path
	}
	return plain
}

func TestSearch(t *testing.T) {
	h := newHouse(t, options{})
	w := h.do("POST", "/v1/search", `{"query":"shoe","visitor_id":"v1","page_size":3,"facets":["brand"],"explain":true}`)
	a := decode[answer.Answer](t, w.Body.Bytes())
	// Ranking turns the order around; item-29 is sold out and comes last.
	if diff := cmp.Diff([]string{"item-28", "item-27", "item-26"}, ids(a)); diff != "" {
		t.Errorf("results (-want +got):\n%s", diff)
	}
	first := a.Results[0]
	var item shop.Item
	if err := json.Unmarshal(first.Item, &item); err != nil || item.Title != "Red shoe 28" {
		t.Errorf("item = %s", first.Item)
	}
	if diff := cmp.Diff([]answer.Reason{{Code: "match"}, {Code: "bought_together", ItemIDs: []string{"item-00"}}}, first.Reasons); diff != "" {
		t.Errorf("reasons (-want +got):\n%s", diff)
	}
	if first.Position != 1 || first.Score != 28 || len(first.Explain) != 3 {
		t.Errorf("first = %+v, want position 1, score 28 and three parts of an explanation", first)
	}
	if a.TotalSize != 30 || a.Model != "ranker-1" || a.NextPageToken == "" || len(a.Degraded) != 0 || a.TookMillis <= 0 || len(a.Facets) != 1 || a.Facets[0].Values[0].Count != 10 {
		t.Errorf("answer = %+v", a)
	}
	var stages []string
	for _, s := range a.Cost.Stages {
		stages = append(stages, s.Name)
	}
	if !slices.Contains(stages, "recall.lexical") || !slices.Contains(stages, "rank") || !slices.Contains(stages, "gateway") {
		t.Errorf("stages = %v", stages)
	}
	// 250 us of other services alone are 2.8 nano-dollars at $0.04 a core-hour.
	if a.Cost.MarginalNano < 2.7 || a.Cost.FullyLoadedNano < a.Cost.MarginalNano {
		t.Errorf("cost = %+v", a.Cost)
	}
	if w.Header().Get("X-Request-Id") != a.RequestID || !strings.Contains(w.Header().Get("Haggle-Cost"), "marginal=") || !strings.Contains(w.Header().Get("Server-Timing"), "rank;dur=") {
		t.Errorf("headers = %v", w.Header())
	}
}

func TestWhatRecallIsAsked(t *testing.T) {
	h := newHouse(t, options{})
	var got wire.RecallRequest
	h.recall.set(func(_ context.Context, data []byte) ([]byte, error) {
		if err := proto.Unmarshal(data, &got); err != nil {
			return nil, err
		}
		return proto.Marshal(offer(&got, catalogue()))
	})
	shopper := func(user, visitor string) string { return string(Pseudonyms(h.kit.Secrets)(user, visitor)) }
	tests := []struct {
		method, path, body string
		want               *wire.RecallRequest
	}{
		{
			"POST", "/v1/search", `{"query":" shoe ","visitor_id":"v1","filter":"brand: ANY(\"x\")","order_by":"price","facets":["brand"],"personalization":"off","spell":"off","language":"de","page_size":5}`,
			&wire.RecallRequest{Query: "shoe", Shopper: shopper("", "v1"), Placement: "search", Filter: `brand: ANY("x")`, OrderBy: "price", Facets: []string{"brand"}, Anonymous: true, Spell: "off", Language: "de", Limit: 10},
		},
		{
			"POST", "/v1/recommend/home", `{"user_id":"u1","visitor_id":"v1","context":{"item_ids":["item-01"],"cart_item_ids":["item-02"],"category":"Clothing"},"exclude_item_ids":["item-03"]}`,
			&wire.RecallRequest{Purpose: wire.Purpose_PURPOSE_RECOMMEND, Shopper: shopper("u1", ""), Placement: "home", ContextItems: []string{"item-01", "item-02"}, Category: "Clothing", ExcludeItems: []string{"item-03"}, Limit: 100},
		},
		{"GET", "/v1/items/item-01/similar?page_size=4", "", &wire.RecallRequest{Purpose: wire.Purpose_PURPOSE_SIMILAR, Placement: "similar", ContextItems: []string{"item-01"}, Limit: 8}},
		{"GET", "/v1/items/item-01/bought-together?visitor_id=v1", "", &wire.RecallRequest{Purpose: wire.Purpose_PURPOSE_TOGETHER, Shopper: shopper("", "v1"), Placement: "bought_together", ContextItems: []string{"item-01"}, Limit: 40}},
		{"GET", "/v1/trending?category=Clothing", "", &wire.RecallRequest{Purpose: wire.Purpose_PURPOSE_TRENDING, Placement: "trending", Category: "Clothing", Limit: 40}},
	}
	for _, test := range tests {
		h.ask(test.method, test.path, test.body)
		if got.NowMicros == 0 {
			t.Errorf("%s: recall is not told what time it is", test.path)
		}
		got.NowMicros, got.Session = 0, ""
		if !proto.Equal(test.want, &got) {
			t.Errorf("%s %s asks recall %v, want %v", test.path, test.body, &got, test.want)
		}
	}
}

func TestUnderLoadRecallIsAskedForLess(t *testing.T) {
	all := newAllowances()
	var ease, meagre, similar wire.RecallRequest
	similar.Purpose = wire.Purpose_PURPOSE_SIMILAR
	all.apply(&ease, budget.Ease)
	all.apply(&meagre, budget.Meagre)
	all.apply(&similar, budget.Meagre)
	if len(ease.Quotas) != 0 || len(meagre.Quotas) == 0 || ease.CpuBudgetMicros != 0 || meagre.CpuBudgetMicros == 0 || len(similar.Quotas) >= len(meagre.Quotas) {
		t.Errorf("at ease recall may use %v, under load %v, for a page of similar items %v", &ease, &meagre, &similar)
	}
}

func TestOnlyWhatIsWorthItIsRanked(t *testing.T) {
	h := newHouse(t, options{})
	for path, want := range map[string]int64{
		"/v1/items/item-01/similar": 0, "/v1/items/item-01/bought-together": 0, "/v1/trending": 0, "/v1/autocomplete?q=sho": 0,
	} {
		before := h.rank.calls.Load()
		if w := h.do("GET", path, ""); w.Code != http.StatusOK {
			t.Errorf("%s = %d %s", path, w.Code, w.Body)
		}
		if got := h.rank.calls.Load() - before; got != want {
			t.Errorf("%s asks ranking %d times, want %d", path, got, want)
		}
	}
	before := h.rank.calls.Load()
	a := h.ask("POST", "/v1/search", `{"query":"shoe","order_by":"price","page_size":2}`)
	if diff := cmp.Diff([]string{"item-00", "item-01"}, ids(a)); diff != "" || h.rank.calls.Load() != before {
		t.Errorf("a search in an order of its own was ranked: %v", ids(a))
	}
}

func TestPages(t *testing.T) {
	h := newHouse(t, options{})
	var seen []string
	for token := ""; ; {
		a := h.ask("POST", "/v1/search", fmt.Sprintf(`{"query":"shoe","visitor_id":"v1","page_size":7,"page_token":%q}`, token))
		for i, r := range a.Results {
			if r.Position != len(seen)+1 {
				t.Errorf("result %d of a page has position %d, want %d", i, r.Position, len(seen)+1)
			}
			seen = append(seen, r.ID)
		}
		if token = a.NextPageToken; token == "" {
			break
		}
	}
	if len(seen) != 30 || len(slices.Compact(slices.Sorted(slices.Values(seen)))) != 30 {
		t.Errorf("the pages hold %d items, want each of 30 once: %v", len(seen), seen)
	}
	if seen[29] != "item-29" {
		t.Errorf("the last item is %s, want the one that is sold out", seen[29])
	}
	byOffset := h.ask("POST", "/v1/search", `{"query":"shoe","visitor_id":"v1","page_size":7,"offset":7}`)
	if diff := cmp.Diff(seen[7:14], ids(byOffset)); diff != "" {
		t.Errorf("by token (-) and by offset (+):\n%s", diff)
	}
}

// TestPagesDoNotRepeatWhenTheOrderMoves turns the order around between two pages.
func TestPagesDoNotRepeatWhenTheOrderMoves(t *testing.T) {
	h := newHouse(t, options{})
	first := h.ask("POST", "/v1/search", `{"query":"shoe","page_size":10}`)
	h.rank.set(func(_ context.Context, data []byte) ([]byte, error) {
		var q wire.RankRequest
		if err := proto.Unmarshal(data, &q); err != nil {
			return nil, err
		}
		return proto.Marshal(&wire.RankReply{Scores: wire.AppendFloats(nil, make([]float32, q.GetCandidates().Len())), Model: "another"})
	})
	second := h.ask("POST", "/v1/search", fmt.Sprintf(`{"query":"shoe","page_size":10,"page_token":%q}`, first.NextPageToken))
	for _, id := range ids(second) {
		if slices.Contains(ids(first), id) {
			t.Errorf("%s stands on both pages", id)
		}
	}
	if len(second.Results) != 10 {
		t.Errorf("the second page has %d items, want 10", len(second.Results))
	}
}

func TestDiversity(t *testing.T) {
	h := newHouse(t, options{})
	h.recall.set(func(_ context.Context, data []byte) ([]byte, error) {
		var q wire.RecallRequest
		if err := proto.Unmarshal(data, &q); err != nil {
			return nil, err
		}
		items := catalogue()
		slices.SortStableFunc(items, func(a, b shop.Item) int { return strings.Compare(b.Brand, a.Brand) })
		return proto.Marshal(offer(&q, items))
	})
	count := func(level string) int {
		a := h.ask("POST", "/v1/recommend/home", fmt.Sprintf(`{"page_size":10,"diversity":%q}`, level))
		n := 0
		for _, r := range a.Results {
			if strings.Contains(string(r.Item), `"brand-0"`) {
				n++
			}
		}
		return n
	}
	// Ranking turns the order around, so that brand-0 comes first.
	if off, low := count("off"), count("low"); off != 10 || low != 5 {
		t.Errorf("brand-0 has %d places without and %d with low diversity, want 10 and 5", off, low)
	}
}

func TestFailuresAreDegraded(t *testing.T) {
	h := newHouse(t, options{config: func(c *Config) { c.Deadline = 500 * time.Millisecond }})
	fails := func(code wire.Code) func(context.Context, []byte) ([]byte, error) {
		return func(context.Context, []byte) ([]byte, error) { return nil, wire.Errorf(code, "as the test wants it") }
	}
	blocks := func(ctx context.Context, _ []byte) ([]byte, error) { <-ctx.Done(); return nil, ctx.Err() }
	garbage := func(context.Context, []byte) ([]byte, error) { return []byte("\xff\xff\xff"), nil }
	tests := []struct {
		name         string
		recall, rank func(context.Context, []byte) ([]byte, error)
		want         string
		model        string
	}{
		{"ranking fails", recallAll, fails(wire.Internal), "rank:error", ""},
		{"ranking is busy", recallAll, fails(wire.Overloaded), "rank:overloaded", ""},
		{"ranking is silent", recallAll, blocks, "rank:late", ""},
		{"ranking talks nonsense", recallAll, garbage, "rank:error", ""},
		{"ranking has too few scores", recallAll, func(context.Context, []byte) ([]byte, error) { return nil, nil }, "rank:error", ""},
		{"recall fails", fails(wire.Internal), rankBackwards, "recall:error", ""},
		{"recall is busy", fails(wire.Overloaded), rankBackwards, "recall:overloaded", ""},
		{"recall is silent", blocks, rankBackwards, "recall:late", ""},
		{"recall talks nonsense", garbage, rankBackwards, "recall:error", ""},
	}
	for _, test := range tests {
		h.recall.set(test.recall)
		h.rank.set(test.rank)
		for path, body := range map[string]string{"/v1/search": `{"query":"red shoe"}`, "/v1/recommend/home": `{"visitor_id":"v"}`} {
			a := h.ask("POST", path, body)
			if len(a.Results) != 20 {
				t.Errorf("%s: %s has %d results, want 20", test.name, path, len(a.Results))
			}
			if !slices.Contains(a.Degraded, test.want) {
				t.Errorf("%s: %s is degraded %v, want %s", test.name, path, a.Degraded, test.want)
			}
		}
	}
	h.recall.set(func(context.Context, []byte) ([]byte, error) { return proto.Marshal(&wire.RecallReply{}) })
	if a := h.ask("POST", "/v1/recommend/home", `{}`); len(a.Results) == 0 || !slices.Contains(a.Degraded, "recall:empty") {
		t.Errorf("an empty recall gives %d recommendations, degraded %v", len(a.Results), a.Degraded)
	}
	if a := h.ask("POST", "/v1/search", `{"query":"zzz"}`); len(a.Results) != 0 || len(a.Degraded) != 0 {
		t.Errorf("a search that finds nothing gives %d results, degraded %v", len(a.Results), a.Degraded)
	}
	h.recall.set(recallAll)
	h.rank.set(rankBackwards)
	if a := h.ask("POST", "/v1/search", `{"query":"shoe"}`); len(a.Degraded) != 0 {
		t.Errorf("after all came back the answer is degraded %v", a.Degraded)
	}
}

func TestRecallsRefusalNamesTheField(t *testing.T) {
	h := newHouse(t, options{})
	h.recall.set(func(context.Context, []byte) ([]byte, error) {
		return nil, &wire.Error{Code: wire.Invalid, Field: "filter", Text: "unknown key at column 3"}
	})
	w := h.do("POST", "/v1/search", `{"query":"x","filter":"zz"}`)
	// The bus carries code and text; the field travels in either.
	if p := problemOf(t, w); w.Code != http.StatusUnprocessableEntity || len(p.Errors) != 1 || !strings.Contains(p.Errors[0].Field+p.Errors[0].Reason, "filter") {
		t.Errorf("a bad filter = %d %s", w.Code, w.Body)
	}
}

// TestWithoutTheBus shuts the server down: every query is answered from memory at once.
func TestWithoutTheBus(t *testing.T) {
	h := newHouse(t, options{config: func(c *Config) { c.EventWait = 100 * time.Millisecond }})
	h.nats.Shutdown()
	h.nats.WaitForShutdown()
	for path, body := range map[string]string{
		"/v1/search": `{"query":"red shoe","filter":"price > 5"}`, "/v1/recommend/home": `{"visitor_id":"v","exclude_item_ids":["item-00"]}`,
	} {
		begin := time.Now()
		a := h.ask("POST", path, body)
		if len(a.Results) != 20 || a.Degraded[0] != "bus" || slices.Contains(ids(a), "item-29") && path != "/v1/search" {
			t.Errorf("%s without the bus: %d results, degraded %v", path, len(a.Results), a.Degraded)
		}
		if took := time.Since(begin); took > time.Second {
			t.Errorf("%s took %v without the bus", path, took)
		}
	}
	if a := h.ask("POST", "/v1/search", `{"query":"red shoe 17"}`); a.Results[0].ID != "item-17" || a.TotalSize != 1 {
		t.Errorf("a search for one item finds %v of %d", ids(a), a.TotalSize)
	}
	if w := h.do("GET", "/v1/autocomplete?q=sh", ""); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), `"degraded":["bus"]`) {
		t.Errorf("autocomplete = %d %s", w.Code, w.Body)
	}
	if w := h.do("GET", "/v1/items/item-03", ""); w.Code != http.StatusOK {
		t.Errorf("an item from memory = %d %s", w.Code, w.Body)
	}
	w := h.do("POST", "/v1/events", `{"events":[{"event":"view_item","visitor_id":"v","items":[{"item_id":"item-00"}]}]}`)
	if p := problemOf(t, w); w.Code != http.StatusServiceUnavailable || p.Code != "unavailable" || w.Header().Get("Retry-After") == "" {
		t.Errorf("events = %d %s, want 503 with Retry-After", w.Code, w.Body)
	}
	if w := h.do("PUT", "/v1/items/item-03", `{"title":"x"}`); w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" {
		t.Errorf("an item = %d %s, want 503 with Retry-After", w.Code, w.Body)
	}
}

func TestOverloadIsRefusedByClass(t *testing.T) {
	h := newHouse(t, options{config: func(c *Config) { c.Concurrency = 4 }})
	h.g.working.Store(3)
	if w := h.do("POST", "/v1/recommend/home", `{}`); w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" {
		t.Errorf("a recommendation under load = %d %s, want 503", w.Code, w.Body)
	}
	h.ask("POST", "/v1/search", `{"query":"shoe"}`)
	h.g.working.Store(4)
	if w := h.do("POST", "/v1/search", `{"query":"shoe"}`); w.Code != http.StatusServiceUnavailable || problemOf(t, w).Code != "overloaded" {
		t.Errorf("a search above the limit = %d %s, want 503", w.Code, w.Body)
	}
	h.g.working.Store(0)
}

func TestRate(t *testing.T) {
	h := newHouse(t, options{config: func(c *Config) { c.Rate = 3 }})
	codes := map[int]int{}
	for range 5 {
		w := h.do("POST", "/v1/search", `{"query":"shoe"}`)
		codes[w.Code]++
		if w.Code == http.StatusTooManyRequests && (w.Header().Get("Retry-After") == "" || problemOf(t, w).Code != "rate_limited") {
			t.Errorf("refused with %v %s", w.Header(), w.Body)
		}
	}
	if codes[200] != 3 || codes[429] != 2 {
		t.Errorf("5 requests at 3 a minute = %v", codes)
	}
}

func TestInProcess(t *testing.T) {
	h := newHouse(t, options{})
	d := h.g.desk
	found, err := d.Search(t.Context(), request.Search{Query: "shoe", PageSize: 3})
	if err != nil || len(found.Results) != 3 || found.Cost == nil {
		t.Fatalf("Search = %+v, %v", found, err)
	}
	recommended, err := d.Recommend(t.Context(), request.Recommend{Placement: "home", PageSize: 4})
	if err != nil || len(recommended.Results) != 4 {
		t.Fatalf("Recommend = %+v, %v", recommended, err)
	}
	// The first answer is not touched by the second.
	if found.Results[0].ID != "item-28" {
		t.Errorf("the first answer begins with %s now", found.Results[0].ID)
	}
	if related, err := d.Related(t.Context(), request.Related{ItemID: "item-01", PageSize: 2}); err != nil || len(related.Results) != 2 {
		t.Errorf("Related = %+v, %v", related, err)
	}
	if trending, err := d.Trending(t.Context(), request.Trending{PageSize: 2}); err != nil || len(trending.Results) != 2 {
		t.Errorf("Trending = %+v, %v", trending, err)
	}
	if c, err := d.Complete(t.Context(), request.Complete{Prefix: "sho", PageSize: 1}); err != nil || !cmp.Equal(c.Completions, []string{"shos"}) {
		t.Errorf("Complete = %+v, %v", c, err)
	}
	if item := d.Item("item-05"); item == nil || item.Title != "Red shoe 5" || d.Item("none") != nil {
		t.Errorf("Item = %+v", item)
	}
}
