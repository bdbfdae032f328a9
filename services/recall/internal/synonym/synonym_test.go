package synonym

import (
	"fmt"
	"strings"
	"testing"
)

const rules = `
# furniture
sofa, couch , settee
cell phone, smartphone  # of two words
laptop => notebook, netbook
telly -> flat screen tv
new york mug -> mug
`

func TestRules(t *testing.T) {
	r, err := Parse(strings.NewReader(rules))
	if err != nil {
		t.Fatal(err)
	}
	for query, want := range map[string]string{
		"red sofas":           "1+1 couch,1+1 settee",
		"couch":               "0+1 sofa,0+1 settee",
		"cell phones case":    "0+2 smartphone",
		"smartphone":          "",
		"laptop bag":          "0+1 notebook,0+1 netbook",
		"notebook":            "",
		"cell red phone sofa": "3+1 couch,3+1 settee",
		"":                    "",
	} {
		var got []string
		r.Each(strings.Fields(query), func(first, length int, other string) {
			got = append(got, fmt.Sprintf("%d+%d %s", first, length, other))
		})
		if strings.Join(got, ",") != want {
			t.Errorf("Each(%q) = %q, want %q", query, got, want)
		}
	}
	for query, want := range map[string]string{"big telly stand": "big flat screen tv stand", "new york mugs": "mug", "new york": "new york", "": ""} {
		got, ok := r.Replace(strings.Fields(query))
		if strings.Join(got, " ") != want || ok != (query != want) {
			t.Errorf("Replace(%q) = %q, %v, want %q", query, got, ok, want)
		}
	}
	if r.Len() != 7 {
		t.Errorf("Len() = %d, want 7", r.Len())
	}
	var none *Rules
	if _, ok := none.Replace([]string{"telly"}); ok || none.Len() != 0 {
		t.Error("a nil set has rules")
	}
	none.Each([]string{"sofa"}, func(int, int, string) { t.Error("a nil set has others") })
}

func TestFaultsNameTheLine(t *testing.T) {
	for text, want := range map[string]string{
		"a, b\nalone":                         "line 2: \"alone\" is no rule",
		"# fine\n\na => ":                     "line 3: a side of the rule has no word",
		"a -> ":                               "line 1: nothing behind ->",
		"a -> b\nA -> c":                      "line 2: \"A\" has two replacements",
		"a => b c":                            "line 1: \"b c\" is more than one word",
		"one two three four five, six":        "line 1: \"one two three four five\" has 5 words",
		"a, ,b":                               "line 1: a side of the rule has no word",
		"a, b\n" + strings.Repeat("x", 70000): "line 2: ",
	} {
		if _, err := Parse(strings.NewReader(text)); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("Parse(%.30q): %v, want %q", text, err, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(rules)
	f.Fuzz(func(_ *testing.T, text string) {
		r, err := Parse(strings.NewReader(text))
		if err == nil {
			words := strings.Fields(text)
			r.Replace(words)
			r.Each(words, func(first, length int, _ string) { _ = words[first : first+length] })
		}
	})
}
