package bench

import (
	"context"
	"flag"

	recall "github.com/haggle-commerce/haggle/services/recall/trial"
)

// vectorSpeed times the index of vectors.
var vectorSpeed = measurement{
	name: "vectors", what: "nearest vectors: CPU time, recall against exact products, and the share of the machine's limits that is used",
	flags: func(flags *flag.FlagSet) runner {
		o := recall.DefaultVectorOptions()
		flags.IntVar(&o.Items, "items", o.Items, "how many vectors")
		flags.IntVar(&o.Dims, "dims", o.Dims, "how many numbers a vector has")
		flags.IntVar(&o.Queries, "queries", o.Queries, "how many searches are timed")
		flags.IntVar(&o.K, "k", o.K, "how many nearest items are looked for")
		flags.Uint64Var(&o.Seed, "seed", o.Seed, "what the vectors are drawn from")
		return func(ctx context.Context, progress func(string)) (any, error) {
			return recall.Vectors(ctx, o, progress)
		}
	},
}
