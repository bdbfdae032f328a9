package vector

import (
	"math"
	"math/rand/v2"
	"slices"

	"github.com/haggle-commerce/haggle/libs/kernel"
	"github.com/haggle-commerce/haggle/services/recall/internal/catalogue"
)

// rounds is how often every sampled item is given to its nearest centroid. What lists fall short of is measured afterwards and made
// up for by scanning more of them, so the last percent of a fit is not worth its time.
const rounds = 6

// means is spherical k-means (Dhillon, Modha 2001): an item belongs to the centroid with the greatest cosine, and a centroid
// points where its items do on the mean.
type means struct {
	sample    []sampled
	centroids kernel.Blocks
	random    *rand.Rand
	n, dims   int
	sums      []float32
	counts    []int
	codes     []int8
}

// newMeans begins with n different items of the sample as centroids.
func newMeans(sample []sampled, n, dims int, random *rand.Rand) *means {
	m := &means{
		sample: sample, centroids: kernel.MakeBlocks(n, dims), random: random, n: n, dims: dims,
		sums: make([]float32, n*dims), counts: make([]int, n), codes: make([]int8, dims),
	}
	for i, at := range random.Perm(len(sample))[:n] {
		m.centroids.Set(i, sample[at].codes, sample[at].scale)
	}
	return m
}

// round gives every item to its nearest centroid and moves the centroids.
func (m *means) round() {
	clear(m.sums)
	clear(m.counts)
	var q kernel.Query
	for i := range m.sample {
		item := &m.sample[i]
		q.Codes = item.codes
		q.Weigh()
		list, _ := kernel.Nearest(m.centroids, q)
		m.counts[list]++
		sum := m.sums[list*m.dims : (list+1)*m.dims]
		for j, c := range item.codes {
			sum[j] += float32(c) * item.scale
		}
	}
	for i := range m.n {
		if m.counts[i] == 0 {
			// A centroid without items takes over one of a list that has many.
			m.steal(i)
		}
	}
	for i := range m.n {
		m.set(i, m.sums[i*m.dims:(i+1)*m.dims])
	}
}

// steal makes the sum of centroid i that of a random item. The chance of an item to come from a long list is as great as it has
// items.
func (m *means) steal(i int) {
	item := &m.sample[m.random.IntN(len(m.sample))]
	for j, c := range item.codes {
		m.sums[i*m.dims+j] = float32(c) * item.scale
	}
}

// set makes a centroid of length 1 of a sum.
func (m *means) set(i int, sum []float32) {
	norm := 0.0
	for _, v := range sum {
		norm += float64(v) * float64(v)
	}
	scale := kernel.Quantize(m.codes, sum)
	if norm > 0 {
		scale = float32(float64(scale) / math.Sqrt(norm))
	}
	m.centroids.Set(i, m.codes, scale)
}

const (
	// trials is how many items of the sample are searched for to measure how many lists are needed.
	trials = 128
	// deepest bounds how many neighbours are measured for. Beyond it all lists are scanned: a filter that asks for it leaves so few
	// items that they are looked up anyway.
	deepest = 20_000
)

// measure returns how many lists, the nearest first, hold the share recall of the nearest 16, 64, ... of count items: it looks for
// items of the sample among the sample, where the nearest lie as thin as the sample is.
func measure(sample []sampled, l *lists, count int, recall float64) []step {
	blocks := kernel.MakeBlocks(len(sample), l.dims)
	homes := make([]int, len(sample))
	for i := range sample {
		blocks.Set(i, sample[i].codes, sample[i].scale)
		homes[i] = l.nearest(sample[i].codes)
	}
	share := float64(len(sample)) / float64(count)
	var depths []int
	for d := 16; d < min(count, deepest); d *= 4 {
		// With fewer than four neighbours in the sample nothing is measured; the next depth then stands for this one.
		if float64(d)*share >= 4 {
			depths = append(depths, d)
		}
	}
	// ranks[i] counts the neighbours at depth i by the rank of their list.
	ranks := make([][]int, len(depths))
	for i := range ranks {
		ranks[i] = make([]int, len(l.all))
	}
	t := trial{
		scores: make([]int32, blocks.Rows()), sum: make([]int32, l.centroids.Rows()), order: make([]int, len(l.all)), rank: make([]int, len(l.all)),
	}
	if len(depths) == 0 {
		return nil
	}
	t.most = int(float64(depths[len(depths)-1]) * share)
	for i := range trials {
		t.run(i*len(sample)/trials, sample, blocks, l)
		for k, d := range depths {
			for _, c := range t.neighbours.kept[:min(int(float64(d)*share), len(t.neighbours.kept))] {
				ranks[k][t.rank[homes[c.slot]]]++
			}
		}
	}
	steps := make([]step, 0, len(depths))
	for i, d := range depths {
		steps = append(steps, step{depth: d, probes: needed(ranks[i], recall)})
	}
	return steps
}

// trial is one search of measure.
type trial struct {
	scores, sum []int32
	order, rank []int
	neighbours  chosen
	// most is how many neighbours are looked for.
	most int
}

// run looks for the neighbours of item at of the sample and ranks the lists by their nearness to it.
func (t *trial) run(at int, sample []sampled, blocks kernel.Blocks, l *lists) {
	q := kernel.Query{Codes: sample[at].codes}
	q.Weigh()
	kernel.Dots(t.scores, blocks, q)
	t.neighbours.reset(t.most, func(s catalogue.Slot) uint64 { return uint64(s) })
	for i := range sample {
		if score := float32(t.scores[i]) * blocks.Scales[i]; i != at && score > t.neighbours.threshold {
			t.neighbours.offer(float64(score), catalogue.Slot(i))
		}
	}
	t.neighbours.cut()
	slices.SortFunc(t.neighbours.kept, t.neighbours.compare)
	kernel.Dots(t.sum, l.centroids, q)
	for i := range t.order {
		t.order[i] = i
	}
	score := func(i int) float32 { return float32(t.sum[i]) * l.centroids.Scales[i] }
	slices.SortStableFunc(t.order, func(a, b int) int {
		switch x, y := score(a), score(b); {
		case x > y:
			return -1
		case x < y:
			return 1
		}
		return 0
	})
	for place, i := range t.order {
		t.rank[i] = place
	}
}

// needed returns how many ranks hold the share recall of what was counted.
func needed(ranks []int, recall float64) int {
	all := 0
	for _, n := range ranks {
		all += n
	}
	sum := 0
	for i, n := range ranks {
		if sum += n; float64(sum) >= recall*float64(all) {
			return i + 1
		}
	}
	return len(ranks)
}
