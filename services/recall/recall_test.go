package recall

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"google.golang.org/protobuf/proto"

	"github.com/haggle-commerce/haggle/libs/bus"
	"github.com/haggle-commerce/haggle/libs/model/neighbour"
	"github.com/haggle-commerce/haggle/libs/registry"
	"github.com/haggle-commerce/haggle/libs/service"
	"github.com/haggle-commerce/haggle/libs/servicetest"
	"github.com/haggle-commerce/haggle/libs/shop"
	"github.com/haggle-commerce/haggle/libs/wire"
)

const patience = 10 * time.Second

// house is a recall that runs, and a bus to ask it by.
type house struct {
	kit service.Kit
	bus *bus.Bus
}

// start runs recall over real NATS; what was published by before is there when it begins.
func start(t *testing.T, before func(b *bus.Bus)) *house {
	t.Helper()
	srv := servicetest.NATS(t)
	h := &house{kit: servicetest.Kit(t, "recall", servicetest.KitOptions{NATS: srv}), bus: servicetest.Bus(t, srv, "gateway")}
	if before != nil {
		before(h.bus)
	}
	h.run(t, Default())
	return h
}

// run runs recall until the test ends, or until what it returns is called.
func (h *house) run(t *testing.T, c Config) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- Run(ctx, h.kit, c) }()
	stop = sync.OnceFunc(func() {
		cancel()
		select {
		case err := <-ended:
			if err != nil {
				t.Errorf("Run = %v, want nil at the end", err)
			}
		case <-time.After(patience):
			t.Error("Run does not end")
		}
	})
	t.Cleanup(stop)
	return stop
}

func (h *house) ask(t *testing.T, request *wire.RecallRequest) (*wire.RecallReply, error) {
	t.Helper()
	payload, err := proto.Marshal(request)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	answer, err := h.bus.Call(ctx, wire.SubjectRecall, payload)
	if err != nil {
		return nil, err
	}
	reply := &wire.RecallReply{}
	if err := proto.Unmarshal(answer, reply); err != nil {
		t.Fatal(err)
	}
	return reply, nil
}

// until asks until the answer is the ids in that order.
func (h *house) until(t *testing.T, within time.Duration, request *wire.RecallRequest, want string) *wire.RecallReply {
	t.Helper()
	var reply *wire.RecallReply
	servicetest.Eventually(t, within, func() (err error) {
		if reply, err = h.ask(t, request); err != nil {
			return err
		}
		var ids []string
		for _, id := range reply.Candidates.AppendIDs(nil) {
			ids = append(ids, string(id))
		}
		if got := strings.Join(ids, " "); got != want {
			return fmt.Errorf("%v finds %q, want %q", request, got, want)
		}
		return nil
	})
	return reply
}

func publish(t *testing.T, b *bus.Bus, subject string, payload []byte) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if _, err := b.Publish(ctx, subject, "", payload); err != nil {
		t.Fatal(err)
	}
}

func putItem(t *testing.T, b *bus.Bus, it shop.Item) {
	t.Helper()
	payload, err := json.Marshal(it)
	if err != nil {
		t.Fatal(err)
	}
	publish(t, b, wire.SubjectItem+wire.ItemToken(it.ID), payload)
}

func sendEvents(t *testing.T, b *bus.Bus, events ...shop.Event) {
	t.Helper()
	var payload []byte
	for _, e := range events {
		line, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		payload = append(append(payload, line...), '\n')
	}
	publish(t, b, wire.SubjectEvent+string(events[0].Kind), payload)
}

func view(id, shopper, session string, at time.Time, item shop.ItemID) shop.Event {
	return shop.Event{
		ID: id, Kind: shop.ViewItem, Time: at, Shopper: shop.ShopperID(shopper), Session: shop.SessionID(session),
		Items: []shop.EventItem{{ID: item}},
	}
}

func TestServesWhatWasThereAndWhatComes(t *testing.T) {
	now := time.Now()
	h := start(t, func(b *bus.Bus) {
		putItem(t, b, shop.Item{ID: "red*shoe/1.5", Title: "never"})
		putItem(t, b, shop.Item{ID: "shoe-1", Title: "Red running shoe", Brand: "Acme", Price: 50})
		putItem(t, b, shop.Item{ID: "shoe.2", Title: "Blue running shoe", Titles: map[string]string{"zh": "蓝色跑鞋"}, Brand: "Globex", Price: 70})
		putItem(t, b, shop.Item{ID: "hat", Title: "Straw hat", Price: 20})
		sendEvents(t, b, view("1", "a", "s1", now.Add(-time.Hour), "hat"), view("2", "a", "s1", now.Add(-time.Hour), "shoe-1"), view("3", "b", "s2", now.Add(-time.Hour), "shoe.2"))
	})
	servicetest.Eventually(t, patience, func() error {
		if h.kit.Health.Since().IsZero() {
			return fmt.Errorf("waits for %v", h.kit.Health.Waits())
		}
		return nil
	})
	h.until(t, patience, &wire.RecallRequest{Query: "running shoes", Filter: `brand: ANY("Acme")`}, "shoe-1")
	h.until(t, time.Second, &wire.RecallRequest{Query: "跑鞋"}, "shoe.2")

	// What comes is visible within a second: an item, its change, its end, and an event.
	putItem(t, h.bus, shop.Item{ID: "x1", Title: "Running sock", Price: 5})
	h.until(t, time.Second, &wire.RecallRequest{Query: "sock"}, "x1")
	putItem(t, h.bus, shop.Item{ID: "x1", Title: "Winter mitten", Price: 5})
	h.until(t, time.Second, &wire.RecallRequest{Query: "sock"}, "")
	h.until(t, time.Second, &wire.RecallRequest{Query: "mitten"}, "x1")
	publish(t, h.bus, wire.SubjectItem+"x1", nil)
	h.until(t, time.Second, &wire.RecallRequest{Query: "mitten"}, "")
	sendEvents(t, h.bus, view("4", "me", "mine", now, "hat"))
	servicetest.Eventually(t, time.Second, func() error {
		reply, err := h.ask(t, &wire.RecallRequest{Purpose: wire.Purpose_PURPOSE_RECOMMEND, Shopper: "me", Session: "mine"})
		if err != nil {
			return err
		}
		if !slices.Equal(reply.BecauseItems, []string{"hat"}) || reply.Candidates.AppendIDs(nil)[0] != "shoe-1" {
			return fmt.Errorf("got %v because of %v, want shoe-1 because of the hat", reply.Candidates.AppendIDs(nil), reply.BecauseItems)
		}
		return nil
	})
}

func TestReceiptCoversTheCall(t *testing.T) {
	h := start(t, func(b *bus.Bus) { putItem(t, b, shop.Item{ID: "hat", Title: "Straw hat"}) })
	reply := h.until(t, patience, &wire.RecallRequest{Query: "hat", Facets: []string{"price"}}, "hat")
	sum := time.Duration(0)
	var names []string
	for _, stage := range reply.Stages {
		names = append(names, stage.Name)
		if stage.CpuNanos == 0 {
			t.Errorf("stage %s used nothing", stage.Name)
		}
		sum += time.Duration(stage.CpuNanos)
	}
	if want := []string{"recall.lexical", "recall.facets", "recall.wire"}; !slices.Equal(names, want) {
		t.Errorf("stages %v, want %v", names, want)
	}
	if claimed := h.kit.Ledger.Claimed(); claimed < sum {
		t.Errorf("the ledger claims %v, the receipt says %v", claimed, sum)
	}
	if h.kit.Ledger.Others() == 0 {
		t.Error("following the streams used nothing")
	}
}

func TestFaultsCrossTheWire(t *testing.T) {
	h := start(t, func(b *bus.Bus) { putItem(t, b, shop.Item{ID: "hat", Title: "Straw hat"}) })
	h.until(t, patience, &wire.RecallRequest{Query: "hat"}, "hat")
	_, err := h.ask(t, &wire.RecallRequest{Filter: `price >`})
	var fault *wire.Error
	if !errors.As(err, &fault) || fault.Code != wire.Invalid || fault.Field != "filter" || !strings.Contains(fault.Text, "column 8") {
		t.Errorf("a bad filter is answered %v, want Invalid that names the filter and the column", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	if _, err := h.bus.Call(ctx, wire.SubjectRecall, []byte("\xff\xff\xff")); wire.CodeOf(err) != wire.Invalid {
		t.Errorf("a request that is no message is answered %v, want Invalid", err)
	}
}

func TestUnreadableMessagesArePassedOver(t *testing.T) {
	h := start(t, func(b *bus.Bus) {
		publish(t, b, wire.SubjectItem+"broken", []byte("{"))
		publish(t, b, wire.SubjectItem+"other", []byte(`{"id":"another","title":"x"}`))
		publish(t, b, wire.SubjectItem+"untitled", []byte(`{"id":"untitled"}`))
		publish(t, b, wire.SubjectItem+"=!!", []byte(`{}`))
		publish(t, b, wire.SubjectEvent+"view_item", []byte("nonsense\n{}\n"))
		putItem(t, b, shop.Item{ID: "hat", Title: "Straw hat"})
	})
	h.until(t, patience, &wire.RecallRequest{}, "hat")
	const want = `
# HELP haggle_recall_rejected_messages_total Messages and lines of a stream that could not be read.
# TYPE haggle_recall_rejected_messages_total counter
haggle_recall_rejected_messages_total{stream="CATALOG"} 4
haggle_recall_rejected_messages_total{stream="EVENTS"} 1
`
	if err := testutil.GatherAndCompare(h.kit.Metrics, strings.NewReader(want), "haggle_recall_rejected_messages_total"); err != nil {
		t.Error(err)
	}
}

func TestNeighboursAreUsedWhenPublished(t *testing.T) {
	h := start(t, func(b *bus.Bus) {
		for _, id := range []shop.ItemID{"hat", "scarf", "tent"} {
			putItem(t, b, shop.Item{ID: id, Title: "Thing " + string(id)})
		}
	})
	request := &wire.RecallRequest{Purpose: wire.Purpose_PURPOSE_TOGETHER, ContextItems: []string{"hat"}}
	servicetest.Eventually(t, patience, func() error {
		reply, err := h.ask(t, request)
		if err == nil && !slices.Contains(reply.Degraded, "recall.together:no_model") {
			err = fmt.Errorf("degraded %v, want that there is no model", reply.Degraded)
		}
		return err
	})
	m, err := neighbour.New([]shop.ItemID{"hat", "tent"}, []uint32{0, 1, 1}, []uint32{1}, []float32{0.5})
	if err != nil {
		t.Fatal(err)
	}
	file, err := m.Encode(nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if _, err := h.kit.Models.Publish(ctx, registry.Card{Name: slotNeighbours, Kind: "neighbour"}, file); err != nil {
		t.Fatal(err)
	}
	servicetest.Eventually(t, patience, func() error {
		reply, err := h.ask(t, request)
		if err != nil {
			return err
		}
		if len(reply.Degraded) > 0 || reply.Candidates.AppendIDs(nil)[0] != "tent" || !shop.Reasons(reply.Reasons[0]).Has(shop.ReasonTogether) {
			return fmt.Errorf("got %v, degraded %v; want the tent", reply.Candidates.AppendIDs(nil), reply.Degraded)
		}
		return nil
	})
	// What cannot be read leaves the last good one in place.
	if _, err := h.kit.Models.Publish(ctx, registry.Card{Name: slotNeighbours, Kind: "neighbour"}, []byte("no model")); err != nil {
		t.Fatal(err)
	}
	servicetest.Eventually(t, patience, func() error {
		if h.kit.Models.Rejected() == 0 {
			return errors.New("the broken model was not refused yet")
		}
		return nil
	})
	if reply, err := h.ask(t, request); err != nil || reply.Candidates.AppendIDs(nil)[0] != "tent" {
		t.Errorf("after a broken model: %v, %v", reply, err)
	}
}

func TestAnEventOfTheFutureDoesNotLeadForEver(t *testing.T) {
	now := time.Now()
	h := start(t, func(b *bus.Bus) {
		for _, id := range []shop.ItemID{"hat", "scarf"} {
			putItem(t, b, shop.Item{ID: id, Title: "Thing"})
		}
		sendEvents(t, b, view("1", "a", "", now.Add(10*365*24*time.Hour), "hat"), view("2", "a", "", now, "scarf"), view("3", "b", "", now, "scarf"))
	})
	h.until(t, patience, &wire.RecallRequest{Purpose: wire.Purpose_PURPOSE_TRENDING}, "scarf hat")
}

func TestAnEmptyShopIsReady(t *testing.T) {
	h := start(t, nil)
	reply := h.until(t, patience, &wire.RecallRequest{Purpose: wire.Purpose_PURPOSE_RECOMMEND}, "")
	if reply.Total != 0 {
		t.Errorf("total %d", reply.Total)
	}
}

// TestShardsAnswerAsOne runs two shards, asks either, and stops one.
func TestShardsAnswerAsOne(t *testing.T) {
	srv := servicetest.NATS(t)
	h := &house{kit: servicetest.Kit(t, "recall", servicetest.KitOptions{NATS: srv}), bus: servicetest.Bus(t, srv, "gateway")}
	other := &house{kit: servicetest.Kit(t, "recall", servicetest.KitOptions{NATS: srv}), bus: h.bus}
	var ids []string
	for i := range 20 {
		id := fmt.Sprintf("hat%02d", i)
		ids = append(ids, id)
		putItem(t, h.bus, shop.Item{ID: shop.ItemID(id), Title: "Straw hat", Brand: "Acme", Price: float64(1 + i)})
	}
	one, two := Default(), Default()
	one.Shard, two.Shard = "0/2", "1/2"
	h.run(t, one)
	stop := other.run(t, two)
	request := &wire.RecallRequest{Query: "hats", OrderBy: "price", Facets: []string{"brand"}}
	servicetest.Eventually(t, patience, func() error {
		if h.kit.Health.Since().IsZero() || other.kit.Health.Since().IsZero() {
			return errors.New("not ready")
		}
		return nil
	})
	reply := h.until(t, patience, request, strings.Join(ids, " "))
	if reply.Total != 20 || len(reply.Facets) != 1 || reply.Facets[0].Counts[0] != 20 || len(reply.Degraded) > 0 {
		t.Errorf("total %d, facets %v, degraded %v", reply.Total, reply.Facets, reply.Degraded)
	}
	stop()
	servicetest.Eventually(t, patience, func() error {
		reply, err := h.ask(t, request)
		if err == nil && (reply.Total == 0 || reply.Total == 20 || len(reply.Degraded) != 1 || !strings.HasPrefix(reply.Degraded[0], "recall.shard1:")) {
			err = fmt.Errorf("total %d, degraded %v", reply.Total, reply.Degraded)
		}
		return err
	})
	if _, err := h.ask(t, &wire.RecallRequest{Filter: "price >"}); wire.CodeOf(err) != wire.Invalid {
		t.Errorf("a bad filter is answered %v", err)
	}
}

func TestConfigCheck(t *testing.T) {
	if err := Default().Check(); err != nil {
		t.Errorf("the default is refused: %v", err)
	}
	bad := Config{Shoppers: -1, Sessions: 0, TrendingHalfLife: time.Second, PopularHalfLife: 0, Workers: -1, Queue: -1, Snapshots: onBus, Shard: "4/4"}
	err := bad.Check()
	for _, field := range []string{"shoppers", "sessions", "trending-half-life", "popular-half-life", "workers", "queue", "snapshot-every", "shard"} {
		if err == nil || !strings.Contains(err.Error(), field+":") {
			t.Errorf("Check() = %v, want a fault of %s", err, field)
		}
	}
	if err := Run(t.Context(), service.Kit{}, bad); err == nil {
		t.Error("Run takes a bad configuration")
	}
}

func TestSynonymsAreRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "synonyms.txt")
	for text, want := range map[string]string{"sofa, couch\n": "", "sofa, couch\nalone\n": "synonyms.txt: line 2: "} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		c := Default()
		c.Synonyms = path
		o, err := c.options()
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
		if err == nil && o.Synonyms.Len() != 2 {
			t.Errorf("%d rules, want 2", o.Synonyms.Len())
		}
	}
	c := Default()
	c.Synonyms = path + ".none"
	if _, err := c.options(); err == nil {
		t.Error("a file that is not there is no fault")
	}
}
