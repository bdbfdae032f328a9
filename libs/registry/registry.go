// Package registry publishes model files and watches for newer ones.
package registry

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/haggle-commerce/haggle/libs/bus"
	"github.com/haggle-commerce/haggle/libs/wire"
)

// Card says what a model is and how good it was when it was made.
type Card struct {
	// ID is Name and the first digits of the checksum.
	ID string `json:"id"`
	// Name is the slot that the model fills: "ranker", "neighbours".
	Name string `json:"name"`
	// Kind is the form of the model: "trees", "linear", "neighbour".
	Kind    string `json:"kind"`
	Variant string `json:"variant,omitempty"`
	// SHA256 is that of the file, in hexadecimal; Bytes is its length.
	SHA256  string    `json:"sha256"`
	Bytes   int64     `json:"bytes"`
	Created time.Time `json:"created"`
	// Metrics are figures of quality on held-out data by name, Intervals their 95 % intervals.
	Metrics   map[string]float64    `json:"metrics,omitempty"`
	Intervals map[string][2]float64 `json:"intervals,omitempty"`
	Features  []string              `json:"features,omitempty"`
	// TrainedOn says on what, for people.
	TrainedOn string `json:"trained_on,omitempty"`
	// CPUMicros is what scoring 100 candidates costs.
	CPUMicros float64 `json:"cpu_micros,omitempty"`
	// Serving says whether this is the model that its slot serves now.
	Serving bool   `json:"serving"`
	Note    string `json:"note,omitempty"`
}

// MaxModelBytes bounds a model file, so that a broken card cannot make a service run out of memory.
const MaxModelBytes = 1 << 30

const (
	// servingKey and a slot's name make the key under which the id of the model that serves stands.
	servingKey = ".serving"
	// idDigits is how many digits of the checksum are in an id.
	idDigits = 12
	// firstPause and lastPause bound the wait before another try.
	firstPause = 50 * time.Millisecond
	lastPause  = 2 * time.Second
	// readWait bounds the reading of one model, storeWait the storing.
	readWait  = time.Minute
	storeWait = time.Minute
)

// Registry is the store of models. Its methods may be called at once.
type Registry struct {
	bus      *bus.Bus
	log      *slog.Logger
	loaded   atomic.Uint64
	rejected atomic.Uint64
}

// New returns the registry on b.
func New(b *bus.Bus, log *slog.Logger) *Registry {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Registry{bus: b, log: log}
}

// Loaded returns how many models watches have loaded.
func (r *Registry) Loaded() uint64 { return r.loaded.Load() }

// Rejected returns how many models watches have refused: a wrong checksum, or a load that failed.
func (r *Registry) Rejected() uint64 { return r.rejected.Load() }

// Publish stores a model file and its card and makes it the one that its slot serves. It fills ID, SHA256, Bytes and
// Serving, and Created when that is zero. A watcher sees a model only once all of it is stored. While the bus is away,
// Publish tries again until ctx ends: what was learnt in minutes is not to be lost to a restart.
func (r *Registry) Publish(ctx context.Context, c Card, file []byte) (Card, error) {
	if len(file) == 0 || len(file) > MaxModelBytes {
		return c, fmt.Errorf("publish model %s: %d bytes, want 1 to %d", c.Name, len(file), MaxModelBytes)
	}
	sum := sha256.Sum256(file)
	c.SHA256, c.Bytes = hex.EncodeToString(sum[:]), int64(len(file))
	c.ID, c.Serving = c.Name+"-"+c.SHA256[:idDigits], true
	if err := r.store(ctx, &c, file); err != nil {
		return c, fmt.Errorf("publish model %s: %w", c.Name, err)
	}
	r.log.Info("model published", "model", c.ID, "kind", c.Kind, "bytes", c.Bytes)
	return c, nil
}

// Record stores a card without serving its model: a candidate that was refused, say. An empty ID is filled. It tries
// again as Publish does.
func (r *Registry) Record(ctx context.Context, c Card) error {
	c.Serving = false
	if c.ID == "" {
		unsaid, err := json.Marshal(c)
		if err != nil {
			return fmt.Errorf("record model %s: %w", c.Name, err)
		}
		sum := sha256.Sum256(unsaid)
		c.ID = c.Name + "-" + hex.EncodeToString(sum[:])[:idDigits]
	}
	if err := r.store(ctx, &c, nil); err != nil {
		return fmt.Errorf("record model %s: %w", c.Name, err)
	}
	return nil
}

// store stores what put stores, and tries again while the bus is away.
func (r *Registry) store(ctx context.Context, c *Card, file []byte) error {
	if fault := nameFault(c.Name); fault != "" {
		return &wire.Error{Code: wire.Invalid, Field: "name", Text: fault}
	}
	if c.Created.IsZero() {
		c.Created = time.Now().UTC()
	}
	text, err := json.Marshal(c)
	if err != nil {
		return fmt.Errorf("encode card: %w", err)
	}
	for wait := firstPause; ; wait = min(2*wait, lastPause) {
		err := r.bus.Ask(ctx, storeWait, func(ctx context.Context) error { return r.put(ctx, c, text, file) })
		if code := wire.CodeOf(err); code != wire.Overloaded && code != wire.Late || ctx.Err() != nil {
			return err
		}
		r.log.Warn("model not stored, trying again", "model", c.ID, "error", err)
		pause(ctx, wait)
	}
}

// pause waits for d or the end of ctx.
func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}

// put stores the file, then the card, then which model serves: each after what it names. No file means that none serves.
func (r *Registry) put(ctx context.Context, c *Card, text, file []byte) error {
	kv, err := r.bus.KV(ctx, wire.BucketModels)
	if err != nil {
		return err
	}
	if file != nil {
		objects, err := r.bus.Objects(ctx, wire.BucketModels)
		if err != nil {
			return err
		}
		if _, err := objects.PutBytes(ctx, c.ID, file); err != nil {
			return fmt.Errorf("store file: %w", err)
		}
	}
	if _, err := kv.Put(ctx, c.Name+"."+c.ID, text); err != nil {
		return fmt.Errorf("store card: %w", err)
	}
	if file != nil {
		if _, err := kv.PutString(ctx, c.Name+servingKey, c.ID); err != nil {
			return fmt.Errorf("store which model serves: %w", err)
		}
	}
	return nil
}

// nameFault says why a slot cannot have that name; "" means that it can.
func nameFault(name string) string {
	if name == "" {
		return "is empty"
	}
	for _, c := range name {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '_' {
			return fmt.Sprintf("holds %q, want lower-case letters, digits, '-' and '_'", c)
		}
	}
	return ""
}

// List returns every card, newest first.
func (r *Registry) List(ctx context.Context) ([]Card, error) {
	var cards []Card
	err := r.bus.Ask(ctx, readWait, func(ctx context.Context) (err error) {
		cards, err = r.list(ctx)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list models: %w", err)
	}
	return cards, nil
}

func (r *Registry) list(ctx context.Context) ([]Card, error) {
	kv, err := r.bus.KV(ctx, wire.BucketModels)
	if err != nil {
		return nil, err
	}
	all, err := kv.WatchAll(ctx, jetstream.IgnoreDeletes())
	if err != nil {
		return nil, err
	}
	defer func() { _ = all.Stop() }()
	var cards []Card
	serving := map[string]string{}
	for {
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case entry, ok := <-all.Updates():
			if !ok || entry == nil { // nil marks the end of what was there
				return order(cards, serving), nil
			}
			if name, ok := strings.CutSuffix(entry.Key(), servingKey); ok {
				serving[name] = string(entry.Value())
				continue
			}
			var c Card
			if err := json.Unmarshal(entry.Value(), &c); err != nil {
				r.log.Warn("model card unreadable", "key", entry.Key(), "error", err)
				continue
			}
			cards = append(cards, c)
		}
	}
}

// order marks the cards that serve and sorts them, newest first.
func order(cards []Card, serving map[string]string) []Card {
	for i := range cards {
		cards[i].Serving = serving[cards[i].Name] == cards[i].ID
	}
	slices.SortFunc(cards, func(a, b Card) int {
		if c := b.Created.Compare(a.Created); c != 0 {
			return c
		}
		return strings.Compare(a.ID, b.ID)
	})
	return cards
}

// Watch calls load with the model that slot name serves, now and whenever another one serves, until ctx ends. It waits
// while nothing is published and while the bus is away. A file with a wrong checksum is refused; a load that fails is
// logged and counted, and what was loaded before stays.
func (r *Registry) Watch(ctx context.Context, name string, load func(Card, []byte) error) error {
	if fault := nameFault(name); fault != "" {
		return &wire.Error{Code: wire.Invalid, Field: "name", Text: fault}
	}
	w := &watch{registry: r, name: name, load: load}
	for wait := firstPause; ctx.Err() == nil; wait = min(2*wait, lastPause) {
		err := r.bus.WatchKey(ctx, wire.BucketModels, name+servingKey, func(id []byte, revision uint64) error {
			return w.take(ctx, string(id), revision)
		})
		switch {
		case errors.Is(err, bus.ErrClosed):
			return fmt.Errorf("watch model %s: %w", name, err)
		case err != nil:
			r.log.Warn("model not readable now, trying again", "name", name, "error", err)
			pause(ctx, wait)
		}
	}
	return nil
}

// watch is one Watch under way.
type watch struct {
	registry *Registry
	name     string
	load     func(Card, []byte) error
	// loaded is the id of the model that load took last.
	loaded string
	// refused is the revision of the choice that was refused last: the same one is not tried again after a reconnect.
	refused uint64
}

// take loads the model id. It returns an error only when it could not be read now, so that another try may do better.
func (w *watch) take(ctx context.Context, id string, revision uint64) error {
	if id == "" || id == w.loaded || revision == w.refused {
		return nil
	}
	r := w.registry
	var card Card
	var file []byte
	err := r.bus.Ask(ctx, readWait, func(ctx context.Context) (err error) {
		card, file, err = r.read(ctx, w.name, id)
		return err
	})
	if err != nil && !errors.Is(err, errRefused) {
		return err
	}
	if err == nil {
		err = w.load(card, file)
	}
	if err != nil {
		w.refused = revision
		r.rejected.Add(1)
		r.log.Error("model refused, the one before stays", "name", w.name, "model", id, "error", err)
		return nil
	}
	w.loaded = id
	r.loaded.Add(1)
	r.log.Info("model loaded", "name", w.name, "model", id, "bytes", len(file))
	return nil
}

// errRefused says that a model is broken as it is stored.
var errRefused = errors.New("model refused")

// read fetches a card and its file and checks them.
func (r *Registry) read(ctx context.Context, name, id string) (Card, []byte, error) {
	var c Card
	kv, err := r.bus.KV(ctx, wire.BucketModels)
	if err != nil {
		return c, nil, err
	}
	entry, err := kv.Get(ctx, name+"."+id)
	if err != nil {
		return c, nil, fmt.Errorf("read card of %s: %w", id, err)
	}
	if err := json.Unmarshal(entry.Value(), &c); err != nil {
		return c, nil, fmt.Errorf("%w: decode card: %w", errRefused, err)
	}
	if c.Bytes <= 0 || c.Bytes > MaxModelBytes {
		return c, nil, fmt.Errorf("%w: the card says %d bytes, at most %d", errRefused, c.Bytes, MaxModelBytes)
	}
	objects, err := r.bus.Objects(ctx, wire.BucketModels)
	if err != nil {
		return c, nil, err
	}
	object, err := objects.Get(ctx, id)
	if err != nil {
		return c, nil, fmt.Errorf("open file of %s: %w", id, err)
	}
	defer object.Close()
	file, err := readFile(object, c.Bytes)
	if err != nil {
		return c, nil, fmt.Errorf("read file of %s: %w", id, err)
	}
	if sum := sha256.Sum256(file); hex.EncodeToString(sum[:]) != c.SHA256 {
		return c, nil, fmt.Errorf("%w: its SHA-256 is %x, the card says %s", errRefused, sum, c.SHA256)
	}
	c.Serving = true
	return c, file, nil
}

// readFile reads what should be size bytes, in memory for no more than that.
func readFile(from io.Reader, size int64) ([]byte, error) {
	file := bytes.NewBuffer(make([]byte, 0, size+bytes.MinRead))
	n, err := io.Copy(file, io.LimitReader(from, size+1))
	switch {
	case errors.Is(err, jetstream.ErrDigestMismatch):
		return nil, fmt.Errorf("%w: %w", errRefused, err)
	case err != nil:
		return nil, err
	case n != size:
		return nil, fmt.Errorf("%w: the card says %d bytes, the file has another length", errRefused, size)
	}
	return file.Bytes(), nil
}
