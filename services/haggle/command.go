package haggle

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"time"

	"github.com/haggle-commerce/haggle/libs/service"
)

const usageText = `haggle answers a shop's searches and recommendations at the lowest cost per query.

  haggle up       run the whole suite in one process; haggle up -help lists what can be set
  haggle import   load a catalogue and events into a running suite
  haggle version  say what was built
`

// UsageError says that the arguments make no sense.
type UsageError struct{ err error }

// Error implements error.
func (e *UsageError) Error() string { return e.err.Error() }

// Unwrap returns the cause.
func (e *UsageError) Unwrap() error { return e.err }

// Command runs the command line args (without the program's name) until it is done or ctx ends. What programs read goes to
// out, what people read to progress. The error is a [*UsageError] when args make no sense.
func Command(ctx context.Context, args []string, env func(string) string, out, progress io.Writer) error {
	name := "up"
	if len(args) > 0 && len(args[0]) > 0 && args[0][0] != '-' {
		name, args = args[0], args[1:]
	} else if slices.Contains(args, "-help") || slices.Contains(args, "--help") || slices.Contains(args, "-h") {
		fmt.Fprint(out, usageText)
		return nil
	}
	switch name {
	case "up":
		return commandUp(ctx, args, env, out, progress)
	case "import":
		return commandImport(ctx, args, env, progress)
	case "version":
		version(out)
		return nil
	case "help":
		fmt.Fprint(out, usageText)
		return nil
	}
	return &UsageError{fmt.Errorf("there is no command %q\n\n%s", name, usageText)}
}

// inside is the common configuration of a process that brings its own NATS and Redis.
func inside() service.Common {
	common := service.DefaultCommon()
	common.NATS, common.Redis = "", ""
	common.Admin = "127.0.0.1:0"
	common.LogLevel = slog.LevelWarn
	common.Cores, common.Memory = float64(runtime.GOMAXPROCS(0)), 1<<30
	return common
}

func commandUp(ctx context.Context, args []string, env func(string) string, out, progress io.Writer) error {
	c, common := Default(), inside()
	if err := load("haggle", &c, &common, args, env, out); err != nil {
		return err
	}
	if err := c.Check(); err != nil {
		return &UsageError{err}
	}
	tune(env)
	return Up(ctx, c, World{Common: common, Out: out, Progress: progress, Terminal: terminal(progress)})
}

// load reads a configuration; asked for help it prints that and returns the error that says so.
func load[C any](name string, c *C, common *service.Common, args []string, env func(string) string, out io.Writer) error {
	err := service.Load(name, c, common, args, env)
	if help := (*service.Help)(nil); errors.As(err, &help) {
		fmt.Fprint(out, help.Text)
		return err
	}
	if err != nil {
		return &UsageError{err}
	}
	return nil
}

// heapGrowth is the target of the garbage collector (GOGC) for the one process. A shop of 20,000 items lives in about
// 150 MiB, and twice that between collections halves what collecting costs a query.
const heapGrowth = 200

func tune(env func(string) string) {
	service.CalmMonitor()
	if env("GOGC") == "" {
		debug.SetGCPercent(heapGrowth)
	}
}

// importing is the configuration of haggle import.
type importing struct {
	Target  string        `flag:"target" help:"address of the gateway"`
	Key     string        `flag:"key" help:"file with a secret key, where the gateway has keys"`
	Catalog string        `flag:"catalog" help:"catalogue to load: CSV, TSV, NDJSON or Parquet, also with .gz; empty generates a shop"`
	Events  string        `flag:"events" help:"log of events to load, in the same formats"`
	Items   int           `flag:"items" help:"items of the generated shop"`
	Count   int           `flag:"event-count" help:"events of the generated shop"`
	Seed    uint64        `flag:"seed" help:"seed of the generated shop"`
	Wait    time.Duration `flag:"wait" help:"how long to wait for the gateway"`
	IfEmpty bool          `flag:"if-empty" help:"do nothing when the shop has items already"`
}

func commandImport(ctx context.Context, args []string, env func(string) string, progress io.Writer) error {
	standard := Default()
	c := importing{Target: "http://127.0.0.1:8080", Items: standard.Items, Count: standard.Count, Seed: standard.Seed, Wait: 10 * time.Second}
	if err := service.LoadFields("haggle import", service.Fields("import", "", &c), args, env); err != nil {
		if help := (*service.Help)(nil); errors.As(err, &help) {
			fmt.Fprint(progress, help.Text)
			return err
		}
		return &UsageError{err}
	}
	job := Import{Target: c.Target, Catalog: c.Catalog, Events: c.Events, Items: c.Items, Count: c.Count, Seed: c.Seed, Now: time.Now()}
	if c.Key != "" {
		text, err := os.ReadFile(c.Key)
		if err != nil {
			return fmt.Errorf("read the key: %w", err)
		}
		job.Key = firstLine(string(text))
	}
	if err := await(ctx, c.Target, c.Wait); err != nil {
		return err
	}
	p := newProgress(progress, terminal(progress))
	if c.IfEmpty {
		if n, err := job.size(ctx); err != nil {
			return err
		} else if n > 0 {
			p.say("the shop has %d items already: nothing to load", n)
			return nil
		}
	}
	loaded, err := job.run(ctx, p)
	if err != nil {
		return err
	}
	p.say("loaded %d items and %d events into %s", loaded.Items, loaded.Events, c.Target)
	return nil
}

// terminal reports whether w is a terminal.
func terminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0 && os.Getenv("TERM") != "dumb"
}

// keepKey makes a signing key in the data folder when the process was given no secrets, so that pseudonyms and tokens are the
// same after a restart.
func keepKey(data string) (folder string, err error) {
	folder = filepath.Join(data, "secrets")
	path := filepath.Join(folder, "hmac.key")
	if _, err := os.Stat(path); err == nil {
		return folder, nil
	}
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return "", fmt.Errorf("keep a signing key: %w", err)
	}
	var key [32]byte
	rand.Read(key[:])
	if err := os.WriteFile(path, []byte(hex.EncodeToString(key[:])+"\n"), 0o600); err != nil {
		return "", fmt.Errorf("keep a signing key: %w", err)
	}
	return folder, nil
}

func version(out io.Writer) {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		fmt.Fprintln(out, "haggle, built without build information")
		return
	}
	fmt.Fprintf(out, "haggle %s, %s %s/%s\n", info.Main.Version, info.GoVersion, runtime.GOOS, runtime.GOARCH)
}
