package engine

import (
	"math"

	"github.com/haggle-commerce/haggle/libs/wire"
	"github.com/haggle-commerce/haggle/services/recall/internal/blend"
	"github.com/haggle-commerce/haggle/services/recall/internal/catalogue"
	"github.com/haggle-commerce/haggle/services/recall/internal/top"
	"github.com/haggle-commerce/haggle/services/recall/internal/trend"
)

// leading offers what is trending, popular and new in the whole shop, as far as it is allowed.
func (q *question) leading(w *weights) {
	e := q.engine
	if k, ok := q.may(blend.Trending, w[blend.Trending]); ok {
		entries := q.foremost(e.trending.Leaders(), e.trending.Level, k)
		q.blender.Add(blend.Offer{Channel: blend.Trending, Weight: w[blend.Trending], Entries: entries})
	}
	if k, ok := q.may(blend.Popular, w[blend.Popular]); ok {
		entries := q.foremost(e.popular.Leaders(), e.popular.Level, k)
		q.blender.Add(blend.Offer{Channel: blend.Popular, Weight: w[blend.Popular], Entries: entries})
	}
	if k, ok := q.may(blend.New, w[blend.New]); ok {
		q.blender.Add(blend.Offer{Channel: blend.New, Weight: w[blend.New], Entries: q.fresh(k)})
	}
	q.stage("leading", e.catalogue.Count(), q.blender.Len())
}

// mostPassed is how many new items are passed over before those that are allowed are looked through instead.
const mostPassed = 4096

// fresh returns the k allowed items that came last, of those that count as new.
func (q *question) fresh(k int) []top.Entry {
	oldest, left := float64(q.now.Add(-freshFor).Unix()), mostPassed
	q.entries = q.entries[:0]
	for entry := range q.engine.newest.All {
		if entry.Score <= oldest || len(q.entries) == k {
			return q.entries
		}
		if q.allowed.Has(entry.Slot) {
			q.entries = append(q.entries, entry)
		} else if left--; left < 0 {
			break
		}
	}
	if left >= 0 {
		return q.entries
	}
	q.heap.Reset(k)
	for s := range q.allowed.All {
		if entry := q.engine.newestEntry(s); entry.Score > oldest {
			q.heap.Offer(entry)
		}
	}
	return q.heap.Sorted()
}

// foremost returns the k allowed items with the highest levels: the leaders, unless the filter left too few of them.
func (q *question) foremost(leaders []top.Entry, level func(catalogue.Slot) float64, k int) []top.Entry {
	entries, ok := q.leaders(leaders, q.allowed, k)
	if ok || len(leaders) < trend.MaxLeaders || q.selection.All() {
		return entries
	}
	q.heap.Reset(k)
	for s := range q.allowed.All {
		if x := level(s); !math.IsInf(x, -1) {
			q.heap.Offer(top.Entry{Score: x, Tie: q.engine.catalogue.Tie(s), Slot: s})
		}
	}
	return q.heap.Sorted()
}

// fill adds what is left of the allowed items, the popular ones first, until the limit is reached.
func (q *question) fill() {
	e := q.engine
	q.heap.Reset(q.limit + q.blender.Len())
	for s := range q.allowed.All {
		q.heap.Offer(top.Entry{Score: e.rank(s, byPopularity), Tie: e.catalogue.Tie(s), Slot: s})
	}
	rest := q.entries[:0]
	for _, entry := range q.heap.Sorted() {
		if !q.blender.Has(entry.Slot) {
			entry.Score = 0
			rest = append(rest, entry)
		}
	}
	q.entries = rest
	unsaid := func(entry top.Entry) bool { return math.IsInf(e.popular.Level(entry.Slot), -1) }
	q.blender.Add(blend.Offer{Channel: blend.Popular, Weight: 0.001, Entries: rest, Unsaid: unsaid})
	q.stage("fill", q.allowed.Count(), len(rest))
}

// blendColumns are the columns of a recommendation, and the channels that they come from.
var (
	blendColumns  = []string{wire.ColumnScore, wire.ColumnLexical, wire.ColumnTogether, wire.ColumnSession, wire.ColumnTrending, wire.ColumnSimilar, wire.ColumnAgain, wire.ColumnVector}
	blendChannels = []blend.Channel{0, blend.Lexical, blend.Together, blend.Session, blend.Trending, blend.Similar, blend.Again, blend.Vector}
)

func (q *question) putBlend(candidates []blend.Candidate) {
	e := q.engine
	reasons, because := make([]byte, len(candidates)), make([]byte, len(candidates))
	// Seeds are numbered anew by those that explain something.
	var renumbered [maxSeeds + 1]byte
	for i := range candidates {
		c := &candidates[i]
		reasons[i] = byte(c.Why)
		if c.Because == 0 {
			continue
		}
		if renumbered[c.Because] == 0 {
			q.reply.BecauseItems = append(q.reply.BecauseItems, string(e.catalogue.ID(q.seeds[c.Because-1].Slot)))
			renumbered[c.Because] = byte(len(q.reply.BecauseItems))
		}
		because[i] = renumbered[c.Because]
	}
	q.reply.Reasons, q.reply.Because = reasons, because
	q.reply.Total = uint32(len(candidates))
	q.put(len(candidates), func(i int) catalogue.Slot { return candidates[i].Slot }, blendColumns, func(i, column int) float32 {
		switch column {
		case 0:
			return candidates[i].Score
		case 4:
			return float32(e.trending.Value(candidates[i].Slot, q.now))
		}
		return candidates[i].Scores[blendChannels[column]]
	})
}
