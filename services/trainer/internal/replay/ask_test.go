package replay

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/haggle-commerce/haggle/libs/shop"
	"github.com/haggle-commerce/haggle/services/trainer/internal/corpus"
)

var start = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)

// script writes one session: each line is "kind place/words items", where "-" stands for nothing.
func script(lines string) *corpus.Corpus {
	var l corpus.Log
	for i, line := range strings.Split(strings.TrimSpace(lines), "\n") {
		var kind, where, items string
		fmt.Sscan(line, &kind, &where, &items)
		place, words, _ := strings.Cut(where, "/")
		e := shop.Event{
			ID: fmt.Sprint(i), Kind: shop.EventKind(kind), Time: start.Add(time.Duration(i) * time.Minute), Shopper: "v", Session: "s",
			Placement: shop.Placement(strings.Trim(place, "-")), SearchTerm: strings.ReplaceAll(words, "_", " "),
		}
		for k, id := range strings.FieldsFunc(items, func(r rune) bool { return r == ',' || r == '-' }) {
			e.Items = append(e.Items, shop.EventItem{ID: shop.ItemID(id), Index: k})
		}
		l.Add(&e)
	}
	return l.Corpus()
}

// spell writes asks as "before purpose words [context] wanted:gain,...".
func spell(c *corpus.Corpus, asks []Ask) (all []string) {
	name := func(i corpus.Item) string { return string(c.ID(i)) }
	for _, a := range asks {
		var context, wanted []string
		for _, item := range a.Context {
			context = append(context, name(item))
		}
		for _, w := range a.Wanted {
			wanted = append(wanted, fmt.Sprintf("%s:%v", name(w.Item), w.Gain))
		}
		all = append(all, fmt.Sprintf("%d %s %q [%s] %s", a.Before, a.Purpose, c.Text(a.Query), strings.Join(context, ","), strings.Join(wanted, ",")))
	}
	return all
}

func TestAsks(t *testing.T) {
	for name, c := range map[string]struct {
		log  string
		want []string
	}{
		"a search that ends in an order": {
			`
			search search/red_shoes -
			view_item_list search/red_shoes a,b,c
			select_item search/red_shoes b
			view_item search/red_shoes b
			add_to_cart search/red_shoes b
			purchase cart b`,
			[]string{`0 search "red shoes" [] b:3`},
		},
		"a search again": {
			`
			search search/lamp -
			view_item_list search/lamp a,b
			search search/desk_lamp -
			view_item_list search/desk_lamp c,d
			select_item search/desk_lamp d`,
			[]string{`2 search "desk lamp" [] d:1`},
		},
		"lists of a page and of a cart": {
			`
			view_item_list home a,b
			select_item home a
			view_item home a
			view_item_list item c,d
			select_item item d
			add_to_cart item d
			view_item_list cart e,f
			add_to_cart cart f`,
			[]string{`0 home "" [] a:1`, `3 item "" [a] d:2`, `6 cart "" [d] f:2`},
		},
		"what no list has shown": {
			`
			view_item home x
			view_item - y
			add_to_cart - y`,
			[]string{`0 home "" [] x:1,y:2`, `1 item "" [x] y:2`},
		},
		"a basket of a till": {
			`
			purchase - a,b,c,d`,
			[]string{`0 home "" [] a:3,b:3,c:3,d:3`, `0 cart "" [a,c] b:3,d:3`},
		},
		"a list that nobody touched": {
			`
			view_item_list home a,b`, nil,
		},
		"a thing taken out of the cart": {
			`
			add_to_cart - a
			add_to_cart - b
			remove_from_cart - a
			view_item_list cart c
			select_item cart c`,
			[]string{`0 home "" [] a:2,b:2`, `3 cart "" [b] c:1`},
		},
	} {
		log := script(c.log)
		if diff := cmp.Diff(c.want, spell(log, Asks(log))); diff != "" {
			t.Errorf("%s: asks (-want +got):\n%s", name, diff)
		}
	}
}

func TestWantedIsBounded(t *testing.T) {
	var all []string
	for i := range 100 {
		all = append(all, fmt.Sprint("i", i))
	}
	for _, a := range Asks(script("purchase - " + strings.Join(all, ","))) {
		if len(a.Wanted) > maxWanted || len(a.Context) > maxContext {
			t.Errorf("%d are wanted beside %d, at most %d beside %d", len(a.Wanted), len(a.Context), maxWanted, maxContext)
		}
	}
}
