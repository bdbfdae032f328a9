package engine

import (
	"fmt"
	"testing"
	"time"

	"github.com/haggle-commerce/haggle/libs/shop"
	"github.com/haggle-commerce/haggle/libs/wire"
)

func TestWhatShoppersChoseForAQueryRises(t *testing.T) {
	e := New(small())
	for i := range 6 {
		e.Apply(put(&shop.Item{ID: shop.ItemID(fmt.Sprint("shoe", i)), Title: "Running shoe"}))
	}
	request := &wire.RecallRequest{Query: "running shoes"}
	before, _ := ask(t, e, request)
	last := before[len(before)-1]
	choose := func(shoppers int, term string) {
		for i := range shoppers {
			ev := event(fmt.Sprint(term, i), shop.SelectItem, fmt.Sprint("shopper", i), "", now.Add(-time.Hour), last)
			ev.SearchTerm = term
			e.Observe([]shop.Event{ev})
		}
	}
	choose(9, "hats")
	other, _ := ask(t, e, &wire.RecallRequest{Query: "shoe"})
	choose(9, "Shoes running")
	after, _ := ask(t, e, request)
	if after[0] != last {
		t.Errorf("%s was chosen by nine, but %v", last, after)
	}
	if again, _ := ask(t, e, &wire.RecallRequest{Query: "shoe"}); again[0] != other[0] {
		t.Errorf("a choice for one query changed another: %v, was %v", again, other)
	}
}
