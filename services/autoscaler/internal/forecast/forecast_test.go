package forecast

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"pgregory.net/rapid"
)

var noon = time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)

func TestForecastCoversItsErrors(t *testing.T) {
	var f Forecaster
	r := rand.New(rand.NewPCG(1, 2))
	short, scored := 0, 0
	for step := range 4000 {
		now := noon.Add(time.Duration(step) * 5 * time.Second)
		rate := 200 * (1 + 0.1*math.Sin(float64(step)/200)) * math.Exp(0.05*r.NormFloat64())
		for _, s := range f.Note(now, rate*5, 5*time.Second) {
			f.Adapt(s, 0.1)
			if step > 1000 {
				scored++
				if s.Peak > s.Need {
					short++
				}
			}
		}
		f.Ahead(now, time.Minute, 0.1, 1)
	}
	if share := float64(short) / float64(scored); share < 0.05 || share > 0.16 {
		t.Errorf("forecasts fall short in %.3f of the cases, want about 0.1", share)
	}
}

func TestForecastOfABurstIsAtOnce(t *testing.T) {
	var f Forecaster
	for step := range 100 {
		now := noon.Add(time.Duration(step) * 5 * time.Second)
		rate := 100.0
		if step >= 98 {
			rate = 1000
		}
		f.Note(now, rate*5, 5*time.Second)
	}
	got, known := f.Ahead(noon.Add(500*time.Second), time.Minute, 0.5, 0.01)
	if !known || got.Need < 950 {
		t.Errorf("ten seconds into a burst of 1000 the need is %g", got.Need)
	}
}

// TestForecastIsSane: any counts at any times give finite forecasts, never below what is surely there, and survive being stored.
func TestForecastIsSane(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var f Forecaster
		now := noon
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.IntRange(-100, 400).Draw(t, "seconds")) * time.Second)
			f.Note(now, rapid.Float64Range(0, 1e6).Draw(t, "count"), 5*time.Second)
			got, known := f.Ahead(now, 45*time.Second, 0.3, 0.01)
			if !known || !(got.Need >= got.Floor) || math.IsInf(got.Need, 0) || got.Quantile < 0 {
				t.Fatalf("forecast %+v, known %t", got, known)
			}
		}
		data, err := json.Marshal(&f)
		if err != nil {
			t.Fatal(err)
		}
		var again Forecaster
		if err := json.Unmarshal(data, &again); err != nil {
			t.Fatal(err)
		}
	})
}

func TestCover(t *testing.T) {
	var e Errors
	for range 900 {
		e.add(0.001, noon)
	}
	for range 100 {
		e.add(math.Log(2), noon)
	}
	// A tenth of the peaks is twice the forecast: with a factor of q the mean excess is 0.1 * (2/q - 1), 0.05 at q = 4/3.
	if got := e.Cover(0.05); math.Abs(got-4.0/3) > 0.04 {
		t.Errorf("Cover(0.05) = %g, want 1.33", got)
	}
	if q := e.Quantile(0.5); math.Abs(q-1) > 0.03 {
		t.Errorf("the median error is %g, want 1", q)
	}
}
