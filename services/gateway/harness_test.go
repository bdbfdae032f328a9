package gateway

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	natsserver "github.com/nats-io/nats-server/v2/server"
	"golang.org/x/sync/errgroup"
	"google.golang.org/protobuf/proto"

	"github.com/haggle-commerce/haggle/libs/bus"
	"github.com/haggle-commerce/haggle/libs/service"
	"github.com/haggle-commerce/haggle/libs/servicetest"
	"github.com/haggle-commerce/haggle/libs/shop"
	"github.com/haggle-commerce/haggle/libs/wire"
	"github.com/haggle-commerce/haggle/services/gateway/internal/answer"
	"github.com/haggle-commerce/haggle/services/gateway/internal/problem"
)

// patience is how long a test waits for what must happen.
const patience = 20 * time.Second

// house is a gateway at work over a real bus, with small servers that stand for recall and ranking.
type house struct {
	t      testing.TB
	nats   *natsserver.Server
	kit    service.Kit
	g      *gateway
	recall *stand
	rank   *stand
}

// stand is a server on the bus that does what a test tells it to.
type stand struct {
	serve atomic.Pointer[bus.Handler]
	calls atomic.Int64
	stop  context.CancelFunc
	done  chan struct{}
}

func (s *stand) set(h bus.Handler) { s.serve.Store(&h) }

// catalogue is what the house sells: 30 items of 3 brands and 2 categories; item-29 is sold out.
func catalogue() []shop.Item {
	var items []shop.Item
	for i := range 30 {
		item := shop.Item{
			ID: shop.ItemID(fmt.Sprintf("item-%02d", i)), Title: fmt.Sprintf("Red shoe %d", i), Brand: fmt.Sprintf("brand-%d", i%3),
			Categories: []string{"Clothing", fmt.Sprintf("kind-%d", i%2)}, Price: float64(10 + i), Currency: "EUR",
		}
		if i == 29 {
			item.Availability = shop.OutOfStock
		}
		items = append(items, item)
	}
	return items
}

// options change how a house is built.
type options struct {
	config  func(*Config)
	secrets string
	clock   func() time.Time
	// empty leaves the catalogue empty, alone leaves out the stands.
	empty, alone bool
}

func newHouse(t testing.TB, o options) *house {
	t.Helper()
	h := &house{t: t, nats: servicetest.NATS(t)}
	h.kit = servicetest.Kit(t, "gateway", servicetest.KitOptions{NATS: h.nats, Secrets: o.secrets, Clock: o.clock})
	c := Default()
	// Not a test of speed: the race detector on a busy machine takes its time.
	c.Deadline = 5 * time.Second
	if o.config != nil {
		o.config(&c)
	}
	if err := c.Check(); err != nil {
		t.Fatal(err)
	}
	if !o.empty {
		var batch []bus.Outgoing
		for _, item := range catalogue() {
			data, err := json.Marshal(item)
			if err != nil {
				t.Fatal(err)
			}
			batch = append(batch, bus.Outgoing{Subject: wire.SubjectItem + wire.ItemToken(item.ID), Data: data})
		}
		if err := errors.Join(h.kit.Bus.PublishBatch(t.Context(), batch)...); err != nil {
			t.Fatal(err)
		}
	}
	if !o.alone {
		h.recall = h.stand("recall", wire.SubjectRecall, recallAll)
		h.rank = h.stand("ranking", wire.SubjectRank, rankBackwards)
	}
	g, err := newGateway(h.kit, c)
	if err != nil {
		t.Fatal(err)
	}
	h.g = g
	ctx, cancel := context.WithCancel(t.Context())
	group, inner := errgroup.WithContext(ctx)
	g.begin(inner, group)
	t.Cleanup(func() {
		cancel()
		if err := group.Wait(); err != nil {
			t.Errorf("gateway: %v", err)
		}
	})
	servicetest.Eventually(t, patience, func() error {
		if !g.desk.followed.Load() {
			return errors.New("the catalogue was not read")
		}
		if !o.alone && len(g.desk.fallback.Popular("", 1)) == 0 {
			return errors.New("the popular items are not known")
		}
		return nil
	})
	return h
}

// stand starts a server and waits until it can be called.
func (h *house) stand(name, subject string, handler bus.Handler) *stand {
	h.t.Helper()
	s := &stand{done: make(chan struct{})}
	s.set(handler)
	b := servicetest.Bus(h.t, h.nats, name)
	ctx, cancel := context.WithCancel(h.t.Context())
	s.stop = sync.OnceFunc(func() { cancel(); <-s.done })
	go func() {
		defer close(s.done)
		err := b.Serve(ctx, subject, bus.Limits{}, func(ctx context.Context, request []byte) ([]byte, error) {
			s.calls.Add(1)
			return (*s.serve.Load())(ctx, request)
		})
		if err != nil {
			h.t.Errorf("serve %s: %v", subject, err)
		}
	}()
	h.t.Cleanup(s.stop)
	servicetest.Eventually(h.t, patience, func() error {
		ctx, cancel := context.WithTimeout(h.t.Context(), time.Second)
		defer cancel()
		_, err := h.kit.Bus.Call(ctx, subject, nil)
		if errors.Is(err, bus.ErrNoServer) {
			return err
		}
		return nil
	})
	return s
}

// recallAll offers the whole catalogue in the order of its ids.
func recallAll(_ context.Context, request []byte) ([]byte, error) {
	var q wire.RecallRequest
	if err := proto.Unmarshal(request, &q); err != nil {
		return nil, err
	}
	return proto.Marshal(offer(&q, catalogue()))
}

// offer is recall's answer with the given items.
func offer(q *wire.RecallRequest, items []shop.Item) *wire.RecallReply {
	r := &wire.RecallReply{Candidates: &wire.Columns{}, Total: uint32(len(items))}
	r.Candidates.Clear(wire.ColumnScore, wire.ColumnLexical)
	var values []float32
	for i, item := range items[:min(len(items), int(max(q.Limit, 1)))] {
		r.Candidates.AddID(item.ID)
		values = append(values, float32(len(items)-i))
		r.Reasons = append(r.Reasons, byte(shop.Reasons(0).With(shop.ReasonMatch).With(shop.ReasonTogether)))
		r.Because = append(r.Because, 1)
	}
	r.BecauseItems = []string{"item-00"}
	r.Candidates.SetValues(append(values, values...))
	for _, key := range q.Facets {
		r.Facets = append(r.Facets, &wire.Facet{Key: key, Values: []string{"brand-0", "brand-1"}, Counts: []uint32{10, 10}})
	}
	r.Completions = []string{q.Query + "s", q.Query + " red"}
	r.Stages = []*wire.Stage{{Name: "recall.lexical", CpuNanos: 80_000, CandidatesOut: uint32(len(items))}}
	return r
}

// rankBackwards scores the last candidate best.
func rankBackwards(_ context.Context, request []byte) ([]byte, error) {
	var q wire.RankRequest
	if err := proto.Unmarshal(request, &q); err != nil {
		return nil, err
	}
	var scores []float32
	for i := range q.GetCandidates().Len() {
		scores = append(scores, float32(i))
	}
	return proto.Marshal(&wire.RankReply{
		Scores: wire.AppendFloats(nil, scores), Model: "ranker-1", Variant: "trees",
		Stages: []*wire.Stage{{Name: "features", CpuNanos: 50_000}, {Name: "rank", Variant: "trees", CpuNanos: 120_000}},
	})
}

// do sends a request through the gateway.
func (h *house) do(method, path, body string, headers ...string) *httptest.ResponseRecorder {
	h.t.Helper()
	var in io.Reader
	if body != "" {
		in = strings.NewReader(body)
	}
	r := httptest.NewRequestWithContext(h.t.Context(), method, "http://shop.example/", in)
	path, query, _ := strings.Cut(path, "?")
	r.URL.Path, r.URL.RawQuery = path, query
	if strings.Contains(path, "%") {
		r.URL.RawPath = path
		r.URL.Path = unescape(h.t, path)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	h.g.ServeHTTP(w, r)
	return w
}

// ask sends a query that must be answered, and reads the answer.
func (h *house) ask(method, path, body string, headers ...string) answer.Answer {
	h.t.Helper()
	w := h.do(method, path, body, headers...)
	if w.Code != http.StatusOK {
		h.t.Fatalf("%s %s %s = %d %s", method, path, body, w.Code, w.Body)
	}
	return decode[answer.Answer](h.t, w.Body.Bytes())
}

// decode reads JSON strictly.
func decode[T any](t testing.TB, data []byte) T {
	t.Helper()
	var v T
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&v); err != nil {
		t.Fatalf("decode %s: %v", data, err)
	}
	return v
}

// problemOf reads a problem document and checks what every problem must have.
func problemOf(t testing.TB, w *httptest.ResponseRecorder) problem.Problem {
	t.Helper()
	if got := w.Header().Get("Content-Type"); got != problem.ContentType {
		t.Fatalf("status %d has content type %q, want %s: %s", w.Code, got, problem.ContentType, w.Body)
	}
	p := decode[problem.Problem](t, w.Body.Bytes())
	if p.Status != w.Code || p.Code == "" || p.Detail == "" || p.Title == "" || p.RequestID == "" || p.RequestID != w.Header().Get("X-Request-Id") {
		t.Errorf("problem is not complete: %s", w.Body)
	}
	return p
}

// ids returns the items of an answer.
func ids(a answer.Answer) []string {
	list := []string{}
	for _, r := range a.Results {
		list = append(list, r.ID)
	}
	return list
}

// secrets writes a folder of secrets.
func secrets(t testing.TB, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}
