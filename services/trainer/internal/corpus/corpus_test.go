package corpus

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/haggle-commerce/haggle/libs/shop"
)

var start = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)

func event(id string, after time.Duration, kind shop.EventKind, items ...shop.ItemID) *shop.Event {
	e := &shop.Event{ID: id, Kind: kind, Time: start.Add(after), Shopper: "v1"}
	for i, item := range items {
		e.Items = append(e.Items, shop.EventItem{ID: item, Index: i})
	}
	return e
}

// ids spells an event's items.
func ids(c *Corpus, e *Event) string {
	var all []string
	for _, item := range c.ItemsOf(nil, e) {
		all = append(all, string(c.ID(item)))
	}
	return string(e.Kind.Name()) + " " + strings.Join(all, ",")
}

func spell(c *Corpus) (all []string) {
	for i := range c.Events {
		all = append(all, ids(c, &c.Events[i]))
	}
	return all
}

func TestCorpusIsInOrderAndEachOnce(t *testing.T) {
	var l Log
	l.Add(event("c", 3*time.Minute, shop.Purchase, "x", "y"))
	l.Add(event("a", time.Minute, shop.ViewItemList, "x", "z"))
	l.Add(event("b", 2*time.Minute, shop.ViewItem, "x"))
	l.Add(event("a", time.Minute, shop.ViewItemList, "x", "z"))
	l.Add(event("d", time.Minute, "no such kind", "x"))
	c := l.Corpus()
	if diff := cmp.Diff([]string{"view_item_list x,z", "view_item x", "purchase x,y"}, spell(c)); diff != "" {
		t.Errorf("corpus (-want +got):\n%s", diff)
	}
	if c.Twice != 1 || c.Items() != 3 || c.Shoppers() != 1 || l.Len() != 4 {
		t.Errorf("twice %d, items %d, shoppers %d, log %d; want 1, 3, 1, 4", c.Twice, c.Items(), c.Shoppers(), l.Len())
	}
	if n := c.Before(start.Add(2 * time.Minute).UnixMilli()); n != 1 {
		t.Errorf("Before the second = %d, want 1", n)
	}
	// The log grows, the corpus does not.
	l.Add(event("e", 4*time.Minute, shop.ViewItem, "w"))
	if c.Items() != 3 || len(c.Events) != 3 {
		t.Errorf("the corpus grew to %d events of %d items", len(c.Events), c.Items())
	}
}

func TestFill(t *testing.T) {
	var l Log
	want := event("a", time.Second, shop.AddToCart, "x", "y")
	want.SearchTerm, want.Placement = " lamp ", "search"
	l.Add(want)
	c := l.Corpus()
	var got shop.Event
	c.Fill(&got, &c.Events[0])
	if got.Kind != want.Kind || !got.Time.Equal(want.Time) || !slices.Equal(got.Items, want.Items) {
		t.Errorf("Fill = %+v, want %+v", got, want)
	}
	if e := &c.Events[0]; c.Text(e.Query) != "lamp" || c.Place(e.Place) != "search" {
		t.Errorf("query %q at %q, want lamp at search", c.Text(e.Query), c.Place(e.Place))
	}
	if c.Text(0) != "" || c.Place(0) != "" {
		t.Error("number 0 has a text")
	}
}

func TestKindsFollowTheVocabulary(t *testing.T) {
	for kind, want := range map[Kind]shop.EventKind{
		Listed: shop.ViewItemList, Clicked: shop.SelectItem, Viewed: shop.ViewItem, Carted: shop.AddToCart, Removed: shop.RemoveFromCart,
		Checkout: shop.BeginCheckout, Bought: shop.Purchase, Refunded: shop.Refund, Searched: shop.Search,
	} {
		if got := kind.Name(); got != want {
			t.Errorf("kind %d is %s, want %s", kind, got, want)
		}
	}
}

func TestSessions(t *testing.T) {
	with := func(change func(*shop.Event)) int {
		e := event("a", 0, shop.ViewItem, "x")
		change(e)
		var l Log
		l.Add(event("first", 0, shop.ViewItem, "x"))
		first := l.events[0].Session
		l.Add(e)
		if l.events[1].Session == first {
			return 1
		}
		if l.events[1].Session == 0 {
			return 0
		}
		return 2
	}
	for name, c := range map[string]struct {
		change func(*shop.Event)
		want   int
	}{
		"the same half hour":    {func(e *shop.Event) { e.Time = e.Time.Add(20 * time.Minute) }, 1},
		"the half hour after":   {func(e *shop.Event) { e.Time = e.Time.Add(30 * time.Minute) }, 2},
		"another shopper":       {func(e *shop.Event) { e.Shopper = "v2" }, 2},
		"a session of its own":  {func(e *shop.Event) { e.Session = "s" }, 2},
		"an order":              {func(e *shop.Event) { e.Transaction = "o" }, 2},
		"nobody and no session": {func(e *shop.Event) { e.Shopper = "" }, 0},
	} {
		if got := with(c.change); got != c.want {
			t.Errorf("%s: got %d, want %d (0 none, 1 the same, 2 another)", name, got, c.want)
		}
	}
}

func TestLogKeepsTheNewest(t *testing.T) {
	l := Log{Most: 80}
	for i := range 500 {
		// In an order that is not that of time.
		n := (i * 7) % 500
		l.Add(event(fmt.Sprint(n), time.Duration(n)*time.Second, shop.ViewItem, shop.ItemID(fmt.Sprint(n))))
	}
	if l.Len() > 90 {
		t.Fatalf("the log keeps %d events, want at most 90", l.Len())
	}
	c := l.Corpus()
	if c.Dropped+len(c.Events) != 500 {
		t.Errorf("dropped %d and kept %d, want 500 together", c.Dropped, len(c.Events))
	}
	newest := &c.Events[len(c.Events)-1]
	if got := ids(c, newest); got != "view_item 499" {
		t.Errorf("the newest event is %s, want view_item 499", got)
	}
	for i := range c.Events {
		want := fmt.Sprintf("view_item %d", c.Events[i].Time().Sub(start)/time.Second)
		if got := ids(c, &c.Events[i]); got != want {
			t.Errorf("event %d is %s, want %s", i, got, want)
		}
	}
}

func BenchmarkAdd(b *testing.B) {
	for _, items := range []int{1, 12} {
		b.Run(fmt.Sprintf("items=%d", items), func(b *testing.B) {
			var all []shop.ItemID
			for i := range items {
				all = append(all, shop.ItemID(fmt.Sprintf("sku-%d", i)))
			}
			e := event("a", 0, shop.ViewItemList, all...)
			l := Log{Most: 10000}
			b.ReportAllocs()
			for b.Loop() {
				e.Time = e.Time.Add(time.Millisecond)
				l.Add(e)
			}
		})
	}
}
