package engine

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/haggle-commerce/haggle/libs/cost"
	"github.com/haggle-commerce/haggle/libs/dataset/synth"
	"github.com/haggle-commerce/haggle/libs/feature"
	"github.com/haggle-commerce/haggle/libs/shop"
	"github.com/haggle-commerce/haggle/libs/wire"
	"github.com/haggle-commerce/haggle/services/recall/internal/neighbour"
)

var now = time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)

func small() Options {
	o := Defaults()
	o.Shoppers, o.Sessions = 1000, 1000
	return o
}

// put makes changes that put items.
func put(items ...*shop.Item) []Change {
	var changes []Change
	for _, it := range items {
		changes = append(changes, Change{ID: it.ID, Item: it})
	}
	return changes
}

// fataler is what tests of package testing and of package rapid have in common.
type fataler interface {
	Helper()
	Fatalf(format string, args ...any)
}

// ask answers a request and returns the ids and the reply.
func ask(t fataler, e *Engine, request *wire.RecallRequest) ([]shop.ItemID, *wire.RecallReply) {
	t.Helper()
	reply := &wire.RecallReply{}
	span, _ := cost.Enter(context.Background())
	err := e.Answer(request, reply, now, &span)
	span.Leave()
	if err != nil {
		t.Fatalf("Answer(%v): %v", request, err)
	}
	if reply.Candidates == nil {
		return nil, reply
	}
	if err := reply.Candidates.Check(); err != nil {
		t.Fatalf("Answer(%v): %v", request, err)
	}
	ids := reply.Candidates.AppendIDs(nil)
	if len(reply.Reasons) != len(ids) || len(reply.Because) != len(ids) {
		t.Fatalf("%d candidates with %d reasons and %d causes", len(ids), len(reply.Reasons), len(reply.Because))
	}
	for _, b := range reply.Because {
		if int(b) > len(reply.BecauseItems) {
			t.Fatalf("cause %d of %d", b, len(reply.BecauseItems))
		}
	}
	return ids, reply
}

func joined(ids []shop.ItemID) string {
	var texts []string
	for _, id := range ids {
		texts = append(texts, string(id))
	}
	return strings.Join(texts, " ")
}

// event is an event of one item.
func event(id string, kind shop.EventKind, shopper, session string, at time.Time, items ...shop.ItemID) shop.Event {
	e := shop.Event{ID: id, Kind: kind, Shopper: shop.ShopperID(shopper), Session: shop.SessionID(session), Time: at}
	for _, it := range items {
		e.Items = append(e.Items, shop.EventItem{ID: it})
	}
	return e
}

// boutique is a small shop with something of everything.
func boutique() *Engine {
	e := New(small())
	e.Apply(put(boutiqueItems()...))
	return e
}

func boutiqueItems() []*shop.Item {
	return []*shop.Item{
		{ID: "rain", Title: "Rain jacket red", Titles: map[string]string{"zh": "红色雨衣"}, Brand: "Acme", Categories: []string{"Clothing", "Jackets"}, Price: 80, Attributes: map[string][]string{"colour": {"red"}}, CreatedAt: now.Add(-24 * time.Hour)},
		{ID: "down", Title: "Down jacket blue", Brand: "Globex", Categories: []string{"Clothing", "Jackets"}, Price: 150, Attributes: map[string][]string{"colour": {"blue"}}},
		{ID: "fleece", Title: "Fleece jacket red", Brand: "Globex", Categories: []string{"Clothing", "Jackets"}, Price: 60, Attributes: map[string][]string{"colour": {"red"}}, Availability: shop.OutOfStock},
		{ID: "shoe", Title: "Trail running shoe", Titles: map[string]string{"zh": "越野跑鞋"}, Brand: "Acme", Categories: []string{"Shoes"}, Price: 120},
		{ID: "sandal", Title: "Sandal for the beach", Brand: "Initech", Categories: []string{"Shoes"}, Price: 30},
		{ID: "tent", Title: "Tent for two", Brand: "Initech", Categories: []string{"Outdoor"}, Price: 300},
	}
}

func TestSearch(t *testing.T) {
	e := boutique()
	for _, c := range []struct {
		name    string
		request *wire.RecallRequest
		want    string
		total   uint32
		say     string
	}{
		{"all words, then most", &wire.RecallRequest{Query: "red jacket"}, "rain fleece down", 3, "expanded red OR jacket"},
		{"plural", &wire.RecallRequest{Query: "Jackets RED", OrderBy: "price desc"}, "rain fleece", 2, ""},
		{"chinese", &wire.RecallRequest{Query: "红色雨衣"}, "rain", 1, ""},
		{"one character", &wire.RecallRequest{Query: "鞋"}, "shoe", 1, ""},
		{"misspelt", &wire.RecallRequest{Query: "red jakcet", OrderBy: "price desc"}, "rain fleece", 2, "corrected red jacket"},
		{"misspelt, only suggested", &wire.RecallRequest{Query: "jakcet", Spell: "suggest"}, "", 0, "corrected jacket"},
		{"misspelt, left alone", &wire.RecallRequest{Query: "jakcet", Spell: "off"}, "", 0, ""},
		{"a word too many", &wire.RecallRequest{Query: "tent zzyzx"}, "tent", 1, "degraded recall.lexical:relaxed, expanded tent"},
		{"nothing", &wire.RecallRequest{Query: "zzyzx"}, "", 0, ""},
		{"only signs", &wire.RecallRequest{Query: "?!"}, "", 0, ""},
		{"an id", &wire.RecallRequest{Query: "sandal"}, "sandal", 1, ""},
		{"an id that is no word", &wire.RecallRequest{Query: "down", Filter: "price > 100"}, "down", 1, ""},
		{"fillers are not needed", &wire.RecallRequest{Query: "the tent"}, "tent", 1, ""},
		{"filter", &wire.RecallRequest{Query: "jacket", Filter: `brand: ANY("Globex") AND available`}, "down", 1, ""},
		{"category", &wire.RecallRequest{Query: "jacket", Category: "Shoes"}, "", 0, ""},
		{"excluded", &wire.RecallRequest{Query: "red jacket", ExcludeItems: []string{"rain", "unknown"}}, "fleece down", 2, "expanded red OR jacket"},
		{"by price", &wire.RecallRequest{Query: "jacket", OrderBy: "price"}, "fleece rain down", 3, ""},
		{"by price, high first", &wire.RecallRequest{Query: "jacket", OrderBy: "price desc"}, "down rain fleece", 3, ""},
		{"newest", &wire.RecallRequest{Query: "red", OrderBy: "newest", Limit: 1}, "rain", 2, ""},
		{"browse", &wire.RecallRequest{Filter: `price < 100`, OrderBy: "price"}, "sandal fleece rain", 3, ""},
		{"browse a category", &wire.RecallRequest{Category: "Clothing > Jackets", OrderBy: "price"}, "fleece rain down", 3, ""},
		{"limit", &wire.RecallRequest{OrderBy: "price", Limit: 2}, "sandal fleece", 6, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			ids, reply := ask(t, e, c.request)
			say := ""
			if reply.CorrectedQuery != "" {
				say = "corrected " + reply.CorrectedQuery
			}
			if len(reply.Degraded) > 0 {
				say = "degraded " + strings.Join(reply.Degraded, ",") + ", "
			}
			if reply.QueryExpansion != "" {
				say += "expanded " + reply.QueryExpansion
			}
			if joined(ids) != c.want || reply.Total != c.total || say != c.say {
				t.Errorf("%v\n got %q, total %d, %q\nwant %q, total %d, %q", c.request, joined(ids), reply.Total, say, c.want, c.total, c.say)
			}
		})
	}
}

func TestSearchTellsTheReasonAndTheScores(t *testing.T) {
	e := boutique()
	ids, reply := ask(t, e, &wire.RecallRequest{Query: "jacket"})
	lexical := reply.Candidates.Column(wire.ColumnLexical, nil)
	score := reply.Candidates.Column(wire.ColumnScore, nil)
	for i, id := range ids {
		if lexical[i] <= 0 || !shop.Reasons(reply.Reasons[i]).Has(shop.ReasonMatch) {
			t.Errorf("%s: lexical %v, reasons %b", id, lexical[i], reply.Reasons[i])
		}
	}
	if !slices.IsSortedFunc(score, func(a, b float32) int { return int(math.Copysign(1, float64(b-a))) }) {
		t.Errorf("scores %v", score)
	}
	if len(reply.Stages) == 0 || reply.Stages[0].Name != "recall.lexical" {
		t.Errorf("stages %v", reply.Stages)
	}
}

func TestFacets(t *testing.T) {
	e := boutique()
	_, reply := ask(t, e, &wire.RecallRequest{Query: "jacket", Filter: `colour: ANY("red") AND price < 100`, Facets: []string{"colour", "brand", "category", "price", "nothing"}})
	var got []string
	for _, f := range reply.Facets {
		got = append(got, fmt.Sprint(f.Key, f.Values, f.Counts))
	}
	want := []string{
		// Without its own condition: the down jacket costs too much.
		"colour[red] [2]",
		"brand[Acme Globex] [1 1]",
		"category[Clothing Clothing > Jackets] [2 2]",
		// Without the condition on the price.
		"price[50..100] [2]",
		"nothing[] []",
	}
	if diff := gocmp.Diff(want, got); diff != "" {
		t.Errorf("facets (-want +got):\n%s", diff)
	}
	_, reply = ask(t, e, &wire.RecallRequest{Filter: `brand: "acme"`, Facets: []string{"brand", "availability"}})
	if got := fmt.Sprint(reply.Facets[0].Values, reply.Facets[0].Counts, reply.Facets[1].Values, reply.Facets[1].Counts); got != "[Acme Globex Initech] [2 2 2] [in_stock] [2]" {
		t.Errorf("facets of browsing = %s", got)
	}
}

func TestInvalidRequestsNameTheField(t *testing.T) {
	e := boutique()
	for field, request := range map[string]*wire.RecallRequest{
		"filter":        {Filter: `brand = `},
		"order_by":      {OrderBy: "colour"},
		"spell":         {Spell: "maybe"},
		"query":         {Query: strings.Repeat("x", 513)},
		"facets":        {Facets: make([]string, 33)},
		"context_items": {ContextItems: make([]string, 101)},
		"exclude_items": {ExcludeItems: make([]string, 1001)},
		"purpose":       {Purpose: 77},
	} {
		span, _ := cost.Enter(context.Background())
		err := e.Answer(request, &wire.RecallReply{}, now, &span)
		span.Leave()
		var fault *wire.Error
		if !errors.As(err, &fault) || fault.Code != wire.Invalid || fault.Field != field {
			t.Errorf("%s: error %v, want Invalid that names the field", field, err)
		}
	}
	span, _ := cost.Enter(context.Background())
	defer span.Leave()
	if err := e.Answer(&wire.RecallRequest{Filter: `brand = `}, &wire.RecallReply{}, now, &span); !strings.Contains(err.Error(), "column 9") {
		t.Errorf("error %q does not name the column", err)
	}
}

func TestRecommendToSomebodyNew(t *testing.T) {
	e := boutique()
	ids, reply := ask(t, e, &wire.RecallRequest{Purpose: wire.Purpose_PURPOSE_RECOMMEND, Placement: "home", Shopper: "nobody"})
	if len(ids) != 5 || slices.Contains(ids, "fleece") {
		t.Errorf("got %q, want the five items that can be bought", joined(ids))
	}
	if len(reply.Degraded) != 0 {
		t.Errorf("degraded %v: nothing to go together with was asked for", reply.Degraded)
	}
	e.Observe([]shop.Event{event("1", shop.Purchase, "a", "a1", now.Add(-time.Hour), "tent"), event("2", shop.ViewItem, "b", "b1", now.Add(-time.Hour), "shoe")})
	ids, reply = ask(t, e, &wire.RecallRequest{Purpose: wire.Purpose_PURPOSE_RECOMMEND, Shopper: "nobody"})
	if len(ids) != 5 || ids[0] != "tent" || !shop.Reasons(reply.Reasons[0]).Has(shop.ReasonTrending) {
		t.Errorf("got %q with reasons %b, want the tent first, as trending", joined(ids), reply.Reasons)
	}
	for i, id := range ids {
		if shop.Reasons(reply.Reasons[i]).Has(shop.ReasonNew) != (id == "rain") {
			t.Errorf("%s has reasons %b", id, reply.Reasons[i])
		}
	}
}

func TestRecommendFollowsTheShopperAtOnce(t *testing.T) {
	e := boutique()
	for i := range 10 {
		session := fmt.Sprint("s", i)
		e.Observe([]shop.Event{
			event(session+"1", shop.ViewItem, "p"+session, session, now.Add(-time.Hour), "shoe"),
			event(session+"2", shop.ViewItem, "p"+session, session, now.Add(-time.Hour), "tent"),
		})
	}
	request := &wire.RecallRequest{Purpose: wire.Purpose_PURPOSE_RECOMMEND, Shopper: "me", Session: "mine"}
	_, before := ask(t, e, request)
	if len(before.BecauseItems) != 0 {
		t.Errorf("explained by %v before anything was done", before.BecauseItems)
	}
	e.Observe([]shop.Event{event("m", shop.ViewItem, "me", "mine", now.Add(-time.Second), "shoe")})
	ids, reply := ask(t, e, request)
	if ids[0] != "tent" || !shop.Reasons(reply.Reasons[0]).Has(shop.ReasonSession) || reply.Because[0] == 0 || reply.BecauseItems[reply.Because[0]-1] != "shoe" {
		t.Errorf("got %q, reasons %b, because %v of %v; want the tent because of the shoe", joined(ids), reply.Reasons, reply.Because, reply.BecauseItems)
	}
	if reply.Candidates.Column(wire.ColumnSession, nil)[0] <= 0 {
		t.Error("the session's score is missing")
	}
	request.Anonymous = true
	if _, reply := ask(t, e, request); len(reply.BecauseItems) != 0 {
		t.Errorf("an anonymous request is answered because of %v", reply.BecauseItems)
	}
}

func TestBoughtBeforeIsOfferedAgain(t *testing.T) {
	e := boutique()
	e.Observe([]shop.Event{event("1", shop.Purchase, "me", "s", now.Add(-48*time.Hour), "sandal")})
	ids, reply := ask(t, e, &wire.RecallRequest{Purpose: wire.Purpose_PURPOSE_RECOMMEND, Shopper: "me"})
	at := slices.Index(ids, "sandal")
	if at < 0 || !shop.Reasons(reply.Reasons[at]).Has(shop.ReasonAgain) || reply.Candidates.Column(wire.ColumnAgain, nil)[at] <= 0 {
		t.Errorf("got %q with reasons %b, want the sandal again", joined(ids), reply.Reasons)
	}
}

func TestTogether(t *testing.T) {
	e := boutique()
	request := &wire.RecallRequest{Purpose: wire.Purpose_PURPOSE_TOGETHER, ContextItems: []string{"tent"}}
	ids, reply := ask(t, e, request)
	if !slices.Equal(reply.Degraded, []string{"recall.together:no_model"}) || len(ids) == 0 || slices.Contains(ids, "tent") {
		t.Errorf("without a model got %q, degraded %v", joined(ids), reply.Degraded)
	}
	source := neighbour.Source{
		IDs: []shop.ItemID{"tent", "sandal", "fleece", "gone"}, Offsets: []uint32{0, 3, 3, 3, 3},
		Items: []uint32{2, 1, 3}, Weights: []float32{0.9, 0.5, 0.4},
	}
	if err := e.SetNeighbours(source); err != nil {
		t.Fatal(err)
	}
	ids, reply = ask(t, e, request)
	if ids[0] != "sandal" || !shop.Reasons(reply.Reasons[0]).Has(shop.ReasonTogether) || len(reply.Degraded) != 0 || slices.Contains(ids, "gone") || slices.Contains(ids, "fleece") {
		t.Errorf("got %q, reasons %b, degraded %v", joined(ids), reply.Reasons, reply.Degraded)
	}
	if reply.BecauseItems[reply.Because[0]-1] != "tent" {
		t.Errorf("because %v of %v", reply.Because, reply.BecauseItems)
	}
	for name, bad := range map[string]neighbour.Source{
		"offsets fall":   {IDs: []shop.ItemID{"a", "b"}, Offsets: []uint32{0, 1, 0}, Items: []uint32{0}, Weights: []float32{1}},
		"offset beyond":  {IDs: []shop.ItemID{"a"}, Offsets: []uint32{0, 2}, Items: []uint32{0}, Weights: []float32{1}},
		"item beyond":    {IDs: []shop.ItemID{"a"}, Offsets: []uint32{0, 1}, Items: []uint32{1}, Weights: []float32{1}},
		"weights differ": {IDs: []shop.ItemID{"a"}, Offsets: []uint32{0, 1}, Items: []uint32{0}},
		"no number":      {IDs: []shop.ItemID{"a"}, Offsets: []uint32{0, 1}, Items: []uint32{0}, Weights: []float32{float32(math.NaN())}},
	} {
		if err := e.SetNeighbours(bad); err == nil {
			t.Errorf("%s: the lists were taken", name)
		}
	}
}

func TestSimilar(t *testing.T) {
	e := boutique()
	ids, reply := ask(t, e, &wire.RecallRequest{Purpose: wire.Purpose_PURPOSE_SIMILAR, ContextItems: []string{"rain"}})
	if ids[0] != "down" || !shop.Reasons(reply.Reasons[0]).Has(shop.ReasonSimilar) || reply.BecauseItems[reply.Because[0]-1] != "rain" {
		t.Errorf("got %q, reasons %b; want the other jacket that can be bought first", joined(ids), reply.Reasons)
	}
	if ids, _ := ask(t, e, &wire.RecallRequest{Purpose: wire.Purpose_PURPOSE_SIMILAR, ContextItems: []string{"unknown"}}); len(ids) == 0 {
		t.Error("an unknown item gets no answer")
	}
}

func TestTrending(t *testing.T) {
	e := boutique()
	e.Observe([]shop.Event{
		event("1", shop.Purchase, "a", "", now.Add(-20*24*time.Hour), "tent"),
		event("2", shop.ViewItem, "a", "", now.Add(-time.Hour), "shoe"),
		event("3", shop.ViewItem, "", "", now.Add(-2*time.Hour), "sandal"),
		event("4", shop.ViewItemList, "a", "", now, "down"),
	})
	if ids, _ := ask(t, e, &wire.RecallRequest{Purpose: wire.Purpose_PURPOSE_TRENDING}); joined(ids[:3]) != "shoe sandal tent" {
		t.Errorf("trending = %q", joined(ids))
	}
	if ids, _ := ask(t, e, &wire.RecallRequest{Purpose: wire.Purpose_PURPOSE_TRENDING, Category: "shoes"}); joined(ids) != "shoe sandal" {
		t.Errorf("trending shoes = %q", joined(ids))
	}
	if ids, _ := ask(t, e, &wire.RecallRequest{OrderBy: "popular", Limit: 2}); joined(ids) != "tent shoe" {
		t.Errorf("popular = %q", joined(ids))
	}
}

func TestEventsCountOnce(t *testing.T) {
	e := boutique()
	twice := event("same", shop.ViewItem, "a", "", now, "shoe")
	e.Observe([]shop.Event{twice, twice, event("x", shop.ViewItem, "a", "", now, "tent"), event("y", shop.ViewItem, "a", "", now, "tent")})
	e.Observe([]shop.Event{twice})
	if ids, _ := ask(t, e, &wire.RecallRequest{Purpose: wire.Purpose_PURPOSE_TRENDING, Limit: 2}); joined(ids) != "tent shoe" {
		t.Errorf("trending = %q, want the tent, viewed twice, first", joined(ids))
	}
}

func TestAutocomplete(t *testing.T) {
	e := boutique()
	for i := range 4 {
		for j, term := range []string{"jacket for rain", "jackalope"} {
			search := event(fmt.Sprint(i, "-", j), shop.Search, fmt.Sprint("p", i), "", now)
			search.SearchTerm = term
			e.Observe([]shop.Event{search})
		}
	}
	complete := func(prefix string) string {
		_, reply := ask(t, e, &wire.RecallRequest{Purpose: wire.Purpose_PURPOSE_AUTOCOMPLETE, Query: prefix})
		return strings.Join(reply.Completions, "|")
	}
	if got, want := complete("jack"), "jacket for rain|Jackets|Down jacket blue|Fleece jacket red|Rain jacket red"; got != want {
		t.Errorf("jack -> %q, want %q: nothing would be found for jackalope", got, want)
	}
	if got := complete("越野"); got != "越野跑鞋" {
		t.Errorf("越野 -> %q", got)
	}
	e.Apply([]Change{{ID: "shoe"}})
	if got := complete("越野"); got != "" {
		t.Errorf("after the delete 越野 -> %q", got)
	}
}

func TestChangesShowAtOnce(t *testing.T) {
	e := boutique()
	e.Apply([]Change{{ID: "rain"}, {ID: "never"}})
	if ids, _ := ask(t, e, &wire.RecallRequest{Query: "rain"}); len(ids) != 0 {
		t.Errorf("a deleted item is found: %q", joined(ids))
	}
	if ids, _ := ask(t, e, &wire.RecallRequest{Purpose: wire.Purpose_PURPOSE_RECOMMEND}); slices.Contains(ids, "rain") {
		t.Error("a deleted item is recommended")
	}
	e.Apply(put(&shop.Item{ID: "rain", Title: "Umbrella", Price: 5}))
	if ids, _ := ask(t, e, &wire.RecallRequest{Query: "umbrella", Filter: "price < 10"}); joined(ids) != "rain" {
		t.Errorf("the new text finds %q", joined(ids))
	}
	if ids, _ := ask(t, e, &wire.RecallRequest{Query: "jacket", Filter: `brand: "Acme"`}); len(ids) != 0 {
		t.Errorf("the old text finds %q", joined(ids))
	}
	if size := e.Size(); size.Items != 6 {
		t.Errorf("size %+v", size)
	}
}

// TestAnswersAllocateLittle guards the query path: what is allocated is the reply, the filter and the words, about half of the
// bounds. The rest is for the race detector, under which pools forget at random.
func TestAnswersAllocateLittle(t *testing.T) {
	items, events := generatedShop(2000, 5000)
	e := New(small())
	e.Apply(put(items...))
	e.Observe(events)
	for name, c := range map[string]struct {
		request *wire.RecallRequest
		most    float64
	}{
		"search":    {&wire.RecallRequest{Query: items[0].Title, Limit: 100}, 80},
		"recommend": {&wire.RecallRequest{Purpose: wire.Purpose_PURPOSE_RECOMMEND, Shopper: string(events[0].Shopper), ContextItems: []string{string(items[3].ID)}, Limit: 100}, 100},
		"trending":  {&wire.RecallRequest{Purpose: wire.Purpose_PURPOSE_TRENDING, Limit: 100}, 60},
	} {
		most := c.most
		if racing {
			most *= 2
		}
		if got := testing.AllocsPerRun(50, func() { ask(t, e, c.request) }); got > most {
			t.Errorf("%s: %v allocations, at most %v", name, got, most)
		}
	}
}

// TestSearchEqualsNaive draws shops and searches and compares what is found and counted with a look at every item.
func TestSearchEqualsNaive(t *testing.T) {
	words := strings.Fields("red blue shoe jacket trail acme rain")
	rapid.Check(t, func(t *rapid.T) {
		e, items := New(small()), map[shop.ItemID]*shop.Item{}
		for range rapid.IntRange(0, 60).Draw(t, "changes") {
			id := shop.ItemID(fmt.Sprint("i", rapid.IntRange(0, 40).Draw(t, "id")))
			if rapid.IntRange(0, 5).Draw(t, "delete") == 0 {
				e.Apply([]Change{{ID: id}})
				delete(items, id)
				continue
			}
			it := &shop.Item{
				ID:    id,
				Title: strings.Join(rapid.SliceOfN(rapid.SampledFrom(words), 1, 4).Draw(t, "title"), " "),
				Brand: rapid.SampledFrom([]string{"Acme", "Globex", ""}).Draw(t, "brand"),
				Price: float64(rapid.IntRange(0, 30).Draw(t, "price")),
			}
			e.Apply(put(it))
			items[id] = it
		}
		query := rapid.SliceOfN(rapid.SampledFrom(words), 0, 4).Draw(t, "query")
		low := rapid.IntRange(1, 30).Draw(t, "low")
		request := &wire.RecallRequest{Query: strings.Join(query, " "), Filter: fmt.Sprintf("price >= %d", low), Facets: []string{"brand"}, Spell: "off", Limit: 1000}
		ids, reply := ask(t, e, request)
		got := map[shop.ItemID]bool{}
		for _, id := range ids {
			got[id] = true
		}
		want, brands := naive(items, query, float64(low))
		if diff := gocmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" || int(reply.Total) != len(want) {
			t.Fatalf("search %v, total %d (-want +got):\n%s", request, reply.Total, diff)
		}
		counts := map[string]uint32{}
		for i, v := range reply.Facets[0].Values {
			counts[v] = reply.Facets[0].Counts[i]
		}
		if diff := gocmp.Diff(brands, counts, cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("search %v, brands (-want +got):\n%s", request, diff)
		}
	})
}

// naive is the rule of find over plain items.
func naive(items map[shop.ItemID]*shop.Item, query []string, low float64) (map[shop.ItemID]bool, map[string]uint32) {
	stems := map[string]bool{}
	for _, w := range query {
		stems[feature.Stem(w)] = true
	}
	holds := map[shop.ItemID]int{}
	counts := make([]int, len(stems)+1)
	for id, it := range items {
		if it.Price < low {
			continue
		}
		has := map[string]bool{}
		for _, w := range strings.Fields(strings.ToLower(it.Title + " " + it.Brand)) {
			has[feature.Stem(w)] = true
		}
		for w := range stems {
			if has[w] {
				holds[id]++
			}
		}
		counts[holds[id]]++
	}
	floor := min((len(stems)+1)/2, 3)
	least, sum := len(stems), counts[len(stems)]
	for least > floor && sum < pageful {
		least--
		sum += counts[least]
	}
	for sum == 0 && least > 1 {
		least--
		sum += counts[least]
	}
	want, brands := map[shop.ItemID]bool{}, map[string]uint32{}
	for id, it := range items {
		if it.Price >= low && holds[id] >= least {
			want[id] = true
			if it.Brand != "" {
				brands[it.Brand]++
			}
		}
	}
	return want, brands
}

// TestReplicasAgree shows the same shop in two orders to two engines, as one that starts later sees it, and compares answers.
func TestReplicasAgree(t *testing.T) {
	items, events := generatedShop(400, 4000)
	a, b := New(small()), New(small())
	a.Apply(put(items...))
	for _, it := range items {
		changed := *it
		changed.Title = "Something else"
		b.Apply(put(&changed))
	}
	reversed := slices.Clone(items)
	slices.Reverse(reversed)
	b.Apply(put(reversed...))
	a.Observe(events)
	b.Observe(events)
	for _, it := range items[:50] {
		for _, request := range []*wire.RecallRequest{
			{Query: it.Title, Facets: []string{"brand", "category", "price"}},
			{Query: it.Brand, Limit: 20},
			{Purpose: wire.Purpose_PURPOSE_SIMILAR, ContextItems: []string{string(it.ID)}},
			{Purpose: wire.Purpose_PURPOSE_RECOMMEND, ContextItems: []string{string(it.ID)}},
		} {
			first, one := ask(t, a, request)
			second, two := ask(t, b, request)
			if diff := gocmp.Diff(first, second); diff != "" {
				t.Fatalf("%v: replicas differ:\n%s", request, diff)
			}
			if fmt.Sprint(one.Facets) != fmt.Sprint(two.Facets) {
				t.Fatalf("%v: facets differ", request)
			}
		}
	}
}

// generatedShop makes a shop of so many items and events. It panics on a fault, because a benchmark's stock is made outside of tests.
func generatedShop(items, events int) ([]*shop.Item, []shop.Event) {
	var all []*shop.Item
	var log []shop.Event
	_, err := synth.Generate(context.Background(), synth.Options{Seed: 1, Items: items, Events: events, End: now}, func(it shop.Item) error {
		all = append(all, &it)
		return nil
	}, func(e shop.Event) error {
		e.Items = slices.Clone(e.Items)
		log = append(log, e)
		return nil
	})
	if err != nil {
		panic(err)
	}
	return all, log
}

// TestAnswersWhileTheShopChanges is for the race detector.
func TestAnswersWhileTheShopChanges(t *testing.T) {
	items, events := generatedShop(300, 3000)
	e := New(small())
	e.Apply(put(items...))
	var writers sync.WaitGroup
	writers.Go(func() {
		for i := range 20 {
			e.Apply(put(items[i*10 : i*10+10]...))
			e.Apply([]Change{{ID: items[i].ID}})
		}
	})
	writers.Go(func() { e.Observe(events) })
	writers.Go(func() {
		for i := range 50 {
			ask(t, e, &wire.RecallRequest{Query: items[i].Title, Filter: "available AND price > 5", Facets: []string{"brand", "price"}})
			ask(t, e, &wire.RecallRequest{Purpose: wire.Purpose_PURPOSE_RECOMMEND, Shopper: string(events[i*7].Shopper)})
			ask(t, e, &wire.RecallRequest{Purpose: wire.Purpose_PURPOSE_AUTOCOMPLETE, Query: items[i].Title[:2]})
		}
	})
	writers.Wait()
	if size := e.Size(); size.Items != 300-20 && size.Items < 280 {
		t.Errorf("size %+v", size)
	}
}

func FuzzAnswer(f *testing.F) {
	f.Add("red jacket", "price < 10", "price desc", "brand", "rain", uint8(0), uint32(5))
	f.Add("红", "", "", "price", "", uint8(1), uint32(0))
	f.Add("\xff\xfe", "a:1", "newest", "\x00level", "x", uint8(2), uint32(1<<31))
	e := boutique()
	f.Fuzz(func(t *testing.T, query, filter, order, facet, item string, purpose uint8, limit uint32) {
		span, _ := cost.Enter(context.Background())
		defer span.Leave()
		reply := &wire.RecallReply{}
		request := &wire.RecallRequest{
			Purpose: wire.Purpose(purpose % 7), Query: query, Filter: filter, OrderBy: order, Facets: []string{facet}, ContextItems: []string{item},
			Category: item, ExcludeItems: []string{query}, Shopper: item, Limit: limit,
		}
		if err := e.Answer(request, reply, now, &span); err != nil {
			if wire.CodeOf(err) != wire.Invalid {
				t.Fatalf("Answer(%v): %v", request, err)
			}
			return
		}
		if reply.Candidates != nil {
			if err := reply.Candidates.Check(); err != nil {
				t.Fatal(err)
			}
		}
	})
}
