package engine

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/haggle-commerce/haggle/libs/cost"
	"github.com/haggle-commerce/haggle/libs/model/encoder"
	"github.com/haggle-commerce/haggle/libs/shop"
	"github.com/haggle-commerce/haggle/libs/wire"
	"github.com/haggle-commerce/haggle/services/recall/internal/blend"
	"github.com/haggle-commerce/haggle/services/recall/internal/catalogue"
	"github.com/haggle-commerce/haggle/services/recall/internal/filter"
	"github.com/haggle-commerce/haggle/services/recall/internal/lexical"
	"github.com/haggle-commerce/haggle/services/recall/internal/session"
	"github.com/haggle-commerce/haggle/services/recall/internal/tally"
	"github.com/haggle-commerce/haggle/services/recall/internal/top"
	"github.com/haggle-commerce/haggle/services/recall/internal/vector"
)

// Limits on a request.
const (
	// DefaultLimit is how many candidates are returned when a request does not say.
	DefaultLimit = 100
	maxQuery     = 512
	maxFacets    = 32
	maxContext   = 100
	maxExcluded  = 1000
	maxQuotas    = 64
)

// room is the memory that one answer needs, kept for the next.
type room struct {
	words    lexical.Scratch
	sessions session.Scratch
	tally    tally.Tally
	blender  blend.Blender
	heap     top.Heap
	counter  catalogue.Counter
	// allowed are the items that may be offered, hits those of a search.
	allowed, hits catalogue.Bits
	seeds         []tally.Seed
	current       []catalogue.Slot
	entries       []top.Entry
	values        []float32
	// near, said and query are for searches by vectors, searched for the set that they search in.
	near  vector.Scratch
	said  encoder.Words
	query []float32
	// mean is of the vectors of some items, vector that of one.
	mean, vector []float32
	searched     catalogue.Bits
}

// question is one request while it is answered.
type question struct {
	*room
	engine    *Engine
	request   *wire.RecallRequest
	reply     *wire.RecallReply
	selection *catalogue.Selection
	limit     int
	now       time.Time
	span      *cost.Span
	bounds    bounds
	// found is what another index found, nil when none was asked; scores are those of its items.
	found  *Found
	scores map[catalogue.Slot]float32
	// used is the CPU time of the stages so far.
	used time.Duration
	// ongoing says that the shopper did something within the last half hour.
	ongoing bool
}

// Answer answers a request into reply, which is empty. Span was entered by the caller on this goroutine; each
// stage is a lap of it. An error is a [*wire.Error].
func (e *Engine) Answer(request *wire.RecallRequest, reply *wire.RecallReply, now time.Time, span *cost.Span) error {
	if request.NowMicros != 0 {
		now = time.UnixMicro(request.NowMicros)
	}
	return e.answer(&question{engine: e, request: request, reply: reply, now: now, span: span})
}

// AnswerFound answers a request that says what time it is, as Answer does, of what another index found for it; of a request that
// is not for [Elsewhere] it passes over that.
func (e *Engine) AnswerFound(request *wire.RecallRequest, reply *wire.RecallReply, span *cost.Span, found *Found) error {
	if found != nil && !Elsewhere(request, found.Meant) {
		found = nil
	}
	return e.answer(&question{engine: e, request: request, reply: reply, now: time.UnixMicro(request.NowMicros), span: span, found: found})
}

func (e *Engine) answer(q *question) error {
	request := q.request
	q.limit = DefaultLimit
	if request.Limit > 0 {
		q.limit = int(min(request.Limit, wire.MaxCandidates))
	}
	expression, err := check(request)
	if err != nil {
		return err
	}
	q.bounds = boundsOf(request, q.limit)
	q.room = e.rooms.Get().(*room)
	defer e.rooms.Put(q.room)
	e.mu.RLock()
	defer e.mu.RUnlock()
	q.selection = e.catalogue.Select(&expression)
	if request.Category != "" {
		q.selection.InCategory(request.Category)
	}
	switch request.Purpose {
	case wire.Purpose_PURPOSE_SEARCH:
		return q.search()
	case wire.Purpose_PURPOSE_AUTOCOMPLETE:
		q.complete()
		return nil
	case wire.Purpose_PURPOSE_RECOMMEND, wire.Purpose_PURPOSE_SIMILAR, wire.Purpose_PURPOSE_TOGETHER, wire.Purpose_PURPOSE_TRENDING:
		q.recommend()
		return nil
	}
	return invalid("purpose", "%d is unknown", request.Purpose)
}

func invalid(field, format string, args ...any) error {
	return &wire.Error{Code: wire.Invalid, Field: field, Text: fmt.Sprintf(format, args...)}
}

// check refuses what is too large or cannot be read, and returns the filter.
func check(request *wire.RecallRequest) (filter.Node, error) {
	switch {
	case len([]rune(request.Query)) > maxQuery:
		return filter.Node{}, invalid("query", "has %d characters, at most %d", len([]rune(request.Query)), maxQuery)
	case len(request.Facets) > maxFacets:
		return filter.Node{}, invalid("facets", "has %d entries, at most %d", len(request.Facets), maxFacets)
	case len(request.ContextItems) > maxContext:
		return filter.Node{}, invalid("context_items", "has %d entries, at most %d", len(request.ContextItems), maxContext)
	case len(request.ExcludeItems) > maxExcluded:
		return filter.Node{}, invalid("exclude_items", "has %d entries, at most %d", len(request.ExcludeItems), maxExcluded)
	}
	if len(request.Quotas) > maxQuotas {
		return filter.Node{}, invalid("quotas", "has %d entries, at most %d", len(request.Quotas), maxQuotas)
	}
	if err := checkVector(request.Vector); err != nil {
		return filter.Node{}, err
	}
	switch request.Spell {
	case "", "auto", "suggest", "off":
	default:
		return filter.Node{}, invalid("spell", "is %q, must be auto, suggest or off", request.Spell)
	}
	if _, ok := orders[request.OrderBy]; !ok {
		return filter.Node{}, invalid("order_by", "is %q, must be relevance, price, price desc, newest or popular", request.OrderBy)
	}
	expression, err := filter.Parse(request.Filter)
	var fault *filter.Error
	if errors.As(err, &fault) {
		return filter.Node{}, &wire.Error{Code: wire.Invalid, Field: "filter", Text: fault.Error()}
	}
	return expression, nil
}

// stage ends a stage of the receipt.
func (q *question) stage(name string, in, out int) {
	lap := q.span.Lap()
	q.used += lap
	q.reply.Stages = append(q.reply.Stages, &wire.Stage{
		Name: "recall." + name, CpuNanos: uint64(lap), CandidatesIn: uint32(in), CandidatesOut: uint32(out),
	})
}

// degrade tells that a channel was left out, and why.
func (q *question) degrade(channel blend.Channel, why string) {
	q.reply.Degraded = append(q.reply.Degraded, "recall."+channel.String()+":"+why)
}

// allow sets allowed to those items of from that pass the filter and are not excluded.
func (q *question) allow(from catalogue.Bits) {
	q.allowed = q.selection.Apply(from, q.allowed, "")
	q.exclude(q.allowed)
}

// exclude takes out what the request does not want to see.
func (q *question) exclude(from catalogue.Bits) {
	for _, id := range q.request.ExcludeItems {
		if s, ok := q.engine.catalogue.Find(shop.ItemID(id)); ok {
			from.Clear(s)
		}
	}
}

// complete answers an autocompletion.
func (q *question) complete() {
	limit := q.limit
	if q.request.Limit == 0 {
		limit = 10
	}
	e := q.engine
	e.typing.RLock()
	defer e.typing.RUnlock()
	q.reply.Completions = e.phrases.Complete(q.request.Query, min(limit, 100), q.now, e.understood)
	q.stage("complete", 0, len(q.reply.Completions))
}

// put writes the candidates into the reply: n of them, column by column. Slot gives the item of row i.
func (q *question) put(n int, slot func(i int) catalogue.Slot, names []string, value func(i, column int) float32) {
	columns := &wire.Columns{Ends: make([]uint32, 0, n), Ids: make([]byte, 0, 16*n)}
	columns.Clear(names...)
	for i := range n {
		columns.AddID(q.engine.catalogue.ID(slot(i)))
	}
	q.values = slices.Grow(q.values[:0], n*len(names))
	for column := range names {
		for i := range n {
			q.values = append(q.values, value(i, column))
		}
	}
	columns.SetValues(q.values)
	q.reply.Candidates = columns
}

// trimmed is a query without the space around it.
func trimmed(query string) string { return strings.TrimSpace(query) }
