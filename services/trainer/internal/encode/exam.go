package encode

import (
	"math/rand/v2"

	"github.com/haggle-commerce/haggle/libs/kernel"
	"github.com/haggle-commerce/haggle/libs/model/encoder"
)

const (
	// mostHeld and mostPool bound what an exam costs: 1,000 queries against 20,000 items take about half a second.
	mostHeld = 1000
	mostPool = 20_000
	// heldShare is one in how many items is held out where there are no clicks.
	heldShare = 20
)

// Exam asks an encoder for the items of queries that it was not trained on.
type Exam struct {
	// K is how many items are looked at for each query.
	K    int
	held []held
	pool []encoder.Text
	// items are what no pair of the catalogue may be made of.
	items map[int]bool
}

// held is a query whose item is known by its place in the pool.
type held struct {
	query string
	at    int
}

// NewExam draws an exam: clicks of later time where there are enough, else words of items' titles. It returns nil when there are too few items. The same input and seed give the same exam.
func NewExam(in Input, seed uint64) *Exam {
	random := rand.New(rand.NewPCG(seed, 7))
	var texts []int
	for i, t := range in.Items {
		if t.Title != "" {
			texts = append(texts, i)
		}
	}
	if len(texts) < minItems {
		return nil
	}
	e := &Exam{items: map[int]bool{}}
	random.Shuffle(len(texts), func(i, j int) { texts[i], texts[j] = texts[j], texts[i] })
	pooled := map[int]int{}
	for _, i := range texts[:min(len(texts), mostPool)] {
		pooled[i] = len(e.pool)
		e.pool = append(e.pool, in.Items[i])
	}
	e.K = max(min(100, len(e.pool)/20), 1)
	for _, i := range random.Perm(len(in.Held)) {
		if at, ok := pooled[in.Held[i].Item]; ok && len(e.held) < mostHeld {
			e.held = append(e.held, held{in.Held[i].Query, at})
		}
	}
	const enough = 100
	if len(e.held) >= enough {
		return e
	}
	e.held = e.held[:0]
	// Where the title itself is there, its words are found by lexical search too. Every other item has to be known by the rest.
	for at := 0; at < len(e.pool); at += 2 {
		if t := &e.pool[at]; t.Facts != "" || t.Description != "" {
			t.Title = ""
		}
	}
	for _, i := range texts[:min(max(len(e.pool)/heldShare, 20), mostHeld)] {
		e.items[i] = true
		e.held = append(e.held, held{someWords(in.Items[i].Title, random), pooled[i]})
	}
	return e
}

// Hits returns for each held-out query 1 when its item is among the first K, and else 0.
func (e *Exam) Hits(m *encoder.Model) []float64 {
	dims, hits := m.Dims(), make([]float64, len(e.held))
	var w encoder.Words
	items, query := make([]float32, len(e.pool)*dims), make([]float32, dims)
	for i, t := range e.pool {
		m.Item(items[i*dims:(i+1)*dims], &w, t)
	}
	scores := make([]float32, len(e.pool))
	for n, h := range e.held {
		if !m.Query(query, &w, h.query) {
			continue
		}
		for i := range scores {
			scores[i] = kernel.Dot(items[i*dims:(i+1)*dims], query)
		}
		own, better := scores[h.at], 0
		for _, s := range scores {
			if s > own {
				better++
			}
		}
		if better < e.K {
			hits[n] = 1
		}
	}
	return hits
}
