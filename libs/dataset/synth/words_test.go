package synth

import (
	"context"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/haggle-commerce/haggle/libs/shop"
)

func ExampleGenerate() {
	stats, err := Generate(context.Background(), Options{Seed: 1, Items: 400, Events: 1000, Days: 7},
		func(it shop.Item) error {
			if it.ID == "sku-100042" {
				fmt.Println(it.Title, "|", it.Titles["zh"], "|", it.Price, it.Currency)
			}
			return nil
		},
		func(e shop.Event) error {
			if e.ID == "g1-2" {
				fmt.Println(e.Shopper, e.Kind, e.Placement, len(e.Items))
			}
			return nil
		})
	fmt.Println(stats.Items, stats.Events, err)
	// Output:
	// Haldorhol Floral Fleece Women's Scarf, Pink | 哈尔多尔霍尔 碎花 抓绒女士围巾 粉色 | 14.99 EUR
	// v3 search search 0
	// 400 1000 <nil>
}

func TestVocabulary(t *testing.T) {
	v, err := parseWords(wordsFile)
	if err != nil {
		t.Fatal(err)
	}
	if len(v.departments) != 12 || len(v.categories) < 40 || len(v.kinds) < 250 {
		t.Errorf("%d departments, %d categories, %d types, want 12, 40 and 250", len(v.departments), len(v.categories), len(v.kinds))
	}
	chinese := func(what string, w word) {
		if w.en == "" || w.zh == "" {
			t.Errorf("%s %+v lacks a language", what, w)
		}
	}
	for _, d := range v.departments {
		chinese("department", d.word)
		for s, words := range d.styles {
			if len(words) != 2 {
				t.Errorf("%s has %d words for %s, want 2", d.en, len(words), styleNames[s])
			}
		}
	}
	for _, s := range v.sets {
		for _, value := range s.values {
			chinese("value", value)
		}
	}
	for i, k := range v.kinds {
		chinese("type", k.word)
		if k.price <= 0 || k.spread <= 0 || k.peak < 0 || k.peak > 12 || k.swing < 0 || k.swing > 1 {
			t.Errorf("type %+v has odd numbers", k)
		}
		for _, c := range k.companions {
			if c == i {
				t.Errorf("%s goes with itself", k.en)
			}
		}
	}
	c := newCatalogue(Options{Seed: 5}.withDefaults(), v)
	if len(c.brands) != 300 {
		t.Errorf("%d brands, want 300", len(c.brands))
	}
	for _, g := range c.categories {
		if len(g.brands) < 4 {
			t.Errorf("%s has %d brands, want 4 or more", g.en, len(g.brands))
		}
	}
}

func TestBadVocabulary(t *testing.T) {
	const head = "A|colour|colour|Red=红色\nD|Dep|部|1|0\nC|Cat|类\n"
	for text, says := range map[string]string{
		"X|y": `a line "X" has 2 fields`, "A|a|b": "has 3 fields", "D|Dep|部|x|0": "invalid syntax", head + "T|One|一|x|1|colour|0:0|0|": "invalid syntax",
		head + "T|One|一|1|1|size|0:0|0|": `no set of attributes is called "size"`, head + "T|One|一|1|1|colour|0:0|0|Two": `One goes with "Two", which is no type`,
	} {
		if _, err := parseWords(text); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("parseWords(%q) = %v, want %q", text, err, says)
		}
	}
}

func TestRandom(t *testing.T) {
	r := newRandom(1, 2)
	var sum, squares float64
	const n = 200000
	for range n {
		x := r.normal()
		sum += x
		squares += x * x
	}
	if mean, variance := sum/n, squares/n; math.Abs(mean) > 0.01 || math.Abs(variance-1) > 0.02 {
		t.Errorf("normal has mean %.4f and variance %.4f, want 0 and 1", mean, variance)
	}
	sum, squares = 0, 0
	for i := range uint64(n) {
		x := float64(noise(i%500, i/500))
		sum += x
		squares += x * x
	}
	if mean, variance := sum/n, squares/n; math.Abs(mean) > 0.01 || math.Abs(variance-1) > 0.02 {
		t.Errorf("noise has mean %.4f and variance %.4f, want 0 and 1", mean, variance)
	}
	counts := [3]int{}
	sums := running([]float32{1, 0, 3})
	for range 40000 {
		counts[r.pick(sums)]++
	}
	if counts[1] != 0 || math.Abs(float64(counts[0])/40000-0.25) > 0.02 {
		t.Errorf("pick of weights 1, 0, 3 gave %v, want a quarter, none and the rest", counts)
	}
	if got := r.pick(running([]float32{0, 0})); got != -1 {
		t.Errorf("pick of no weight = %d, want -1", got)
	}
}

func TestSlip(t *testing.T) {
	r := newRandom(1, 2)
	changed := 0
	for range 100 {
		got := slip(r, "red running shoes")
		if strings.Count(got, " ") != 2 || len(got) < 16 || len(got) > 18 {
			t.Fatalf("slip = %q, want one letter out of place", got)
		}
		if got != "red running shoes" {
			changed++
		}
	}
	if changed < 50 {
		t.Errorf("%d of 100 slips changed the text", changed)
	}
}

func TestCharm(t *testing.T) {
	for price, want := range map[float64]float64{0.1: 0.49, 4.6: 4.49, 4.8: 4.99, 18.2: 17.99, 131: 129.95, 904: 899} {
		if got := charm(price); got != want {
			t.Errorf("charm(%v) = %v, want %v", price, got, want)
		}
	}
}

func TestGini(t *testing.T) {
	// Of 0, 0, 0, 4: all for one of four is 1 - 1/4. Alike is 0.
	for _, tt := range []struct {
		counts []int32
		want   float64
	}{{[]int32{4, 0, 0, 0}, 0.75}, {[]int32{2, 2, 2}, 0}, {[]int32{0, 0}, 0}} {
		if got := gini(tt.counts); math.Abs(got-tt.want) > 1e-12 {
			t.Errorf("gini(%v) = %v, want %v", tt.counts, got, tt.want)
		}
	}
}
