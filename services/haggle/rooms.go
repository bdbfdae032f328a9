package haggle

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/haggle-commerce/haggle/libs/service"
	"github.com/haggle-commerce/haggle/libs/wire"
	"github.com/haggle-commerce/haggle/services/autoscaler"
	featurestore "github.com/haggle-commerce/haggle/services/feature-store"
	"github.com/haggle-commerce/haggle/services/gateway"
	"github.com/haggle-commerce/haggle/services/ranking"
	"github.com/haggle-commerce/haggle/services/recall"
	"github.com/haggle-commerce/haggle/services/trainer"
)

// roomNames are the services, the one that asks first: rooms end in this order.
var roomNames = []string{"gateway", "recall", "ranking", "feature-store", "trainer", "autoscaler"}

// opening is the way from an empty process to an open shop: the gateway starts, what there is to load goes through it, and
// only then the rooms that follow the streams start, so that each is ready when it has seen all of it.
type opening struct {
	config Config
	world  World
	// address is where the gateway listens, url how to reach it.
	address, url string
	// loaded is closed when the other rooms may start.
	loaded chan struct{}

	mu   sync.Mutex
	kits map[string]service.Kit
}

// rooms returns the rooms of the process.
func (o *opening) rooms() []service.Room {
	gate := gateway.Default()
	gate.Address, gate.Page, gate.Accounting = o.address, o.config.Page, o.config.Account
	all := map[string]func(context.Context, service.Kit) error{
		"gateway":       bind(gateway.Run, gate),
		"recall":        bind(recall.Run, recall.Default()),
		"ranking":       bind(ranking.Run, ranking.Default()),
		"feature-store": bind(featurestore.Run, featurestore.Default()),
		"trainer":       bind(trainer.Run, trainer.Default()),
		"autoscaler":    bind(autoscaler.Run, autoscaler.Default()),
	}
	var rooms []service.Room
	for _, name := range o.config.rooms() {
		run := all[name]
		rooms = append(rooms, service.Room{Name: name, Run: func(ctx context.Context, kit service.Kit) error {
			o.mu.Lock()
			o.kits[name] = kit
			o.mu.Unlock()
			if name != "gateway" {
				select {
				case <-o.loaded:
				case <-ctx.Done():
					return nil
				}
			}
			return run(ctx, kit)
		}})
	}
	return rooms
}

// bind gives a service its configuration.
func bind[C any](run func(context.Context, service.Kit, C) error, c C) func(context.Context, service.Kit) error {
	return func(ctx context.Context, kit service.Kit) error { return run(ctx, kit, c) }
}

// has reports whether the process runs the room.
func (o *opening) has(name string) bool { return slices.Contains(o.config.rooms(), name) }

// kit returns the kit of a room once it has one.
func (o *opening) kit(ctx context.Context, name string) (service.Kit, error) {
	for {
		o.mu.Lock()
		kit, ok := o.kits[name]
		o.mu.Unlock()
		if ok {
			return kit, nil
		}
		if err := pause(ctx, 10*time.Millisecond); err != nil {
			return service.Kit{}, err
		}
	}
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// open loads what there is to load, lets the rooms start and says when the shop is open.
func (o *opening) open(ctx context.Context) error {
	p := newProgress(o.world.Progress, o.world.Terminal)
	if o.has("gateway") {
		if err := o.load(ctx, p); err != nil {
			return err
		}
	}
	close(o.loaded)
	return o.settle(ctx, p)
}

// load fills an empty shop; one that has items already is left as it is.
func (o *opening) load(ctx context.Context, p *progress) error {
	kit, err := o.kit(ctx, "gateway")
	if err != nil {
		return err
	}
	if err := await(ctx, o.url, time.Minute); err != nil {
		return err
	}
	if err := kit.Bus.EnsureStreams(ctx); err != nil {
		return fmt.Errorf("make the streams: %w", err)
	}
	_, _, have, err := kit.Bus.StreamInfo(ctx, wire.StreamCatalog)
	if err != nil {
		return fmt.Errorf("look into the data folder: %w", err)
	}
	_, _, events, err := kit.Bus.StreamInfo(ctx, wire.StreamEvents)
	if err != nil {
		return fmt.Errorf("look into the data folder: %w", err)
	}
	if have > 0 {
		p.say("the shop in %s has %d items and %d messages of events: going on with it (--fresh begins anew)", o.config.Data, have, events)
		return nil
	}
	if o.world.Common.NATS != "" && o.config.Catalog == "" {
		return nil // a part of a larger suite: the shop is somebody else's to fill
	}
	if o.config.Items == 0 && o.config.Catalog == "" {
		p.say("the shop in %s is empty: fill it by haggle import or by POST /v1/items:batch", o.config.Data)
		return nil
	}
	what := o.config.Catalog
	if what == "" {
		what = fmt.Sprintf("a generated shop of %d items and %d events", o.config.Items, o.config.Count)
	}
	p.say("loading %s", what)
	loaded, err := Import{
		Target: o.url, Key: firstKey(kit), Catalog: o.config.Catalog, Events: o.config.Events,
		Items: o.config.Items, Count: o.config.Count, Seed: o.config.Seed, Now: kit.Clock(),
	}.run(ctx, p)
	if err != nil {
		return err
	}
	p.say("loaded %d items and %d events", loaded.Items, loaded.Events)
	return nil
}

// firstKey is a secret key of the gateway, "" when it is open.
func firstKey(kit service.Kit) string {
	if keys := kit.Secrets.Now().SecretKeys; len(keys) > 0 {
		return keys[0]
	}
	return ""
}

// settle waits until each room says that it is ready, and tells what it waits for.
func (o *opening) settle(ctx context.Context, p *progress) error {
	begin, last := time.Now(), time.Now()
	opened := map[string]bool{}
	for {
		var waits []string
		for _, name := range o.config.rooms() {
			kit, err := o.kit(ctx, name)
			if err != nil {
				return err
			}
			if lines := kit.Health.Waits(); len(lines) > 0 {
				waits = append(waits, name+": "+strings.Join(lines, "; "))
			} else if !opened[name] {
				opened[name] = true
				p.say("%s is ready", name)
			}
		}
		slow := time.Since(begin) > settleTime && opened["recall"] && opened["gateway"]
		if len(waits) == 0 || slow {
			if slow && len(waits) > 0 {
				p.say("opening already, still to come: %s", strings.Join(waits, "; "))
			}
			fmt.Fprintf(o.world.Out, "ready %s\n", o.url)
			return nil
		}
		if time.Since(last) > 5*time.Second {
			last = time.Now()
			p.say("waiting for %s", strings.Join(waits, "; "))
		}
		if err := pause(ctx, 50*time.Millisecond); err != nil {
			return err
		}
	}
}
