package engine

import (
	"cmp"
	"slices"

	"github.com/haggle-commerce/haggle/libs/shop"
	"github.com/haggle-commerce/haggle/libs/wire"
	"github.com/haggle-commerce/haggle/services/recall/internal/catalogue"
)

// Agree returns how the query is to be asked of all shards alike, and which of their replies, nil for one that did not come, were
// answers to something else. A word that one shard does not hold another may: where any answered the query as it stands, it stands; else
// the correction that most of them made is taken.
func Agree(request *wire.RecallRequest, replies []*wire.RecallReply) (query string, others []int) {
	if request.Spell != "" && request.Spell != "auto" {
		return request.Query, nil
	}
	votes := map[string]int{}
	for _, reply := range replies {
		if reply != nil {
			votes[reply.CorrectedQuery]++
		}
	}
	chosen := ""
	if votes[""] == 0 {
		for corrected, n := range votes {
			if n > votes[chosen] || (n == votes[chosen] && corrected < chosen) {
				chosen = corrected
			}
		}
	}
	for i, reply := range replies {
		if reply != nil && reply.CorrectedQuery != chosen {
			others = append(others, i)
		}
	}
	return cmp.Or(chosen, request.Query), others
}

// gathered is one candidate of one shard.
type gathered struct {
	part, row int
	high, low float32
	tie       uint64
}

// Merge makes one reply of those of several shards to the same request; one that did not come is nil. Candidates are merged by what they
// are sorted by, totals and facets added up. Where a shard found what was asked for, the replies of those that widened the query are left
// out, as an engine that holds all items would not have widened it.
func Merge(request *wire.RecallRequest, replies []*wire.RecallReply, limit int) *wire.RecallReply {
	merged := &wire.RecallReply{}
	parts := slices.DeleteFunc(slices.Clone(replies), func(r *wire.RecallReply) bool { return r == nil })
	for _, part := range parts {
		merged.Stages = append(merged.Stages, part.Stages...)
	}
	strict := func(r *wire.RecallReply) bool { return r.QueryExpansion == "" && r.Total > 0 }
	if slices.ContainsFunc(parts, strict) {
		parts = slices.DeleteFunc(parts, func(r *wire.RecallReply) bool { return r.QueryExpansion != "" })
	}
	for _, part := range parts {
		merged.Total += part.Total
		merged.CorrectedQuery = cmp.Or(merged.CorrectedQuery, part.CorrectedQuery)
		merged.QueryExpansion = cmp.Or(merged.QueryExpansion, part.QueryExpansion)
		for _, why := range part.Degraded {
			if !slices.Contains(merged.Degraded, why) {
				merged.Degraded = append(merged.Degraded, why)
			}
		}
	}
	for _, key := range request.Facets {
		var facets []catalogue.Facet
		for _, part := range parts {
			for _, f := range part.Facets {
				if f.Key == key {
					facets = append(facets, catalogue.Facet{Key: key, Values: f.Values, Counts: f.Counts})
				}
			}
		}
		if len(facets) > 0 {
			f := catalogue.MergeFacets(key, facets)
			merged.Facets = append(merged.Facets, &wire.Facet{Key: key, Values: f.Values, Counts: f.Counts})
		}
	}
	mergeCompletions(merged, parts, limit)
	mergeCandidates(merged, parts, limit, request.Purpose == wire.Purpose_PURPOSE_SEARCH && trimmed(request.Query) == "")
	if request.Purpose != wire.Purpose_PURPOSE_SEARCH {
		merged.Total = uint32(merged.Candidates.Len())
	}
	return merged
}

// mergeCompletions takes the first of each shard, then the second of each, each text once: how good they are they do not say.
func mergeCompletions(merged *wire.RecallReply, parts []*wire.RecallReply, limit int) {
	for row := 0; len(merged.Completions) < limit; row++ {
		more := false
		for _, part := range parts {
			if row >= len(part.Completions) {
				continue
			}
			more = true
			if text := part.Completions[row]; len(merged.Completions) < limit && !slices.Contains(merged.Completions, text) {
				merged.Completions = append(merged.Completions, text)
			}
		}
		if !more {
			return
		}
	}
}

// mergeCandidates sorts the candidates of all parts. Browsing says that scores only tell the place.
func mergeCandidates(merged *wire.RecallReply, parts []*wire.RecallReply, limit int, browsing bool) {
	var all []gathered
	ids := make([][]shop.ItemID, len(parts))
	for p, part := range parts {
		if part.Candidates == nil {
			continue
		}
		ids[p] = part.Candidates.AppendIDs(nil)
		high, low := part.Candidates.Column(columnOrderHigh, nil), part.Candidates.Column(columnOrderLow, nil)
		if len(high) == 0 {
			high = part.Candidates.Column(wire.ColumnScore, nil)
		}
		for row := range high {
			g := gathered{part: p, row: row, high: high[row], tie: catalogue.TieOf(ids[p][row])}
			if len(low) > 0 {
				g.low = low[row]
			}
			all = append(all, g)
		}
	}
	slices.SortFunc(all, func(a, b gathered) int {
		return cmp.Or(cmp.Compare(b.high, a.high), cmp.Compare(b.low, a.low), cmp.Compare(a.tie, b.tie))
	})
	all = all[:min(len(all), limit)]
	putMerged(merged, parts, all, ids, browsing)
}

// putMerged writes the candidates that were chosen.
func putMerged(merged *wire.RecallReply, parts []*wire.RecallReply, all []gathered, ids [][]shop.ItemID, browsing bool) {
	columns := &wire.Columns{}
	for _, part := range parts {
		if part.Candidates != nil && len(columns.Names) == 0 {
			columns.Names = slices.DeleteFunc(slices.Clone(part.Candidates.Names), func(n string) bool { return n == columnOrderHigh || n == columnOrderLow })
		}
	}
	var values []float32
	for _, name := range columns.Names {
		var of [][]float32
		for _, part := range parts {
			of = append(of, part.Candidates.Column(name, nil))
		}
		for i, g := range all {
			x := float32(0)
			if g.row < len(of[g.part]) {
				x = of[g.part][g.row]
			}
			if name == wire.ColumnScore && browsing {
				x = 1 / float32(1+i) // levels mean nothing outside; the order does
			}
			values = append(values, x)
		}
	}
	for _, g := range all {
		part := parts[g.part]
		columns.AddID(ids[g.part][g.row])
		merged.Reasons = append(merged.Reasons, part.Reasons[g.row])
		because := byte(0)
		if b := part.Because[g.row]; b > 0 {
			item := part.BecauseItems[b-1]
			at := slices.Index(merged.BecauseItems, item)
			if at < 0 {
				at = len(merged.BecauseItems)
				merged.BecauseItems = append(merged.BecauseItems, item)
			}
			because = byte(at + 1)
		}
		merged.Because = append(merged.Because, because)
	}
	columns.SetValues(values)
	merged.Candidates = columns
}
