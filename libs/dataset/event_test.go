package dataset

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/haggle-commerce/haggle/libs/shop"
)

func mustEvents(t *testing.T, name, content string, o Options) ([]shop.Event, Report) {
	t.Helper()
	var events []shop.Event
	report, err := ReadEvents(context.Background(), write(t, name, content), o, func(e shop.Event) error {
		events = append(events, e)
		return e.Check()
	})
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	if report.Read != report.Kept+report.Rejected+report.Duplicates || report.Emitted != len(events) {
		t.Errorf("%s: %d events out of %+v", name, len(events), report)
	}
	return events, report
}

func at(text string) time.Time {
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		panic(err)
	}
	return t
}

func TestEventsOfOursComeBackUnchanged(t *testing.T) {
	want := []shop.Event{
		{
			ID: "e1", Kind: shop.ViewItemList, Time: time.UnixMilli(1700000000123).UTC(), Shopper: "v1", Session: "s1", Placement: "search", SearchTerm: "red hat",
			Items: []shop.EventItem{{ID: "a"}, {ID: "b", Index: 1}}, Request: "r1", Model: "trees", Verified: true,
		},
		{
			ID: "e2", Kind: shop.Purchase, Time: time.UnixMilli(1700000001000).UTC(), Shopper: "v1", Session: "s1", Placement: "cart", Value: 29.98, Currency: "EUR",
			Transaction: "o-1", Items: []shop.EventItem{{ID: "a", Price: 9.99, Quantity: 2}, {ID: "b", Index: 1, Price: 10, Quantity: 1}},
		},
		{ID: "e3", Kind: shop.Search, Time: time.UnixMilli(1700000002000).UTC(), Shopper: "v2", SearchTerm: "帽子"},
	}
	var b bytes.Buffer
	for _, e := range want {
		if err := json.NewEncoder(&b).Encode(e); err != nil {
			t.Fatal(err)
		}
	}
	got, _ := mustEvents(t, "ours.jsonl", b.String(), Options{})
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("events differ (-want +got):\n%s", diff)
	}
}

func TestLogsOfOthers(t *testing.T) {
	moment := at("2024-03-01T10:00:00Z")
	tests := []struct {
		name, content string
		want          []shop.Event
	}{
		{
			"api.jsonl", `{"events":[{"event":"select_item","timestamp":"2024-03-01T10:00:00Z","visitor_id":"v1","item_list_id":"home","items":[{"item_id":"a","index":3}]},` +
				`{"event":"view_item","timestamp":"2024-03-01T10:00:00Z","visitor_id":"v1","user_id":"u1","consent":{"personalization":false},"items":[{"item_id":"b"}]}]}`,
			[]shop.Event{
				{Kind: shop.SelectItem, Time: moment, Shopper: "v1", Placement: "home", Items: []shop.EventItem{{ID: "a", Index: 3}}},
				{Kind: shop.ViewItem, Time: moment, Items: []shop.EventItem{{ID: "b"}}},
			},
		},
		{
			"ga4.jsonl", `{"event_name":"purchase","event_timestamp":"1709287200000000","user_pseudo_id":"p.1","ecommerce":{"transaction_id":"T1","value":5},"items":[{"item_id":"a","quantity":"1","price":5}]}`,
			[]shop.Event{{Kind: shop.Purchase, Time: moment, Shopper: "p.1", Transaction: "T1", Value: 5, Items: []shop.EventItem{{ID: "a", Price: 5, Quantity: 1}}}},
		},
		{
			"google-retail.jsonl", `{"eventType":"add-to-cart","visitorId":"v","eventTime":"2024-03-01T10:00:00Z","productDetails":[{"product":{"id":"a"},"quantity":2}]}`,
			[]shop.Event{{Kind: shop.AddToCart, Time: moment, Shopper: "v", Items: []shop.EventItem{{ID: "a", Quantity: 2}}}},
		},
		{
			"rees46.csv", "event_time,event_type,product_id,price,user_id,user_session,session_id\n2024-03-01 10:00:00 UTC,cart,77,9.5,5,x,s-1\n",
			[]shop.Event{{Kind: shop.AddToCart, Time: moment, Shopper: "5", Session: "s-1", Items: []shop.EventItem{{ID: "77", Price: 9.5}}}},
		},
		{
			"ratings.csv", "user,item,timestamp\n1,a,1709287200\n",
			[]shop.Event{{Kind: shop.ViewItem, Time: moment, Shopper: "1", Items: []shop.EventItem{{ID: "a"}}}},
		},
		{
			"uci.csv", "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n" +
				"536365,85123A,WHITE HEART,6,3/1/2024 10:00,2.55,17850,UK\n536365,71053,LANTERN,6,3/1/2024 10:00,3.39,17850,UK\n" +
				"536365,85123A,WHITE HEART,2,3/1/2024 10:00,2.55,17850,UK\nC536379,D,Discount,-1,3/1/2024 10:00,27.5,14527,UK\n",
			[]shop.Event{
				{
					Kind: shop.Purchase, Time: moment, Shopper: "17850", Transaction: "536365", Value: 40.74,
					Items: []shop.EventItem{{ID: "85123A", Price: 2.55, Quantity: 8}, {ID: "71053", Price: 3.39, Quantity: 6}},
				},
				{Kind: shop.Refund, Time: moment, Shopper: "14527", Transaction: "C536379", Value: 27.5, Items: []shop.EventItem{{ID: "D", Price: 27.5, Quantity: 1}}},
			},
		},
		{
			"grocer.tsv", "household_id\tbasket_id\tproduct_id\tquantity\tsales_value\ttransaction_timestamp\n" +
				"1\t4.0128e+10\tp1\t2\t11.87\t2024-03-01T10:00:00Z\n2\t4.0128e+10\tp2\t1\t1\t2024-03-01T10:00:00Z\n",
			[]shop.Event{
				{Kind: shop.Purchase, Time: moment, Shopper: "1", Transaction: "4.0128e+10", Value: 11.87, Items: []shop.EventItem{{ID: "p1", Price: 5.935, Quantity: 2}}},
				{Kind: shop.Purchase, Time: moment, Shopper: "2", Transaction: "4.0128e+10", Value: 1, Items: []shop.EventItem{{ID: "p2", Price: 1, Quantity: 1}}},
			},
		},
		{
			"lists.csv", "event,time,visitor_id,items,query\nsearch,2024-03-01,v,,hat\nimpression,2024-03-01,v,\"a b,c\",hat\nview,2024-03-01,v,\"[{\"\"item_id\"\":\"\"z\"\"}]\",\n",
			[]shop.Event{
				{Kind: shop.Search, Time: at("2024-03-01T00:00:00Z"), Shopper: "v", SearchTerm: "hat"},
				{Kind: shop.ViewItemList, Time: at("2024-03-01T00:00:00Z"), Shopper: "v", SearchTerm: "hat", Items: []shop.EventItem{{ID: "a"}, {ID: "b"}, {ID: "c"}}},
				{Kind: shop.ViewItem, Time: at("2024-03-01T00:00:00Z"), Shopper: "v", Items: []shop.EventItem{{ID: "z"}}},
			},
		},
	}
	for _, tt := range tests {
		got, _ := mustEvents(t, tt.name, tt.content, Options{})
		if diff := cmp.Diff(tt.want, got, cmpopts.IgnoreFields(shop.Event{}, "ID")); diff != "" {
			t.Errorf("%s: events differ (-want +got):\n%s", tt.name, diff)
		}
	}
}

func TestMissingIDsAreTheSameEachTime(t *testing.T) {
	const content = "user,item,time\n1,a,1709287200\n1,a,1709287200\n"
	first, _ := mustEvents(t, "a.csv", content, Options{})
	second, _ := mustEvents(t, "b.csv", content, Options{})
	if diff := cmp.Diff(first, second); diff != "" {
		t.Errorf("read again, events differ (-first +second):\n%s", diff)
	}
	if len(first) != 2 || first[0].ID == first[1].ID {
		t.Errorf("two equal lines became %+v, want two events with ids of their own", first)
	}
}

func TestEventRejectsAndDuplicates(t *testing.T) {
	const content = `{"event":"view_item","event_id":"1","timestamp":1709287200,"item_id":"a"}
{"event":"view_item","event_id":"1","timestamp":1709287200,"item_id":"a"}
{"event":"dance","event_id":"2","timestamp":1709287200,"item_id":"a"}
{"event":"view_item","event_id":"3","item_id":"a"}
{"event":"view_item","event_id":"4","timestamp":"soon","item_id":"a"}
{"event":"view_item","event_id":"5","timestamp":1709287200}
{"event":"view_item","event_id":"6","timestamp":1709287200,"items":[{"item_id":"a","price":"x"}]}
{"event":"view_item","event_id":"7","timestamp":1709287200,"item_id":"b"}
{"event":"view_item","event_id":"8","timestamp":1709287200,"item_id":"b"}
{"event":"view_item","event_id":"9","timestamp":1709287200,"item_id":"b"}
{"event":"view_item","event_id":"10","timestamp":1709287200,"item_id":"b"}
`
	events, report := mustEvents(t, "e.jsonl", content, Options{})
	if len(events) != 5 || report.Duplicates != 1 || report.Rejected != 5 {
		t.Fatalf("%d events, %v, want 5, with 1 duplicate and 5 rejected", len(events), report)
	}
	var got []string
	for _, e := range report.Errors {
		got = append(got, fmt.Sprintf("%d %s", e.Line, e.Field))
	}
	want := []string{"3 event", "4 timestamp", "5 timestamp", "6 items", "7 items[0].price"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("errors differ (-want +got):\n%s", diff)
	}
	_, err := ReadEvents(context.Background(), write(t, "no.csv", "a,b\n1,2\n"), Options{}, func(shop.Event) error { return nil })
	if !errors.Is(err, ErrColumns) || !strings.Contains(err.Error(), "found a, b; expected an item") {
		t.Errorf("a file without columns for events: %v, want ErrColumns that lists them", err)
	}
}

func TestBasketsOverTheLimitOfMemory(t *testing.T) {
	var b strings.Builder
	b.WriteString("user_id,order_id,item_id,time\n")
	for round := range 2 {
		for order := range 50 {
			fmt.Fprintf(&b, "u,o%d,i%d,%d\n", order, round, 1709287200+order)
		}
	}
	whole, _ := mustEvents(t, "all.csv", b.String(), Options{})
	if len(whole) != 50 || len(whole[0].Items) != 2 {
		t.Errorf("%d purchases, the first with %d items, want 50 with 2", len(whole), len(whole[0].Items))
	}
	halves, _ := mustEvents(t, "few.csv", b.String(), Options{MaxHeld: 20})
	lines := 0
	ids := map[string]bool{}
	for _, e := range halves {
		lines += len(e.Items)
		ids[e.ID] = true
	}
	if len(halves) != 100 || lines != 100 || len(ids) != 100 {
		t.Errorf("%d purchases with %d lines and %d ids, want 100 of each: rows that lie too far apart", len(halves), lines, len(ids))
	}
	b.Reset()
	b.WriteString("user_id,order_id,item_id,time\n")
	for i := range 450 {
		fmt.Fprintf(&b, "u,o,i%d,1709287200\n", i)
	}
	large, _ := mustEvents(t, "large.csv", b.String(), Options{})
	if len(large) != 3 {
		t.Errorf("an order of 450 lines became %d events, want 3 of at most %d", len(large), shop.MaxEventItems)
	}
}

func TestEndMovesTheWholeLog(t *testing.T) {
	const content = "user,item,time\n1,a,2017-01-01T00:00:00Z\n1,b,2017-01-02T12:00:00Z\n1,c,2017-01-01T06:00:00Z\n"
	end := at("2026-05-05T08:00:00Z")
	events, report := mustEvents(t, "old.csv", content, Options{End: end})
	want := []time.Time{end.Add(-36 * time.Hour), end, end.Add(-30 * time.Hour)}
	for i, e := range events {
		if !e.Time.Equal(want[i]) {
			t.Errorf("event %d is at %v, want %v", i, e.Time, want[i])
		}
	}
	if !report.First.Equal(want[0]) || !report.Last.Equal(end) {
		t.Errorf("report from %v to %v, want %v to %v", report.First, report.Last, want[0], end)
	}
}

// FuzzReaders feeds any file to both readers: every row is counted once, and what comes out may enter the shop.
func FuzzReaders(f *testing.F) {
	for _, seed := range []string{
		"id,title,price\n1,one,2\n", "{\"id\":1,\"title\":{\"en\":\"x\"},\"attributes\":{\"a\":[1,[2]]}}\n", "product_id\tproduct_type\tbrand\n1\tICE (\tX\n",
		"user_id,item_id,time,order_id,quantity\n1,a,2020-01-01,o,-2\n", "{\"events\":[{\"event\":\"view\",\"items\":[{\"id\":1}],\"timestamp\":1e9}]}",
		"[{\"id\":\"a\",\"name\":\"<b>x\",\"categories\":[[\"a\"]],\"images\":[{\"large\":\"http://x\"}]}]",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		path := write(t, "any", string(content))
		check := func(r Report, err error) {
			if err == nil && r.Read != r.Kept+r.Rejected+r.Duplicates {
				t.Errorf("read %d, kept %d, rejected %d, duplicates %d", r.Read, r.Kept, r.Rejected, r.Duplicates)
			}
		}
		check(ReadItems(context.Background(), path, Options{}, func(it shop.Item) error {
			if err := it.Check(); err != nil {
				t.Errorf("item %+v: %v", it, err)
			}
			return nil
		}))
		check(ReadEvents(context.Background(), path, Options{}, func(e shop.Event) error {
			if err := e.Check(); err != nil {
				t.Errorf("event %+v: %v", e, err)
			}
			return nil
		}))
	})
}
