package wire

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/haggle-commerce/haggle/libs/shop"
)

// typicalEvent is an event as the gateway writes it, with n items.
func typicalEvent(n int) shop.Event {
	e := shop.Event{
		ID: "01J9ZK3V9W8QH2M6X4T5R7Y8N1", Kind: shop.ViewItemList, Time: time.Date(2026, 9, 16, 12, 0, 0, 123e6, time.UTC),
		Shopper: "v_8f3a9c2b7d1e4f60", Session: "s_1", Placement: "search", SearchTerm: "red shoes 跑鞋", Value: 19.99, Currency: "EUR", Verified: true,
	}
	for i := range n {
		e.Items = append(e.Items, shop.EventItem{ID: shop.ItemID(fmt.Sprintf("sku-%05d", i)), Index: i, Price: 12.99, Quantity: 1})
	}
	return e
}

var oddEvents = []string{
	`{}`, `{"event_id":"a"}`, ` { "event_id" : "a" , "items" : [ { "item_id" : "x" } ] } `, `{"event_id":"a\u0041","items":[{"item_id":"\n"}]}`,
	`{"items":[]}`, `{"items":null}`, `{"items":[{}]}`, `{"items":[{}],"items":[{"item_id":"b"}]}`, `{"Event_ID":"case"}`, `{"unknown":{"a":[1]}}`,
	`{"value":1e3}`, `{"value":-1.5}`, `{"value":0.1}`, `{"value":01}`, `{"value":1.}`, `{"value":.5}`, `{"value":123456789012345678}`, `{"value":0}`,
	`{"value":12.5`, `{"value":1..2}`, `{"items":[{"index":1.0}]}`, `{"items":[{"index":7}]}`, `{"items":[{"index":99999999999999999999}]}`,
	`{"timestamp":"2026-02-30T00:00:00Z"}`, `{"timestamp":"2026-02-28T23:59:59.999999999Z"}`, `{"timestamp":"2026-02-28T23:59:59+02:00"}`,
	`{"timestamp":"2026-02-28 23:59:59Z"}`, `{"timestamp":"2026-02-28T24:00:00Z"}`, `{"timestamp":"2026-02-28T23:59:60Z"}`, `{"timestamp":"2026-02-28T23:59:59.Z"}`,
	`{"timestamp":"0000-01-01T00:00:00Z"}`, `{"timestamp":null}`, `{"verified":true,"verified":false}`, `{"verified":1}`, `{"event_id":"a"}x`, `{"event_id":"a",}`,
	"{\"event_id\":\"\xff\"}", `[]`, `null`, ``, `{`, `"`, `{"event_id":"a"`, `{"items":[{"item_id":"a"},]}`, `{"event_id":1}`,
}

// sameAsJSON checks DecodeEvent against package json.
func sameAsJSON(t *testing.T, line []byte) {
	t.Helper()
	var want shop.Event
	wantErr := json.Unmarshal(line, &want)
	got := typicalEvent(3)
	err := DecodeEvent(line, &got)
	if (err != nil) != (wantErr != nil) {
		t.Fatalf("DecodeEvent(%q) gives the error %v, json.Unmarshal %v", line, err, wantErr)
	}
	if wantErr != nil {
		want = shop.Event{}
	}
	if len(want.Items) == 0 {
		want.Items, got.Items = nil, got.Items[:0:0]
		if len(got.Items) == 0 {
			got.Items = nil
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("DecodeEvent(%q) (-json +got):\n%s", line, diff)
	}
}

func TestDecodeEventAgreesWithJSON(t *testing.T) {
	for _, line := range oddEvents {
		sameAsJSON(t, []byte(line))
	}
	for _, n := range []int{0, 1, 20} {
		e := typicalEvent(n)
		line, err := json.Marshal(&e)
		if err != nil {
			t.Fatal(err)
		}
		sameAsJSON(t, line)
		if s := (scanner{text: string(line)}); !s.event(&shop.Event{}) {
			t.Errorf("the scanner does not read %s", line)
		}
	}
}

func FuzzDecodeEvent(f *testing.F) {
	for _, line := range oddEvents {
		f.Add([]byte(line))
	}
	e := typicalEvent(2)
	line, err := json.Marshal(&e)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(line)
	f.Fuzz(func(t *testing.T, line []byte) { sameAsJSON(t, line) })
}

func TestEachEvent(t *testing.T) {
	payload := "{\"event_id\":\"a\"}\n\n  {\"event_id\":\"b\",\"items\":[{\"item_id\":\"x\"}]}\r\nbroken\n{\"event_id\":\"c\"}"
	var got []string
	EachEvent([]byte(payload), func(e *shop.Event, line []byte, err error) bool {
		got = append(got, fmt.Sprintf("%s %d %d %v", e.ID, len(e.Items), len(line), err != nil))
		return true
	})
	want := "a 0 16 false|b 1 42 false| 0 6 true|c 0 16 false"
	if strings.Join(got, "|") != want {
		t.Errorf("EachEvent gives %q, want %q", got, want)
	}
	count := 0
	EachEvent([]byte(payload), func(*shop.Event, []byte, error) bool { count++; return count < 2 })
	if count != 2 {
		t.Errorf("f was called %d times after it returned false at the second, want 2", count)
	}
}

func BenchmarkDecodeEvent(b *testing.B) {
	for _, n := range []int{1, 5, 20} {
		e := typicalEvent(n)
		line, err := json.Marshal(&e)
		if err != nil {
			b.Fatal(err)
		}
		line = bytes.Clone(line)
		for name, decode := range map[string]func([]byte, *shop.Event) error{
			"wire": DecodeEvent,
			"json": func(line []byte, e *shop.Event) error { *e = shop.Event{}; return json.Unmarshal(line, e) },
		} {
			b.Run(fmt.Sprintf("%s/items=%d", name, n), func(b *testing.B) {
				b.SetBytes(int64(len(line)))
				b.ReportAllocs()
				for b.Loop() {
					if err := decode(line, &e); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
