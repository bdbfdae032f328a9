package stock

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/haggle-commerce/haggle/libs/shop"
	"github.com/haggle-commerce/haggle/services/gateway/internal/strict"
)

func full() shop.Item {
	return shop.Item{
		ID: "a", Title: "Jacket", Titles: map[string]string{"de": "Jacke", "zh": "夹克"}, Description: "Warm.", Brand: "acme", Categories: []string{"Clothing", "Jackets"},
		Price: 12.5, Currency: "EUR", Attributes: map[string][]string{"colour": {"red", "blue"}, "size": {"M"}}, ImageURL: "https://x/a.jpg", URL: "https://x/a",
		Availability: shop.OutOfStock, CreatedAt: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
		Vector: []float32{0.25, -1, 3e-7},
	}
}

func read(t *testing.T, text string, onto shop.Item) shop.Item {
	t.Helper()
	var r strict.Reader
	r.Reset([]byte(text))
	item := Read(&r, onto)
	r.End()
	if len(r.Faults()) > 0 {
		t.Fatalf("Read(%s): %v", text, r.Faults())
	}
	return item
}

// TestReadsWhatEncodingWrites holds the hand-written reader to the tags of the type.
func TestReadsWhatEncodingWrites(t *testing.T) {
	text, err := json.Marshal(full())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(full(), read(t, string(text), shop.Item{})); diff != "" {
		t.Errorf("Read (-want +got):\n%s", diff)
	}
}

func TestChanges(t *testing.T) {
	before := full()
	got := read(t, `{"price":9,"titles":{"de":null,"fr":"Veste"},"attributes":{"size":["L"],"fit":["slim"]},"brand":null,"availability":"in_stock"}`, before)
	want := full()
	want.Price, want.Brand, want.Availability = 9, "", shop.InStock
	want.Titles = map[string]string{"zh": "夹克", "fr": "Veste"}
	want.Attributes = map[string][]string{"colour": {"red", "blue"}, "size": {"L"}, "fit": {"slim"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("changed (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(full(), before); diff != "" {
		t.Errorf("the item before was changed:\n%s", diff)
	}
	if got := read(t, `{"attributes":null,"titles":null}`, full()); got.Attributes != nil || got.Titles != nil {
		t.Errorf("null leaves %v and %v", got.Attributes, got.Titles)
	}
}

func TestFaults(t *testing.T) {
	for text, field := range map[string]string{
		`{"price":"12"}`: "price", `{"price":-1}`: "price", `{"attributes":{"colour":"red"}}`: "attributes.colour", `{"categories":"x"}`: "categories",
		`{"availability":"soon"}`: "availability", `{"created_at":"yesterday"}`: "created_at", `{"colour":"red"}`: "colour", `{"titles":{"de":1}}`: "titles.de",
	} {
		var r strict.Reader
		r.Reset([]byte(text))
		Read(&r, shop.Item{})
		if len(r.Faults()) == 0 || r.Faults()[0].Field != field {
			t.Errorf("Read(%s): faults %v, want one of %s", text, r.Faults(), field)
		}
	}
}

func FuzzRead(f *testing.F) {
	text, _ := json.Marshal(full())
	f.Add(text)
	f.Fuzz(func(t *testing.T, data []byte) {
		var r strict.Reader
		r.Reset(data)
		item := Read(&r, shop.Item{})
		if r.End(); len(r.Faults()) > 0 || item.Check() != nil {
			return
		}
		written, err := json.Marshal(item)
		if err != nil {
			t.Fatalf("an item that passes cannot be encoded: %v", err)
		}
		var again strict.Reader
		again.Reset(written)
		if twice := Read(&again, shop.Item{}); len(again.Faults()) > 0 || twice.ID != item.ID || twice.Title != item.Title {
			t.Errorf("%s is read back with %v", written, again.Faults())
		}
	})
}
