package fallback

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/haggle-commerce/haggle/libs/shop"
)

func filled() *Store {
	s := &Store{}
	for _, item := range []shop.Item{
		{ID: "a", Title: "Red Running Shoe", Brand: "Acme", Categories: []string{"Sport", "Shoes"}},
		{ID: "b", Title: "Blue Shoe", Brand: "Redline", Categories: []string{"Fashion", "Shoes"}},
		{ID: "c", Title: "Tent", Categories: []string{"Sport", "Camping"}},
		{ID: "d", Title: "Jacket", Titles: map[string]string{"zh": "红色夹克"}, Categories: []string{"Fashion"}},
	} {
		s.Put(&item)
	}
	s.SetPopular([]shop.ItemID{"c", "b", "unknown"})
	return s
}

func TestMatch(t *testing.T) {
	type list = []shop.ItemID
	tests := []struct {
		query, category string
		limit           int
		want            list
		total           int
	}{
		{"red shoe", "", 10, list{"a", "b"}, 2},
		{"SHOE", "", 10, list{"b", "a"}, 2},
		{"shoe", "", 1, list{"b"}, 2},
		{"shoe", "Sport", 10, list{"a"}, 1},
		{"red tent", "", 10, list{"c", "a", "b"}, 3},
		{"夹克", "", 10, list{"d"}, 1},
		{"nothing like it", "", 10, list{}, 0},
		{"", "", 10, list{}, 0},
	}
	for _, test := range tests {
		got, total := filled().Match(test.query, test.category, test.limit)
		if diff := cmp.Diff(test.want, got); diff != "" || total != test.total {
			t.Errorf("Match(%q, %q, %d) = %v of %d, want %v of %d", test.query, test.category, test.limit, got, total, test.want, test.total)
		}
	}
}

func TestPopular(t *testing.T) {
	type list = []shop.ItemID
	s := filled()
	if diff := cmp.Diff(list{"c", "b"}, s.Popular("", 2)); diff != "" {
		t.Errorf("Popular (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(list{"c", "a"}, s.Popular("Sport", 5)); diff != "" {
		t.Errorf("Popular of Sport (-want +got):\n%s", diff)
	}
	s.Delete("a")
	s.Delete("a")
	if diff := cmp.Diff(list{"c"}, s.Popular("Sport", 5)); diff != "" {
		t.Errorf("Popular of Sport without a (-want +got):\n%s", diff)
	}
	if got := (&Store{}).Popular("", 5); len(got) != 0 {
		t.Errorf("an empty store has popular items %v", got)
	}
}

func TestTextsAreBounded(t *testing.T) {
	s := &Store{}
	for i := range MaxTexts + 10 {
		s.Put(&shop.Item{ID: shop.ItemID(fmt.Sprint(i)), Title: "thing"})
	}
	if len(s.rows) != MaxTexts || len(s.byID) != MaxTexts {
		t.Errorf("%d texts, want %d", len(s.rows), MaxTexts)
	}
	s.Put(&shop.Item{ID: "5", Title: "renamed"})
	if got, _ := s.Match("renamed", "", 5); len(got) != 1 {
		t.Errorf("an item that is known cannot be renamed: %v", got)
	}
}

func BenchmarkMatch(b *testing.B) {
	s := &Store{}
	for i := range MaxTexts {
		s.Put(&shop.Item{ID: shop.ItemID(fmt.Sprint(i)), Title: fmt.Sprintf("Wonderful running shoe number %d for everyone", i), Brand: "acme", Categories: []string{"Sport", "Shoes"}})
	}
	for b.Loop() {
		s.Match("shoe 1999", "", 100)
	}
}
