package trial

import (
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"github.com/haggle-commerce/haggle/libs/shop"
	"github.com/haggle-commerce/haggle/libs/wire"
)

// generator makes the items, events and requests of a shop from a seed.
type generator struct {
	o     EngineOptions
	words []string
	zipf  *rand.Zipf
	item0 *rand.Zipf
	r     *rand.Rand
	now   time.Time
}

func newGenerator(o EngineOptions) *generator {
	r := rand.New(rand.NewPCG(o.Seed, 1))
	g := &generator{o: o, r: r, now: time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)}
	syllables := []string{"ba", "ko", "ri", "ta", "mel", "son", "du", "vi", "ra", "ne", "lo", "pix", "tor", "ga", "shi", "ten"}
	seen := map[string]bool{}
	for len(g.words) < 50_000 {
		word := ""
		for range 2 + r.IntN(4) {
			word += syllables[r.IntN(len(syllables))]
		}
		if !seen[word] {
			seen[word] = true
			g.words = append(g.words, word)
		}
	}
	g.zipf = rand.NewZipf(r, 1.07, 8, uint64(len(g.words)-1))
	g.item0 = rand.NewZipf(r, 1.05, 20, uint64(o.Items-1))
	return g
}

// item makes the item of number i, the same each time.
func (g *generator) item(i int) *shop.Item {
	r := rand.New(rand.NewPCG(g.o.Seed, uint64(i)+2))
	zipf := rand.NewZipf(r, 1.07, 8, uint64(len(g.words)-1))
	skewed := func(n int) string { return strconv.Itoa(int(math.Pow(float64(n), r.Float64())) - 1) }
	var title []string
	for range 8 {
		title = append(title, g.words[zipf.Uint64()])
	}
	top := skewed(20)
	it := &shop.Item{
		ID: shop.ItemID("sku-" + strconv.Itoa(i)), Title: strings.Join(title, " "), Brand: "brand " + skewed(1000), Price: math.Round(100*math.Exp(r.NormFloat64()+3)) / 100,
		Categories: []string{"aisle " + top, "shelf " + top + "." + skewed(15)},
		Attributes: map[string][]string{"colour": {"colour " + skewed(50)}, "size": {skewed(30)}, "material": {"stuff " + skewed(80)}},
	}
	if g.o.Dims > 0 {
		number, _ := strconv.ParseUint(top, 10, 64)
		shelf := rand.New(rand.NewPCG(g.o.Seed^0x5e1f, number))
		for range g.o.Dims {
			it.Vector = append(it.Vector, float32(shelf.NormFloat64()+r.NormFloat64()))
		}
	}
	return it
}

func (g *generator) events(from, to int) []shop.Event {
	var events []shop.Event
	for i := from; i < to; i++ {
		visitor := strconv.Itoa(g.r.IntN(max(10, g.o.Events/5)))
		kind := shop.ViewItem
		if i%20 == 0 {
			kind = shop.Purchase
		}
		events = append(events, shop.Event{
			ID: "e" + strconv.Itoa(i), Kind: kind, Time: g.now.Add(-time.Duration(to-i) * time.Second), Shopper: shop.ShopperID("shopper-" + visitor),
			Session: shop.SessionID("session-" + visitor), Items: []shop.EventItem{{ID: shop.ItemID("sku-" + strconv.FormatUint(g.item0.Uint64(), 10))}},
		})
	}
	return events
}

// search asks for three words of one title.
func (g *generator) search() *wire.RecallRequest {
	words := strings.Fields(g.item(g.r.IntN(g.o.Items)).Title)
	g.r.Shuffle(len(words), func(i, j int) { words[i], words[j] = words[j], words[i] })
	return &wire.RecallRequest{Query: strings.Join(words[:3], " "), Limit: 200, Spell: "off"}
}

// faceted is a search with a facet of 50 values and a filter.
func (g *generator) faceted() *wire.RecallRequest {
	request := g.search()
	request.Facets, request.Filter = []string{"colour"}, "price >= 10"
	return request
}

func (g *generator) recommend() *wire.RecallRequest {
	visitor := strconv.Itoa(g.r.IntN(max(10, g.o.Events/5)))
	return &wire.RecallRequest{Purpose: wire.Purpose_PURPOSE_RECOMMEND, Shopper: "shopper-" + visitor, Session: "session-" + visitor, Limit: 200}
}
