package trial

import (
	"context"

	"github.com/haggle-commerce/haggle/libs/shop"
	"github.com/haggle-commerce/haggle/services/recall/internal/lexical"
	"github.com/haggle-commerce/haggle/services/recall/internal/query"
)

// Corpus is the generated titles that [Lexical] searches, for what is measured beside it.
type Corpus struct{ g *generator }

// NewCorpus returns the corpus of so many items. The same seed gives the same titles and queries. One goroutine uses it at a time.
func NewCorpus(items int, seed uint64) *Corpus {
	return &Corpus{newGenerator(EngineOptions{Items: items, Seed: seed, Events: 100})}
}

// Item returns the id and the title of the item of number i, from 0: eight lower-case words of the letters a to z between single spaces.
func (c *Corpus) Item(i int) (id shop.ItemID, title string) {
	it := c.g.item(i)
	return it.ID, it.Title
}

// Queries returns the next n queries: three words of one title each, of which two may be the same.
func (c *Corpus) Queries(n int) []string {
	var queries []string
	for range n {
		queries = append(queries, c.g.search().Query)
	}
	return queries
}

// Form says which items are looked for.
type Form string

// The forms of a search.
const (
	// Any is for the best of the items that hold any of the words.
	Any Form = "any"
	// Counted is Any with the exact number of those items, which takes looking at all of them.
	Counted Form = "counted"
	// All is for the best of the items that hold all words, and their exact number.
	All Form = "all"
)

// Shelf is our index of words of a [Corpus], built as [Lexical] builds it. One goroutine uses it at a time.
type Shelf struct {
	s       *shelf
	figures LexicalFigures
}

// NewShelf builds the index of a corpus of o.Items items, to be asked for the best o.K.
func NewShelf(ctx context.Context, o LexicalOptions, progress func(string)) (*Shelf, error) {
	if err := o.Check(); err != nil {
		return nil, err
	}
	b := &Shelf{}
	var err error
	b.s, err = newShelf(ctx, o, &b.figures, progress)
	return b, err
}

// BuildSeconds is the CPU time that building took.
func (b *Shelf) BuildSeconds() float64 { return b.figures.BuildSeconds }

// BytesPerItem is the memory that the index of words takes.
func (b *Shelf) BytesPerItem() float64 { return b.figures.BytesPerItem }

// Find returns the ids of the best items for a query, best first, and how many items there are: of [Any], how many were looked at.
// Words are taken as they stand. Two neighbours are not also looked for as one word, as recall does: no other index does the same.
func (b *Shelf) Find(text string, form Form) (ids []shop.ItemID, total int) {
	s := b.s
	q := lexical.Query{Words: query.Words(s.words, nil, "", text), Limit: s.o.K, Tie: s.catalogue.Tie, Least: 1, Count: form != Any}
	for i := range q.Words {
		q.Words[i].Forms = nil
	}
	if form == All {
		q.Least = len(q.Words)
	}
	found := s.words.Find(&s.scratch, &q)
	ids = make([]shop.ItemID, len(s.scratch.Best))
	for i, e := range s.scratch.Best {
		ids[i] = s.catalogue.ID(e.Slot)
	}
	return ids, found.Total
}
