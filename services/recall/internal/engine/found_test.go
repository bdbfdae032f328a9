package engine

import (
	"context"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/haggle-commerce/haggle/libs/cost"
	"github.com/haggle-commerce/haggle/libs/shop"
	"github.com/haggle-commerce/haggle/libs/wire"
)

func TestAnswerFound(t *testing.T) {
	e := boutique()
	e.Apply([]Change{{ID: "tent"}})
	found := &Found{
		IDs:    []shop.ItemID{"tent", "unknown", "down", "rain", "fleece", "shoe", "down"},
		Scores: []float32{9, 8, 7, 6, 5.5, 5, 4}, Total: 1000,
	}
	for _, c := range []struct {
		name    string
		request *wire.RecallRequest
		want    string
		total   uint32
	}{
		// Fleece is out of stock and moves down: 5.5 * 0.7 is less than 5.
		{"what is here", &wire.RecallRequest{}, "down rain shoe fleece", 997},
		{"what passes the filter", &wire.RecallRequest{Filter: "price > 100"}, "down shoe", 995},
		{"what is in the category", &wire.RecallRequest{Category: "Jackets"}, "down rain fleece", 996},
		{"what is not excluded", &wire.RecallRequest{ExcludeItems: []string{"down"}}, "rain shoe fleece", 996},
		{"no more than asked for", &wire.RecallRequest{Limit: 1}, "down", 997},
		{"the item whose id was typed", &wire.RecallRequest{Query: "sandal"}, "sandal down rain shoe fleece", 998},
		{"another order is the own index's", &wire.RecallRequest{OrderBy: "price"}, "sandal", 1},
		{"another purpose, too", &wire.RecallRequest{Purpose: wire.Purpose_PURPOSE_AUTOCOMPLETE}, "", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.request.Query == "" {
				c.request.Query = "beach"
			}
			if c.request.Purpose == 0 {
				c.request.Purpose = wire.Purpose_PURPOSE_SEARCH
			}
			reply := answerFound(t, e, c.request, found)
			if got := joined(reply.Candidates.AppendIDs(nil)); got != c.want || reply.Total != c.total {
				t.Errorf("AnswerFound(%v) = %q of %d, want %q of %d", c.request, got, reply.Total, c.want, c.total)
			}
		})
	}
	reply := answerFound(t, e, &wire.RecallRequest{Purpose: wire.Purpose_PURPOSE_SEARCH, Query: "beach", Facets: []string{"brand", "colour"}, Filter: "colour: ANY(red, blue)"}, found)
	if diff := gocmp.Diff([]float32{7, 6, 5.5}, reply.Candidates.Column(wire.ColumnLexical, nil)); diff != "" {
		t.Errorf("scores of words (-want +got):\n%s", diff)
	}
	var counts []string
	for _, f := range reply.Facets {
		for i, value := range f.Values {
			counts = append(counts, f.Key+" "+value)
			if f.Counts[i] == 0 {
				t.Errorf("%s %s is counted 0 times", f.Key, value)
			}
		}
	}
	if diff := gocmp.Diff([]string{"brand Globex", "brand Acme", "colour red", "colour blue"}, counts); diff != "" {
		t.Errorf("facets (-want +got):\n%s", diff)
	}
	// What was found before is not remembered.
	if got, _ := ask(t, e, &wire.RecallRequest{Purpose: wire.Purpose_PURPOSE_SEARCH, Query: "beach"}); joined(got) != "sandal" {
		t.Errorf("Answer afterwards = %v, want the own result", got)
	}
}

func answerFound(t *testing.T, e *Engine, request *wire.RecallRequest, found *Found) *wire.RecallReply {
	t.Helper()
	request.NowMicros = now.UnixMicro()
	reply := &wire.RecallReply{}
	span, _ := cost.Enter(context.Background())
	defer span.Leave()
	if err := e.AnswerFound(request, reply, &span, found); err != nil {
		t.Fatalf("AnswerFound(%v): %v", request, err)
	}
	return reply
}
