package synth

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/haggle-commerce/haggle/libs/shop"
)

// brand is a maker with a level of price and a place in a small space of taste that its shoppers share.
type brand struct {
	word
	tier  float64
	taste [tasteDimensions]float32
}

// tasteDimensions is how many hidden dimensions brands and shoppers share, so that who likes one brand likes some others.
const tasteDimensions = 4

// noColour marks a product whose type has no colour.
const noColour = 0xff

// product is what the generator keeps of an item.
type product struct {
	id       shop.ItemID
	kind     int32
	brand    int32
	style    uint8
	colour   uint8
	stocked  bool
	level    float32
	quality  float32
	appeal   float32
	price    float64
	launched int64
	// burst is the day on which the product is suddenly wanted for some days; negative for none.
	burst int32
}

// catalogue is the shelf of the shop.
type catalogue struct {
	*vocabulary
	brands   []brand
	products []product
	byKind   [][]int32
	colours  []word
}

const day = 24 * time.Hour

func newCatalogue(o Options, v *vocabulary) *catalogue {
	c := &catalogue{vocabulary: v, byKind: make([][]int32, len(v.kinds)), products: make([]product, o.Items)}
	for _, set := range v.sets {
		if set.name == "colour" {
			c.colours = set.values
		}
	}
	r := newRandom(o.Seed, 1)
	for i := range v.kinds {
		v.kinds[i].weight = float32(math.Exp(0.5 * r.normal()))
	}
	c.makeBrands(r)
	return c
}

// makeBrands names the brands and gives each some categories of one department, and a few of them a second department.
func (c *catalogue) makeBrands(r *random) {
	const brandCount = 300
	taken := map[string]bool{}
	for len(c.brands) < brandCount {
		var en, zh strings.Builder
		for range 2 + r.below(2) {
			s := c.syllables[r.below(len(c.syllables))]
			en.WriteString(s.en)
			zh.WriteString(s.zh)
		}
		name := strings.ToUpper(en.String()[:1]) + en.String()[1:]
		if taken[name] {
			continue
		}
		taken[name] = true
		b := brand{word: word{name, zh.String()}, tier: 0.8 * r.normal()}
		for d := range b.taste {
			b.taste[d] = float32(r.normal())
		}
		homes := 1
		if r.chance(0.2) {
			homes = 2
		}
		for h := range homes {
			// The first brands go round the departments, so that none is without.
			at := len(c.brands) % len(c.departments)
			if h > 0 {
				at = r.below(len(c.departments))
			}
			for i := range c.categories {
				if c.categories[i].department == at && (r.chance(0.55) || len(c.categories[i].brands) < 4) {
					c.categories[i].brands = append(c.categories[i].brands, len(c.brands))
				}
			}
		}
		c.brands = append(c.brands, b)
	}
	for i := range c.categories {
		g := &c.categories[i]
		for rank := range g.brands {
			g.brandSums = append(g.brandSums, float32(1/math.Pow(float64(rank+2), 0.8)))
		}
		running(g.brandSums)
	}
}

// makeItems draws the products, keeps what the events need, and hands each item on.
func (c *catalogue) makeItems(o Options, start time.Time, emit func(shop.Item) error) error {
	r := newRandom(o.Seed, 2)
	sums := make([]float32, len(c.kinds))
	for i := range c.kinds {
		sums[i] = c.kinds[i].weight
	}
	running(sums)
	for i := range c.products {
		at := i
		if i >= len(c.kinds) {
			at = r.pick(sums)
		}
		item := c.makeItem(r, i, at%len(c.kinds), o, start)
		if emit != nil {
			if err := emit(item); err != nil {
				return fmt.Errorf("emit item %s: %w", item.ID, err)
			}
		}
		o.report("items", i+1, o.Items)
	}
	for _, shelf := range c.byKind {
		for rank, at := range shuffled(r, shelf) {
			p := &c.products[at]
			p.appeal = float32(math.Exp(0.35*float64(p.quality)) / (float64(rank) + 2))
		}
	}
	return nil
}

func shuffled(r *random, shelf []int32) []int32 {
	order := append([]int32(nil), shelf...)
	shuffle(r, order)
	return order
}

func (c *catalogue) makeItem(r *random, index, at int, o Options, start time.Time) shop.Item {
	k := &c.kinds[at]
	g := &c.categories[k.category]
	d := &c.departments[g.department]
	p := &c.products[index]
	*p = product{
		id: shop.ItemID("sku-" + strconv.Itoa(100000+index)), kind: int32(at), style: uint8(r.below(styleCount)), colour: noColour,
		brand: int32(g.brands[r.pick(g.brandSums)]), quality: float32(r.normal()), stocked: !r.chance(0.025), burst: -1,
	}
	b := &c.brands[p.brand]
	p.level = float32(0.75*r.normal() + 0.6*b.tier)
	p.price = charm(k.price * math.Exp(k.spread*float64(p.level)))
	p.launched = launch(r, o, start).UnixMilli()
	if r.chance(0.02) {
		p.burst = int32(r.below(o.Days + 1))
	}
	c.byKind[at] = append(c.byKind[at], int32(index))

	styleWord := d.styles[p.style][r.below(len(d.styles[p.style]))]
	attributes := map[string][]string{"style": {styleWord.en}}
	var values []word
	var material, colour, model word
	for _, s := range k.sets {
		set := &c.sets[s]
		n := falling(r, len(set.values))
		value := set.values[n]
		attributes[set.key] = []string{value.en}
		switch set.key {
		case "colour":
			p.colour, colour = uint8(n), value
		case "material":
			material = value
		case "power", "memory", "screen_size", "connectivity":
			code := string(rune('A'+r.below(26))) + strconv.Itoa(10*(1+r.below(99)))
			model = word{code, code}
			values = append(values, value)
		default:
			values = append(values, value)
		}
	}
	launched := time.UnixMilli(p.launched).UTC()
	item := shop.Item{
		ID: p.id, Brand: b.en, Categories: []string{d.en, g.en, k.en}, Price: p.price, Currency: "EUR",
		Title:       joinTitle(" ", ", ", []string{b.en, model.en, styleWord.en, material.en, k.en}, colour.en, values, false),
		Titles:      map[string]string{"zh": joinTitle(" ", " ", []string{b.zh, model.zh, styleWord.zh, material.zh + k.zh}, colour.zh, values, true)},
		Description: describe(r, c, p, styleWord.en, material.en), Attributes: attributes,
		Availability: shop.InStock, CreatedAt: launched, UpdatedAt: launched,
	}
	if !p.stocked {
		item.Availability = shop.OutOfStock
	}
	return item
}

// launch draws when a product came into the shop: seven of ten before the log begins, the rest while it runs.
func launch(r *random, o Options, start time.Time) time.Time {
	if r.chance(0.7) {
		hours := -4800 * math.Log(1-r.float())
		return start.Add(-time.Duration(min(hours, 20000)) * time.Hour).Truncate(time.Second)
	}
	return start.Add(time.Duration(r.float() * float64(o.Days) * 0.98 * float64(day))).Truncate(time.Second)
}

// falling draws an index below n, the first ones more often.
func falling(r *random, n int) int {
	return min(int(float64(n)*math.Pow(r.float(), 1.6)), n-1)
}

// charm rounds a price as shops do: 4.49, 17.99, 129.95, 899.00.
func charm(price float64) float64 {
	var cents float64
	switch {
	case price < 10:
		cents = max(49, math.Round(price*2)*50-1)
	case price < 100:
		cents = math.Round(price)*100 - 1
	case price < 300:
		cents = math.Round(price/5)*500 - 5
	default:
		cents = math.Round(price/10)*1000 - 100
	}
	return cents / 100
}

func joinTitle(gap, comma string, head []string, colour string, values []word, chinese bool) string {
	var b strings.Builder
	for _, part := range head {
		if part == "" {
			continue
		}
		if b.Len() > 0 {
			b.WriteString(gap)
		}
		b.WriteString(part)
	}
	if colour != "" {
		b.WriteString(comma + colour)
	}
	for _, v := range values {
		if chinese {
			b.WriteString(comma + v.zh)
		} else {
			b.WriteString(comma + v.en)
		}
	}
	return b.String()
}

// describe writes two sentences about a product: what it is for, and what it goes with.
func describe(r *random, c *catalogue, p *product, style, material string) string {
	praise := [styleCount][2]string{
		{"A reliable choice for every day", "Made the way people have liked it for years"},
		{"Made for people on the move", "Keeps up with an active day"},
		{"Nothing more than you need", "A calm look that fits anywhere"},
		{"Finished with great care", "For those who want the best of its kind"},
		{"Brings a little joy into the day", "A cheerful present for somebody you like"},
		{"Made with care for people and nature", "Lasts long and wastes little"},
	}
	k := &c.kinds[p.kind]
	var b strings.Builder
	b.WriteString(praise[p.style][r.below(2)])
	b.WriteString(": " + strings.ToLower(style) + " ")
	if material != "" {
		b.WriteString(strings.ToLower(material) + " ")
	}
	b.WriteString(strings.ToLower(k.en) + " by " + c.brands[p.brand].en + ".")
	if len(k.companions) > 0 {
		b.WriteString(" Goes well with our " + strings.ToLower(c.kinds[k.companions[r.below(len(k.companions))]].en) + ".")
	}
	return b.String()
}
