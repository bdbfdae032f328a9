// Package sparse makes sparse vectors of texts, for back ends that find by vectors alone: one dimension per word, by a hash of its stem.
//
// The weight of a word in an item is that of the own index (package lexical) without how rare the word is, which the back end adds when
// it compares: Qdrant does with the modifier IDF.
package sparse

import (
	"slices"

	"github.com/haggle-commerce/haggle/libs/shop"
	"github.com/haggle-commerce/haggle/services/recall/internal/lexical"
	"github.com/haggle-commerce/haggle/services/recall/internal/query"
)

// Vector holds values at rising indices, each once.
type Vector struct {
	Indices []uint32
	Values  []float32
}

// Maker makes vectors of items. It is for one goroutine. Make one with [NewMaker].
type Maker struct {
	analyser *lexical.Analyser
	params   lexical.Params
}

// NewMaker returns a maker.
func NewMaker() *Maker { return &Maker{analyser: lexical.NewAnalyser(), params: lexical.Defaults()} }

// Item returns the vector of the words of an item.
func (m *Maker) Item(it *shop.Item) Vector {
	at := map[uint32]float32{}
	for stem, weight := range m.params.Weights(m.analyser.Analyse(it)) {
		at[Index(stem)] += weight
	}
	return vectorOf(at)
}

// Query returns the vector of a query in a language, a BCP 47 tag or "". It is empty when the text holds no words.
func Query(language, text string) Vector {
	at := map[uint32]float32{}
	for _, w := range query.Words(unknown{}, nil, language, text) {
		weight := w.Weight
		if weight == 0 {
			weight = 1
		}
		at[Index(w.Stem)] = max(at[Index(w.Stem)], weight)
		for _, form := range w.Forms {
			at[Index(form.Stem)] = max(at[Index(form.Stem)], weight*form.Weight)
		}
	}
	return vectorOf(at)
}

func vectorOf(at map[uint32]float32) Vector {
	v := Vector{Indices: make([]uint32, 0, len(at)), Values: make([]float32, 0, len(at))}
	for index := range at {
		v.Indices = append(v.Indices, index)
	}
	slices.Sort(v.Indices)
	for _, index := range v.Indices {
		v.Values = append(v.Values, at[index])
	}
	return v
}

// Index is the dimension of a stem: FNV-1a in 32 bits. Of 100,000 stems about one pair shares a dimension.
func Index(stem string) uint32 {
	h := uint32(2166136261)
	for i := range len(stem) {
		h = (h ^ uint32(stem[i])) * 16777619
	}
	return h
}

// unknown is the dictionary of an index that is not here: it knows no words.
type unknown struct{}

// Count implements [query.Dictionary].
func (unknown) Count() int { return 0 }

// Items implements [query.Dictionary].
func (unknown) Items(string) int { return 0 }

// Similar implements [query.Dictionary].
func (unknown) Similar(dst []lexical.Entry, _ string, _ int) []lexical.Entry { return dst }
