package feature

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/haggle-commerce/haggle/libs/cost"
	"github.com/haggle-commerce/haggle/libs/shop"
	"pgregory.net/rapid"
)

// lists is a small [Neighbours]: items are numbered by their place in ids.
type lists struct {
	ids   map[shop.ItemID]uint32
	items [][]uint32
	score [][]float32
}

func (l *lists) Lookup(id shop.ItemID) (uint32, bool) {
	index, ok := l.ids[id]
	return index, ok
}

func (l *lists) Neighbours(index uint32) ([]uint32, []float32) {
	return l.items[index], l.score[index]
}

// smallShop is three jackets, two lamps and a thing nobody knows anything of.
func smallShop() *Catalogue {
	var c Catalogue
	for _, item := range []shop.Item{
		{ID: "j1", Title: "Red rain jacket", Brand: "Acme", Categories: []string{"Clothing", "Outdoor", "Jackets"}, Price: 100, CreatedAt: noon.Add(-30 * 24 * time.Hour)},
		{ID: "j2", Title: "Blue rain jacket", Brand: "Acme", Categories: []string{"Clothing", "Outdoor", "Jackets"}, Price: 120},
		{ID: "j3", Title: "Down jackets for winter", Brand: "Bolt", Categories: []string{"Clothing", "Outdoor", "Jackets"}, Price: 400, Attributes: map[string][]string{"colour": {"red"}}},
		{ID: "l1", Title: "Desk lamp", Brand: "Lumen", Categories: []string{"Home", "Lamps"}, Price: 40},
		{ID: "l2", Title: "Floor lamp 台灯", Brand: "ACME ", Categories: []string{"Home", "Lamps"}, Price: 90, Availability: shop.OutOfStock},
		{ID: "bare", Title: "?"},
	} {
		c.Put(NewFacts(&item))
	}
	return &c
}

var everyItem = []shop.ItemID{"j1", "j2", "j3", "l1", "l2", "bare", "gone"}

// vectorsOf asks the question of the small shop and returns each item's features by name.
func vectorsOf(q Question, rows []ItemRow) map[shop.ItemID]map[string]float32 {
	c := smallShop()
	x := NewExtractor(c)
	var a Asker
	x.Ask(&a, q)
	if rows == nil {
		rows = make([]ItemRow, len(everyItem))
	}
	vectors := x.Rows(nil, &a, c.Lookup(nil, everyItem), rows)
	found := map[shop.ItemID]map[string]float32{}
	for i, id := range everyItem {
		found[id] = map[string]float32{}
		for k, name := range Names() {
			found[id][name] = vectors[i*Vector+k]
		}
	}
	return found
}

func event(kind shop.EventKind, at time.Time, ids ...shop.ItemID) *shop.Event {
	e := &shop.Event{Kind: kind, Time: at}
	for i, id := range ids {
		e.Items = append(e.Items, shop.EventItem{ID: id, Index: i})
	}
	return e
}

func near(a, b float32) bool {
	return math.Abs(float64(a-b)) <= 1e-4*max(1, math.Abs(float64(b)))
}

// expect compares some features of one item.
func expect(t *testing.T, id shop.ItemID, got, want map[string]float32) {
	t.Helper()
	for name, value := range want {
		if have, ok := got[name]; !ok || !near(have, value) {
			t.Errorf("%s: %s = %v, want %v", id, name, have, value)
		}
	}
}

func TestRowFeatures(t *testing.T) {
	rows := make([]ItemRow, len(everyItem))
	rows[0].Apply(shop.Purchase, noon, 3)
	rows[0].Apply(shop.Purchase, noon.Add(-4*24*time.Hour), 4)
	rows[0].Apply(shop.ViewItem, noon.Add(-28*24*time.Hour), 10)
	rows[0].Apply(shop.ViewItemList, noon, 40)
	rows[0].Apply(shop.SelectItem, noon, 2)
	found := vectorsOf(Question{Now: noon}, rows)
	expect(t, "j1", found["j1"], map[string]float32{
		"bought_total": float32(math.Log1p(7)),
		"bought_days":  float32(math.Log1p(3 + 4*0.25)), // 4 days are two half-lives
		// The Wednesday of the test is in the week after the Saturday four days before: weeks begin on Thursdays (1970-01-01).
		"bought_month":   float32(math.Log1p(3 + 4)),
		"interest_total": float32(math.Log1p(12)),
		"interest_days":  float32(math.Log1p(2)),
		"interest_month": float32(math.Log1p(2 + 10*0.5)), // 4 weeks are one half-life
		"shown_total":    float32(math.Log1p(40)),
		"click_rate":     3.0 / 60,
		"cart_rate":      0.5 / 17,
		"buy_rate":       7.25 / 17,
	})
	expect(t, "j2", found["j2"], map[string]float32{"bought_total": 0, "click_rate": 0.05, "cart_rate": 0.1, "buy_rate": 0.05})
	later := vectorsOf(Question{Now: noon.Add(400 * 24 * time.Hour)}, rows)
	expect(t, "j1", later["j1"], map[string]float32{"bought_total": float32(math.Log1p(7)), "bought_days": 0, "interest_days": 0})
	if got := later["j1"]["interest_month"]; got > 1e-3 {
		t.Errorf("after 400 days interest_month = %v, want almost nothing", got)
	}
}

func TestShopperFeatures(t *testing.T) {
	var shopper ShopperRow
	shopper.Apply(event(shop.Purchase, noon.Add(-40*24*time.Hour), "j1"))
	shopper.Apply(event(shop.Purchase, noon.Add(-20*24*time.Hour), "j1"))
	shopper.Apply(event(shop.ViewItem, noon, "l1"))
	found := vectorsOf(Question{Shopper: &shopper, Now: noon}, nil)
	// Interest in j1: ln(1 + 6*2) / (1 + 20/30) = 1.5390; in l1: ln 2 = 0.6931; in all 2.2321.
	jacket, lamp := float32(1.5390/2.2321), float32(0.6931/2.2321)
	expect(t, "j1", found["j1"], map[string]float32{
		"own_bought": float32(math.Log1p(2)), "own_rate": 2.0 / 3, "own_recency": 1.0 / 21, "own_due": 1, "own_interest": 0,
		"brand_affinity": jacket, "category_broad": jacket, "category_narrow": jacket, "newness": 0.5, "history_size": float32(math.Log1p(2)),
		"recent_category": recentWeight / 2, "recent_brand": recentWeight / 2,
	})
	expect(t, "j2", found["j2"], map[string]float32{"own_bought": 0, "own_recency": 0, "brand_affinity": jacket, "category_middle": jacket, "newness": 0})
	expect(t, "l1", found["l1"], map[string]float32{"own_interest": float32(math.Log1p(1)), "own_recency": 1, "own_bought": 0, "own_due": 0, "brand_affinity": lamp, "recent_category": recentWeight})
	// A brand is the same in any case and with spaces about it.
	expect(t, "l2", found["l2"], map[string]float32{"brand_affinity": jacket, "category_narrow": lamp})
	for _, id := range []shop.ItemID{"bare", "gone"} {
		expect(t, id, found[id], map[string]float32{"brand_affinity": 0, "category_narrow": 0, "own_interest": 0, "history_size": float32(math.Log1p(2)), "recent_category": 0})
	}
	if gap := found["j3"]["price_gap"]; gap < found["j1"]["price_gap"] {
		t.Errorf("the dear jacket has price_gap %v, the cheap one that was bought %v", gap, found["j1"]["price_gap"])
	}
	for name, value := range vectorsOf(Question{Now: noon}, nil)["j1"] {
		if strings.HasPrefix(name, "own_") && value != 0 {
			t.Errorf("without a shopper %s = %v, want 0", name, value)
		}
	}
}

func TestLeaningFeatures(t *testing.T) {
	var c Catalogue
	for _, item := range []shop.Item{
		{ID: "a", Title: "mug", Attributes: map[string][]string{"colour": {"Red"}, "size": {"L"}}},
		{ID: "b", Title: "mug", Attributes: map[string][]string{"colour": {"red"}}},
		{ID: "c", Title: "mug", Attributes: map[string][]string{"colour": {"blue"}, "grip": {"left"}}},
		{ID: "d", Title: "jug"},
	} {
		c.Put(NewFacts(&item))
	}
	var shopper ShopperRow
	shopper.Apply(event(shop.ViewItem, noon, "a"))
	x, a := NewExtractor(&c), Asker{}
	x.Ask(&a, Question{Shopper: &shopper, Now: noon})
	vectors := x.Rows(nil, &a, c.Lookup(nil, []shop.ItemID{"a", "b", "c", "d"}), make([]ItemRow, 4))
	// The interest in one view is ln 2 = 0.6931: all of it, over half a thing more, is 0.5809. Blue is of a known key, the grip is not.
	for i, want := range []float32{0.5809, 0.5809, 0, 0} {
		if got := vectors[i*Vector+attributeAffinity]; !near(got, want) {
			t.Errorf("item %d: attribute_affinity = %v, want %v", i, got, want)
		}
	}
	// Of the words of a, b has "mug" (in 3 of 4 items) and "red" (in 2), each with the whole interest: their mean idf.
	mug, red := float32(math.Log1p(1.5/3.5)), float32(math.Ln2)
	for i, want := range []float32{0, (mug + red) / 2, mug / 3, 0} {
		if got := vectors[i*Vector+wordAffinity]; i > 0 && !near(got, want) {
			t.Errorf("item %d: word_affinity = %v, want %v", i, got, want)
		}
	}
}

func TestContextFeatures(t *testing.T) {
	found := vectorsOf(Question{Context: []shop.ItemID{"j1", "gone", "l1"}, Now: noon}, nil)
	expect(t, "j2", found["j2"], map[string]float32{"context_category": 1, "context_brand": 0.5, "context_text": 2.0 / 4})
	expect(t, "j3", found["j3"], map[string]float32{"context_category": 1, "context_brand": 0, "context_text": 1.0 / 6})
	expect(t, "l2", found["l2"], map[string]float32{"context_category": 1, "context_brand": 0.5})
	expect(t, "bare", found["bare"], map[string]float32{"context_category": 0, "context_brand": 0, "context_text": 0})
}

func TestTextFeatures(t *testing.T) {
	found := vectorsOf(Question{Query: "Red JACKET red", Now: noon}, nil)
	if a, b := found["j1"], found["j2"]; a["text_coverage"] != 1 || b["text_coverage"] <= 0 || b["text_coverage"] >= 1 || a["text_title"] <= b["text_title"] {
		t.Errorf("red jacket: j1 covers %v with %v, j2 %v with %v", a["text_coverage"], a["text_title"], b["text_coverage"], b["text_title"])
	}
	// "jackets" has the stem of "jacket"; "red" is an attribute of the third jacket.
	expect(t, "j3", found["j3"], map[string]float32{"text_coverage": 1})
	if found["j3"]["text_other"] <= 0 {
		t.Errorf("j3: text_other = %v, want the colour to count", found["j3"]["text_other"])
	}
	expect(t, "l1", found["l1"], map[string]float32{"text_coverage": 0, "text_title": 0, "text_other": 0})
	chinese := vectorsOf(Question{Query: "台灯", Now: noon}, nil)
	expect(t, "l2", chinese["l2"], map[string]float32{"text_coverage": 1})
}

func TestNeighbourFeatures(t *testing.T) {
	l := &lists{
		ids:   map[shop.ItemID]uint32{"j1": 0, "j2": 1, "l1": 2},
		items: [][]uint32{{1, 2}, {0}, {0}},
		score: [][]float32{{0.5, 0.25}, {0.5}, {0.125}},
	}
	var shopper ShopperRow
	shopper.Apply(event(shop.ViewItem, noon, "j1"))
	found := vectorsOf(Question{Shopper: &shopper, Context: []shop.ItemID{"j2", "l1"}, Neighbours: l, Now: noon}, nil)
	ln2 := float32(math.Ln2)
	expect(t, "j2", found["j2"], map[string]float32{"near_history": 0.5 * ln2, "near_best": 0.5, "near_recent": 0.5, "near_context": 0})
	expect(t, "l1", found["l1"], map[string]float32{"near_history": 0.25 * ln2, "near_best": 0.25})
	expect(t, "j1", found["j1"], map[string]float32{"near_history": 0, "near_context": 0.625})
	expect(t, "gone", found["gone"], map[string]float32{"near_history": 0, "near_context": 0})

	c := smallShop()
	x, a := NewExtractor(c), Asker{}
	x.Ask(&a, Question{Context: []shop.ItemID{"j2"}, Neighbours: l, Now: noon})
	twice := x.Rows(nil, &a, c.Lookup(nil, []shop.ItemID{"j1", "j2", "j1"}), make([]ItemRow, 3))
	if twice[nearContext] != 0.5 || twice[2*Vector+nearContext] != 0.5 {
		t.Errorf("a candidate named twice has near_context %v and %v, want 0.5 both times", twice[nearContext], twice[2*Vector+nearContext])
	}
}

func TestVectorIsGolden(t *testing.T) {
	rows := make([]ItemRow, len(everyItem))
	rows[1].Apply(shop.ViewItem, noon.Add(-time.Hour), 7)
	var shopper ShopperRow
	shopper.Apply(event(shop.Purchase, noon.Add(-9*24*time.Hour), "j2", "l1"))
	found := vectorsOf(Question{Shopper: &shopper, Context: []shop.ItemID{"j3"}, Query: "rain jacket", Now: noon}, rows)
	var b strings.Builder
	for _, name := range Names() {
		fmt.Fprintf(&b, "%-17s", name)
		for _, id := range everyItem {
			fmt.Fprintf(&b, " %8.4f", found[id][name])
		}
		b.WriteString("\n")
	}
	path := filepath.Join("testdata", "vector.golden")
	if *update {
		if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), b.String()); diff != "" {
		t.Errorf("vectors (-want +got):\n%s", diff)
	}
}

func TestNamesAreDistinct(t *testing.T) {
	names := Names()
	slices.Sort(names)
	if len(names) != Vector || len(slices.Compact(names)) != Vector || names[0] == "" {
		t.Errorf("Names() = %q", Names())
	}
}

// world is a random shop for properties and benchmarks.
type world struct {
	catalogue *Catalogue
	ids       []shop.ItemID
	rows      []ItemRow
	lists     *lists
	shopper   ShopperRow
}

func newWorld(items, history int, seed uint64) *world {
	random := rand.New(rand.NewPCG(seed, 7))
	w := &world{catalogue: &Catalogue{}, rows: make([]ItemRow, items), lists: &lists{ids: map[shop.ItemID]uint32{}}}
	words := strings.Fields("red blue green rain winter summer light heavy jacket shoe lamp desk table chair phone case cable bottle bag hat")
	for i := range items {
		id := shop.ItemID(fmt.Sprintf("item-%05d", i))
		var title []string
		for range 3 + random.IntN(6) {
			title = append(title, words[random.IntN(len(words))])
		}
		broad := random.IntN(8)
		w.catalogue.Put(NewFacts(&shop.Item{
			ID: id, Title: strings.Join(title, " "), Brand: fmt.Sprint("brand", random.IntN(50)), Price: 1 + 500*random.Float64(),
			Categories: []string{fmt.Sprint("c", broad), fmt.Sprint("d", broad, random.IntN(5)), fmt.Sprint("e", broad, random.IntN(9))},
			CreatedAt:  noon.Add(-time.Duration(random.IntN(1000)) * time.Hour),
			Attributes: map[string][]string{"colour": {words[random.IntN(3)]}, "season": {words[3+random.IntN(3)]}},
		}))
		w.ids = append(w.ids, id)
		w.lists.ids[id] = uint32(i)
		var to []uint32
		var score []float32
		for range 50 {
			to, score = append(to, uint32(random.IntN(items))), append(score, random.Float32())
		}
		w.lists.items, w.lists.score = append(w.lists.items, to), append(w.lists.score, score)
		for range random.IntN(20) {
			w.rows[i].Apply(shop.EventKinds[random.IntN(len(shop.EventKinds))], noon.Add(-time.Duration(random.IntN(60*24))*time.Hour), 1+random.IntN(5))
		}
	}
	for i := range history {
		w.shopper.Apply(event(shop.ViewItem, noon.Add(-time.Duration(i)*time.Hour), w.ids[random.IntN(items)]))
	}
	return w
}

func TestEveryFeatureIsFinite(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(30, rapid.IntRange(0, 20).Draw(t, "history"), rapid.Uint64().Draw(t, "seed"))
		at := noon.Add(time.Duration(rapid.Int64Range(-400, 4000).Draw(t, "days")) * 24 * time.Hour)
		x, a := NewExtractor(w.catalogue), Asker{}
		for range 2 {
			x.Ask(&a, Question{
				Shopper: &w.shopper, Context: w.ids[:rapid.IntRange(0, 5).Draw(t, "context")], Neighbours: w.lists, Now: at,
				Query: rapid.StringOf(rapid.RuneFrom([]rune("red jacket 鞋ß.'\x00"))).Draw(t, "query"),
			})
			for i, v := range x.Rows(nil, &a, w.catalogue.Lookup(nil, w.ids), w.rows) {
				if math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) {
					t.Fatalf("%s of item %d is %v", names[i%Vector], i/Vector, v)
				}
			}
		}
	})
}

// TestCandidatesDoNotTouchOneAnother checks that the vector of an item is the same alone and in company.
func TestCandidatesDoNotTouchOneAnother(t *testing.T) {
	w := newWorld(60, 20, 3)
	x, a := NewExtractor(w.catalogue), Asker{}
	x.Ask(&a, Question{Shopper: &w.shopper, Context: w.ids[:3], Query: "red shoe", Neighbours: w.lists, Now: noon})
	facts := w.catalogue.Lookup(nil, w.ids)
	all := x.Rows(nil, &a, facts, w.rows)
	for i := range facts {
		alone := x.Rows(nil, &a, facts[i:i+1], w.rows[i:i+1])
		if !slices.Equal(alone, all[i*Vector:(i+1)*Vector]) {
			t.Fatalf("item %d alone is %v, in company %v", i, alone, all[i*Vector:(i+1)*Vector])
		}
	}
}

func TestLogOnePlus(t *testing.T) {
	for _, x := range []float32{0, 1e-6, 0.1, 0.3, 0.41421356, 0.5, 1, 2, 3, 7, 1000, 1e9, math.MaxUint32} {
		if got, want := logOnePlus(x), float32(math.Log1p(float64(x))); math.Abs(float64(got-want)) > 1e-6*max(1, float64(want)) {
			t.Errorf("logOnePlus(%v) = %v, want %v", x, got, want)
		}
	}
}

func TestTableIsAMap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var got table[int32]
		for range 2 {
			keys := rapid.SliceOfN(rapid.Uint64Range(0, 200), 0, 100).Draw(t, "keys")
			got.reset(len(keys))
			want := map[uint64]int32{}
			for _, key := range keys {
				*got.value(key)++
				want[max(key, 1)]++
			}
			for key := range uint64(202) {
				value, ok := got.find(key)
				if wanted, there := want[max(key, 1)]; ok != there || value != wanted {
					t.Fatalf("find(%d) = %d, %v, want %d, %v", key, value, ok, wanted, there)
				}
			}
		}
	})
}

func TestCatalogueForgetsWhatItDeletes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var grown, fresh Catalogue
		last := map[shop.ItemID]*Facts{}
		for range rapid.IntRange(0, 30).Draw(t, "steps") {
			id := shop.ItemID(rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "id"))
			if rapid.Bool().Draw(t, "delete") {
				grown.Delete(id)
				delete(last, id)
				continue
			}
			last[id] = NewFacts(&shop.Item{
				ID: id, Title: rapid.SampledFrom([]string{"red hat", "blue hat", "red shoe"}).Draw(t, "title"),
				Price: rapid.Float64Range(0, 1000).Draw(t, "price"), Categories: []string{rapid.SampledFrom([]string{"x", "y"}).Draw(t, "category")},
			})
			grown.Put(last[id])
		}
		for _, facts := range last {
			fresh.Put(facts)
		}
		if grown.Len() != len(last) || grown.titleTerms != fresh.titleTerms {
			t.Fatalf("Len = %d, title terms %d, want %d and %d", grown.Len(), grown.titleTerms, len(last), fresh.titleTerms)
		}
		if len(last) > 0 && (!cmp.Equal(grown.documents, fresh.documents) || !cmp.Equal(grown.prices, fresh.prices, cmp.AllowUnexported(priceSum{}))) {
			t.Fatalf("counts %v, %v differ from those of a fresh catalogue, %v, %v", grown.documents, grown.prices, fresh.documents, fresh.prices)
		}
	})
}

func TestCatalogueIsSafeForConcurrentUse(t *testing.T) {
	w := newWorld(200, 10, 5)
	x := NewExtractor(w.catalogue)
	var wait sync.WaitGroup
	for range 4 {
		wait.Go(func() {
			var a Asker
			for range 20 {
				x.Ask(&a, Question{Shopper: &w.shopper, Query: "red", Neighbours: w.lists, Now: noon})
				x.Rows(nil, &a, w.catalogue.Lookup(nil, w.ids), w.rows)
			}
		})
	}
	wait.Go(func() {
		for i := range 400 {
			if i%3 == 0 {
				w.catalogue.Delete(w.ids[i%200])
			} else {
				w.catalogue.Put(NewFacts(&shop.Item{ID: w.ids[i%200], Title: "red hat", Price: 3}))
			}
		}
	})
	wait.Wait()
}

func TestExtractorCostsNoMemory(t *testing.T) {
	w := newWorld(500, 60, 1)
	x, a := NewExtractor(w.catalogue), Asker{}
	facts := w.catalogue.Lookup(nil, w.ids[:100])
	var dst []float32
	work := func() {
		x.Ask(&a, Question{Shopper: &w.shopper, Context: w.ids[:3], Query: "Red Rain jackets", Neighbours: w.lists, Now: noon})
		facts = w.catalogue.Lookup(facts[:0], w.ids[:100])
		dst = x.Rows(dst[:0], &a, facts, w.rows[:100])
	}
	work()
	if n := testing.AllocsPerRun(50, work); n != 0 {
		t.Errorf("one query allocates %v times, want 0", n)
	}
}

// BenchmarkExtractor makes the vectors of 100 candidates out of 20,000 items, for a shopper with a history of some length.
func BenchmarkExtractor(b *testing.B) {
	for _, history := range []int{0, 20, MaxHistory} {
		b.Run(fmt.Sprint("history=", history), func(b *testing.B) {
			w := newWorld(20_000, history, 1)
			x, a := NewExtractor(w.catalogue), Asker{}
			var facts []*Facts
			var dst []float32
			at := 0
			b.ReportAllocs()
			// On a machine with other work the time of the clock says little.
			meter := cost.Start()
			for b.Loop() {
				at = (at + 100) % len(w.ids)
				x.Ask(&a, Question{Shopper: &w.shopper, Context: w.ids[at : at+1], Query: "red rain jacket", Neighbours: w.lists, Now: noon})
				facts = w.catalogue.Lookup(facts[:0], w.ids[at:at+100])
				dst = x.Rows(dst[:0], &a, facts, w.rows[at:at+100])
			}
			b.ReportMetric(float64(meter.Stop())/float64(b.N), "cpu-ns/op")
		})
	}
}
