package bench

import (
	"context"
	"flag"

	"github.com/haggle-commerce/haggle/services/recall/trial"
)

// autocompleteSpeed times autocompletion.
var autocompleteSpeed = measurement{
	name: "autocomplete", what: "finishing what is typed: CPU time at the median and the 99th percentile, memory",
	flags: func(flags *flag.FlagSet) runner {
		a := trial.Autocomplete{}
		flags.IntVar(&a.Items, "items", 1_000_000, "how many items the shop has")
		flags.IntVar(&a.Queries, "queries", 10_000, "how many beginnings are timed")
		flags.Uint64Var(&a.Seed, "seed", 1, "what the shop is drawn from")
		return func(ctx context.Context, progress func(string)) (any, error) { return a.Run(ctx, progress) }
	},
}
