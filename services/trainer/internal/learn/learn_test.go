package learn

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/haggle-commerce/haggle/libs/quality"
)

// made draws groups whose relevance hangs on features 0, 1 and 2 in a way that no weighted sum can say; the others are noise.
func made(seed uint64, groups, size, width int) *Data {
	r := rand.New(rand.NewPCG(seed, 7))
	d := &Data{Width: width}
	for range groups {
		for range size {
			row := make([]float32, width)
			for j := range row {
				row[j] = float32(r.NormFloat64())
			}
			// A feature with few values, as counts have.
			row[2] = float32(r.IntN(3))
			d.X = append(d.X, row...)
			taste := -2.5 + 2*math.Abs(float64(row[0])) - 1.5*float64(row[1]*row[1]) + float64(row[2])
			label := float32(0)
			if r.Float64() < 1/(1+math.Exp(-taste)) {
				label = 1 + float32(r.IntN(2))
			}
			d.Labels = append(d.Labels, label)
		}
		d.Ends = append(d.Ends, len(d.Labels))
	}
	return d
}

func score(t testing.TB, s interface{ Score(dst, x []float32) }, d *Data) []float32 {
	t.Helper()
	scores := make([]float32, d.Rows())
	s.Score(scores, d.X)
	return scores
}

func quick(objective Objective) Options {
	o := DefaultOptions()
	o.Objective, o.Trees, o.Workers, o.L2, o.MinHessian = objective, 40, 2, 1, 0.1
	return o
}

func TestTreesLearnWhatNoSumCan(t *testing.T) {
	train, valid, test := made(1, 300, 20, 8), made(2, 100, 20, 8), made(3, 200, 20, 8)
	line, _, err := Linear(t.Context(), train, valid, DefaultLinearOptions())
	if err != nil {
		t.Fatal(err)
	}
	base := test.ndcg(score(t, line, test), newPool(1, nil))
	for _, objective := range []Objective{Lambda, Logloss} {
		m, err := Boost(t.Context(), train, valid, quick(objective))
		if err != nil {
			t.Fatal(err)
		}
		if got := test.ndcg(score(t, m.Model, test), newPool(1, nil)); got < base+0.1 {
			t.Errorf("%s: NDCG@10 %.3f, linear %.3f; want 0.1 more", objective, got, base)
		}
		if m.Gain[0]+m.Gain[1]+m.Gain[2] < 0.7 {
			t.Errorf("%s: the features that matter brought %.2f, want at least 0.7", objective, m.Gain[:3])
		}
	}
}

func TestScoresAreThoseOfTraining(t *testing.T) {
	train, valid := made(4, 60, 15, 6), made(5, 30, 15, 6)
	for _, objective := range []Objective{Lambda, Logloss} {
		o := quick(objective)
		o.Patience = o.Trees
		b := newBooster(train, valid, o)
		m, err := b.run(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if m.Model.Trees() == o.Trees {
			// All trees were kept, so the sums that training has must be those of the model.
			if got := score(t, m.Model, train); !slices.Equal(got, b.scores) {
				t.Errorf("%s: the model does not score as training did", objective)
			}
		}
		// The best of valid is kept.
		if got := valid.ndcg(score(t, m.Model, valid), newPool(1, nil)); math.Abs(got-m.NDCG) > 1e-9 {
			t.Errorf("%s: NDCG of valid is %v, said was %v", objective, got, m.NDCG)
		}
	}
}

func TestSameBytesForAnyNumberOfWorkers(t *testing.T) {
	train, valid := made(6, 80, 12, 5), made(7, 30, 12, 5)
	var want []byte
	for _, workers := range []int{1, 2, 5} {
		o := quick(Lambda)
		o.Workers, o.Trees = workers, 10
		m, err := Boost(t.Context(), train, valid, o)
		if err != nil {
			t.Fatal(err)
		}
		got, err := m.Model.AppendBinary(nil)
		if err != nil {
			t.Fatal(err)
		}
		if want == nil {
			want = got
		} else if !slices.Equal(got, want) {
			t.Errorf("%d workers give another model than one", workers)
		}
		o.Seed++
		if other, err := Boost(t.Context(), train, valid, o); err != nil {
			t.Fatal(err)
		} else if b, err := other.Model.AppendBinary(nil); err != nil || slices.Equal(b, want) {
			t.Errorf("another seed gives the same model (%v)", err)
		}
	}
	a, _, err := Linear(t.Context(), train, valid, DefaultLinearOptions())
	if err != nil {
		t.Fatal(err)
	}
	b, _, err := Linear(t.Context(), train, valid, DefaultLinearOptions())
	if err != nil || !slices.Equal(a.Weights, b.Weights) || a.Bias != b.Bias {
		t.Errorf("the same seed gives another linear model (%v)", err)
	}
}

// TestSlopesAreDerivatives compares the slopes of the logistic loss with differences of it.
func TestSlopesAreDerivatives(t *testing.T) {
	d := &Data{Width: 1, X: make([]float32, 4), Labels: []float32{0, 1, 2, 0}, Ends: []int{4}}
	scores := []float32{-1, 0.5, 2, 1}
	loss := func(i int, s float64) float64 {
		if d.Labels[i] > 0 {
			return math.Log1p(math.Exp(-s))
		}
		return math.Log1p(math.Exp(s))
	}
	got := make([]slope, 4)
	logloss(got, scores, d, newPool(1, nil))
	for i, s := range scores {
		const e = 1e-4
		up, at, down := loss(i, float64(s)+e), loss(i, float64(s)), loss(i, float64(s)-e)
		g, h := (up-down)/(2*e), (up-2*at+down)/(e*e)
		if math.Abs(g-float64(got[i].g)) > 1e-4 || math.Abs(h-float64(got[i].h)) > 1e-3 {
			t.Errorf("slopes of row %d = %v, want %.4f and %.4f", i, got[i], g, h)
		}
	}
}

func TestLambdaPushesTheRelevantUp(t *testing.T) {
	l := newLambda()
	labels, scores, out := []float32{0, 1, 0, 2}, []float32{3, 1, 2, 0}, make([]slope, 4)
	l.group(out, scores, labels, idealDCG(labels, Depth), nil)
	var sum float32
	for i, s := range out {
		sum += s.g
		if s.h < 0 || labels[i] == 0 && s.g < 0 {
			t.Errorf("slope of row %d with label %v = %+v", i, labels[i], s)
		}
	}
	if out[3].g >= 0 || math.Abs(float64(sum)) > 1e-5 {
		t.Errorf("slopes %+v: the last must be pulled up, and all add up to 0", out)
	}
	// Nothing is relevant: nothing moves.
	l.group(out, scores, make([]float32, 4), 0, nil)
	if slices.ContainsFunc(out, func(s slope) bool { return s != slope{} }) {
		t.Errorf("slopes of a group without relevance = %+v", out)
	}
}

func TestSigmoidTable(t *testing.T) {
	l := newLambda()
	for x := float32(-20); x <= 20; x += 0.37 {
		if got, want := float64(l.at(x)), 1/(1+math.Exp(float64(x))); math.Abs(got-want) > 2e-3 {
			t.Errorf("at(%v) = %v, want %v", x, got, want)
		}
	}
}

// TestNDCGAgreesWithQuality compares with package quality where no scores are equal.
func TestNDCGAgreesWithQuality(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 30).Draw(t, "rows")
		labels, scores, relevances := make([]float32, n), make([]float32, n), make([]float64, n)
		for i, s := range rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1)).Perm(n) {
			labels[i] = float32(rapid.IntRange(0, 3).Draw(t, "label"))
			scores[i], relevances[i] = float32(s), float64(labels[i])
		}
		d := &Data{Labels: labels, Ends: []int{n}}
		got := d.ndcg(scores, newPool(1, nil))
		want := quality.NDCG(quality.Gains(scores, relevances), relevances, 10)
		if math.Abs(got-want) > 1e-9 {
			t.Fatalf("ndcg(%v, %v) = %v, want %v", scores, labels, got, want)
		}
	})
	d := &Data{Labels: append([]float32{1}, make([]float32, 99)...), Ends: []int{100}}
	if got := d.ndcg(make([]float32, 100), newPool(1, nil)); got != 0 {
		t.Errorf("a constant score has NDCG@10 %v, want 0", got)
	}
}

func TestCut(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		values := rapid.SliceOfN(rapid.Float32Range(-5, 5), 1, 200).Draw(t, "values")
		if rapid.Bool().Draw(t, "few") {
			for i := range values {
				values[i] = float32(math.Round(float64(values[i])))
			}
		}
		slices.Sort(values)
		bins := rapid.IntRange(2, 40).Draw(t, "bins")
		edges := cut(values, bins)
		distinct := len(slices.Compact(slices.Clone(values)))
		if len(edges) > bins-1 || distinct <= bins && len(edges) != distinct-1 {
			t.Fatalf("cut(%v, %d) = %v", values, bins, edges)
		}
		for i, e := range edges {
			if i > 0 && e <= edges[i-1] || !(values[0] <= e && e < values[len(values)-1]) {
				t.Fatalf("cut(%v, %d) = %v: edge %d", values, bins, edges, i)
			}
		}
	})
	if got := cut([]float32{1, 1, 1, 1}, 4); len(got) != 0 {
		t.Errorf("cut of one value = %v, want none", got)
	}
}

func TestCalibrate(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 9))
	scores, labels := make([]float32, 20000), make([]float32, 20000)
	for i := range scores {
		scores[i] = float32(5 + 2*r.NormFloat64())
		if r.Float64() < 1/(1+math.Exp(-(0.8*float64(scores[i])-6))) {
			labels[i] = 3
		}
	}
	c := Calibrate(scores, labels)
	if math.Abs(c.Slope-0.8) > 0.05 || math.Abs(c.Offset+6) > 0.3 {
		t.Errorf("Calibrate = %+v, want slope 0.8 and offset -6", c)
	}
	if c := Calibrate([]float32{1, 2}, []float32{0, 0}); c != Calibrate(nil, nil) {
		t.Errorf("Calibrate without a relevant row = %+v", c)
	}
	// Apart without an overlap: finite all the same.
	if c := Calibrate([]float32{1, 2, 3, 4}, []float32{0, 0, 1, 1}); math.IsNaN(c.Slope) || c.Slope <= 0 || c.Slope > 100 {
		t.Errorf("Calibrate of classes apart = %+v", c)
	}
}

func TestRefusals(t *testing.T) {
	good := made(10, 10, 10, 3)
	nothing := &Data{Width: 3, X: make([]float32, 6), Labels: make([]float32, 2), Ends: []int{2}}
	for name, d := range map[string]*Data{
		"empty": {}, "no relevant row": nothing, "numbers too few": {Width: 3, X: make([]float32, 5), Labels: []float32{0, 1}, Ends: []int{2}},
		"rows in no group": {Width: 3, X: make([]float32, 6), Labels: []float32{0, 1}, Ends: []int{1}}, "another width": made(11, 5, 5, 4),
		"falling groups": {Width: 1, X: make([]float32, 2), Labels: []float32{0, 1}, Ends: []int{3, 1, 2}},
	} {
		if _, err := Boost(t.Context(), good, d, quick(Lambda)); !errors.Is(err, ErrData) {
			t.Errorf("%s: Boost = %v, want ErrData", name, err)
		}
		if _, _, err := Linear(t.Context(), good, d, DefaultLinearOptions()); !errors.Is(err, ErrData) {
			t.Errorf("%s: Linear = %v, want ErrData", name, err)
		}
	}
	for name, change := range map[string]func(*Options){
		"objective": func(o *Options) { o.Objective = "best" }, "trees": func(o *Options) { o.Trees = 0 }, "depth": func(o *Options) { o.Depth = 99 },
		"bins": func(o *Options) { o.Bins = 257 }, "rate": func(o *Options) { o.Rate = math.NaN() },
	} {
		o := quick(Lambda)
		change(&o)
		if _, err := Boost(t.Context(), good, good, o); err == nil {
			t.Errorf("Boost takes a wrong %s", name)
		}
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Boost(ended, good, good, quick(Lambda)); !errors.Is(err, context.Canceled) {
		t.Errorf("Boost after the end = %v", err)
	}
	if _, _, err := Linear(ended, good, good, DefaultLinearOptions()); !errors.Is(err, context.Canceled) {
		t.Errorf("Linear after the end = %v", err)
	}
}

func BenchmarkBoost(b *testing.B) {
	train, valid := made(12, 2000, 60, 37), made(13, 300, 60, 37)
	o := DefaultOptions()
	o.Trees = 10
	for b.Loop() {
		if _, err := Boost(b.Context(), train, valid, o); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Milliseconds())/float64(b.N)/float64(o.Trees), "ms/tree")
}
