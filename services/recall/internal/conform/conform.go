// Package conform tests that a retriever does what package retrieve asks of it. It is for tests alone.
package conform

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/haggle-commerce/haggle/libs/shop"
	"github.com/haggle-commerce/haggle/services/recall/internal/retrieve"
)

// patience is how long a change may take to be seen; each call may take as long.
const patience = 20 * time.Second

// Open makes a retriever over an empty index, and has it removed when the test ends.
type Open func(t *testing.T) retrieve.Retriever

// Run runs all tests.
func Run(t *testing.T, open Open) {
	t.Run("Searches", func(t *testing.T) { testSearches(t, open) })
	t.Run("Filters", func(t *testing.T) { testFilters(t, open) })
	t.Run("Faults", func(t *testing.T) { testFaults(t, open) })
	t.Run("Changes", func(t *testing.T) { testChanges(t, open) })
	t.Run("DeletedStaysAway", func(t *testing.T) { testDeleted(t, open) })
	t.Run("LargeBatch", func(t *testing.T) { testLargeBatch(t, open) })
	t.Run("Ties", func(t *testing.T) { testTies(t, open) })
	t.Run("Vectors", func(t *testing.T) { testVectors(t, open) })
}

// subject is a retriever under test.
type subject struct {
	retrieve.Retriever
	version uint64
}

func start(t *testing.T, open Open, items ...*shop.Item) *subject {
	t.Helper()
	s := &subject{Retriever: open(t)}
	if len(items) > 0 {
		s.put(t, items...)
		s.until(t, &retrieve.Query{K: retrieve.MaxK}, len(items))
	}
	return s
}

func within(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

func (s *subject) apply(t *testing.T, changes ...retrieve.Change) {
	t.Helper()
	for i := range changes {
		s.version++
		changes[i].Version = s.version
	}
	if err := s.Apply(within(t), changes); err != nil {
		t.Fatalf("Apply of %d changes: %v", len(changes), err)
	}
}

func (s *subject) put(t *testing.T, items ...*shop.Item) {
	t.Helper()
	changes := make([]retrieve.Change, len(items))
	for i, it := range items {
		changes[i] = retrieve.Change{ID: it.ID, Item: it}
	}
	s.apply(t, changes...)
}

func (s *subject) search(t *testing.T, q *retrieve.Query) retrieve.Result {
	t.Helper()
	if q.K == 0 {
		q.K = 50
	}
	result, err := s.Search(within(t), q)
	if err != nil {
		t.Fatalf("Search(%+v): %v", *q, err)
	}
	if len(result.Hits) > q.K || result.Total < len(result.Hits) {
		t.Fatalf("Search(%+v) has %d hits of a total of %d", *q, len(result.Hits), result.Total)
	}
	ordered := slices.Clone(result.Hits)
	retrieve.Sort(ordered)
	if !slices.Equal(ordered, result.Hits) {
		t.Fatalf("Search(%+v) = %v, not ordered by score and id", *q, result.Hits)
	}
	return result
}

// eventually waits until a search shows what is wanted: changes take a moment to be seen.
func eventually(t *testing.T, see func() error) {
	t.Helper()
	var err error
	for end := time.Now().Add(patience); time.Now().Before(end); <-time.After(50 * time.Millisecond) {
		if err = see(); err == nil {
			return
		}
	}
	t.Fatalf("not seen within %v: %v", patience, err)
}

// until waits until a search has so many hits.
func (s *subject) until(t *testing.T, q *retrieve.Query, hits int) {
	t.Helper()
	eventually(t, func() error {
		if got := s.search(t, q); len(got.Hits) != hits {
			return fmt.Errorf("Search(%+v) has %d hits, want %d", *q, len(got.Hits), hits)
		}
		return nil
	})
}

// ids are the ids of the hits in the order of the alphabet.
func ids(result retrieve.Result) string {
	var found []string
	for _, hit := range result.Hits {
		found = append(found, string(hit.ID))
	}
	slices.Sort(found)
	return strings.Join(found, " ")
}

// boutique is a small shop with something of everything.
func boutique() []*shop.Item {
	created := time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)
	return []*shop.Item{
		{ID: "rain", Title: "Rain jacket", Titles: map[string]string{"zh": "红色雨衣"}, Brand: "Acme", Categories: []string{"Clothing", "Jackets"}, Price: 80, CreatedAt: created, Attributes: map[string][]string{"Colour": {"Red", "Black"}, "weight": {"0.5"}}},
		{ID: "down", Title: "Down jacket, very warm", Brand: "Globex", Categories: []string{"Clothing", "Jackets"}, Price: 150, CreatedAt: created.AddDate(0, 1, 0), Attributes: map[string][]string{"colour": {"blue"}, "weight": {"1.2"}}},
		{ID: "fleece", Title: "Fleece sweater", Brand: "Globex", Categories: []string{"Clothing"}, Price: 60, Availability: shop.OutOfStock, Attributes: map[string][]string{"colour": {"red"}}},
		{ID: "shoe/1.5*", Title: "Trail running shoe", Titles: map[string]string{"zh": "越野跑鞋"}, Brand: "Acme", Categories: []string{"Shoes"}, Price: 120, Availability: shop.Preorder, Attributes: map[string][]string{"weight": {"0.8", "heavy"}}},
		{ID: "gift", Title: "Gift card", Description: "For anybody who has no jacket yet."},
	}
}

func testSearches(t *testing.T, open Open) {
	s := start(t, open, boutique()...)
	if err := s.Health(within(t)); err != nil {
		t.Errorf("Health = %v", err)
	}
	for _, c := range []struct {
		name, text, first string
		// found has to be among the hits, and no more when only is set.
		found string
		only  bool
	}{
		{"a word of a title", "jacket", "", "down rain", false},
		{"in capitals", "JACKET", "", "down rain", false},
		{"in the plural", "jackets", "", "down rain", false},
		{"both words stand first", "rain jacket", "rain", "rain", false},
		{"a brand", "globex", "", "down fleece", true},
		{"a category", "shoes", "shoe/1.5*", "shoe/1.5*", true},
		{"a value", "blue", "down", "down", true},
		{"Chinese", "雨衣", "rain", "rain", true},
		{"Chinese, the whole title", "越野跑鞋", "shoe/1.5*", "shoe/1.5*", true},
		{"what no item has", "submarine", "", "", true},
		{"signs alone", "?!", "", "", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			result := s.search(t, &retrieve.Query{Text: c.text})
			if c.first != "" && (len(result.Hits) == 0 || string(result.Hits[0].ID) != c.first) {
				t.Errorf("Search(%q) = %v, want %s first", c.text, result.Hits, c.first)
			}
			if c.only && ids(result) != c.found {
				t.Errorf("Search(%q) finds %q, want %q", c.text, ids(result), c.found)
			}
			for _, want := range strings.Fields(c.found) {
				if !slices.ContainsFunc(result.Hits, func(h retrieve.Hit) bool { return string(h.ID) == want }) {
					t.Errorf("Search(%q) finds %q, want %s among them", c.text, ids(result), want)
				}
			}
			if !result.AtLeast && result.Total != len(result.Hits) {
				t.Errorf("Search(%q) has %d hits of %d, though k is larger", c.text, len(result.Hits), result.Total)
			}
		})
	}
	t.Run("no words", func(t *testing.T) {
		result := s.search(t, &retrieve.Query{})
		if result.Total != 5 || result.AtLeast || ids(result) != "down fleece gift rain shoe/1.5*" {
			t.Errorf("Search of nothing = %+v, want all five", result)
		}
	})
	t.Run("k", func(t *testing.T) {
		result := s.search(t, &retrieve.Query{K: 2})
		if len(result.Hits) != 2 || result.Total != 5 {
			t.Errorf("Search of nothing with k 2 = %+v, want 2 of 5", result)
		}
		if result := s.search(t, &retrieve.Query{Text: "jacket", K: 1}); len(result.Hits) != 1 {
			t.Errorf("Search with k 1 = %+v", result)
		}
	})
}

func testFilters(t *testing.T, open Open) {
	s := start(t, open, boutique()...)
	for _, c := range []struct{ filter, want string }{
		{`brand = "Acme"`, "rain shoe/1.5*"},
		{`brand: acme`, "rain shoe/1.5*"},
		{`brand != "acme"`, "down fleece gift"},
		{`brand: ANY("ACME", "Globex")`, "down fleece rain shoe/1.5*"},
		{`category: "Jackets"`, "down rain"},
		{`category: "clothing > jackets"`, "down rain"},
		{`category: "Clothing"`, "down fleece rain"},
		{`colour: ANY("RED", "blue")`, "down fleece rain"},
		{`attributes.colour = black`, "rain"},
		{`colour: "ed"`, ""},
		{`taste = "sweet"`, ""},
		{`NOT taste = "sweet"`, "down fleece gift rain shoe/1.5*"},
		{`weight >= 0.8`, "down shoe/1.5*"},
		{`weight: IN(0.5, 0.8e)`, "rain"},
		{`weight: "heavy"`, "shoe/1.5*"},
		{`colour > 1`, ""},
		{`price: IN(60, 120e)`, "fleece rain"},
		{`price: IN(60e, 120)`, "rain shoe/1.5*"},
		{`price: IN(*, 80)`, "fleece rain"},
		{`price:80..150`, "rain shoe/1.5*"},
		{`price:120..`, "down shoe/1.5*"},
		{`price:..80`, "fleece"},
		{`price = 150`, "down"},
		{`price != 150`, "fleece gift rain shoe/1.5*"},
		{`price < 80`, "fleece"},
		{`price <= 80`, "fleece rain"},
		{`price > 120`, "down"},
		{`price: IN(*, *)`, "down fleece rain shoe/1.5*"},
		{`NOT price < 100`, "down gift shoe/1.5*"},
		{`created_at >= "2026-02-01"`, "down"},
		{`created_at < "2026-02-01"`, "rain"},
		{`available`, "down gift rain shoe/1.5*"},
		{`-available`, "fleece"},
		{`availability = preorder`, "shoe/1.5*"},
		{`availability: "in_stock"`, "down gift rain"},
		{`id: ANY("gift", "rain", "none")`, "gift rain"},
		{`id = "RAIN"`, ""},
		{`brand = acme AND price < 100`, "rain"},
		{`brand = acme OR price < 100`, "fleece rain shoe/1.5*"},
		{`NOT (brand = acme OR brand = globex)`, "gift"},
		{`(brand = acme OR colour = blue) AND NOT category = shoes AND available`, "down rain"},
	} {
		t.Run(c.filter, func(t *testing.T) {
			if got := s.search(t, &retrieve.Query{Filter: c.filter}); ids(got) != c.want || got.Total != len(got.Hits) {
				t.Errorf("Search finds %q of %d, want %q", ids(got), got.Total, c.want)
			}
		})
	}
	t.Run("with words", func(t *testing.T) {
		if got := s.search(t, &retrieve.Query{Text: "jacket", Filter: "price > 100"}); ids(got) != "down" {
			t.Errorf("Search finds %q, want down", ids(got))
		}
	})
	t.Run("with a category", func(t *testing.T) {
		if got := s.search(t, &retrieve.Query{Category: "Clothing > Jackets", Filter: "brand = acme OR brand = globex"}); ids(got) != "down rain" {
			t.Errorf("Search finds %q, want down and rain", ids(got))
		}
	})
}

func testFaults(t *testing.T, open Open) {
	s := start(t, open, boutique()...)
	for name, q := range map[string]*retrieve.Query{
		"no k":                     {Text: "jacket"},
		"too large a k":            {Text: "jacket", K: retrieve.MaxK + 1},
		"too long a text":          {Text: strings.Repeat("a", retrieve.MaxText+1), K: 1},
		"a filter without a field": {Filter: `= 1`, K: 1},
		"an unknown function":      {Filter: `brand: SOME("a")`, K: 1},
		"a date that is none":      {Filter: `created_at > "yesterday"`, K: 1},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := s.Search(within(t), q); !errors.Is(err, retrieve.ErrInvalid) {
				t.Errorf("Search = %v, want ErrInvalid", err)
			}
		})
	}
	t.Run("a cancelled context", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		began := time.Now()
		_, searched := s.Search(ctx, &retrieve.Query{Text: "jacket", K: 1})
		applied := s.Apply(ctx, []retrieve.Change{{ID: "gift"}})
		for what, err := range map[string]error{"Search": searched, "Apply": applied, "Health": s.Health(ctx)} {
			if !errors.Is(err, context.Canceled) {
				t.Errorf("%s = %v, want context.Canceled", what, err)
			}
		}
		if took := time.Since(began); took > time.Second {
			t.Errorf("took %v", took)
		}
	})
}

func testChanges(t *testing.T, open Open) {
	s := start(t, open, boutique()...)
	s.put(t, &shop.Item{ID: "rain", Title: "Umbrella", Brand: "Initech", Price: 20})
	s.until(t, &retrieve.Query{Text: "umbrella"}, 1)
	for _, q := range []*retrieve.Query{{Text: "雨衣"}, {Filter: "colour = black"}, {Filter: "brand = acme AND category = jackets"}} {
		if got := s.search(t, q); len(got.Hits) != 0 {
			t.Errorf("Search(%+v) = %v, what was replaced", *q, got.Hits)
		}
	}
	// The same again changes nothing.
	before := s.search(t, &retrieve.Query{})
	s.put(t, &shop.Item{ID: "rain", Title: "Umbrella", Brand: "Initech", Price: 20})
	s.put(t, &shop.Item{ID: "rain", Title: "Umbrella", Brand: "Initech", Price: 20}, &shop.Item{ID: "last", Title: "Last"})
	s.until(t, &retrieve.Query{Text: "last"}, 1)
	if after := s.search(t, &retrieve.Query{}); after.Total != before.Total+1 {
		t.Errorf("%d items after the same was put twice and one more, %d before", after.Total, before.Total)
	}
	// In one batch the last state of an item counts.
	s.apply(t,
		retrieve.Change{ID: "a", Item: &shop.Item{ID: "a", Title: "Anvil"}},
		retrieve.Change{ID: "b", Item: &shop.Item{ID: "b", Title: "Bell"}},
		retrieve.Change{ID: "a"},
		retrieve.Change{ID: "b", Item: &shop.Item{ID: "b", Title: "Bugle"}},
		retrieve.Change{ID: "c"},
		retrieve.Change{ID: "c", Item: &shop.Item{ID: "c", Title: "Cymbal"}},
	)
	s.until(t, &retrieve.Query{Filter: `id: ANY("a", "b", "c")`}, 2)
	for text, want := range map[string]string{"anvil": "", "bell": "", "bugle": "b", "cymbal": "c"} {
		if got := ids(s.search(t, &retrieve.Query{Text: text})); got != want {
			t.Errorf("Search(%q) finds %q, want %q", text, got, want)
		}
	}
}

func testDeleted(t *testing.T, open Open) {
	s := start(t, open, boutique()...)
	s.apply(t, retrieve.Change{ID: "rain"}, retrieve.Change{ID: "never"})
	s.until(t, &retrieve.Query{}, 4)
	s.apply(t, retrieve.Change{ID: "rain"})
	for round := range 5 {
		s.put(t, &shop.Item{ID: shop.ItemID(fmt.Sprint("other", round)), Title: "Rain barrel"})
		s.until(t, &retrieve.Query{}, 5+round)
		for _, q := range []*retrieve.Query{{Text: "rain jacket"}, {Filter: `id = "rain"`}, {Filter: "colour = black"}} {
			if got := s.search(t, q); slices.ContainsFunc(got.Hits, func(h retrieve.Hit) bool { return h.ID == "rain" }) {
				t.Fatalf("Search(%+v) = %v, what was deleted", *q, got.Hits)
			}
		}
	}
	s.put(t, boutique()[0])
	s.until(t, &retrieve.Query{Filter: `id = "rain"`}, 1)
}

func testLargeBatch(t *testing.T, open Open) {
	const n = 5000
	s := start(t, open)
	items := make([]*shop.Item, n)
	for i := range items {
		items[i] = &shop.Item{ID: shop.ItemID(fmt.Sprintf("item-%04d", i)), Title: fmt.Sprintf("Widget number %d", i), Brand: fmt.Sprint("brand", i%10), Price: float64(i + 1)}
	}
	s.put(t, items...)
	s.until(t, &retrieve.Query{K: retrieve.MaxK}, retrieve.MaxK)
	eventually(t, func() error {
		if got := s.search(t, &retrieve.Query{}); got.Total != n {
			return fmt.Errorf("total = %d, want %d", got.Total, n)
		}
		return nil
	})
	if got := s.search(t, &retrieve.Query{Filter: "brand = brand3"}); got.Total != n/10 {
		t.Errorf("total of a brand = %d, want %d", got.Total, n/10)
	}
	if got := s.search(t, &retrieve.Query{Text: "widget", Filter: "price: IN(4991, *)"}); len(got.Hits) != 10 {
		t.Errorf("%d of the last widgets, want 10", len(got.Hits))
	}
}

func testTies(t *testing.T, open Open) {
	var items []*shop.Item
	for _, id := range []string{"e", "b", "d", "a", "c"} {
		items = append(items, &shop.Item{ID: shop.ItemID(id), Title: "Teapot"})
	}
	s := start(t, open, items...)
	got := s.search(t, &retrieve.Query{Text: "teapot"})
	for i, want := range []shop.ItemID{"a", "b", "c", "d", "e"} {
		if len(got.Hits) != 5 || got.Hits[i].ID != want || got.Hits[i].Score != got.Hits[0].Score {
			t.Fatalf("Search of five that are alike = %v, want them equal, by id", got.Hits)
		}
	}
}
