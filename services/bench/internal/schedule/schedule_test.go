package schedule

import (
	"math"
	"testing"
	"time"
)

func TestConstant(t *testing.T) {
	s := New(Constant, 1000, 1)
	for i := range 5000 {
		if got, want := s.Next(), time.Duration(i+1)*time.Millisecond; got != want {
			t.Fatalf("arrival %d at %v, want %v", i, got, want)
		}
	}
}

// Intervals of a Poisson process have their mean as standard deviation, and the same seed repeats them.
func TestPoisson(t *testing.T) {
	const n, rate = 50_000, 200.0
	s, twin, other := New(Poisson, rate, 7), New(Poisson, rate, 7), New(Poisson, rate, 8)
	sum, squares, last, differs := 0.0, 0.0, time.Duration(0), false
	for i := range n {
		at := s.Next()
		if again := twin.Next(); again != at {
			t.Fatalf("arrival %d at %v and, with the same seed, at %v", i, at, again)
		}
		differs = differs || other.Next() != at
		if at < last {
			t.Fatalf("arrival %d at %v, before %v", i, at, last)
		}
		gap := (at - last).Seconds() * rate
		sum, squares, last = sum+gap, squares+gap*gap, at
	}
	mean := sum / n
	if deviation := math.Sqrt(squares/n - mean*mean); math.Abs(mean-1) > 0.02 || math.Abs(deviation-1) > 0.02 {
		t.Errorf("intervals have mean %v and standard deviation %v, want 1 and 1 in units of 1/rate", mean, deviation)
	}
	if !differs {
		t.Error("another seed gives the same times")
	}
}

func TestPatternCheck(t *testing.T) {
	for p, good := range map[Pattern]bool{Poisson: true, Constant: true, "": false, "burst": false} {
		if err := p.Check(); (err == nil) != good {
			t.Errorf("Check of %q = %v", p, err)
		}
	}
}

func TestUntil(t *testing.T) {
	begin := time.Now()
	Until(begin.Add(-time.Second))
	target := time.Now().Add(5 * time.Millisecond)
	Until(target)
	if late := time.Since(target); late < 0 {
		t.Errorf("Until returned %v early", -late)
	}
}
