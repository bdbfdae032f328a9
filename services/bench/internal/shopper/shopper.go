package shopper

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/haggle-commerce/haggle/services/bench/internal/caller"
)

// Item is what a shopper knows of an item.
type Item struct {
	ID, Title, Brand, Category string
}

const (
	// manyQueries is how many different queries a crowd knows.
	manyQueries = 5000
	// skew and shift shape the Zipf law by which queries and items are chosen: popularity falls with (shift + rank)^-skew, so
	// that the first of 5,000 queries has 4 % of the searches and the first hundred half of them.
	skew, shift = 1.07, 5
	// pageSize is how many results a request asks for, and shoppersWithHistory the share of visitors who come back.
	pageSize            = 20
	shoppersWithHistory = 0.5
	eventsOfHistory     = 5
	// eventBatch is how many events one request of a history carries.
	eventBatch = 100
)

// Crowd is the shoppers of one run. It is used by one goroutine, and the same seed asks the same.
type Crowd struct {
	mix        Mix
	visitors   int
	items      []Item
	queries    []string
	random     *rand.Rand
	queryRank  *rand.Zipf
	itemRank   *rand.Zipf
	run        string
	eventCount int
}

// Options say who a crowd is.
type Options struct {
	Mix      Mix
	Visitors int
	Seed     uint64
	// Run is unique to the run, so that its events are none that were sent before.
	Run string
}

// NewCrowd returns the shoppers of a shop with these items, of which there must be one at least.
func NewCrowd(items []Item, o Options) *Crowd {
	c := &Crowd{mix: o.Mix, visitors: max(o.Visitors, 1), items: items, random: rand.New(rand.NewPCG(o.Seed, 0xc0de)), run: o.Run}
	c.queries = queries(items, manyQueries, c.random)
	if len(c.queries) == 0 {
		// A catalogue without words: identifiers are all there is to search for.
		for _, it := range items[:min(len(items), manyQueries)] {
			c.queries = append(c.queries, it.ID)
		}
	}
	c.queryRank = rand.NewZipf(c.random, skew, shift, uint64(len(c.queries)-1))
	c.itemRank = rand.NewZipf(c.random, skew, shift, uint64(len(items)-1))
	return c
}

// Queries returns how many different queries the crowd knows.
func (c *Crowd) Queries() int { return len(c.queries) }

// Next returns the next request. now stamps events.
func (c *Crowd) Next(now time.Time) (Kind, caller.Request) {
	kind := c.mix.pick(c.random.Float64())
	visitor := c.visitor(c.random.IntN(c.visitors))
	switch kind {
	case Search:
		return kind, post("/v1/search", map[string]any{"query": c.query(), "visitor_id": visitor, "page_size": pageSize})
	case Recommend:
		return kind, post("/v1/recommend/home", map[string]any{"visitor_id": visitor, "page_size": pageSize})
	case Similar:
		return kind, get("/v1/items/"+url.PathEscape(c.item().ID)+"/similar", "visitor_id", visitor, "page_size", strconv.Itoa(pageSize))
	case Trending:
		return kind, get("/v1/trending", "visitor_id", visitor, "page_size", strconv.Itoa(pageSize))
	case Autocomplete:
		return kind, get("/v1/autocomplete", "q", prefix(c.query(), c.random))
	default:
		return kind, post("/v1/events", map[string]any{"events": []event{c.event(visitor, now)}})
	}
}

// Histories returns requests that give half of the visitors something to remember: a few items viewed in the last hour.
func (c *Crowd) Histories(now time.Time) []caller.Request {
	var requests []caller.Request
	var batch []event
	flush := func() {
		if len(batch) > 0 {
			requests = append(requests, post("/v1/events", map[string]any{"events": batch}))
			batch = nil
		}
	}
	for v := range int(float64(c.visitors) * shoppersWithHistory) {
		for i := range eventsOfHistory {
			e := c.event(c.visitor(v), now.Add(-time.Duration(i+1)*10*time.Minute))
			e.Event = "view_item"
			if batch = append(batch, e); len(batch) == eventBatch {
				flush()
			}
		}
	}
	flush()
	return requests
}

// event is the part of a GA4 event that is sent.
type event struct {
	Event     string      `json:"event"`
	ID        string      `json:"event_id"`
	Timestamp time.Time   `json:"timestamp"`
	Visitor   string      `json:"visitor_id"`
	Items     []eventItem `json:"items"`
}

type eventItem struct {
	ID string `json:"item_id"`
}

func (c *Crowd) event(visitor string, now time.Time) event {
	c.eventCount++
	name := "view_item"
	switch u := c.random.Float64(); {
	case u < 0.03:
		name = "purchase"
	case u < 0.10:
		name = "add_to_cart"
	case u < 0.25:
		name = "select_item"
	}
	return event{
		Event: name, ID: fmt.Sprintf("bench-%s-%d", c.run, c.eventCount), Timestamp: now.UTC().Truncate(time.Millisecond),
		Visitor: visitor, Items: []eventItem{{ID: c.item().ID}},
	}
}

func (c *Crowd) visitor(i int) string { return "bench-visitor-" + strconv.Itoa(i) }

func (c *Crowd) query() string { return c.queries[c.queryRank.Uint64()] }

func (c *Crowd) item() Item { return c.items[c.itemRank.Uint64()] }

func post(path string, body any) caller.Request {
	encoded, err := json.Marshal(body)
	if err != nil {
		panic("BUG: encode request: " + err.Error())
	}
	return caller.Request{Method: http.MethodPost, Path: path, Body: encoded}
}

// get takes names and values of parameters in turn.
func get(path string, parameters ...string) caller.Request {
	values := url.Values{}
	for i := 0; i+1 < len(parameters); i += 2 {
		values.Set(parameters[i], parameters[i+1])
	}
	return caller.Request{Method: http.MethodGet, Path: path + "?" + values.Encode()}
}
