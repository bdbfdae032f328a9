package synth

import (
	_ "embed"
	"fmt"
	"strconv"
	"strings"
)

//go:embed words.txt
var wordsFile string

// word is an English word with its Chinese one.
type word struct{ en, zh string }

// attributeSet is one attribute that types may have.
type attributeSet struct {
	name   string
	key    string
	values []word
}

type department struct {
	word
	weekend  float64
	halfLife float64
	styles   [styleCount][]word
	types    []int
}

type category struct {
	word
	department int
	types      []int
	brands     []int
	brandSums  []float32
}

// kind is a type of product: "Running Shoes".
type kind struct {
	word
	category   int
	price      float64
	spread     float64
	sets       []int
	peak       int
	swing      float64
	cycleDays  float64
	companions []int
	weight     float32
	companion  []string
}

// styleCount styles run through all departments, each with words of its own: classic, sporty, minimal, premium, playful, eco.
const styleCount = 6

var styleNames = [styleCount]string{"classic", "sporty", "minimal", "premium", "playful", "eco"}

// vocabulary is the file words.txt, parsed.
type vocabulary struct {
	sets        []attributeSet
	departments []department
	categories  []category
	kinds       []kind
	syllables   []word
}

func parseWords(text string) (*vocabulary, error) {
	v := &vocabulary{}
	setIndex, kindIndex := map[string]int{}, map[string]int{}
	for n, line := range strings.Split(text, "\n") {
		if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
			continue
		}
		if err := v.parseLine(strings.Split(line, "|"), setIndex, kindIndex); err != nil {
			return nil, fmt.Errorf("parse words.txt line %d: %w", n+1, err)
		}
	}
	for i := range v.kinds {
		for _, name := range v.kinds[i].companion {
			j, ok := kindIndex[name]
			if !ok {
				return nil, fmt.Errorf("parse words.txt: %s goes with %q, which is no type", v.kinds[i].en, name)
			}
			v.kinds[i].companions = append(v.kinds[i].companions, j)
		}
	}
	return v, nil
}

func (v *vocabulary) parseLine(f []string, setIndex, kindIndex map[string]int) error {
	fields := map[string]int{"A": 4, "D": 5, "S": 3, "C": 3, "T": 9, "B": 3}
	if want, ok := fields[f[0]]; !ok || want != len(f) {
		return fmt.Errorf("a line %q has %d fields", f[0], len(f))
	}
	var err error
	number := func(s string) float64 {
		x, parseErr := strconv.ParseFloat(s, 64)
		if parseErr != nil && err == nil {
			err = parseErr
		}
		return x
	}
	switch f[0] {
	case "A":
		setIndex[f[1]] = len(v.sets)
		v.sets = append(v.sets, attributeSet{name: f[1], key: f[2], values: parsePairs(f[3])})
	case "D":
		v.departments = append(v.departments, department{word: word{f[1], f[2]}, weekend: number(f[3]), halfLife: number(f[4])})
	case "S":
		for s, name := range styleNames {
			if name == f[1] {
				v.departments[len(v.departments)-1].styles[s] = parsePairs(f[2])
			}
		}
	case "C":
		v.categories = append(v.categories, category{word: word{f[1], f[2]}, department: len(v.departments) - 1})
	case "T":
		k := kind{word: word{f[1], f[2]}, category: len(v.categories) - 1, price: number(f[3]), spread: number(f[4])}
		for _, name := range strings.Split(f[5], ",") {
			set, ok := setIndex[name]
			if !ok {
				return fmt.Errorf("no set of attributes is called %q", name)
			}
			k.sets = append(k.sets, set)
		}
		month, swing, _ := strings.Cut(f[6], ":")
		k.peak, k.swing, k.cycleDays = int(number(month)), number(swing), number(f[7])
		if f[8] != "" {
			k.companion = strings.Split(f[8], ";")
		}
		at := len(v.kinds)
		kindIndex[k.en] = at
		v.kinds = append(v.kinds, k)
		last := &v.categories[k.category]
		last.types = append(last.types, at)
		v.departments[last.department].types = append(v.departments[last.department].types, at)
	case "B":
		v.syllables = append(v.syllables, word{f[1], f[2]})
	}
	return err
}

func parsePairs(text string) []word {
	var words []word
	for _, pair := range strings.Split(text, ";") {
		en, zh, _ := strings.Cut(pair, "=")
		words = append(words, word{en, zh})
	}
	return words
}
