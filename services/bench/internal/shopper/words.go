package shopper

import (
	"math/rand/v2"
	"strings"
	"unicode"
)

// maxWords is how many words a query has at most: most queries in shops have one to three.
const maxWords = 3

// words splits a title into its words: runs of letters and digits, of which those of two runes and more count. A run of Han,
// Hiragana or Katakana has no spaces, so it yields pairs of runes.
func words(title string) []string {
	var found []string
	for _, run := range strings.FieldsFunc(title, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }) {
		runes := []rune(run)
		switch {
		case len(runes) < 2:
		case unicode.In(runes[0], unicode.Han, unicode.Hiragana, unicode.Katakana):
			for i := 0; i+1 < len(runes); i += 2 {
				found = append(found, string(runes[i:i+2]))
			}
		default:
			found = append(found, run)
		}
	}
	return found
}

// query makes a query that it could have been the shopper's who wanted it: words of its title in their order, its category,
// its brand, or brand and category. It is "" when the item says nothing.
func query(it Item, random *rand.Rand) string {
	title := words(it.Title)
	switch u := random.Float64(); {
	case u < 0.15 && it.Brand != "":
		return it.Brand
	case u < 0.30 && it.Category != "":
		return it.Category
	case u < 0.40 && it.Brand != "" && it.Category != "":
		return it.Brand + " " + it.Category
	case len(title) == 0:
		return it.Brand
	}
	n := 1 + random.IntN(min(maxWords, len(title)))
	at := random.IntN(len(title) - n + 1)
	return strings.ToLower(strings.Join(title[at:at+n], " "))
}

// queries makes up to n different queries. The order is that of their popularity.
func queries(items []Item, n int, random *rand.Rand) []string {
	seen := map[string]bool{}
	var list []string
	// Few different queries are left when most tries find an old one.
	for tries := 0; len(list) < n && tries < 4*n; tries++ {
		q := query(items[random.IntN(len(items))], random)
		if q == "" || len(q) > 200 || seen[q] {
			continue
		}
		seen[q] = true
		list = append(list, q)
	}
	return list
}

// prefix returns the first runes of q, at least one and never all of a longer one: what stands in the box while it is typed.
func prefix(q string, random *rand.Rand) string {
	runes := []rune(q)
	if len(runes) < 2 {
		return q
	}
	return string(runes[:1+random.IntN(min(len(runes)-1, 10))])
}
