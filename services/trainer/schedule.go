package trainer

import "time"

// step is what the schedule wants to be done.
type step int

const (
	// idle: there is nothing to do.
	idle step = iota
	// tooFew: there are too few events to learn from.
	tooFew
	// unsettled: the first run waits until the log grows no more as fast as in an import.
	unsettled
	// begin a run.
	begin
)

// schedule decides when to learn. The zero value, with a configuration, is that of a service that has not learnt yet.
type schedule struct {
	config Config
	// wanted says that somebody asked for a run.
	wanted bool
	// known is how many events there were at the last run, and last when it ended; ran says that there was one.
	known int
	last  time.Time
	ran   bool
	// before is how many events there were at the moment since.
	before int
	since  time.Time
}

// growing is the share by which the log may grow within Settle and still count as settled.
const growing = 0.01

// next returns what to do when there are n events now.
func (s *schedule) next(n int, now time.Time) step {
	switch {
	case n < s.config.MinEvents:
		s.wanted = false
		return tooFew
	case !s.ran && !s.settled(n, now):
		return unsettled
	case !s.ran, s.wanted:
		return begin
	case now.Sub(s.last) >= s.config.Every && n > s.known && float64(n) >= float64(s.known)*(1+s.config.Growth):
		return begin
	}
	return idle
}

// settled reports whether the log has hardly grown within the last Settle.
func (s *schedule) settled(n int, now time.Time) bool {
	if s.since.IsZero() || float64(n) > float64(s.before)*(1+growing) {
		s.before, s.since = n, now
		return false
	}
	return now.Sub(s.since) >= s.config.Settle
}

// ended notes that a run over n events has ended.
func (s *schedule) ended(n int, now time.Time) {
	s.ran, s.wanted, s.known, s.last = true, false, n, now
}
