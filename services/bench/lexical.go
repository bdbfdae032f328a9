package bench

import (
	"context"
	"flag"

	recall "github.com/haggle-commerce/haggle/services/recall/trial"
)

// lexicalSpeed times the index of words.
var lexicalSpeed = measurement{
	name: "lexical", what: "search by words: any or all of three, with filter and facet, and what the index takes",
	flags: func(flags *flag.FlagSet) runner {
		o := recall.DefaultLexicalOptions()
		flags.IntVar(&o.Items, "items", o.Items, "how many titles")
		flags.IntVar(&o.Queries, "queries", o.Queries, "how many searches of each kind are timed")
		flags.IntVar(&o.K, "k", o.K, "how many of the best are looked for")
		flags.Uint64Var(&o.Seed, "seed", o.Seed, "what the titles are drawn from")
		return func(ctx context.Context, progress func(string)) (any, error) {
			return recall.Lexical(ctx, o, progress)
		}
	},
}
