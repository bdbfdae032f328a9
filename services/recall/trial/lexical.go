package trial

import (
	"context"
	"fmt"
	"runtime"
	"runtime/debug"
	"slices"

	"github.com/haggle-commerce/haggle/libs/cost"
	"github.com/haggle-commerce/haggle/libs/shop"
	"github.com/haggle-commerce/haggle/services/recall/internal/catalogue"
	"github.com/haggle-commerce/haggle/services/recall/internal/filter"
	"github.com/haggle-commerce/haggle/services/recall/internal/lexical"
	"github.com/haggle-commerce/haggle/services/recall/internal/query"
	"github.com/haggle-commerce/haggle/services/recall/internal/top"
)

// LexicalOptions say what is measured.
type LexicalOptions struct {
	// Items is how many titles there are, Queries how many searches of each kind are timed, K how many of the best are wanted.
	Items, Queries, K int
	Seed              uint64
}

// DefaultLexicalOptions returns the size that the targets are stated for.
func DefaultLexicalOptions() LexicalOptions {
	return LexicalOptions{Items: 1_000_000, Queries: 2000, K: 200, Seed: 1}
}

// Check returns what is wrong with the options.
func (o LexicalOptions) Check() error {
	switch {
	case o.Items < 100 || o.Items > 20_000_000:
		return fmt.Errorf("%d items, must be from 100 to 20,000,000", o.Items)
	case o.Queries < 100:
		return fmt.Errorf("%d queries, must be 100 at least", o.Queries)
	case o.K < 1 || o.K > 10_000:
		return fmt.Errorf("k is %d, must be from 1 to 10,000", o.K)
	}
	return nil
}

// LexicalFigures are what a search by words costs. Times are CPU time of one thread, from the text of the query to the best items in
// order.
type LexicalFigures struct {
	// MedianMicros and P99Micros are of the K best of all items that hold any of the words.
	MedianMicros float64 `json:"median_us"`
	P99Micros    float64 `json:"p99_us"`
	// Recall is how much of the best by full evaluation is among those.
	Recall       float64 `json:"recall"`
	BuildSeconds float64 `json:"build_cpu_s"`
	BytesPerItem float64 `json:"bytes_per_item"`
	// All is of the K best of the items that hold all words, and their exact number.
	AllMedian float64 `json:"all_median_us"`
	AllP99    float64 `json:"all_p99_us"`
	// Facet is of the items that hold all words and pass a filter on the price: the K best, their exact number, and how often each of
	// the 50 values of an attribute stands among them. FacetAny is of the items that hold any word.
	FacetMedian    float64 `json:"facet_filter_median_us"`
	FacetP99       float64 `json:"facet_filter_p99_us"`
	FacetAnyMedian float64 `json:"facet_filter_any_median_us"`
	FacetAnyP99    float64 `json:"facet_filter_any_p99_us"`
	// Full is of the K best of all items that hold any word, without passing over any.
	FullMedian float64 `json:"full_median_us"`
	FullP99    float64 `json:"full_p99_us"`
	Items      int     `json:"items"`
	K          int     `json:"k"`
	Parts      int     `json:"parts"`
	// PostingsRead is how many postings a search reads, PostingsAll how many the lists of its words have.
	PostingsRead float64 `json:"postings_read"`
	PostingsAll  float64 `json:"postings_all"`
}

// shelf is the index of words of a generated shop with the columns beside it.
type shelf struct {
	o         LexicalOptions
	words     *lexical.Index
	catalogue *catalogue.Catalogue
	queries   []string
	scratch   lexical.Scratch
	counter   catalogue.Counter
	hits      catalogue.Bits
	read      int
}

// Lexical measures the index of words on generated titles of eight words by Zipf's law. Queries are three words of one title. The index
// is built item by item and merged as it is while it serves, and is measured as that leaves it.
func Lexical(ctx context.Context, o LexicalOptions, progress func(string)) (*LexicalFigures, error) {
	if err := o.Check(); err != nil {
		return nil, err
	}
	f := &LexicalFigures{Items: o.Items, K: o.K}
	s, err := newShelf(ctx, o, f, progress)
	if err != nil {
		return nil, err
	}
	progress("searching")
	for _, run := range []struct {
		search      func(query string) error
		median, p99 *float64
		read        *float64
	}{
		{s.any, &f.MedianMicros, &f.P99Micros, &f.PostingsRead}, // warms, and is timed again
		{s.any, &f.MedianMicros, &f.P99Micros, &f.PostingsRead},
		{s.full, &f.FullMedian, &f.FullP99, &f.PostingsAll},
		{s.all, &f.AllMedian, &f.AllP99, nil},
		{s.facetedAll, &f.FacetMedian, &f.FacetP99, nil},
		{s.facetedAny, &f.FacetAnyMedian, &f.FacetAnyP99, nil},
	} {
		s.read = 0
		if err := s.time(run.search, run.median, run.p99); err != nil {
			return nil, err
		}
		if run.read != nil {
			*run.read = float64(s.read) / float64(len(s.queries))
		}
	}
	f.Recall = s.recall()
	return f, nil
}

// newShelf builds the index and notes what that takes.
func newShelf(ctx context.Context, o LexicalOptions, f *LexicalFigures, progress func(string)) (*shelf, error) {
	g := newGenerator(EngineOptions{Items: o.Items, Seed: o.Seed, Events: 100})
	s := &shelf{o: o, words: lexical.New(lexical.Defaults()), catalogue: catalogue.New()}
	for range o.Queries {
		s.queries = append(s.queries, g.search().Query)
	}
	for i := range o.Items {
		s.catalogue.Put(g.item(i))
	}
	before := heapBytes()
	analyser := lexical.NewAnalyser()
	for at := 0; at < o.Items; at += 1000 {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		var titles []string
		for i := at; i < min(at+1000, o.Items); i++ {
			titles = append(titles, g.item(i).Title)
		}
		begin := cost.ProcessCPU()
		for i, title := range titles {
			d := analyser.Analyse(&shop.Item{Title: title})
			d.Order(s.catalogue.Tie(catalogue.Slot(at + i)))
			s.words.Put(catalogue.Slot(at+i), d)
		}
		for j := s.words.Work(); j != nil; j = s.words.Work() {
			j.Run()
			if err := s.words.Install(j); err != nil {
				return nil, err
			}
		}
		f.BuildSeconds += (cost.ProcessCPU() - begin).Seconds()
		if at%100_000 == 0 {
			progress(fmt.Sprintf("%d of %d items", at, o.Items))
		}
	}
	f.BytesPerItem = float64(heapBytes()-before) / float64(o.Items)
	// The words that titles are made of stood in memory before, too.
	runtime.KeepAlive(g)
	f.Parts = s.words.Parts()
	return s, nil
}

// heapBytes is the memory in use after what is not is given back.
func heapBytes() uint64 {
	debug.FreeOSMemory()
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	return memory.HeapAlloc
}

// time runs every query once and sets the median and the 99th of a hundred of their CPU times.
func (s *shelf) time(search func(query string) error, median, p99 *float64) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var used []float64
	for _, q := range s.queries {
		meter := cost.Start()
		err := search(q)
		used = append(used, micros(meter.Stop()))
		if err != nil {
			return err
		}
	}
	slices.Sort(used)
	*median, *p99 = quantile(used, .5), quantile(used, .99)
	return nil
}

func (s *shelf) find(text string, q lexical.Query) {
	q.Words = query.Words(s.words, nil, "", text)
	if q.Least == 0 {
		q.Least = len(q.Words)
	}
	q.Tie = s.catalogue.Tie
	s.read += s.words.Find(&s.scratch, &q).Postings
}

func (s *shelf) any(text string) error {
	s.find(text, lexical.Query{Least: 1, Limit: s.o.K})
	return nil
}

func (s *shelf) all(text string) error {
	s.find(text, lexical.Query{Limit: s.o.K, Count: true})
	return nil
}

func (s *shelf) full(text string) error {
	s.find(text, lexical.Query{Least: 1, Limit: s.o.K, Count: true})
	return nil
}

func (s *shelf) facetedAll(text string) error { return s.faceted(text, false) }
func (s *shelf) facetedAny(text string) error { return s.faceted(text, true) }

// faceted is a search with a filter that leaves most, and a facet.
func (s *shelf) faceted(text string, any bool) error {
	expression, err := filter.Parse("price >= 10")
	if err != nil {
		return err
	}
	selection := s.catalogue.Select(&expression)
	q := lexical.Query{Limit: s.o.K, Room: s.catalogue.Size(), Narrow: func(found catalogue.Bits) catalogue.Bits {
		s.hits = selection.Apply(found, s.hits, "")
		return s.hits
	}}
	if any {
		q.Least = 1
	}
	s.find(text, q)
	if facets := s.catalogue.Facets(&s.counter, s.hits, []string{"colour"}, nil); len(facets) != 1 {
		return fmt.Errorf("%q: %d facets", text, len(facets))
	}
	return nil
}

// recall compares the best of some queries with those of full evaluation.
func (s *shelf) recall() float64 {
	found, wanted := 0, 0
	for _, text := range s.queries[:100] {
		_ = s.full(text)
		want := slices.Clone(s.scratch.Best)
		_ = s.any(text)
		wanted += len(want)
		for _, e := range s.scratch.Best {
			if slices.ContainsFunc(want, func(w top.Entry) bool { return w.Slot == e.Slot && w.Score == e.Score }) {
				found++
			}
		}
	}
	return float64(found) / float64(max(1, wanted))
}
