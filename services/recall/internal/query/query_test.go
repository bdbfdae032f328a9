package query

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/haggle-commerce/haggle/libs/shop"
	"github.com/haggle-commerce/haggle/services/recall/internal/catalogue"
	"github.com/haggle-commerce/haggle/services/recall/internal/lexical"
	"github.com/haggle-commerce/haggle/services/recall/internal/synonym"
)

// index makes an index of titles, "3 x" thrice.
func index(titles ...string) *lexical.Index {
	x, analyser, slot := lexical.New(lexical.Defaults()), lexical.NewAnalyser(), catalogue.Slot(0)
	for _, title := range titles {
		n := 1
		if times, rest, ok := strings.Cut(title, " x "); ok {
			if _, err := fmt.Sscan(times, &n); err == nil {
				title = rest
			}
		}
		for range n {
			x.Put(slot, analyser.Analyse(&shop.Item{Title: title}))
			slot++
		}
	}
	return x
}

// matching counts the items that hold all words.
func matching(x *lexical.Index) func([]lexical.Word) int {
	return func(words []lexical.Word) int {
		var sc lexical.Scratch
		return x.Find(&sc, &lexical.Query{Words: words, Least: len(words), Count: true}).Total
	}
}

// show writes words with their forms; optional ones in brackets.
func show(words []lexical.Word) string {
	var texts []string
	for _, w := range words {
		text := w.Stem
		for _, f := range w.Forms {
			text += "|" + f.Stem
		}
		if w.Optional {
			text = "(" + text + ")"
		}
		texts = append(texts, text)
	}
	return strings.Join(texts, " ")
}

func TestWords(t *testing.T) {
	x := index("Headset", "Smartwatch", "4GB memory stick", "Wi-Fi router", `15.6" notebook`, "Sofa", "红色 跑鞋")
	rules, err := synonym.Parse(strings.NewReader("sofa, couch\ncell phone, smartphone\ntelly -> flat tv"))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ language, query, want string }{
		{"", "", ""},
		{"", "Head Sets for men", "head|headset set|headset (for) men"},
		{"", "for the", "for the"},
		{"", "4 GB stick", "4gb stick"},
		{"", "8 gb stick", "8 gb stick"},
		{"", "wi-fi router", "wi|wifi fi|wifi router"},
		{"", `15.6" laptop`, "15.6inch laptop"},
		{"", `17" laptop`, "17 laptop"},
		{"", "shoe shoes SHOE", "shoe"},
		{"", "红色跑鞋 nike", "红色 色跑 跑鞋 nike"},
		{"de", "Jacken", "jack|jacken"},
		{"en-GB", "jackets", "jacket"},
		{"", "couches", "couch|sofa"},
		{"", "couch", "couch|sofa"},
		{"", "red cell phone", "red cell|smartphone phone|smartphone"},
		{"", "telly stand", "flat tv stand"},
	} {
		if got := show(Words(x, rules, c.language, c.query)); got != c.want {
			t.Errorf("Words(%q, %q) = %q, want %q", c.language, c.query, got, c.want)
		}
	}
	if n := len(Words(x, nil, "", strings.Join(strings.Split("abcdefghijklmnopqrstuvwxyz0123456789", ""), " "))); n != lexical.MaxWords {
		t.Errorf("a long query has %d words, want %d", n, lexical.MaxWords)
	}
}

func TestCorrect(t *testing.T) {
	x := index("5 x Rain jacket", "Rocket", "3 x Wireless headphones", "4 x Mouse", "House", "2 x USB hub", "2 x Rechargeable batteries", "Batterie",
		"3 x PS4 console", "A4000 paper", "9 x Smart watch", "Watch strap", "20 x Patch cable", "30 x Player", "2 x DVD player", "红色 跑鞋", "Extension cord")
	for typed, want := range map[string]string{
		"jackt": "jacket", "jakcet": "jacket", "mose": "mouse", "hedphone": "headphones", "headfones": "headphones",
		"kacket": "jacket", "acket": "jacket", "ajcket": "jacket", "xjacket": "jacket",
		"jacket": "", "jackets": "", "xyzzy": "", "mo": "", "红跑": "", "a4001": "", strings.Repeat("j", 60): "",
		"usbhub": "usb hub", "rainjacket": "rain jacket",
		"batteires": "batteries", "phs4": "ps4", "pss4": "ps4", "ps5": "",
		"smart tatch": "smart watch", "extension ords": "extension cord",
		"rain kacket for xyzzy": "rain jacket for xyzzy",
	} {
		words := Words(x, nil, "", typed)
		got, ok := Correct(x, words, matching(x))
		if text := Text(got); ok != (want != "") || ok && text != want {
			t.Errorf("Correct(%q) = %q, %v, want %q", typed, text, ok, want)
		}
	}
}

func TestDoubt(t *testing.T) {
	x := index("40 x DVD player", "Layer cake", "60 x Laptop case", "Laptop vase", "Fan", "4 x Cave painting")
	for typed, want := range map[string]string{
		"dvd layer":    "dvd player",
		"laptop vase":  "laptop case",
		"layer":        "",
		"dvd player":   "",
		"laptop fan":   "",
		"layer cake":   "",
		"dvd for cake": "",
		// Nothing holds both, so a word that is no rarer than others is in doubt, too.
		"laptop cave": "laptop case",
	} {
		words := Words(x, nil, "", typed)
		doubted, meant, ok := Doubt(x, words, matching(x))
		if ok != (want != "") || ok && Text(meant) != want {
			t.Errorf("Doubt(%q) = %q, %v, want %q", typed, Text(meant), ok, want)
		}
		if ok && Text(doubted) != Text(words) {
			t.Errorf("Doubt(%q) takes the word away: %q", typed, show(doubted))
		}
	}
}

// TestEditsAreOneEditAway compares with the distance of the index: each edit, looked up among all, is one edit away.
func TestEditsAreOneEditAway(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		word := rapid.StringMatching(`[a-c1-2]{2,6}`).Draw(t, "word")
		all := map[string]bool{}
		edits(word, 0, func(s string) { all[s] = true })
		digits := func(s string) string {
			return strings.Map(func(r rune) rune { return map[bool]rune{true: r, false: -1}[r >= '0' && r <= '9'] }, s)
		}
		for _, s := range slices.SortedFunc(mapKeys(all), cmp.Compare[string]) {
			if d := len(s) - len(word); d < -1 || d > 1 || digits(s) != digits(word) {
				t.Fatalf("edits(%q) gives %q", word, s)
			}
		}
	})
}

func mapKeys(m map[string]bool) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

func FuzzWords(f *testing.F) {
	x := index("Wi-Fi 4 gb 15.6\" head set", "跑鞋")
	f.Add("de", "wi-fi 4 gb 15,6\" head-set")
	f.Fuzz(func(t *testing.T, language, text string) {
		words := Words(x, nil, language, text)
		if len(words) > lexical.MaxWords {
			t.Errorf("%d words", len(words))
		}
		Correct(x, words, matching(x))
		Doubt(x, words, matching(x))
	})
}

func BenchmarkCorrect(b *testing.B) {
	x := index("5 x Rain jacket", "3 x Wireless headphones", "USB hub")
	for _, typed := range []string{"wireless headphones", "wireles headfones", "kacket"} {
		b.Run(strings.ReplaceAll(typed, " ", "_"), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				Correct(x, Words(x, nil, "", typed), matching(x))
			}
		})
	}
}
