package recall

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/haggle-commerce/haggle/libs/bus"
	"github.com/haggle-commerce/haggle/libs/servicetest"
	"github.com/haggle-commerce/haggle/libs/shop"
	"github.com/haggle-commerce/haggle/libs/wire"
)

// TestRestartsFromItsSnapshot stops recall, changes the shop, and starts it again: from the snapshot, from the one before when that is
// broken, and from the streams when none can be read. It answers the same each time.
func TestRestartsFromItsSnapshot(t *testing.T) {
	now := time.Now()
	folder := t.TempDir()
	srv := servicetest.NATS(t)
	h := &house{kit: servicetest.Kit(t, "recall", servicetest.KitOptions{NATS: srv}), bus: servicetest.Bus(t, srv, "gateway")}
	c := Default()
	c.Snapshots = folder
	fill := func(b *bus.Bus) {
		putItem(t, b, shop.Item{ID: "hat", Title: "Straw hat", Price: 20})
		putItem(t, b, shop.Item{ID: "cap", Title: "Red cap", Price: 10})
		putItem(t, b, shop.Item{ID: "shoe", Title: "Red shoe", Price: 50})
		sendEvents(t, b, view("1", "a", "s1", now.Add(-time.Hour), "hat"), view("2", "b", "s2", now.Add(-time.Hour), "cap"))
	}
	stop := h.run(t, c)
	h.until(t, patience, &wire.RecallRequest{}, "")
	fill(h.bus)
	trending := &wire.RecallRequest{Purpose: wire.Purpose_PURPOSE_TRENDING}
	h.until(t, patience, &wire.RecallRequest{Query: "shoe"}, "shoe")
	stop()
	snapshots := func() []string {
		names, err := filepath.Glob(filepath.Join(folder, "*"+snapshotEnd))
		if err != nil {
			t.Fatal(err)
		}
		slices.Sort(names)
		return names
	}
	if got := snapshots(); len(got) != 1 {
		t.Fatalf("snapshots %v, want one", got)
	}
	// While it is away, one item goes and another comes.
	publish(t, h.bus, wire.SubjectItem+"shoe", nil)
	putItem(t, h.bus, shop.Item{ID: "sock", Title: "Red sock", Price: 5})
	sendEvents(t, h.bus, view("3", "c", "s3", now, "cap"))
	for _, breakIt := range []func(){
		func() {},
		func() { corrupt(t, snapshots()[len(snapshots())-1]) },
		func() {
			for _, name := range snapshots() {
				corrupt(t, name)
			}
		},
	} {
		breakIt()
		stop := h.run(t, c)
		h.until(t, patience, &wire.RecallRequest{OrderBy: "price"}, "sock cap hat")
		h.until(t, patience, &wire.RecallRequest{Query: "red", OrderBy: "price"}, "sock cap")
		h.until(t, patience, trending, "cap hat sock")
		stop()
		if got := snapshots(); len(got) != keepGood {
			t.Errorf("%d snapshots are kept, want %d", len(got), keepGood)
		}
	}
}

// corrupt changes a byte in the middle of a file.
func corrupt(t *testing.T, name string) {
	t.Helper()
	file, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	file[len(file)/2] ^= 1
	if err := os.WriteFile(name, file, 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestReplicasShareSnapshots writes one to the object store by one replica and starts another from it.
func TestReplicasShareSnapshots(t *testing.T) {
	srv := servicetest.NATS(t)
	h := &house{kit: servicetest.Kit(t, "recall", servicetest.KitOptions{NATS: srv}), bus: servicetest.Bus(t, srv, "gateway")}
	putItem(t, h.bus, shop.Item{ID: "hat", Title: "Straw hat", Price: 20})
	c := Default()
	c.Snapshots = onBus
	o, err := c.options()
	if err != nil {
		t.Fatal(err)
	}
	one := &door{kit: h.kit}
	one.keeper = newKeeper(one, &c, o)
	one.engine = one.keeper.restore(t.Context())
	if one.metrics, err = newMetrics(h.kit.Metrics, one.engine); err != nil {
		t.Fatal(err)
	}
	one.keeper.taking(wire.StreamCatalog, 1, func() {
		one.applyItems([]bus.Message{{Subject: wire.SubjectItem + "hat", Data: []byte(`{"id":"hat","title":"Straw hat"}`), Seq: 1}})
	})
	for range 2 { // the second finds the first new enough
		if err := one.keeper.save(t.Context(), one.keeper.places[0]); err != nil {
			t.Fatal(err)
		}
	}
	two := &door{kit: h.kit}
	two.keeper = newKeeper(two, &c, o)
	two.engine = two.keeper.restore(t.Context())
	if got := two.engine.Size().Items; got != 1 || two.keeper.from(wire.StreamCatalog) != 2 {
		t.Errorf("the other replica has %d items and reads from %d, want 1 and 2", got, two.keeper.from(wire.StreamCatalog))
	}
	if names, err := one.keeper.places[0].list(t.Context()); err != nil || len(names) != 1 {
		t.Errorf("snapshots %v, %v, want one", names, err)
	}
	one.metrics.unregister(h.kit.Metrics)
}
