package capacity

import (
	"math/rand/v2"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestPriorIsAPropertyOfThePool(t *testing.T) {
	c := Prior(Spec{Mean: 0.04, CV: 0.5, Workers: 2, Objective: 0.16, Trouble: 0.005}, 1)
	for i := 1; i < len(c.Busy); i++ {
		if c.Busy[i] < c.Busy[i-1] {
			t.Errorf("a pool of %d bears %.3f, one of %d %.3f", c.Sizes[i], c.Busy[i], c.Sizes[i-1], c.Busy[i-1])
		}
	}
	// Erlang's formula for one replica of two workers at half load: a third waits, exponentially with a mean of 25 ms and this
	// spread, so that 0.6 % wait beyond 100 ms, and few of the rest take as long.
	if one := c.Knee(1); one < 0.42 || one > 0.58 {
		t.Errorf("one replica bears %.2f of its workers, want about a half", one)
	}
	if many := c.Knee(1000); many < 0.85 || many > 1 {
		t.Errorf("a thousand bear %.2f of their workers", many)
	}
	if k := c.Knee(5); k < c.Knee(4) || k > c.Knee(6) {
		t.Errorf("five bear %.3f, not between four and six", k)
	}
}

func TestLearnerFindsTheKnee(t *testing.T) {
	now := time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)
	for _, true_ := range []float64{0.8, 1, 1.2} {
		var l Learner
		r := rand.New(rand.NewPCG(1, 2))
		for range 2000 {
			now = now.Add(30 * time.Second)
			part := 0.5 + 0.8*r.Float64()
			trouble := 0.0
			if part > true_ {
				trouble = 0.05
			}
			l.Note(now, part, 6000, trouble*6000, 0.005)
		}
		got, seen := l.Factor(now, 0.005)
		if !seen || got < true_-0.06 || got > true_+0.06 {
			t.Errorf("a knee at %g is learnt as %.3f, %t", true_, got, seen)
		}
	}
}

// TestNothingIsExtrapolated: whatever was seen, a pool is not trusted with more than a tenth above what it bore or was expected to.
func TestNothingIsExtrapolated(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var l Learner
		now := time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)
		borne := 1.0
		for range rapid.IntRange(0, 40).Draw(t, "windows") {
			part := rapid.Float64Range(0, 2).Draw(t, "part")
			n := rapid.Float64Range(0, 1e6).Draw(t, "requests")
			bad := n * rapid.Float64Range(0, 1).Draw(t, "trouble")
			l.Note(now, part, n, bad, 0.01)
			if bad <= 0.01*n && n > 0 {
				borne = max(borne, part)
			}
			now = now.Add(time.Duration(rapid.IntRange(1, 3600).Draw(t, "seconds")) * time.Second)
		}
		if f, _ := l.Factor(now, 0.01); f > borne*1.1+1e-9 || f < 0.5 {
			t.Fatalf("factor %g where %g was borne", f, borne)
		}
	})
}
