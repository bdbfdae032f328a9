package history

import (
	"cmp"
	"fmt"
	"slices"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/haggle-commerce/haggle/libs/shop"
	"github.com/haggle-commerce/haggle/services/recall/internal/catalogue"
)

var start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// TestBookEqualsNaive plays touches and compares with maps that forget nothing but whole shoppers.
func TestBookEqualsNaive(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const most = 3
		b := New(most)
		touches := map[shop.ShopperID]map[catalogue.Slot]Touch{}
		var order []shop.ShopperID
		drop := func(id shop.ShopperID) {
			order = slices.DeleteFunc(order, func(have shop.ShopperID) bool { return have == id })
		}
		for i := range rapid.IntRange(0, 100).Draw(t, "touches") {
			id := shop.ShopperID(fmt.Sprint(rapid.IntRange(0, 5).Draw(t, "shopper")))
			if rapid.IntRange(0, 19).Draw(t, "forget") == 0 {
				b.Forget(id)
				delete(touches, id)
				drop(id)
				continue
			}
			s, kind := catalogue.Slot(rapid.IntRange(0, 20).Draw(t, "slot")), Kind(rapid.IntRange(0, 2).Draw(t, "kind"))
			at := start.Add(time.Duration(i) * time.Second)
			b.Touch(id, s, kind, at)
			drop(id)
			order = append(order, id)
			if len(order) > most {
				delete(touches, order[0])
				order = order[1:]
			}
			if touches[id] == nil {
				touches[id] = map[catalogue.Slot]Touch{}
			}
			old := touches[id][s]
			touches[id][s] = Touch{Slot: s, Kind: max(kind, old.Kind), Count: old.Count + 1, At: at.Unix()}
		}
		if b.Len() != len(touches) {
			t.Fatalf("Len() = %d, want %d", b.Len(), len(touches))
		}
		for i := range 6 {
			id := shop.ShopperID(fmt.Sprint(i))
			var want []Touch
			for _, touch := range touches[id] {
				want = append(want, touch)
			}
			slices.SortFunc(want, func(a, b Touch) int { return cmp.Compare(b.At, a.At) })
			var got []Touch
			if p := b.Find(id); p != nil {
				got = p.Recent
			}
			if diff := gocmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
				t.Fatalf("shopper %s (-want +got):\n%s", id, diff)
			}
		}
	})
}

func TestRecentIsBoundedAndOrdered(t *testing.T) {
	b := New(10)
	for i := range 3 * MaxRecent {
		b.Touch("s", catalogue.Slot(i), Viewed, start.Add(time.Duration(i)*time.Minute))
	}
	p := b.Find("s")
	if len(p.Recent) != MaxRecent || p.Recent[0].Slot != 3*MaxRecent-1 {
		t.Fatalf("%d recent, the first %+v", len(p.Recent), p.Recent[0])
	}
	b.Touch("s", 1000, Viewed, start)
	if slices.ContainsFunc(p.Recent, func(t Touch) bool { return t.Slot == 1000 }) {
		t.Error("an event older than all that is remembered pushed out a newer one")
	}
	b.Touch("s", 1001, Bought, start.Add(2*MaxRecent*time.Minute+time.Second))
	if !slices.IsSortedFunc(p.Recent, func(a, b Touch) int { return cmp.Compare(b.At, a.At) }) {
		t.Errorf("a late event broke the order: %+v", p.Recent)
	}
	if len(p.Bought) != 1 || p.Bought[0].Slot != 1001 {
		t.Errorf("bought %+v", p.Bought)
	}
}

func TestKindOf(t *testing.T) {
	for _, k := range shop.EventKinds {
		kind, ok := KindOf(k)
		if want := k == shop.SelectItem || k == shop.ViewItem || k == shop.AddToCart || k == shop.BeginCheckout || k == shop.Purchase; ok != want {
			t.Errorf("KindOf(%s) = %v, %v", k, kind, ok)
		}
	}
}

func BenchmarkTouch(b *testing.B) {
	book, i := New(100_000), 0
	ids := make([]shop.ShopperID, 1000)
	for i := range ids {
		ids[i] = shop.ShopperID(fmt.Sprint("shopper-", i))
	}
	b.ReportAllocs()
	for b.Loop() {
		book.Touch(ids[i%1000], catalogue.Slot(i*31%20_000), Viewed, start.Add(time.Duration(i)*time.Second))
		i++
	}
}
