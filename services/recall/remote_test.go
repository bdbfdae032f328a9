package recall

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/haggle-commerce/haggle/libs/servicetest"
	"github.com/haggle-commerce/haggle/libs/shop"
	"github.com/haggle-commerce/haggle/libs/wire"
	"github.com/haggle-commerce/haggle/services/recall/internal/engine"
	"github.com/haggle-commerce/haggle/services/recall/internal/own"
	"github.com/haggle-commerce/haggle/services/recall/internal/retrieve"
)

// afar is a retriever over an engine of its own, which can be made to fail.
type afar struct {
	*own.Retriever

	mu              sync.Mutex
	applied         []retrieve.Change
	queries         []retrieve.Query
	searches, fills func(ctx context.Context) error
}

func newAfar() *afar { return &afar{Retriever: own.New(engine.New(engine.Defaults()))} }

func (a *afar) Apply(ctx context.Context, changes []retrieve.Change) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.fills != nil {
		if err := a.fills(ctx); err != nil {
			return err
		}
	}
	a.applied = append(a.applied, changes...)
	return a.Retriever.Apply(ctx, changes)
}

func (a *afar) Search(ctx context.Context, q *retrieve.Query) (retrieve.Result, error) {
	a.mu.Lock()
	fail := a.searches
	a.queries = append(a.queries, *q)
	a.mu.Unlock()
	if fail != nil {
		if err := fail(ctx); err != nil {
			return retrieve.Result{}, err
		}
	}
	return a.Retriever.Search(ctx, q)
}

func (a *afar) set(searches, fills func(context.Context) error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.searches, a.fills = searches, fills
}

// sent are the changes that were stored: the id of an item, or with a sign before it when it was deleted.
func (a *afar) sent() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	var all []string
	for _, c := range a.applied {
		id := string(c.ID)
		if c.Item == nil {
			id = "-" + id
		}
		all = append(all, id)
	}
	return strings.Join(all, " ")
}

// last is what was asked last.
func (a *afar) last() retrieve.Query {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.queries[len(a.queries)-1]
}

func (a *afar) asked() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.queries)
}

func withRemote(a *afar) Config {
	c := Default()
	c.Retriever = "qdrant+http://127.0.0.1:6334/items"
	c.Open = func(retrieve.Address, retrieve.Login) (retrieve.Retriever, error) { return a, nil }
	return c
}

// startRemote runs recall with a remote index and a small shop.
func startRemote(t *testing.T, a *afar) (h *house, stop func()) {
	t.Helper()
	srv := servicetest.NATS(t)
	h = &house{kit: servicetest.Kit(t, "recall", servicetest.KitOptions{NATS: srv}), bus: servicetest.Bus(t, srv, "gateway")}
	putItem(t, h.bus, shop.Item{ID: "shoe", Title: "Red running shoe", Brand: "Acme", Price: 50})
	putItem(t, h.bus, shop.Item{ID: "boot", Title: "Red boot", Brand: "Globex", Price: 90})
	return h, h.run(t, withRemote(a))
}

var red = &wire.RecallRequest{Purpose: wire.Purpose_PURPOSE_SEARCH, Query: "red", Filter: "price < 80", Facets: []string{"brand"}}

// untilWhole asks until the remote index answers.
func (h *house) untilWhole(t *testing.T, request *wire.RecallRequest) {
	t.Helper()
	servicetest.Eventually(t, patience, func() error {
		reply, err := h.ask(t, request)
		if err == nil && len(reply.Degraded) > 0 {
			err = fmt.Errorf("degraded: %v", reply.Degraded)
		}
		return err
	})
}

// metric is the sum of a metric over its labels.
func (h *house) metric(t *testing.T, name string) (sum float64) {
	t.Helper()
	families, err := h.kit.Metrics.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			if family.GetName() == name {
				sum += m.GetCounter().GetValue() + m.GetGauge().GetValue()
			}
		}
	}
	return sum
}

func TestRemoteIndexFindsAndFollows(t *testing.T) {
	a := newAfar()
	h, _ := startRemote(t, a)
	h.untilWhole(t, red)
	reply := h.until(t, patience, red, "shoe")
	if len(reply.Degraded) != 0 || len(reply.Facets) != 1 || !slices.Equal(reply.Facets[0].Values, []string{"Acme"}) {
		t.Errorf("reply = %v, want the facet of what was found and nothing degraded", reply)
	}
	last := a.last()
	if last.Text != "red" || last.Filter != "price < 80" || last.K != retrieve.MaxK {
		t.Errorf("the remote index was asked %+v", last)
	}
	// What others answer is not asked for.
	before := a.asked()
	for _, request := range []*wire.RecallRequest{
		{Purpose: wire.Purpose_PURPOSE_SEARCH},
		{Purpose: wire.Purpose_PURPOSE_SEARCH, Query: "red", OrderBy: "price"},
		{Purpose: wire.Purpose_PURPOSE_RECOMMEND},
		{Purpose: wire.Purpose_PURPOSE_AUTOCOMPLETE, Query: "re"},
	} {
		if reply, err := h.ask(t, request); err != nil || slices.Contains(reply.Degraded, degradedRemote) {
			t.Errorf("%v = %v, %v", request, reply, err)
		}
	}
	if got := a.asked(); got != before {
		t.Errorf("the remote index was asked %d times for what it does not answer", got-before)
	}
	putItem(t, h.bus, shop.Item{ID: "sock", Title: "Red sock", Price: 5})
	publish(t, h.bus, wire.SubjectItem+wire.ItemToken("shoe"), nil)
	h.until(t, patience, red, "sock")
	servicetest.Eventually(t, patience, func() error {
		if got := a.sent(); got != "shoe boot sock -shoe" {
			return fmt.Errorf("stored %q", got)
		}
		return nil
	})
	if h.metric(t, "haggle_recall_remote_changes_total") != 4 {
		t.Error("four changes were not counted")
	}
}

// TestRemoteIndexIsAskedForVectors asks one that holds vectors of two numbers, and one that holds none, for which the own index brings
// the vector in.
func TestRemoteIndexIsAskedForVectors(t *testing.T) {
	words := &wire.RecallRequest{Purpose: wire.Purpose_PURPOSE_SEARCH, Query: "red shoe", Vector: wire.AppendFloats(nil, []float32{0, 1})}
	picture := &wire.RecallRequest{Purpose: wire.Purpose_PURPOSE_SEARCH, Vector: words.Vector, Limit: 1}
	for _, c := range []struct {
		address string
		want    []float32
		// pictured says that a vector without words is asked for, too.
		pictured bool
	}{
		{"qdrant+http://127.0.0.1:6334/items?dims=2", []float32{0, 1}, true},
		{"qdrant+http://127.0.0.1:6334/items?dims=3", nil, false},
		{"qdrant+http://127.0.0.1:6334/items", nil, false},
	} {
		t.Run(c.address, func(t *testing.T) {
			a := newAfar()
			srv := servicetest.NATS(t)
			h := &house{kit: servicetest.Kit(t, "recall", servicetest.KitOptions{NATS: srv}), bus: servicetest.Bus(t, srv, "gateway")}
			putItem(t, h.bus, shop.Item{ID: "shoe", Title: "Red running shoe", Vector: []float32{1, 0}})
			putItem(t, h.bus, shop.Item{ID: "boot", Title: "Green boot", Vector: []float32{0, 1}})
			config := withRemote(a)
			config.Retriever = c.address
			h.run(t, config)
			h.untilWhole(t, words)
			reply, err := h.ask(t, words)
			if err != nil {
				t.Fatal(err)
			}
			if ids := reply.Candidates.AppendIDs(nil); len(ids) != 2 || !slices.Equal(a.last().Vector, c.want) {
				t.Errorf("found %v after asking for the vector %v, want both items and %v", ids, a.last().Vector, c.want)
			}
			before := a.asked()
			if reply, err = h.ask(t, picture); err != nil {
				t.Fatal(err)
			}
			if ids := reply.Candidates.AppendIDs(nil); len(ids) != 1 || ids[0] != "boot" || (a.asked() > before) != c.pictured {
				t.Errorf("a vector alone finds %v, asked %v, want the boot and %v", ids, a.asked() > before, c.pictured)
			}
		})
	}
}

func TestRemoteIndexFailsOver(t *testing.T) {
	for name, fail := range map[string]func(context.Context) error{
		"down": func(context.Context) error { return retrieve.ErrUnavailable },
		"late": func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() },
	} {
		t.Run(name, func(t *testing.T) {
			a := newAfar()
			h, _ := startRemote(t, a)
			h.untilWhole(t, red)
			a.set(fail, nil)
			for range 2 * faultsToRest {
				began := time.Now()
				reply := h.until(t, patience, red, "shoe")
				if !slices.Contains(reply.Degraded, degradedRemote) {
					t.Errorf("degraded = %v, want %s", reply.Degraded, degradedRemote)
				}
				if took := time.Since(began); took > 2*time.Second {
					t.Errorf("the answer took %v", took)
				}
			}
			a.set(nil, nil)
			h.untilWhole(t, red)
		})
	}
}

func TestRemoteIndexIsSentEachChangeOnce(t *testing.T) {
	a := newAfar()
	tries := 0
	a.set(nil, func(context.Context) error {
		if tries++; tries < 2 {
			return retrieve.ErrUnavailable
		}
		return nil
	})
	h, stop := startRemote(t, a)
	// Until it holds all, it is not asked, and the own index answers.
	if reply := h.until(t, patience, red, "shoe"); !slices.Contains(reply.Degraded, degradedRemote) && a.sent() == "" {
		t.Errorf("degraded = %v while the remote index holds nothing", reply.Degraded)
	}
	stored := func(want string) {
		t.Helper()
		servicetest.Eventually(t, patience, func() error {
			if got := a.sent(); got != want {
				return fmt.Errorf("stored %q, want %q", got, want)
			}
			return nil
		})
	}
	stored("shoe boot")
	h.untilWhole(t, red)
	stop()
	a.set(nil, func(context.Context) error {
		refused := &retrieve.RefusedError{}
		refused.Add("sock", "too red")
		return refused
	})
	h.run(t, withRemote(a))
	putItem(t, h.bus, shop.Item{ID: "sock", Title: "Red sock", Price: 5})
	// What is refused is passed over, and the own index alone has it.
	servicetest.Eventually(t, patience, func() error {
		if n := h.metric(t, "haggle_recall_remote_changes_total"); n != 1 {
			return fmt.Errorf("%v changes counted", n)
		}
		return nil
	})
	a.set(nil, nil)
	putItem(t, h.bus, shop.Item{ID: "hat", Title: "Red hat", Price: 6})
	stored("shoe boot hat")
}

func TestRemoteIndexRests(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	h := &house{kit: servicetest.Kit(t, "recall")}
	h.kit.Clock = func() time.Time { return now }
	m, err := newMetrics(h.kit.Metrics, engine.New(engine.Defaults()))
	if err != nil {
		t.Fatal(err)
	}
	a := newAfar()
	r := &remote{door: &door{kit: h.kit, metrics: m}, retriever: a}
	r.current.Store(true)
	find := func(wantAsked int) {
		t.Helper()
		if _, missed := r.find(t.Context(), red); !missed || a.asked() != wantAsked {
			t.Fatalf("missed %v after %d searches, want true after %d", missed, a.asked(), wantAsked)
		}
	}
	a.set(func(context.Context) error { return errors.New("away") }, nil)
	for i := range faultsToRest {
		find(i + 1)
	}
	find(faultsToRest)
	now = now.Add(restTime)
	find(faultsToRest + 1)
	find(faultsToRest + 1)
	now = now.Add(restTime)
	a.set(nil, nil)
	for range 2 {
		if found, missed := r.find(t.Context(), red); missed || found == nil {
			t.Fatalf("find of an index that is back = %v, missed %v", found, missed)
		}
	}
}

func TestCheckOfRetriever(t *testing.T) {
	open := func(retrieve.Address, retrieve.Login) (retrieve.Retriever, error) { return nil, nil }
	for _, c := range []struct {
		retriever, shard string
		open             retrieve.Opener
		want             string
	}{
		{"", "", nil, ""},
		{"own", "0/2", nil, ""},
		{"opensearch+http://search:9200/items", "", open, ""},
		{"opensearch+http://search:9200/items", "", nil, "retriever: is not in this program"},
		{"opensearch+http://search:9200/items", "0/2", open, "shard: must be empty"},
		{"elastic", "", open, "retriever: must begin with"},
	} {
		config := Default()
		config.Retriever, config.Shard, config.Open = c.retriever, c.shard, c.open
		got := ""
		if err := config.Check(); err != nil {
			got = err.Error()
		}
		if (c.want == "") != (got == "") || !strings.HasPrefix(got, c.want) {
			t.Errorf("Check of %q and shard %q = %q, want %q", c.retriever, c.shard, got, c.want)
		}
	}
	config := withRemote(newAfar())
	config.RetrieverLogin = t.TempDir() + "/none"
	if err := Run(t.Context(), servicetest.Kit(t, "recall"), config); err == nil || !strings.Contains(err.Error(), "login of the retriever") {
		t.Errorf("Run with a login that is not there = %v", err)
	}
}
