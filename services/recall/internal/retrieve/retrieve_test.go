package retrieve

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/haggle-commerce/haggle/libs/shop"
)

func TestBatches(t *testing.T) {
	put := func(id, title string) Change {
		return Change{ID: shop.ItemID(id), Item: &shop.Item{ID: shop.ItemID(id), Title: title}}
	}
	many := make([]Change, 2*MaxBatch+1)
	for i := range many {
		many[i] = put(fmt.Sprint(i), "x")
	}
	long := strings.Repeat("x", maxBatchBytes/2)
	for _, c := range []struct {
		name    string
		changes []Change
		want    []int
	}{
		{"none", nil, nil},
		{"one", many[:1], []int{1}},
		{"full", many[:MaxBatch], []int{MaxBatch}},
		{"more", many, []int{MaxBatch, MaxBatch, 1}},
		{"long texts", []Change{put("a", long), put("b", long), put("c", long)}, []int{2, 1}},
		{"an item twice", []Change{put("a", "first"), put("b", "x"), put("a", "last")}, []int{2}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got []int
			for batch := range Batches(c.changes) {
				got = append(got, len(batch))
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("sizes of batches (-want +got):\n%s", diff)
			}
		})
	}
	for batch := range Batches([]Change{put("a", "first"), put("b", "x"), put("a", "last")}) {
		if batch[0].ID != "b" || batch[1].Item.Title != "last" {
			t.Errorf("batch = %v, want b and then the last of a", batch)
		}
	}
	for range Batches(many) {
		break // a consumer may stop
	}
}

func TestRetry(t *testing.T) {
	busy := &BusyError{Text: "429"}
	for _, c := range []struct {
		name  string
		limit time.Duration
		// failures are what the first calls return.
		failures []error
		calls    int
		took     time.Duration
		want     error
	}{
		{"at once", time.Second, nil, 1, 0, nil},
		{"after pauses that double", time.Second, []error{busy, busy, busy}, 4, 350 * time.Millisecond, nil},
		{"as long as it was asked for", 10 * time.Second, []error{&BusyError{After: 2 * time.Second}}, 2, 2 * time.Second, nil},
		{"not past the deadline", 120 * time.Millisecond, []error{busy, busy, busy}, 2, 50 * time.Millisecond, ErrUnavailable},
		{"not when it asks for too long", time.Second, []error{&BusyError{After: time.Minute}}, 1, 0, ErrUnavailable},
		{"without a deadline", 0, []error{busy}, 1, 0, ErrUnavailable},
		{"another fault", time.Second, []error{ErrInvalid}, 1, 0, ErrInvalid},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx := t.Context()
				if c.limit > 0 {
					var cancel context.CancelFunc
					ctx, cancel = context.WithTimeout(ctx, c.limit)
					defer cancel()
				}
				began, calls := time.Now(), 0
				err := Retry(ctx, func(context.Context) error {
					if calls++; calls <= len(c.failures) {
						return c.failures[calls-1]
					}
					return nil
				})
				if !errors.Is(err, c.want) || calls != c.calls || time.Since(began) != c.took {
					t.Errorf("Retry = %v after %d calls and %v, want %v after %d and %v", err, calls, time.Since(began), c.want, c.calls, c.took)
				}
			})
		})
	}
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		time.AfterFunc(10*time.Millisecond, cancel)
		if err := Retry(ctx, func(context.Context) error { return busy }); !errors.Is(err, context.Canceled) {
			t.Errorf("Retry cancelled in a pause = %v", err)
		}
	})
}

func TestFacts(t *testing.T) {
	got := FactsOf(&shop.Item{
		ID: "a", Title: "A", Brand: " Acme ", Categories: []string{"Clothing", " ", "Jackets"}, Price: 9.5,
		CreatedAt:  time.Unix(1_700_000_000, 0),
		Attributes: map[string][]string{"Colour": {"Red", "red", ""}, "size": {"42", "1e2", "inf"}, "price": {"7"}},
	})
	want := Facts{
		Brand: "acme", Category: []string{"clothing", "clothing > jackets", "jackets"}, Availability: "in_stock", Available: true,
		Price: 9.5, Created: 1_700_000_000,
		Attributes: []string{"colour\x1fred", "size\x1f1e2", "size\x1f42", "size\x1finf"},
		Numbers:    []Number{{"size", 42}, {"size", 100}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("FactsOf (-want +got):\n%s", diff)
	}
	if got := FactsOf(&shop.Item{Availability: shop.OutOfStock}); got.Available || got.Availability != "out_of_stock" || got.Created != 0 {
		t.Errorf("FactsOf an item out of stock = %+v", got)
	}
}

func TestTexts(t *testing.T) {
	got := TextsOf(&shop.Item{
		Title: "Shoe", Titles: map[string]string{"zh": "鞋", "en": "Shoe", "de": "Schuh"}, Brand: "Acme",
		Attributes: map[string][]string{"b": {"2"}, "a": {"1"}},
	})
	want := Texts{Title: []string{"Shoe", "Schuh", "鞋"}, Brand: "Acme", Attributes: []string{"1", "2"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("TextsOf (-want +got):\n%s", diff)
	}
}

func TestParseAddress(t *testing.T) {
	for text, want := range map[string]Address{
		"opensearch+https://search:9200/items":     {Kind: OpenSearch, Secure: true, Host: "search:9200", Collection: "items"},
		"qdrant+http://127.0.0.1:6334/my_shop-2":   {Kind: Qdrant, Host: "127.0.0.1:6334", Collection: "my_shop-2"},
		"qdrant+http://[::1]:6334/items?dims=64":   {Kind: Qdrant, Host: "[::1]:6334", Collection: "items", Dims: 64},
		"opensearch+http://search:9200/a?dims=128": {Kind: OpenSearch, Host: "search:9200", Collection: "a", Dims: 128},
	} {
		if got, err := ParseAddress(text); err != nil || got != want {
			t.Errorf("ParseAddress(%q) = %+v, %v, want %+v", text, got, err, want)
		}
	}
	for text, says := range map[string]string{
		"opensearch":                       "must begin with",
		"elastic+http://search:9200/items": "must begin with",
		"opensearch+ftp://search:9200/a":   "must begin with",
		"qdrant+http://u:p@search:6334/a":  "must not hold a password",
		"qdrant+http://search/items":       "a host and a port",
		"qdrant+http://:6334/items":        "a host and a port",
		"qdrant+http://search:6334":        "name of a collection",
		"qdrant+http://search:6334/a/b":    "name of a collection",
		"qdrant+http://search:6334/Items":  "name of a collection",
		"qdrant+http://search:6334/a?x=1":  "unknown option",
		"qdrant+http://s:6334/a?dims=0":    "dims must be",
		"://":                              "is no address",
	} {
		if _, err := ParseAddress(text); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("ParseAddress(%q) = %v, want %q", text, err, says)
		}
	}
}

func TestParseLogin(t *testing.T) {
	for text, want := range map[string]Login{
		"":                  {},
		"key\n":             {Password: "key"},
		"admin:p:w\nothers": {User: "admin", Password: "p:w"},
	} {
		if got := ParseLogin(text); got != want {
			t.Errorf("ParseLogin(%q) = %+v, want %+v", text, got, want)
		}
	}
}

func TestFuse(t *testing.T) {
	got := Fuse(3, []Hit{{"a", 9}, {"b", 8}, {"c", 7}}, []Hit{{"c", 1}, {"d", 0.5}})
	var order []shop.ItemID
	for _, hit := range got {
		order = append(order, hit.ID)
	}
	// c has 1/63 + 1/61, a 1/61, and b and d 1/62 each.
	if diff := cmp.Diff([]shop.ItemID{"c", "a", "b"}, order); diff != "" {
		t.Errorf("Fuse (-want +got):\n%s", diff)
	}
}

func TestRefusedError(t *testing.T) {
	var e RefusedError
	if e.Err() != nil {
		t.Error("nothing was refused, and Err is not nil")
	}
	e.Add("b", "second")
	e.Add("a", "first")
	if got, want := e.Err().Error(), "2 items refused, the first a: first"; got != want {
		t.Errorf("Error = %q, want %q", got, want)
	}
}
