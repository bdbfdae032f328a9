package synth

import (
	"math"
	"slices"
	"strconv"

	"github.com/haggle-commerce/haggle/libs/shop"
)

// shopper is one person: what she likes, which nobody sees, and what she did so far.
type shopper struct {
	id      shop.ShopperID
	number  uint64
	chinese bool
	// wants holds how much each type draws her, as a weight; mild is the logarithm of their mean.
	wants  []float32
	mild   float32
	brands [tasteDimensions]float32
	style  [styleCount]float32
	colour [16]float32
	level  float32
	thrift float32

	arrives int64
	freeAt  int64
	bought  []int32
	seen    []int32
	cart    []int32
	due     []refill
	urges   []urge
}

// refill is a consumable that will run out.
type refill struct {
	product int32
	at      int64
}

// urge is a type that she now lacks because of something she bought.
type urge struct {
	kind  int32
	until int64
}

// personaCount personas give the shoppers something in common, so that what one did says something about others.
const personaCount = 14

// makeShoppers draws the shoppers and the running sums of how often each comes, a flattened Zipf law.
func makeShoppers(o Options, c *catalogue, start int64) (all []shopper, activity []float32) {
	r := newRandom(o.Seed, 3)
	personas := make([][]float32, personaCount)
	for i := range personas {
		personas[i] = make([]float32, len(c.categories))
		for g := range personas[i] {
			personas[i][g] = float32(1.15 * r.normal())
		}
	}
	liking := make([]float64, len(c.kinds))
	for i := range liking {
		liking[i] = 0.7 * r.normal()
	}
	all, activity = make([]shopper, o.Shoppers), make([]float32, o.Shoppers)
	for i := range all {
		s := &all[i]
		s.number = uint64(i + 1)
		s.id = shop.ShopperID("v" + strconv.Itoa(i+1))
		s.chinese = r.chance(0.12)
		first, second := personas[r.below(personaCount)], personas[r.below(personaCount)]
		s.drawWants(r, c, first, second, liking)
		for d := range s.brands {
			s.brands[d] = float32(r.normal())
		}
		for d := range s.style {
			s.style[d] = float32(r.normal())
		}
		for d := range s.colour {
			s.colour[d] = float32(r.normal())
		}
		s.level = float32(0.8 * r.normal())
		s.thrift = float32(r.between(0.3, 1.1))
		if r.chance(0.35) {
			s.arrives = start + int64(r.float()*float64(o.Days)*float64(day.Milliseconds()))
		}
		activity[i] = float32(math.Pow(float64(i)+25, -0.8))
	}
	// Activity must not follow the number of the shopper.
	shuffle(r, activity)
	return all, running(activity)
}

// drawWants mixes two personas over the categories, the general liking for each type, and a whim of her own.
func (s *shopper) drawWants(r *random, c *catalogue, first, second []float32, liking []float64) {
	s.wants = make([]float32, len(c.kinds))
	var sum float32
	for i := range s.wants {
		k := &c.kinds[i]
		u := 1.0*float64(first[k.category]) + 0.5*float64(second[k.category]) + 0.6*r.normal() + liking[i]
		s.wants[i] = k.weight * float32(math.Exp(u))
		sum += s.wants[i]
	}
	s.mild = float32(math.Log(float64(sum) / float64(len(s.wants))))
}

// taste is how much the shopper likes a product among others of its type: brand, style, colour, price and quality. Its
// standard deviation over products is about 1.3.
func (s *shopper) taste(c *catalogue, p *product) float32 {
	b := &c.brands[p.brand]
	var shared float32
	for d := range s.brands {
		shared += s.brands[d] * b.taste[d]
	}
	u := 0.3*shared + 0.35*noise(s.number, uint64(p.brand)) + 0.6*s.style[p.style] + 0.5*p.quality
	if p.colour != noColour {
		u += 0.45 * s.colour[p.colour]
	}
	gap := p.level - s.level
	u -= s.thrift * min(gap*gap, 6) * 0.5
	return u
}

// memory is what having met the product before adds to the wish for it.
func (s *shopper) memory(c *catalogue, at int32) float32 {
	u := float32(0)
	if slices.Contains(s.seen, at) {
		u += 0.5
	}
	if slices.Contains(s.bought, at) {
		if c.kinds[c.products[at].kind].cycleDays > 0 {
			u += 1.2
		} else {
			u -= 1.5
		}
	}
	return u
}

func remember(list []int32, at int32, limit int) []int32 {
	if i := slices.Index(list, at); i >= 0 {
		list = slices.Delete(list, i, i+1)
	}
	if len(list) >= limit {
		list = slices.Delete(list, 0, 1)
	}
	return append(list, at)
}
