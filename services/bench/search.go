package bench

import (
	"context"
	"flag"
	"fmt"
	"strings"

	"github.com/haggle-commerce/haggle/libs/model/encoder"
	"github.com/haggle-commerce/haggle/services/recall/trial"
	learners "github.com/haggle-commerce/haggle/services/trainer/trial"
)

// searchProtocol judges searches.
var searchProtocol = measurement{
	name: "search", what: "searches of documents with graded judgements: NDCG@10, MAP, P@30",
	flags: func(flags *flag.FlagSet) runner {
		var s trial.Search
		flags.StringVar(&s.Dir, "dir", "", "the `folder` with products.jsonl.gz and qrels.tsv, or docs.jsonl.gz, topics* and qrels* in the forms of TREC")
		fields := flags.String("fields", "", "the `fields` that are searched, between commas, the title first (default title,short_description, or all)")
		flags.StringVar(&s.ID, "id", "", "the `field` that judgements name documents by (default: it is looked for)")
		flags.StringVar(&s.Pipeline, "pipeline", "", fmt.Sprintf("one of %s (default: reference with topics, else default)", strings.Join(trial.SearchPipelines, ", ")))
		flags.Uint64Var(&s.EditSeed, "edit-seed", 0, "makes one random edit in each query, by this `seed`")
		return func(ctx context.Context, progress func(string)) (any, error) {
			for _, field := range strings.Split(*fields, ",") {
				if field = strings.TrimSpace(field); field != "" {
					s.Fields = append(s.Fields, field)
				}
			}
			s.Train = func(ctx context.Context, texts []encoder.Text) (*encoder.Model, error) {
				progress(fmt.Sprintf("training an encoder on %d texts", len(texts)))
				return learners.Encoder(ctx, texts, 1, nil)
			}
			return s.Run(ctx, progress)
		}
	},
}
