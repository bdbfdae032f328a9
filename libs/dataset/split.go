package dataset

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/haggle-commerce/haggle/libs/shop"
)

// Part is one of the three parts of a log that is split in time.
type Part uint8

// The parts, in the order of their times. A model learns from Train, its settings are chosen on Valid, and Test says once how
// good it is.
const (
	Train Part = iota
	Valid
	Test
)

// String returns "train", "valid" or "test".
func (p Part) String() string {
	switch p {
	case Train:
		return "train"
	case Valid:
		return "valid"
	}
	return "test"
}

// TimeSplit cuts a log by the times of its events: nothing of a later part can leak into an earlier one. Events before Valid
// are for training; those from Valid on, but before Test, for validation; the rest for the test.
type TimeSplit struct {
	Valid, Test time.Time
}

// Part says where an event of the given time belongs.
func (s TimeSplit) Part(t time.Time) Part {
	switch {
	case t.Before(s.Valid):
		return Train
	case t.Before(s.Test):
		return Valid
	}
	return Test
}

// SplitByShare finds the boundaries such that about the given shares of the events are in the validation and the test part.
// Events with one time stay together, in the later part. It sorts times in place. The shares must be 0 or more and below 1
// together.
func SplitByShare(times []time.Time, valid, test float64) (TimeSplit, error) {
	if !(valid >= 0 && test >= 0 && valid+test < 1) {
		return TimeSplit{}, fmt.Errorf("split by shares %v and %v: both must be 0 or more, and below 1 together", valid, test)
	}
	if len(times) == 0 {
		return TimeSplit{}, fmt.Errorf("split by shares: no events")
	}
	slices.SortFunc(times, time.Time.Compare)
	n := float64(len(times))
	at := func(share float64) time.Time {
		i := len(times) - int(share*n+0.5)
		if i >= len(times) {
			return times[len(times)-1].Add(1)
		}
		return times[max(i, 0)]
	}
	return TimeSplit{Valid: at(valid + test), Test: at(test)}, nil
}

// SplitByDuration puts the last stretch of a log into the test part and the stretch before that into the validation part. last
// is the time of the last event. The durations must not be negative.
func SplitByDuration(last time.Time, valid, test time.Duration) (TimeSplit, error) {
	if valid < 0 || test < 0 {
		return TimeSplit{}, fmt.Errorf("split by durations %v and %v: both must be 0 or more", valid, test)
	}
	// The last event itself belongs to the last part that is not empty.
	end := last.Add(1)
	return TimeSplit{Valid: end.Add(-test - valid), Test: end.Add(-test)}, nil
}

// Shift moves all events by one time span, so that the last of them happens at a given moment, and returns the span. It needs
// no order. [Options.End] does the same while a file is read.
func Shift(events []shop.Event, last time.Time) time.Duration {
	if len(events) == 0 {
		return 0
	}
	latest := slices.MaxFunc(events, func(a, b shop.Event) int { return a.Time.Compare(b.Time) }).Time
	move := last.Sub(latest)
	for i := range events {
		events[i].Time = events[i].Time.Add(move)
	}
	return move
}

// SortByTime sorts events by their times, then by their ids, so that a log has one order.
func SortByTime(events []shop.Event) {
	slices.SortStableFunc(events, func(a, b shop.Event) int {
		return cmp.Or(a.Time.Compare(b.Time), cmp.Compare(a.ID, b.ID))
	})
}
