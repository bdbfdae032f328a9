package bench

import (
	"context"
	"errors"
	"flag"

	"github.com/haggle-commerce/haggle/services/recall/trial"
	learners "github.com/haggle-commerce/haggle/services/trainer/trial"
)

// sessionProtocol and sequenceProtocol measure what comes next.
func sessionProtocol() measurement {
	return onFolder("session", "the next item of sessions, as in diginetica", func(ctx context.Context, dir string, progress func(string)) (any, error) {
		return learners.Session(ctx, dir, progress)
	})
}

func sequenceProtocol() measurement {
	return onFolder("sequence", "the next item of long sequences, as in s3rec_beauty", func(ctx context.Context, dir string, progress func(string)) (any, error) {
		return learners.Sequence(ctx, dir, progress)
	})
}

// onFolder is a measurement on a folder of data.
func onFolder(name, what string, run func(ctx context.Context, dir string, progress func(string)) (any, error)) measurement {
	return measurement{name: name, what: what, flags: func(flags *flag.FlagSet) runner {
		dir := flags.String("dir", "", "the folder of data")
		return func(ctx context.Context, progress func(string)) (any, error) {
			if *dir == "" {
				return nil, errors.New("--dir is missing: the folder of data")
			}
			return run(ctx, *dir, progress)
		}
	}}
}

// sessionPart times predictions of the next item.
func sessionPart() measurement {
	return measurement{name: "session", what: "predictions of the next item over a window of generated sessions", flags: func(flags *flag.FlagSet) runner {
		var s trial.Sessions
		flags.IntVar(&s.Items, "items", 1_000_000, "how many `items` the shop has")
		flags.IntVar(&s.Sessions, "sessions", 1_000_000, "how many `sessions` the window holds")
		flags.IntVar(&s.Asked, "predictions", 5000, "how many `predictions` are timed")
		flags.Uint64Var(&s.Seed, "seed", 1, "the `seed` of what is generated")
		return func(ctx context.Context, progress func(string)) (any, error) { return s.Run(ctx, progress) }
	}}
}
