package trainer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/haggle-commerce/haggle/libs/bus"
	"github.com/haggle-commerce/haggle/libs/dataset/synth"
	"github.com/haggle-commerce/haggle/libs/feature"
	"github.com/haggle-commerce/haggle/libs/model"
	"github.com/haggle-commerce/haggle/libs/model/neighbour"
	"github.com/haggle-commerce/haggle/libs/registry"
	"github.com/haggle-commerce/haggle/libs/service"
	"github.com/haggle-commerce/haggle/libs/servicetest"
	"github.com/haggle-commerce/haggle/libs/shop"
	"github.com/haggle-commerce/haggle/libs/wire"
	"github.com/haggle-commerce/haggle/services/trainer/internal/study"
)

const within = 30 * time.Second

// fill publishes a generated shop as the gateway does: an item a message, many events a message.
func fill(t testing.TB, kit service.Kit, items, events int) {
	t.Helper()
	var out []bus.Outgoing
	var lines strings.Builder
	count := 0
	_, err := synth.Generate(t.Context(), synth.Options{Seed: 7, Items: items, Events: events},
		func(it shop.Item) error {
			data, err := json.Marshal(&it)
			out = append(out, bus.Outgoing{Subject: wire.SubjectItem + wire.ItemToken(it.ID), Data: data})
			return err
		},
		func(e shop.Event) error {
			data, err := json.Marshal(&e)
			lines.Write(data)
			lines.WriteByte('\n')
			if count++; count%200 == 0 || count == events {
				out = append(out, bus.Outgoing{Subject: wire.SubjectEvent + "batch", ID: fmt.Sprint("b", count), Data: []byte(lines.String())})
				lines.Reset()
			}
			return err
		})
	if err != nil {
		t.Fatal(err)
	}
	for _, err := range kit.Bus.PublishBatch(t.Context(), out) {
		if err != nil {
			t.Fatal(err)
		}
	}
}

func quick() Config {
	c := Default()
	c.Settle, c.MinEvents = 50*time.Millisecond, 1000
	return c
}

// start runs the service until the test ends.
func start(t testing.TB, kit service.Kit, c Config) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	o := study.Default()
	o.Train, o.Valid, o.Test, o.Boost.Trees = 400, 150, 300, 10
	go func() { done <- run(ctx, kit, c, sizes{o, fewVisits(), fewTexts()}) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
}

func ready(kit service.Kit) error {
	if waits := kit.Health.Waits(); len(waits) > 0 {
		return errors.New(strings.Join(waits, "; "))
	}
	return nil
}

func cards(t testing.TB, kit service.Kit, name string) (of []registry.Card) {
	t.Helper()
	all, err := kit.Models.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range all {
		if c.Name == name {
			of = append(of, c)
		}
	}
	return of
}

func TestFirstRunPublishesModels(t *testing.T) {
	kit := servicetest.Kit(t, "trainer")
	// The log is there first: a run may begin as soon as it grows slowly, which on a busy machine it does half-way.
	fill(t, kit, 300, 6000)
	start(t, kit, quick())
	servicetest.Eventually(t, within, func() error {
		if err := ready(kit); err != nil {
			return err
		}
		if len(cards(t, kit, slotRanker)) == 0 {
			return errors.New("there is no ranker")
		}
		return nil
	})
	checkNeighbours(t, kit)
	rankers := cards(t, kit, slotRanker)
	if len(rankers) != 2 {
		t.Fatalf("%d cards of rankers, want one of trees and one linear", len(rankers))
	}
	serving := slices.IndexFunc(rankers, func(c registry.Card) bool { return c.Serving })
	if serving < 0 {
		t.Fatalf("no ranker serves: %+v", rankers)
	}
	for i, c := range rankers {
		for _, name := range []string{"ndcg@10", "recall@20", "recall_ndcg@10", "popularity_ndcg@10"} {
			if v, ok := c.Metrics[name]; !ok || v < 0 || v > 1 || c.Intervals[name][0] > v || c.Intervals[name][1] < v {
				t.Errorf("card of %s: %s is %v in %v", c.Kind, name, v, c.Intervals[name])
			}
		}
		if c.CPUMicros <= 0 || c.TrainedOn == "" || c.Note == "" || c.Metrics["auc"] <= 0.5 || (i == serving) != c.Serving {
			t.Errorf("card %+v", c)
		}
	}
	if kit.Ledger.Others() <= 0 {
		t.Error("the CPU of learning is not in the ledger")
	}
	checkRanker(t, kit)
	again(t, kit)
}

// take reads the model that a slot serves.
func take(t testing.TB, kit service.Kit, name string) []byte {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	var got []byte
	if err := kit.Models.Watch(ctx, name, func(_ registry.Card, file []byte) error {
		got = slices.Clone(file)
		cancel()
		return nil
	}); err != nil || got == nil {
		t.Fatalf("no model %s (%v)", name, err)
	}
	return got
}

func checkNeighbours(t *testing.T, kit service.Kit) {
	t.Helper()
	lists, err := neighbour.Open(take(t, kit, slotNeighbours))
	if err != nil {
		t.Fatal(err)
	}
	if lists.Len() < 150 || len(lists.Items) < lists.Len() {
		t.Errorf("%d lists with %d items, want 150 lists at least", lists.Len(), len(lists.Items))
	}
	for _, card := range cards(t, kit, slotNeighbours) {
		// So small a shop has too few asks to choose by.
		if card.Variant != "together" || !strings.HasPrefix(card.Note, "together: ") {
			t.Errorf("the card does not tell what was chosen, and why: %+v", card)
		}
	}
}

func checkRanker(t *testing.T, kit service.Kit) {
	t.Helper()
	f, err := model.Open(take(t, kit, slotRanker))
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(f.Header.Features, feature.Names()) || len(f.Header.Golden.In) == 0 {
		t.Errorf("the ranker names %d features and has %d golden rows", len(f.Header.Features), len(f.Header.Golden.In))
	}
}

// again asks for another run. It learns from the same events, so it is not worse than what serves.
func again(t *testing.T, kit service.Kit) {
	t.Helper()
	before := cards(t, kit, slotRanker)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	reply, err := kit.Bus.Call(ctx, wire.SubjectTrain, nil)
	if err != nil || !strings.Contains(string(reply), `"events":6000`) {
		t.Fatalf("answer to a wish: %s, %v", reply, err)
	}
	servicetest.Eventually(t, within, func() error {
		after := cards(t, kit, slotRanker)
		for _, c := range after {
			if c.Serving && strings.Contains(c.Note, "not worse than what serves") {
				return nil
			}
		}
		return fmt.Errorf("%d cards before, %d now", len(before), len(after))
	})
}

func TestNothingToLearnFrom(t *testing.T) {
	kit := servicetest.Kit(t, "trainer")
	start(t, kit, quick())
	servicetest.Eventually(t, within, func() error { return ready(kit) })
	if all, err := kit.Models.List(t.Context()); err != nil || len(all) > 0 {
		t.Errorf("%d models of nothing (%v)", len(all), err)
	}
}

// Events that say nothing of items that the catalogue has give neighbours but no ranker, and the service goes on.
func TestBrokenMessagesAreSkipped(t *testing.T) {
	kit := servicetest.Kit(t, "trainer")
	for subject, data := range map[string]string{
		wire.SubjectItem + wire.ItemToken("a"): "no JSON",
		wire.SubjectItem + wire.ItemToken("b"): "",
		wire.SubjectEvent + "purchase":         "no JSON\n{\"event_id\":\"1\",\"event\":\"purchase\",\"timestamp\":\"2026-05-01T00:00:00Z\",\"items\":[{\"item_id\":\"a\"},{\"item_id\":\"b\"}]}",
	} {
		if _, err := kit.Bus.Publish(t.Context(), subject, "", []byte(data)); err != nil {
			t.Fatal(err)
		}
	}
	c := quick()
	c.MinEvents = 1
	start(t, kit, c)
	servicetest.Eventually(t, within, func() error {
		if len(cards(t, kit, slotNeighbours)) == 0 {
			return errors.New("no neighbours yet")
		}
		return ready(kit)
	})
	if n := len(cards(t, kit, slotRanker)); n > 0 {
		t.Errorf("%d rankers of one purchase", n)
	}
}

func TestConfigCheck(t *testing.T) {
	if err := Default().Check(); err != nil {
		t.Errorf("the default is wrong: %v", err)
	}
	bad := Config{Settle: time.Hour, MinEvents: 5, MaxEvents: 1, Growth: -1}
	err := bad.Check()
	for _, field := range []string{"every", "settle", "max-events", "growth"} {
		if err == nil || !strings.Contains(err.Error(), field+": ") {
			t.Errorf("Check = %v, want a fault of %s", err, field)
		}
	}
}

func TestCompare(t *testing.T) {
	c := DefaultComparison()
	c.Items, c.Count, c.Asks, c.JSON = 300, 5000, 100, true
	c.study.Train, c.study.Valid, c.study.Boost.Trees = 200, 100, 5
	var out, progress strings.Builder
	if err := Compare(t.Context(), c, &out, &progress); err != nil {
		t.Fatal(err)
	}
	var got Compared
	if err := json.Unmarshal([]byte(out.String()), &got); err != nil {
		t.Fatal(err)
	}
	if len(got.Orders) != 4 || got.Orders[0].Name != "popularity" || got.Orders[3].NDCG.Mean <= 0 || got.Asks == 0 {
		t.Errorf("compared %+v", got)
	}
	out.Reset()
	c.JSON = false
	if err := Compare(t.Context(), c, &out, &progress); err != nil || !strings.Contains(out.String(), "popularity  0.") {
		t.Errorf("table %q (%v)", out.String(), err)
	}
	c.Catalog = "no/such/file.csv"
	if err := Compare(t.Context(), c, &out, &progress); err == nil {
		t.Error("Compare reads a file that is not there")
	}
}
