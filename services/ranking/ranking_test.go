package ranking

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/protobuf/proto"

	"github.com/haggle-commerce/haggle/libs/cost"
	"github.com/haggle-commerce/haggle/libs/feature"
	"github.com/haggle-commerce/haggle/libs/model"
	"github.com/haggle-commerce/haggle/libs/model/linear"
	"github.com/haggle-commerce/haggle/libs/model/neighbour"
	"github.com/haggle-commerce/haggle/libs/model/trees"
	"github.com/haggle-commerce/haggle/libs/online"
	"github.com/haggle-commerce/haggle/libs/registry"
	"github.com/haggle-commerce/haggle/libs/service"
	"github.com/haggle-commerce/haggle/libs/servicetest"
	"github.com/haggle-commerce/haggle/libs/shop"
	"github.com/haggle-commerce/haggle/libs/wire"
)

const within = 20 * time.Second

func itemsOf(n int) []shop.Item {
	items := make([]shop.Item, n)
	for i := range items {
		items[i] = shop.Item{
			ID: shop.ItemID(fmt.Sprintf("item.%d", i)), Title: []string{"Red running shoes", "Blue desk lamp"}[i%2], Price: float64(10 + i),
			Brand: fmt.Sprint("brand", i%5), Categories: []string{fmt.Sprint("c", i%3), fmt.Sprint("d", i%12)},
		}
	}
	return items
}

func put(t testing.TB, kit service.Kit, items ...shop.Item) {
	t.Helper()
	for i := range items {
		data, err := json.Marshal(&items[i])
		if err != nil {
			t.Fatal(err)
		}
		if _, err := kit.Bus.Publish(t.Context(), wire.SubjectItem+wire.ItemToken(items[i].ID), "", data); err != nil {
			t.Fatal(err)
		}
	}
}

// start runs the service and waits until it is ready.
func start(t testing.TB, kit service.Kit) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- Run(ctx, kit, Default()) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("run: %v", err)
		}
	})
	servicetest.Eventually(t, within, func() error {
		if kit.Health.Since().IsZero() {
			return fmt.Errorf("waits for %v", kit.Health.Waits())
		}
		return nil
	})
}

func requestOf(ids []shop.ItemID, change func(q *wire.RankRequest)) *wire.RankRequest {
	q := &wire.RankRequest{Candidates: &wire.Columns{}, Shopper: "anna", Placement: "search"}
	q.Candidates.Clear(wire.ColumnScore)
	scores := make([]float32, len(ids))
	for i, id := range ids {
		q.Candidates.AddID(id)
		scores[i] = float32(len(ids) - i)
	}
	q.Candidates.SetValues(scores)
	if change != nil {
		change(q)
	}
	return q
}

// ask calls over the bus; scores holds the decoded scores.
func ask(t testing.TB, kit service.Kit, q *wire.RankRequest) (reply *wire.RankReply, scores []float32, err error) {
	t.Helper()
	request, err := proto.Marshal(q)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	answer, err := kit.Bus.Call(ctx, wire.SubjectRank, request)
	if err != nil {
		return nil, nil, err
	}
	reply = &wire.RankReply{}
	if err := proto.Unmarshal(answer, reply); err != nil {
		t.Fatal(err)
	}
	return reply, wire.Floats(reply.Scores, nil), nil
}

// linearFile is a model that adds up some features.
func linearFile(t testing.TB, weights map[string]float32) []byte {
	t.Helper()
	var names []string
	for name := range weights {
		names = append(names, name)
	}
	slices.Sort(names)
	m := &linear.Model{}
	for _, name := range names {
		m.Weights = append(m.Weights, weights[name])
	}
	payload, err := m.AppendBinary(nil)
	if err != nil {
		t.Fatal(err)
	}
	file, err := model.Encode(model.Header{Kind: model.KindLinear, Features: names}, payload)
	if err != nil {
		t.Fatal(err)
	}
	return file
}

func publish(t testing.TB, kit service.Kit, slot string, file []byte) registry.Card {
	t.Helper()
	card, err := kit.Models.Publish(t.Context(), registry.Card{Name: slot, Kind: "linear", Variant: "linear"}, file)
	if err != nil {
		t.Fatal(err)
	}
	return card
}

// until asks until the answer is as wanted.
func until(t testing.TB, kit service.Kit, q *wire.RankRequest, want func(reply *wire.RankReply, scores []float32) error) {
	t.Helper()
	servicetest.Eventually(t, within, func() error {
		reply, scores, err := ask(t, kit, q)
		if err != nil {
			return err
		}
		return want(reply, scores)
	})
}

func served(id string, best int) func(*wire.RankReply, []float32) error {
	return func(reply *wire.RankReply, scores []float32) error {
		if at := slices.Index(scores, slices.Max(scores)); reply.Model != id || at != best {
			return fmt.Errorf("model %q ranks candidate %d first, want %q and %d (%v)", reply.Model, at, id, best, reply.Degraded)
		}
		return nil
	}
}

func TestRankingServes(t *testing.T) {
	redis := servicetest.Proxy(t, servicetest.Redis(t))
	kit := servicetest.Kit(t, "ranking", servicetest.KitOptions{Redis: redis.Address()})
	items := itemsOf(30)
	put(t, kit, items...)
	start(t, kit)
	ids := []shop.ItemID{"item.4", "item.1", "item.0", "gone"}
	shoes := requestOf(ids, func(q *wire.RankRequest) { q.Query = "red shoes" })

	// Without a model, recall's order and the words that say so.
	reply, scores, err := ask(t, kit, shoes)
	if err != nil {
		t.Fatal(err)
	}
	if want := []float32{4, 3, 2, 1}; !slices.Equal(scores, want) || !slices.Equal(reply.Degraded, []string{noModel}) || reply.Variant != variantRecall {
		t.Errorf("without a model: scores %v, degraded %v, variant %q; want %v", scores, reply.Degraded, reply.Variant, want)
	}
	if len(reply.Stages) != 2 || reply.Stages[0].CpuNanos == 0 || reply.Stages[1].CandidatesOut != 4 {
		t.Errorf("stages %v", reply.Stages)
	}

	// A model comes: text first, then the lower price.
	first := publish(t, kit, slotRanker, linearFile(t, map[string]float32{"text_coverage": 10, "price_log": -1}))
	until(t, kit, shoes, served(first.ID, 2))
	// Another takes its place without a query failing: the dearest first.
	second := publish(t, kit, slotRanker, linearFile(t, map[string]float32{"price_log": 1}))
	until(t, kit, shoes, served(second.ID, 0))

	// Models that cannot serve leave the one that does.
	publish(t, kit, slotRanker, linearFile(t, map[string]float32{"moon_phase": 1}))
	publish(t, kit, slotRanker, []byte("no model"))
	servicetest.Eventually(t, within, func() error {
		if n := kit.Models.Rejected(); n < 1 {
			return errors.New("the bad models were not refused yet")
		}
		return nil
	})
	until(t, kit, shoes, served(second.ID, 0))

	// Neighbours of the page's item count once their lists are there.
	near := publish(t, kit, slotRanker, linearFile(t, map[string]float32{"near_context": 1}))
	lists, err := neighbour.New([]shop.ItemID{"item.1", "item.7"}, []uint32{0, 0, 1}, []uint32{0}, []float32{0.5})
	if err != nil {
		t.Fatal(err)
	}
	file, err := lists.Encode(nil)
	if err != nil {
		t.Fatal(err)
	}
	page := requestOf(ids, func(q *wire.RankRequest) { q.ContextItems, q.Placement = []string{"item.7"}, "item" })
	until(t, kit, page, func(reply *wire.RankReply, _ []float32) error {
		if reply.Model != near.ID || !slices.Equal(reply.Degraded, []string{noNeighbours}) {
			return fmt.Errorf("model %q, degraded %v", reply.Model, reply.Degraded)
		}
		return nil
	})
	publish(t, kit, slotNeighbours, file)
	until(t, kit, page, served(near.ID, 1))

	// Items come and go.
	dear := publish(t, kit, slotRanker, linearFile(t, map[string]float32{"price_log": 1}))
	put(t, kit, shop.Item{ID: "gone", Title: "Back again", Price: 9999})
	until(t, kit, shoes, served(dear.ID, 3))
	if _, err := kit.Bus.Publish(t.Context(), wire.SubjectItem+wire.ItemToken("gone"), "", nil); err != nil {
		t.Fatal(err)
	}
	until(t, kit, shoes, served(dear.ID, 0))

	// Without Redis the answer comes all the same.
	redis.Cut(true)
	until(t, kit, requestOf([]shop.ItemID{"item.9"}, nil), func(reply *wire.RankReply, scores []float32) error {
		if !slices.Contains(reply.Degraded, noRows) || len(scores) != 1 {
			return fmt.Errorf("degraded %v, scores %v", reply.Degraded, scores)
		}
		return nil
	})
	if kit.Ledger.Claimed() <= 0 || kit.Ledger.Others() <= 0 {
		t.Errorf("the ledger says %v for queries and %v for other work", kit.Ledger.Claimed(), kit.Ledger.Others())
	}
}

// TestRowsReachTheModel writes rows as the feature store does and expects the favourite and the shopper's own item first.
func TestRowsReachTheModel(t *testing.T) {
	address := servicetest.Redis(t)
	srv := servicetest.NATS(t)
	kit := servicetest.Kit(t, "ranking", servicetest.KitOptions{NATS: srv, Redis: address})
	writer := servicetest.Kit(t, "feature-store", servicetest.KitOptions{NATS: srv, Redis: address})
	put(t, kit, itemsOf(10)...)
	start(t, kit)
	var favourite feature.ItemRow
	favourite.Apply(shop.Purchase, time.Now(), 50)
	row, _ := favourite.AppendBinary(nil)
	if err := writer.Redis.Set(t.Context(), feature.ItemKey("item.3"), row, 0).Err(); err != nil {
		t.Fatal(err)
	}
	var anna feature.ShopperRow
	anna.Apply(&shop.Event{Kind: shop.ViewItem, Time: time.Now(), Items: []shop.EventItem{{ID: "item.5"}}})
	if row, _ = anna.AppendBinary(nil); writer.Redis.Set(t.Context(), feature.ShopperKey("anna"), row, 0).Err() != nil {
		t.Fatal("the row was not written")
	}
	card := publish(t, kit, slotRanker, linearFile(t, map[string]float32{"bought_days": 1, "own_interest": 100}))
	ids := []shop.ItemID{"item.1", "item.3", "item.5"}
	until(t, kit, requestOf(ids, nil), served(card.ID, 2))
	until(t, kit, requestOf(ids, func(q *wire.RankRequest) { q.Anonymous = true }), served(card.ID, 1))
	until(t, kit, requestOf(ids, func(q *wire.RankRequest) {
		q.Anonymous, q.NowMicros = true, time.Now().Add(100*24*time.Hour).UnixMicro()
	}), func(_ *wire.RankReply, scores []float32) error {
		if scores[1] != 0 {
			return fmt.Errorf("a hundred days later the favourite scores %v, want 0", scores[1])
		}
		return nil
	})
}

func TestWrongRequestsAreInvalid(t *testing.T) {
	kit := servicetest.Kit(t, "ranking")
	start(t, kit)
	many := make([]shop.ItemID, Default().Candidates+1)
	for i := range many {
		many[i] = "x"
	}
	for name, q := range map[string]*wire.RankRequest{
		"ends beyond the ids": requestOf([]shop.ItemID{"a"}, func(q *wire.RankRequest) { q.Candidates.Ends[0] = 7 }),
		"too few values":      requestOf([]shop.ItemID{"a"}, func(q *wire.RankRequest) { q.Candidates.Values = q.Candidates.Values[:1] }),
		"too many candidates": requestOf(many, nil),
	} {
		if _, _, err := ask(t, kit, q); wire.CodeOf(err) != wire.Invalid {
			t.Errorf("%s: error %v, want Invalid", name, err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	if _, err := kit.Bus.Call(ctx, wire.SubjectRank, []byte{0xff}); wire.CodeOf(err) != wire.Invalid {
		t.Errorf("no protobuf: error %v, want Invalid", err)
	}
	reply, scores, err := ask(t, kit, &wire.RankRequest{})
	if err != nil || len(scores) != 0 || reply.Variant != variantRecall {
		t.Errorf("no candidates: %v, %v, %v", reply, scores, err)
	}
}

func TestConfigNamesEachFault(t *testing.T) {
	if err := Default().Check(); err != nil {
		t.Errorf("the default configuration has faults: %v", err)
	}
	var got []string
	joined, ok := (Config{Workers: -1, Queue: -1}).Check().(interface{ Unwrap() []error })
	if !ok {
		t.Fatal("the faults are not joined")
	}
	for _, err := range joined.Unwrap() {
		var fault *shop.FieldError
		if errors.As(err, &fault) {
			got = append(got, fault.Field)
		}
	}
	if diff := cmp.Diff([]string{"workers", "queue", "candidates"}, got); diff != "" {
		t.Errorf("faults (-want +got):\n%s", diff)
	}
}

// forest is an ensemble of n random trees of depth 6 over all features.
func forest(t testing.TB, n int) []byte {
	t.Helper()
	random := rand.New(rand.NewPCG(1, 1))
	var all []trees.Tree
	for range n {
		tree := trees.Tree{Nodes: make([]trees.Node, 63), Leaves: make([]float32, 64)}
		for i := range tree.Nodes {
			tree.Nodes[i] = trees.Node{Feature: uint32(random.IntN(feature.Vector)), Threshold: float32(random.NormFloat64())}
		}
		for i := range tree.Leaves {
			tree.Leaves[i] = float32(random.NormFloat64())
		}
		all = append(all, tree)
	}
	m, err := trees.New(feature.Vector, 0, all)
	if err != nil {
		t.Fatal(err)
	}
	payload, err := m.AppendBinary(nil)
	if err != nil {
		t.Fatal(err)
	}
	file, err := model.Encode(model.Header{Kind: model.KindTrees, Features: feature.Names()}, payload)
	if err != nil {
		t.Fatal(err)
	}
	return file
}

// benchRoom is a room with 20,000 items, lists of 50 neighbours, and the rows of a shopper who did 20 things, in a Redis of
// this process.
func benchRoom(b testing.TB, trees int) (*room, []byte) {
	b.Helper()
	random := rand.New(rand.NewPCG(2, 2))
	items, rows := itemsOf(20_000), map[string]string{}
	offsets, neighbours, weights := []uint32{0}, []uint32(nil), []float32(nil)
	var ids []shop.ItemID
	for i := range items {
		var row feature.ItemRow
		for range random.IntN(30) {
			row.Apply(shop.EventKinds[random.IntN(len(shop.EventKinds))], time.Now().Add(-time.Duration(random.IntN(60*24))*time.Hour), 1)
		}
		value, _ := row.AppendBinary(nil)
		rows[feature.ItemKey(items[i].ID)] = string(value)
		ids = append(ids, items[i].ID)
		for k := range 50 {
			neighbours, weights = append(neighbours, uint32((i+1+k*37)%len(items))), append(weights, 1/float32(k+2))
		}
		offsets = append(offsets, uint32(len(neighbours)))
	}
	slices.Sort(ids)
	var anna feature.ShopperRow
	for i := range 20 {
		anna.Apply(&shop.Event{Kind: shop.ViewItem, Time: time.Now().Add(-time.Duration(i) * time.Hour), Items: []shop.EventItem{{ID: ids[random.IntN(len(ids))]}}})
	}
	value, _ := anna.AppendBinary(nil)
	rows[feature.ShopperKey("anna")] = string(value)
	store, err := online.Open(online.Options{Fresh: time.Hour, Local: func(key string) (string, bool) {
		value, found := rows[key]
		return value, found
	}})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = store.Close() })
	m, err := newMetrics(prometheus.NewRegistry())
	if err != nil {
		b.Fatal(err)
	}
	r := newRoom(service.Kit{Online: store, Ledger: &cost.Ledger{}, Clock: time.Now, Log: slog.New(slog.DiscardHandler)}, Default(), m)
	for i := range items {
		r.catalogue.Put(feature.NewFacts(&items[i]))
	}
	lists, err := neighbour.New(ids, offsets, neighbours, weights)
	if err != nil {
		b.Fatal(err)
	}
	r.neighbours.Store(lists)
	if err := r.loadRanker(registry.Card{ID: "ranker-bench"}, forest(b, trees)); err != nil {
		b.Fatal(err)
	}
	candidates := make([]shop.ItemID, 100)
	for i := range candidates {
		candidates[i] = ids[(i*197)%len(ids)]
	}
	request, err := proto.Marshal(requestOf(candidates, func(q *wire.RankRequest) {
		q.Query, q.ContextItems = "red running shoes", []string{string(ids[7])}
		q.Candidates.Names = []string{wire.ColumnScore, wire.ColumnLexical, wire.ColumnTogether, wire.ColumnSession, wire.ColumnTrending, wire.ColumnSimilar, wire.ColumnAgain}
		q.Candidates.SetValues(make([]float32, 7*len(candidates)))
	}))
	if err != nil {
		b.Fatal(err)
	}
	return r, request
}

// TestQueriesCostLittleMemory guards what a query of 100 candidates allocates: its message, the ids, the answer.
func TestQueriesCostLittleMemory(t *testing.T) {
	r, request := benchRoom(t, 10)
	work := func() {
		if _, err := r.rank(t.Context(), request); err != nil {
			t.Fatal(err)
		}
	}
	work()
	// Columns and its three fields, 7 names and their list, 4 strings, 2 for the context; ids; the answer; metrics by label.
	if n := testing.AllocsPerRun(100, work); n > 24 && !racing {
		t.Errorf("a query allocates %v times, want at most 24", n)
	}
}

// BenchmarkRank answers a request of 100 candidates: decode, read rows from the near cache, features, model, encode. The
// receipt is what the reply says, cpu the processor time of all.
func BenchmarkRank(b *testing.B) {
	for _, n := range []int{100, 300} {
		b.Run(fmt.Sprint("trees=", n), func(b *testing.B) {
			r, request := benchRoom(b, n)
			b.ReportAllocs()
			begin := cost.ProcessCPU()
			for b.Loop() {
				if _, err := r.rank(b.Context(), request); err != nil {
					b.Fatal(err)
				}
			}
			used := cost.ProcessCPU() - begin
			b.ReportMetric(float64(used.Nanoseconds())/float64(b.N), "cpu-ns/op")
			b.ReportMetric(float64(r.kit.Ledger.Claimed())/float64(used), "claimed/cpu")
		})
	}
}

// TestAFaultEndsRun closes the bus under the service: that is no clean end, and Run says so.
func TestAFaultEndsRun(t *testing.T) {
	kit := servicetest.Kit(t, "ranking")
	ended := make(chan error, 1)
	go func() { ended <- Run(t.Context(), kit, Default()) }()
	servicetest.Eventually(t, within, func() error {
		if kit.Health.Since().IsZero() {
			return errors.New("not ready")
		}
		return nil
	})
	if err := kit.Bus.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err == nil {
		t.Error("Run returns nil after the bus was closed under it")
	}
}
