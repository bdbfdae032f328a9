package pick

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/haggle-commerce/haggle/libs/feature"
	"github.com/haggle-commerce/haggle/libs/quality"
	"github.com/haggle-commerce/haggle/libs/shop"
	"github.com/haggle-commerce/haggle/services/trainer/internal/contest"
	"github.com/haggle-commerce/haggle/services/trainer/internal/corpus"
	"github.com/haggle-commerce/haggle/services/trainer/internal/crew"
	"github.com/haggle-commerce/haggle/services/trainer/internal/evaluate"
	"github.com/haggle-commerce/haggle/services/trainer/internal/replay"
	"github.com/haggle-commerce/haggle/services/trainer/internal/together"
)

var start = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)

// tastes are shoppers of six kinds who touch items of the kind, and a catalogue. The numbers of items go by order.
func tastes(t *testing.T, events, items int, order func(item int) int) (*corpus.Corpus, *feature.Catalogue) {
	t.Helper()
	id := func(i int) shop.ItemID { return shop.ItemID(fmt.Sprintf("i%03d", i)) }
	catalogue, log := &feature.Catalogue{}, corpus.Log{}
	for i := range items {
		catalogue.Put(feature.NewFacts(&shop.Item{ID: id(i), Title: "thing", Price: 1}))
		log.Item(id(order(i)))
	}
	r := rand.New(rand.NewPCG(3, 3))
	for n := range events {
		shopper := r.IntN(90)
		item := r.IntN(items/6)*6 + shopper%6
		if r.IntN(4) == 0 {
			item = r.IntN(1 + r.IntN(items))
		}
		log.Add(&shop.Event{
			ID: fmt.Sprint(n), Kind: shop.ViewItem, Time: start.Add(time.Duration(n) * time.Minute), Shopper: shop.ShopperID(fmt.Sprint("p", shopper)),
			Session: shop.SessionID(fmt.Sprint("s", shopper, "-", n/300)), Items: []shop.EventItem{{ID: id(item)}},
		})
	}
	return log.Corpus(), catalogue
}

func inOrder(i int) int { return i }

func options() Options {
	o := Options{Together: together.Default(), Budget: 50 * time.Millisecond, Seed: 1}
	o.Together.Neighbours = 16
	return o
}

func TestChoiceIsTheSameOnAnyMachine(t *testing.T) {
	const items = 60
	c, catalogue := tastes(t, 6000, items, inOrder)
	asks := replay.Asks(c)
	asks = asks[len(asks)*8/10 : len(asks)*9/10]
	var stages []string
	o := options()
	o.Progress = func(what string, share float64) {
		if stages = append(stages, what); share < 0 || share > 1 {
			t.Errorf("share %v of %s", share, what)
		}
	}
	one, err := Choose(t.Context(), c, catalogue, asks, o)
	if err != nil {
		t.Fatal(err)
	}
	if len(one.Entries) < 3 || one.Asks != len(asks) || len(stages) == 0 || one.Entries[0].Way.String() != "together" {
		t.Fatalf("%d entries by %d asks, %d stages: %v", len(one.Entries), one.Asks, len(stages), one.Reason)
	}
	for i := range one.Entries {
		e := &one.Entries[i]
		if e.NDCG != quality.Mean(e.Values.NDCG) || len(e.Values.NDCG) != len(one.Entries[0].Values.NDCG) || e.Pairs == 0 || e.Pairs > 16*items {
			t.Errorf("%v has NDCG %v over %d shoppers, %d pairs", e.Way, e.NDCG, len(e.Values.NDCG), e.Pairs)
		}
	}
	// Another process numbers items in another order, and has more processors.
	again, catalogue := tastes(t, 6000, items, func(i int) int { return items - 1 - i })
	o.Crew, o.Together.Workers = crew.Crew{Workers: 4}, 3
	many, err := Choose(t.Context(), again, catalogue, asksOf(again), o)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(ways(one), ways(many)); diff != "" || one.Winner != many.Winner {
		t.Errorf("chose otherwise (-one +other):\n%s", diff)
	}
	for i := range one.Entries {
		way := one.Entries[i].Way
		a, err := way.Learn(t.Context(), c, len(c.Events), o)
		if err != nil {
			t.Fatal(err)
		}
		b, err := way.Learn(t.Context(), again, len(again.Events), o)
		if err != nil {
			t.Fatal(err)
		}
		x, _ := a.AppendBinary(nil)
		if y, _ := b.AppendBinary(nil); !slices.Equal(x, y) || a.Len() != items {
			t.Errorf("%v: the same log gives other lists, of %d and %d items", way, a.Len(), b.Len())
		}
	}
}

func asksOf(c *corpus.Corpus) []replay.Ask {
	asks := replay.Asks(c)
	return asks[len(asks)*8/10 : len(asks)*9/10]
}

func ways(c *Choice) []string {
	var names []string
	for i := range c.Entries {
		names = append(names, c.Entries[i].Way.String())
	}
	return names
}

// TestWeightsAreAsLargeAsThoseOfCounts looks at the root mean square of the lengths of lists.
func TestWeightsAreAsLargeAsThoseOfCounts(t *testing.T) {
	c, _ := tastes(t, 2000, 60, inOrder)
	square := func(w Way) float64 {
		m, err := w.Learn(t.Context(), c, len(c.Events), options())
		if err != nil {
			t.Fatal(err)
		}
		sum := 0.0
		for _, x := range m.Weights {
			sum += float64(x) * float64(x)
		}
		return sum
	}
	s := contest.Setting{Family: contest.Neighbours, User: 0.5, Source: 0.5, Target: 0.5, Keep: 16}
	want := square(Way{})
	for _, w := range []Way{{Setting: &s}, {Setting: &s, Share: 1}} {
		if got := square(w); got < 0.99*want || got > 1.01*want {
			t.Errorf("the squares of the weights of %v add up to %v, those of counts to %v", w, got, want)
		}
	}
}

func TestDecide(t *testing.T) {
	entry := func(x float64) Entry {
		v := slices.Repeat([]float64{x}, 60)
		return Entry{Values: evaluate.Values{NDCG: v, Recall: v}, NDCG: x, Recall: x}
	}
	noisy := entry(0.6)
	noisy.Values.NDCG = slices.Clone(noisy.Values.NDCG)
	for i := range noisy.Values.NDCG {
		noisy.Values.NDCG[i] += float64(i%2*2-1) * 40
	}
	for name, c := range map[string]struct {
		entries []Entry
		want    int
	}{
		"counts alone":   {[]Entry{entry(0.5)}, 0},
		"others worse":   {[]Entry{entry(0.5), entry(0.4)}, 0},
		"the best":       {[]Entry{entry(0.5), entry(0.52), entry(0.55), entry(0.53)}, 2},
		"not by chance":  {[]Entry{entry(0.5), noisy}, 0},
		"but the second": {[]Entry{entry(0.5), noisy, entry(0.51)}, 2},
	} {
		got := &Choice{Entries: c.entries}
		got.decide(1)
		if got.Winner != c.want {
			t.Errorf("%s: winner is %d, want %d", name, got.Winner, c.want)
		}
	}
}

func TestTooLittleToChoose(t *testing.T) {
	c, catalogue := tastes(t, 500, 60, inOrder)
	asks := asksOf(c)
	for name, o := range map[string]Options{"asks": options(), "budget": {Together: together.Default()}} {
		got, err := Choose(t.Context(), c, catalogue, asks, o)
		if err != nil || len(got.Entries) != 0 || got.Way().Name() != "together" || got.Reason == "" {
			t.Errorf("too little of %s: %+v, %v", name, got, err)
		}
	}
	c, catalogue = tastes(t, 6000, 60, inOrder)
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if _, err := Choose(ctx, c, catalogue, asksOf(c), options()); !errors.Is(err, context.Canceled) {
		t.Errorf("Choose after the end = %v", err)
	}
}

func TestRobotsAreCut(t *testing.T) {
	var list []uint32
	for i := range uint32(3 * longest) {
		list = touch(list, i)
	}
	list = touch(list, 3*longest-5)
	if len(list) != longest || list[longest-1] != 3*longest-5 || list[0] != 2*longest {
		t.Errorf("kept %d items from %d to %d", len(list), list[0], list[len(list)-1])
	}
}

func TestCountsAreThoseOfTogether(t *testing.T) {
	c, _ := tastes(t, 1000, 60, inOrder)
	l, o := newLedger(c, 700), options()
	lists, err := l.counts(c, 700, o.Together)
	if err != nil {
		t.Fatal(err)
	}
	m, err := l.model(lists, lists, o.Together.Neighbours)
	if err != nil {
		t.Fatal(err)
	}
	want, err := together.Learn(c, 700, o.Together)
	if err != nil {
		t.Fatal(err)
	}
	x, _ := m.AppendBinary(nil)
	if y, _ := want.AppendBinary(nil); len(x) != len(y) {
		t.Errorf("counts take %d bytes, %d as learnt", len(x), len(y))
	}
}
