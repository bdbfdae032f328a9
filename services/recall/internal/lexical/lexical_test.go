package lexical

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/haggle-commerce/haggle/libs/feature"
	"github.com/haggle-commerce/haggle/libs/shop"
	"github.com/haggle-commerce/haggle/services/recall/internal/catalogue"
	"github.com/haggle-commerce/haggle/services/recall/internal/top"
)

var vocabulary = strings.Fields("red blue shoe shoes jacket jackets trail running acme globex for the with 红色 跑鞋 跑步鞋 usb 9.5")

func phrases(t *rapid.T, most int) string {
	return strings.Join(rapid.SliceOfN(rapid.SampledFrom(vocabulary), 0, most).Draw(t, "words"), " ")
}

func drawItem(t *rapid.T) *shop.Item {
	it := &shop.Item{
		ID: "x", Title: phrases(t, 5), Brand: phrases(t, 1), Description: phrases(t, 12),
		Categories: []string{phrases(t, 1), phrases(t, 2)},
		Attributes: map[string][]string{"colour": {phrases(t, 1)}, "use": {phrases(t, 2), phrases(t, 1)}},
	}
	if rapid.Bool().Draw(t, "translated") {
		it.Titles = map[string]string{"zh": phrases(t, 3)}
	}
	return it
}

// texts are the fields of an item as the definition of BM25F sees them.
func texts(it *shop.Item) [fieldCount][]string {
	var f [fieldCount][]string
	add := func(at Field, text string) {
		for _, token := range feature.Tokens(nil, text) {
			f[at] = append(f[at], feature.Stem(token))
		}
	}
	add(Title, it.Title)
	for _, title := range it.Titles {
		if title != it.Title {
			add(Title, title)
		}
	}
	add(Brand, it.Brand)
	for _, c := range it.Categories {
		add(Category, c)
	}
	for _, values := range it.Attributes {
		for _, v := range values {
			add(Attributes, v)
		}
	}
	add(Description, it.Description)
	return f
}

// naive scores every item by the formula in the package comment, word by word over its text, in the steps that [Params.quantise] and
// scale allow. Whole are the items that hold all words that are not optional.
func naive(p Params, items map[catalogue.Slot]*shop.Item, words []Word, least int) (scores map[catalogue.Slot]uint32, whole catalogue.Bits) {
	weights := func(it *shop.Item, holds func(string) bool) map[string]float32 {
		found := map[string]float32{}
		for f, words := range texts(it) {
			fp := p.Fields[f]
			counts := map[string]int{}
			for _, word := range words {
				if holds(word) {
					counts[word]++
				}
			}
			for word, n := range counts {
				found[word] = max(found[word], fp.Weight*float32(n)/(1-fp.B+fp.B*float32(len(words))/fp.Pivot))
			}
		}
		return found
	}
	required := 0
	matched := map[catalogue.Slot]int{}
	scores = map[catalogue.Slot]uint32{}
	for _, w := range words {
		stems := map[string]float32{w.Stem: 1}
		for _, f := range w.Forms {
			stems[f.Stem] = max(stems[f.Stem], f.Weight)
		}
		share := func(word string) float32 {
			best := float32(0)
			for stem, s := range stems {
				if r := []rune(stem); word == stem || (len(r) == 1 && r[0] > 0x2e80 && strings.Contains(word, stem)) {
					best = max(best, s)
				}
			}
			return best
		}
		df := 0
		for _, it := range items {
			df += len(weights(it, func(word string) bool { return share(word) > 0 }))
		}
		if !w.Optional {
			required++
		}
		for s, it := range items {
			best := uint32(0)
			for word, x := range weights(it, func(word string) bool { return share(word) > 0 }) {
				idf := math.Log(1 + (float64(len(items)-min(df, len(items)))+0.5)/(float64(min(df, len(items)))+0.5))
				factor := math.Round(idf * scale * max(1, float64(w.Weight)) * float64(share(word)))
				weight := math.Round(float64(x * (p.K1 + 1) / (p.K1 + x) / (p.K1 + 1) * 255))
				best = max(best, uint32(max(factor, 1))*uint32(max(weight, 1)))
			}
			scores[s] += best
			if best > 0 && !w.Optional {
				matched[s]++
			}
		}
	}
	least = max(1, min(least, required))
	whole = whole.Grow(64)
	for s := range scores {
		if matched[s] < least {
			delete(scores, s)
		} else if matched[s] == required {
			whole.Set(s)
		}
	}
	return scores, whole
}

// tie is any order of slots that is not their own, with leading bytes that are often equal.
func tie(s catalogue.Slot) uint64 { return uint64(s) * 0x9e3779b97f4a7c15 &^ (0x3f << 56) }

// shuffle changes an index at random, in heads of four, and returns what it should hold.
func shuffle(t *rapid.T, changes int) (*Index, map[catalogue.Slot]*shop.Item) {
	x, analyser, items := New(Defaults()), NewAnalyser(), map[catalogue.Slot]*shop.Item{}
	x.smallest = 4
	var jobs []*Job
	for range rapid.IntRange(0, changes).Draw(t, "changes") {
		s := catalogue.Slot(rapid.IntRange(0, 40).Draw(t, "slot"))
		switch rapid.IntRange(0, 9).Draw(t, "what") {
		case 0, 1:
			if _, ok := items[s]; x.Delete(s) != ok {
				t.Fatalf("Delete(%d) = %v", s, !ok)
			}
			delete(items, s)
		case 2:
			if j := x.Work(); j != nil {
				jobs = append(jobs, j)
			}
		case 3:
			if len(jobs) > 0 {
				i := rapid.IntRange(0, len(jobs)-1).Draw(t, "job")
				jobs[i].Run()
				if err := x.Install(jobs[i]); err != nil {
					t.Fatal(err)
				}
				jobs = slices.Delete(jobs, i, i+1)
			}
		default:
			it := drawItem(t)
			d := analyser.Analyse(it)
			d.Order(tie(s))
			x.Put(s, d)
			items[s] = it
		}
	}
	if rapid.Bool().Draw(t, "load") {
		for _, j := range jobs {
			j.Run()
			if err := x.Install(j); err != nil {
				t.Fatal(err)
			}
		}
		b, err := x.AppendBinary(nil)
		if err != nil {
			t.Fatal(err)
		}
		if x, err = Load(Defaults(), b); err != nil {
			t.Fatal(err)
		}
	}
	return x, items
}

func drawWords(t *rapid.T) []Word {
	words := Words(phrases(t, 5) + " " + rapid.SampledFrom([]string{"", "鞋", "nothing", "jackt"}).Draw(t, "odd"))
	if len(words) > 0 && rapid.Bool().Draw(t, "forms") {
		words[0].Weight = 2
		words[0].Forms = []Form{{Stem: "jacket", Weight: 0.5}, {Stem: "色", Weight: 0.25}}
	}
	return words
}

func TestFindEqualsNaive(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x, items := shuffle(t, 80)
		var sc Scratch
		for range 4 {
			q := Query{
				Words: drawWords(t), Least: rapid.IntRange(0, 4).Draw(t, "least"), Limit: rapid.IntRange(0, 50).Draw(t, "limit"),
				Count: rapid.Bool().Draw(t, "count"),
			}
			if rapid.Bool().Draw(t, "tied") {
				q.Tie = tie
			}
			if rapid.Bool().Draw(t, "filtered") {
				q.Within = catalogue.Bits{rapid.Uint64().Draw(t, "within")}
			}
			if rapid.Bool().Draw(t, "narrowed") {
				stay := rapid.Uint64().Draw(t, "stay")
				q.Room = rapid.IntRange(0, 64).Draw(t, "room")
				q.Narrow = func(found catalogue.Bits) catalogue.Bits {
					if len(found)*64 < q.Room {
						t.Fatalf("the set has room for %d, want %d", len(found)*64, q.Room)
					}
					return catalogue.Bits{stay}
				}
				checkFind(t, x, &sc, &q, items, stay)
				continue
			}
			checkFind(t, x, &sc, &q, items, math.MaxUint64)
		}
		if x.Count() != len(items) {
			t.Fatalf("Count() = %d, want %d", x.Count(), len(items))
		}
	})
}

// checkFind compares Find with the naive search. Stay are the slots that narrowing leaves.
func checkFind(t *rapid.T, x *Index, sc *Scratch, q *Query, items map[catalogue.Slot]*shop.Item, stay uint64) {
	q.WholeFirst = (q.Count || q.Narrow != nil) && rapid.Bool().Draw(t, "whole first")
	f := x.Find(sc, q)
	all, complete := naive(Defaults(), items, q.Words, q.Least)
	var want []top.Entry
	set := catalogue.Bits(nil).Grow(max(x.Size(), q.Room))
	for s, score := range all {
		if q.Within != nil && !q.Within.Has(s) {
			continue
		}
		if set.Set(s); !(catalogue.Bits{stay}).Has(s) {
			continue
		}
		e := top.Entry{Slot: s, Score: float64(score) * sc.unit, Tie: uint64(s)}
		if q.WholeFirst && f.Least < f.Required && complete.Has(s) {
			e.Score += whole
		}
		if q.Tie != nil {
			e.Tie = q.Tie(s)
		}
		want = append(want, e)
	}
	slices.SortFunc(want, func(a, b top.Entry) int {
		return cmp.Or(cmp.Compare(b.Score, a.Score), cmp.Compare(tie(a.Slot)>>56, tie(b.Slot)>>56), cmp.Compare(a.Tie, b.Tie))
	})
	if f.Exact && f.Total != len(want) || !f.Exact && (q.Count || q.Narrow != nil) {
		t.Fatalf("Find(%+v) found %d, exact %v, want %d", q, f.Total, f.Exact, len(want))
	}
	want = want[:min(len(want), q.Limit)]
	if diff := gocmp.Diff(want, sc.Best, cmpopts.EquateEmpty()); diff != "" {
		t.Fatalf("Find(%+v) (-want +got):\n%s", q, diff)
	}
	if q.Narrow != nil && !slices.Equal(sc.Set, set) {
		t.Fatalf("Find(%+v) set %x, want %x", q, sc.Set, set)
	}
	for _, e := range want {
		if got := sc.Score(e.Slot); got != float32(float64(all[e.Slot])*sc.unit) {
			t.Fatalf("Score(%d) = %v, want %v", e.Slot, got, e.Score)
		}
	}
}

// find returns the items that hold at least least of the words, in the order of their slots.
func find(x *Index, sc *Scratch, words []Word, least int) (found []catalogue.Slot) {
	x.Find(sc, &Query{Words: words, Least: least, Limit: 100, Count: true})
	for _, e := range sc.Best {
		found = append(found, e.Slot)
	}
	slices.Sort(found)
	return found
}

// TestScoreIsThatOfTheFormula bounds what the steps of weights and factors cost.
func TestScoreIsThatOfTheFormula(t *testing.T) {
	x, analyser := New(Defaults()), NewAnalyser()
	for i := range 50 {
		x.Put(catalogue.Slot(i), analyser.Analyse(&shop.Item{Title: "common words" + strings.Repeat(" filling", i%7)}))
	}
	x.Put(50, analyser.Analyse(&shop.Item{Title: "a rare shoe", Description: "for a walk"}))
	var sc Scratch
	find(x, &sc, Words("rare walk"), 2)
	score := func(field Field, length float64) float64 {
		fp := Defaults().Fields[field]
		w := float64(fp.Weight) / (1 - float64(fp.B) + float64(fp.B)*length/float64(fp.Pivot))
		return idf(51, 1) * w * 2.2 / (1.2 + w)
	}
	want := score(Title, 3) + score(Description, 3)
	if got := float64(sc.Score(50)); math.Abs(got-want) > 0.005*want {
		t.Errorf("the score is %v, want %v", got, want)
	}
}

func TestDictionaryForgets(t *testing.T) {
	x, analyser := New(Defaults()), NewAnalyser()
	x.smallest = 64
	for i := range 500 {
		x.Put(catalogue.Slot(i%3), analyser.Analyse(&shop.Item{Title: fmt.Sprintf("word%d 红%c", i, rune('一'+i))}))
		for j := x.Work(); j != nil; j = x.Work() {
			j.Run()
			if err := x.Install(j); err != nil {
				t.Fatal(err)
			}
		}
	}
	for s := range catalogue.Slot(3) {
		x.Delete(s)
	}
	if x.Terms() != 0 || len(x.parts) != 0 {
		t.Errorf("%d terms and %d parts remain", x.Terms(), len(x.parts))
	}
}

func TestPutOfTheSameTextChangesNothing(t *testing.T) {
	x, analyser := New(Defaults()), NewAnalyser()
	it := &shop.Item{Title: "Red shoe", Price: 10, Attributes: map[string][]string{"a": {"x"}, "b": {"y"}}}
	if !x.Put(0, analyser.Analyse(it)) {
		t.Error("the first Put changed nothing")
	}
	it.Price = 12
	if x.Put(0, analyser.Analyse(it)) {
		t.Error("a new price changed the index of words")
	}
	it.Title = "Red shoes"
	if !x.Put(0, analyser.Analyse(it)) {
		t.Error("a new title changed nothing")
	}
}

func TestWords(t *testing.T) {
	for text, want := range map[string]string{
		"":                      "",
		"Red shoes for men":     "red shoes (for) men",
		"the":                   "the",
		"shoe shoes SHOE":       "shoe",
		"红色跑鞋 nike":             "红色 色跑 跑鞋 nike",
		"with or without you":   "(with) (or) (without) you",
		strings.Repeat("a ", 3): "a",
	} {
		var got []string
		for _, w := range Words(text) {
			if w.Optional {
				w.Text = "(" + w.Text + ")"
			}
			got = append(got, w.Text)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("Words(%q) = %q, want %q", text, got, want)
		}
	}
	var long []string
	for i := range 100 {
		long = append(long, fmt.Sprint("w", i))
	}
	if n := len(Words(strings.Join(long, " "))); n != MaxWords {
		t.Errorf("a query of 100 words has %d words, want %d", n, MaxWords)
	}
}

func TestCorrect(t *testing.T) {
	x, analyser := New(Defaults()), NewAnalyser()
	for i, title := range []string{"Rain jacket", "Winter jackets", "Rocket", "Headphones wireless", "Mouse", "Mouse", "House", "Moose", "红色 跑鞋", "iphone 15", "A4000 paper", "running"} {
		x.Put(catalogue.Slot(i), analyser.Analyse(&shop.Item{Title: title}))
	}
	for word, want := range map[string]string{
		"jackt":                 "jacket",
		"jacet":                 "jacket",
		"jakcet":                "jacket",
		"jackest":               "jacket",
		"mose":                  "mouse",
		"mosue":                 "mouse",
		"hedphone":              "headphones",
		"headfones":             "headphones",
		"wireles":               "wireless",
		"runningg":              "running",
		"ipone":                 "iphone",
		"jacket":                "",
		"jackets":               "",
		"kacket":                "",
		"xyz":                   "",
		"mo":                    "",
		"a4001":                 "",
		"红跑":                    "",
		"rnnnnninnng":           "",
		strings.Repeat("j", 60): "",
	} {
		got, ok := x.Correct(Words(word)[0])
		if !ok {
			got.Text = ""
		}
		if got.Text != want {
			t.Errorf("Correct(%q) = %q, want %q", word, got.Text, want)
		}
	}
}

func TestSimilar(t *testing.T) {
	x, analyser := New(Defaults()), NewAnalyser()
	for i, title := range []string{"Mouse", "Mouse", "House", "Moose", "Mouses pad", "Mosaic"} {
		x.Put(catalogue.Slot(i), analyser.Analyse(&shop.Item{Title: title}))
	}
	for edits, want := range map[int]string{1: "moose 1 1,mouse 3 0", 2: "moose 1 1,mouse 3 0"} {
		var got []string
		for _, e := range x.Similar(nil, "mouse", edits) {
			got = append(got, fmt.Sprint(e.Stem, " ", e.Items, " ", e.Edits))
		}
		if strings.Join(got, ",") != want {
			t.Errorf("Similar(mouse, %d) = %v, want %v", edits, got, want)
		}
	}
	if x.Items("mouse") != 3 || x.Items("nothing") != 0 {
		t.Errorf("%d items hold mouse, want 3", x.Items("mouse"))
	}
}

// TestDistanceEqualsNaive compares with the recurrence, written down as it is defined.
func TestDistanceEqualsNaive(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		letters := rapid.SliceOfN(rapid.SampledFrom([]rune("abcé")), 0, 9)
		a, b := letters.Draw(t, "a"), letters.Draw(t, "b")
		most := rapid.IntRange(0, 4).Draw(t, "most")
		var d func(i, j int) int
		d = func(i, j int) int {
			if i == 0 || j == 0 {
				return i + j
			}
			change := 1
			if a[i-1] == b[j-1] {
				change = 0
			}
			least := min(d(i-1, j)+1, d(i, j-1)+1, d(i-1, j-1)+change)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				least = min(least, d(i-2, j-2)+1)
			}
			return least
		}
		if len(a) > 6 || len(b) > 6 {
			a, b = a[:min(len(a), 6)], b[:min(len(b), 6)]
		}
		want := d(len(a), len(b))
		got := distance(a, string(b), most)
		if (want <= most && got != want) || (want > most && got <= most) {
			t.Fatalf("distance(%q, %q, %d) = %d, want %d", string(a), string(b), most, got, want)
		}
	})
}

func TestLike(t *testing.T) {
	x, analyser := New(Defaults()), NewAnalyser()
	for i, title := range []string{"Acme trail running shoe", "Acme trail shoe", "Globex road shoe", "Garden hose", "Acme hose"} {
		x.Put(catalogue.Slot(i), analyser.Analyse(&shop.Item{Title: title}))
	}
	var sc Scratch
	x.Like(&sc, 0, Query{Limit: 3})
	if len(sc.Best) != 3 || sc.Best[0].Slot != 1 || slices.ContainsFunc(sc.Best, func(e top.Entry) bool { return e.Slot == 0 || e.Slot == 3 }) {
		t.Errorf("Like(0) = %v, want 1 first, without 0 and 3", sc.Best)
	}
	if x.Like(&sc, 0, Query{Limit: 3, Within: catalogue.Bits{1<<2 | 1<<3}}); len(sc.Best) != 1 || sc.Best[0].Slot != 2 {
		t.Errorf("Like(0) within 2 and 3 = %v", sc.Best)
	}
	if x.Like(&sc, 99, Query{Limit: 3}); len(sc.Best) != 0 {
		t.Errorf("Like of an unknown item = %v", sc.Best)
	}
	if hits := find(x, &sc, Words("hose"), 1); len(hits) != 2 {
		t.Errorf("hose finds %v", hits)
	}
}

// corpus makes n titles of 8 words and descriptions of 25, with words as frequent as 1/rank.
func corpus(n int) (*Index, []string) {
	random := rand.New(rand.NewPCG(7, uint64(n)))
	zipf := rand.NewZipf(random, 1.1, 4, uint64(n/2+1000))
	words := func(k int) string {
		var b strings.Builder
		for range k {
			fmt.Fprintf(&b, "%s ", name(zipf.Uint64()))
		}
		return b.String()
	}
	x, analyser := New(Defaults()), NewAnalyser()
	for s := range n {
		x.Put(catalogue.Slot(s), analyser.Analyse(&shop.Item{Title: words(8), Description: words(25), Brand: words(1)}))
	}
	var queries []string
	for range 64 {
		queries = append(queries, words(3))
	}
	return x, queries
}

// name spells a number in letters, so that spelling and stems have something to do.
func name(n uint64) string {
	const syllables = "bacedifoguhejikalemonipurasetovuwaxeyizo"
	b := []byte{}
	for {
		b = append(b, syllables[2*(n%20)], syllables[2*(n%20)+1])
		if n /= 20; n == 0 {
			return string(b)
		}
	}
}

func BenchmarkSearch(b *testing.B) {
	for _, n := range []int{1000, 20_000} {
		x, queries := corpus(n)
		var parsed [][]Word
		for _, q := range queries {
			parsed = append(parsed, Words(q))
		}
		for _, least := range []int{1, 2, 3} {
			b.Run(fmt.Sprintf("items=%d/least=%d", n, least), func(b *testing.B) {
				var sc Scratch
				i, hits := 0, 0
				b.ReportAllocs()
				for b.Loop() {
					hits += x.Find(&sc, &Query{Words: parsed[i%len(parsed)], Least: least, Limit: 200, Count: true}).Total
					i++
				}
				b.ReportMetric(float64(hits)/float64(i), "hits")
			})
		}
	}
}

func BenchmarkCorrect(b *testing.B) {
	x, _ := corpus(20_000)
	b.ReportAllocs()
	for b.Loop() {
		x.Correct(Word{Text: "bacedix", Stem: "bacedix"})
	}
}

func BenchmarkLike(b *testing.B) {
	x, _ := corpus(20_000)
	var sc Scratch
	i := 0
	b.ReportAllocs()
	for b.Loop() {
		x.Like(&sc, catalogue.Slot(i%20_000), Query{Limit: 100})
		i++
	}
}

func BenchmarkPut(b *testing.B) {
	x, _ := corpus(20_000)
	analyser := NewAnalyser()
	items := make([]*shop.Item, 256)
	for i := range items {
		items[i] = &shop.Item{Title: strings.Repeat(name(uint64(i))+" ", 4) + name(uint64(i*i)), Description: strings.Repeat(name(uint64(i*77))+" "+name(uint64(i*7))+" ", 10)}
	}
	i := 0
	b.ReportAllocs()
	for b.Loop() {
		x.Put(catalogue.Slot(i*37%20_000), analyser.Analyse(items[(i+i/256)%256]))
		i++
	}
}

func TestFurtherStemsStandForTheWord(t *testing.T) {
	x, analyser := New(Defaults()), NewAnalyser()
	for i, title := range []string{"Television stand", "TV stand", "TV television stand", "Stand"} {
		x.Put(catalogue.Slot(i), analyser.Analyse(&shop.Item{Title: title}))
	}
	var sc Scratch
	words := []Word{{Text: "tv", Stem: "tv", Forms: []Form{{"television", 1}, {"tv", 1}, {"telly", 1}, {"television", 1}}}, {Text: "stand", Stem: "stand"}}
	if f := x.Find(&sc, &Query{Words: words, Least: 2}); f.Required != 2 {
		t.Errorf("%d words are required, want 2", f.Required)
	}
	if hits := find(x, &sc, words, 2); !slices.Equal(hits, []catalogue.Slot{0, 1, 2}) {
		t.Errorf("hits %v, want all that hold either word", hits)
	}
	if hits := find(x, &sc, words, 3); !slices.Equal(hits, []catalogue.Slot{0, 1, 2}) {
		t.Errorf("hits %v: more words than there are cannot be asked for", hits)
	}
	if !x.Known(Word{Stem: "telly", Forms: []Form{{"tv", 1}}}) || x.Known(Word{Stem: "telly"}) {
		t.Error("a word is known by any of its stems")
	}
}

func TestTitlesAreStemmedByTheirLanguage(t *testing.T) {
	x, analyser := New(Defaults()), NewAnalyser()
	x.Put(0, analyser.Analyse(&shop.Item{Title: "Rain jacket", Titles: map[string]string{"de-AT": "Wasserdichte Jacken"}}))
	var sc Scratch
	for _, word := range []Word{{Stem: "jack"}, {Stem: "wasserdicht"}, {Stem: feature.Stem("jacken")}} {
		if hits := find(x, &sc, []Word{word}, 1); len(hits) != 1 {
			t.Errorf("%q finds %v", word.Stem, hits)
		}
	}
}

func TestRestoredIndexFindsTheSame(t *testing.T) {
	x, analyser := New(Defaults()), NewAnalyser()
	for i, title := range []string{"Rain jacket", "Winter jackets", "Red shoe", "Garden hose"} {
		x.Put(catalogue.Slot(i), analyser.Analyse(&shop.Item{Title: title}))
	}
	x.Delete(3)
	file, err := x.AppendBinary(nil)
	if err != nil {
		t.Fatal(err)
	}
	restored, err := Load(Defaults(), file)
	if err != nil {
		t.Fatal(err)
	}
	for _, query := range []string{"jacket", "red shoe", "hose", "winter"} {
		var before, after Scratch
		find(x, &before, Words(query), 1)
		find(restored, &after, Words(query), 1)
		if !slices.Equal(before.Best, after.Best) {
			t.Errorf("%q finds %v, restored %v", query, before.Best, after.Best)
		}
	}
}
