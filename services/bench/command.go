package bench

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/haggle-commerce/haggle/services/bench/internal/report"
	"github.com/haggle-commerce/haggle/services/bench/internal/schedule"
	"github.com/haggle-commerce/haggle/services/bench/internal/shopper"
)

const usage = `haggle-bench loads a haggle as shoppers would and says what its queries cost, and puts its parts to the test.

  haggle-bench load --target URL [flags]   sends queries at a fixed rate, whether or not earlier ones were answered
  haggle-bench quality PROTOCOL [flags]    runs a published protocol on a folder of data and prints our row of its table
  haggle-bench speed PART [flags]          measures one part on one core
  haggle-bench load --help                 lists the flags, as does --help behind each protocol and part

For example:
  haggle-bench load --target http://127.0.0.1:8080 --rate 200 --duration 30s --mix search=1,recommend=1 --json
  haggle-bench load --target http://127.0.0.1:8080 --rate 200 --duration 10s --find-max p99_ms=50
`

// Exit codes.
const (
	exitFine  = 0
	exitFault = 1
	exitUsage = 2
)

// Command runs the command line args (without the program's name) and returns the exit code. Results go to stdout, progress and
// faults to stderr.
func Command(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	if len(args) == 0 {
		fmt.Fprint(stderr, usage)
		return exitUsage
	}
	switch args[0] {
	case "load":
		return load(ctx, args[1:], stdout, stderr)
	case "quality":
		return measure(ctx, "quality", protocols(), args[1:], stdout, stderr)
	case "speed":
		return measure(ctx, "speed", parts(), args[1:], stdout, stderr)
	case "help", "-h", "-help", "--help":
		fmt.Fprint(stdout, usage)
		return exitFine
	}
	fmt.Fprintf(stderr, "haggle-bench: there is no command %q\n\n%s", args[0], usage)
	return exitUsage
}

// load is the subcommand of that name.
func load(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	c, asJSON, help, err := parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprint(stdout, help)
		return exitFine
	case err != nil:
		fmt.Fprintf(stderr, "haggle-bench load: %s\n", strings.ReplaceAll(err.Error(), "\n", "\n  "))
		return exitUsage
	}
	progress, end := progressOn(stderr)
	r, err := Load(ctx, c, progress)
	end()
	if err == nil {
		write := (*report.Report).WriteTable
		if asJSON {
			write = (*report.Report).WriteJSON
		}
		err = write(r, stdout)
	}
	if err != nil {
		fmt.Fprintf(stderr, "haggle-bench load: %v\n", err)
		return exitFault
	}
	return exitFine
}

// parse reads the flags of load. With [flag.ErrHelp] it also returns the list of them.
func parse(args []string) (c Config, asJSON bool, help string, err error) {
	c = Default()
	flags := flag.NewFlagSet("haggle-bench load", flag.ContinueOnError)
	var text strings.Builder
	flags.SetOutput(&text)
	flags.StringVar(&c.Target, "target", c.Target, "`URL` where haggle answers, such as http://127.0.0.1:8080")
	flags.StringVar(&c.Key, "key", c.Key, "API `key`, sent as a bearer token; costs need the secret key")
	flags.Float64Var(&c.Rate, "rate", c.Rate, "queries per second on average")
	flags.DurationVar(&c.Duration, "duration", c.Duration, "how long is measured (of each step with -find-max)")
	flags.DurationVar(&c.Warmup, "warmup", c.Warmup, "how long is loaded before that, without being counted")
	flags.Func("mix", fmt.Sprintf("`shares` of the kinds of query, of %v (default %s)", shopper.Kinds, c.Mix), func(text string) (err error) {
		c.Mix, err = shopper.ParseMix(text)
		return err
	})
	flags.Func("arrivals", fmt.Sprintf("`pattern` of arrivals, %s or %s (default %s)", schedule.Poisson, schedule.Constant, c.Arrivals), func(text string) error {
		c.Arrivals = schedule.Pattern(text)
		return c.Arrivals.Check()
	})
	flags.IntVar(&c.Visitors, "visitors", c.Visitors, "how many visitors there are; half of them have viewed items before")
	flags.Uint64Var(&c.Seed, "seed", c.Seed, "makes all that is random")
	flags.IntVar(&c.Concurrency, "concurrency", c.Concurrency, "most queries that wait for an answer at once; what is due beyond is counted as not sent")
	flags.DurationVar(&c.Timeout, "timeout", c.Timeout, "how long an answer is waited for")
	flags.Func("find-max", "steps the rate up from -rate until an `objective` such as p99_ms=50 is missed, and reports the most that met it", func(text string) (err error) {
		c.FindMax, err = ParseObjective(text)
		return err
	})
	flags.BoolVar(&asJSON, "json", false, "write the report as JSON instead of a table")
	if err := flags.Parse(args); err != nil {
		if !errors.Is(err, flag.ErrHelp) {
			err = fmt.Errorf("%w (-help lists the flags)", err)
		}
		return c, false, text.String(), err
	}
	if flags.NArg() > 0 {
		return c, false, "", fmt.Errorf("takes flags alone, not %q", flags.Args())
	}
	return c, asJSON, "", c.Check()
}

// progressOn returns a function that shows a line in the place of the one before, and one that ends it. Without a terminal
// there is no progress: a log has no use for it.
func progressOn(w io.Writer) (show func(line string), end func()) {
	file, ok := w.(*os.File)
	if !ok {
		return nil, func() {}
	}
	if info, err := file.Stat(); err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return nil, func() {}
	}
	const clear = "\r\x1b[K"
	return func(line string) { fmt.Fprint(file, clear+line) }, func() { fmt.Fprint(file, clear) }
}
