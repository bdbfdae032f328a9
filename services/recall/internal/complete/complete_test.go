package complete

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/haggle-commerce/haggle/libs/shop"
)

var now = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func yes(string) bool { return true }

// TestOrderEqualsSortedSlice puts phrases in and takes them out and compares with a plain sorted slice of what each mark begins.
func TestOrderEqualsSortedSlice(t *testing.T) {
	type line struct {
		key string
		mark
	}
	rapid.Check(t, func(t *rapid.T) {
		b, kept := New(), map[string]uint32{}
		n := rapid.SampledFrom([]int{10, 3000}).Draw(t, "n")
		random := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		drops := 1 + random.IntN(2)
		for i := range n {
			// First more come, then more go, so that blocks are split and joined.
			if text := fmt.Sprint(random.IntN(900), " ", random.IntN(3)); random.IntN(3) < drops == (i > n/2) {
				if id, ok := kept[text]; ok {
					b.remove(id)
					delete(kept, text)
				}
			} else if _, ok := kept[text]; !ok {
				kept[text], _ = b.add(Title, text)
			}
		}
		prefix := fmt.Sprint(random.IntN(10))
		var all, got, want []line
		for text, id := range kept {
			for n, at := range beginnings(nil, text) {
				all = append(all, line{text[at:], markOf(id, n)})
			}
		}
		slices.SortFunc(all, func(x, y line) int { return cmp.Or(cmp.Compare(x.key, y.key), cmp.Compare(x.mark, y.mark)) })
		for _, m := range all {
			if strings.HasPrefix(m.key, prefix) {
				want = append(want, m)
			}
		}
		places := map[mark]uint64{}
		b.marks.each([]byte(prefix), func() float32 { return -1 }, func(m mark, place uint64) {
			got = append(got, line{string(b.shelf.key(m)), m})
			places[m] = place
		})
		slices.SortFunc(got, func(x, y line) int { return cmp.Compare(places[x.mark], places[y.mark]) })
		if b.marks.has([]byte(prefix)) != (len(want) > 0) {
			t.Fatalf("has(%q) = %v", prefix, len(want) == 0)
		}
		if !slices.Equal(got, want) {
			t.Fatalf("from %q come %v, want %v", prefix, got, want)
		}
	})
}

func TestComplete(t *testing.T) {
	b := New()
	for range 3 {
		b.add(Brand, "Acme")
	}
	b.add(Category, "Jackets")
	b.add(Category, "Trail Shoes")
	b.add(Title, "Acme Rain Jacket, red")
	b.add(Title, "红色跑步鞋 男款")
	b.add(Title, "Ｆｕｌｌ width")
	for asker := range uint64(5) {
		b.Ask("jacket for rain", asker, now)
		b.Ask("Jackson guitar", asker, now)
		b.Ask("Jackson guitar", asker, now)
	}
	b.Ask("jack only mine", 1, now)
	b.Ask("jack only mine", 1, now)
	b.Ask("jack only mine", 1, now)
	for asker := range uint64(5) {
		b.Ask("jane@example.org", asker, now)
		b.Ask("jan 0170 555 1234", asker, now)
	}
	for prefix, want := range map[string]string{
		"jack":       "Jackson guitar|jacket for rain|Jackets|Acme Rain Jacket, red",
		"JACK":       "Jackson guitar|jacket for rain|Jackets|Acme Rain Jacket, red",
		"ja":         "Jackson guitar|jacket for rain|Jackets|Acme Rain Jacket, red",
		"acme":       "Acme|Acme Rain Jacket, red",
		"acme r":     "Acme Rain Jacket, red",
		"sho":        "Trail Shoes",
		"红色":         "红色跑步鞋 男款",
		"跑步":         "红色跑步鞋 男款",
		"full":       "Ｆｕｌｌ width",
		"zzz":        "",
		"jakc":       "Jackson guitar|jacket for rain|Jackets|Acme Rain Jacket, red",
		"jqcke":      "jacket for rain|Jackets|Acme Rain Jacket, red",
		"jakcet for": "jacket for rain",
		"acmer":      "Acme|Acme Rain Jacket, red",
		"tril sh":    "Trail Shoes",
		"qack":       "",
		"jkac":       "Jackson guitar|jacket for rain|Jackets|Acme Rain Jacket, red",
		"":           "",
		"  ,":        "",
		"\xff\xfe!":  "",
	} {
		if got := strings.Join(b.Complete(prefix, 10, now, yes), "|"); got != want {
			t.Errorf("Complete(%q) = %q, want %q", prefix, got, want)
		}
	}
	if got := b.Complete("jack", 1, now, func(q string) bool { return q != "Jackson guitar" }); !slices.Equal(got, []string{"jacket for rain"}) {
		t.Errorf("Complete without the unusable query = %q", got)
	}
	later := now.Add(365 * 24 * time.Hour)
	for asker := range uint64(3) {
		b.Ask("jacket for rain", asker, later)
	}
	if got := b.Complete("jack", 1, later, yes); !slices.Equal(got, []string{"jacket for rain"}) {
		t.Errorf("a year later Complete = %q, want what is asked now", got)
	}
}

// TestBlocksThatArePassedOverHoldNothingBetter compares with all marks, looked at one by one.
func TestBlocksThatArePassedOverHoldNothingBetter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := New()
		random := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 2))
		word := func() string {
			return string([]byte{byte('a' + random.IntN(3)), byte('a' + random.IntN(26)), byte('a' + random.IntN(26))})
		}
		var ids []uint32
		for range rapid.IntRange(0, 1500).Draw(t, "phrases") {
			switch random.IntN(6) {
			case 0:
				b.Ask(word(), uint64(random.IntN(5)), now.Add(time.Duration(random.IntN(100))*24*time.Hour))
			case 1:
				if len(ids) > 0 {
					at := random.IntN(len(ids))
					b.remove(ids[at])
					ids = slices.Delete(ids, at, at+1)
				}
			default:
				if i, ok := b.add(Kind(1+random.IntN(3)), word()+" "+word()); ok {
					ids = append(ids, i)
				}
			}
		}
		for _, prefix := range []string{"a", "ab", "b", "c"} {
			f := finder{book: b, now: now.UnixMilli(), most: 20}
			f.look([]byte(prefix))
			var all []float32
			b.marks.each([]byte(prefix), func() float32 { return float32(math.Inf(-1)) }, func(m mark, _ uint64) {
				if p := &b.shelf.phrases[m.phrase()]; p.kind != Query || b.shelf.query(p).count >= minAskers {
					all = append(all, float32(b.shelf.score(p, now.UnixMilli(), m.beginning() == 0)))
				}
			})
			slices.SortFunc(all, func(x, y float32) int { return cmp.Compare(y, x) })
			var got []float32
			for _, s := range f.found {
				got = append(got, s.score)
			}
			if want := all[:min(len(all), 20)]; !slices.Equal(got, want) {
				t.Fatalf("the best for %q are worth %v, want %v", prefix, got, want)
			}
		}
	})
}

func TestPhrasesOfItemsComeAndGo(t *testing.T) {
	b := New()
	items := []*shop.Item{
		{Title: "Red shoe", Titles: map[string]string{"zh": "红鞋", "en": "Red shoe"}, Brand: "Acme", Categories: []string{"Shoes", "Running"}},
		{Title: "Red shoe", Brand: "Acme", Categories: []string{"Shoes"}},
		{Title: strings.Repeat("long title of many words ", 30)},
	}
	var ids [][]uint32
	for _, it := range items {
		ids = append(ids, b.addItem(it, nil))
	}
	if got := b.Complete("long", 5, now, yes); len(got) != 1 || len(got[0]) > MaxPhrase || strings.HasSuffix(got[0], " ") {
		t.Errorf("Complete(long) = %q", got)
	}
	remove := func(ids []uint32) {
		for _, i := range ids {
			b.remove(i)
		}
	}
	remove(ids[0])
	if got := strings.Join(b.Complete("r", 5, now, yes), "|"); got != "Red shoe" {
		t.Errorf("with one item left Complete(r) = %q", got)
	}
	remove(ids[1])
	remove(ids[2])
	if b.Len() != 0 || len(b.marks.blocks) != 0 {
		t.Errorf("%d phrases and %d blocks remain", b.Len(), len(b.marks.blocks))
	}
	if _, ok := b.add(Brand, " , "); ok {
		t.Error("a phrase of nothing was added")
	}
}

func TestQueriesAreBounded(t *testing.T) {
	b := New()
	for asker := range uint64(3) {
		b.Ask("kept", asker, now)
	}
	for i := range MaxQueries + 10 {
		b.Ask(fmt.Sprint("q", i), 1, now)
	}
	if b.Len() > MaxQueries {
		t.Errorf("%d queries are kept, at most %d", b.Len(), MaxQueries)
	}
	if got := b.Complete("kept", 5, now, yes); len(got) != 1 {
		t.Error("the query that was asked most gave way")
	}
}

func BenchmarkComplete(b *testing.B) {
	book := New()
	random := rand.New(rand.NewPCG(1, 2))
	word := func() string {
		letters := make([]byte, 3+random.IntN(6))
		for i := range letters {
			letters[i] = byte('a' + random.IntN(26))
		}
		return string(letters)
	}
	for range 20_000 {
		book.add(Title, word()+" "+word()+" "+word()+" "+word())
	}
	for _, prefix := range []string{"a", "ab", "abc"} {
		b.Run("items=20000/prefix="+prefix, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				book.Complete(prefix, 10, now, yes)
			}
		})
	}
}
