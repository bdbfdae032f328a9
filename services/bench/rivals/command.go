// Package rivals measures parts of haggle beside what others built for the same work, on the same data, in turns.
//
// It is a module of its own, which no other imports, so that rivals come into no binary and no go.sum but its own.
package rivals

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
)

const usage = `rivals measures parts of haggle beside what others built for the same work.

  rivals lexical [flags]   search by words beside bleve; --help lists the flags

For example:
  rivals lexical --items 1000000 --queries 300 --json
`

// Exit codes.
const (
	exitFine  = 0
	exitFault = 1
	exitUsage = 2
)

// Command runs the command line args (without the program's name) and returns the exit code. Results go to stdout, progress and
// faults to stderr. It starts the program that it is part of again, with the same args and the flag -side, once for each rival.
func Command(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	if len(args) == 0 || args[0] != "lexical" {
		fmt.Fprint(stderr, usage)
		return exitUsage
	}
	o, asJSON, name := DefaultOptions(), false, ""
	flags := flag.NewFlagSet("rivals lexical", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.IntVar(&o.Items, "items", o.Items, "how many titles")
	flags.IntVar(&o.Queries, "queries", o.Queries, "how many searches of each form are timed")
	flags.IntVar(&o.K, "k", o.K, "how many of the best are looked for")
	flags.IntVar(&o.Rounds, "rounds", o.Rounds, "how often each search is timed")
	flags.Uint64Var(&o.Seed, "seed", o.Seed, "what the titles are drawn from")
	flags.BoolVar(&asJSON, "json", false, "write the figures as JSON instead of a table")
	flags.StringVar(&name, "side", "", "build one `index` alone, ours or bleve, and search as the standard input says: what this command starts itself")
	err := flags.Parse(args[1:])
	switch {
	case errors.Is(err, flag.ErrHelp):
		return exitFine
	case err != nil:
		return exitUsage
	case flags.NArg() > 0:
		fmt.Fprintf(stderr, "rivals lexical takes flags alone, not %q\n", flags.Args())
		return exitUsage
	}
	if name != "" {
		err = serve(ctx, name, o, os.Stdin, stdout, stderr)
	} else {
		err = compare(ctx, o, asJSON, args, stdout, stderr)
	}
	if err != nil {
		fmt.Fprintf(stderr, "rivals lexical: %v\n", err)
		return exitFault
	}
	return exitFine
}

// compare measures both and writes the figures.
func compare(ctx context.Context, o Options, asJSON bool, args []string, stdout, stderr io.Writer) error {
	if err := o.Check(); err != nil {
		return err
	}
	f, err := o.run(ctx, args, stderr)
	if err != nil {
		return err
	}
	if asJSON {
		return json.NewEncoder(stdout).Encode(f)
	}
	return f.writeTable(stdout)
}
