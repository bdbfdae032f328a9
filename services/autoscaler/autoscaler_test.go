package autoscaler

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/haggle-commerce/haggle/libs/service"
	"github.com/haggle-commerce/haggle/libs/servicetest"
	"github.com/haggle-commerce/haggle/libs/wire"
	"github.com/haggle-commerce/haggle/services/autoscaler/internal/decide"
)

// soon is how long a test waits for what must come; far more than it takes.
const soon = 10 * time.Second

// clock is a time that a test sets forward.
type clock struct{ ahead atomic.Int64 }

var noon = time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)

func (c *clock) now() time.Time           { return noon.Add(time.Duration(c.ahead.Load())) }
func (c *clock) forward(by time.Duration) { c.ahead.Add(int64(by)) }

// quick plans ten times a second.
func quick() Config {
	c := Default()
	c.Every = 100 * time.Millisecond
	return c
}

// start runs an adviser until the test ends.
func start(t *testing.T, kit service.Kit, c Config) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var group sync.WaitGroup
	group.Go(func() {
		if err := run(ctx, kit, c, new(bytes.Buffer)); err != nil {
			t.Errorf("run: %v", err)
		}
	})
	t.Cleanup(func() {
		cancel()
		group.Wait()
	})
}

// tell broadcasts ten seconds of the life of a replica that is asked 300 times a second, at 10 ms each. Its clock tells those
// seconds, so that they need not pass.
func tell(t *testing.T, kit service.Kit, name string) {
	t.Helper()
	for second := range 10 {
		n := uint64(300 * second)
		v := wire.Vitals{
			Service: name, Instance: name + "-1", Time: noon.Add(time.Duration(second) * time.Second), Cores: 1, MemoryBytes: 1 << 30,
			Arrivals: n, Done: n, ProcessNanos: n * 10_000_000, Latency: []uint64{4: n},
		}
		message, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		if err := kit.Bus.Broadcast(wire.SubjectVital+name+"."+v.Instance, message); err != nil {
			t.Fatal(err)
		}
	}
}

// stored reads the plan from its bucket.
func stored(ctx context.Context, kit service.Kit) (p decide.Plan, err error) {
	bucket, err := kit.Bus.KV(ctx, wire.BucketPlan)
	if err != nil {
		return p, err
	}
	entry, err := bucket.Get(ctx, planKey)
	if err != nil {
		return p, err
	}
	return p, json.Unmarshal(entry.Value(), &p)
}

// advised waits for a plan with one pool that satisfies a claim.
func advised(t *testing.T, kit service.Kit, what string, claim func(a decide.Advice) bool) {
	t.Helper()
	servicetest.Eventually(t, soon, func() error {
		p, err := stored(t.Context(), kit)
		if err != nil {
			return err
		}
		if len(p.Pools) != 1 || !claim(p.Pools[0]) {
			return fmt.Errorf("plan %+v, want %s", p.Pools, what)
		}
		return nil
	})
}

func TestRunPlans(t *testing.T) {
	var c clock
	kit := servicetest.Kit(t, "autoscaler", servicetest.KitOptions{Clock: c.now})
	start(t, kit, quick())
	// Core NATS is lossy until the subscription is there: it is told until it was heard.
	servicetest.Eventually(t, soon, func() error {
		tell(t, kit, "ranking")
		p, err := stored(t.Context(), kit)
		if err != nil {
			return err
		}
		if len(p.Pools) != 1 || p.Pools[0].Fresh != 1 {
			return fmt.Errorf("plan %+v, want the replica heard", p.Pools)
		}
		return nil
	})
	advised(t, kit, "more replicas", func(a decide.Advice) bool {
		return a.Action == decide.Up && a.Replicas == 7 && a.ReplicasNow == 1 && a.Hour > a.HourNow && len(a.Reasons) > 0
	})
	// Silence holds what there is; it does not cut it. Vitals that are still on their way are heard late, so time goes on
	// until none are.
	advised(t, kit, "the silent replica held", func(a decide.Advice) bool {
		c.forward(4 * time.Second)
		return a.Action == decide.Hold && a.Replicas == 1 && strings.Contains(strings.Join(a.Reasons, " "), "silence is not idleness")
	})
	families, err := kit.Metrics.Gather()
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, f := range families {
		seen[f.GetName()] = true
	}
	if !seen["haggle_autoscaler_replicas"] || !seen["haggle_autoscaler_price_dollars_per_hour"] {
		t.Errorf("metrics %v lack those of the plan", seen)
	}
	if kit.Health.Since().IsZero() {
		t.Errorf("not ready: %v", kit.Health.Waits())
	}
	if kit.Ledger.Others() == 0 {
		t.Error("the ledger does not know of the planning")
	}
}

func TestOneWriter(t *testing.T) {
	var c clock
	kit := servicetest.Kit(t, "autoscaler", servicetest.KitOptions{Clock: c.now})
	bucket, err := kit.Bus.KV(t.Context(), wire.BucketPlan)
	if err != nil {
		t.Fatal(err)
	}
	other, err := json.Marshal(decide.Plan{Time: noon, Writer: "another"})
	if err != nil {
		t.Fatal(err)
	}
	first, err := bucket.Put(t.Context(), planKey, other)
	if err != nil {
		t.Fatal(err)
	}
	a, err := newAdviser(kit, quick())
	if err != nil {
		t.Fatal(err)
	}
	store := func() (writer string, revision uint64) {
		t.Helper()
		p := a.plan()
		if err := a.store(t.Context(), &p); err != nil {
			t.Fatal(err)
		}
		entry, err := bucket.Get(t.Context(), planKey)
		if err != nil {
			t.Fatal(err)
		}
		var now decide.Plan
		if err := json.Unmarshal(entry.Value(), &now); err != nil {
			t.Fatal(err)
		}
		return now.Writer, entry.Revision()
	}
	if writer, revision := store(); writer != "another" || revision != first || !a.standby {
		t.Errorf("beside a writer that is alive the plan is by %s, revision %d", writer, revision)
	}
	c.forward(301 * time.Millisecond)
	if writer, _ := store(); writer != kit.Instance || a.standby {
		t.Errorf("after three missed plans the plan is by %s, want %s", writer, kit.Instance)
	}
	if _, err := bucket.PutString(t.Context(), planKey, "not a plan"); err != nil {
		t.Fatal(err)
	}
	if writer, _ := store(); writer != kit.Instance {
		t.Errorf("in the place of what is no plan there is one by %s", writer)
	}
}

func TestHearRefuses(t *testing.T) {
	kit := servicetest.Kit(t, "autoscaler")
	a, err := newAdviser(kit, quick())
	if err != nil {
		t.Fatal(err)
	}
	for _, message := range []string{"", "{", `{"service":"ranking"}`, `{"service":"ranking","instance":"a","cores":-1}`, `[1]`} {
		a.hear([]byte(message))
	}
	if p := a.plan(); len(p.Pools) != 0 {
		t.Errorf("vitals that cannot be read make a plan: %+v", p)
	}
	if _, err := newAdviser(kit, quick()); err == nil {
		t.Error("two advisers share a registry")
	}
}

func TestOnce(t *testing.T) {
	kit := servicetest.Kit(t, "autoscaler")
	c := quick()
	c.Once = true
	a, err := newAdviser(kit, c)
	if err != nil {
		t.Fatal(err)
	}
	a.look = 10 * time.Millisecond
	for second := range 10 {
		n := uint64(300 * second)
		message, err := json.Marshal(wire.Vitals{Service: "ranking", Instance: "a", Time: noon.Add(time.Duration(second) * time.Second), Cores: 1, Arrivals: n, ProcessNanos: n * 10_000_000})
		if err != nil {
			t.Fatal(err)
		}
		a.hear(message)
	}
	var out bytes.Buffer
	if err := a.run(t.Context(), &out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"pool", "ranking", "1 -> ", "price now", "requests/s of 10000 us"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the table lacks %q:\n%s", want, out.String())
		}
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	out.Reset()
	if err := a.run(ended, &out); err != nil || out.Len() > 0 {
		t.Errorf("told to end: %v, wrote %q", err, out.String())
	}
}

func TestCheck(t *testing.T) {
	if err := Default().Check(); err != nil {
		t.Errorf("Check of the default = %v", err)
	}
	err := Config{Spare: -1, Hold: -1, Most: -1}.Check()
	for _, field := range []string{"every", "p99", "spare", "least", "most", "hold"} {
		if err == nil || !strings.Contains(err.Error(), field+": want ") {
			t.Errorf("Check of nothing = %v, want a fault of %s", err, field)
		}
	}
	// The tags of the fields are read as the service reads them.
	c, common := Default(), service.DefaultCommon()
	args := []string{"-every", "3s", "-p99", "80ms", "-once", "-least", "2", "-most", "1"}
	err = service.Load("autoscaler", &c, &common, args, func(string) string { return "" })
	if err == nil || !strings.Contains(err.Error(), "-most") || c.Every != 3*time.Second || c.P99 != 80*time.Millisecond || !c.Once || c.Least != 2 {
		t.Errorf("Load = %v, %+v", err, c)
	}
}
