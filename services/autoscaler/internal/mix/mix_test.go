package mix

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

// exhaustive tries all counts.
func exhaustive(p *Problem) (best float64, found bool) {
	counts := make([]int, len(p.Options))
	best = math.Inf(1)
	var try func(i int)
	try = func(i int) {
		if i == len(counts) {
			if _, ok := p.Evaluate(counts); ok {
				sum := 0.0
				for j, n := range counts {
					sum += p.moving(j, n)
				}
				best, found = min(best, sum), true
			}
			return
		}
		for n := p.Options[i].Min; n <= p.Options[i].Max; n++ {
			counts[i] = n
			try(i + 1)
		}
		counts[i] = 0
	}
	try(0)
	return best, found
}

// pooled is a capacity in which larger pools bear more per replica.
func pooled(rates []float64) func(variant, n int) float64 {
	return func(variant, n int) float64 {
		if n == 0 {
			return 0
		}
		return rates[variant] * float64(n) * (1 - 0.3/float64(n))
	}
}

func TestSolveEqualsExhaustiveSearch(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		variants := rapid.IntRange(1, 3).Draw(t, "variants")
		rates := rapid.SliceOfN(rapid.Float64Range(5, 100), variants, variants).Draw(t, "rates")
		p := Problem{
			Capacity: pooled(rates), Need: float64(rapid.IntRange(0, 300).Draw(t, "need")), SpotShare: rapid.SampledFrom([]float64{0.3, 0.7, 1}).Draw(t, "spot share"),
			Lean: rapid.SampledFrom([]float64{0, 0.3}).Draw(t, "lean"), Quality: rapid.SampledFrom([]float64{0, 0.5, 0.8}).Draw(t, "quality"),
			StayHours: 0.5, StartHours: 0.02,
		}
		for range rapid.IntRange(1, 4).Draw(t, "options") {
			least := rapid.IntRange(0, 1).Draw(t, "min")
			p.Options = append(p.Options, Option{
				Variant: rapid.IntRange(0, variants-1).Draw(t, "variant"), Price: rapid.Float64Range(0.01, 1).Draw(t, "price"),
				Speed: rapid.SampledFrom([]float64{0.5, 1, 2}).Draw(t, "speed"), Quality: rapid.Float64Range(0.3, 1).Draw(t, "q"),
				Spot: rapid.Bool().Draw(t, "spot"), Min: least, Max: least + rapid.IntRange(0, 5).Draw(t, "max"), Now: rapid.IntRange(0, 4).Draw(t, "now"),
			})
		}
		want, possible := exhaustive(&p)
		found, exact := p.Solve(3)
		if !exact || (len(found) > 0) != possible {
			t.Fatalf("Solve found %d ways, exact %t; the exhaustive search found one: %t", len(found), exact, possible)
		}
		if possible && math.Abs(found[0].weighed-want) > 1e-9 {
			t.Fatalf("Solve costs %g with %v, the exhaustive search %g", found[0].weighed, found[0].Counts, want)
		}
		for i := 1; i < len(found); i++ {
			if found[i].weighed < found[i-1].weighed-1e-9 {
				t.Fatalf("alternatives are not in order: %v", found)
			}
		}
	})
}

// TestThreeOptionsAreEnough holds mixes of three options to 3 % of what mixes of any cost.
func TestThreeOptionsAreEnough(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := Problem{
			Capacity: pooled(rapid.SliceOfN(rapid.Float64Range(20, 60), 3, 3).Draw(t, "rates")), Need: rapid.Float64Range(150, 400).Draw(t, "need"),
			SpotShare: 0.5, Lean: 0.3, Quality: rapid.SampledFrom([]float64{0, 0.6}).Draw(t, "quality"),
		}
		for i := range few + 1 {
			p.Options = append(p.Options, Option{
				Variant: i % 3, Price: rapid.Float64Range(0.03, 0.12).Draw(t, "price"), Speed: 1, Quality: rapid.Float64Range(0.4, 1).Draw(t, "q"), Spot: i%2 == 1, Max: 7,
			})
		}
		want, possible := exhaustive(&p)
		found, _ := p.Solve(1)
		if possible && (len(found) == 0 || found[0].Price > 1.03*want) {
			t.Fatalf("Solve = %v, the exhaustive search finds %g", found, want)
		}
	})
}

func TestWeights(t *testing.T) {
	p := Problem{Options: []Option{{Quality: 0.6}, {Quality: 0.9}}, Need: 100, Quality: 0.7}
	w := p.Weights([]float64{80, 60})
	if math.Abs(w[1]-0.6) > 1e-9 || math.Abs(w[0]-0.4) > 1e-9 {
		t.Errorf("with a least quality the weights are %v, want the best filled first: 0.4, 0.6", w)
	}
	p.Quality = 0
	if w := p.Weights([]float64{75, 25}); w[0] != 0.75 || w[1] != 0.25 {
		t.Errorf("weights %v, want those of the capacity", w)
	}
	if w := p.Weights([]float64{0, 0}); w[0] != 0 || w[1] != 0 {
		t.Errorf("weights %v of nothing, want 0", w)
	}
}

// catalogue is 4 variants on 3 classes, one of them spot, of up to 60 replicas.
func catalogue(need float64) Problem {
	p := Problem{Capacity: pooled([]float64{20, 45, 90, 160}), Need: need, Quality: 0.8, SpotShare: 0.5, Lean: 0.3, StayHours: 0.5, StartHours: 0.01}
	for v, quality := range []float64{0.95, 0.88, 0.8, 0.7} {
		for c, price := range []float64{0.08, 0.03, 0.11} {
			p.Options = append(p.Options, Option{Variant: v, Price: price * (1 + 0.1*float64(v)), Speed: []float64{1, 1, 1.4}[c], Quality: quality, Spot: c == 1, Max: 60, Now: v})
		}
	}
	return p
}

func TestSolveLooksAtAll(t *testing.T) {
	for _, need := range []float64{10, 100, 777, 1500, 3000} {
		p := catalogue(need)
		found, exact := p.Solve(3)
		if len(found) == 0 || !exact {
			t.Errorf("need %g: %d ways, exact %t", need, len(found), exact)
		}
	}
}

func BenchmarkSolve(b *testing.B) {
	p := catalogue(1500)
	b.ReportAllocs()
	for b.Loop() {
		p.Solve(3)
	}
}
