package service

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/haggle-commerce/haggle/libs/shop"
)

// Load fills a service's configuration and the common one, which hold the defaults, from the environment and then from
// flags: default < HAGGLE_<SERVICE>_<FIELD> (HAGGLE_<FIELD> for the common ones) < flag. The error names every fault at once:
// the field, its value, where that came from and what to do; it is a [*Help] when args ask for help. A Check method of c, if
// it has one, is called last; env is os.Getenv, or what a test puts in its place.
func Load[C any](name string, c *C, common *Common, args []string, env func(string) string) error {
	fields := slices.Concat(Fields(name, "", c), Fields("", "", common))
	if err := LoadFields(name, fields, args, env); err != nil {
		return err
	}
	return errors.Join(CheckFields(fields, c), CheckFields(fields, common))
}

// Help is the error of a command line that asks for help. It matches [flag.ErrHelp].
type Help struct {
	// Text is what to print.
	Text string
}

// Error implements error.
func (h *Help) Error() string { return h.Text }

// Is makes errors.Is(err, flag.ErrHelp) hold.
func (h *Help) Is(target error) bool { return target == flag.ErrHelp }

// LoadFields fills fields from the environment and then from flags, and returns every fault at once, or a [*Help]. It is what
// a program of several services builds its own command line with.
func LoadFields(program string, fields []Field, args []string, env func(string) string) error {
	given, err := parse(program, fields, args)
	if err != nil {
		return err
	}
	var faults []error
	for i := range fields {
		f := &fields[i]
		value, found := given[f.Flag]
		switch {
		case found:
			f.source = "flag -" + f.Flag
		case env(f.Env) != "" && !link(env(f.Env)):
			value, f.source = env(f.Env), "environment variable "+f.Env
		default:
			continue
		}
		if err := f.set(value); err != nil {
			faults = append(faults, f.fault(value, err.Error()))
		}
	}
	return errors.Join(faults...)
}

// parse reads the command line into the last value of each flag.
func parse(program string, fields []Field, args []string) (map[string]string, error) {
	set := flag.NewFlagSet(program, flag.ContinueOnError)
	set.SetOutput(io.Discard)
	given := map[string]string{}
	for _, f := range fields {
		if set.Lookup(f.Flag) != nil {
			panic(fmt.Sprintf("BUG: two settings of %s are called %q", program, f.Flag))
		}
		if note := func(value string) error { given[f.Flag] = value; return nil }; f.boolean() {
			set.BoolFunc(f.Flag, f.Help, note)
		} else {
			set.Func(f.Flag, f.Help, note)
		}
	}
	switch err := set.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return nil, &Help{Text: usage(program, fields)}
	case err != nil:
		return nil, fmt.Errorf("read command line: %w; %s", err, hint(err.Error(), fields))
	case set.NArg() > 0:
		return nil, fmt.Errorf("read command line: %q is not a flag; flags begin with a dash, -help lists them", set.Arg(0))
	}
	return given, nil
}

// hint names the flag that an unknown one was probably meant to be.
func hint(fault string, fields []Field) string {
	name := fault[strings.LastIndexByte(fault, '-')+1:]
	if _, after, found := strings.Cut(fault, "not defined: -"); found {
		name = after
	}
	best, least := "", 3
	for _, f := range fields {
		if d := distance(name, f.Flag); d < least {
			best, least = f.Flag, d
		}
	}
	if best == "" || best == name {
		return "-help lists the flags"
	}
	return fmt.Sprintf("did you mean -%s? -help lists the flags", best)
}

// distance is the number of letters to insert, delete or replace to turn a into b.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replaced := diagonal
			if a[i] != b[j] {
				replaced++
			}
			diagonal = row[j+1]
			row[j+1] = min(replaced, row[j]+1, diagonal+1)
		}
	}
	return row[len(b)]
}

// usage is the text of -help.
func usage(program string, fields []Field) string {
	var b strings.Builder
	fmt.Fprintf(&b, "Usage: %s [flags]\n\nA flag wins over the environment, the environment over the default.\n\n", program)
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "FLAG\tENVIRONMENT\tDEFAULT\tMEANING")
	for _, f := range fields {
		standard := f.Default
		if standard == "" {
			standard = "-"
		}
		fmt.Fprintf(w, "-%s\t%s\t%s\t%s\n", f.Flag, f.Env, standard, f.Help)
	}
	w.Flush() // into a strings.Builder, which does not fail
	return b.String()
}

// fault is an error about the value of a field.
func (f *Field) fault(value, reason string) error {
	if strings.Contains(value, "://") && strings.Contains(value, "@") {
		value = "a URL with credentials"
	}
	return fmt.Errorf("%s: %q (from %s) is not usable: %s; set -%s or %s", f.Flag, value, f.source, reason, f.Flag, f.Env)
}

// CheckFields calls the Check method of c, if it has one, and adds to each fault that is a [*shop.FieldError] and names a
// field, by its flag or its Go name, the value and where it came from.
func CheckFields[C any](fields []Field, c *C) error {
	checked, ok := any(c).(interface{ Check() error })
	if !ok {
		return nil
	}
	var faults []error
	for _, err := range each(checked.Check()) {
		var fault *shop.FieldError
		if !errors.As(err, &fault) {
			faults = append(faults, err)
			continue
		}
		i := slices.IndexFunc(fields, func(f Field) bool { return f.Flag == fault.Field || f.goes == fault.Field })
		if i < 0 {
			faults = append(faults, err)
			continue
		}
		faults = append(faults, fields[i].fault(text(fields[i].value), fault.Reason))
	}
	return errors.Join(faults...)
}

// each takes a joined error apart.
func each(err error) []error {
	if err == nil {
		return nil
	}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		var all []error
		for _, e := range joined.Unwrap() {
			all = append(all, each(e)...)
		}
		return all
	}
	return []error{err}
}
