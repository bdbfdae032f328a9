package shelf

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"

	"github.com/haggle-commerce/haggle/libs/shop"
)

func TestShelf(t *testing.T) {
	s := New()
	item := &shop.Item{ID: "a", Title: "Jacket", Brand: "acme", Categories: []string{"Clothing", "Jackets"}, Description: strings.Repeat("é", 400)}
	if err := s.Put(item); err != nil {
		t.Fatal(err)
	}
	if err := s.Put(item); err != nil {
		t.Fatal(err)
	}
	if s.Len() != 1 {
		t.Errorf("Len() = %d, want 1", s.Len())
	}
	e := s.Get("a")
	if e == nil || !e.Buyable || e.Brand == 0 || e.Category == 0 || e.Brand == e.Category {
		t.Fatalf("Get(a) = %+v", e)
	}
	var got shop.Item
	if err := json.Unmarshal(e.Document, &got); err != nil {
		t.Fatal(err)
	}
	if got.Title != "Jacket" || len(got.Description) > MaxDescription+4 || !utf8.ValidString(got.Description) || !strings.HasSuffix(got.Description, "é…") {
		t.Errorf("document = %s", e.Document)
	}
	if s.Delete("a"); s.Get("a") != nil || s.Len() != 0 {
		t.Error("a deleted item is still on the shelf")
	}
	s.Delete("never there")
	if s.Len() != 0 {
		t.Errorf("Len() = %d after deleting what was not there, want 0", s.Len())
	}
}

func TestMayBeUsedAtOnce(t *testing.T) {
	s := New()
	var wait sync.WaitGroup
	for worker := range 4 {
		wait.Go(func() {
			for i := range 200 {
				id := shop.ItemID(fmt.Sprint(i % 50))
				if worker%2 == 0 {
					if err := s.Put(&shop.Item{ID: id, Title: "t"}); err != nil {
						t.Error(err)
					}
				} else if e := s.Get(id); e != nil && !json.Valid(e.Document) {
					t.Errorf("document = %q", e.Document)
				}
			}
		})
	}
	wait.Wait()
	if s.Len() != 50 {
		t.Errorf("Len() = %d, want 50", s.Len())
	}
}

func BenchmarkGet(b *testing.B) {
	s := New()
	var ids []shop.ItemID
	for i := range 20_000 {
		ids = append(ids, shop.ItemID(fmt.Sprintf("sku-%d", i)))
		if err := s.Put(&shop.Item{ID: ids[i], Title: "t"}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		i = (i + 7919) % len(ids)
		s.Get(ids[i])
	}
}
