package session

import (
	"cmp"
	"math"
	"math/bits"
	"slices"
)

// Found is an item that may come next.
type Found struct {
	Item uint32
	// Score is how likely the item is, as a share of the best one's likelihood: above 0, at most 1.
	Score float32
	// Because is the place in Query.Current, its repetitions left out, of the item that says most for it, from 1 for the latest;
	// 0 when none does.
	Because uint16
}

// plain weighs the evidence where nothing was learnt, and says which items a scorer is asked about. Each kind is brought to a
// sum of 1 first.
var plain = [evidenceCount]float32{votes: 0.3, near: 1, after: 0.6, before: 0.3, next: 0.3, beside: 0.2, onward: 0.4, backward: 0.2, twoSteps: 0.2}

// The second step goes from so many of the best items to so many of the latest sessions of each.
const (
	spreadItems    = 16
	spreadSessions = 32
)

// Predict returns up to n items, the best first, that may come next. Items of the current session are among them where they are
// likely to come again: mask them by q.Keep where that is not wanted. The result is the scratch's.
func (x *Index) Predict(sc *Scratch, q *Query, n int) []Found {
	x.collect(sc, q, max(n, x.params.Deep))
	x.weigh(sc, q)
	slices.SortFunc(sc.found, func(a, b Found) int {
		switch {
		case a.Score != b.Score:
			return cmp.Compare(b.Score, a.Score)
		default:
			return cmp.Compare(a.Item, b.Item)
		}
	})
	return sc.found[:min(n, len(sc.found))]
}

// Explain returns the items that a scorer would be asked about, in no order, with their features, row-major.
func (x *Index) Explain(sc *Scratch, q *Query) ([]Found, []float32) {
	x.collect(sc, q, x.params.Deep)
	x.fill(sc, q, sc.keys)
	return sc.found, sc.x
}

// collect finds the best n items by the fixed mix, in no order, the current ones among them whatever the mix says of them.
func (x *Index) collect(sc *Scratch, q *Query, n int) {
	x.gather(sc, q)
	sc.mix()
	x.spread(sc)
	sc.mix()
	sc.keys = sc.keys[:0]
	for i := range sc.rows {
		r := &sc.rows[i]
		if !q.keeps(r.item) {
			continue
		}
		key := uint64(math.Float32bits(r.base))<<32 | uint64(i)
		switch {
		case r.current > 0 && x.scorer != nil:
			key |= 1 << 63
		case r.base == 0:
			continue
		}
		sc.keys = append(sc.keys, key)
	}
	if len(sc.keys) > n {
		split(sc.keys, n)
		sc.keys = sc.keys[:n]
	}
	sc.found = sc.found[:0]
	for _, key := range sc.keys {
		r := &sc.rows[uint32(key)]
		sc.found = append(sc.found, Found{Item: r.item, Score: r.base, Because: r.because})
	}
}

// weigh brings the scores of what was found to shares of the best one: those of the scorer for the best by the mix, and below
// them the others in the order of the mix.
func (x *Index) weigh(sc *Scratch, q *Query) {
	deep := len(sc.keys)
	if x.scorer != nil {
		if deep = min(deep, x.params.Deep); deep < len(sc.keys) {
			split(sc.keys, deep)
			for i, key := range sc.keys {
				r := &sc.rows[uint32(key)]
				sc.found[i] = Found{Item: r.item, Score: r.base, Because: r.because}
			}
		}
		x.fill(sc, q, sc.keys[:deep])
		sc.y = grown(sc.y, deep)
		x.scorer.Score(sc.y, sc.x)
		best := float32(math.Inf(-1))
		for _, y := range sc.y {
			best = max(best, y)
		}
		for i, y := range sc.y {
			// The scores are logarithms of likelihoods, up to a constant (package learn). None is so small that it is lost.
			sc.found[i].Score = float32(math.Exp(float64(max(y-best, -60))))
		}
	}
	most, least := float32(0), float32(1)
	for _, f := range sc.found[:deep] {
		most, least = max(most, f.Score), min(least, f.Score)
	}
	if x.scorer == nil {
		for i := range sc.found {
			sc.found[i].Score /= most
		}
		return
	}
	for _, f := range sc.found[deep:] {
		most = max(most, f.Score)
	}
	for i := deep; i < len(sc.found); i++ {
		sc.found[i].Score *= 0.5 * least / most
	}
}

func grown(x []float32, n int) []float32 {
	if cap(x) < n {
		return make([]float32, n+n/4)[:n]
	}
	return x[:n]
}

// mix sets the base of each row.
func (sc *Scratch) mix() {
	var scale [evidenceCount]float32
	for i := range sc.rows {
		for j, e := range sc.rows[i].evidence {
			scale[j] += e
		}
	}
	for j := range scale {
		if scale[j] > 0 {
			scale[j] = plain[j] / scale[j]
		}
	}
	for i := range sc.rows {
		r := &sc.rows[i]
		r.base = 0
		for j, e := range r.evidence {
			r.base += e * scale[j]
		}
	}
}

// spread takes a second step: what lies beside the best items in their latest sessions.
func (x *Index) spread(sc *Scratch) {
	sc.keys = sc.keys[:0]
	for i := range sc.rows {
		if r := &sc.rows[i]; r.base > 0 {
			sc.keys = append(sc.keys, uint64(math.Float32bits(r.base))<<32|uint64(i))
		}
	}
	if len(sc.keys) > spreadItems {
		split(sc.keys, spreadItems)
		sc.keys = sc.keys[:spreadItems]
	}
	slices.Sort(sc.keys)
	for _, key := range sc.keys {
		r := &sc.rows[uint32(key)]
		item, because := r.item, r.because
		if int(item) >= len(x.visits) {
			continue
		}
		list, left := x.visits[item], min(int(x.counts[item]), spreadSessions)
		weight := r.base / float32(left)
		for j := len(list) - 1; j >= 0 && left > 0; j-- {
			if !x.holds(list[j]) {
				continue
			}
			left--
			if list[j] != sc.own {
				x.step(sc, list[j], item, because, weight)
			}
		}
	}
}

// step tells what lies beside an item in one session.
func (x *Index) step(sc *Scratch, number, item uint32, because uint16, weight float32) {
	items := x.read(x.lineOf(number), &sc.buffer)
	from := slices.Index(items, item)
	for at, other := range items {
		if at == from {
			continue
		}
		i, isNew := sc.rowOf.number(other)
		if isNew {
			sc.rows = append(sc.rows, row{item: other, because: because})
		}
		sc.rows[i].evidence[twoSteps] += weight * sc.fades[max(at-from, from-at)]
	}
}

const featureCount = evidenceCount + 10

// Features names the columns that a scorer is given, in order. Evidence comes first, as the logarithm of its share of the
// greatest of the answer.
func Features() []string {
	return []string{
		"votes", "near", "after", "before", "next", "beside", "onward", "backward", "two_steps",
		"shared", "beside_cosine", "after_share", "popularity", "lately", "current", "times", "length", "distinct", "known",
	}
}

// fill writes the features of the rows that keys name into x.
func (x *Index) fill(sc *Scratch, q *Query, keys []uint64) {
	var most [evidenceCount]float32
	for _, key := range keys {
		for j, e := range sc.rows[uint32(key)].evidence {
			most[j] = max(most[j], e)
		}
	}
	known := 0
	if len(sc.current) > 0 {
		known = x.Count(sc.current[0])
	}
	sc.x = grown(sc.x, len(keys)*featureCount)
	for k, key := range keys {
		r := &sc.rows[uint32(key)]
		f := sc.x[k*featureCount : (k+1)*featureCount]
		for j, e := range r.evidence {
			f[j] = logShare(e, most[j])
		}
		count := x.Count(r.item)
		f = f[evidenceCount:]
		f[0] = float32(bits.OnesCount32(r.shared))
		f[1] = logOf(r.evidence[beside] / float32(math.Sqrt(float64(count+10))))
		f[2] = r.evidence[after] / float32(min(known, x.params.PerItem)+3)
		f[3] = logOf(float32(count))
		f[4] = x.lately(r.item)
		f[5], f[6] = float32(r.current), float32(r.times)
		f[7], f[8] = float32(len(q.Current)), float32(len(sc.current))
		f[9] = logOf(float32(known))
	}
}

// latelySessions is how many of the latest sessions of an item say how much it is in demand now.
const latelySessions = 5

// lately is how long ago, in shares of the window, the last few sessions of an item began; 2 when there is none.
func (x *Index) lately(item uint32) float32 {
	left := min(x.Count(item), latelySessions)
	if left == 0 {
		return 2
	}
	list := x.visits[item]
	at := len(list)
	for left > 0 {
		if at--; x.holds(list[at]) {
			left--
		}
	}
	return float32(x.last-list[at]) / float32(len(x.byID))
}

func logShare(e, most float32) float32 {
	if most <= 0 {
		return logOf(0)
	}
	return logOf(e / most)
}

func logOf(x float32) float32 { return float32(math.Log(float64(x) + 1e-3)) }
