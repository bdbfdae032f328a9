package quality

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func near(a, b float64) bool { return math.Abs(a-b) <= 1e-9*max(1, math.Abs(a), math.Abs(b)) }

func TestRankingMeasures(t *testing.T) {
	for _, c := range []struct {
		name            string
		gains, relevant []float64
		k               int
		ndcg, recall    float64
		precision, mrr  float64
		hit, average    float64
	}{
		{name: "empty"},
		{"nothing relevant", []float64{0, 0}, nil, 2, 0, 0, 0, 0, 0, 0},
		{"perfect", []float64{1, 1, 0}, []float64{1, 1}, 3, 1, 1, 2. / 3, 1, 1, 1},
		{"perfect, k below relevant", []float64{1, 1}, []float64{1, 1, 1}, 2, 1, 2. / 3, 1, 1, 1, 1},
		{"relevant not retrieved", []float64{0, 0}, []float64{1}, 2, 0, 0, 0, 0, 0, 0},
		{"all ranks", []float64{0, 1}, []float64{1}, 0, 1 / math.Log2(3), 1, 0.5, 0.5, 1, 0.5},
		{"beyond k", []float64{0, 0, 1}, []float64{1}, 2, 0, 0, 0, 0, 0, 0},
		{"k beyond list", []float64{1}, []float64{1}, 4, 1, 1, 0.25, 1, 1, 1},
	} {
		n := len(c.relevant)
		for _, m := range []struct {
			name      string
			got, want float64
		}{
			{"NDCG", NDCG(c.gains, c.relevant, c.k), c.ndcg},
			{"Recall", Recall(c.gains, n, c.k), c.recall},
			{"Precision", Precision(c.gains, c.k), c.precision},
			{"MRR", MRR(c.gains, c.k), c.mrr},
			{"HitRate", HitRate(c.gains, c.k), c.hit},
			{"AveragePrecision", AveragePrecision(c.gains, n, c.k), c.average},
		} {
			if !near(m.got, m.want) {
				t.Errorf("%s: %s(%v, %v, %d) = %v, want %v", c.name, m.name, c.gains, c.relevant, c.k, m.got, m.want)
			}
		}
	}
}

// NDCG of shared gains must be the mean of NDCG over every order of the tied items.
func TestGainsIsMeanOverTieBreaks(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 20 {
		scores, relevances := make([]float32, 8), make([]float64, 8)
		for i := range scores {
			scores[i], relevances[i] = float32(random.IntN(3)), float64(random.IntN(2))
		}
		for _, k := range []int{1, 3, 8} {
			sum, rounds := 0.0, 4000
			for range rounds {
				random.Shuffle(len(scores), func(i, j int) {
					scores[i], scores[j] = scores[j], scores[i]
					relevances[i], relevances[j] = relevances[j], relevances[i]
				})
				gains := make([]float64, 0, len(scores))
				for _, i := range Order(scores) {
					gains = append(gains, relevances[i])
				}
				sum += NDCG(gains, relevances, k)
			}
			if got, want := NDCG(Gains(scores, relevances), relevances, k), sum/float64(rounds); math.Abs(got-want) > 0.03 {
				t.Errorf("NDCG@%d(Gains(%v, %v)) = %v, mean over tie-breaks %v", k, scores, relevances, got, want)
			}
		}
	}
}

func TestConstantScoreIsNotPerfect(t *testing.T) {
	relevances := []float64{1, 0, 0, 0}
	if got := NDCG(Gains(make([]float32, 4), relevances), relevances, 1); got != 0.25 {
		t.Errorf("NDCG@1 of a constant score = %v, want 0.25", got)
	}
}

func TestOrderPutsNaNLast(t *testing.T) {
	nan := float32(math.NaN())
	got := Order([]float32{nan, 1, 2, nan, 2})
	if diff := cmp.Diff([]int{2, 4, 1, 0, 3}, got); diff != "" {
		t.Errorf("Order (-want +got):\n%s", diff)
	}
}

// AUC must be the share of pairs won, counted one by one.
func TestAUCEqualsPairCount(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for n := range 40 {
		scores, positive := make([]float32, n), make([]bool, n)
		for i := range scores {
			scores[i], positive[i] = float32(random.IntN(6)), random.IntN(3) == 0
		}
		won, pairs := 0.0, 0.0
		for i := range scores {
			for j := range scores {
				if !positive[i] || positive[j] {
					continue
				}
				pairs++
				switch {
				case scores[i] > scores[j]:
					won++
				case scores[i] == scores[j]:
					won += 0.5
				}
			}
		}
		want := 0.5
		if pairs > 0 {
			want = won / pairs
		}
		if got := AUC(scores, positive); !near(got, want) {
			t.Errorf("AUC(%v, %v) = %v, want %v", scores, positive, got, want)
		}
	}
}

func TestLogLossStaysFinite(t *testing.T) {
	if got := LogLoss([]float64{0, 1}, []bool{true, false}); math.IsInf(got, 0) || !near(got, -math.Log(1e-15)) && math.Abs(got-34.5) > 0.1 {
		t.Errorf("LogLoss of certain and wrong = %v, want about 34.5", got)
	}
	if got := LogLoss(nil, nil); got != 0 {
		t.Errorf("LogLoss of nothing = %v, want 0", got)
	}
}

func TestCalibrationError(t *testing.T) {
	for _, c := range []struct {
		name          string
		probabilities []float64
		positive      []bool
		bins          int
		want          float64
	}{
		{"nothing", nil, nil, 10, 0},
		{"exact", []float64{0, 0, 1, 1}, []bool{false, false, true, true}, 4, 0},
		{"one value is one bin", []float64{0.5, 0.5, 0.5, 0.5}, []bool{true, false, true, false}, 4, 0},
		{"ties cross a cut", []float64{0.2, 0.2, 0.2, 0.6}, []bool{false, false, false, true}, 2, (0.6 + 0.4) / 4},
		{"more bins than examples", []float64{0.3}, []bool{true}, 10, 0.7},
		{"default bins", []float64{0.3}, []bool{true}, 0, 0.7},
	} {
		if got := CalibrationError(c.probabilities, c.positive, c.bins); !near(got, c.want) {
			t.Errorf("%s: CalibrationError = %v, want %v", c.name, got, c.want)
		}
	}
}

func TestSpread(t *testing.T) {
	for _, c := range []struct {
		shown []int
		gini  float64
	}{
		{nil, 0},
		{[]int{0, 0}, 0},
		{[]int{5, 5, 5}, 0},
		{[]int{0, 0, 0, 8}, 0.75},
	} {
		if got := Gini(c.shown); !near(got, c.gini) {
			t.Errorf("Gini(%v) = %v, want %v", c.shown, got, c.gini)
		}
	}
	if got := Coverage([]int{1}, 0); got != 0 {
		t.Errorf("Coverage of an empty catalogue = %v, want 0", got)
	}
	if got := F1([]bool{false}, []bool{false}); got != 0 {
		t.Errorf("F1 of nothing = %v, want 0", got)
	}
}

func TestBootstrapCoversTheTruth(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	covered, trials := 0, 200
	for trial := range trials {
		values := make([]float64, 120)
		for i := range values {
			values[i] = random.Float64()
		}
		v := Bootstrap(values, Resampling{Rounds: 300, Seed: uint64(trial)})
		if v.Low <= 0.5 && 0.5 <= v.High {
			covered++
		}
	}
	// 95 % nominal; the binomial's standard deviation over 200 trials is 1.5 %.
	if share := float64(covered) / float64(trials); share < 0.90 || share > 0.99 {
		t.Errorf("the interval covered the true mean in %v of the trials, want about 0.95", share)
	}
}

func TestBootstrapIsDeterministic(t *testing.T) {
	values := []float64{0.1, 0.9, 0.4, 0.4, 0.7}
	a, b := Bootstrap(values, Resampling{Seed: 7}), Bootstrap(values, Resampling{Seed: 7})
	if a != b {
		t.Errorf("the same seed gave %v and %v", a, b)
	}
	if c := Bootstrap(values, Resampling{Seed: 8}); c == a {
		t.Errorf("another seed gave the same %v", c)
	}
	if wide := Bootstrap(values, Resampling{Seed: 7, Level: 0.99}); wide.Low > a.Low || wide.High < a.High {
		t.Errorf("level 0.99 %v lies inside level 0.95 %v", wide, a)
	}
	if got := Bootstrap(nil, Resampling{}); got != (Interval{}) {
		t.Errorf("Bootstrap(nil) = %v, want zero", got)
	}
	if got, want := (Interval{0.5, 0.25, 0.75}).String(), "0.5000 [0.2500, 0.7500]"; got != want {
		t.Errorf("String = %q, want %q", got, want)
	}
}

// Pairing must remove what the queries have in common: the paired interval is far narrower than either system's own.
func TestBootstrapDifferenceUsesPairs(t *testing.T) {
	random := rand.New(rand.NewPCG(9, 10))
	a, b := make([]float64, 400), make([]float64, 400)
	for i := range a {
		a[i] = random.Float64()
		b[i] = a[i] + 0.01 + 0.02*(random.Float64()-0.5)
	}
	d, own := BootstrapDifference(a, b, Resampling{Seed: 1}), Bootstrap(a, Resampling{Seed: 1})
	if d.Low <= 0 || d.NotWorse != 1 {
		t.Errorf("BootstrapDifference = %+v, want it clearly above 0", d)
	}
	if d.High-d.Low > (own.High-own.Low)/10 {
		t.Errorf("paired width %v, own width %v, want at most a tenth", d.High-d.Low, own.High-own.Low)
	}
	if back := BootstrapDifference(b, a, Resampling{Seed: 1}); back.NotWorse != 0 || !near(back.Mean, -d.Mean) {
		t.Errorf("the other way round = %+v, want mean %v and NotWorse 0", back, -d.Mean)
	}
	if got := BootstrapDifference(nil, nil, Resampling{}); got.NotWorse != 1 {
		t.Errorf("BootstrapDifference of nothing = %+v, want NotWorse 1", got)
	}
}

func TestMismatchedLengthsPanic(t *testing.T) {
	for name, f := range map[string]func(){
		"Gains":               func() { Gains(make([]float32, 1), nil) },
		"AUC":                 func() { AUC(make([]float32, 1), nil) },
		"LogLoss":             func() { LogLoss(make([]float64, 1), nil) },
		"F1":                  func() { F1(make([]bool, 1), nil) },
		"CalibrationError":    func() { CalibrationError(make([]float64, 1), nil, 1) },
		"BootstrapDifference": func() { BootstrapDifference(make([]float64, 1), nil, Resampling{}) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s of mismatched lengths did not panic", name)
				}
			}()
			f()
		}()
	}
}

func FuzzRankingMeasuresAreShares(f *testing.F) {
	f.Add([]byte{1, 0, 3}, 2)
	f.Fuzz(func(t *testing.T, raw []byte, k int) {
		gains := make([]float64, len(raw))
		relevant := 0
		for i, b := range raw {
			gains[i] = float64(b % 5)
			if gains[i] > 0 {
				relevant++
			}
		}
		shuffled := slices.Clone(gains)
		slices.Reverse(shuffled)
		for name, got := range map[string]float64{
			"NDCG": NDCG(gains, shuffled, k), "Recall": Recall(gains, relevant, k), "Precision": Precision(gains, k),
			"MRR": MRR(gains, k), "HitRate": HitRate(gains, k), "AveragePrecision": AveragePrecision(gains, relevant, k),
		} {
			if !(got >= 0 && got <= 1+1e-9) {
				t.Errorf("%s(%v, k=%d) = %v, want within [0, 1]", name, gains, k, got)
			}
		}
	})
}

func BenchmarkBootstrapDifference(b *testing.B) {
	x, y := make([]float64, 2000), make([]float64, 2000)
	for i := range x {
		x[i], y[i] = float64(i%7), float64(i%5)
	}
	b.ReportAllocs()
	for b.Loop() {
		BootstrapDifference(x, y, Resampling{})
	}
}
