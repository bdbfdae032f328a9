// Package haggle runs every service in one process, with NATS and the Redis protocol inside it.
package haggle

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/alicebob/miniredis/v2"
	"golang.org/x/sync/errgroup"

	"github.com/haggle-commerce/haggle/libs/cost"
	"github.com/haggle-commerce/haggle/libs/observe"
	"github.com/haggle-commerce/haggle/libs/service"
)

// Config says what the one process runs and on what data.
type Config struct {
	Host    string `flag:"host" help:"address to listen on; the shop has no keys by default, so think before you open it to others"`
	Port    int    `flag:"port" help:"port of the shop and its API; 0 takes a free one"`
	Data    string `flag:"data" help:"folder of the state that survives a restart"`
	Fresh   bool   `flag:"fresh" help:"empty the data folder first"`
	Catalog string `flag:"catalog" help:"catalogue to load: CSV, TSV, NDJSON or Parquet, also with .gz; empty generates a shop"`
	Events  string `flag:"events" help:"log of events to load, in the same formats"`
	Items   int    `flag:"items" help:"items of the generated shop; 0 begins with an empty one"`
	Count   int    `flag:"event-count" help:"events of the generated shop"`
	Seed    uint64 `flag:"seed" help:"seed of the generated shop"`
	Rooms   string `flag:"rooms" help:"services to run in this process, with commas; empty runs all"`
	Page    bool   `flag:"page" help:"serve the storefront page at /"`
	Account bool   `flag:"accounting" help:"measure what each query costs; off is for measuring what that costs"`
}

// Default returns a shop of 20,000 items and 300,000 events at port 8080 of this machine, its state in the user's cache folder.
func Default() Config {
	dir, err := os.UserCacheDir()
	if err != nil {
		dir = os.TempDir()
	}
	return Config{Host: "127.0.0.1", Port: 8080, Data: filepath.Join(dir, "haggle", "data"), Items: 20_000, Count: 300_000, Seed: 1, Page: true, Account: true}
}

// Check returns every fault of the configuration, joined.
func (c Config) Check() error {
	var errs []error
	if c.Port < 0 || c.Port > 65535 {
		errs = append(errs, fmt.Errorf("port: is %d, must be between 0 and 65535", c.Port))
	}
	if c.Data == "" {
		errs = append(errs, errors.New("data: is empty, want a folder"))
	}
	if c.Catalog == "" && c.Events != "" {
		errs = append(errs, errors.New("events: a log of events needs the catalogue that it speaks of; give -catalog too"))
	}
	for field, path := range map[string]string{"catalog": c.Catalog, "events": c.Events} {
		if path == "" {
			continue
		}
		if _, err := os.Stat(path); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", field, err))
		}
	}
	if c.Items < 0 || c.Items > 5_000_000 {
		errs = append(errs, fmt.Errorf("items: is %d, must be between 0 and 5,000,000", c.Items))
	}
	if c.Count < 0 || c.Count > 50_000_000 {
		errs = append(errs, fmt.Errorf("event-count: is %d, must be between 0 and 50,000,000", c.Count))
	}
	for _, room := range c.rooms() {
		if !slices.Contains(roomNames, room) {
			errs = append(errs, fmt.Errorf("rooms: %q is none of %s", room, strings.Join(roomNames, ", ")))
		}
	}
	return errors.Join(errs...)
}

func (c Config) rooms() []string {
	if c.Rooms == "" {
		return roomNames
	}
	return strings.Split(c.Rooms, ",")
}

// World is what a process is given from outside, so that a test can bring its own.
type World struct {
	// Common is the configuration that every process has; an address of NATS or Redis that is empty means inside the process.
	Common service.Common
	Log    *slog.Logger
	// Out gets the one line that programs wait for, Progress the lines that people read.
	Out, Progress io.Writer
	// Clock is time.Now when nil: a test may put the house into the time of its data.
	Clock func() time.Time
	// Terminal says that Progress is a terminal, which gets bars.
	Terminal bool
}

// Up runs the suite until ctx ends. It prints "ready URL" on w.Out when the first query can be answered by all that was
// learnt from the data. It ends within 5 s of ctx.
func Up(ctx context.Context, c Config, w World) error {
	if err := c.Check(); err != nil {
		return err
	}
	if w.Log == nil {
		w.Log = observe.NewLogger(w.Progress, w.Common.LogLevel, w.Common.LogFormat)
	}
	address, err := freeAddress(c.Host, c.Port)
	if err != nil {
		return err
	}
	lock, err := openData(c)
	if err != nil {
		return err
	}
	defer lock.Close()
	if w.Common.Secrets == "" {
		if w.Common.Secrets, err = keepKey(c.Data); err != nil {
			return err
		}
	}
	options := service.Options{Log: w.Log, Clock: w.Clock}
	if w.Common.NATS == "" {
		nats, err := startNATS(ctx, c.Data, w.Log)
		if err != nil {
			return err
		}
		defer nats.WaitForShutdown()
		defer nats.Shutdown()
		options.Server = nats
	}
	if w.Common.Redis == "" {
		redis := miniredis.NewMiniRedis()
		defer redis.Close()
		options.DialRedis = func(context.Context, string, string) (net.Conn, error) { return redis.Dial() }
		options.LocalRow = func(key string) (string, bool) {
			value, err := redis.Get(key)
			return value, err == nil
		}
	}
	cost.Measure(c.Account)
	house, err := service.Open(ctx, w.Common, options)
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	o := &opening{config: c, world: w, address: address, url: "http://" + address, loaded: make(chan struct{}), kits: map[string]service.Kit{}}
	var group errgroup.Group
	group.Go(func() error {
		defer stop()
		return house.Run(ctx, o.rooms()...)
	})
	group.Go(func() error {
		err := o.open(ctx)
		if err != nil && ctx.Err() == nil {
			stop()
			return err
		}
		return nil
	})
	return group.Wait()
}

// freeAddress checks that the port can be had before anything else starts, and finds one where it is 0.
func freeAddress(host string, port int) (string, error) {
	listener, err := net.Listen("tcp", net.JoinHostPort(host, strconv.Itoa(port)))
	if err != nil {
		return "", fmt.Errorf("listen: %w; choose another with --port", err)
	}
	defer listener.Close()
	return listener.Addr().String(), nil
}

// marker is the file that makes a folder ours: --fresh empties no other.
const marker = "haggle.data"

// openData makes the data folder, empties it when asked to, and locks it against a second process.
func openData(c Config) (*os.File, error) {
	path := filepath.Join(c.Data, marker)
	if c.Fresh {
		entries, err := os.ReadDir(c.Data)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return nil, fmt.Errorf("empty the data folder: %w", err)
		}
		if _, err := os.Stat(path); err != nil && len(entries) > 0 {
			return nil, fmt.Errorf("empty the data folder: %s holds files but no %s, so it is not ours to empty; choose another with --data", c.Data, marker)
		}
	}
	if err := os.MkdirAll(c.Data, 0o700); err != nil {
		return nil, fmt.Errorf("make the data folder: %w; choose another with --data", err)
	}
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the data folder: %w; choose another with --data", err)
	}
	if err := lockFile(file); err != nil {
		file.Close()
		return nil, fmt.Errorf("the data folder %s is in use by another haggle; stop it or choose another with --data", c.Data)
	}
	if c.Fresh {
		if err := empty(c.Data); err != nil {
			file.Close()
			return nil, err
		}
		if err := file.Truncate(0); err != nil {
			file.Close()
			return nil, fmt.Errorf("empty the data folder: %w", err)
		}
	}
	return file, nil
}

// empty removes all of dir but the marker, which is locked.
func empty(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("empty the data folder: %w", err)
	}
	for _, entry := range entries {
		if entry.Name() == marker {
			continue
		}
		if err := os.RemoveAll(filepath.Join(dir, entry.Name())); err != nil {
			return fmt.Errorf("empty the data folder: %w", err)
		}
	}
	return nil
}

// settleTime bounds the wait for the first training run: after it the shop opens with what it has.
const settleTime = 60 * time.Second
