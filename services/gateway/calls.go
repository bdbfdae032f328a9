package gateway

import (
	"context"
	"errors"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/haggle-commerce/haggle/libs/bus"
	"github.com/haggle-commerce/haggle/libs/cost"
	"github.com/haggle-commerce/haggle/libs/shop"
	"github.com/haggle-commerce/haggle/libs/wire"
	"github.com/haggle-commerce/haggle/services/gateway/internal/answer"
	"github.com/haggle-commerce/haggle/services/gateway/internal/request"
	"github.com/haggle-commerce/haggle/services/gateway/internal/spend"
	"github.com/haggle-commerce/haggle/services/gateway/internal/token"
)

// recall asks for candidates, and falls back to what the gateway remembers when nobody answers. Its error is the caller's fault.
func (d *desk) recall(ctx context.Context, watch *stopwatch, a *ask, w *work) error {
	w.recall.Reset()
	w.rank.Reset()
	w.ids, w.scores, w.ranked = w.ids[:0], w.scores[:0], w.ranked[:0]
	// Twice the page, because some may be sold out or of a brand that has its share.
	limit := a.offset + 2*a.size
	if a.ranked() {
		limit = max(limit, d.candidates)
	}
	message := wire.RecallRequest{
		Purpose: a.purpose, Query: a.query, Shopper: string(a.shopper), Session: string(a.session), Placement: a.placement, ContextItems: a.context,
		Category: a.category, Filter: a.filter, OrderBy: a.orderBy, Facets: a.facets, Limit: uint32(min(limit, request.MaxDepth)), ExcludeItems: a.exclude,
		Language: a.language, Anonymous: a.anonymous, NowMicros: a.now.UnixMicro(), Spell: a.spell, Vector: a.vector,
	}
	d.allowed.apply(&message, d.thrift())
	where, err := d.call(ctx, watch, wire.SubjectRecall, &message, &w.recall, d.plan.RecallBy(a.begin), &w.reply.recallTime)
	if err == nil {
		err = w.recall.GetCandidates().Check()
	}
	switch {
	case wire.CodeOf(err) == wire.Invalid, wire.CodeOf(err) == wire.NotFound:
		return err
	case err != nil:
		w.recall.Reset()
		d.remember(a, w, d.whyNot("recall", err))
		return nil
	}
	w.reply.add(w.recall.GetStages(), w.recall.GetDegraded(), where)
	w.ids = w.recall.GetCandidates().AppendIDs(w.ids)
	if scores := w.recall.GetCandidates().Column(wire.ColumnScore, w.scores); scores != nil {
		w.scores = scores
	}
	if len(w.ids) == 0 && a.purpose == wire.Purpose_PURPOSE_RECOMMEND && a.filter == "" && a.category == "" && a.offset == 0 {
		d.remember(a, w, "recall:empty")
	}
	return nil
}

// remember fills the candidates from memory.
func (d *desk) remember(a *ask, w *work, why string) {
	r := &w.reply
	r.Degraded = append(r.Degraded, why)
	if a.filter != "" {
		r.Degraded = append(r.Degraded, "filter:not_applied")
	}
	limit := min(a.offset+2*a.size+len(a.exclude), request.MaxDepth)
	var found []shop.ItemID
	var total int
	reason := shop.Reasons(0).With(shop.ReasonPopular)
	if a.query != "" && a.purpose == wire.Purpose_PURPOSE_SEARCH {
		found, total = d.fallback.Match(a.query, a.category, limit)
		reason = shop.Reasons(0).With(shop.ReasonMatch)
	} else {
		found = d.fallback.Popular(a.category, limit)
		total = len(found)
	}
	w.ids, w.scores = w.ids[:0], w.scores[:0]
	for _, id := range found {
		if !contains(a.exclude, id) && !contains(a.context, id) {
			w.ids = append(w.ids, id)
			w.recall.Reasons = append(w.recall.Reasons, byte(reason))
		}
	}
	w.recall.Total = uint32(total)
}

func contains(list []string, id shop.ItemID) bool {
	for _, other := range list {
		if other == string(id) {
			return true
		}
	}
	return false
}

// rank asks for the order of the best candidates. Without an answer recall's order stands.
func (d *desk) rank(ctx context.Context, watch *stopwatch, a *ask, w *work) {
	by, fits := d.plan.RankBy(a.begin, d.clock())
	if !fits {
		w.reply.Degraded = append(w.reply.Degraded, "rank:budget")
		return
	}
	table := head(w.recall.GetCandidates(), d.candidates)
	message := wire.RankRequest{
		Candidates: table, Shopper: string(a.shopper), Session: string(a.session), Placement: a.placement, Query: a.query,
		ContextItems: a.context, Anonymous: a.anonymous, NowMicros: a.now.UnixMicro(), Explain: a.explain,
	}
	where, err := d.call(ctx, watch, wire.SubjectRank, &message, &w.rank, by, &w.reply.rankTime)
	if err == nil && len(w.rank.GetScores()) != 4*table.Len() {
		err = errors.New("the reply has not one score per candidate")
	}
	if err != nil {
		w.rank.Reset()
		w.reply.Degraded = append(w.reply.Degraded, d.whyNot("rank", err))
		return
	}
	w.ranked = wire.Floats(w.rank.Scores, w.ranked)
	w.reply.add(w.rank.GetStages(), w.rank.GetDegraded(), where)
	w.reply.key.Variant = w.rank.GetVariant()
}

// head returns the first n candidates of a table.
func head(c *wire.Columns, n int) *wire.Columns {
	all := c.Len()
	if all <= n {
		return c
	}
	short := &wire.Columns{Ids: c.Ids[:c.Ends[n-1]], Ends: c.Ends[:n], Names: c.Names}
	for i := range c.Names {
		short.Values = append(short.Values, c.Values[4*i*all:4*(i*all+n)]...)
	}
	return short
}

// call asks a service on the bus and waits for it until by. A service of this process works on this goroutine, and on its clock;
// what another one used is in its answer.
func (d *desk) call(ctx context.Context, watch *stopwatch, subject string, message, into proto.Message, by time.Time, waited *time.Duration) (place, error) {
	// The bytes are handed over as they are to a service in this process, and must not be used again.
	data, err := proto.Marshal(message)
	if err != nil {
		return elsewhere, err
	}
	begin, given := d.clock(), watch.given()
	ctx, cancel := context.WithDeadline(ctx, by)
	data, err = d.bus.Call(cost.With(ctx, &watch.clock), subject, data)
	cancel()
	*waited = d.clock().Sub(begin)
	where := elsewhere
	switch {
	case watch.given() > given:
		where = onThisClock
	case d.bus.Here(subject):
		where = inThisProcess
	}
	if err != nil {
		return where, err
	}
	return where, proto.Unmarshal(data, into)
}

// place says where a service did its work.
type place int

const (
	elsewhere place = iota
	// inThisProcess is on a goroutine and a clock of its own.
	inThisProcess
	// onThisClock is on the goroutine that called.
	onThisClock
)

// whyNot names a failed call in degraded.
func (d *desk) whyNot(stage string, err error) string {
	switch {
	case errors.Is(err, bus.ErrNoServer) && !d.bus.Connected():
		return "bus"
	case errors.Is(err, bus.ErrNoServer):
		return stage + ":absent"
	case wire.CodeOf(err) == wire.Late, errors.Is(err, context.DeadlineExceeded):
		return stage + ":late"
	case wire.CodeOf(err) == wire.Overloaded:
		return stage + ":overloaded"
	}
	d.log.Debug("call not answered", "stage", stage, "error", err)
	return stage + ":error"
}

// add takes over what another service used and left out.
func (r *reply) add(stages []*wire.Stage, degraded []string, where place) {
	for _, s := range stages {
		switch where {
		case onThisClock:
			r.inner |= 1 << len(r.stages)
		case elsewhere:
			r.elsewhere += time.Duration(s.GetCpuNanos())
		}
		r.stages = append(r.stages, cost.Stage{
			Name: s.GetName(), Variant: s.GetVariant(), CPU: time.Duration(s.GetCpuNanos()), In: int(s.GetCandidatesIn()), Out: int(s.GetCandidatesOut()),
			Bytes: int(s.GetBytes()), RedisOps: int(s.GetRedisOps()), CacheHits: int(s.GetCacheHits()),
		})
	}
	r.Degraded = append(r.Degraded, degraded...)
}

// complete answers an autocompletion. Without recall there are no completions.
func (d *desk) complete(ctx context.Context, watch *stopwatch, q *request.Complete, begin time.Time, id token.ID, w *work) *reply {
	r := &w.reply
	*r = reply{purpose: wire.Purpose_PURPOSE_AUTOCOMPLETE, stages: w.stages[:0], key: spend.Key{Purpose: purposeName(wire.Purpose_PURPOSE_AUTOCOMPLETE), Placement: "autocomplete"}}
	r.RequestID, r.Degraded = id.String(), []string{}
	message := wire.RecallRequest{
		Purpose: wire.Purpose_PURPOSE_AUTOCOMPLETE, Query: q.Prefix, Language: q.Language, Limit: uint32(q.PageSize), NowMicros: begin.UnixMicro(),
	}
	w.recall.Reset()
	where, err := d.call(ctx, watch, wire.SubjectRecall, &message, &w.recall, d.plan.RecallBy(begin), &r.recallTime)
	if err != nil {
		w.recall.Reset()
		r.Degraded = append(r.Degraded, d.whyNot("recall", err))
	}
	r.add(w.recall.GetStages(), w.recall.GetDegraded(), where)
	r.completions = w.recall.GetCompletions()
	r.completions = r.completions[:min(len(r.completions), q.PageSize)]
	d.close(r, watch, d.clock().Sub(begin))
	w.stages = r.stages[:0]
	return r
}

func (r *reply) asCompletions() *answer.Completions {
	return &answer.Completions{RequestID: r.RequestID, Completions: r.completions, Degraded: r.Degraded, TookMillis: r.TookMillis}
}
