package replay

import (
	"cmp"
	"math"
	"slices"

	"github.com/haggle-commerce/haggle/libs/feature"
	"github.com/haggle-commerce/haggle/services/trainer/internal/corpus"
)

// Shelf is the catalogue by the numbers of a corpus. It never changes.
type Shelf struct {
	catalogue *feature.Catalogue
	facts     []*feature.Facts
	numbers   map[feature.ItemHash]corpus.Item
	// postings are the items that hold a term; groups those of a narrowest category.
	postings map[uint32][]posting
	groups   map[uint32][]corpus.Item
	items    int
}

// posting is an item that holds a term, with what the term counts there.
type posting struct {
	item   corpus.Item
	weight float32
}

// NewShelf numbers what is in the catalogue. Items of the catalogue that the corpus does not know are left out: number them with
// [corpus.Log.Item] before.
func NewShelf(c *corpus.Corpus, catalogue *feature.Catalogue) *Shelf {
	s := &Shelf{
		catalogue: catalogue, facts: make([]*feature.Facts, c.Items()+1), numbers: make(map[feature.ItemHash]corpus.Item, c.Items()),
		postings: map[uint32][]posting{}, groups: map[uint32][]corpus.Item{},
	}
	titles := 0
	for i := 1; i <= c.Items(); i++ {
		item := corpus.Item(i)
		s.numbers[feature.HashItem(c.ID(item))] = item
		f := catalogue.Find(c.ID(item))
		if f == nil {
			continue
		}
		s.facts[i] = f
		s.items++
		titles += f.TitleTerms
	}
	usual := float64(titles) / float64(max(s.items, 1))
	for i, f := range s.facts {
		if f == nil {
			continue
		}
		s.groups[f.Category[feature.Depths-1]] = append(s.groups[f.Category[feature.Depths-1]], corpus.Item(i))
		// As in BM25F: the fields' weights are added before they saturate.
		long := 0.6 + 0.4*float64(f.TitleTerms)/max(usual, 1)
		for k, term := range f.Terms {
			weight := 0.0
			for _, field := range [...]struct {
				is     feature.Field
				weight float64
			}{{feature.InTitle, 3 / long}, {feature.InBrand, 2}, {feature.InCategory, 2}, {feature.InAttribute, 1}} {
				if f.Fields[k]&field.is != 0 {
					weight += field.weight
				}
			}
			s.postings[term] = append(s.postings[term], posting{corpus.Item(i), float32(2.2 * weight / (1.2 + weight))})
		}
	}
	return s
}

// Len returns how many items there are.
func (s *Shelf) Len() int { return s.items }

// idf is that of BM25.
func (s *Shelf) idf(n int) float32 {
	return float32(math.Log1p((float64(s.items-n) + 0.5) / (float64(n) + 0.5)))
}

// terms returns the hashes of the words of a query, each once.
func terms(query string) []uint32 {
	var hashes []uint32
	for _, token := range feature.Tokens(nil, query) {
		if hash := feature.HashTerm(token); !slices.Contains(hashes, hash) && len(hashes) < 24 {
			hashes = append(hashes, hash)
		}
	}
	return hashes
}

// scored is an item with a score.
type scored struct {
	item  corpus.Item
	score float32
}

// tally adds up scores of items. The zero value with room is ready.
type tally struct {
	scores  []float32
	touched []corpus.Item
	best    []scored
}

func (t *tally) reset(items int) {
	if len(t.scores) <= items {
		t.scores = make([]float32, items+1)
	}
	for _, item := range t.touched {
		t.scores[item] = 0
	}
	t.touched = t.touched[:0]
}

func (t *tally) add(item corpus.Item, score float32) {
	if t.scores[item] == 0 {
		t.touched = append(t.touched, item)
	}
	t.scores[item] += score
}

// top returns the k items with the highest scores for which keep holds; ties by hash, so that numbers do not matter. The result
// is valid until the next call.
func (t *tally) top(k int, s *Shelf, keep func(corpus.Item) bool) []scored {
	t.best = t.best[:0]
	for _, item := range t.touched {
		if s.facts[item] != nil && t.scores[item] > 0 && keep(item) {
			t.best = append(t.best, scored{item, t.scores[item]})
		}
	}
	slices.SortFunc(t.best, func(a, b scored) int {
		if a.score != b.score {
			return cmp.Compare(b.score, a.score)
		}
		return cmp.Compare(s.facts[a.item].Hash, s.facts[b.item].Hash)
	})
	return t.best[:min(k, len(t.best))]
}
