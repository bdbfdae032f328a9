package synth

import (
	"strings"
)

// wish is what a shopper is after: a type, and perhaps a brand, a colour and a style; -1 where she does not mind.
type wish struct {
	kind                 int
	brand, colour, style int
}

// newWish makes the type into a wish by the shopper's taste: she names what she likes best of the few that come to mind.
func (w *walk) newWish(s *shopper, at int) wish {
	r := w.random
	want := wish{kind: at, brand: -1, colour: -1, style: -1}
	k := &w.kinds[at]
	if r.chance(0.3) {
		g := &w.categories[k.category]
		best := float32(-1e9)
		for range 4 {
			i := g.brands[r.pick(g.brandSums)]
			var u float32
			for d := range s.brands {
				u += s.brands[d] * w.brands[i].taste[d]
			}
			if u > best {
				best, want.brand = u, i
			}
		}
	}
	if r.chance(0.25) && w.coloured[at] {
		want.colour = strongest(r, s.colour[:len(w.colours)])
	}
	if r.chance(0.2) {
		want.style = strongest(r, s.style[:])
	}
	return want
}

// strongest returns the index of the largest of three values drawn at random.
func strongest(r *random, values []float32) int {
	best := r.below(len(values))
	for range 2 {
		if i := r.below(len(values)); values[i] > values[best] {
			best = i
		}
	}
	return best
}

// text writes the wish as a shopper types it: some in Chinese, some in the plural, some with a slip of the finger.
func (w *walk) text(s *shopper, want wish) string {
	r := w.random
	k := &w.kinds[want.kind]
	g := &w.categories[k.category]
	if s.chinese && r.chance(0.85) {
		text := k.zh
		if want.style >= 0 {
			text = w.styleWord(want).zh + text
		}
		if want.colour >= 0 {
			text = w.colours[want.colour].zh + text
		}
		if want.brand >= 0 {
			text = w.brands[want.brand].zh + " " + text
		}
		return text
	}
	if r.chance(0.06) && want.brand < 0 {
		return strings.ToLower(g.en)
	}
	var parts []string
	if want.brand >= 0 {
		parts = append(parts, w.brands[want.brand].en)
	}
	if want.colour >= 0 {
		parts = append(parts, w.colours[want.colour].en)
	}
	if want.style >= 0 {
		parts = append(parts, w.styleWord(want).en)
	}
	name := k.en
	if r.chance(0.15) && !strings.HasSuffix(name, "s") {
		name += "s"
	}
	parts = append(parts, name)
	text := strings.ToLower(strings.Join(parts, " "))
	if r.chance(0.06) {
		text = slip(r, text)
	}
	return text
}

func (w *walk) styleWord(want wish) word {
	words := w.departments[w.categories[w.kinds[want.kind].category].department].styles[want.style]
	return words[w.random.below(len(words))]
}

// slip makes one mistake of typing inside a word: a letter left out, doubled, or changed with the next. The text is ASCII.
func slip(r *random, text string) string {
	words := strings.Fields(text)
	i := r.below(len(words))
	b := []byte(words[i])
	if len(b) < 5 {
		return text
	}
	at := 1 + r.below(len(b)-2)
	switch r.below(3) {
	case 0:
		b = append(b[:at], b[at+1:]...)
	case 1:
		b = append(b[:at+1], b[at:]...)
	default:
		b[at], b[at+1] = b[at+1], b[at]
	}
	words[i] = string(b)
	return strings.Join(words, " ")
}

// match is how well a product answers a wish, as the engine of an ordinary shop sees it: by its words.
func (w *walk) match(want wish, p *product) float32 {
	var score float32
	if int(p.kind) != want.kind {
		score -= 2
	}
	if want.brand >= 0 && int(p.brand) == want.brand {
		score += 2.2
	}
	if want.colour >= 0 && int(p.colour) == want.colour {
		score += 1.2
	}
	if want.style >= 0 && int(p.style) == want.style {
		score += 1
	}
	return score
}
