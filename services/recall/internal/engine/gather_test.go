package engine

import (
	"fmt"
	"slices"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"

	"github.com/haggle-commerce/haggle/libs/shop"
	"github.com/haggle-commerce/haggle/libs/wire"
)

// split makes an engine of all items and one for each shard.
func split(items []*shop.Item, events []shop.Event, shards int) (*Engine, []*Engine) {
	whole := New(small())
	whole.Apply(put(items...))
	whole.Observe(events)
	var parts []*Engine
	for shard := range shards {
		o := small()
		o.Shard, o.Shards = shard, shards
		e := New(o)
		for _, it := range items {
			if e.Owns(it.ID) {
				e.Apply(put(it))
			}
		}
		e.Observe(events)
		parts = append(parts, e)
	}
	return whole, parts
}

// gather asks all parts as the door does.
func gather(t fataler, parts []*Engine, request *wire.RecallRequest) *wire.RecallReply {
	t.Helper()
	replies := make([]*wire.RecallReply, len(parts))
	for i, e := range parts {
		_, replies[i] = ask(t, e, request)
	}
	query, others := Agree(request, replies)
	again := proto.CloneOf(request)
	again.Query, again.Spell = query, "off"
	for _, i := range others {
		_, replies[i] = ask(t, parts[i], again)
	}
	limit := DefaultLimit
	if request.Limit > 0 {
		limit = int(request.Limit)
	}
	return Merge(request, replies, limit)
}

func TestShardsTogetherEqualTheWhole(t *testing.T) {
	items, events := generatedShop(2000, 8000)
	whole, parts := split(items, events, 4)
	sum := 0
	for _, e := range parts {
		sum += e.Size().Items
	}
	if sum != len(items) {
		t.Fatalf("shards hold %d items, want %d", sum, len(items))
	}
	// What does not depend on how rare words are is the same to the last place.
	for _, request := range []*wire.RecallRequest{
		{OrderBy: "price", Limit: 50, Facets: []string{"brand", "category", "price", "colour"}},
		{OrderBy: "price desc", Limit: 50, Filter: "price < 50", Facets: []string{"price"}},
		{OrderBy: "newest", Limit: 50},
		{Limit: 50},
		{Purpose: wire.Purpose_PURPOSE_SEARCH, Query: items[0].Title, OrderBy: "price", Spell: "off", Limit: 50},
	} {
		want, reply := ask(t, whole, request)
		got := gather(t, parts, request)
		if diff := gocmp.Diff(want, got.Candidates.AppendIDs(nil)); diff != "" {
			t.Errorf("%v (-whole +shards):\n%s", request, diff)
		}
		if got.Total != reply.Total {
			t.Errorf("%v: total %d, want %d", request, got.Total, reply.Total)
		}
		if fmt.Sprint(got.Facets) != fmt.Sprint(reply.Facets) {
			t.Errorf("%v: facets\n%v, want\n%v", request, got.Facets, reply.Facets)
		}
		if diff := gocmp.Diff(reply.Candidates.Names, got.Candidates.Names); diff != "" {
			t.Errorf("%v: columns (-whole +shards):\n%s", request, diff)
		}
	}
	// By relevance each shard weighs words by how rare they are among its own 500 items: the first twenty are nearly the same.
	same, all := 0, 0
	for i := 0; i < len(items); i += 40 {
		request := &wire.RecallRequest{Query: items[i].Title, Limit: 20}
		want, _ := ask(t, whole, request)
		got := gather(t, parts, request).Candidates.AppendIDs(nil)
		for _, id := range want {
			all++
			if slices.Contains(got, id) {
				same++
			}
		}
	}
	if share := float64(same) / float64(all); share < 0.85 {
		t.Errorf("%.3f of the first twenty are found by shards too, want 0.85", share)
	} else {
		t.Logf("%.3f of the first twenty by relevance are found by four shards too", share)
	}
	recommended := gather(t, parts, &wire.RecallRequest{Purpose: wire.Purpose_PURPOSE_RECOMMEND, Shopper: string(events[len(events)-1].Shopper), Limit: 40})
	if recommended.Candidates.Len() != 40 || len(recommended.Reasons) != 40 {
		t.Errorf("%d recommendations with %d reasons, want 40", recommended.Candidates.Len(), len(recommended.Reasons))
	}
}

func TestAgreeTakesTheQueryThatAShardKnows(t *testing.T) {
	request := &wire.RecallRequest{Query: "blu shoe"}
	for _, test := range []struct {
		corrected []string
		query     string
		others    []int
	}{
		{[]string{"", ""}, "blu shoe", nil},
		{[]string{"blue shoe", ""}, "blu shoe", []int{0}},
		{[]string{"blue shoe", "glue shoe", "blue shoe"}, "blue shoe", []int{1}},
	} {
		var replies []*wire.RecallReply
		for _, c := range test.corrected {
			replies = append(replies, &wire.RecallReply{CorrectedQuery: c})
		}
		if query, others := Agree(request, append(replies, nil)); query != test.query || !slices.Equal(others, test.others) {
			t.Errorf("Agree(%q) = %q, %v; want %q, %v", test.corrected, query, others, test.query, test.others)
		}
	}
}
