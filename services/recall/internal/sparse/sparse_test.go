package sparse

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/haggle-commerce/haggle/libs/shop"
)

// dot is the score that a back end gives without how rare words are.
func dot(a, b Vector) (sum float32) {
	for i, index := range a.Indices {
		if at, ok := slices.BinarySearch(b.Indices, index); ok {
			sum += a.Values[i] * b.Values[at]
		}
	}
	return sum
}

func TestVectorsMeet(t *testing.T) {
	m := NewMaker()
	item := m.Item(&shop.Item{Title: "Rain jackets", Titles: map[string]string{"zh": "红色雨衣"}, Brand: "Acme", Description: "A wi-fi jacket for 4 GB of rain"})
	if !slices.IsSorted(item.Indices) || len(item.Indices) != len(item.Values) || len(slices.Compact(slices.Clone(item.Indices))) != len(item.Indices) {
		t.Errorf("vector of an item = %v, want rising indices, each with a value", item)
	}
	for text, meets := range map[string]bool{
		"jacket": true, "JACKETS": true, "雨衣": true, "acme": true, "wifi": true, "wi-fi": true, "4gb": true, "shoe": false, "": false, "?!": false,
	} {
		if got := dot(Query("", text), item) > 0; got != meets {
			t.Errorf("%q meets the item: %v, want %v", text, got, meets)
		}
	}
	if diff := cmp.Diff(item, m.Item(&shop.Item{Title: "Rain jackets", Titles: map[string]string{"zh": "红色雨衣"}, Brand: "Acme", Description: "A wi-fi jacket for 4 GB of rain"})); diff != "" {
		t.Errorf("the same item again (-first +second):\n%s", diff)
	}
	both, one := Query("", "rain jacket"), Query("", "rain")
	if dot(both, item) <= dot(one, item) {
		t.Errorf("two words score %v, one %v", dot(both, item), dot(one, item))
	}
}

func TestIndex(t *testing.T) {
	// Those that an index was made with must stay as they are. Values of FNV-1a: http://www.isthe.com/chongo/tech/comp/fnv.
	for stem, want := range map[string]uint32{"": 0x811c9dc5, "a": 0xe40c292c, "foobar": 0xbf9cf968} {
		if got := Index(stem); got != want {
			t.Errorf("Index(%q) = %#x, want %#x", stem, got, want)
		}
	}
}
