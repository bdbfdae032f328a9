package recall

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/haggle-commerce/haggle/libs/registry"
	"github.com/haggle-commerce/haggle/libs/wire"
	"github.com/haggle-commerce/haggle/services/recall/internal/engine"
	"github.com/haggle-commerce/haggle/services/recall/internal/snapshot"
)

const (
	// keepGood is how many snapshots are kept, the latest ones: the last, and one in case it cannot be read.
	keepGood = 2
	// onBus is the place of snapshots that all replicas share.
	onBus = "bus"
	// snapshotEnd is how the file of a snapshot ends, partEnd how one that is being written does.
	snapshotEnd, partEnd = ".snapshot", ".part"
	// readWait and storeWait bound the way of one snapshot from and to the object store.
	readWait  = 2 * time.Minute
	storeWait = 5 * time.Minute
	// lastItems is up to how many items the state is written at the end: within about a second.
	lastItems = 300_000
)

// keeper writes the state of the engine and finds it again. A snapshot is recall's own: only recall writes and reads it, each shard
// its own ones. In a folder every replica has its own. In the object store the replica writes that finds the latest one too old;
// replicas look at different times, so that one of them does it for all, and two at once do no harm.
type keeper struct {
	door    *door
	places  []place
	every   time.Duration
	shard   string
	options engine.Options
	// streams are when the streams were made that the state is of.
	streams map[string]time.Time

	// mu is held while a batch of a stream is taken in and while a snapshot is written, so that the positions are those of the state.
	mu        sync.Mutex
	positions map[string]snapshot.Position
}

// place is where snapshots are kept.
type place interface {
	// list returns the names of the snapshots, the latest first.
	list(ctx context.Context) ([]string, error)
	open(ctx context.Context, name string) (io.ReadCloser, int64, error)
	write(ctx context.Context, name string, save func(io.Writer) error) error
	remove(ctx context.Context, name string) error
	String() string
}

func newKeeper(d *door, c *Config, o engine.Options) *keeper {
	k := &keeper{door: d, every: c.SnapshotEvery, options: o, shard: fmt.Sprintf("%dof%d", o.Shard, max(1, o.Shards)), positions: map[string]snapshot.Position{}, streams: map[string]time.Time{}}
	for _, where := range c.places() {
		if where == onBus {
			k.places = append(k.places, &storePlace{files: registry.NewFiles(d.kit.Bus, wire.BucketSnapshots), prefix: k.shard + "-", sizes: map[string]int64{}})
		} else {
			k.places = append(k.places, folderPlace{where, k.shard + "-"})
		}
	}
	return k
}

// places are where snapshots are kept by the configuration: the bus last, since a folder is nearer.
func (c *Config) places() []string {
	var places []string
	for _, where := range strings.Split(c.Snapshots, ",") {
		if where = strings.TrimSpace(where); where != "" {
			places = append(places, where)
		}
	}
	slices.SortStableFunc(places, func(a, b string) int { return strings.Compare(b, a) })
	if i := slices.Index(places, onBus); i >= 0 {
		places = append(slices.Delete(places, i, i+1), onBus)
	}
	return places
}

// restore returns the engine of the latest snapshot that can be used, or an empty one when there is none. What is refused is logged.
func (k *keeper) restore(ctx context.Context) *engine.Engine {
	if len(k.places) == 0 || !k.findStreams(ctx) {
		return engine.New(k.options)
	}
	for _, p := range k.places {
		names, err := p.list(ctx)
		if err != nil {
			k.door.kit.Log.Warn("snapshots cannot be listed", "place", p.String(), "reason", err)
		}
		for _, name := range names {
			begin := time.Now()
			e, header, err := k.load(ctx, p, name)
			if err != nil {
				k.door.kit.Log.Error("snapshot refused", "place", p.String(), "name", name, "reason", err)
				continue
			}
			k.positions = header.Positions
			k.door.kit.Log.Info("snapshot loaded", "place", p.String(), "name", name, "items", header.Items, "took", time.Since(begin))
			return e
		}
	}
	return engine.New(k.options)
}

// findStreams learns when the streams were made. It waits while the bus is not there, and returns false when ctx ends.
func (k *keeper) findStreams(ctx context.Context) bool {
	for warned := false; ; warned = true {
		attempt, cancel := context.WithTimeout(ctx, 5*time.Second)
		err := k.door.kit.Bus.EnsureStreams(attempt)
		for _, name := range []string{wire.StreamCatalog, wire.StreamEvents} {
			if err == nil {
				k.streams[name], err = k.door.kit.Bus.StreamCreated(attempt, name)
			}
		}
		cancel()
		if err == nil || ctx.Err() != nil {
			return ctx.Err() == nil
		}
		if !warned {
			k.door.kit.Log.Warn("waiting for the streams that a snapshot is of", "reason", err)
		}
		select {
		case <-ctx.Done():
			return false
		case <-time.After(retryPause):
		}
	}
}

func (k *keeper) load(ctx context.Context, p place, name string) (*engine.Engine, *snapshot.Header, error) {
	ctx, cancel := context.WithTimeout(ctx, readWait)
	defer cancel()
	file, size, err := p.open(ctx, name)
	if err != nil {
		return nil, nil, err
	}
	defer file.Close()
	r, err := snapshot.NewReader(file, size)
	if err != nil {
		return nil, nil, err
	}
	if r.Header.Shard != k.shard {
		return nil, nil, fmt.Errorf("it is of shard %s, this is %s", r.Header.Shard, k.shard)
	}
	for stream, created := range k.streams {
		if !r.Header.Positions[stream].Stream.Equal(created) {
			return nil, nil, fmt.Errorf("stream %s was made anew since", stream)
		}
	}
	e, err := engine.Load(k.options, r)
	return e, &r.Header, err
}

// from returns the sequence from which a stream has to be read.
func (k *keeper) from(stream string) uint64 {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.positions[stream].Seq + 1
}

// taking runs take, which takes in a batch that ends with seq.
func (k *keeper) taking(stream string, seq uint64, take func()) {
	k.mu.Lock()
	defer k.mu.Unlock()
	take()
	p := k.positions[stream]
	p.Seq = seq
	k.positions[stream] = p
}

// keep writes a snapshot from time to time, until ctx ends.
func (k *keeper) keep(ctx context.Context) error {
	if len(k.places) == 0 || k.every <= 0 {
		return nil
	}
	// Replicas begin at different times within the first tenth of the interval, by their names.
	h := fnv.New32a()
	h.Write([]byte(k.door.kit.Bus.Instance()))
	pause := time.NewTimer(k.every + time.Duration(h.Sum32()%1000)*k.every/10_000)
	defer pause.Stop()
	for {
		select {
		case <-ctx.Done():
			k.last(ctx)
			return nil
		case <-pause.C:
		}
		for _, p := range k.places {
			if err := k.save(ctx, p); err != nil && ctx.Err() == nil {
				k.door.metrics.snapshots.WithLabelValues("failed").Inc()
				k.door.kit.Log.Error("snapshot not written", "place", p.String(), "reason", err)
			}
		}
		pause.Reset(k.every)
	}
}

// last writes the state to the folders once more, so that a restart begins where this run ended. Above lastItems it would take longer
// than the end of a process may.
func (k *keeper) last(ctx context.Context) {
	if k.door.engine.Size().Items > lastItems {
		return
	}
	for _, p := range k.places {
		if _, mine := p.(folderPlace); !mine {
			continue
		}
		if err := k.save(context.WithoutCancel(ctx), p); err != nil {
			k.door.kit.Log.Error("snapshot not written", "place", p.String(), "reason", err)
		}
	}
}

// save writes a snapshot to a place, unless another replica did lately, and removes those that are too old.
func (k *keeper) save(ctx context.Context, p place) error {
	ctx, cancel := context.WithTimeout(ctx, storeWait)
	defer cancel()
	names, err := p.list(ctx)
	if err != nil {
		return err
	}
	now := k.door.kit.Clock().UTC()
	const form = "20060102T150405.000000000"
	prefix := k.shard + "-"
	if _, mine := p.(folderPlace); len(names) > 0 && !mine {
		latest, err := time.Parse(form, strings.TrimSuffix(strings.TrimPrefix(names[0], prefix), snapshotEnd))
		if err == nil && now.Sub(latest) < k.every/2 {
			return nil
		}
	}
	name := prefix + now.Format(form) + snapshotEnd
	if err := p.write(ctx, name, func(w io.Writer) error { return k.encode(w, now) }); err != nil {
		return err
	}
	k.door.metrics.snapshots.WithLabelValues("written").Inc()
	k.door.kit.Log.Info("snapshot written", "place", p.String(), "name", name, "took", k.door.kit.Clock().Sub(now))
	var faults []error
	for _, old := range names[min(len(names), keepGood-1):] {
		faults = append(faults, p.remove(ctx, old))
	}
	return errors.Join(faults...)
}

// encode writes the state and the positions that it reflects. The streams wait as long as it takes; requests do not.
func (k *keeper) encode(to io.Writer, now time.Time) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	h := snapshot.Header{Created: now, Shard: k.shard, Settings: k.options.Settings(), Positions: map[string]snapshot.Position{}, Items: k.door.engine.Size().Items}
	for stream, created := range k.streams {
		h.Positions[stream] = snapshot.Position{Seq: k.positions[stream].Seq, Stream: created}
	}
	w, err := snapshot.NewWriter(to, h)
	if err != nil {
		return err
	}
	if err := k.door.engine.Save(w); err != nil {
		return err
	}
	return w.Close()
}

// folderPlace keeps snapshots in a folder of this machine.
type folderPlace struct{ folder, prefix string }

func (p folderPlace) String() string { return p.folder }

func (p folderPlace) list(context.Context) ([]string, error) {
	entries, err := os.ReadDir(p.folder)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	var names []string
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), p.prefix) && strings.HasSuffix(e.Name(), snapshotEnd) {
			names = append(names, e.Name())
		}
	}
	slices.Sort(names)
	slices.Reverse(names)
	return names, err
}

func (p folderPlace) open(_ context.Context, name string) (io.ReadCloser, int64, error) {
	file, err := os.Open(filepath.Join(p.folder, name))
	if err != nil {
		return nil, 0, err
	}
	info, err := file.Stat()
	if err != nil {
		return nil, 0, errors.Join(err, file.Close())
	}
	return file, info.Size(), nil
}

// write writes beside the name and renames what is whole and on the disk, so that no half of a snapshot has a name of one.
func (p folderPlace) write(_ context.Context, name string, save func(io.Writer) error) error {
	if err := os.MkdirAll(p.folder, 0o750); err != nil {
		return err
	}
	path := filepath.Join(p.folder, name)
	file, err := os.Create(path + partEnd)
	if err != nil {
		return err
	}
	if err = save(file); err == nil {
		err = file.Sync()
	}
	if err = errors.Join(err, file.Close()); err == nil {
		err = os.Rename(path+partEnd, path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(path+partEnd))
	}
	return nil
}

func (p folderPlace) remove(_ context.Context, name string) error {
	return os.Remove(filepath.Join(p.folder, name))
}
