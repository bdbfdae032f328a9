package gateway

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humachi"
	"github.com/go-chi/chi/v5"
	"google.golang.org/protobuf/proto"

	"github.com/haggle-commerce/haggle/libs/cost"
	"github.com/haggle-commerce/haggle/libs/shop"
	"github.com/haggle-commerce/haggle/libs/wire"
	"github.com/haggle-commerce/haggle/services/gateway/internal/answer"
	"github.com/haggle-commerce/haggle/services/gateway/internal/request"
	"github.com/haggle-commerce/haggle/services/gateway/internal/token"
)

const benchSearch = `{"query":"red running shoes","visitor_id":"v-123456","session_id":"s-1","page_size":20,"facets":["brand","category","price"],"placement":"search"}`

// quiet is a ResponseWriter that keeps nothing.
type quiet struct {
	header http.Header
	status int
	bytes  int
}

func (q *quiet) Header() http.Header         { return q.header }
func (q *quiet) WriteHeader(status int)      { q.status = status }
func (q *quiet) Write(b []byte) (int, error) { q.bytes += len(b); return len(b), nil }

// fullCatalogue puts n items of a usual size on the shelf, and returns recall's and ranking's replies for 100 of them.
func fullCatalogue(b *testing.B, h *house, n int) (recall, rank []byte) {
	b.Helper()
	var items []shop.Item
	for i := range n {
		item := shop.Item{
			ID: shop.ItemID(fmt.Sprintf("sku-%06d", i)), Title: fmt.Sprintf("Red running shoe number %d for men and women", i), Titles: map[string]string{"zh": "红色跑步鞋"},
			Description: strings.Repeat("A light shoe for every day. ", 6), Brand: fmt.Sprintf("brand-%d", i%40), Categories: []string{"Sport", "Shoes", "Running"},
			Price: 59.9, Currency: "EUR", Attributes: map[string][]string{"colour": {"red"}, "size": {"40", "41", "42"}}, ImageURL: "https://shop.example/i.svg",
		}
		if err := h.g.desk.shelf.Put(&item); err != nil {
			b.Fatal(err)
		}
		items = append(items, item)
	}
	h.g.desk.followed.Store(true)
	reply := offer(&wire.RecallRequest{Query: "x", Limit: 100, Facets: []string{"brand", "category", "price"}}, items[:100])
	recall, err := proto.Marshal(reply)
	if err != nil {
		b.Fatal(err)
	}
	scored, err := rankBackwards(b.Context(), must(b, &wire.RankRequest{Candidates: reply.Candidates}))
	if err != nil {
		b.Fatal(err)
	}
	return recall, scored
}

func must(b *testing.B, m proto.Message) []byte {
	b.Helper()
	data, err := proto.Marshal(m)
	if err != nil {
		b.Fatal(err)
	}
	return data
}

// BenchmarkSearch is the gateway's part of a search with 100 candidates and 20 results. cpu-us/query is what its own meter
// claims, ns/op holds the bus and the stands too.
func BenchmarkSearch(b *testing.B) {
	for _, accounting := range []bool{true, false} {
		b.Run(fmt.Sprintf("accounting=%v", accounting), func(b *testing.B) {
			h := newHouse(b, options{config: func(c *Config) { c.Accounting = accounting }})
			recall, rank := fullCatalogue(b, h, 2000)
			h.recall.set(func(context.Context, []byte) ([]byte, error) { return recall, nil })
			h.rank.set(func(context.Context, []byte) ([]byte, error) { return rank, nil })
			claimed, process := h.kit.Ledger.Claimed(), cost.ProcessCPU()
			b.ReportAllocs()
			n := 0
			for b.Loop() {
				w := &quiet{header: http.Header{}}
				h.g.ServeHTTP(w, httptest.NewRequest("POST", "/v1/search", strings.NewReader(benchSearch)))
				if w.status != 200 {
					b.Fatal(w.status)
				}
				n++
			}
			b.ReportMetric(micros(cost.ProcessCPU()-process)/float64(n), "process-cpu-us/query")
			b.ReportMetric(float64(h.kit.Ledger.Claimed()-claimed)/float64(n)/float64(time.Microsecond), "cpu-us/query")
		})
	}
}

// BenchmarkAssemble is all that the gateway does for a search but for the calls and HTTP: it reads the reply, orders, picks,
// signs, encodes and books.
func BenchmarkAssemble(b *testing.B) {
	h := newHouse(b, options{})
	recall, rank := fullCatalogue(b, h, 20_000)
	d, k := h.g.desk, h.g.keys.Load()
	w := new(work)
	var buf []byte
	b.ReportAllocs()
	for b.Loop() {
		watch := stopwatch{on: true}
		watch.resume()
		q := request.Search{Query: "red running shoes", PageSize: 20}
		a := d.askSearch(k, &q)
		a.begin = d.clock()
		if err := a.continueFrom(k); err != nil {
			b.Fatal(err)
		}
		w.reply = reply{stages: w.stages[:0]}
		w.ids = w.ids[:0]
		if err := proto.Unmarshal(recall, &w.recall); err != nil {
			b.Fatal(err)
		}
		w.ids = w.recall.Candidates.AppendIDs(w.ids)
		if err := proto.Unmarshal(rank, &w.rank); err != nil {
			b.Fatal(err)
		}
		w.ranked = wire.Floats(w.rank.Scores, w.ranked)
		w.reply.add(w.recall.Stages, nil, onThisClock)
		d.assemble(k, &a, token.ID{}, w)
		d.close(&w.reply, &watch, time.Millisecond)
		d.bill(&w.reply)
		buf = w.reply.AppendEnd(w.reply.AppendJSON(buf[:0]))
		watch.pause()
		d.settle(&w.reply, &watch, time.Millisecond)
		w.stages = w.reply.stages[:0]
	}
	b.SetBytes(int64(len(buf)))
}

// BenchmarkStopwatch is what the accounting adds to a query whose services are all in this process: it begins when bytes have
// come, two services work in laps, the bill is made, and the goroutine waits for the next.
func BenchmarkStopwatch(b *testing.B) {
	watch := stopwatch{on: true}
	for b.Loop() {
		watch.resume()
		watch.begin()
		for range 2 {
			span, _ := cost.Enter(cost.With(b.Context(), &watch.clock))
			for range 7 {
				span.Lap()
			}
			span.Leave()
		}
		watch.exact()
		watch.book()
		watch.pause()
	}
}

// BenchmarkDecode is the comparison behind the decision to read bodies by hand: huma reads into a map, checks that against
// the schema and reads again into the struct. Both go through chi to a handler that does nothing.
func BenchmarkDecode(b *testing.B) {
	b.Run("huma", func(b *testing.B) {
		router := chi.NewRouter()
		api := humachi.New(router, huma.DefaultConfig("bench", "1"))
		type input struct{ Body request.Search }
		type output struct{ Body answer.Answer }
		huma.Register(api, huma.Operation{Method: "POST", Path: "/v1/search", OperationID: "search"}, func(context.Context, *input) (*output, error) { return nil, nil })
		benchDecode(b, router)
	})
	b.Run("strict", func(b *testing.B) {
		h := newHouse(b, options{alone: true, empty: true})
		router := chi.NewRouter()
		router.Post("/v1/search", func(w http.ResponseWriter, r *http.Request) {
			x := h.g.exchanges.Get().(*exchange)
			x.start(h.g, w, r)
			if err := x.readBody(r, maxQueryBody); err != nil {
				b.Fatal(err)
			}
			x.reader.Reset(x.body)
			request.ReadSearch(&x.reader)
			if len(x.reader.Faults()) > 0 {
				b.Fatal(x.reader.Faults())
			}
			h.g.exchanges.Put(x)
		})
		benchDecode(b, router)
	})
}

func benchDecode(b *testing.B, handler http.Handler) {
	cpu := cost.ProcessCPU()
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		r := httptest.NewRequest("POST", "/v1/search", strings.NewReader(benchSearch))
		r.Header.Set("Content-Type", "application/json")
		handler.ServeHTTP(&quiet{header: http.Header{}}, r)
		n++
	}
	b.ReportMetric(float64(cost.ProcessCPU()-cpu)/float64(n)/float64(time.Microsecond), "cpu-us/op")
}
