package catalogue

import (
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/haggle-commerce/haggle/libs/cost"
	"github.com/haggle-commerce/haggle/libs/shop"
	"github.com/haggle-commerce/haggle/services/recall/internal/filter"
)

// shelf draws the item of number i: a brand of 1,000, a category of two levels, a price and three attributes, all skewed as in a shop.
func shelf(r *rand.Rand, i int) *shop.Item {
	skewed := func(n int) int { return int(math.Pow(float64(n), r.Float64())) - 1 }
	top := skewed(20)
	return &shop.Item{
		ID: shop.ItemID(fmt.Sprintf("sku-%07d", i)), Brand: fmt.Sprint("Brand ", skewed(1000)), Price: math.Round(100*math.Exp(r.NormFloat64()+3)) / 100,
		Categories: []string{fmt.Sprint("Aisle ", top), fmt.Sprint("Shelf ", top, ".", skewed(15))},
		Attributes: map[string][]string{
			"colour":   {fmt.Sprint("colour ", skewed(50))},
			"size":     {fmt.Sprint(skewed(30))},
			"material": {fmt.Sprint("stuff ", skewed(80))},
		},
	}
}

// TestLargeResultsEqualNaive has enough items that every way to count and to filter is taken.
func TestLargeResultsEqualNaive(t *testing.T) {
	const n = 66_000
	r := rand.New(rand.NewPCG(1, 2))
	c := New()
	items := make([]*shop.Item, n)
	for i := range items {
		items[i] = shelf(r, i)
		if i%20 == 0 {
			items[i].Attributes["rare"] = []string{fmt.Sprint(i % 7), fmt.Sprint(i % 11)}
		}
		c.Put(items[i])
	}
	for range 5_000 {
		i := r.IntN(n)
		if r.IntN(4) == 0 && items[i] != nil {
			c.Delete(items[i].ID)
			items[i] = nil
			continue
		}
		items[i] = shelf(r, i)
		c.Put(items[i])
	}
	keys := []string{"brand", "category", "colour", "size", "material", "rare", "availability"}
	var counter Counter
	for _, text := range []string{
		`brand: "Brand 0"`, `price > 7.77 AND colour: ANY("colour 1","colour 2")`, `category: "Aisle 3"`, `size >= 12`, `rare: "3"`, `NOT price < 333`,
	} {
		e, err := filter.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		sel := c.Select(&e)
		for _, share := range []int{1, 400} {
			in := make(Bits, len(c.Live()))
			want := map[string]map[string]uint32{}
			found := 0
			for i, it := range items {
				if it == nil || i%share != 0 {
					continue
				}
				s, _ := c.Find(it.ID)
				in.Set(s)
				if !passes(&e, it) {
					continue
				}
				found++
				for _, key := range keys {
					seen := map[string]bool{}
					for _, v := range textsOf(it, key) {
						if !seen[v] {
							seen[v] = true
							if want[key] == nil {
								want[key] = map[string]uint32{}
							}
							want[key][v]++
						}
					}
				}
			}
			out := sel.Apply(in, nil, "")
			if out.Count() != found {
				t.Fatalf("%s of 1 in %d items: %d found, want %d", text, share, out.Count(), found)
			}
			for i, facet := range c.Facets(&counter, out, keys, nil) {
				if len(want[keys[i]]) < len(facet.Values) || (len(facet.Values) < MaxFacetValues && len(want[keys[i]]) > len(facet.Values)) {
					t.Fatalf("%s of 1 in %d items: facet %s has %d values, want %d", text, share, keys[i], len(facet.Values), len(want[keys[i]]))
				}
				for j, v := range facet.Values {
					if facet.Counts[j] != want[keys[i]][v] {
						t.Fatalf("%s of 1 in %d items: facet %s counts %d of %q, want %d", text, share, keys[i], facet.Counts[j], v, want[keys[i]][v])
					}
				}
			}
		}
	}
	if perItem := c.Memory().Total() / n; perItem > 200 {
		t.Errorf("an item takes %d bytes: %+v", perItem, c.Memory())
	}
}

// TestHistoryDoesNotShow builds the same items by two histories: facets are the same, down to how a value is written.
func TestHistoryDoesNotShow(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	write := func(s string) string {
		if r.IntN(3) == 0 {
			return strings.ToUpper(s)
		}
		return s
	}
	one, two := New(), New()
	items := map[int]*shop.Item{}
	for range 3000 {
		i := r.IntN(400)
		it := shelf(r, i)
		it.Brand, it.Attributes["colour"] = write(it.Brand), []string{write("Red"), write("green")}
		items[i] = it
		one.Put(it)
		if r.IntN(5) == 0 {
			one.Delete(it.ID)
			delete(items, i)
		}
	}
	for i := 400; i >= 0; i-- {
		if items[i] != nil {
			two.Put(items[i])
		}
	}
	keys := []string{"brand", "category", "colour", "size", "price"}
	var counter Counter
	if diff := gocmp.Diff(one.Facets(&counter, one.Live(), keys, nil), two.Facets(&counter, two.Live(), keys, nil)); diff != "" {
		t.Errorf("facets of two histories of the same items (-one +two):\n%s", diff)
	}
}

// BenchmarkFacet counts a facet of 50 values over results of several sizes.
func BenchmarkFacet(b *testing.B) {
	c, counter := warehouse(b), Counter{}
	for _, size := range []int{500, 5_000, 50_000, 500_000} {
		result := sample(c, size)
		b.Run(fmt.Sprintf("items=%d/result=%d", c.Count(), size), func(b *testing.B) {
			perLoop(b, func() { c.Facets(&counter, result, []string{"colour"}, nil) })
		})
	}
}

// BenchmarkFilter applies one filter to results of several sizes.
func BenchmarkFilter(b *testing.B) {
	c := warehouse(b)
	for _, text := range []string{`colour: "colour 3"`, `brand: "Brand 700"`, `price: 10..20`} {
		e, err := filter.Parse(text)
		if err != nil {
			b.Fatal(err)
		}
		for _, size := range []int{500, 5_000, 50_000, 500_000} {
			result := sample(c, size)
			var out Bits
			b.Run(fmt.Sprintf("%s/result=%d", strings.Fields(text)[0], size), func(b *testing.B) {
				perLoop(b, func() { out = c.Select(&e).Apply(result, out, "") })
			})
		}
	}
}

// BenchmarkPut changes items of a large catalogue.
func BenchmarkPut(b *testing.B) {
	c := warehouse(b)
	r := rand.New(rand.NewPCG(5, 6))
	items := make([]*shop.Item, 10_000)
	for i := range items {
		items[i] = shelf(r, r.IntN(c.Count()))
	}
	i := 0
	b.ReportAllocs()
	perLoop(b, func() {
		c.Put(items[i%len(items)])
		i++
	})
}

// perLoop runs f and reports its CPU time, which a busy machine disturbs less than the clock on the wall.
func perLoop(b *testing.B, f func()) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	meter := cost.Start()
	for b.Loop() {
		f()
	}
	b.ReportMetric(float64(meter.Stop().Nanoseconds())/1000/float64(b.N), "cpu-us/op")
}

func warehouse(b *testing.B) *Catalogue {
	n := 1_000_000
	if testing.Short() {
		n = 100_000
	}
	r := rand.New(rand.NewPCG(1, 2))
	c := New()
	for i := range n {
		c.Put(shelf(r, i))
	}
	m := c.Memory()
	b.Logf("%d bytes per item: %+v", m.Total()/n, m)
	return c
}

func sample(c *Catalogue, size int) Bits {
	r := rand.New(rand.NewPCG(7, 8))
	result := make(Bits, len(c.Live()))
	for range size {
		result.Set(Slot(r.IntN(c.Size())))
	}
	return result
}
