package feature

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

func TestTokens(t *testing.T) {
	for text, want := range map[string]string{
		"":                            "",
		"  ,;- ":                      "",
		"running shoes":               "running|shoes",
		"Running-Shoes, size 9.5":     "running|shoes|size|9.5",
		"Crème Brûlée":                "creme|brulee",
		"Straße ÆON Łódź œuvre":       "strasse|aeon|lodz|oeuvre",
		"Cre\u0300me":                 "creme",
		"Men's wear":                  "mens|wear",
		"‘quoted’":                    "quoted",
		"v2.0. end.":                  "v2.0|end",
		"ＡＢＣ　１２３":                     "abc|123",
		"ﬁne ﬂow m²":                  "fine|flow|m2",
		"跑步鞋":                         "跑步|步鞋",
		"鞋":                           "鞋",
		"红色 跑鞋 Nike":                  "红色|跑鞋|nike",
		"Nike跑步鞋42码":                  "nike|跑步|步鞋|42|码",
		"ランニング・シューズ":                  "ラン|ンニ|ニン|ング|シュ|ュー|ーズ",
		"ｶﾒﾗ":                         "カメ|メラ",
		"운동화":                         "운동|동화",
		"кроссовки Ёлка":              "кроссовки|елка",
		"ΤΕΛΟΣ":                       "τελοσ",
		"Đặng Tiếng Việt":             "dang|tieng|viet",
		"a\xffb":                      "a|b",
		"usb-c 65W gan charger (2nd)": "usb|c|65w|gan|charger|2nd",
		"\u00d7\u00f7":                "",
	} {
		if got := strings.Join(Tokens(nil, text), "|"); got != want {
			t.Errorf("Tokens(%q) = %q, want %q", text, got, want)
		}
	}
	if got := Tokens([]string{"kept"}, "new"); !cmp.Equal(got, []string{"kept", "new"}) {
		t.Errorf("Tokens with a prefix = %q", got)
	}
}

func TestStem(t *testing.T) {
	for _, same := range []string{"shoe shoes", "box boxes", "dish dishes", "watch watches", "dress dresses", "baby babies", "toy toys", "jean jeans", "café cafés", "men mens"} {
		one, many, _ := strings.Cut(same, " ")
		if Stem(one) != Stem(many) {
			t.Errorf("Stem(%q) = %q, Stem(%q) = %q, want the same", one, Stem(one), many, Stem(many))
		}
	}
	for _, kept := range []string{"bus", "glass", "dress", "gas", "usb", "2.0s", "iphone15", "跑步", "65w", ""} {
		if got := Stem(kept); got != kept {
			t.Errorf("Stem(%q) = %q, want it kept", kept, got)
		}
	}
}

func FuzzTokens(f *testing.F) {
	for _, seed := range []string{"Running-Shoes 9.5", "跑步鞋 Ｎｉｋｅ", "e\u0301'x", "ｶﾞ", "\xf0\x28", "1.2.3..4"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		tokens := Tokens(nil, text)
		for _, token := range tokens {
			if token == "" || !utf8.ValidString(token) {
				t.Fatalf("Tokens(%q) holds %q", text, token)
			}
			if stem := Stem(token); stem == "" || !strings.HasPrefix(token, stem) {
				t.Fatalf("Stem(%q) = %q", token, stem)
			}
			// Folding is idempotent: a token is its own only token, and pairs are found again.
			if again := Tokens(nil, token); !cmp.Equal(again, []string{token}) {
				t.Fatalf("Tokens(%q) = %q, of %q", token, again, text)
			}
		}
	})
}

func TestTokensOfPlainTextCostNothing(t *testing.T) {
	buffer := make([]string, 0, 16)
	if n := testing.AllocsPerRun(100, func() { buffer = Tokens(buffer[:0], "blue running shoes size 42") }); n != 0 {
		t.Errorf("Tokens of plain text allocates %v times, want 0", n)
	}
}

func BenchmarkTokens(b *testing.B) {
	buffer := make([]string, 0, 32)
	b.ReportAllocs()
	for b.Loop() {
		buffer = Tokens(buffer[:0], "Nike Air Zoom Pegasus 40 Running Shoes, Men's 9.5 跑步鞋")
	}
}
