package trial

import (
	"math"
	"math/bits"
	"slices"

	"github.com/haggle-commerce/haggle/services/recall/internal/analysis"
)

// scored is a document with its score.
type scored struct {
	document int
	score    float64
}

// bm25 is the yardstick: BM25 as Lucene computes it over the whole text of a document, every posting read, nothing pruned.
//
//	score = sum over terms of the query, each as often as it stands there, of
//	        ln(1 + (N - df + 0.5) / (df + 0.5)) * tf / (tf + k1 * (1 - b + b * length / average))
//
// Lucene keeps the length of a document in one byte, and so does this, because published figures have that in them.
type bm25 struct {
	postings map[string][]posting
	lengths  []float64
	average  float64
	analyse  func(text string) []string
}

type posting struct{ document, count int }

// The constants of Anserini's regressions (J. Lin et al., "Anserini: reproducible ranking baselines", 2018).
const (
	referenceK1 = 0.9
	referenceB  = 0.4
)

func analyseReference(text string) []string { return analysis.Reference(nil, text) }

// analysePlain gives what recall indexes, without the second forms.
func analysePlain(text string) []string {
	var stems []string
	for _, t := range analysis.Tokens(nil, "", text) {
		if !t.Joined() {
			stems = append(stems, t.Stem)
		}
	}
	return stems
}

func newBM25(texts []string, analyse func(string) []string) *bm25 {
	x := &bm25{postings: map[string][]posting{}, lengths: make([]float64, len(texts)), analyse: analyse}
	total := 0
	for document, text := range texts {
		terms := analyse(text)
		total += len(terms)
		x.lengths[document] = float64(byteLength(len(terms)))
		for _, term := range terms {
			list := x.postings[term]
			if n := len(list); n > 0 && list[n-1].document == document {
				list[n-1].count++
			} else {
				x.postings[term] = append(list, posting{document, 1})
			}
		}
	}
	x.average = float64(total) / float64(max(1, len(texts)))
	return x
}

// byteLength is a length as it comes out of Lucene's byte: exact below 40, then the leading four bits of what is above.
func byteLength(n int) int {
	const exact = 24
	if n < exact {
		return n
	}
	rest := uint(n - exact)
	if shift := bits.Len(rest) - 4; shift > 0 {
		rest = rest >> shift << shift
	}
	return exact + int(rest)
}

func (x *bm25) find(query string) ([]int, error) {
	scores := map[int]float64{}
	for _, term := range x.analyse(query) {
		list := x.postings[term]
		idf := math.Log1p((float64(len(x.lengths)-len(list)) + 0.5) / (float64(len(list)) + 0.5))
		for _, p := range list {
			tf := float64(p.count)
			scores[p.document] += idf * tf / (tf + referenceK1*(1-referenceB+referenceB*x.lengths[p.document]/x.average))
		}
	}
	all := make([]scored, 0, len(scores))
	for document, score := range scores {
		all = append(all, scored{document, score})
	}
	slices.SortFunc(all, byScore)
	var found []int
	for _, s := range all[:min(len(all), depth)] {
		found = append(found, s.document)
	}
	return found, nil
}
