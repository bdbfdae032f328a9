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
