package shop

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// faults returns the fields of the faults in err, in order.
func faults(t *testing.T, err error) []string {
	t.Helper()
	if err == nil {
		return nil
	}
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		t.Fatalf("%v is not joined of faults", err)
	}
	var fields []string
	for _, e := range joined.Unwrap() {
		fault := (*FieldError)(nil)
		if !errors.As(e, &fault) || fault.Reason == "" || e.Error() != fault.Field+": "+fault.Reason {
			t.Fatalf("%v is no FieldError with a reason", e)
		}
		fields = append(fields, fault.Field)
	}
	return fields
}

// goodItem has every field set.
func goodItem() Item {
	return Item{
		ID: "sku-1", Title: "Red jacket", Titles: map[string]string{"zh": "红色夹克", "de": "Rote Jacke"}, Description: "Warm.\n\tDry.", Brand: "acme",
		Categories: []string{"Clothing", "Jackets"}, Price: 99.5, Currency: "EUR", Attributes: map[string][]string{"colour": {"red"}, "size": {"S", "M"}},
		ImageURL: "https://shop.example/1.jpg", URL: "https://shop.example/1", Availability: Preorder,
		CreatedAt: time.Unix(1, 0).UTC(), UpdatedAt: time.Unix(2, 0).UTC(),
	}
}

func TestItemCheck(t *testing.T) {
	for _, c := range []struct {
		name  string
		spoil func(it *Item)
		want  []string
	}{
		{"good", func(*Item) {}, nil},
		{"least", func(it *Item) { *it = Item{ID: "1", Title: "x"} }, nil},
		{"zero", func(it *Item) { *it = Item{} }, []string{"id", "title"}},
		{"longest id", func(it *Item) { it.ID = ItemID(strings.Repeat("x", MaxIDBytes)) }, nil},
		{"id too long", func(it *Item) { it.ID = ItemID(strings.Repeat("x", MaxIDBytes+1)) }, []string{"id"}},
		{"id with a space", func(it *Item) { it.ID = "a b" }, []string{"id"}},
		{"id with a wide space", func(it *Item) { it.ID = "a\u3000b" }, []string{"id"}},
		{"id with NUL", func(it *Item) { it.ID = "a\x00" }, []string{"id"}},
		{"id not UTF-8", func(it *Item) { it.ID = "a\xff" }, []string{"id"}},
		{"id with the replacement character", func(it *Item) { it.ID = "a\ufffd" }, []string{"id"}},
		{"id in Chinese", func(it *Item) { it.ID = "商品1" }, nil},
		{"blank title", func(it *Item) { it.Title = " \t " }, []string{"title"}},
		{"title too long", func(it *Item) { it.Title = strings.Repeat("x", MaxTitleBytes+1) }, []string{"title"}},
		{"title with escape", func(it *Item) { it.Title = "x\x1b[31m" }, []string{"title"}},
		{"bad titles in the order of languages", func(it *Item) { it.Titles["zh"], it.Titles["de"] = "\xff", "\x07" }, []string{"titles.de", "titles.zh"}},
		{"language too long", func(it *Item) { it.Titles = map[string]string{strings.Repeat("x", 36): "y"} }, []string{"titles." + strings.Repeat("x", 36)}},
		{"too many languages", func(it *Item) {
			it.Titles = map[string]string{}
			for i := range MaxTitles + 1 {
				it.Titles[fmt.Sprint("l", i)] = "x"
			}
		}, []string{"titles"}},
		{"description too long", func(it *Item) { it.Description = strings.Repeat("x", MaxDescriptionBytes+1) }, []string{"description"}},
		{"brand not UTF-8", func(it *Item) { it.Brand = "\xc3" }, []string{"brand"}},
		{"currency too long", func(it *Item) { it.Currency = "dollars of Oz" }, []string{"currency"}},
		{"too many categories", func(it *Item) { it.Categories = make([]string, MaxCategories+1) }, []string{"categories"}},
		{"a bad category", func(it *Item) { it.Categories[1] = "\x01" }, []string{"categories[1]"}},
		{"NaN price", func(it *Item) { it.Price = math.NaN() }, []string{"price"}},
		{"negative price", func(it *Item) { it.Price = -0.01 }, []string{"price"}},
		{"infinite price", func(it *Item) { it.Price = math.Inf(1) }, []string{"price"}},
		{"vector", func(it *Item) { it.Vector = []float32{1, -2} }, nil},
		{"long vector", func(it *Item) { it.Vector = make([]float32, MaxVector+1) }, []string{"vector"}},
		{"vector of zeros", func(it *Item) { it.Vector = make([]float32, 3) }, []string{"vector"}},
		{"NaN in a vector", func(it *Item) { it.Vector = []float32{1, float32(math.NaN())} }, []string{"vector"}},
		{"largest price", func(it *Item) { it.Price = MaxPrice }, nil},
		{"unknown availability", func(it *Item) { it.Availability = "maybe" }, []string{"availability"}},
		{"empty key", func(it *Item) { it.Attributes[""] = nil }, []string{"attributes"}},
		{"too many values", func(it *Item) { it.Attributes["colour"] = make([]string, MaxValues+1) }, []string{"attributes.colour"}},
		{"bad values in the order of keys", func(it *Item) { it.Attributes["size"][1], it.Attributes["colour"][0] = "\xff", "\xff" }, []string{"attributes.colour[0]", "attributes.size[1]"}},
		{"too many keys", func(it *Item) {
			for i := range MaxAttributes {
				it.Attributes[fmt.Sprint("k", i)] = nil
			}
		}, []string{"attributes"}},
		{"long addresses", func(it *Item) {
			it.URL, it.ImageURL = strings.Repeat("u", 2049), strings.Repeat("u", 2049)
		}, []string{"url", "image_url"}},
	} {
		it := goodItem()
		c.spoil(&it)
		if diff := cmp.Diff(c.want, faults(t, it.Check())); diff != "" {
			t.Errorf("%s: faults of Check (-want +got):\n%s", c.name, diff)
		}
	}
}

func TestItemReads(t *testing.T) {
	for availability, want := range map[Availability]bool{"": true, InStock: true, Preorder: true, OutOfStock: false} {
		if got := (&Item{Availability: availability}).Buyable(); got != want {
			t.Errorf("Buyable of %q = %v, want %v", availability, got, want)
		}
	}
	it := goodItem()
	if got := it.Category(); got != "Jackets" {
		t.Errorf("Category = %q, want Jackets", got)
	}
	if got := new(Item).Category(); got != "" {
		t.Errorf("Category of no path = %q", got)
	}
}

// goodEvent has every field set.
func goodEvent() Event {
	return Event{
		ID: "e-1", Kind: Purchase, Time: time.Unix(1, 0).UTC(), Shopper: "p-1", Session: "s-1", Placement: "home", SearchTerm: "jacket",
		Items: []EventItem{{ID: "sku-1", Index: 0, Price: 9.5, Quantity: 2}, {ID: "sku-2", Index: 1}}, Value: 19, Currency: "EUR",
		Transaction: "t-1", Request: "r-1", Model: "ranker-1", Verified: true,
	}
}

func TestEventCheck(t *testing.T) {
	for _, c := range []struct {
		name  string
		spoil func(e *Event)
		want  []string
	}{
		{"good", func(*Event) {}, nil},
		{"zero", func(e *Event) { *e = Event{} }, []string{"event_id", "event", "timestamp"}},
		{"a search needs no item", func(e *Event) { e.Kind, e.Items = Search, nil }, nil},
		{"a view needs an item", func(e *Event) { e.Kind, e.Items = ViewItem, nil }, []string{"items"}},
		{"nobody", func(e *Event) { e.Shopper, e.Session = "", "" }, nil},
		{"bad shopper and session", func(e *Event) { e.Shopper, e.Session = "a b", "\n" }, []string{"visitor_id", "session_id"}},
		{"bad texts, in a fixed order", func(e *Event) {
			e.Placement, e.SearchTerm, e.Transaction, e.Currency = "\xff", "\xff", "\xff", "\xff"
		}, []string{"item_list_id", "search_term", "transaction_id", "currency"}},
		{"long search term", func(e *Event) { e.SearchTerm = strings.Repeat("x", MaxValueBytes+1) }, []string{"search_term"}},
		{"NaN value", func(e *Event) { e.Value = math.NaN() }, []string{"value"}},
		{"infinite value", func(e *Event) { e.Value = math.Inf(-1) }, []string{"value"}},
		{"a refund's value is below zero", func(e *Event) { e.Kind, e.Value = Refund, -19 }, nil},
		{"most items", func(e *Event) {
			e.Items = make([]EventItem, MaxEventItems)
			for i := range e.Items {
				e.Items[i].ID = "x"
			}
		}, nil},
		{"too many items", func(e *Event) { e.Items = make([]EventItem, MaxEventItems+1) }, []string{"items"}},
		{"a bad item", func(e *Event) {
			e.Items[1] = EventItem{ID: "", Index: -1, Price: -1, Quantity: math.Inf(1)}
		}, []string{"items[1].item_id", "items[1].index", "items[1].price", "items[1].quantity"}},
		{"NaN price and quantity", func(e *Event) {
			e.Items[0].Price, e.Items[0].Quantity = math.NaN(), math.NaN()
		}, []string{"items[0].price", "items[0].quantity"}},
	} {
		e := goodEvent()
		c.spoil(&e)
		if diff := cmp.Diff(c.want, faults(t, e.Check())); diff != "" {
			t.Errorf("%s: faults of Check (-want +got):\n%s", c.name, diff)
		}
	}
}

func TestEventKinds(t *testing.T) {
	for _, k := range EventKinds {
		if !k.Known() {
			t.Errorf("%q is not known", k)
		}
	}
	if EventKind("page_view").Known() {
		t.Error("page_view is known")
	}
}

func TestClampTime(t *testing.T) {
	received := time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		name    string
		t, want time.Time
	}{
		{"none", time.Time{}, received},
		{"now", received, received},
		{"a little ahead", received.Add(5 * time.Minute), received.Add(5 * time.Minute)},
		{"far ahead", received.Add(time.Hour), received.Add(5 * time.Minute)},
		{"yesterday", received.Add(-24 * time.Hour), received.Add(-24 * time.Hour)},
		{"long ago", received.Add(-25 * time.Hour), received.Add(-24 * time.Hour)},
	} {
		if got := ClampTime(c.t, received); !got.Equal(c.want) {
			t.Errorf("%s: ClampTime(%v) = %v, want %v", c.name, c.t, got, c.want)
		}
	}
}

func TestReasons(t *testing.T) {
	var s Reasons
	s = s.With(ReasonPopular).With(ReasonMatch).With(ReasonMatch)
	if !s.Has(ReasonMatch) || !s.Has(ReasonPopular) || s.Has(ReasonNew) {
		t.Errorf("set %08b does not hold match and popular alone", s)
	}
	if diff := cmp.Diff([]string{"first", "match", "popular"}, s.AppendCodes([]string{"first"})); diff != "" {
		t.Errorf("AppendCodes (-want +got):\n%s", diff)
	}
	seen := map[string]bool{}
	for r := range reasonCount {
		if seen[r.Code()] || r.Code() == "" {
			t.Errorf("reason %d has the code %q, which is empty or taken", r, r.Code())
		}
		seen[r.Code()] = true
	}
	// The bits travel: they may be appended to, never moved.
	want := []string{"match", "bought_together", "session", "trending", "similar", "buy_again", "new", "popular"}
	if diff := cmp.Diff(want, Reasons(0xff).AppendCodes(nil)); diff != "" {
		t.Errorf("all codes (-want +got):\n%s", diff)
	}
	if got := Reason(200).Code(); got != "unknown" {
		t.Errorf("Code of a reason from the future = %q", got)
	}
}

// What passes its check survives JSON, the form in which it lies on the streams.
func FuzzItemCheck(f *testing.F) {
	good := goodItem()
	seed, err := json.Marshal(&good)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(seed)
	f.Add([]byte(`{"id":"a","title":"b","attributes":{"":["\u0000"]},"titles":{"\u0007":""},"price":-1e300}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var it, back Item
		if json.Unmarshal(data, &it) != nil || it.Check() != nil {
			return
		}
		again, err := json.Marshal(&it)
		if err != nil {
			t.Fatalf("marshal an item that passed: %v", err)
		}
		if err := json.Unmarshal(again, &back); err != nil || back.Check() != nil {
			t.Errorf("%s does not come back: %v, %v", again, err, back.Check())
		}
		if back.ID != it.ID || back.Title != it.Title || back.Price != it.Price {
			t.Errorf("a round trip changed %+v into %+v", it, back)
		}
	})
}

// The same for events, whose faults are also counted: no input may yield more than a few for each item.
func FuzzEventCheck(f *testing.F) {
	good := goodEvent()
	seed, err := json.Marshal(&good)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(seed)
	f.Add([]byte(`{"event":"search","event_id":" ","items":[{"index":-9}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var e, back Event
		if json.Unmarshal(data, &e) != nil {
			return
		}
		if err := e.Check(); err != nil {
			if n := len(faults(t, err)); n > 12+4*MaxEventItems {
				t.Errorf("%d faults of one event", n)
			}
			return
		}
		again, err := json.Marshal(&e)
		if err != nil {
			t.Fatalf("marshal an event that passed: %v", err)
		}
		if err := json.Unmarshal(again, &back); err != nil || back.Check() != nil {
			t.Errorf("%s does not come back: %v, %v", again, err, back.Check())
		}
	})
}

func FuzzIDFault(f *testing.F) {
	for _, s := range []string{"", "sku-1", "a b", "\xff", "商品"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		reason := IDFault(s)
		if reason == "" && (s == "" || strings.ContainsAny(s, " \t\r\n\x00") || len(s) > MaxIDBytes) {
			t.Errorf("IDFault(%q) finds nothing", s)
		}
	})
}

func BenchmarkEventCheck(b *testing.B) {
	e := goodEvent()
	b.ReportAllocs()
	for b.Loop() {
		if err := e.Check(); err != nil {
			b.Fatal(err)
		}
	}
}
