package analysis

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// show writes tokens as words, those of one position joined by "|".
func show(tokens []Token) string {
	var b strings.Builder
	last := -1
	for _, t := range slices.SortedStableFunc(slices.Values(tokens), func(a, b Token) int { return a.Position - b.Position }) {
		switch {
		case last < 0:
		case t.Position == last:
			b.WriteByte('|')
		default:
			b.WriteByte(' ')
		}
		last = t.Position
		b.WriteString(t.Stem)
	}
	return b.String()
}

func TestTokens(t *testing.T) {
	for _, c := range []struct{ language, text, want string }{
		{"", "", ""},
		{"", "Red running shoes", "red running shoe"},
		{"", "Men's T-Shirts", "men t|tshirt shirt"},
		{"", "Wi-Fi wifi Wi‑Fi", "wi|wifi fi wifi wi|wifi fi"},
		{"", "USB-C", "usb|usbc c"},
		{"", "brother TN-2110 toner", "brother tn|tn2110 2110 toner"},
		{"", "4GB 4 GB 4-GB", "4gb 4|4gb gb 4|4gb gb"},
		{"", `15.6" 15.6 inch 15.6in 15,6″ 15.6-inch`, "15.6|15.6inch 15.6|15.6inch inch 15.6inch|15.6 15.6|15.6inch 15.6|15.6inch inch"},
		{"", `HP 43.2 cm (17") 1,000 W`, "hp 43.2|43.2cm cm 17|17inch 1000|1000w w"},
		{"", "2 in 1 3 x 5 m", "2 in 1 3 x 5|5m m"},
		{"", "one-two-three-four well-known-as", "one two three four well|wellknowna known as"},
		{"", "- -a b- --", "a b"},
		{"", "红色跑鞋-nike 2020-11", "红色 色跑 跑鞋 nike 2020|202011 11"},
		{"de", "Wasserdichte Jacken", "wasserdicht jack"},
		{"de-CH", "Jacken", "jack"},
		{"ru", "красные кроссовки", "красн кроссовк"},
		{"fr", "chaussures légères", "chaussur leger"},
		{"xx", "Jackets", "jacket"},
		{"de", "TN-2110 Druckers", "tn|tn2110 2110 druck"},
	} {
		if got := show(Tokens(nil, c.language, c.text)); got != c.want {
			t.Errorf("Tokens(%q, %q)\n got %s\nwant %s", c.language, c.text, got, c.want)
		}
	}
}

// TestCacheEqualsTokens also checks that positions rise by one and that joined forms stand at a word.
func TestCacheEqualsTokens(t *testing.T) {
	var c Cache
	rapid.Check(t, func(t *rapid.T) {
		language := rapid.SampledFrom([]string{"", "en", "de", "fr-CA", "zh", "tr"}).Draw(t, "language")
		text := strings.Join(rapid.SliceOfN(rapid.SampledFrom(strings.Split("Jacken|red|wi-fi|4|gb|15.6\"|4gb|-|1,5|跑鞋|a-b-c|''|é", "|")), 0, 8).Draw(t, "words"), rapid.SampledFrom([]string{" ", "", "-"}).Draw(t, "gap"))
		want, got := Tokens(nil, language, text), c.Tokens(nil, language, text)
		if !slices.Equal(got, want) {
			t.Fatalf("%q: cached %v, plain %v", text, got, want)
		}
		next := 0
		for _, token := range got {
			if token.Stem == "" || token.Surface == "" {
				t.Fatalf("%q gives an empty token: %+v", text, got)
			}
			if !token.Joined() {
				if token.Position != next {
					t.Fatalf("%q: word %+v stands at %d, want %d", text, token, token.Position, next)
				}
				next++
			} else if token.Position >= next {
				t.Fatalf("%q: joined form %+v stands at no word", text, token)
			}
		}
	})
}

func TestReference(t *testing.T) {
	for text, want := range map[string]string{
		"The Quick brown foxes, jumping":    "quick brown fox jump",
		"O'Neil's e-mail at foo.bar 3.5 x.": "o'neil e mail foo.bar 3.5 x",
		"wi-fi a_b _ 1,000;2 don't":         "wi fi a_b 1,000;2 don't",
		"<html>\n<pre> CA581203 8:28 PM":    "html pre ca581203 8 28 pm",
		"Über 中文 naïve":                     "über 中 文 naïve",
		"relational conditional":            "relat condit",
		"is it not":                         "",
		"U.S.A. end.":                       "u.s.a end",
	} {
		if got := strings.Join(Reference(nil, text), " "); got != want {
			t.Errorf("Reference(%q) = %q, want %q", text, got, want)
		}
	}
}

func FuzzTokens(f *testing.F) {
	f.Add("de", `Wi-Fi 15,6" 4 gb 红色-a ﬁ ''`)
	f.Add("", "--–‐ \"\" 9,9,9 1,000,000")
	f.Fuzz(func(t *testing.T, language, text string) {
		for _, token := range Tokens(nil, language, text) {
			if token.Stem == "" {
				t.Errorf("%q gives an empty stem", text)
			}
		}
		Reference(nil, text)
	})
}

func BenchmarkTokens(b *testing.B) {
	const text = `HP Pavilion dv7-1211ea Notebook Silver 43.2 cm (17") 1440 x 900 pixels Intel Core 2 Duo 4 GB DDR2-SDRAM 250 GB HDD`
	for _, language := range []string{"", "de"} {
		b.Run("language="+language, func(b *testing.B) {
			var c Cache
			var tokens []Token
			b.ReportAllocs()
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				tokens = c.Tokens(tokens[:0], language, text)
			}
		})
	}
}
