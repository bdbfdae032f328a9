package engine

import (
	"encoding/binary"
	"math"
	"slices"

	"github.com/haggle-commerce/haggle/libs/kernel"
	"github.com/haggle-commerce/haggle/services/recall/internal/blend"
	"github.com/haggle-commerce/haggle/services/recall/internal/catalogue"
	"github.com/haggle-commerce/haggle/services/recall/internal/top"
	"github.com/haggle-commerce/haggle/services/recall/internal/vector"
)

const (
	// vectorShare is what the vectors of the encoder count beside the words of a search, and given what a vector of the request's own
	// counts: whoever sends one means it.
	vectorShare      = 0.5
	givenVectorShare = 2
	// meaningWeight is by how much a cosine of 1 raises the score of words, topShare what the mean of the first topItems counts beside
	// the query. Chosen among eight settings on icecat_chorus, whose NDCG@10 lay between
	// .785 and .799; these have .797.
	meaningWeight = 0.5
	topShare      = 0.5
	topItems      = 10
	// leastDeviations is how near an item must lie at least to be found for a query that no item's words match: see [leastCosine].
	leastDeviations = 2.8
)

// leastCosine is how near one of so many items must lie to be found for a query that no item's words match. Cosines of vectors of n numbers
// that have nothing to do with each other have a standard deviation of 1 / sqrt(n); it lies so many of these above 0 that a query which
// means nothing finds about one item by chance, however large the shop.
func leastCosine(items, dims int) float64 {
	deviations := math.Sqrt(2 * math.Log(max(1, float64(items)/10)))
	return max(leastDeviations, deviations) / math.Sqrt(float64(dims))
}

// wanted reads the request's own vector; nil when there is none.
func (q *question) wanted() []float32 {
	raw := q.request.Vector
	if len(raw) == 0 {
		return nil
	}
	q.query = q.query[:0]
	for ; len(raw) >= 4; raw = raw[4:] {
		q.query = append(q.query, math.Float32frombits(binary.LittleEndian.Uint32(raw)))
	}
	return q.query
}

// checkVector refuses a vector that cannot be searched with.
func checkVector(raw []byte) error {
	if len(raw)%4 != 0 || len(raw) > 4*vector.MaxDims {
		return invalid("vector", "has %d bytes, must be 4 for each of at most %d numbers", len(raw), vector.MaxDims)
	}
	for i := 0; i < len(raw); i += 4 {
		if x := float64(math.Float32frombits(binary.LittleEndian.Uint32(raw[i:]))); math.IsNaN(x) || math.IsInf(x, 0) {
			return invalid("vector", "holds %v at [%d], which is not finite", x, i/4)
		}
	}
	return nil
}

// direct writes the encoder's vector of a query to q.query, and reports whether it has one.
func (q *question) direct(query string) bool {
	m := q.engine.vectors.used.model
	if m == nil {
		return false
	}
	q.query = slices.Grow(q.query[:0], m.Dims())[:m.Dims()]
	return m.Query(q.query, &q.said, query)
}

// meant returns the items of allowed that mean what the query does, and how much they count beside its words.
func (q *question) meant(query string, k int, allowed catalogue.Bits) (entries []top.Entry, share float32) {
	v := &q.engine.vectors
	if x := q.wanted(); x != nil {
		if len(x) != v.given.Dims() {
			q.degrade(blend.Vector, "dims")
			return nil, 0
		}
		return v.given.Search(&q.near, x, k, allowed), givenVectorShare
	}
	if !q.direct(query) {
		return nil, 0
	}
	return v.used.texts.Search(&q.near, q.query, k, allowed), vectorShare
}

// reorder orders what words have found by what it means as well: a score is multiplied by 1 + meaningWeight * cosine with the query,
// which is moved towards the mean of what comes first, as in pseudo-relevance feedback with vectors (Li, Mourad, Zhuang, Koopman, Zuccon,
// TOIS 2023). Factors leave scores comparable between shards.
func (q *question) reorder(entries []top.Entry, query string) {
	texts := q.engine.vectors.used.texts
	if !q.direct(query) {
		return
	}
	q.mean = slices.Grow(q.mean[:0], len(q.query))[:len(q.query)]
	q.vector = slices.Grow(q.vector[:0], len(q.query))[:len(q.query)]
	clear(q.mean)
	for _, e := range entries[:min(len(entries), topItems)] {
		if texts.Vector(e.Slot, q.vector) {
			kernel.Axpy(q.mean, 1, q.vector)
		}
	}
	if norm := math.Sqrt(float64(kernel.Dot(q.mean, q.mean))); norm > 0 {
		kernel.Axpy(q.query, topShare/float32(norm), q.mean)
	}
	if !texts.Aim(&q.near, q.query) {
		return
	}
	for i := range entries {
		entries[i].Score *= 1 + meaningWeight*texts.Cosine(&q.near, entries[i].Slot)
	}
	slices.SortFunc(entries, top.Compare)
	q.stage(blend.Vector.String(), len(entries), len(entries))
}

// byMeaning brings the vectors of a search in: they order anew what words find; where words find nothing or the request brings a vector,
// what lies near is merged with what was found. A page that words do not fill stays as it is: who names a thing wants no other.
func (q *question) byMeaning(entries []top.Entry, query string) []top.Entry {
	own := len(q.request.Vector) > 0
	if !own && (q.engine.vectors.used.model == nil || len(entries) > 0 && entries[0].Score >= beatsAll) {
		return entries
	}
	k, ok := q.may(blend.Vector, 1)
	if !ok {
		return entries
	}
	if !own && len(entries) > 0 {
		q.reorder(entries, query)
		return entries
	}
	return q.merge(entries, query, k)
}

// pictured answers a vector without words, as of a picture: what lies near it is the whole result, in place of the entries that nothing
// was asked for. Where there are no vectors to compare it with, those stay. Scores are cosines, which are the same in all shards.
func (q *question) pictured(m *matches, entries []top.Entry) []top.Entry {
	x, given := q.wanted(), q.engine.vectors.given
	if x == nil {
		return entries
	}
	k, ok := q.may(blend.Vector, 1)
	if !ok {
		return entries
	}
	if len(x) != given.Dims() {
		q.degrade(blend.Vector, "dims")
		return entries
	}
	near := given.Search(&q.near, x, k, q.hits)
	q.stage(blend.Vector.String(), q.near.Scanned+q.near.Scored, len(near))
	q.hits = q.hits.Grow(q.engine.catalogue.Size())
	for _, e := range near {
		q.hits.Set(e.Slot)
	}
	m.total, m.near = len(near), true
	q.reply.Total = uint32(m.total)
	return near
}

// merge merges what words have found with the k items that are meant alike.
func (q *question) merge(entries []top.Entry, query string, k int) []top.Entry {
	own := len(q.request.Vector) > 0
	q.searched = q.selection.Apply(q.engine.catalogue.Live(), q.searched, "")
	q.exclude(q.searched)
	found, share := q.meant(query, k, q.searched)
	if !own && len(entries) == 0 {
		least := leastCosine(q.engine.vectors.used.texts.Len(), len(q.query))
		for i, e := range found {
			if e.Score < least {
				found = found[:i]
				break
			}
		}
	}
	q.stage(blend.Vector.String(), q.near.Scanned+q.near.Scored, len(found))
	if len(found) == 0 {
		return entries
	}
	if len(entries) == 0 {
		q.hits = q.hits.Grow(q.engine.catalogue.Size())
		for _, e := range found {
			q.hits.Set(e.Slot)
		}
		q.reply.Total = uint32(len(found))
		if !own {
			q.degrade(blend.Lexical, "meant")
		}
	} else {
		q.widen(found)
	}
	q.blender.Reset(q.engine.catalogue.Size())
	q.blender.Add(blend.Offer{Channel: blend.Lexical, Weight: 1, Entries: entries})
	q.blender.Add(blend.Offer{Channel: blend.Vector, Weight: share, Entries: found})
	q.values = q.values[:0]
	for _, e := range entries {
		q.values = append(q.values, float32(e.Score))
	}
	merged := q.blender.Ranked(max(q.limit, len(entries)), q.engine.catalogue)
	rescale(merged, q.values)
	return merged
}

// widen counts what lies near among the items that words have found, in the result's total and in its facets.
func (q *question) widen(found []top.Entry) {
	for _, e := range found {
		if !q.hits.Has(e.Slot) {
			q.hits.Set(e.Slot)
			q.reply.Total++
		}
	}
}

// rescale gives a merged list the scores of words, in falling order, which other shards' lists are merged by: places behind the last of
// them get ever less than it. Without any, scores stay those of the merge, which are less than those of words.
func rescale(merged []top.Entry, scores []float32) {
	for i := range merged {
		switch {
		case i < len(scores):
			merged[i].Score = float64(scores[i])
		case len(scores) > 0:
			merged[i].Score = float64(scores[len(scores)-1]) * float64(len(scores)) / float64(i+1)
		}
	}
}

// nearest offers items whose vectors lie near those of the seeds: of the page's item, or else of the last two that the shopper
// touched. The catalogue's own vectors are looked at first; where an item has none, the encoder's.
func (q *question) nearest(weight float32) {
	v := &q.engine.vectors
	if v.given.Len() == 0 && v.used.texts.Len() == 0 {
		return
	}
	k, ok := q.may(blend.Vector, weight)
	if !ok {
		return
	}
	if x := q.wanted(); x != nil && len(x) == v.given.Dims() {
		entries := v.given.Search(&q.near, x, k, q.allowed)
		q.blender.Add(blend.Offer{Channel: blend.Vector, Weight: weight, Entries: entries})
		q.stage(blend.Vector.String(), q.near.Scanned+q.near.Scored, len(entries))
		return
	}
	seeds := 2
	if len(q.request.ContextItems) > 0 {
		seeds = 1
	}
	k = min(k, likeBeside)
	q.tally.Reset(q.engine.catalogue.Size())
	looked := 0
	for i := range q.seeds[:min(len(q.seeds), seeds)] {
		seed := q.seeds[i]
		ix := v.given
		if !ix.Has(seed.Slot) {
			ix = v.used.texts
		}
		if cap(q.query) < ix.Dims() {
			q.query = make([]float32, ix.Dims())
		}
		q.query = q.query[:ix.Dims()]
		if !ix.Vector(seed.Slot, q.query) {
			continue
		}
		for _, e := range ix.Search(&q.near, q.query, k, q.allowed) {
			q.tally.Add(e.Slot, float32(e.Score)*seed.Weight, uint8(i+1))
		}
		looked += q.near.Scanned + q.near.Scored
	}
	if looked > 0 {
		q.offer(blend.Vector, weight, k)
	}
}
