package trial

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"time"

	"github.com/haggle-commerce/haggle/libs/cost"
	"github.com/haggle-commerce/haggle/libs/kernel"
	"github.com/haggle-commerce/haggle/services/recall/internal/catalogue"
	"github.com/haggle-commerce/haggle/services/recall/internal/vector"
)

// VectorOptions say what is measured.
type VectorOptions struct {
	Items, Dims, Queries, K int
	Seed                    uint64
}

// DefaultVectorOptions returns the size that the targets are stated for.
func DefaultVectorOptions() VectorOptions {
	return VectorOptions{Items: 1_000_000, Dims: 64, Queries: 500, K: 200, Seed: 1}
}

// Check returns what is wrong with the options.
func (o VectorOptions) Check() error {
	switch {
	case o.Items < 1000 || o.Items > 20_000_000:
		return fmt.Errorf("%d items, must be from 1000 to 20,000,000", o.Items)
	case o.Dims < 1 || o.Dims > vector.MaxDims:
		return fmt.Errorf("%d dims, must be from 1 to %d", o.Dims, vector.MaxDims)
	case o.Queries < 10:
		return fmt.Errorf("%d queries, must be 10 at least", o.Queries)
	case o.K < 1 || o.K > o.Items:
		return fmt.Errorf("k is %d, must be from 1 to the number of items", o.K)
	}
	return nil
}

// VectorFigures are what a search for the K nearest costs and finds. Times are CPU time of one thread. Recall is against all
// products in 32-bit floating point. Filtered searches have a filter that leaves a tenth or a hundredth of the items.
type VectorFigures struct {
	MedianMicros     float64 `json:"median_us"`
	P99Micros        float64 `json:"p99_us"`
	Recall           float64 `json:"recall"`
	BuildSeconds     float64 `json:"build_cpu_s"`
	BytesPerItem     float64 `json:"bytes_per_item"`
	Fraction         float64 `json:"fraction_of_limit"`
	Limit            string  `json:"limit"`
	Dims             int     `json:"dims"`
	Items            int     `json:"items"`
	K                int     `json:"k"`
	Lists            int     `json:"lists"`
	RowsRead         float64 `json:"rows_read"`
	TenthMicros      float64 `json:"filtered_tenth_us"`
	TenthRecall      float64 `json:"filtered_tenth_recall"`
	HundredthMicros  float64 `json:"filtered_hundredth_us"`
	HundredthRecall  float64 `json:"filtered_hundredth_recall"`
	FlatMicros       float64 `json:"scan_of_all_us"`
	FlatRecall       float64 `json:"scan_of_all_recall"`
	PutMicros        float64 `json:"put_us"`
	Tier             string  `json:"tier"`
	ReadGBs          float64 `json:"memory_read_gb_s"`
	Int8GOPs         float64 `json:"int8_gop_s"`
	FloatGFLOPs      float64 `json:"fp32_gflop_s"`
	InCacheGOPs      float64 `json:"scan_in_cache_gop_s"`
	InCacheFraction  float64 `json:"scan_in_cache_fraction"`
	InMemoryGBs      float64 `json:"scan_in_memory_gb_s"`
	InMemoryFraction float64 `json:"scan_in_memory_fraction"`
}

// Vectors measures the index of vectors. The vectors are drawn in three levels, as items of a shop lie in departments, kinds and
// products: 50 broad centres, 20,000 narrow ones around them whose sizes fall as 1/rank (Zipf), and items around those. All noise
// is stronger in the first directions than in the last (standard deviation 1/sqrt(1 + j/8)), and the noise of items is as great
// as that of the narrow centres, so that clusters overlap: the 200 nearest of an item lie in many of them. Queries are drawn in
// the same way and are no items.
func Vectors(ctx context.Context, o VectorOptions, progress func(string)) (*VectorFigures, error) {
	if err := o.Check(); err != nil {
		return nil, err
	}
	f := &VectorFigures{Items: o.Items, Dims: o.Dims, K: o.K, Tier: kernel.Active().String()}
	progress("draw vectors")
	draw := newDrawing(o)
	items, queries := draw.vectors(o.Items), draw.vectors(o.Queries)
	t := &vectorTrial{o: o, f: f, items: items, queries: queries}
	progress("measure the limits of the machine")
	t.limits()
	for _, part := range []struct {
		name string
		run  func() error
	}{{"build the lists", t.build}, {"search", t.search}, {"scan all", t.scanAll}} {
		progress(part.name)
		if err := part.run(); err != nil {
			return nil, fmt.Errorf("%s: %w", part.name, err)
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
	}
	return f, nil
}

// vectorTrial is one run of Vectors. Items and queries are row-major.
type vectorTrial struct {
	o              VectorOptions
	f              *VectorFigures
	items, queries []float32
	index          *vector.Index
}

// tie spreads slots as the catalogue's hash of ids does.
func tie(s catalogue.Slot) uint64 {
	x := (uint64(s) + 0x9e3779b97f4a7c15) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// row is vector i of a row-major matrix.
func (t *vectorTrial) row(all []float32, i int) []float32 {
	return all[i*t.o.Dims : (i+1)*t.o.Dims]
}

// build fills an index and trains its lists, all in one thread.
func (t *vectorTrial) build() error {
	options := vector.Defaults(tie)
	options.Seed = t.o.Seed
	t.index = vector.New(options)
	meter := cost.Start()
	defer meter.Stop()
	for i := range t.o.Items {
		if err := t.index.Put(catalogue.Slot(i), t.row(t.items, i)); err != nil {
			return err
		}
	}
	put := meter.Lap()
	if t.index.Wants() {
		rebuild := t.index.Begin()
		for finished := false; !finished; {
			waits, trained := rebuild.Step()
			switch {
			case trained:
				t.index.Finish(rebuild)
				finished = true
			case waits:
				rebuild.Train(nil)
			}
		}
	}
	t.f.PutMicros = micros(put) / float64(t.o.Items)
	t.f.BuildSeconds = (put + meter.Lap()).Seconds()
	t.f.BytesPerItem, t.f.Lists = float64(t.index.Bytes())/float64(t.o.Items), t.index.Lists()
	return nil
}

func micros(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1000 }

// run searches for every query and returns the CPU time of each, in microseconds in rising order, and the recall.
func (t *vectorTrial) run(index *vector.Index, allowed catalogue.Bits) (times []float64, recall float64) {
	var s vector.Scratch
	for i := range min(20, t.o.Queries) {
		index.Search(&s, t.row(t.queries, i), t.o.K, allowed)
	}
	found := make([][]catalogue.Slot, t.o.Queries)
	rows := 0
	meter := cost.Start()
	for i := range found {
		meter.Lap()
		entries := index.Search(&s, t.row(t.queries, i), t.o.K, allowed)
		times = append(times, micros(meter.Lap()))
		rows += s.Scanned + s.Scored
		for _, e := range entries {
			found[i] = append(found[i], e.Slot)
		}
	}
	meter.Stop()
	slices.Sort(times)
	if allowed == nil && index == t.index {
		t.f.RowsRead = float64(rows) / float64(t.o.Queries)
	}
	// The truth costs 20 ms a query and a million items: that of the first hundred is enough.
	judged := min(100, t.o.Queries)
	for i := range judged {
		recall += t.recallOf(found[i], t.row(t.queries, i), allowed) / float64(judged)
	}
	return times, recall
}

// recallOf compares what was found with the K greatest cosines in floating point.
func (t *vectorTrial) recallOf(found []catalogue.Slot, query []float32, allowed catalogue.Bits) float64 {
	type scored struct {
		slot  catalogue.Slot
		score float32
	}
	var all []scored
	for i := range t.o.Items {
		if s := catalogue.Slot(i); allowed == nil || allowed.Has(s) {
			x := t.row(t.items, i)
			all = append(all, scored{s, kernel.Dot(x, query)})
		}
	}
	slices.SortFunc(all, func(a, b scored) int { return cmp.Compare(b.score, a.score) })
	all = all[:min(t.o.K, len(all))]
	got := map[catalogue.Slot]bool{}
	for _, s := range found {
		got[s] = true
	}
	hits := 0
	for _, s := range all {
		if got[s.slot] {
			hits++
		}
	}
	return float64(hits) / float64(len(all))
}

// search measures searches with and without filters.
func (t *vectorTrial) search() error {
	times, recall := t.run(t.index, nil)
	t.f.MedianMicros, t.f.P99Micros, t.f.Recall = at(times, 0.5), at(times, 0.99), recall
	random := rand.New(rand.NewPCG(t.o.Seed, 77))
	for _, one := range []int{10, 100} {
		allowed := catalogue.Bits(nil).Grow(t.o.Items)
		for i := range t.o.Items {
			if random.IntN(one) == 0 {
				allowed.Set(catalogue.Slot(i))
			}
		}
		times, recall := t.run(t.index, allowed)
		if one == 10 {
			t.f.TenthMicros, t.f.TenthRecall = at(times, 0.5), recall
		} else {
			t.f.HundredthMicros, t.f.HundredthRecall = at(times, 0.5), recall
		}
	}
	return nil
}

// scanAll measures the exact scan of all items beside it.
func (t *vectorTrial) scanAll() error {
	options := vector.Defaults(tie)
	options.Flat = math.MaxInt
	flat := vector.New(options)
	for i := range t.o.Items {
		if err := flat.Put(catalogue.Slot(i), t.row(t.items, i)); err != nil {
			return err
		}
	}
	t.o.Queries = min(t.o.Queries, 100)
	times, recall := t.run(flat, nil)
	t.f.FlatMicros, t.f.FlatRecall = at(times, 0.5), recall
	return nil
}

// at returns a quantile of what is in rising order.
func at(sorted []float64, quantile float64) float64 {
	return sorted[min(int(quantile*float64(len(sorted))), len(sorted)-1)]
}

// limits measures what one core can do at most, and how much of it the scan does: rounds take turns, so that a busy machine slows
// both alike, and medians are compared.
func (t *vectorTrial) limits() {
	const rounds = 41
	blocks, small := fullBlocks(t.o.Items, t.o.Dims), fullBlocks(256*64/kernel.Padded(t.o.Dims), t.o.Dims)
	raw := blocks.Codes[:len(blocks.Codes)/512*512]
	hits := kernel.Hits{Rows: make([]uint32, blocks.Rows()), Scores: make([]float32, blocks.Rows())}
	var q kernel.Query
	q.Set(t.row(t.queries, 0))
	var read, scan, cached, int8s, floats []float64
	rate := func(into *[]float64, work float64, d time.Duration) { *into = append(*into, work/d.Seconds()/1e9) }
	runtime.GC()
	meter := cost.Start()
	for range rounds {
		meter.Lap()
		kernel.Read(raw)
		rate(&read, float64(len(raw)), meter.Lap())
		kernel.Scan(hits, blocks, q, math.MaxFloat32)
		rate(&scan, float64(len(blocks.Codes)), meter.Lap())
		const again = 2000
		for range again {
			kernel.Scan(hits, small, q, math.MaxFloat32)
		}
		rate(&cached, 2*again*float64(len(small.Codes)), meter.Lap())
		done := kernel.BusyInt8(500_000)
		rate(&int8s, 2*done, meter.Lap())
		done = kernel.BusyFloat(500_000)
		rate(&floats, 2*done, meter.Lap())
	}
	meter.Stop()
	f := t.f
	f.ReadGBs, f.InMemoryGBs, f.InCacheGOPs = median(read), median(scan), median(cached)
	f.Int8GOPs, f.FloatGFLOPs = median(int8s), median(floats)
	f.InCacheFraction, f.InMemoryFraction = f.InCacheGOPs/f.Int8GOPs, f.InMemoryGBs/f.ReadGBs
	// Reading a byte and multiplying it: the slower of both is the limit of a scan of all items.
	f.Limit, f.Fraction = "dram", f.InMemoryFraction
	if f.Int8GOPs/2 < f.ReadGBs {
		f.Limit, f.Fraction = "vnni", 2*f.InMemoryGBs/f.Int8GOPs
	}
}

func median(x []float64) float64 {
	slices.Sort(x)
	return x[len(x)/2]
}

// fullBlocks returns rows with something in every place.
func fullBlocks(rows, dims int) kernel.Blocks {
	b := kernel.MakeBlocks(max(rows, kernel.Lanes), dims)
	for i := range b.Codes {
		b.Codes[i] = uint8(i * 7)
	}
	for i := range b.Scales {
		b.Scales[i] = 1
	}
	return b
}

// drawing draws vectors as [Vectors] says.
type drawing struct {
	dims   int
	random *rand.Rand
	// spread is the standard deviation in each direction.
	spread []float64
	narrow [][]float64
	// cumulated are the sums of the sizes of the narrow centres.
	cumulated []float64
}

func newDrawing(o VectorOptions) *drawing {
	const narrows, broads = 20_000, 50
	d := &drawing{dims: o.Dims, random: rand.New(rand.NewPCG(o.Seed, 5)), spread: make([]float64, o.Dims)}
	for j := range d.spread {
		d.spread[j] = 1 / math.Sqrt(1+float64(j)/8)
	}
	broad := make([][]float64, broads)
	for i := range broad {
		broad[i] = d.around(nil, 1)
	}
	sum := 0.0
	for i := range min(narrows, max(o.Items/50, 1)) {
		d.narrow = append(d.narrow, d.around(broad[d.random.IntN(broads)], 0.7))
		sum += 1 / float64(i+1)
		d.cumulated = append(d.cumulated, sum)
	}
	return d
}

// around draws a vector around a centre.
func (d *drawing) around(centre []float64, by float64) []float64 {
	v := make([]float64, d.dims)
	for j := range v {
		v[j] = by * d.spread[j] * d.random.NormFloat64()
		if centre != nil {
			v[j] += centre[j]
		}
	}
	return v
}

// vectors draws n vectors of length 1, row-major.
func (d *drawing) vectors(n int) []float32 {
	all := make([]float32, 0, n*d.dims)
	for range n {
		at, _ := slices.BinarySearch(d.cumulated, d.random.Float64()*d.cumulated[len(d.cumulated)-1])
		v := d.around(d.narrow[at], 0.7)
		norm := 0.0
		for _, x := range v {
			norm += x * x
		}
		norm = math.Sqrt(norm)
		for _, x := range v {
			all = append(all, float32(x/norm))
		}
	}
	return all
}
