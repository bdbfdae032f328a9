package bench

import (
	"context"
	"flag"

	"github.com/haggle-commerce/haggle/services/trainer/trial"
)

// topNProtocol judges collaborative filters.
var topNProtocol = measurement{
	name: "topn", what: "what users touch, foretold among all items: Recall@20, NDCG@20",
	flags: func(flags *flag.FlagSet) runner {
		p := trial.TopN{}
		flags.StringVar(&p.Dir, "dir", "", "the `folder` with train.tsv.gz and test.tsv.gz: a user, a tab, and items between spaces")
		flags.Float64Var(&p.Budget, "budget", 300, "how many CPU `seconds` the choice of a model may take, by estimate")
		flags.Uint64Var(&p.Seed, "seed", 1, "the `seed` of all that is random")
		return func(ctx context.Context, progress func(string)) (any, error) { return p.Run(ctx, progress) }
	},
}
