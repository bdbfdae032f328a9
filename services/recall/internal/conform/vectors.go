package conform

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/haggle-commerce/haggle/libs/shop"
	"github.com/haggle-commerce/haggle/services/recall/internal/retrieve"
)

// Dims is how long the vectors of the tests are; a retriever that supports vectors is opened for it.
const Dims = 4

// embedded is the boutique with vectors: rain, down and fleece lie further from (1, 0, 0, 0) one after the other, and the shoe opposite
// it. The gift card has none.
func embedded() []*shop.Item {
	items := boutique()
	for i, v := range [][]float32{{1, 0, 0, 0}, {0.8, 0.6, 0, 0}, {0, 2, 0, 0}, {-3, 0, 0, 1}} {
		items[i].Vector = v
	}
	return items
}

func testVectors(t *testing.T, open Open) {
	s := start(t, open, embedded()...)
	if _, err := s.Search(within(t), &retrieve.Query{K: 1, Vector: []float32{1, 0, 0, 0}}); errors.Is(err, retrieve.ErrUnsupported) {
		t.Log("vectors are not supported; what carries one is found by its words")
		if got := s.search(t, &retrieve.Query{Text: "fleece"}); ids(got) != "fleece" {
			t.Errorf("an item with a vector is not found by its words: %v", got.Hits)
		}
		return
	}
	t.Run("Nearest", func(t *testing.T) { testNearest(t, s) })
	t.Run("VectorFaults", func(t *testing.T) { testVectorFaults(t, s) })
	t.Run("VectorChanges", func(t *testing.T) { testVectorChanges(t, s) })
}

// order are the ids of the hits as they stand.
func order(result retrieve.Result) string {
	var found []string
	for _, hit := range result.Hits {
		found = append(found, string(hit.ID))
	}
	return strings.Join(found, " ")
}

func testNearest(t *testing.T, s *subject) {
	query := []float32{1, 0.1, 0, 0}
	for _, c := range []struct {
		name string
		q    retrieve.Query
		want string
	}{
		{"two", retrieve.Query{Vector: query, K: 2}, "rain down"},
		{"all", retrieve.Query{Vector: query}, "rain down fleece shoe/1.5*"},
		{"ten times as long", retrieve.Query{Vector: []float32{10, 1, 0, 0}, K: 2}, "rain down"},
		{"from the other side", retrieve.Query{Vector: []float32{-1, 0, 0, 0}, K: 1}, "shoe/1.5*"},
		{"of a brand", retrieve.Query{Vector: query, Filter: "brand = globex", K: 2}, "down fleece"},
		{"of a category", retrieve.Query{Vector: query, Category: "Shoes"}, "shoe/1.5*"},
		{"a few of many", retrieve.Query{Vector: query, Filter: `id: ANY("fleece", "gift", "shoe/1.5*")`}, "fleece shoe/1.5*"},
		{"none", retrieve.Query{Vector: query, Filter: "price > 1000"}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := s.search(t, &c.q); order(got) != c.want {
				t.Errorf("Search(%+v) = %q, want %q", c.q, order(got), c.want)
			}
		})
	}
	t.Run("with words", func(t *testing.T) {
		got := s.search(t, &retrieve.Query{Vector: query, Text: "trail shoe"})
		for _, want := range []string{"rain", "shoe/1.5*"} {
			if !slices.Contains(strings.Fields(order(got)), want) {
				t.Errorf("near or with the words = %q, want %s among them", order(got), want)
			}
		}
		// What both ways find comes before what one finds as high.
		if got := s.search(t, &retrieve.Query{Vector: query, Text: "rain jacket"}); !strings.HasPrefix(order(got), "rain ") {
			t.Errorf("near and with the words = %q, want rain first", order(got))
		}
		if got := s.search(t, &retrieve.Query{Vector: query, Text: "submarine", K: 2}); order(got) != "rain down" {
			t.Errorf("near, with words that no item has = %q, want the nearest two", order(got))
		}
		if got := s.search(t, &retrieve.Query{Vector: query, Text: "jacket", Filter: "price > 100"}); strings.Contains(order(got), "rain") {
			t.Errorf("near or with the words, of those that cost more than 100 = %q", order(got))
		}
	})
}

func testVectorFaults(t *testing.T, s *subject) {
	for name, c := range map[string]struct {
		vector []float32
		want   error
	}{
		"another length": {[]float32{1, 0, 0}, retrieve.ErrUnsupported},
		"no number":      {[]float32{1, float32(math.NaN()), 0, 0}, retrieve.ErrInvalid},
		"no direction":   {make([]float32, Dims), retrieve.ErrInvalid},
	} {
		if got, err := s.Search(within(t), &retrieve.Query{Vector: c.vector, K: 1}); !errors.Is(err, c.want) {
			t.Errorf("Search of a vector of %s = %+v, %v, want %v", name, got, err, c.want)
		}
	}
}

func testVectorChanges(t *testing.T, s *subject) {
	// What cannot be taken as a vector is left out, and does not keep the item or others of the batch out.
	s.put(t,
		&shop.Item{ID: "short", Title: "Short coat", Vector: []float32{1, 0, 0}},
		&shop.Item{ID: "zero", Title: "Zero coat", Vector: make([]float32, Dims)},
		&shop.Item{ID: "poncho", Title: "Poncho coat", Vector: []float32{1, 0.1, 0, 0}},
	)
	s.until(t, &retrieve.Query{Text: "coat"}, 3)
	nearest := func(want string) {
		t.Helper()
		eventually(t, func() error {
			if got := s.search(t, &retrieve.Query{Vector: []float32{1, 0.1, 0, 0}, K: 3}); order(got) != want {
				return fmt.Errorf("the nearest are %q, want %q", order(got), want)
			}
			return nil
		})
	}
	nearest("poncho rain down")
	rain := embedded()[0]
	rain.Vector = []float32{0, 0, 1, 0}
	s.put(t, rain)
	nearest("poncho down fleece")
	rain.Vector = nil
	s.put(t, rain)
	s.apply(t, retrieve.Change{ID: "poncho"})
	nearest("down fleece shoe/1.5*")
	if got := s.search(t, &retrieve.Query{Text: "rain jacket"}); !strings.HasPrefix(order(got), "rain") {
		t.Errorf("an item that lost its vector is not found by its words: %q", order(got))
	}
}
