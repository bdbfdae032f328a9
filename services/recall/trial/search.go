package trial

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/haggle-commerce/haggle/libs/cost"
	"github.com/haggle-commerce/haggle/libs/model/encoder"
	"github.com/haggle-commerce/haggle/libs/quality"
)

// Search says what to measure searches on, and how.
type Search struct {
	// Dir is the folder with documents and judgements.
	Dir string
	// Fields are the fields that are searched, the title first. Empty means the title and short description of a shop's
	// products, and all of a text collection.
	Fields []string
	// ID names the field of ids; "" looks for it.
	ID string
	// Pipeline is one of [SearchPipelines]; "" means reference for a text collection and default for a shop.
	Pipeline string
	// Train makes an encoder of the texts of documents; only the pipeline hybrid asks for one.
	Train func(ctx context.Context, texts []encoder.Text) (*encoder.Model, error)
	// EditSeed makes one random edit in each query; 0 makes none.
	EditSeed uint64
}

// SearchPipelines are the ways to search: BM25 as Lucene's English analyser and published figures have it, BM25 over what our own
// analysis gives, the whole of recall's search by words, and the same with vectors of an encoder that was trained on the documents alone.
var SearchPipelines = []string{"reference", "plain", "default", "hybrid"}

// SearchFigures are what [Search.Run] returns. Queries without any relevant document are left out of every mean.
type SearchFigures struct {
	Pipeline string `json:"pipeline"`
	// NDCG has linear gains and the ideal of all judged documents; Judged is how many of the first ten have a judgement.
	NDCG   float64 `json:"ndcg@10"`
	Judged float64 `json:"judged@10"`
	// MAP looks at the first 1,000, with any grade above 0 relevant.
	MAP float64 `json:"map"`
	P30 float64 `json:"p@30"`
	// Unedited is NDCG of the queries as they were, Loss how much of it the edits cost; only with an edit seed.
	Unedited  float64 `json:"ndcg@10_unedited,omitempty"`
	Loss      float64 `json:"loss,omitempty"`
	Queries   int     `json:"queries"`
	Documents int     `json:"documents"`
	// QueryMicros is the CPU time of one query.
	QueryMicros float64 `json:"query_cpu_us"`
}

// depth is how many results are judged.
const depth = 1000

// retrieve finds documents, by their place among the records, best first.
type retrieve func(query string) ([]int, error)

// Run measures. Progress may be nil.
func (s Search) Run(ctx context.Context, progress func(line string)) (*SearchFigures, error) {
	if progress == nil {
		progress = func(string) {}
	}
	if s.Dir == "" {
		return nil, errors.New("search: no folder given, use -dir")
	}
	progress("reading " + s.Dir)
	j, err := readJudgements(s.Dir, s.ID)
	if err != nil {
		return nil, fmt.Errorf("search: %w", err)
	}
	if err := s.settle(j); err != nil {
		return nil, fmt.Errorf("search: %w", err)
	}
	progress(fmt.Sprintf("indexing %d documents by %s, pipeline %s", len(j.records), strings.Join(s.Fields, ", "), s.Pipeline))
	find, err := s.index(ctx, j)
	if err != nil {
		return nil, fmt.Errorf("search: %w", err)
	}
	figures := &SearchFigures{Pipeline: s.Pipeline, Documents: len(j.records)}
	if err := s.judge(ctx, j, find, figures, nil); err != nil {
		return nil, fmt.Errorf("search: %w", err)
	}
	if s.EditSeed != 0 {
		figures.Unedited = figures.NDCG
		if err := s.judge(ctx, j, find, figures, rand.New(rand.NewPCG(s.EditSeed, 0))); err != nil {
			return nil, fmt.Errorf("search: %w", err)
		}
		figures.Loss = 1 - figures.NDCG/figures.Unedited
	}
	return figures, nil
}

// settle chooses what was left open, and refuses what the documents do not have.
func (s *Search) settle(j *judgements) error {
	if s.Pipeline == "" {
		s.Pipeline = "default"
		if j.trec {
			s.Pipeline = "reference"
		}
	}
	if !slices.Contains(SearchPipelines, s.Pipeline) {
		return fmt.Errorf("there is no pipeline %q, but %s", s.Pipeline, strings.Join(SearchPipelines, ", "))
	}
	known := map[string]bool{}
	for _, r := range j.records {
		for field := range r {
			known[field] = true
		}
	}
	if len(s.Fields) == 0 {
		s.Fields = []string{"title", "short_description"}
		if !known["title"] || !known["short_description"] {
			s.Fields = nil
			for field := range known {
				if field != j.id {
					s.Fields = append(s.Fields, field)
				}
			}
			slices.Sort(s.Fields)
		}
	}
	if s.Pipeline == "hybrid" && s.Train == nil {
		return errors.New("the pipeline hybrid needs an encoder to be trained")
	}
	for _, field := range s.Fields {
		if !known[field] {
			return fmt.Errorf("no document has the field %q", field)
		}
	}
	return nil
}

func (s *Search) index(ctx context.Context, j *judgements) (retrieve, error) {
	if s.Pipeline == "default" || s.Pipeline == "hybrid" {
		return s.indexEngine(ctx, j)
	}
	texts := make([]string, len(j.records))
	for i, r := range j.records {
		parts := make([]string, 0, len(s.Fields))
		for _, field := range s.Fields {
			parts = append(parts, bare(r.text(field)))
		}
		texts[i] = strings.Join(parts, "\n")
	}
	analyse := analyseReference
	if s.Pipeline == "plain" {
		analyse = analysePlain
	}
	return newBM25(texts, analyse).find, nil
}

// clip shortens a query to what the engine takes.
func clip(query string) string {
	const longest = 512
	if runes := []rune(query); len(runes) > longest {
		return string(runes[:longest])
	}
	return query
}

// judge asks all queries, each with one edit when random is not nil.
func (s *Search) judge(ctx context.Context, j *judgements, find retrieve, f *SearchFigures, random *rand.Rand) error {
	var ndcg, judged, ap, p30 []float64
	meter := cost.Start()
	for _, q := range j.queries {
		if err := ctx.Err(); err != nil {
			return err
		}
		text := q.text
		if random != nil {
			text = edit(text, random)
		}
		var relevant []float64
		for _, grade := range q.grades {
			if grade > 0 {
				relevant = append(relevant, grade)
			}
		}
		if len(relevant) == 0 {
			continue
		}
		found, err := find(text)
		if err != nil {
			return fmt.Errorf("query %q: %w", text, err)
		}
		gains := make([]float64, len(found))
		known := 0
		for i, document := range found {
			grade, ok := q.grades[j.records[document].text(j.id)]
			gains[i] = grade
			if ok && i < 10 {
				known++
			}
		}
		ndcg = append(ndcg, quality.NDCG(gains, relevant, 10))
		judged = append(judged, float64(known)/float64(max(1, min(10, len(found)))))
		ap = append(ap, averagePrecision(gains, len(relevant)))
		p30 = append(p30, precision(gains, 30))
	}
	used := meter.Stop()
	if len(ndcg) == 0 {
		return errors.New("no query has a relevant document")
	}
	f.Queries = len(ndcg)
	f.NDCG, f.Judged, f.MAP, f.P30 = quality.Mean(ndcg), quality.Mean(judged), quality.Mean(ap), quality.Mean(p30)
	f.QueryMicros = float64(used.Microseconds()) / float64(len(ndcg))
	return nil
}

// averagePrecision is [quality.AveragePrecision] of the whole list over all relevant documents, any grade above 0 counting as 1.
func averagePrecision(gains []float64, relevant int) float64 {
	return quality.AveragePrecision(gains, relevant, 0)
}

// precision counts any grade above 0 as a hit.
func precision(gains []float64, k int) float64 {
	hits := 0
	for _, g := range gains[:min(k, len(gains))] {
		if g > 0 {
			hits++
		}
	}
	return float64(hits) / float64(k)
}

// edit makes one random edit in a query: a letter or digit is taken out, doubled by another before it, replaced, or swapped with
// the next one. Each is equally likely, and so is each place.
func edit(query string, random *rand.Rand) string {
	runes := []rune(query)
	var places []int
	for i, r := range runes {
		if r != ' ' {
			places = append(places, i)
		}
	}
	if len(places) == 0 {
		return query
	}
	at := places[random.IntN(len(places))]
	letter := 'a' + rune(random.IntN(26))
	switch random.IntN(4) {
	case 0:
		return string(slices.Delete(runes, at, at+1))
	case 1:
		return string(slices.Insert(runes, at, letter))
	case 2:
		runes[at] = letter
	default:
		other := at + 1
		if other == len(runes) || runes[other] == ' ' {
			other = max(at-1, 0)
		}
		runes[at], runes[other] = runes[other], runes[at]
	}
	return string(runes)
}

// byScore orders the higher score first, of equal ones the earlier document.
func byScore(a, b scored) int {
	return cmp.Or(cmp.Compare(b.score, a.score), cmp.Compare(a.document, b.document))
}
