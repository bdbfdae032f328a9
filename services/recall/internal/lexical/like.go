package lexical

import (
	"cmp"
	"slices"

	"github.com/haggle-commerce/haggle/services/recall/internal/catalogue"
	"github.com/haggle-commerce/haggle/services/recall/internal/postings"
	"github.com/haggle-commerce/haggle/services/recall/internal/top"
)

// Limits on [Index.Like]: how many words of the item are looked for, and how many postings are read.
const (
	likeTerms    = 8
	likePostings = 2000
)

// Like finds the items of q whose words are most like those of item s, s itself left out; what q says of words is not looked at. The
// best are left in sc.
func (x *Index) Like(sc *Scratch, s catalogue.Slot, q Query) {
	q.Words, q.Least = x.telling(s), 1
	q.Limit++
	x.Find(sc, &q)
	sc.Best = slices.DeleteFunc(sc.Best, func(e top.Entry) bool { return e.Slot == s })
	sc.Best = sc.Best[:min(len(sc.Best), q.Limit-1)]
}

// telling returns the words of item s that say most about it.
func (x *Index) telling(s catalogue.Slot) (words []Word) {
	p, doc := x.find(s)
	if p == nil {
		return nil
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
	for i, t := range best[:min(len(best), likeTerms)] {
		if t.postings > room && i > 0 {
			continue
		}
		room -= t.postings
		words = append(words, Word{Stem: t.stem})
	}
	return words
}
