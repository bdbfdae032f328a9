package shopper

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/haggle-commerce/haggle/services/bench/internal/caller"
)

func TestParseMix(t *testing.T) {
	for text, want := range map[string]string{
		"search=1,recommend=1":          "search=1,recommend=1",
		" recommend = 2 , search=0.5":   "search=0.5,recommend=2",
		"events=1,search=0":             "events=1",
		"":                              "",
		"search":                        "",
		"search=x":                      "",
		"search=-1":                     "",
		"search=NaN":                    "",
		"search=Inf":                    "",
		"search=0":                      "",
		"search=1,search=2":             "",
		"browse=1":                      "",
		"trending=1,autocomplete=3":     "trending=1,autocomplete=3",
		"similar=1e2,search=1,events=1": "search=1,similar=100,events=1",
	} {
		m, err := ParseMix(text)
		if (err != nil) != (want == "") || m.String() != want {
			t.Errorf("ParseMix(%q) = %q, %v, want %q", text, m, err, want)
		}
	}
}

func TestMixPicksByShare(t *testing.T) {
	m, err := ParseMix("search=3,events=1")
	if err != nil {
		t.Fatal(err)
	}
	for u, want := range map[float64]Kind{0: Search, 0.74: Search, 0.76: Events, math.Nextafter(1, 0): Events} {
		if got := m.pick(u); got != want {
			t.Errorf("pick(%v) = %s, want %s", u, got, want)
		}
	}
}

func TestWords(t *testing.T) {
	for title, want := range map[string][]string{
		"":                              nil,
		"Men's Red Jacket, size XL (2)": {"Men", "Red", "Jacket", "size", "XL"},
		"红色夹克 ACME":                     {"红色", "夹克", "ACME"},
		"ジャケット":                         {"ジャ", "ケッ"},
		"USB-C 3.0 cable":               {"USB", "cable"},
		"Müller-Öl":                     {"Müller", "Öl"},
	} {
		if diff := cmp.Diff(want, words(title)); diff != "" {
			t.Errorf("words(%q) (-want +got):\n%s", title, diff)
		}
	}
}

func shelf(n int) []Item {
	items := make([]Item, n)
	for i := range items {
		items[i] = Item{ID: fmt.Sprint("sku/", i), Title: fmt.Sprintf("Warm jacket model%d 红色夹克", i), Brand: fmt.Sprint("Brand ", i%7), Category: fmt.Sprint("Category ", i%5)}
	}
	return items
}

func TestQueriesComeFromTheItems(t *testing.T) {
	items := shelf(50)
	everyWord := ""
	for _, it := range items {
		everyWord += " " + strings.ToLower(strings.Join(words(it.Title), " ")+" "+it.Brand+" "+it.Category)
	}
	list := queries(items, 100, rand.New(rand.NewPCG(1, 1)))
	if len(list) < 50 {
		t.Errorf("%d different queries of 50 items, want 50 at least", len(list))
	}
	lengths := map[int]int{}
	for _, q := range list {
		lengths[len(strings.Fields(q))]++
		for _, w := range strings.Fields(strings.ToLower(q)) {
			if !strings.Contains(everyWord, w) {
				t.Errorf("query %q has the word %q, which no item has", q, w)
			}
		}
	}
	if lengths[1] == 0 || lengths[2] == 0 || lengths[3] == 0 {
		t.Errorf("queries by their number of words: %v, want some of 1, 2 and 3", lengths)
	}
}

func TestPrefix(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 1))
	for _, q := range []string{"", "x", "红色夹克", "a long query with many words"} {
		for range 50 {
			p := prefix(q, random)
			if !strings.HasPrefix(q, p) || !utf8.ValidString(p) || q != "" && p == "" || len(q) > 1 && p == q {
				t.Errorf("prefix(%q) = %q", q, p)
			}
		}
	}
}

func crowd(t *testing.T, mix string) *Crowd {
	t.Helper()
	m, err := ParseMix(mix)
	if err != nil {
		t.Fatal(err)
	}
	return NewCrowd(shelf(200), Options{Mix: m, Visitors: 10, Seed: 5, Run: "r"})
}

func TestNextIsAsTheAPIWantsIt(t *testing.T) {
	noon := time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)
	c := crowd(t, "search=1,recommend=1,similar=1,trending=1,autocomplete=1,events=1")
	counts := map[Kind]int{}
	for range 1200 {
		kind, r := c.Next(noon)
		counts[kind]++
		u, err := url.ParseRequestURI(r.Path)
		if err != nil {
			t.Fatalf("%s: path %q: %v", kind, r.Path, err)
		}
		want := map[Kind]string{Search: "POST /v1/search", Recommend: "POST /v1/recommend/home", Similar: "GET /v1/items/", Trending: "GET /v1/trending", Autocomplete: "GET /v1/autocomplete", Events: "POST /v1/events"}[kind]
		if !strings.HasPrefix(r.Method+" "+u.Path, want) {
			t.Errorf("%s asks %s %s, want %s", kind, r.Method, u.Path, want)
		}
		if (r.Body != nil) != (r.Method == http.MethodPost) || r.Body != nil && !json.Valid(r.Body) {
			t.Errorf("%s: body %q", kind, r.Body)
		}
		if kind == Similar && !strings.HasPrefix(u.EscapedPath(), "/v1/items/sku%2F") {
			t.Errorf("similar: %q does not escape the item's id", u.EscapedPath())
		}
		if kind == Autocomplete && u.Query().Get("q") == "" {
			t.Error("autocomplete: nothing typed")
		}
	}
	for _, kind := range Kinds {
		if counts[kind] < 120 || counts[kind] > 290 {
			t.Errorf("%d of 1,200 requests were for %s, want about 200", counts[kind], kind)
		}
	}
}

func TestSameSeedAsksTheSame(t *testing.T) {
	noon := time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)
	a, b := crowd(t, "search=1,events=1"), crowd(t, "search=1,events=1")
	for range 100 {
		_, x := a.Next(noon)
		_, y := b.Next(noon)
		if diff := cmp.Diff(x, y); diff != "" {
			t.Fatalf("the same seed asks differently (-first +second):\n%s", diff)
		}
	}
}

func TestPopularQueriesComeOften(t *testing.T) {
	c, counts := crowd(t, "search=1"), map[string]int{}
	for range 5000 {
		counts[c.query()]++
	}
	if top := counts[c.queries[0]]; top < 50 || top > 1500 {
		t.Errorf("the most popular of %d queries came %d times in 5,000", c.Queries(), top)
	}
	if len(counts) < 100 {
		t.Errorf("only %d different queries in 5,000", len(counts))
	}
}

func TestHistories(t *testing.T) {
	noon := time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)
	m, err := ParseMix("search=1")
	if err != nil {
		t.Fatal(err)
	}
	c := NewCrowd(shelf(20), Options{Mix: m, Visitors: 100, Seed: 5, Run: "r"})
	ids, visitors := map[string]bool{}, map[string]int{}
	for _, r := range c.Histories(noon) {
		var body struct{ Events []event }
		if err := json.Unmarshal(r.Body, &body); err != nil {
			t.Fatal(err)
		}
		if len(body.Events) > eventBatch {
			t.Errorf("%d events in one request", len(body.Events))
		}
		for _, e := range body.Events {
			if ids[e.ID] || e.Event != "view_item" || len(e.Items) != 1 || e.Timestamp.After(noon) {
				t.Errorf("event %+v is sent twice or wrong", e)
			}
			ids[e.ID] = true
			visitors[e.Visitor]++
		}
	}
	if len(visitors) != 50 || len(ids) != 250 {
		t.Errorf("%d events of %d visitors, want 250 of 50", len(ids), len(visitors))
	}
}

func TestCrowdOfItemsWithoutWords(t *testing.T) {
	m, err := ParseMix("search=1")
	if err != nil {
		t.Fatal(err)
	}
	c := NewCrowd([]Item{{ID: "1"}}, Options{Mix: m, Run: "r"})
	if _, r := c.Next(time.Now()); !strings.Contains(string(r.Body), `"query":"1"`) {
		t.Errorf("search of an item without words = %s, want its id", r.Body)
	}
}

// shop answers searches over a shelf, in pages, as the API does.
type shop struct {
	items       []Item
	needsFilter bool
	asked       []string
}

func (s *shop) ask(_ context.Context, path string, body []byte) ([]byte, error) {
	var q struct {
		Filter, PageToken string
		PageSize          int `json:"page_size"`
	}
	var raw map[string]any
	if err := json.Unmarshal(body, &raw); err != nil {
		return nil, err
	}
	q.Filter, _ = raw["filter"].(string)
	q.PageToken, _ = raw["page_token"].(string)
	s.asked = append(s.asked, q.Filter)
	if s.needsFilter && q.Filter == "" {
		return nil, &caller.StatusError{Path: path, Status: 422, Body: "a search needs a query or a filter"}
	}
	found := slices.Clone(s.items)
	if strings.HasPrefix(q.Filter, "category") {
		found = slices.DeleteFunc(found, func(it Item) bool { return !strings.Contains(q.Filter, `"`+it.Category+`"`) })
		slices.Reverse(found) // the best of a category are not the best of all
	}
	at := 0
	if q.PageToken != "" {
		if _, err := fmt.Sscan(q.PageToken, &at); err != nil {
			return nil, err
		}
	}
	results, categories := []any{}, []any{}
	for _, it := range found[at:min(at+discoverPage, len(found))] {
		results = append(results, map[string]any{"id": it.ID, "item": map[string]any{"title": it.Title, "brand": it.Brand, "categories": []string{"All", it.Category}}})
	}
	for i := range 5 {
		categories = append(categories, map[string]any{"value": fmt.Sprint("Category ", i), "count": 1})
	}
	a := map[string]any{"results": results, "facets": []any{map[string]any{"key": "category", "values": categories}}}
	if at+discoverPage < len(found) {
		a["next_page_token"] = fmt.Sprint(at + discoverPage)
	}
	return json.Marshal(a)
}

func TestDiscover(t *testing.T) {
	for _, c := range []struct {
		name              string
		items, most, want int
		needsFilter       bool
	}{
		{"small shop", 30, 3000, 30, false},
		{"needs a filter", 30, 3000, 30, true},
		{"several pages", 450, 3000, 450, true},
		{"pages, then categories", 6000, 1200, 1200, true},
		{"no more than asked for", 450, 120, 120, false},
	} {
		s := &shop{items: shelf(c.items), needsFilter: c.needsFilter}
		items, err := Discover(t.Context(), s.ask, c.most)
		if err != nil || len(items) != c.want {
			t.Errorf("%s: %d items, %v, want %d", c.name, len(items), err, c.want)
			continue
		}
		if diff := cmp.Diff(s.items[0], items[0]); diff != "" {
			t.Errorf("%s: the first item (-want +got):\n%s", c.name, diff)
		}
		seen := map[string]bool{}
		for _, it := range items {
			if seen[it.ID] {
				t.Errorf("%s: item %s twice", c.name, it.ID)
			}
			seen[it.ID] = true
		}
	}
}

func TestDiscoverFails(t *testing.T) {
	if _, err := Discover(t.Context(), (&shop{}).ask, 10); !errors.Is(err, ErrNoItems) {
		t.Errorf("Discover of an empty shop = %v, want %v", err, ErrNoItems)
	}
	for name, failure := range map[string]error{
		"away":    errors.New("connect: refused"),
		"broken":  &caller.StatusError{Path: "/v1/search", Status: 503, Body: "x"},
		"refuses": &caller.StatusError{Path: "/v1/search", Status: 401, Body: "key"},
	} {
		_, err := Discover(t.Context(), func(context.Context, string, []byte) ([]byte, error) { return nil, failure }, 10)
		if !errors.Is(err, failure) {
			t.Errorf("%s: Discover = %v, want it to wrap %v", name, err, failure)
		}
	}
	if _, err := Discover(t.Context(), func(context.Context, string, []byte) ([]byte, error) { return []byte("<html>"), nil }, 10); err == nil {
		t.Error("Discover accepts HTML")
	}
}

func FuzzWords(f *testing.F) {
	f.Add("Men's Red Jacket 红色")
	f.Fuzz(func(t *testing.T, title string) {
		for _, w := range words(title) {
			if w == "" || !utf8.ValidString(w) && utf8.ValidString(title) {
				t.Errorf("words(%q) has %q", title, w)
			}
		}
		q := query(Item{Title: title}, rand.New(rand.NewPCG(1, 1)))
		if len(strings.Fields(q)) > maxWords {
			t.Errorf("query %q of %q has too many words", q, title)
		}
	})
}

func BenchmarkNext(b *testing.B) {
	m, err := ParseMix("search=1,recommend=1")
	if err != nil {
		b.Fatal(err)
	}
	c, now := NewCrowd(shelf(2000), Options{Mix: m, Visitors: 1000}), time.Now()
	b.ReportAllocs()
	for b.Loop() {
		c.Next(now)
	}
}
