package synth

import (
	"context"
	"math"
	"testing"

	"github.com/haggle-commerce/haggle/libs/shop"
)

// signals are what a ranker could know at the moment of an impression, each a number that is higher for a better item.
var signals = []string{"position", "popularity", "brand", "style", "colour", "price", "seen", "together"}

// past is what is known of the events before a moment.
type past struct {
	items   map[shop.ItemID]*shop.Item
	clicks  map[shop.ItemID]float64
	brands  map[shop.ShopperID]map[string]float64
	words   map[shop.ShopperID]map[string]float64
	prices  map[shop.ShopperID][]float64
	seen    map[shop.ShopperID]map[shop.ItemID]bool
	bought  map[string]map[string]float64
	baskets map[shop.ShopperID]string
	mean    map[string]*[2]float64
}

func (p *past) level(it *shop.Item) float64 {
	m := p.mean[it.Category()]
	return math.Log(it.Price) - m[0]/m[1]
}

func (p *past) scores(e *shop.Event, at int) []float64 {
	it := p.items[e.Items[at].ID]
	s := e.Shopper
	price := 0.0
	if history := p.prices[s]; len(history) > 2 {
		sum := 0.0
		for _, x := range history {
			sum += x
		}
		price = -math.Abs(p.level(it) - sum/float64(len(history)))
	}
	seen := 0.0
	if p.seen[s][it.ID] {
		seen = 1
	}
	return []float64{
		-float64(at), p.clicks[it.ID], p.brands[s][it.Brand], p.words[s]["style "+it.Attributes["style"][0]], p.words[s]["colour "+first(it, "colour")],
		price, seen, p.bought[p.baskets[s]][it.Category()],
	}
}

func first(it *shop.Item, key string) string {
	if values := it.Attributes[key]; len(values) > 0 {
		return values[0]
	}
	return ""
}

func (p *past) learn(e *shop.Event) {
	switch e.Kind {
	case shop.SelectItem:
		it := p.items[e.Items[0].ID]
		p.clicks[it.ID]++
		for _, m := range []map[shop.ShopperID]map[string]float64{p.brands, p.words} {
			if m[e.Shopper] == nil {
				m[e.Shopper] = map[string]float64{}
			}
		}
		p.brands[e.Shopper][it.Brand]++
		p.words[e.Shopper]["style "+it.Attributes["style"][0]]++
		if colour := first(it, "colour"); colour != "" {
			p.words[e.Shopper]["colour "+colour]++
		}
		p.prices[e.Shopper] = append(p.prices[e.Shopper], p.level(it))
		if p.seen[e.Shopper] == nil {
			p.seen[e.Shopper] = map[shop.ItemID]bool{}
		}
		p.seen[e.Shopper][it.ID] = true
	case shop.AddToCart:
		now := p.items[e.Items[0].ID].Category()
		if before := p.baskets[e.Shopper]; before != "" {
			if p.bought[before] == nil {
				p.bought[before] = map[string]float64{}
			}
			p.bought[before][now]++
		}
		p.baskets[e.Shopper] = now
	}
}

// TestSignalIsThereAndHonest measures how well simple facts of the past tell a clicked item from the others of its list, as
// the share of pairs in the right order (AUC; 0.5 is chance). Each fact that a ranker may learn from must say something, and
// none may say nearly everything.
func TestSignalIsThereAndHonest(t *testing.T) {
	if raceEnabled {
		t.Skip("SKIPPED: this measures one goroutine's arithmetic; the test runs without the race detector")
	}
	p := &past{
		map[shop.ItemID]*shop.Item{},
		map[shop.ItemID]float64{},
		map[shop.ShopperID]map[string]float64{},
		map[shop.ShopperID]map[string]float64{},
		map[shop.ShopperID][]float64{},
		map[shop.ShopperID]map[shop.ItemID]bool{},
		map[string]map[string]float64{},
		map[shop.ShopperID]string{},
		map[string]*[2]float64{},
	}
	right, pairs := make([]float64, len(signals)), make([]float64, len(signals))
	type impression struct {
		event   shop.Event
		clicked map[shop.ItemID]bool
		scores  [][]float64
	}
	var open *impression
	settle := func() {
		for i := range open.scores {
			for j := range open.scores {
				if !open.clicked[open.event.Items[i].ID] || open.clicked[open.event.Items[j].ID] {
					continue
				}
				for k := range signals {
					if a, b := open.scores[i][k], open.scores[j][k]; a != b {
						pairs[k]++
						if a > b {
							right[k]++
						}
					}
				}
			}
		}
	}
	latest := map[shop.SessionID]*impression{}
	o := Options{Seed: 11, Items: 3000, Events: 60000}
	_, err := Generate(context.Background(), o, func(it shop.Item) error {
		p.items[it.ID] = &it
		if p.mean[it.Category()] == nil {
			p.mean[it.Category()] = &[2]float64{}
		}
		m := p.mean[it.Category()]
		m[0] += math.Log(it.Price)
		m[1]++
		return nil
	}, func(e shop.Event) error {
		switch e.Kind {
		case shop.ViewItemList:
			if open = latest[e.Session]; open != nil {
				settle()
			}
			open = &impression{event: e, clicked: map[shop.ItemID]bool{}}
			for i := range e.Items {
				open.scores = append(open.scores, p.scores(&e, i))
			}
			latest[e.Session] = open
		case shop.SelectItem:
			latest[e.Session].clicked[e.Items[0].ID] = true
		}
		p.learn(&e)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for k, name := range signals {
		auc := right[k] / pairs[k]
		t.Logf("%-10s AUC %.3f over %.0f pairs", name, auc, pairs[k])
		if auc < 0.52 || auc > 0.9 {
			t.Errorf("%s tells a click with AUC %.3f, want 0.52 to 0.9", name, auc)
		}
	}
}
