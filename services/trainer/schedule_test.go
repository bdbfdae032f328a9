package trainer

import (
	"testing"
	"time"
)

func TestSchedule(t *testing.T) {
	c := Default()
	c.Every, c.Settle, c.MinEvents, c.Growth = 10*time.Minute, 2*time.Second, 100, 0.1
	s := schedule{config: c, wanted: true}
	now := time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)
	for i, at := range []struct {
		after time.Duration
		n     int
		want  step
	}{
		{0, 0, tooFew},
		{time.Hour, 99, tooFew},
		// An import is under way, and then ends.
		{time.Second, 5000, unsettled},
		{time.Second, 9000, unsettled},
		{time.Second, 20000, unsettled},
		{time.Second, 20100, unsettled},
		{time.Second, 20150, begin},
		// The run ends a minute later; a little more has come.
		{time.Minute, 20200, idle},
		{9 * time.Minute, 20300, idle},
		{time.Minute, 21000, idle},
		// A tenth more, and ten minutes have gone by.
		{time.Minute, 22200, begin},
		{9 * time.Minute, 40000, idle},
		{time.Minute, 40001, begin},
	} {
		now = now.Add(at.after)
		got := s.next(at.n, now)
		if got != at.want {
			t.Fatalf("moment %d with %d events: got step %d, want %d", i, at.n, got, at.want)
		}
		if got == begin {
			s.ended(at.n, now)
		}
	}
	s.wanted = true
	if got := s.next(40001, now); got != begin {
		t.Errorf("on demand: got step %d, want %d", got, begin)
	}
}

// A shop with live traffic never falls silent: what comes beside much that is there does not keep it from learning.
func TestScheduleWithLiveTraffic(t *testing.T) {
	s := schedule{config: Default()}
	now := time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)
	n := 100_000
	for range 30 {
		if s.next(n, now) == begin {
			return
		}
		now, n = now.Add(time.Second), n+50
	}
	t.Errorf("after %d events nothing was learnt", n)
}
