package featurestore

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"github.com/haggle-commerce/haggle/libs/bus"
	"github.com/haggle-commerce/haggle/libs/feature"
	"github.com/haggle-commerce/haggle/libs/service"
	"github.com/haggle-commerce/haggle/libs/servicetest"
	"github.com/haggle-commerce/haggle/libs/shop"
	"github.com/haggle-commerce/haggle/libs/wire"
)

// brisk makes tests of what is waited for quick.
var brisk = pace{loser: 5 * time.Millisecond, watch: 10 * time.Millisecond, retry: 2 * time.Millisecond}

const within = 20 * time.Second

// someEvents makes events of a few shoppers, some of them nameless.
func someEvents(n int, seed uint64) []shop.Event {
	random := rand.New(rand.NewPCG(seed, 1))
	begin := time.Now().Add(-30 * 24 * time.Hour).Truncate(time.Second).UTC()
	events := make([]shop.Event, n)
	for i := range events {
		e := &events[i]
		e.ID, e.Kind = fmt.Sprintf("event-%d", i), shop.EventKinds[random.IntN(len(shop.EventKinds))]
		e.Time = begin.Add(time.Duration(random.IntN(30*24*3600)) * time.Second)
		if who := random.IntN(8); who > 0 {
			e.Shopper = shop.ShopperID(fmt.Sprint("shopper-", who))
		}
		for k := range 1 + random.IntN(4) {
			e.Items = append(e.Items, shop.EventItem{ID: shop.ItemID(fmt.Sprint("item-", random.IntN(25))), Index: k})
		}
	}
	return events
}

// publish puts each event into a message of its own, past the server's own window for duplicates.
func publish(t *testing.T, b *bus.Bus, events []shop.Event) {
	t.Helper()
	var out []bus.Outgoing
	for i := range events {
		line, err := json.Marshal(&events[i])
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, bus.Outgoing{Subject: wire.SubjectEvent + string(events[i].Kind), Data: line})
	}
	for _, err := range b.PublishBatch(t.Context(), out) {
		if err != nil {
			t.Fatal(err)
		}
	}
}

// wanted folds each event once, straight into rows.
func wanted(events []shop.Event) map[string]string {
	items, shoppers := map[shop.ItemID]*feature.ItemRow{}, map[shop.ShopperID]*feature.ShopperRow{}
	for i := range events {
		e := &events[i]
		for k := range e.Items {
			if items[e.Items[k].ID] == nil {
				items[e.Items[k].ID] = &feature.ItemRow{}
			}
			items[e.Items[k].ID].ApplyEvent(e, k)
		}
		if e.Shopper != "" {
			if shoppers[e.Shopper] == nil {
				shoppers[e.Shopper] = &feature.ShopperRow{}
			}
			shoppers[e.Shopper].Apply(e)
		}
	}
	rows := map[string]string{}
	for id, r := range items {
		b, _ := r.AppendBinary(nil)
		rows[feature.ItemKey(id)] = string(b)
	}
	for id, r := range shoppers {
		b, _ := r.AppendBinary(nil)
		rows[feature.ShopperKey(id)] = string(b)
	}
	return rows
}

// dump reads everything in Redis; rowsOf leaves what queries read.
func dump(t *testing.T, client redis.UniversalClient) map[string]string {
	t.Helper()
	all := map[string]string{}
	keys, err := client.Keys(t.Context(), "*").Result()
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range keys {
		value, err := client.Get(t.Context(), key).Result()
		if err != nil && !errors.Is(err, redis.Nil) {
			t.Fatal(err)
		}
		all[key] = value
	}
	return all
}

func rowsOf(all map[string]string) map[string]string {
	rows := maps.Clone(all)
	maps.DeleteFunc(rows, func(key, _ string) bool {
		return !strings.HasPrefix(key, feature.ItemKey("")) && !strings.HasPrefix(key, feature.ShopperKey(""))
	})
	return rows
}

// arrived reports whether the watermark has come to the end of the stream.
func arrived(t *testing.T, kit service.Kit) error {
	t.Helper()
	_, last, _, err := kit.Bus.StreamInfo(t.Context(), wire.StreamEvents)
	if err != nil {
		return err
	}
	text, err := kit.Redis.Get(t.Context(), feature.WatermarkKey()).Result()
	if err != nil {
		return err
	}
	if mark := readWatermark(text); mark.seq != last {
		return fmt.Errorf("the rows are at %d of %d", mark.seq, last)
	}
	return nil
}

// start runs the service until stop is called, which returns what Run did.
func start(t *testing.T, kit service.Kit, c Config) (stop func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- run(ctx, kit, c, brisk) }()
	stop = sync.OnceValue(func() error {
		cancel()
		return <-ended
	})
	t.Cleanup(func() {
		if err := stop(); err != nil {
			t.Errorf("run: %v", err)
		}
	})
	return stop
}

// eachRedis runs a test against the embedded Redis and, where there is one, a real one.
func eachRedis(t *testing.T, f func(t *testing.T, address string)) {
	t.Run("embedded", func(t *testing.T) { f(t, servicetest.Redis(t)) })
	t.Run("real", func(t *testing.T) { f(t, servicetest.RealRedis(t)) })
}

func TestEventsBecomeRowsOnce(t *testing.T) {
	eachRedis(t, func(t *testing.T, address string) {
		kit := servicetest.Kit(t, name, servicetest.KitOptions{Redis: address})
		events := someEvents(400, 1)
		publish(t, kit.Bus, events[:300])
		publish(t, kit.Bus, events[100:200]) // again
		start(t, kit, Default())
		servicetest.Eventually(t, within, func() error { return arrived(t, kit) })
		// The rows are there a moment before the service says so.
		servicetest.Eventually(t, within, func() error {
			if waits := kit.Health.Waits(); len(waits) > 0 {
				return fmt.Errorf("caught up, but waits for %v", waits)
			}
			return nil
		})
		publish(t, kit.Bus, events[300:])
		publish(t, kit.Bus, events[:10])
		servicetest.Eventually(t, within, func() error { return arrived(t, kit) })
		if diff := cmp.Diff(wanted(events), rowsOf(dump(t, kit.Redis))); diff != "" {
			t.Errorf("rows (-want +got):\n%s", diff)
		}
		var row feature.ShopperRow
		if read, err := kit.Online.Shopper(t.Context(), "shopper-1", &row); err != nil || read.Missing || len(row.History) == 0 {
			t.Errorf("queries read %+v, %v and a history of %d", read, err, len(row.History))
		}
		if kit.Ledger.Others() <= 0 || kit.Ledger.Claimed() != 0 {
			t.Errorf("the ledger says %v for queries, %v for other work", kit.Ledger.Claimed(), kit.Ledger.Others())
		}
		if ttl := kit.Redis.TTL(t.Context(), feature.ShopperKey("shopper-1")).Val(); ttl <= 0 {
			t.Errorf("the row of a shopper lives for %v, want an end", ttl)
		}
	})
}

// crash is a hook that ends the writer at one exchange with Redis.
type crash struct {
	mu sync.Mutex
	// left counts exchanges until the crash. After says that the exchange is done and only its reply lost; end ends the
	// writer, or is nil for a fault that it lives through.
	left  int
	after bool
	end   context.CancelFunc
	came  bool
}

var errCrash = errors.New("planted fault")

func (c *crash) strike(do func() error) error {
	c.mu.Lock()
	c.left--
	now := c.left == -1
	c.came = c.came || now
	c.mu.Unlock()
	if !now {
		return do()
	}
	if c.after {
		if err := do(); err != nil {
			return err
		}
	}
	if c.end != nil {
		c.end()
	}
	return errCrash
}

func (c *crash) DialHook(next redis.DialHook) redis.DialHook { return next }

func (c *crash) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		err := c.strike(func() error { return next(ctx, cmd) })
		if errors.Is(err, errCrash) {
			cmd.SetErr(err)
		}
		return err
	}
}

func (c *crash) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		err := c.strike(func() error { return next(ctx, cmds) })
		if errors.Is(err, errCrash) {
			for _, cmd := range cmds {
				cmd.SetErr(err)
			}
		}
		return err
	}
}

// TestFaultsBetweenAnyTwoSteps ends the writer before and after each of its exchanges with Redis in turn, or takes the reply
// from it, and lets another go on: the rows are bit-equal to those of a run without a fault.
func TestFaultsBetweenAnyTwoSteps(t *testing.T) {
	eachRedis(t, func(t *testing.T, address string) {
		kit := servicetest.Kit(t, name, servicetest.KitOptions{Redis: address})
		events := someEvents(60, 2)
		publish(t, kit.Bus, append(slices.Clone(events), events[:20]...))
		want := wanted(events)
		c := Default()
		c.Batch, c.RowsInMemory = 40, 20 // several transactions, and rows that are read again
		for _, mode := range []struct{ ends, after bool }{{true, false}, {true, true}, {false, false}, {false, true}} {
			for at, struck := 0, true; struck; at++ {
				if err := kit.Redis.FlushAll(t.Context()).Err(); err != nil {
					t.Fatal(err)
				}
				struck = runWithFault(t, kit, c, mode.ends, mode.after, at)
				if mode.ends {
					runWithFault(t, kit, c, false, false, 1<<30)
				}
				if diff := cmp.Diff(want, rowsOf(dump(t, kit.Redis))); diff != "" {
					t.Fatalf("fault %+v at exchange %d, rows (-want +got):\n%s", mode, at, diff)
				}
			}
		}
	})
}

// runWithFault runs the service with a fault planted until it was ended by that or has caught up, and reports whether the fault struck.
func runWithFault(t *testing.T, kit service.Kit, c Config, ends, after bool, at int) bool {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	o := *kit.Redis.(*redis.Client).Options()
	client := redis.NewClient(&o)
	defer client.Close()
	fault := &crash{left: at, after: after}
	if ends {
		fault.end = cancel
	}
	client.AddHook(fault)
	own := kit
	own.Redis = client
	ended := make(chan error, 1)
	go func() { ended <- run(ctx, own, c, brisk) }()
	servicetest.Eventually(t, within, func() error {
		if ctx.Err() != nil {
			return nil
		}
		return arrived(t, kit)
	})
	cancel()
	if err := <-ended; err != nil {
		t.Fatalf("run: %v", err)
	}
	fault.mu.Lock()
	defer fault.mu.Unlock()
	return fault.came
}

func TestLostRowsAreBuiltAnew(t *testing.T) {
	eachRedis(t, func(t *testing.T, address string) {
		kit := servicetest.Kit(t, name, servicetest.KitOptions{Redis: address})
		events := someEvents(200, 3)
		publish(t, kit.Bus, events)
		stop := start(t, kit, Default())
		servicetest.Eventually(t, within, func() error { return arrived(t, kit) })
		before := dump(t, kit.Redis)
		same := func() error {
			if err := arrived(t, kit); err != nil {
				return err
			}
			after := dump(t, kit.Redis)
			delete(after, feature.WatermarkKey())
			want := maps.Clone(before)
			delete(want, feature.WatermarkKey())
			if diff := cmp.Diff(want, after); diff != "" {
				return fmt.Errorf("rows (-before +after):\n%s", diff)
			}
			return nil
		}
		if err := kit.Redis.FlushAll(t.Context()).Err(); err != nil {
			t.Fatal(err)
		}
		servicetest.Eventually(t, within, same)
		if err := stop(); err != nil {
			t.Fatal(err)
		}
		for name, spoil := range map[string]map[string]string{
			"another version": {feature.WatermarkKey(): "0 7 old", feature.ItemKey("ghost"): "x"},
			"no watermark":    {feature.WatermarkKey(): "", feature.ItemKey("ghost"): "x"},
		} {
			t.Log(name)
			put(t, kit, spoil)
			again := start(t, kit, Default())
			servicetest.Eventually(t, within, same)
			if err := again(); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
	})
}

func put(t *testing.T, kit service.Kit, values map[string]string) {
	t.Helper()
	for key, value := range values {
		if err := kit.Redis.Set(t.Context(), key, value, 0).Err(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestAnUnreadableRowHasAllBuiltAnew(t *testing.T) {
	kit := servicetest.Kit(t, name)
	events := someEvents(100, 7)
	publish(t, kit.Bus, events[:90])
	stop := start(t, kit, Default())
	servicetest.Eventually(t, within, func() error { return arrived(t, kit) })
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	put(t, kit, map[string]string{feature.ItemKey(events[95].Items[0].ID): "spoilt"})
	start(t, kit, Default())
	publish(t, kit.Bus, events[90:])
	servicetest.Eventually(t, within, func() error {
		if diff := cmp.Diff(wanted(events), rowsOf(dump(t, kit.Redis))); diff != "" {
			return fmt.Errorf("rows (-want +got):\n%s", diff)
		}
		return arrived(t, kit)
	})
}

func TestTwoWritersCountOnce(t *testing.T) {
	address := servicetest.Redis(t)
	srv := servicetest.NATS(t)
	one := servicetest.Kit(t, name, servicetest.KitOptions{NATS: srv, Redis: address})
	two := servicetest.Kit(t, name, servicetest.KitOptions{NATS: srv, Redis: address})
	events := someEvents(600, 4)
	start(t, one, Default())
	start(t, two, Default())
	for i := 0; i < len(events); i += 30 {
		publish(t, one.Bus, events[i:i+30])
	}
	servicetest.Eventually(t, within, func() error { return arrived(t, one) })
	if diff := cmp.Diff(wanted(events), rowsOf(dump(t, one.Redis))); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
}

func TestPoisonGoesToTheDeadLetters(t *testing.T) {
	kit := servicetest.Kit(t, name)
	events := someEvents(20, 5)
	publish(t, kit.Bus, events[:10])
	line, err := json.Marshal(&events[10])
	if err != nil {
		t.Fatal(err)
	}
	// A good line between two bad ones, which stay together.
	payload := bytes.Join([][]byte{[]byte(`{"event_id":"bad","event":"dance"}`), line, []byte(`{"broken`)}, []byte("\n"))
	if _, err := kit.Bus.Publish(t.Context(), wire.SubjectEvent+"purchase", "", payload); err != nil {
		t.Fatal(err)
	}
	publish(t, kit.Bus, events[11:])
	start(t, kit, Default())
	servicetest.Eventually(t, within, func() error { return arrived(t, kit) })
	if diff := cmp.Diff(wanted(events), rowsOf(dump(t, kit.Redis))); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	var dead []string
	err = kit.Bus.Follow(ctx, wire.StreamDead, wire.SubjectDeads, 1, func(batch []bus.Message) error {
		for _, m := range batch {
			dead = append(dead, string(m.Data))
		}
		cancel()
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{`{"event_id":"bad","event":"dance"}` + "\n" + `{"broken`}; !slices.Equal(dead, want) {
		t.Errorf("dead letters %q, want %q", dead, want)
	}
}

func TestRedisAwayLosesNothing(t *testing.T) {
	proxy := servicetest.Proxy(t, servicetest.Redis(t))
	kit := servicetest.Kit(t, name, servicetest.KitOptions{Redis: proxy.Address()})
	events := someEvents(200, 6)
	start(t, kit, Default())
	publish(t, kit.Bus, events[:50])
	servicetest.Eventually(t, within, func() error { return arrived(t, kit) })
	proxy.Cut(true)
	publish(t, kit.Bus, events[50:])
	// The writer meets the refusal before Redis comes back.
	servicetest.Eventually(t, within, func() error {
		metrics, err := kit.Metrics.Gather()
		if err != nil {
			return err
		}
		for _, m := range metrics {
			if m.GetName() == "haggle_feature_store_redis_failures_total" && m.GetMetric()[0].GetCounter().GetValue() > 0 {
				return nil
			}
		}
		return errors.New("no exchange with Redis has failed yet")
	})
	proxy.Cut(false)
	servicetest.Eventually(t, within, func() error { return arrived(t, kit) })
	if diff := cmp.Diff(wanted(events), rowsOf(dump(t, kit.Redis))); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
}

func TestConfigNamesEachFault(t *testing.T) {
	if err := Default().Check(); err != nil {
		t.Errorf("the default configuration has faults: %v", err)
	}
	err := Config{Retention: time.Hour, DuplicateWindow: time.Second, RowsInMemory: -1}.Check()
	for _, field := range []string{"retention", "duplicate-window", "batch", "rows-in-memory"} {
		if err == nil || !strings.Contains(err.Error(), field+":") {
			t.Errorf("Check() = %v, want a fault of %s", err, field)
		}
	}
	if err := Run(t.Context(), service.Kit{}, Default()); err == nil {
		t.Error("Run without Redis gives no error")
	}
}

func FuzzWatermark(f *testing.F) {
	f.Add("1 7 abc")
	f.Add("")
	f.Fuzz(func(t *testing.T, text string) {
		if mark := readWatermark(text); mark.sound && (mark.text != text || !strings.HasPrefix(strings.TrimSpace(text), rowsVersion)) {
			t.Errorf("readWatermark(%q) = %+v", text, mark)
		}
	})
}
