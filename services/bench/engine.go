package bench

import (
	"context"
	"flag"

	recall "github.com/haggle-commerce/haggle/services/recall/trial"
)

// engineSpeed times the whole engine of recall.
var engineSpeed = measurement{
	name: "engine", what: "the whole of recall's engine: answers, updates while it serves, memory, snapshots",
	flags: func(flags *flag.FlagSet) runner {
		o := recall.DefaultEngineOptions()
		flags.IntVar(&o.Items, "items", o.Items, "how many items the shop has")
		flags.IntVar(&o.Events, "events", o.Events, "how many clicks and purchases are told")
		flags.IntVar(&o.Queries, "queries", o.Queries, "how many requests of each kind are timed")
		flags.IntVar(&o.Updates, "updates", o.Updates, "how many items change per second while requests are answered")
		flags.IntVar(&o.Dims, "dims", o.Dims, "how many numbers the vector of an item has; 0 for none")
		flags.Uint64Var(&o.Seed, "seed", o.Seed, "what the shop is drawn from")
		return func(ctx context.Context, progress func(string)) (any, error) {
			return recall.Engine(ctx, o, progress)
		}
	},
}
