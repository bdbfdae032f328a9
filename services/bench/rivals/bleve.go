package rivals

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/blevesearch/bleve/v2"
	"github.com/blevesearch/bleve/v2/analysis/analyzer/custom"
	"github.com/blevesearch/bleve/v2/analysis/tokenizer/whitespace"
	"github.com/blevesearch/bleve/v2/mapping"
	"github.com/blevesearch/bleve/v2/search/query"
	api "github.com/blevesearch/bleve_index_api"

	"github.com/haggle-commerce/haggle/libs/cost"
	"github.com/haggle-commerce/haggle/services/recall/trial"
)

// bleveIndex is an index of bleve in the setting that suits this work best: scorch on disk, built by its offline builder in batches and
// merged to one segment, opened to be read alone; one field of text split at spaces, scored by BM25, nothing stored beside it, no
// places of words, no values by document and no field of all fields.
type bleveIndex struct {
	index  bleve.Index
	k      int
	folder string
}

const (
	field = "title"
	// batch is how many items bleve takes at once.
	batch = 4096
)

// document is an item as bleve reads it.
type document struct {
	Title string `json:"title"`
}

func bleveMapping() (mapping.IndexMapping, error) {
	m := bleve.NewIndexMapping()
	const words = "words"
	if err := m.AddCustomAnalyzer(words, map[string]any{"type": custom.Name, "tokenizer": whitespace.Name}); err != nil {
		return nil, err
	}
	title := bleve.NewTextFieldMapping()
	title.Analyzer = words
	title.Store, title.IncludeTermVectors, title.IncludeInAll, title.DocValues = false, false, false, false
	m.DefaultMapping = bleve.NewDocumentStaticMapping()
	m.DefaultMapping.AddFieldMappingsAt(field, title)
	m.ScoringModel = api.BM25Scoring
	return m, nil
}

func buildBleve(ctx context.Context, o Options, progress func(string)) (index, built, error) {
	folder, err := os.MkdirTemp("", "bleve")
	if err != nil {
		return nil, built{}, err
	}
	x := &bleveIndex{k: o.K, folder: folder}
	b, err := x.build(ctx, o, progress)
	if err != nil {
		return nil, built{}, errors.Join(err, x.close())
	}
	return x, b, nil
}

func (x *bleveIndex) build(ctx context.Context, o Options, progress func(string)) (b built, err error) {
	m, err := bleveMapping()
	if err != nil {
		return b, err
	}
	path := filepath.Join(x.folder, "index")
	builder, err := bleve.NewBuilder(path, m, map[string]any{"batchSize": batch, "buildPathPrefix": x.folder})
	if err != nil {
		return b, err
	}
	corpus := trial.NewCorpus(o.Items, o.Seed)
	for at := 0; at < o.Items; at += batch {
		var ids []string
		var documents []document
		for i := at; i < min(at+batch, o.Items); i++ {
			id, title := corpus.Item(i)
			ids, documents = append(ids, string(id)), append(documents, document{title})
		}
		begin := cost.ProcessCPU()
		for i := range ids {
			if err := builder.Index(ids[i], documents[i]); err != nil {
				return b, err
			}
		}
		b.Seconds += (cost.ProcessCPU() - begin).Seconds()
		if at/batch%25 == 0 {
			progress(fmt.Sprintf("%d of %d items", at, o.Items))
		}
		if ctx.Err() != nil {
			return b, ctx.Err()
		}
	}
	progress("merging")
	begin := cost.ProcessCPU()
	if err := builder.Close(); err != nil {
		return b, err
	}
	b.Seconds += (cost.ProcessCPU() - begin).Seconds()
	size, err := sizeOf(path)
	if err != nil {
		return b, err
	}
	b.BytesPerItem = float64(size) / float64(o.Items)
	x.index, err = bleve.OpenUsing(path, map[string]any{"read_only": true})
	return b, err
}

// sizeOf adds up the files in a folder.
func sizeOf(folder string) (size int64, err error) {
	err = filepath.WalkDir(folder, func(_ string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		info, err := entry.Info()
		if err == nil {
			size += info.Size()
		}
		return err
	})
	return size, err
}

// find is for the best of any or all words. Bleve looks at all items that hold a word, and so counts them, whatever it is asked for.
func (x *bleveIndex) find(ctx context.Context, text string, form trial.Form) (ids []string, total int, err error) {
	match := bleve.NewMatchQuery(text)
	match.SetField(field)
	if form == trial.All {
		match.SetOperator(query.MatchQueryOperatorAnd)
	}
	result, err := x.index.SearchInContext(ctx, bleve.NewSearchRequestOptions(match, x.k, 0, false))
	if err != nil {
		return nil, 0, err
	}
	for _, hit := range result.Hits {
		ids = append(ids, hit.ID)
	}
	return ids, int(result.Total), nil
}

func (x *bleveIndex) close() error {
	var err error
	if x.index != nil {
		err = x.index.Close()
	}
	return errors.Join(err, os.RemoveAll(x.folder))
}
