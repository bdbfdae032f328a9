package bench

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"reflect"
	"strings"
	"text/tabwriter"
)

// measurement is one subcommand of quality or speed: a protocol on a folder of data, or a part to time.
type measurement struct {
	name, what string
	// flags declares the flags and returns what runs when they are read. The result is a struct whose json tags name the figures.
	flags func(*flag.FlagSet) runner
}

// runner measures. Progress may be called with a line that says how far it is.
type runner func(ctx context.Context, progress func(line string)) (any, error)

// measure runs one of several measurements, as the first of args says.
func measure(ctx context.Context, command string, all []measurement, args []string, stdout, stderr io.Writer) int {
	var list strings.Builder
	for _, m := range all {
		fmt.Fprintf(&list, "  haggle-bench %s %-12s %s\n", command, m.name, m.what)
	}
	if len(args) == 0 || strings.TrimLeft(args[0], "-") == "help" || args[0] == "-h" {
		fmt.Fprintf(stderr, "haggle-bench %s wants one of these, and --help behind it lists its flags:\n\n%s", command, list.String())
		return exitUsage
	}
	for _, m := range all {
		if m.name == args[0] {
			return m.run(ctx, "haggle-bench "+command+" "+m.name, args[1:], stdout, stderr)
		}
	}
	fmt.Fprintf(stderr, "haggle-bench %s: there is no %q, but:\n\n%s", command, args[0], list.String())
	return exitUsage
}

func (m *measurement) run(ctx context.Context, name string, args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet(name, flag.ContinueOnError)
	flags.SetOutput(stderr)
	asJSON := flags.Bool("json", false, "write the figures as JSON instead of a table")
	run := m.flags(flags)
	err := flags.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return exitFine
	case err != nil:
		return exitUsage
	case flags.NArg() > 0:
		fmt.Fprintf(stderr, "%s takes flags alone, not %q\n", name, flags.Args())
		return exitUsage
	}
	show, end := progressOn(stderr)
	if show == nil {
		show = func(line string) { fmt.Fprintln(stderr, line) }
	}
	result, err := run(ctx, show)
	end()
	if err == nil {
		if *asJSON {
			err = json.NewEncoder(stdout).Encode(result)
		} else {
			err = writeFigures(stdout, result)
		}
	}
	if err != nil {
		fmt.Fprintf(stderr, "%s: %v\n", name, err)
		return exitFault
	}
	return exitFine
}

// writeFigures prints the fields of a struct, one a line, by the names of their json tags.
func writeFigures(w io.Writer, result any) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	value := reflect.Indirect(reflect.ValueOf(result))
	for i := range value.NumField() {
		name, options, _ := strings.Cut(value.Type().Field(i).Tag.Get("json"), ",")
		if name == "" || name == "-" || strings.Contains(options, "omit") && value.Field(i).IsZero() {
			continue
		}
		if value.Field(i).Kind() == reflect.Float64 {
			fmt.Fprintf(table, "%s\t%.4g\n", name, value.Field(i).Float())
			continue
		}
		fmt.Fprintf(table, "%s\t%v\n", name, value.Field(i))
	}
	return table.Flush()
}

// protocols are the subcommands of quality.
func protocols() []measurement {
	return []measurement{
		searchProtocol,
		topNProtocol,
		sessionProtocol(),
		sequenceProtocol(),
	}
}

// parts are the subcommands of speed.
func parts() []measurement {
	return []measurement{
		lexicalSpeed,
		indexSpeed,
		vectorSpeed,
		engineSpeed,
		sessionPart(),
		autocompleteSpeed,
	}
}
