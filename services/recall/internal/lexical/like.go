package lexical

import (
	"cmp"
	"slices"

	"github.com/haggle-commerce/haggle/services/recall/internal/catalogue"
	"github.com/haggle-commerce/haggle/services/recall/internal/postings"
)

// Limits on [Index.Like]: how many words of the item are looked for, and how many postings are read.
const (
	likeTerms    = 8
	likePostings = 2000
)

// Like finds the items whose words are most like those of item s, s itself left out, and scores them. It leaves them in the hits of sc.
func (x *Index) Like(sc *Scratch, s catalogue.Slot) {
	x.begin(sc)
	p, doc := x.find(s)
	if p == nil {
		return
	}
	type telling struct {
		stem     string
		weight   float64
		postings int
	}
	var best []telling
	for _, term := range p.terms(doc, nil) {
		stem, _ := p.text(term)
		df := 0
		for other := range x.all {
			if t, ok := other.term(stem); ok {
				l := other.list(t)
				df += other.live(t, &l)
			}
		}
		if df < 2 {
			continue
		}
		c := postings.NewCursor(p.list(term))
		c.Skip(doc)
		best = append(best, telling{stem, idf(x.count, df) * float64(c.Weight(doc)), df})
	}
	slices.SortFunc(best, func(a, b telling) int {
		return cmp.Or(cmp.Compare(b.weight, a.weight), cmp.Compare(a.stem, b.stem))
	})
	room := likePostings
	var words []Word
	for i, t := range best[:min(len(best), likeTerms)] {
		if t.postings > room && i > 0 {
			continue
		}
		room -= t.postings
		words = append(words, Word{Stem: t.stem})
	}
	x.lookUp(sc, words)
	x.matchAll(sc)
	if i := slices.Index(sc.Hits, s); i >= 0 {
		sc.cells[s] = 0
		sc.Hits = slices.Delete(sc.Hits, i, i+1)
	}
}
