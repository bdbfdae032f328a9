package budget

import (
	"testing"
	"time"
)

func TestSplit(t *testing.T) {
	begin := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	plan := Split(50 * time.Millisecond)
	if got := plan.RecallBy(begin).Sub(begin); got != 30*time.Millisecond {
		t.Errorf("recall may take %v, want 30ms", got)
	}
	tests := []struct {
		after time.Duration
		fits  bool
	}{{0, true}, {30 * time.Millisecond, true}, {45 * time.Millisecond, true}, {46 * time.Millisecond, false}, {time.Second, false}}
	for _, test := range tests {
		by, fits := plan.RankBy(begin, begin.Add(test.after))
		if fits != test.fits || by.Sub(begin) != 47500*time.Microsecond {
			t.Errorf("RankBy after %v = %v, %v, want 47.5ms, %v", test.after, by.Sub(begin), fits, test.fits)
		}
	}
}

// TestWhatRecallMayUseLeavesTimeForRank holds for every total: recall at its limit never starves ranking.
func TestWhatRecallMayUseLeavesTimeForRank(t *testing.T) {
	begin := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	for total := time.Millisecond; total < time.Minute; total *= 2 {
		plan := Split(total)
		if _, fits := plan.RankBy(begin, plan.RecallBy(begin)); !fits {
			t.Errorf("Split(%v): recall at its limit leaves no time for ranking", total)
		}
	}
}

func TestThriftRisesWithLoad(t *testing.T) {
	for working, want := range map[int64]Thrift{0: Ease, 63: Ease, 64: Careful, 95: Careful, 96: Sparing, 115: Sparing, 116: Meagre, 500: Meagre} {
		if got := ThriftAt(working, 128); got != want {
			t.Errorf("ThriftAt(%d, 128) = %d, want %d", working, got, want)
		}
	}
}

// TestMoreThriftAllowsLess compares each degree with the one before: less CPU time, and no quota that is wider or gone.
func TestMoreThriftAllowsLess(t *testing.T) {
	for degree := Careful; degree < degrees; degree++ {
		before, now := Allow(degree-1, false), Allow(degree, false)
		if now.CPU <= 0 || before.CPU > 0 && now.CPU >= before.CPU {
			t.Errorf("degree %d allows %v of CPU, the one before %v", degree, now.CPU, before.CPU)
		}
		quotas := map[string]int{}
		for _, q := range now.Quotas {
			quotas[q.Channel] = q.Candidates
		}
		for _, q := range before.Quotas {
			if n, ok := quotas[q.Channel]; !ok || n > q.Candidates {
				t.Errorf("degree %d allows %d of %s (named: %v), the one before %d", degree, n, q.Channel, ok, q.Candidates)
			}
		}
	}
	for _, q := range Allow(Meagre, true).Quotas {
		if q.Channel == "similar" {
			t.Errorf("a page of similar items has a quota for %s", q.Channel)
		}
	}
}
