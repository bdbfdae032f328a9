package gateway

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/haggle-commerce/haggle/libs/bus"
	"github.com/haggle-commerce/haggle/libs/servicetest"
	"github.com/haggle-commerce/haggle/libs/shop"
	"github.com/haggle-commerce/haggle/libs/wire"
	"github.com/haggle-commerce/haggle/services/gateway/internal/intake"
)

// stream reads the events on the stream, which must be n in the end.
func (h *house) stream(n int) []shop.Event {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(h.t.Context(), patience)
	defer cancel()
	var events []shop.Event
	enough := errors.New("enough")
	_, _, messages, err := h.kit.Bus.StreamInfo(ctx, wire.StreamEvents)
	if err != nil {
		h.t.Fatal(err)
	}
	read := uint64(0)
	if messages > 0 {
		err = h.kit.Bus.Follow(ctx, wire.StreamEvents, wire.SubjectEvents, 0, func(batch []bus.Message) error {
			for _, m := range batch {
				wire.EachEvent(m.Data, func(e *shop.Event, line []byte, err error) bool {
					if err != nil {
						h.t.Errorf("line %s: %v", line, err)
					}
					if want := wire.SubjectEvent + string(e.Kind); m.Subject != want {
						h.t.Errorf("an event of kind %s lies on %s", e.Kind, m.Subject)
					}
					kept := *e
					kept.Items = slices.Clone(e.Items)
					events = append(events, kept)
					return true
				})
				read++
			}
			if read >= messages {
				return enough
			}
			return nil
		})
		if !errors.Is(err, enough) {
			h.t.Fatalf("follow: %v", err)
		}
	}
	if len(events) != n {
		h.t.Fatalf("%d events on the stream, want %d", len(events), n)
	}
	return events
}

func TestEventsAreJudgedOneByOne(t *testing.T) {
	h := newHouse(t, options{})
	shown := h.ask("POST", "/v1/recommend/home", `{"visitor_id":"v1","page_size":3}`)
	click := fmt.Sprintf(`{"event":"select_item","event_id":"e1","attribution_token":%q,"items":[{"item_id":%q}]}`, shown.AttributionToken, shown.Results[1].ID)
	forged := []byte(shown.AttributionToken)
	forged[20] ^= 1
	body := fmt.Sprintf(`{"events":[%s,
		{"event":"home-page-view"},
		{"event":"nonsense"},
		{"event":"select_item","event_id":"e3","attribution_token":%q,"items":[{"item_id":"item-01"}]},
		{"event":"purchase","event_id":"e4","transaction_id":"T1","currency":"EUR","value":20,"items":[{"item_id":"item-01","price":10,"quantity":2}]}
	],"visitor_id":"v1","session_id":"s1"}`, click, forged)
	w := h.do("POST", "/v1/events", body, "Content-Type", "application/json")
	if w.Code != http.StatusOK {
		t.Fatalf("events = %d %s", w.Code, w.Body)
	}
	got := decode[EventsAnswer](t, w.Body.Bytes())
	if got.Accepted != 2 || got.Ignored != 1 || got.Rejected != 2 || len(got.Results) != 5 {
		t.Errorf("answer = %+v", got)
	}
	if r := got.Results[3]; r.Code != intake.Forged || r.Errors[0].Field != "events[3].attribution_token" {
		t.Errorf("the forged event = %+v", r)
	}
	events := h.stream(2)
	slices.SortFunc(events, func(a, b shop.Event) int { return strings.Compare(a.ID, b.ID) })
	e := events[0]
	if e.ID != "e1" || !e.Verified || e.Model != "ranker-1" || string(e.Request) != shown.RequestID || e.Placement != "home" {
		t.Errorf("the click = %+v, want what the token says", e)
	}
	if want := Pseudonyms(h.kit.Secrets)("", "v1"); e.Shopper != want || strings.Contains(string(e.Session), "s1") {
		t.Errorf("the click is of shopper %q in session %q, want pseudonyms", e.Shopper, e.Session)
	}
	if e := events[1]; e.Transaction != "T1" || e.Value != 20 || e.Items[0].Quantity != 2 || e.Verified {
		t.Errorf("the purchase = %+v", e)
	}
}

func TestSendingAgainStoresOnce(t *testing.T) {
	h := newHouse(t, options{})
	var events []string
	for i := range 150 {
		events = append(events, fmt.Sprintf(`{"event":"view_item","event_id":"e%d","visitor_id":"v","items":[{"item_id":"item-01"}]}`, i))
	}
	body := `[` + strings.Join(events, ",") + `]`
	for range 3 {
		if w := h.do("POST", "/v1/events", body); w.Code != http.StatusOK {
			t.Fatalf("events = %d %s", w.Code, w.Body)
		}
	}
	seen := map[string]bool{}
	for _, e := range h.stream(150) {
		seen[e.ID] = true
	}
	if len(seen) != 150 {
		t.Errorf("%d different events, want 150", len(seen))
	}
	_, _, messages, err := h.kit.Bus.StreamInfo(t.Context(), wire.StreamEvents)
	if err != nil || messages != 3 {
		t.Errorf("%d messages (%v), want 3 of up to 64 events", messages, err)
	}
}

func TestConsentAndTime(t *testing.T) {
	now := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	h := newHouse(t, options{clock: func() time.Time { return now }})
	h.do("POST", "/v1/events", `{"events":[
		{"event":"view_item","event_id":"a","visitor_id":"v","timestamp":"2020-01-01T00:00:00Z","items":[{"item_id":"item-01"}],"consent":{"personalization":false}},
		{"event":"search","event_id":"b","visitor_id":"v","timestamp":"2030-01-01T00:00:00Z","search_term":"call +49 170 1234567"}]}`)
	events := h.stream(2)
	slices.SortFunc(events, func(a, b shop.Event) int { return strings.Compare(a.ID, b.ID) })
	if events[0].Shopper != "" || !events[0].Time.Equal(now.Add(-24*time.Hour)) {
		t.Errorf("without consent = %+v, want nobody, a day ago", events[0])
	}
	if events[1].SearchTerm != "call [phone]" || !events[1].Time.Equal(now.Add(5*time.Minute)) {
		t.Errorf("search = %+v", events[1])
	}
}

func TestBeacon(t *testing.T) {
	h := newHouse(t, options{secrets: secrets(t, map[string]string{"publishable.keys": "publishable-key-1\n", "secret.keys": "secret-key-1234567\n"})})
	body := `{"events":[{"event":"view_item","visitor_id":"v","items":[{"item_id":"item-01"}]}]}`
	w := h.do("POST", "/v1/events:beacon?key=publishable-key-1", body, "Content-Type", "text/plain;charset=UTF-8", "Origin", "https://shop.example")
	if w.Code != http.StatusNoContent || w.Body.Len() > 0 || w.Header().Get("Access-Control-Allow-Origin") != "*" {
		t.Errorf("beacon = %d %s %v", w.Code, w.Body, w.Header())
	}
	h.stream(1)
	if w := h.do("POST", "/v1/events:beacon?key=wrong", body); w.Code != http.StatusUnauthorized {
		t.Errorf("a beacon with a wrong key = %d", w.Code)
	}
	if w := h.do("POST", "/v1/events?key=publishable-key-1", body); w.Code != http.StatusUnauthorized {
		t.Errorf("a key in the address of another endpoint = %d, want 401", w.Code)
	}
}

func TestImport(t *testing.T) {
	h := newHouse(t, options{})
	var lines bytes.Buffer
	for i := range 1300 {
		switch i % 100 {
		case 7:
			lines.WriteString("{\"event\":\"view_item\",\n")
		case 8:
			lines.WriteString("\n")
		default:
			fmt.Fprintf(&lines, `{"event":"purchase","event_id":"h%d","visitor_id":"v%d","timestamp":"2021-05-05T00:00:00Z","items":[{"item_id":"item-01"}]}`+"\n", i, i%10)
		}
	}
	w := h.do("POST", "/v1/events:import", strings.TrimSuffix(lines.String(), "\n"), "Content-Type", "application/x-ndjson")
	if w.Code != http.StatusOK {
		t.Fatalf("import = %d %s", w.Code, w.Body)
	}
	got := decode[ImportAnswer](t, w.Body.Bytes())
	if got.Lines != 1287 || got.Accepted != 1274 || got.Rejected != 13 || len(got.Faults) != 13 || got.Faults[0].Line != 8 {
		t.Errorf("import = %d lines, %d accepted, %d rejected, first fault in line %+v", got.Lines, got.Accepted, got.Rejected, got.Faults[:1])
	}
	for _, e := range h.stream(1274) {
		if e.Time.Year() != 2021 {
			t.Fatalf("an event of history is of %v", e.Time)
		}
	}
}

func TestEventsThatWaitAreBounded(t *testing.T) {
	h := newHouse(t, options{config: func(c *Config) { c.EventMemory = 4 }})
	h.g.waiting.Store(4 << 20)
	w := h.do("POST", "/v1/events", `{"events":[{"event":"view_item","items":[{"item_id":"item-01"}]}]}`)
	if w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" {
		t.Errorf("events without room = %d %s, want 503", w.Code, w.Body)
	}
	if got := h.g.waiting.Load(); got != 4<<20 {
		t.Errorf("%d bytes wait, want what waited before", got)
	}
}

func TestItems(t *testing.T) {
	h := newHouse(t, options{empty: true})
	w := h.do("PUT", "/v1/items/sku%2F1", `{"title":"Jacket","price":10,"attributes":{"colour":["red"]}}`)
	if w.Code != http.StatusOK {
		t.Fatalf("PUT = %d %s", w.Code, w.Body)
	}
	w = h.do("PATCH", "/v1/items/sku%2F1", `{"price":12,"attributes":{"size":["M"]},"availability":"out_of_stock"}`)
	if w.Code != http.StatusOK {
		t.Fatalf("PATCH = %d %s", w.Code, w.Body)
	}
	got := decode[shop.Item](t, h.do("GET", "/v1/items/sku%2F1", "").Body.Bytes())
	want := shop.Item{ID: "sku/1", Title: "Jacket", Price: 12, Attributes: map[string][]string{"colour": {"red"}, "size": {"M"}}, Availability: shop.OutOfStock, UpdatedAt: got.UpdatedAt}
	if diff := cmp.Diff(want, got); diff != "" || got.UpdatedAt.IsZero() {
		t.Errorf("item (-want +got):\n%s", diff)
	}
	servicetest.Eventually(t, patience, func() error {
		if item := h.g.desk.Item("sku/1"); item == nil || item.Price != 12 {
			return fmt.Errorf("the shelf holds %+v", item)
		}
		return nil
	})
	if w := h.do("DELETE", "/v1/items/sku%2F1", ""); w.Code != http.StatusNoContent {
		t.Errorf("DELETE = %d %s", w.Code, w.Body)
	}
	for _, method := range []string{"GET", "DELETE"} {
		if w := h.do(method, "/v1/items/sku%2F1", ""); w.Code != http.StatusNotFound {
			t.Errorf("%s after DELETE = %d %s", method, w.Code, w.Body)
		}
	}
	servicetest.Eventually(t, patience, func() error {
		if h.g.desk.Item("sku/1") != nil {
			return errors.New("the shelf still holds the item")
		}
		return nil
	})
}

func TestItemsBatch(t *testing.T) {
	h := newHouse(t, options{empty: true})
	var lines []string
	for i := range 1000 {
		lines = append(lines, fmt.Sprintf(`{"id":"sku-%d","title":"Thing %d"}`, i, i))
	}
	lines[10], lines[20], lines[30] = `{"id":"sku-10"}`, `{"id":"sku-20","title":"x","colour":"red"}`, `nonsense`
	w := h.do("POST", "/v1/items:batch", strings.Join(lines, "\n"), "Content-Type", "application/x-ndjson")
	if w.Code != http.StatusOK || w.Header().Get("Content-Type") != "application/x-ndjson" {
		t.Fatalf("batch = %d %s", w.Code, w.Body)
	}
	results := strings.Split(strings.TrimSpace(w.Body.String()), "\n")
	if len(results) != 1000 {
		t.Fatalf("%d results, want 1000", len(results))
	}
	for i, text := range results {
		r := decode[LineResult](t, []byte(text))
		bad := i == 10 || i == 20 || i == 30
		if r.Line != i+1 || bad != (r.Status == "rejected") || bad == (len(r.Errors) == 0) {
			t.Errorf("line %d = %s", i+1, text)
		}
	}
	servicetest.Eventually(t, patience, func() error {
		if n := h.g.desk.shelf.Len(); n != 997 {
			return fmt.Errorf("%d items on the shelf, want 997", n)
		}
		return nil
	})
}

func TestModels(t *testing.T) {
	h := newHouse(t, options{alone: true, empty: true})
	w := h.do("GET", "/v1/models", "")
	if w.Code != http.StatusOK || strings.TrimSpace(w.Body.String()) != `{"models":[]}` {
		t.Errorf("models = %d %s", w.Code, w.Body)
	}
	var v map[string]any
	if err := json.Unmarshal(h.do("GET", "/openapi.json", "").Body.Bytes(), &v); err != nil || v["openapi"] != "3.1.0" {
		t.Errorf("openapi = %v %v", v["openapi"], err)
	}
}
