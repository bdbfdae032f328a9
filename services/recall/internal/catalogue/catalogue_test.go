package catalogue

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/haggle-commerce/haggle/libs/shop"
	"github.com/haggle-commerce/haggle/services/recall/internal/filter"
)

// items draws an item with few enough values that they coincide.
func items(t *rapid.T) *shop.Item {
	it := &shop.Item{
		ID:    shop.ItemID(fmt.Sprint("i", rapid.IntRange(0, 90).Draw(t, "id"))),
		Brand: rapid.SampledFrom([]string{"", "Acme", "Globex", "acme"}).Draw(t, "brand"),
		Price: rapid.SampledFrom([]float64{0, 0.5, 5, 10, 19.99, 20, 75, 900}).Draw(t, "price"),
		Categories: rapid.SampledFrom([][]string{
			nil,
			{"Clothing"},
			{"Clothing", "Shoes"},
			{"Outdoor", "Shoes"},
			{"Outdoor", "Tents", "Small"},
		}).Draw(t, "categories"),
		Availability: rapid.SampledFrom([]shop.Availability{"", shop.InStock, shop.OutOfStock, shop.Preorder}).Draw(t, "availability"),
		Attributes:   map[string][]string{},
	}
	if colours := rapid.SliceOfN(rapid.SampledFrom([]string{"red", "Red", "blue", "green"}), 0, 3).Draw(t, "colours"); len(colours) > 0 {
		it.Attributes["Colour"] = colours
	}
	if size := rapid.SampledFrom([]string{"", "9", "10.5", "XL"}).Draw(t, "size"); size != "" {
		it.Attributes["size"] = []string{size}
	}
	if days := rapid.IntRange(0, 3).Draw(t, "days"); days > 0 {
		it.CreatedAt = time.Unix(int64(days)*86400, 0)
	}
	return it
}

// expressions draws a filter over the values that items draws.
func expressions(t *rapid.T, depth int) string {
	if depth < 3 && rapid.IntRange(0, 2).Draw(t, "nest") == 0 {
		a, b := expressions(t, depth+1), expressions(t, depth+1)
		return rapid.SampledFrom([]string{
			"(" + a + ") AND (" + b + ")", "(" + a + ") OR (" + b + ")", "NOT (" + a + ")",
			a + " AND " + b,
		}).Draw(t, "join")
	}
	return rapid.SampledFrom([]string{
		`available`, `brand = "ACME"`, `brand: ANY("acme","globex")`, `brand: ANY("nobody")`, `category: "shoes"`, `category: "Outdoor > Shoes"`,
		`category: ANY("Outdoor","Clothing")`, `price:10..20`, `price <= 19.99`, `price > 5`, `price: IN(5e, 20i)`, `price != 20`,
		`colour: "red"`, `attributes.colour: ANY("blue","green")`, `size >= 10`, `size: "XL"`, `weight > 3`, `availability: "preorder"`,
		`created_at >= "1970-01-03"`, `id: ANY("i3","i4","zzz")`,
	}).Draw(t, "predicate")
}

// passes is the naive reference of a filter: it looks at the item itself.
func passes(n *filter.Node, it *shop.Item) bool {
	in := func(x float64) bool {
		return (x > n.Low || (x == n.Low && !n.LowOut)) && (x < n.High || (x == n.High && !n.HighOut))
	}
	switch n.Op {
	case filter.And:
		return !slices.ContainsFunc(n.Children, func(c filter.Node) bool { return !passes(&c, it) })
	case filter.Or:
		return slices.ContainsFunc(n.Children, func(c filter.Node) bool { return passes(&c, it) })
	case filter.Not:
		return !passes(&n.Children[0], it)
	case filter.Available:
		return it.Buyable()
	case filter.Range:
		switch n.Key {
		case "price":
			return it.Price > 0 && in(it.Price)
		case "created_at":
			return !it.CreatedAt.IsZero() && in(float64(it.CreatedAt.Unix()))
		}
		return slices.ContainsFunc(textsOf(it, n.Key), func(text string) bool {
			var x float64
			_, err := fmt.Sscanf(text, "%g", &x)
			return err == nil && in(x)
		})
	}
	texts := textsOf(it, n.Key)
	if n.Key == "category" {
		texts = append(texts, it.Categories...)
	}
	return slices.ContainsFunc(n.Values, func(want string) bool {
		return slices.ContainsFunc(texts, func(text string) bool { return strings.EqualFold(text, want) })
	})
}

// textsOf lists the values that an item has for a key.
func textsOf(it *shop.Item, key string) []string {
	switch key {
	case "id":
		return []string{string(it.ID)}
	case "brand":
		if it.Brand == "" {
			return nil
		}
		return []string{it.Brand}
	case "availability":
		return []string{cmp.Or(string(it.Availability), "in_stock")}
	case "category":
		var paths []string
		for i := range it.Categories {
			paths = append(paths, strings.Join(it.Categories[:i+1], " > "))
		}
		return paths
	}
	for name, texts := range it.Attributes {
		if strings.EqualFold(name, key) {
			return texts
		}
	}
	return nil
}

// build draws a history of puts and deletes, and returns the catalogue beside a plain map of what should be in it.
func build(t *rapid.T) (*Catalogue, map[shop.ItemID]*shop.Item) {
	c, want := New(), map[shop.ItemID]*shop.Item{}
	for range rapid.IntRange(0, 120).Draw(t, "changes") {
		it := items(t)
		if rapid.IntRange(0, 4).Draw(t, "delete") == 0 {
			_, was := c.Delete(it.ID)
			if _, ok := want[it.ID]; ok != was {
				t.Fatalf("Delete(%s) = %v, want %v", it.ID, was, ok)
			}
			delete(want, it.ID)
			continue
		}
		c.Put(it)
		want[it.ID] = it
	}
	if c.Count() != len(want) || c.Live().Count() != len(want) {
		t.Fatalf("Count() = %d, Live has %d, want %d", c.Count(), c.Live().Count(), len(want))
	}
	return c, want
}

func TestSelectEqualsNaive(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c, want := build(t)
		text := expressions(t, 0)
		e, err := filter.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		sel := c.Select(&e)
		got := map[shop.ItemID]bool{}
		for s := range sel.Apply(c.Live(), nil, "").All {
			got[c.ID(s)] = true
		}
		for id, it := range want {
			if got[id] != passes(&e, it) {
				t.Fatalf("%s on %+v: got %v", text, it, got[id])
			}
			if s, _ := c.Find(id); sel.Holds(s) != got[id] {
				t.Fatalf("%s: Holds(%s) = %v, Apply says %v", text, id, sel.Holds(s), got[id])
			}
			delete(got, id)
		}
		if len(got) > 0 {
			t.Fatalf("%s: selects %v, which are gone", text, slices.Collect(maps.Keys(got)))
		}
	})
}

// TestFacetsEqualNaive counts each key over the items that pass the filter with the conditions on that key alone left out.
func TestFacetsEqualNaive(t *testing.T) {
	keys := []string{"brand", "category", "Colour", "size", "availability", "weight", "price"}
	rapid.Check(t, func(t *rapid.T) {
		c, want := build(t)
		text := expressions(t, 0)
		e, err := filter.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		sel := c.Select(&e)
		var counter Counter
		for _, key := range keys {
			folded := FoldKey(key)
			result := sel.Apply(c.Live(), nil, folded)
			facet := c.Facets(&counter, result, []string{key}, nil)[0]
			got := map[string]uint32{}
			for i, v := range facet.Values {
				got[strings.ToLower(v)] = facet.Counts[i]
			}
			counts := map[string]uint32{}
			for _, it := range want {
				if !passesExcept(&e, folded, it) {
					continue
				}
				if folded == "price" {
					for _, span := range facet.Values {
						if range_, err := filter.Parse("price:" + span); err != nil {
							t.Fatalf("the facet value %q is no filter: %v", span, err)
						} else if passes(&range_, it) {
							counts[span]++
						}
					}
					continue
				}
				seen := map[string]bool{}
				for _, text := range textsOf(it, folded) {
					if text = strings.ToLower(text); !seen[text] {
						seen[text] = true
						counts[text]++
					}
				}
			}
			if diff := gocmp.Diff(counts, got, cmpopts.EquateEmpty()); diff != "" {
				t.Fatalf("facet %s under %s (-want +got):\n%s", key, text, diff)
			}
			if !slices.IsSortedFunc(facet.Counts, func(a, b uint32) int { return cmp.Compare(b, a) }) && folded != "price" {
				t.Fatalf("facet %s is not ordered by count: %v", key, facet.Counts)
			}
		}
	})
}

func passesExcept(e *filter.Node, key string, it *shop.Item) bool {
	for _, part := range e.Conjuncts() {
		if only, ok := part.OnlyKey(); ok && only == key {
			continue
		}
		if !passes(&part, it) {
			return false
		}
	}
	return true
}

func TestPriceRangesCoverEveryPrice(t *testing.T) {
	c := New()
	for i := range 2000 {
		c.Put(&shop.Item{ID: shop.ItemID(fmt.Sprint(i)), Price: math.Exp(float64(i) / 80)})
	}
	var counter Counter
	facet := c.Facets(&counter, c.Live(), []string{"price"}, nil)[0]
	sum := uint32(0)
	for _, n := range facet.Counts {
		sum += n
	}
	if sum != 2000 || len(facet.Values) > maxPriceRanges {
		t.Errorf("ranges %v count %v: %d prices in %d ranges", facet.Values, facet.Counts, sum, len(facet.Values))
	}
}

func TestValuesThatNobodyHasAreForgotten(t *testing.T) {
	c := New()
	for i := range 1000 {
		c.Put(&shop.Item{ID: "one", Attributes: map[string][]string{fmt.Sprint("k", i): {fmt.Sprint("v", i)}}})
	}
	if d := &c.dictionary; len(d.byName) > 3 || len(d.values)-len(d.freeValues) > 3 || len(d.texts) > 8 || len(d.groups) > 8 {
		t.Errorf("%d keys, %d values, %d texts and %d groups after 1000 changes of one item", len(d.byName), len(d.values), len(d.texts), len(d.groups))
	}
}

func TestAttributesCannotPoseAsFields(t *testing.T) {
	c := New()
	c.Put(&shop.Item{ID: "a", Brand: "Acme", Attributes: map[string][]string{"Brand": {"Fake"}, "\x00level": {"Shoes"}, "price": {"1"}}})
	for _, text := range []string{`brand: "Fake"`, `category: "Shoes"`, `price: 1`} {
		e, err := filter.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		if n := c.Select(&e).Apply(c.Live(), nil, "").Count(); n != 0 {
			t.Errorf("%s matches %d items", text, n)
		}
	}
}

func TestSameKind(t *testing.T) {
	c := New()
	a := c.Put(&shop.Item{ID: "a", Brand: "Acme", Categories: []string{"X", "Y"}})
	b := c.Put(&shop.Item{ID: "b", Brand: "Acme", Categories: []string{"X", "Y"}})
	d := c.Put(&shop.Item{ID: "d", Brand: "Other", Categories: []string{"X"}})
	if got := c.SameKind(a, b); got != 1 {
		t.Errorf("SameKind of twins = %v, want 1", got)
	}
	if near, far := c.SameKind(a, b), c.SameKind(a, d); far >= near || far <= 0 {
		t.Errorf("SameKind of a cousin = %v, of a twin %v", far, near)
	}
}

func TestIDsAreNotKeptAliveByTheirMessage(t *testing.T) {
	c := New()
	s := c.Intern("x")
	if again := c.Intern("x"); again != s || c.Size() != 1 || c.Count() != 0 {
		t.Errorf("Intern twice = %d, %d; size %d, count %d", s, again, c.Size(), c.Count())
	}
}
