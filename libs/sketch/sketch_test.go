package sketch

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestBucketsAreMonotonicAndNarrow(t *testing.T) {
	previous := -1
	check := func(v uint64) {
		i := bucketOf(v)
		if i < previous || i >= histogramBuckets {
			t.Fatalf("bucketOf(%d) = %d after %d of %d", v, i, previous, histogramBuckets)
		}
		previous = i
		if gap := math.Abs(float64(bucketMiddle(i))-float64(v)) / max(float64(v), 1); gap > 1.0/64 {
			t.Fatalf("the middle of the bucket of %d is %d, off by %v", v, bucketMiddle(i), gap)
		}
	}
	for v := range uint64(1 << 14) {
		check(v)
	}
	for v := uint64(1 << 14); v < 1<<63; v += v / 37 {
		check(v)
	}
	check(math.MaxUint64)
	if previous != histogramBuckets-1 {
		t.Errorf("the largest value has bucket %d, want the last, %d", previous, histogramBuckets-1)
	}
}

func TestHistogramQuantiles(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 1))
	for _, n := range []int{1, 2, 10, 999, 20000} {
		var whole, left, right Histogram
		values := make([]uint64, n)
		for i := range values {
			// Log-normal around 20 ms in nanoseconds, as latencies are.
			values[i] = uint64(20e6 * math.Exp(random.NormFloat64()))
			whole.Add(values[i])
			if i%3 == 0 {
				left.Add(values[i])
			} else {
				right.Add(values[i])
			}
		}
		left.Merge(&right)
		left.Merge(&Histogram{})
		if left.counts != whole.counts || left.Max() != whole.Max() || left.least != whole.least || left.Count() != whole.Count() {
			t.Errorf("n=%d: the merged halves differ from the whole", n)
		}
		slices.Sort(values)
		for _, q := range []float64{-1, 0, 0.5, 0.9, 0.99, 0.999, 1, 2} {
			rank := min(max(int(math.Ceil(min(max(q, 0), 1)*float64(n))), 1), n)
			want := values[rank-1]
			if got := whole.Quantile(q); math.Abs(float64(got)-float64(want)) > float64(want)/64 {
				t.Errorf("n=%d: Quantile(%v) = %d, want %d within 1/64", n, q, got, want)
			}
		}
		if got := whole.Quantile(1); got > whole.Max() {
			t.Errorf("n=%d: Quantile(1) = %d is above the maximum %d", n, got, whole.Max())
		}
	}
}

func TestHistogramSmallThings(t *testing.T) {
	var h Histogram
	if h.Quantile(0.5) != 0 || h.Max() != 0 || h.Mean() != 0 || h.Count() != 0 {
		t.Error("an empty histogram does not answer 0")
	}
	for v := range uint64(10) {
		h.Add(v)
	}
	if got := h.Mean(); got != 4.5 {
		t.Errorf("Mean = %v, want 4.5", got)
	}
	if got := h.Above(6); got != 3 {
		t.Errorf("Above(6) = %d, want 3", got)
	}
	h.Reset()
	if h.Count() != 0 {
		t.Error("Reset left something behind")
	}
	if n := testing.AllocsPerRun(100, func() { h.Add(12345) }); n != 0 {
		t.Errorf("Add allocates %v times", n)
	}
}

// The three promises of Space-Saving, against exact counts.
func TestHeavyKeepsItsPromises(t *testing.T) {
	random := rand.New(rand.NewPCG(2, 2))
	for _, m := range []int{1, 5, 40} {
		h, exact, total := NewHeavy[int](m), map[int]uint64{}, uint64(0)
		zipf := rand.NewZipf(random, 1.2, 1, 500)
		for range 20000 {
			key, weight := int(zipf.Uint64()), 1+random.Uint64N(3)
			h.Add(key, weight)
			exact[key] += weight
			total += weight
		}
		if h.Total() != total {
			t.Errorf("m=%d: Total = %d, want %d", m, h.Total(), total)
		}
		bound := total / uint64(m)
		kept := map[int]bool{}
		top := h.Top(0)
		for i, hit := range top {
			kept[hit.Key] = true
			if hit.Count < exact[hit.Key] || hit.Count-hit.Error > exact[hit.Key] || hit.Error > bound {
				t.Errorf("m=%d: %+v, true weight %d, error bound %d", m, hit, exact[hit.Key], bound)
			}
			if i > 0 && top[i-1].Count < hit.Count {
				t.Errorf("m=%d: Top is not sorted at %d", m, i)
			}
		}
		for key, weight := range exact {
			if weight > bound && !kept[key] {
				t.Errorf("m=%d: key %d of weight %d > %d was dropped", m, key, weight, bound)
			}
		}
	}
}

func TestHeavyIsExactWhenAllFit(t *testing.T) {
	h := NewHeavy[string](8)
	for _, key := range []string{"b", "a", "c", "a", "b", "a"} {
		h.Add(key, 1)
	}
	want := []Hitter[string]{{Key: "a", Count: 3}, {Key: "b", Count: 2}}
	if diff := cmp.Diff(want, h.Top(2)); diff != "" {
		t.Errorf("Top(2) (-want +got):\n%s", diff)
	}
}

func TestDecayedHalves(t *testing.T) {
	noon, half := time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC), time.Hour
	var d Decayed
	d.Add(8, noon, half)
	for hours, want := range []float64{8, 4, 2, 1} {
		if got := d.Value(noon.Add(time.Duration(hours)*time.Hour), half); math.Abs(got-want) > 1e-9 {
			t.Errorf("Value after %d h = %v, want %v", hours, got, want)
		}
	}
	if got := d.Value(noon.Add(-time.Hour), half); got != 8 {
		t.Errorf("Value before the event = %v, want 8", got)
	}
	if got := (&Decayed{}).Value(noon, half); got != 0 {
		t.Errorf("Value of nothing = %v, want 0", got)
	}
}

// Any order of the events, and any split into two counters that are merged, gives the same value.
func TestDecayedDoesNotDependOnOrder(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 3))
	noon, half := time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC), 6*time.Hour
	for range 50 {
		ages := make([]time.Duration, 200)
		want := 0.0
		for i := range ages {
			ages[i] = time.Duration(random.Int64N(int64(30 * 24 * time.Hour))).Truncate(time.Microsecond)
			want += math.Exp2(-float64(ages[i]) / float64(half))
		}
		var d, left, right Decayed
		random.Shuffle(len(ages), func(i, j int) { ages[i], ages[j] = ages[j], ages[i] })
		for i, age := range ages {
			d.Add(1, noon.Add(-age), half)
			if i%2 == 0 {
				left.Add(1, noon.Add(-age), half)
			} else {
				right.Add(1, noon.Add(-age), half)
			}
		}
		left.Merge(right, half)
		left.Merge(Decayed{}, half)
		for name, got := range map[string]float64{"one": d.Value(noon, half), "merged": left.Value(noon, half)} {
			if math.Abs(got-want) > 1e-9*want {
				t.Errorf("%s: Value = %v, want %v", name, got, want)
			}
		}
	}
}

func TestDistinctIsWithinItsError(t *testing.T) {
	for _, n := range []int{0, 1, 10, 100, 1000, 5000, 20000, 300000} {
		var d Distinct
		for i := range n {
			d.Add("shopper-" + strconv.Itoa(i))
			if i%4 == 0 {
				d.Add("shopper-" + strconv.Itoa(i/2)) // a key seen before counts once
			}
		}
		got := float64(d.Count())
		// Four standard errors, and half a key for rounding.
		if math.Abs(got-float64(n)) > 4*0.0163*float64(n)+0.5 {
			t.Errorf("Count of %d keys = %v, want it within 6.5 %%", n, got)
		}
	}
}

// Over many sketches the mean must be right and the spread must be the published one.
func TestDistinctIsUnbiased(t *testing.T) {
	random := rand.New(rand.NewPCG(4, 4))
	for _, n := range []int{500, 10000, 40000} {
		sum, squares, rounds := 0.0, 0.0, 60
		for range rounds {
			var d Distinct
			for range n {
				d.AddHash(random.Uint64())
			}
			gap := float64(d.Count())/float64(n) - 1
			sum += gap
			squares += gap * gap
		}
		mean, spread := sum/float64(rounds), math.Sqrt(squares/float64(rounds))
		if math.Abs(mean) > 0.008 || spread > 0.022 {
			t.Errorf("n=%d: mean error %.4f, standard error %.4f, want about 0 and 0.016", n, mean, spread)
		}
	}
}

func TestDistinctMergeIsUnion(t *testing.T) {
	var left, right, both Distinct
	for i := range 3000 {
		key := fmt.Sprint("k", i)
		if i < 2000 {
			left.Add(key)
		}
		if i >= 1000 {
			right.Add(key)
		}
		both.Add(key)
	}
	left.Merge(&right)
	if left != both {
		t.Errorf("merged sketch counts %d, the union %d", left.Count(), both.Count())
	}
}

func TestDistinctExtremes(t *testing.T) {
	var d Distinct
	d.AddHash(0)
	if got := d.registers[0]; got != distinctRanks {
		t.Errorf("rank of the hash 0 = %d, want %d", got, distinctRanks)
	}
	d.AddHash(math.MaxUint64)
	if got := d.registers[distinctRegisters-1]; got != 1 {
		t.Errorf("rank of the largest hash = %d, want 1", got)
	}
}

func FuzzHistogramQuantile(f *testing.F) {
	f.Add(uint64(1), uint64(1<<40), uint64(0), 0.5)
	f.Add(uint64(math.MaxUint64), uint64(63), uint64(64), 1.0)
	f.Fuzz(func(t *testing.T, a, b, c uint64, q float64) {
		var h Histogram
		for _, v := range []uint64{a, b, c} {
			h.Add(v)
		}
		if got := h.Quantile(q); got < min(a, b, c) || got > max(a, b, c) {
			t.Errorf("Quantile(%v) of %d, %d, %d = %d, outside of them", q, a, b, c, got)
		}
	})
}

func BenchmarkHistogramAdd(b *testing.B) {
	var h Histogram
	b.ReportAllocs()
	v := uint64(1)
	for b.Loop() {
		v = v*6364136223846793005 + 1442695040888963407
		h.Add(v >> 36)
	}
}

func BenchmarkHeavyAdd(b *testing.B) {
	h, zipf := NewHeavy[uint64](1000), rand.NewZipf(rand.New(rand.NewPCG(1, 1)), 1.1, 1, 1e6)
	b.ReportAllocs()
	for b.Loop() {
		h.Add(zipf.Uint64(), 1)
	}
}

func BenchmarkDistinctAdd(b *testing.B) {
	var d Distinct
	b.ReportAllocs()
	for b.Loop() {
		d.Add("shopper-0123456789abcdef")
	}
}
