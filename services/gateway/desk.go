package gateway

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/haggle-commerce/haggle/libs/bus"
	"github.com/haggle-commerce/haggle/libs/cost"
	"github.com/haggle-commerce/haggle/libs/shop"
	"github.com/haggle-commerce/haggle/libs/wire"
	"github.com/haggle-commerce/haggle/services/gateway/internal/answer"
	"github.com/haggle-commerce/haggle/services/gateway/internal/assemble"
	"github.com/haggle-commerce/haggle/services/gateway/internal/budget"
	"github.com/haggle-commerce/haggle/services/gateway/internal/fallback"
	"github.com/haggle-commerce/haggle/services/gateway/internal/request"
	"github.com/haggle-commerce/haggle/services/gateway/internal/shelf"
	"github.com/haggle-commerce/haggle/services/gateway/internal/spend"
	"github.com/haggle-commerce/haggle/services/gateway/internal/token"
)

// desk answers queries: it asks recall and ranking, puts the answer together and books what that cost. It knows nothing of
// HTTP, so that a page can be drawn in this process with the very answers that the API gives. Its methods may be called at once.
type desk struct {
	bus      *bus.Bus
	log      *slog.Logger
	clock    func() time.Time
	random   func() uint64
	ledger   *cost.Ledger
	keys     *atomic.Pointer[keys]
	shelf    *shelf.Shelf
	fallback *fallback.Store
	book     *spend.Book
	metrics  *metrics
	// runtime tells what of the Go runtime falls on a query.
	runtime    *cost.Runtime
	plan       budget.Plan
	candidates int
	// thrift says how much recall has to save now.
	thrift     func() budget.Thrift
	allowed    allowances
	accounting bool
	// followed says that the shelf holds the whole catalogue: what is not on it does not exist.
	followed atomic.Bool
	works    sync.Pool
	// reasons holds the answer of every set of reasons.
	reasons [256][]answer.Reason
}

// work is the memory that one query needs. What a reply points to lives in it.
type work struct {
	recall  wire.RecallReply
	rank    wire.RankReply
	ids     []shop.ItemID
	order   []int
	scores  []float32
	ranked  []float32
	shown   []uint32
	results []answer.Result
	stages  []cost.Stage
	picker  assemble.Desk
	reply   reply
}

// reply is an answer and what is to be booked for it.
type reply struct {
	answer.Answer
	completions []string
	purpose     wire.Purpose
	key         spend.Key
	stages      []cost.Stage
	// recallTime and rankTime are how long the gateway waited.
	recallTime, rankTime time.Duration
	// inner has a bit for each stage that was measured on the gateway's own clock; innerCPU is their sum.
	inner    uint64
	innerCPU time.Duration
	// closed is the CPU time of the gateway until the bill was made, write what writing takes on average, cpu that of all stages.
	closed, write, cpu time.Duration
	// elsewhere is the CPU time of stages in other processes, runtime the share in this one's runtime.
	elsewhere, runtime time.Duration
	// marginal and full are the price in billionths of a dollar.
	marginal, full float64
}

// Search answers a search.
func (d *desk) Search(ctx context.Context, q request.Search) (*answer.Answer, error) {
	k := d.keys.Load()
	return d.inProcess(ctx, k, d.askSearch(k, &q))
}

// Recommend answers a recommendation.
func (d *desk) Recommend(ctx context.Context, q request.Recommend) (*answer.Answer, error) {
	k := d.keys.Load()
	return d.inProcess(ctx, k, d.askRecommend(k, &q))
}

// Related answers with items that are like one item, or that are bought together with it.
func (d *desk) Related(ctx context.Context, q request.Related) (*answer.Answer, error) {
	k := d.keys.Load()
	return d.inProcess(ctx, k, d.askRelated(k, &q))
}

// Trending answers with what many want now.
func (d *desk) Trending(ctx context.Context, q request.Trending) (*answer.Answer, error) {
	k := d.keys.Load()
	return d.inProcess(ctx, k, d.askTrending(k, &q))
}

// Complete answers how a query might go on.
func (d *desk) Complete(ctx context.Context, q request.Complete) (*answer.Completions, error) {
	watch, begin := stopwatch{on: d.accounting}, d.clock()
	watch.resume()
	watch.begin()
	defer watch.pause()
	r := d.complete(ctx, &watch, &q, begin, token.NewID(begin, [2]uint64{d.random(), d.random()}), &work{})
	watch.pause()
	d.settle(r, &watch, d.clock().Sub(begin))
	return r.asCompletions(), nil
}

// Item returns the document of an item, its description cut; nil when there is no such item.
func (d *desk) Item(id shop.ItemID) *shop.Item {
	e := d.shelf.Get(id)
	if e == nil {
		return nil
	}
	item := new(shop.Item)
	if err := json.Unmarshal(e.Document, item); err != nil {
		panic(fmt.Sprintf("BUG: the shelf holds a broken document of item %s: %v", id, err))
	}
	return item
}

// inProcess answers a query of this process and books it.
func (d *desk) inProcess(ctx context.Context, k *keys, a ask) (*answer.Answer, error) {
	watch := stopwatch{on: d.accounting}
	watch.resume()
	watch.begin()
	defer watch.pause()
	a.begin = d.clock()
	r, err := d.run(ctx, &watch, k, &a, token.NewID(a.begin, [2]uint64{d.random(), d.random()}), &work{})
	if err != nil {
		return nil, err
	}
	took := d.clock().Sub(a.begin)
	d.close(r, &watch, took)
	d.bill(r)
	watch.pause()
	d.settle(r, &watch, took)
	return &r.Answer, nil
}

// run answers a query. It fails for what the caller did wrong alone; whatever else happens, there is an answer.
func (d *desk) run(ctx context.Context, watch *stopwatch, k *keys, a *ask, id token.ID, w *work) (*reply, error) {
	if err := a.continueFrom(k); err != nil {
		return nil, err
	}
	if a.purpose == wire.Purpose_PURPOSE_SIMILAR || a.purpose == wire.Purpose_PURPOSE_TOGETHER {
		if d.followed.Load() && d.shelf.Get(shop.ItemID(a.context[0])) == nil {
			return nil, errUnknownItem(a.context[0])
		}
	}
	r := &w.reply
	*r = reply{purpose: a.purpose, stages: w.stages[:0], key: spend.Key{Purpose: purposeName(a.purpose), Placement: a.placement}}
	r.RequestID, r.Degraded = id.String(), []string{}
	if err := d.recall(ctx, watch, a, w); err != nil {
		return nil, err
	}
	if a.ranked() && len(w.ids) > 1 && len(w.recall.GetCandidates().GetEnds()) == len(w.ids) {
		d.rank(ctx, watch, a, w)
	}
	d.assemble(k, a, id, w)
	w.stages = r.stages[:0]
	return r, nil
}

// assemble picks the results and signs for them.
func (d *desk) assemble(k *keys, a *ask, id token.ID, w *work) {
	r := &w.reply
	w.order = w.order[:0]
	if len(w.ranked) > 0 {
		w.order = w.picker.Order(w.order, w.ranked)
	}
	w.order = assemble.InOrder(w.order, len(w.ranked), len(w.ids))
	o := assemble.Options{
		Size: a.size, Offset: a.offset, Shown: a.shown, Diversity: a.diversity, OneCategory: a.category != "",
		SoldOut: a.purpose == wire.Purpose_PURPOSE_SEARCH, InOrder: a.purpose == wire.Purpose_PURPOSE_SEARCH && !a.ranked(),
	}
	if len(a.shown) > 0 {
		o.Offset = 0
	}
	picks := w.picker.Pick(w.ids, w.order, d.lookup(), o)
	w.shown, w.results = w.shown[:0], slices.Grow(w.results[:0], len(picks))
	for i, p := range picks {
		w.shown = append(w.shown, token.Digest(string(w.ids[p.Row])))
		w.results = append(w.results, answer.Result{
			ID: string(w.ids[p.Row]), Score: d.score(w, p.Row), Position: a.offset + i + 1, Item: p.Entry.Document, Reasons: d.why(w, p.Row),
		})
		if a.explain {
			w.results[i].Explain = explain(w, p.Row)
		}
	}
	r.Results, r.Facets = w.results, facets(&w.recall)
	r.TotalSize = max(int(w.recall.GetTotal()), len(w.ids))
	r.CorrectedQuery, r.QueryExpansion, r.Model = w.recall.GetCorrectedQuery(), w.recall.GetQueryExpansion(), w.rank.GetModel()
	r.NextPageToken = a.nextPage(k, w.shown, r.TotalSize, len(picks), r.Model)
	attribution := token.Attribution{Request: id, Made: a.begin, Placement: shop.Placement(a.placement), Model: r.Model, Items: w.shown}
	if a.shopper != "" {
		attribution.Shopper = token.Digest(string(a.shopper))
	}
	r.AttributionToken = k.attribution.Sign(&attribution)
}

// lookup finds entries. Until the catalogue was followed to its end, an item that is not there yet is not taken to be gone.
func (d *desk) lookup() func(shop.ItemID) *shelf.Entry {
	if d.followed.Load() {
		return d.shelf.Get
	}
	return func(id shop.ItemID) *shelf.Entry {
		if e := d.shelf.Get(id); e != nil {
			return e
		}
		return &shelf.Entry{Buyable: true}
	}
}

// score returns the score that decided the place of a row.
func (d *desk) score(w *work, row int) float32 {
	switch {
	case row < len(w.ranked):
		return w.ranked[row]
	case row < len(w.scores) && row < w.recall.GetCandidates().Len():
		return w.scores[row]
	}
	return 0
}

// why returns the reasons of a row. The item that explains it goes to the first reason that speaks of another item.
func (d *desk) why(w *work, row int) []answer.Reason {
	set := shop.Reasons(0)
	if row < len(w.recall.GetReasons()) {
		set = shop.Reasons(w.recall.Reasons[row])
	}
	reasons := d.reasons[set]
	because := 0
	if row < len(w.recall.GetBecause()) {
		because = int(w.recall.Because[row])
	}
	if because == 0 || because > len(w.recall.BecauseItems) {
		return reasons
	}
	for i, r := range reasons {
		switch r.Code {
		case "bought_together", "session", "similar":
			reasons = slices.Clone(reasons)
			reasons[i].ItemIDs = w.recall.BecauseItems[because-1 : because]
			return reasons
		}
	}
	return reasons
}

// reasonTable holds the reasons of every set, so that most results need no memory for theirs.
func reasonTable() (table [256][]answer.Reason) {
	for set := range table {
		table[set] = []answer.Reason{}
		for _, code := range shop.Reasons(set).AppendCodes(nil) {
			table[set] = append(table[set], answer.Reason{Code: code})
		}
	}
	return table
}

// explain returns the scores behind a row: each of recall's columns and what ranking made of them.
func explain(w *work, row int) []answer.Part {
	var parts []answer.Part
	c := w.recall.GetCandidates()
	if n := c.Len(); row < n {
		for i, name := range c.GetNames() {
			if v := wire.Floats(c.Values[(i*n+row)*4:][:4], nil)[0]; v != 0 {
				parts = append(parts, answer.Part{Name: "recall." + name, Value: v})
			}
		}
	}
	if row < len(w.ranked) {
		parts = append(parts, answer.Part{Name: "rank", Value: w.ranked[row]})
	}
	return parts
}

func facets(r *wire.RecallReply) []answer.Facet {
	if len(r.GetFacets()) == 0 {
		return nil
	}
	list := make([]answer.Facet, 0, len(r.Facets))
	for _, f := range r.Facets {
		facet := answer.Facet{Key: f.GetKey(), Values: make([]answer.Value, 0, len(f.GetValues()))}
		for i, v := range f.GetValues() {
			if i < len(f.Counts) {
				facet.Values = append(facet.Values, answer.Value{Value: v, Count: int(f.Counts[i])})
			}
		}
		list = append(list, facet)
	}
	return list
}

// close adds the gateway's own stage, as far as it has come, and prices the query.
func (d *desk) close(r *reply, watch *stopwatch, took time.Duration) {
	used, pace := watch.exact()
	for i := range r.stages {
		if r.inner>>i&1 != 0 {
			r.stages[i].CPU = time.Duration(float64(r.stages[i].CPU) * pace)
		}
	}
	r.innerCPU = time.Duration(float64(watch.given()) * pace)
	r.closed = max(0, used-r.innerCPU)
	d.shareRuntime(r, r.closed)
	r.stages = append(r.stages, cost.Stage{Name: "gateway", CPU: r.closed, In: len(r.Results), Out: len(r.Results)})
	r.TookMillis = float64(took) / float64(time.Millisecond)
	// The answer cannot hold what comes after it: writing counts by what it took on average.
	r.write = d.book.MeanWrite()
	r.cpu = r.write
	for i := range r.stages {
		r.cpu += r.stages[i].CPU
	}
	r.marginal = float64(d.book.Marginal(r.cpu))
	r.full = r.marginal * d.book.Loading(d.clock())
}

// Stages of the receipt for what the Go runtime of this process did.
const (
	stageCollect = "runtime.gc"
	stageMonitor = "runtime.monitor"
)

// shareRuntime sets the stages of the runtime to what falls on the query's stages in this process and on own. The runtimes of
// other processes are claimed by nobody.
func (d *desk) shareRuntime(r *reply, own time.Duration) {
	own -= r.elsewhere
	for i := range r.stages {
		switch r.stages[i].Name {
		case stageCollect, stageMonitor, "gateway":
		default:
			own += r.stages[i].CPU
		}
	}
	collect, monitor := d.runtime.Shares(own)
	r.runtime = collect + monitor
	r.set(stageCollect, collect)
	r.set(stageMonitor, monitor)
}

// set sets the CPU time of a stage, which is added when it took any.
func (r *reply) set(name string, cpu time.Duration) {
	for i := range r.stages {
		if r.stages[i].Name == name {
			r.stages[i].CPU = cpu
			return
		}
	}
	if cpu > 0 {
		r.stages = append(r.stages, cost.Stage{Name: name, Variant: "share", CPU: cpu})
	}
}

// bill puts the cost into the answer.
func (d *desk) bill(r *reply) {
	r.Cost = &answer.Bill{Currency: "USD", MarginalNano: r.marginal, FullyLoadedNano: r.full, Stages: make([]answer.Stage, 0, len(r.stages)+1)}
	for _, s := range r.stages {
		r.Cost.Stages = append(r.Cost.Stages, answer.StageOf(s))
	}
	if r.write > 0 {
		r.Cost.Stages = append(r.Cost.Stages, answer.StageOf(cost.Stage{Name: "gateway.write", Variant: "mean", CPU: r.write}))
	}
}

// settle books a reply that was sent, with all that the gateway used for it.
func (d *desk) settle(r *reply, watch *stopwatch, took time.Duration) {
	own := max(r.closed, watch.used()-r.innerCPU)
	write := own - r.closed
	if n := len(r.stages); n > 0 && r.stages[n-1].Name == "gateway" {
		r.stages[n-1].CPU = own
	}
	if r.runtime > 0 {
		d.shareRuntime(r, own)
	}
	d.ledger.Claim(watch.book() + r.runtime)
	now := d.clock()
	d.book.Query(now, r.key, r.stages, write, len(r.Degraded) > 0)
	d.metrics.query(r, took)
}
