package intake

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/haggle-commerce/haggle/libs/shop"
	"github.com/haggle-commerce/haggle/services/gateway/internal/privacy"
	"github.com/haggle-commerce/haggle/services/gateway/internal/strict"
	"github.com/haggle-commerce/haggle/services/gateway/internal/token"
)

var now = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

func desk() *Desk {
	return &Desk{Pseudonyms: privacy.NewPseudonyms([]byte("k")), Tokens: token.NewSigner([][]byte{[]byte("k")}, "attribution", time.Hour), Guard: NewGuard()}
}

func readOne(d *Desk, text string) Outcome {
	var r strict.Reader
	r.Reset([]byte(text))
	return d.Read(&r, Envelope{}, now)
}

func TestLayouts(t *testing.T) {
	d := desk()
	visitor := d.Pseudonyms.Shopper("", "v1")
	at := time.Date(2026, 11, 20, 11, 59, 0, 0, time.UTC)
	tests := map[string]struct {
		text string
		want shop.Event
	}{
		"GA4": {
			`{"event":"add_to_cart","event_id":"e1","timestamp":"2026-11-20T11:59:00Z","visitor_id":"v1","currency":"EUR","value":19.5,"item_list_id":"home",
			  "items":[{"item_id":"sku-1","item_name":"Jacket","index":3,"price":19.5,"quantity":1}]}`,
			shop.Event{ID: "e1", Kind: shop.AddToCart, Time: at, Shopper: visitor, Placement: "home", Currency: "EUR", Value: 19.5, Items: []shop.EventItem{{ID: "sku-1", Index: 3, Price: 19.5, Quantity: 1}}},
		},
		"GA4 data layer with ecommerce": {
			`{"event":"purchase","event_id":"e1","timestamp":1795175940000,"visitor_id":"v1","ecommerce":{"transaction_id":"T1","value":5,"tax":1,"items":[{"item_id":7}]}}`,
			shop.Event{ID: "e1", Kind: shop.Purchase, Time: at, Shopper: visitor, Value: 5, Transaction: "T1", Items: []shop.EventItem{{ID: "7"}}},
		},
		"GA4 measurement protocol": {
			`{"name":"view_item","event_id":"e1","timestamp_micros":1795175940000000,"client_id":"v1","params":{"items":[{"item_id":"sku-1"}]}}`,
			shop.Event{ID: "e1", Kind: shop.ViewItem, Time: at, Shopper: visitor, Items: []shop.EventItem{{ID: "sku-1"}}},
		},
		"Google Retail": {
			`{"eventType":"purchase-complete","eventId":"e1","eventTime":"2026-11-20T12:59:00+01:00","visitorId":"v1","uri":"https://x","purchaseTransaction":{"id":"T1","revenue":12,"currencyCode":"USD","tax":1},
			  "productDetails":[{"product":{"id":"sku-1","title":"J"},"quantity":2}]}`,
			shop.Event{ID: "e1", Kind: shop.Purchase, Time: at, Shopper: visitor, Value: 12, Currency: "USD", Transaction: "T1", Items: []shop.EventItem{{ID: "sku-1", Quantity: 2}}},
		},
		"UBI": {
			`{"action_name":"item_click","event_id":"e1","timestamp":1795175940,"client_id":"v1","query_id":"q","event_attributes":{"object":{"object_id":"sku-1","object_id_field":"id"},"position":{"ordinal":4},"x":[1]}}`,
			shop.Event{ID: "e1", Kind: shop.SelectItem, Time: at, Shopper: visitor, Items: []shop.EventItem{{ID: "sku-1", Index: 4}}},
		},
		"a search with an address in it": {
			`{"event":"search","event_id":"e1","timestamp":"2026-11-20T11:59:00Z","search_term":"shoes for bob@example.com"}`,
			shop.Event{ID: "e1", Kind: shop.Search, Time: at, SearchTerm: "shoes for [email]"},
		},
		"without consent": {
			`{"event":"view_item","event_id":"e1","timestamp":"2026-11-20T11:59:00Z","visitor_id":"v1","session_id":"s","consent":{"personalization":false},"items":[{"item_id":"a"}]}`,
			shop.Event{ID: "e1", Kind: shop.ViewItem, Time: at, Items: []shop.EventItem{{ID: "a"}}},
		},
	}
	for name, test := range tests {
		got := readOne(d, test.text)
		if got.Status != Accepted {
			t.Errorf("%s: %s %v", name, got.Status, got.Faults)
			continue
		}
		if diff := cmp.Diff(test.want, got.Event); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestRejected(t *testing.T) {
	tests := []struct{ text, field string }{
		{`5`, ""},
		{`{}`, "event"},
		{`{"event":"explode"}`, "event"},
		{`{"event":"view_item"}`, "items"},
		{`{"event":"view_item","items":[]}`, "items"},
		{`{"event":"view_item","items":[5]}`, "items[0]"},
		{`{"event":"view_item","items":[{}]}`, "items[0].item_id"},
		{`{"event":"view_item","items":[{"item_id":"a b"}]}`, "items[0].item_id"},
		{`{"event":"view_item","items":[{"item_id":"a","price":-1}]}`, "items[0].price"},
		{`{"event":"view_item","items":[{"item_id":"a","quantity":"x"}]}`, "items[0].quantity"},
		{`{"event":"view_item","items":[{"item_id":"a","colour":"red"}]}`, "items[0].colour"},
		{`{"event":"view_item","items":[{"item_id":"a"}],"color":1}`, "color"},
		{`{"event":"view_item","items":[{"item_id":"a"}],"timestamp":"yesterday"}`, "timestamp"},
		{`{"event":"view_item","items":[{"item_id":"a"}],"timestamp":"0001-01-01T00:00:00Z"}`, "timestamp"},
		{`{"event":"view_item","items":[{"item_id":"a"}],"visitor_id":"a b"}`, "visitor_id"},
		{`{"event":"search"}`, "search_term"},
		{`{"event":"search","search_term":"` + strings.Repeat("x", 513) + `"}`, "search_term"},
		{`{"event":"purchase","items":[{"item_id":"a"}],"value":1e999}`, "value"},
		{`{"event":"view_item","items":[{"item_id":"a"}],"attribution_token":"zzz"}`, "attribution_token"},
		{`{"event":"view_item","items":[{"item_id":"a","attribution_token":"zzz"}]}`, "items[0].attribution_token"},
		{`{"event":"view_item","event_id":"a b","items":[{"item_id":"a"}]}`, "event_id"},
	}
	for _, test := range tests {
		got := readOne(desk(), test.text)
		if got.Status != Rejected || len(got.Faults) == 0 || got.Faults[0].Field != test.field {
			t.Errorf("Read(%.70s) = %s %v, want a fault of %q", test.text, got.Status, got.Faults, test.field)
		}
	}
}

func TestTimes(t *testing.T) {
	for text, want := range map[string]time.Time{
		`"2026-11-20T11:00:00Z"`: now.Add(-time.Hour), `"2020-01-01T00:00:00Z"`: now.Add(-24 * time.Hour), `"2030-01-01T00:00:00Z"`: now.Add(5 * time.Minute),
		`1795172400`: now.Add(-time.Hour), `"1795172400"`: now.Add(-time.Hour), `1795172400000`: now.Add(-time.Hour), `null`: now,
	} {
		got := readOne(desk(), `{"event":"view_item","items":[{"item_id":"a"}],"timestamp":`+text+`}`)
		if !got.Event.Time.Equal(want) {
			t.Errorf("timestamp %s becomes %v, want %v", text, got.Event.Time, want)
		}
		if clamped := strings.Contains(text, "2020") || strings.Contains(text, "2030"); got.Clamped != clamped {
			t.Errorf("timestamp %s: clamped = %v, want %v", text, got.Clamped, clamped)
		}
	}
	history := desk()
	history.History = true
	got := readOne(history, `{"event":"view_item","items":[{"item_id":"a"}],"timestamp":"2020-01-01T00:00:00Z"}`)
	if got.Event.Time.Year() != 2020 {
		t.Errorf("history is clamped to %v", got.Event.Time)
	}
	if got := readOne(history, `{"event":"view_item","items":[{"item_id":"a"}],"timestamp":"2030-01-01T00:00:00Z"}`); got.Status != Rejected || got.Faults[0].Field != "timestamp" {
		t.Errorf("history from the future is %s %v", got.Status, got.Faults)
	}
	if got := readOne(history, `{"event":"view_item","items":[{"item_id":"a"}]}`); got.Status != Rejected || got.Faults[0].Field != "timestamp" {
		t.Errorf("history without a time is %s %v", got.Status, got.Faults)
	}
}

func TestAttribution(t *testing.T) {
	d := desk()
	shopper := d.Pseudonyms.Shopper("", "v1")
	made := token.Attribution{
		Request: token.NewID(now, [2]uint64{1, 2}), Made: now.Add(-time.Minute), Placement: "home", Model: "m",
		Shopper: token.Digest(string(shopper)), Items: []uint32{token.Digest("a"), token.Digest("b")},
	}
	genuine := d.Tokens.Sign(&made)
	old := made
	old.Made = now.Add(-2 * time.Hour)
	event := func(kind, visitor, tok string, items ...string) string {
		var list []string
		for _, id := range items {
			list = append(list, fmt.Sprintf(`{"item_id":%q}`, id))
		}
		return fmt.Sprintf(`{"event":%q,"visitor_id":%q,"attribution_token":%q,"items":[%s]}`, kind, visitor, tok, strings.Join(list, ","))
	}
	tests := map[string]struct{ text, code string }{
		"genuine":                    {event("select_item", "v1", genuine, "a"), ""},
		"genuine impression":         {event("view_item_list", "v1", genuine, "a", "b"), ""},
		"a cart with more":           {event("purchase", "v1", genuine, "z", "b"), ""},
		"a cart with nothing of it":  {event("purchase", "v1", genuine, "z"), Mismatched},
		"an item that was not shown": {event("select_item", "v1", genuine, "z"), Mismatched},
		"one of two was not shown":   {event("view_item_list", "v1", genuine, "a", "z"), Mismatched},
		"another shopper":            {event("select_item", "v2", genuine, "a"), Mismatched},
		"altered":                    {event("select_item", "v1", genuine[:10]+"x"+genuine[11:], "a"), Forged},
		"expired":                    {event("select_item", "v1", d.Tokens.Sign(&old), "a"), Expired},
	}
	for name, test := range tests {
		got := readOne(d, test.text)
		if got.Code != test.code {
			t.Errorf("%s: code %q %v, want %q", name, got.Code, got.Faults, test.code)
		}
		if test.code == "" && (!got.Event.Verified || got.Event.Model != "m" || got.Event.Placement != "home" || got.Event.Request != made.Request.Request()) {
			t.Errorf("%s: event = %+v, want what the token says", name, got.Event)
		}
	}
}

func TestReplays(t *testing.T) {
	g := NewGuard()
	ev := shop.Event{ID: "e", Kind: shop.SelectItem, Items: []shop.EventItem{{ID: "a"}}}
	for i := range 3 * MaxUses {
		if !g.Admit("token", &ev) {
			t.Fatalf("the same event is refused when it comes for the %d. time", i+1)
		}
	}
	admitted := 1
	for i := range 3 * MaxUses {
		ev.ID = fmt.Sprint(i)
		if g.Admit("token", &ev) {
			admitted++
		}
	}
	if admitted != MaxUses {
		t.Errorf("%d events were admitted with one token, want %d", admitted, MaxUses)
	}
	if ev.Items[0].ID = "b"; !g.Admit("token", &ev) {
		t.Error("another item is refused")
	}
	for i := range 3 * guardEntries {
		g.Admit(fmt.Sprint(i), &ev)
	}
	if n := len(g.recent) + len(g.older); n > 2*guardEntries {
		t.Errorf("the guard holds %d entries, want at most %d", n, 2*guardEntries)
	}
}

func TestContentIDs(t *testing.T) {
	d := desk()
	id := func(text string) string { return readOne(d, text).ID }
	base := `{"event":"view_item","visitor_id":"v1","timestamp":"2026-11-20T11:00:00Z","items":[{"item_id":"a"}]}`
	if first, again := id(base), id(base); first == "" || first != again {
		t.Errorf("the same event has ids %q and %q", first, again)
	}
	for _, change := range [][2]string{{"v1", "v2"}, {"11:00", "11:01"}, {`"a"`, `"b"`}, {"view_item", "select_item"}} {
		if other := strings.Replace(base, change[0], change[1], 1); id(other) == id(base) {
			t.Errorf("%s and %s share the id %s", base, other, id(base))
		}
	}
	order := `{"event":"purchase","visitor_id":"v1","transaction_id":"T1","timestamp":"2026-11-20T11:00:00Z","items":[{"item_id":"a"}]}`
	if later := strings.Replace(order, "11:00", "11:30", 1); id(order) != id(later) {
		t.Error("one order, reported at two times, is two events")
	}
}

func TestBatches(t *testing.T) {
	var events []shop.Event
	for i := range 150 {
		kind := shop.ViewItem
		if i%3 == 0 {
			kind = shop.Purchase
		}
		events = append(events, shop.Event{ID: fmt.Sprint(i), Kind: kind, Time: now, Items: []shop.EventItem{{ID: "a"}}})
	}
	batches, err := Batches(events)
	if err != nil {
		t.Fatal(err)
	}
	var seen []int
	for _, b := range batches {
		lines := strings.Split(strings.TrimSuffix(string(b.Data), "\n"), "\n")
		if len(lines) != len(b.Members) || len(lines) > MaxBatch {
			t.Fatalf("a batch of %d members has %d lines", len(b.Members), len(lines))
		}
		for i, line := range lines {
			var ev shop.Event
			if err := json.Unmarshal([]byte(line), &ev); err != nil {
				t.Fatal(err)
			}
			if ev.Kind != b.Kind || ev.ID != events[b.Members[i]].ID {
				t.Fatalf("line %d of a %s batch is %s of kind %s", i, b.Kind, ev.ID, ev.Kind)
			}
			seen = append(seen, b.Members[i])
		}
	}
	slices.Sort(seen)
	if len(seen) != 150 || seen[0] != 0 || seen[149] != 149 {
		t.Errorf("the batches hold %d events, want each of 150 once", len(seen))
	}
	again, err := Batches(events)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(batches, again); diff != "" {
		t.Errorf("the same events make other batches:\n%s", diff)
	}
}

func TestBatchesAreBoundedInBytes(t *testing.T) {
	items := slices.Repeat([]shop.EventItem{{ID: shop.ItemID(strings.Repeat("x", 128))}}, 200)
	batches, err := Batches(slices.Repeat([]shop.Event{{ID: "e", Kind: shop.ViewItemList, Items: items}}, 64))
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range batches {
		if len(b.Data) > MaxBatchBytes {
			t.Errorf("a batch has %d bytes, at most %d", len(b.Data), MaxBatchBytes)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add(`{"event":"add_to_cart","visitor_id":"v","items":[{"item_id":"a","index":1,"price":2,"quantity":3}],"consent":{"personalization":true}}`)
	f.Add(`{"eventType":"search","searchQuery":"x","userInfo":{"userId":"u"}}`)
	f.Add(`{"action_name":"click","event_attributes":{"object":{"object_id":1},"position":{"ordinal":2}},"timestamp":1e300}`)
	d := desk()
	f.Fuzz(func(t *testing.T, text string) {
		out := readOne(d, text)
		if out.Status == Accepted {
			if err := out.Event.Check(); err != nil {
				t.Errorf("Read(%q) accepts what Check refuses: %v", text, err)
			}
			if _, err := json.Marshal(&out.Event); err != nil {
				t.Errorf("Read(%q) accepts what cannot be encoded: %v", text, err)
			}
		} else if out.Status == Rejected && (len(out.Faults) == 0 || out.Code == "") {
			t.Errorf("Read(%q) rejects without a reason", text)
		}
	})
}

func BenchmarkRead(b *testing.B) {
	d := desk()
	d.Guard = nil
	tok := d.Tokens.Sign(&token.Attribution{Made: now, Items: []uint32{token.Digest("sku-1"), 2, 3, 4, 5, 6, 7, 8}})
	body := []byte(`{"event":"select_item","event_id":"e-1234","timestamp":"2026-11-20T11:59:00Z","visitor_id":"v1","session_id":"s1","attribution_token":"` + tok + `","item_list_id":"home","items":[{"item_id":"sku-1","index":3,"price":19.5}]}`)
	var r strict.Reader
	b.ReportAllocs()
	for b.Loop() {
		r.Reset(body)
		if out := d.Read(&r, Envelope{}, now); out.Status != Accepted {
			b.Fatal(out.Faults)
		}
	}
}
