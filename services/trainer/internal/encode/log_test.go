package encode

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/haggle-commerce/haggle/libs/shop"
	"github.com/haggle-commerce/haggle/services/trainer/internal/corpus"
)

func TestFromLog(t *testing.T) {
	var l corpus.Log
	begin := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	add := func(n int, kind shop.EventKind, shopper, query, item string) {
		l.Add(&shop.Event{
			ID: fmt.Sprint(n), Kind: kind, Time: begin.Add(time.Duration(n) * time.Minute), Shopper: shop.ShopperID(shopper), SearchTerm: query,
			Items: []shop.EventItem{{ID: shop.ItemID(item)}},
		})
	}
	for n := range 9 {
		add(n, shop.SelectItem, fmt.Sprint("s", n), "hat", "a")
	}
	add(20, shop.ViewItem, "s0", "hat", "a")     // once more
	add(21, shop.ViewItemList, "s1", "hat", "b") // only shown
	add(22, shop.ViewItem, "s1", "", "b")        // no query
	add(23, shop.ViewItem, "s1", "cap", "gone")  // not in the catalogue
	add(30, shop.Purchase, "s1", "cap", "b")
	older, latest := FromLog(l.Corpus(), map[shop.ItemID]int{"a": 3, "b": 5})
	if len(older) != 9 || older[8] != (Click{"hat", 3}) {
		t.Errorf("older clicks %v", older)
	}
	if diff := cmp.Diff([]Click{{"cap", 5}}, latest); diff != "" {
		t.Errorf("latest clicks (-want +got):\n%s", diff)
	}
}

func TestSample(t *testing.T) {
	kept := 0
	keep, all := Sample(10_000, 1000), Sample(10, 1000)
	for i := range 10_000 {
		id := shop.ItemID(fmt.Sprint("item-", i))
		if keep(id) {
			kept++
		}
		if !all(id) {
			t.Fatalf("%s of a few is left out", id)
		}
	}
	if kept < 850 || kept > 1150 {
		t.Errorf("%d of 10,000 are kept, want about 1,000", kept)
	}
}
