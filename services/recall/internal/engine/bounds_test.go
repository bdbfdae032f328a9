package engine

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/haggle-commerce/haggle/libs/cost"
	"github.com/haggle-commerce/haggle/libs/model/recipe"
	"github.com/haggle-commerce/haggle/libs/shop"
	"github.com/haggle-commerce/haggle/libs/wire"
	"github.com/haggle-commerce/haggle/services/recall/internal/blend"
)

// market is a shop of n items in which one shopper has looked around.
func market(n int) *Engine {
	e := New(small())
	for i := range n {
		e.Apply(put(&shop.Item{ID: shop.ItemID(fmt.Sprintf("i%03d", i)), Title: fmt.Sprintf("Lamp number %d", i), Categories: []string{"Lamps"}}))
	}
	for i := range 12 {
		session := fmt.Sprint("s", i)
		e.Observe([]shop.Event{event(session+"a", shop.ViewItem, "p"+session, session, now.Add(-time.Hour), "i000", "i001", "i002", shop.ItemID(fmt.Sprintf("i%03d", 3+i)))})
	}
	e.Observe([]shop.Event{event("me", shop.ViewItem, "me", "mine", now.Add(-time.Minute), "i000")})
	return e
}

func TestQuotasBoundChannels(t *testing.T) {
	e := market(80)
	request := &wire.RecallRequest{Purpose: wire.Purpose_PURPOSE_RECOMMEND, Shopper: "me", Session: "mine", Limit: 20}
	_, free := ask(t, e, request)
	offered := func(r *wire.RecallReply) int {
		n := 0
		for _, score := range r.Candidates.Column(wire.ColumnSession, nil) {
			if score > 0 {
				n++
			}
		}
		return n
	}
	if offered(free) < 5 {
		t.Fatalf("the session offers %d items, want some to bound", offered(free))
	}
	request.Quotas = []*wire.Quota{{Channel: "session", Candidates: 2}, {Channel: "trending", Candidates: 0}}
	_, bound := ask(t, e, request)
	if offered(bound) != 2 || !slices.Contains(bound.Degraded, "recall.trending:quota") {
		t.Errorf("with a quota of 2 the session offers %d items, degraded %v", offered(bound), bound.Degraded)
	}
	request.Quotas = []*wire.Quota{{Channel: "astrology", Candidates: 2}}
	if ids, _ := ask(t, e, request); len(ids) != 20 {
		t.Errorf("with a quota of an unknown channel there are %d candidates, want 20", len(ids))
	}
	request.Quotas = make([]*wire.Quota, maxQuotas+1)
	if err := e.Answer(request, &wire.RecallReply{}, now, &cost.Span{}); wire.CodeOf(err) != wire.Invalid {
		t.Errorf("%d quotas are answered with %v", len(request.Quotas), err)
	}
}

func TestBudgetOfCPUEndsEarlyAndSaysSo(t *testing.T) {
	e := market(80)
	request := &wire.RecallRequest{Purpose: wire.Purpose_PURPOSE_RECOMMEND, Shopper: "me", Session: "mine", Limit: 20}
	q := &question{engine: e, request: request, reply: &wire.RecallReply{}, bounds: bounds{cpu: time.Microsecond}, used: time.Millisecond}
	for ch := range q.bounds.quotas {
		q.bounds.quotas[ch] = 20
		if _, ok := q.may(0, 1); ok {
			t.Fatalf("channel %d begins after the budget is used up", ch)
		}
	}
	if len(q.reply.Degraded) == 0 || q.reply.Degraded[0] != "recall.lexical:budget" {
		t.Errorf("degraded is %v", q.reply.Degraded)
	}
	// A whole answer on a budget of one microsecond is a list all the same.
	request.CpuBudgetMicros = 1
	span, _ := cost.Enter(context.Background())
	defer span.Leave()
	reply := &wire.RecallReply{}
	if err := e.Answer(request, reply, now, &span); err != nil {
		t.Fatal(err)
	}
	if reply.Candidates.Len() != 20 || !slices.ContainsFunc(reply.Degraded, func(s string) bool { return strings.HasSuffix(s, ":budget") }) {
		t.Errorf("%d candidates, degraded %v", reply.Candidates.Len(), reply.Degraded)
	}
}

func TestColdItemsGetTheirShare(t *testing.T) {
	e := market(400)
	e.Observe([]shop.Event{event("shown", shop.ViewItemList, "p", "p", now.Add(-time.Hour), "i000", "i001")})
	request := &wire.RecallRequest{Purpose: wire.Purpose_PURPOSE_RECOMMEND, Shopper: "me", Session: "mine", Limit: 100}
	ids, reply := ask(t, e, request)
	again, _ := ask(t, e, request)
	if !slices.Equal(ids, again) {
		t.Error("the same question at the same time has two answers")
	}
	at := slices.IndexFunc(reply.Stages, func(s *wire.Stage) bool { return s.Name == "recall.explore" })
	if at < 0 || reply.Stages[at].CandidatesOut != 4 || len(ids) != 100 {
		t.Errorf("%d candidates with stages %v, want 100 of which 4 are explored", len(ids), reply.Stages)
	}
	request.NowMicros = now.Add(2 * exploreFor).UnixMicro()
	later, _ := ask(t, e, request)
	if slices.Equal(ids[96:], later[96:]) {
		t.Error("the same items are explored for ever")
	}
	request.Quotas = []*wire.Quota{{Channel: "explore", Candidates: 0}}
	if _, reply := ask(t, e, request); slices.ContainsFunc(reply.Stages, func(s *wire.Stage) bool { return s.Name == "recall.explore" }) {
		t.Error("a quota of 0 still explores")
	}
}

func TestWhatWasJustBoughtIsNotOffered(t *testing.T) {
	e := market(80)
	request := &wire.RecallRequest{Purpose: wire.Purpose_PURPOSE_RECOMMEND, Shopper: "me", Session: "mine", Limit: 80}
	e.Observe([]shop.Event{event("b1", shop.Purchase, "me", "mine", now.Add(-2*time.Hour), "i005")})
	if ids, _ := ask(t, e, request); slices.Contains(ids, "i005") {
		t.Error("what was bought two hours ago is offered")
	}
	e.Observe([]shop.Event{event("b2", shop.Purchase, "me", "mine", now.Add(-50*time.Hour), "i006")})
	if ids, _ := ask(t, e, request); !slices.Contains(ids, "i006") {
		t.Error("what was bought two days ago is not offered, in a shop of which little is known")
	}
	// In a shop in which nobody ever buys a thing twice it is not.
	for i := range enoughBought {
		shopper := fmt.Sprint("b", i)
		e.Observe([]shop.Event{
			event(shopper+"v", shop.ViewItem, shopper, shopper, now.Add(-99*time.Hour), "i007"),
			event(shopper, shop.Purchase, shopper, shopper, now.Add(-98*time.Hour), "i007"),
		})
	}
	e.Observe([]shop.Event{event("b3", shop.Purchase, "me", "mine", now.Add(-50*time.Hour), "i006")})
	if ids, _ := ask(t, e, request); slices.Contains(ids, "i006") {
		t.Error("what was bought two days ago is offered, in a shop in which things are bought once")
	}
}

func TestRecipeNamesChannelsThatExist(t *testing.T) {
	for s, w := range recipe.Default() {
		for name := range w {
			if _, ok := blend.ChannelOf(name); !ok {
				t.Errorf("when %s, %q counts, which is no channel", s, name)
			}
		}
	}
}

func TestRecipeOfOneSituationLeavesTheOthers(t *testing.T) {
	e := market(80)
	request := &wire.RecallRequest{Purpose: wire.Purpose_PURPOSE_RECOMMEND, Shopper: "me", Session: "mine", Limit: 20}
	before, _ := ask(t, e, request)
	if err := e.SetRecipe(recipe.Model{recipe.Ongoing: {"session": 0, "similar": 0, "popular": 1}}); err != nil {
		t.Fatal(err)
	}
	after, reply := ask(t, e, request)
	if slices.Equal(before, after) || shop.Reasons(reply.Reasons[0]).Has(shop.ReasonSession) {
		t.Errorf("a recipe by which the session counts nothing answers %q with reasons %b", joined(after), reply.Reasons[0])
	}
	if e.table[0] != tableOf(nil)[0] || e.table[2][blend.Trending] != tableOf(nil)[2][blend.Trending] {
		t.Error("weights that the recipe does not name have changed")
	}
	if err := e.SetRecipe(recipe.Model{recipe.Ongoing: {"session": -1}}); err == nil {
		t.Error("a recipe with a negative weight is taken")
	}
}
