package engine

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/haggle-commerce/haggle/libs/cost"
	"github.com/haggle-commerce/haggle/libs/shop"
	"github.com/haggle-commerce/haggle/libs/wire"
	"github.com/haggle-commerce/haggle/services/recall/internal/neighbour"
)

// stocked is the generated shop of 20,000 items and 300,000 events, loaded once for all benchmarks.
var stocked = sync.OnceValue(func() *stock {
	s := &stock{}
	s.items, s.events = generatedShop(20_000, 300_000)
	s.engine = New(Defaults())
	s.engine.Apply(put(s.items...))
	s.engine.Observe(s.events)
	if err := s.engine.SetNeighbours(lists(s.items, s.events)); err != nil {
		panic(err)
	}
	for _, e := range s.events {
		if e.Kind == shop.Search && e.SearchTerm != "" && len(s.queries) < 2000 {
			s.queries = append(s.queries, e.SearchTerm)
		}
		if e.Shopper != "" && e.Kind == shop.ViewItem {
			s.shoppers = append(s.shoppers, string(e.Shopper))
		}
	}
	return s
})

type stock struct {
	items    []*shop.Item
	events   []shop.Event
	engine   *Engine
	queries  []string
	shoppers []string
}

// lists makes lists of at most 50 neighbours from what was touched in one session, as the trainer would.
func lists(items []*shop.Item, events []shop.Event) neighbour.Source {
	sessions := map[shop.SessionID][]uint32{}
	at := map[shop.ItemID]uint32{}
	source := neighbour.Source{Offsets: []uint32{0}}
	for i, it := range items {
		at[it.ID] = uint32(i)
		source.IDs = append(source.IDs, it.ID)
	}
	for _, e := range events {
		if e.Kind == shop.ViewItem || e.Kind == shop.Purchase {
			for _, it := range e.Items {
				sessions[e.Session] = append(sessions[e.Session], at[it.ID])
			}
		}
	}
	counts := make([]map[uint32]float32, len(items))
	for _, touched := range sessions {
		for _, a := range touched {
			for _, b := range touched {
				if a != b {
					if counts[a] == nil {
						counts[a] = map[uint32]float32{}
					}
					counts[a][b]++
				}
			}
		}
	}
	for _, row := range counts {
		var near []uint32
		for b := range row {
			near = append(near, b)
		}
		slices.SortFunc(near, func(x, y uint32) int { return cmp.Or(cmp.Compare(row[y], row[x]), cmp.Compare(x, y)) })
		for _, b := range near[:min(50, len(near))] {
			source.Items = append(source.Items, b)
			source.Weights = append(source.Weights, row[b]/(row[b]+5))
		}
		source.Offsets = append(source.Offsets, uint32(len(source.Items)))
	}
	return source
}

// answering runs one request per iteration and reports the CPU time of each stage.
func answering(b *testing.B, request func(s *stock, i int) *wire.RecallRequest) {
	s := stocked()
	stages := map[string]time.Duration{}
	i, found := 0, 0
	b.ReportAllocs()
	for b.Loop() {
		reply := &wire.RecallReply{}
		span, _ := cost.Enter(context.Background())
		if err := s.engine.Answer(request(s, i), reply, now, &span); err != nil {
			b.Fatal(err)
		}
		span.Leave()
		for _, stage := range reply.Stages {
			stages[stage.Name] += time.Duration(stage.CpuNanos)
			stages["all"] += time.Duration(stage.CpuNanos)
		}
		found += reply.Candidates.Len()
		i++
	}
	b.ReportMetric(float64(found)/float64(i), "candidates")
	for name, cpu := range stages {
		b.ReportMetric(float64(cpu.Nanoseconds())/1000/float64(i), "us-"+strings.TrimPrefix(name, "recall."))
	}
}

func BenchmarkSearch(b *testing.B) {
	b.Run("items=20000", func(b *testing.B) {
		answering(b, func(s *stock, i int) *wire.RecallRequest {
			return &wire.RecallRequest{Query: s.queries[i%len(s.queries)], Limit: 100}
		})
	})
	b.Run("items=20000/facets+filter", func(b *testing.B) {
		answering(b, func(s *stock, i int) *wire.RecallRequest {
			return &wire.RecallRequest{Query: s.queries[i%len(s.queries)], Limit: 100, Filter: "price >= 20 AND available", Facets: []string{"brand", "category", "price", "colour"}}
		})
	})
	b.Run("items=20000/browse", func(b *testing.B) {
		answering(b, func(s *stock, i int) *wire.RecallRequest {
			return &wire.RecallRequest{Limit: 100, Category: s.items[i%1000].Categories[0], Facets: []string{"brand"}}
		})
	})
	b.Run("items=20000/misspelt", func(b *testing.B) {
		answering(b, func(s *stock, i int) *wire.RecallRequest {
			q := s.queries[i%len(s.queries)]
			return &wire.RecallRequest{Query: q[:len(q)/2] + "q" + q[len(q)/2:], Limit: 100}
		})
	})
}

func BenchmarkRecommend(b *testing.B) {
	b.Run("items=20000/home", func(b *testing.B) {
		answering(b, func(s *stock, i int) *wire.RecallRequest {
			return &wire.RecallRequest{Purpose: wire.Purpose_PURPOSE_RECOMMEND, Shopper: s.shoppers[i*97%len(s.shoppers)], Limit: 100}
		})
	})
	b.Run("items=20000/item", func(b *testing.B) {
		answering(b, func(s *stock, i int) *wire.RecallRequest {
			return &wire.RecallRequest{Purpose: wire.Purpose_PURPOSE_RECOMMEND, Shopper: s.shoppers[i*97%len(s.shoppers)], ContextItems: []string{string(s.items[i*31%len(s.items)].ID)}, Limit: 100}
		})
	})
	b.Run("items=20000/new", func(b *testing.B) {
		answering(b, func(_ *stock, i int) *wire.RecallRequest {
			return &wire.RecallRequest{Purpose: wire.Purpose_PURPOSE_RECOMMEND, Shopper: fmt.Sprint("stranger", i), Limit: 100}
		})
	})
	b.Run("items=20000/similar", func(b *testing.B) {
		answering(b, func(s *stock, i int) *wire.RecallRequest {
			return &wire.RecallRequest{Purpose: wire.Purpose_PURPOSE_SIMILAR, ContextItems: []string{string(s.items[i*31%len(s.items)].ID)}, Limit: 100}
		})
	})
	b.Run("items=20000/together", func(b *testing.B) {
		answering(b, func(s *stock, i int) *wire.RecallRequest {
			return &wire.RecallRequest{Purpose: wire.Purpose_PURPOSE_TOGETHER, ContextItems: []string{string(s.items[i*31%len(s.items)].ID)}, Limit: 100}
		})
	})
	b.Run("items=20000/trending", func(b *testing.B) {
		answering(b, func(*stock, int) *wire.RecallRequest {
			return &wire.RecallRequest{Purpose: wire.Purpose_PURPOSE_TRENDING, Limit: 100}
		})
	})
}

func BenchmarkApply(b *testing.B) {
	s, i := stocked(), 0
	b.ReportAllocs()
	for b.Loop() {
		it := *s.items[i%len(s.items)]
		it.Title += fmt.Sprint(" v", i%7)
		s.engine.Apply([]Change{{ID: it.ID, Item: &it}})
		i++
	}
}

func BenchmarkObserve(b *testing.B) {
	s, i := stocked(), 0
	b.ReportAllocs()
	for b.Loop() {
		e := s.events[i%len(s.events)]
		e.ID = fmt.Sprint("again", i)
		s.engine.Observe([]shop.Event{e})
		i++
	}
}
