package bench

import (
	"context"
	"flag"

	recall "github.com/haggle-commerce/haggle/services/recall/trial"
)

// indexSpeed times the index as it lives: searches before and while items change.
var indexSpeed = measurement{
	name: "index", what: "the living index: searches before and while items change, what a change costs, and how soon it shows",
	flags: func(flags *flag.FlagSet) runner {
		o := recall.DefaultEngineOptions()
		flags.IntVar(&o.Items, "items", o.Items, "how many items the shop has")
		flags.IntVar(&o.Queries, "queries", o.Queries, "how many searches of each kind are timed")
		flags.IntVar(&o.Updates, "updates", o.Updates, "how many items change per second")
		flags.Uint64Var(&o.Seed, "seed", o.Seed, "what the shop is drawn from")
		return func(ctx context.Context, progress func(string)) (any, error) {
			return recall.Index(ctx, o, progress)
		}
	},
}
