// Package synth makes a whole shop out of a seed: a catalogue with English and Chinese titles, shoppers with tastes of their
// own, and a log of what they searched, saw, clicked and bought.
package synth

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/haggle-commerce/haggle/libs/shop"
)

// Options say how large a shop is to be. A zero field takes its default.
type Options struct {
	// Seed decides everything: the same options give the same items and events on every machine.
	Seed uint64
	// Items is the size of the catalogue, 20,000 by default.
	Items int
	// Events is how many events the log has in all, impressions (view_item_list) included, 300,000 by default.
	Events int
	// Shoppers is how many people there are, one for 50 events by default. Some of them never come.
	Shoppers int
	// Days is the length of the log, 60 by default.
	Days int
	// End is the moment just after the last event, 2026-06-01 by default.
	End time.Time
	// Progress, where set, is called about a hundred times.
	Progress func(Progress)
}

// Progress says how far the generator is.
type Progress struct {
	// Stage is "items" or "events".
	Stage       string
	Done, Total int
}

func (o Options) withDefaults() Options {
	def := func(x *int, value int) {
		if *x == 0 {
			*x = value
		}
	}
	def(&o.Items, 20000)
	def(&o.Events, 300000)
	def(&o.Shoppers, max(o.Events/50, 20))
	def(&o.Days, 60)
	if o.End.IsZero() {
		o.End = time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)
	}
	return o
}

// Check reports all faults of the options, nil when they can be generated.
func (o Options) Check() error {
	var errs []error
	for _, f := range []struct {
		name       string
		value, max int
	}{{"Items", o.Items, 5_000_000}, {"Events", o.Events, 1_000_000_000}, {"Shoppers", o.Shoppers, 2_000_000}, {"Days", o.Days, 3650}} {
		if f.value < 0 || f.value > f.max {
			errs = append(errs, fmt.Errorf("%s is %d, must be between 0 and %d (0 takes the default)", f.name, f.value, f.max))
		}
	}
	return errors.Join(errs...)
}

func (o Options) report(stage string, done, total int) {
	if o.Progress != nil && (done == total || done%max(total/50, 1) == 0) {
		o.Progress(Progress{stage, done, total})
	}
}

// Generate makes the shop: it hands each item to item, then each event, in the order of their times, to event. Either may be
// nil, when nobody needs them. It stops at the first error of a callback and when ctx ends.
//
// The memory it needs is about 100 bytes an item and 1.5 KB a shopper; the log itself is never held.
func Generate(ctx context.Context, o Options, item func(shop.Item) error, event func(shop.Event) error) (Stats, error) {
	if err := o.Check(); err != nil {
		return Stats{}, fmt.Errorf("generate shop: %w", err)
	}
	o = o.withDefaults()
	v, err := parseWords(wordsFile)
	if err != nil {
		return Stats{}, err
	}
	start := o.End.UTC().Add(-time.Duration(o.Days) * day)
	c := newCatalogue(o, v)
	if err := c.makeItems(o, start, item); err != nil {
		return Stats{}, err
	}
	count := newCounter(o, c)
	box := &outbox{prefix: "g" + strconv.FormatUint(o.Seed, 36) + "-", emit: func(e *shop.Event) error {
		count.add(e)
		o.report("events", count.stats.Events, o.Events)
		if event == nil {
			return nil
		}
		if err := event(*e); err != nil {
			return fmt.Errorf("emit event %s: %w", e.ID, err)
		}
		return nil
	}}
	if err := run(ctx, o, c, start, box); err != nil {
		return count.done(), fmt.Errorf("generate events: %w", err)
	}
	return count.done(), nil
}

// run goes through the log hour by hour. After each it corrects how many sessions the rest needs, so that the log has the
// number of events that was asked for.
func run(ctx context.Context, o Options, c *catalogue, start time.Time, box *outbox) error {
	r := newRandom(o.Seed, 4)
	shoppers, activity := makeShoppers(o, c, start.UnixMilli())
	w := newWalk(newDemand(c, start, o.Days), r, box)
	w.end = start.Add(time.Duration(o.Days) * day).UnixMilli()
	slots := o.Days * 24
	left := 0.0
	for i := range slots {
		left += traffic(start.Add(time.Duration(i)*time.Hour), start)
	}
	sessions := 0
	// The first guess of the events of a session; measured on the default shop.
	perSession, begins := 9.0, []int64(nil)
	for i := range slots {
		if err := ctx.Err(); err != nil {
			return err
		}
		at := start.Add(time.Duration(i) * time.Hour)
		weight := traffic(at, start)
		expected := float64(o.Events-box.total()) * weight / left / perSession
		left -= weight
		n := int(expected)
		if r.chance(expected - float64(n)) {
			n++
		}
		if i == slots-1 {
			// What is still missing comes in the last hour, cut off at the exact number.
			n += 50 + o.Events/50
		}
		w.turn(at)
		begins = w.begins(begins[:0], at.UnixMilli(), n, i == slots-1)
		for _, begin := range begins {
			if box.total() >= o.Events {
				break
			}
			if i < slots-1 {
				if err := box.flush(begin, o.Events); err != nil {
					return err
				}
			}
			s := w.whoComes(shoppers, activity, begin)
			sessions++
			w.visit(s, shop.SessionID("s"+strconv.Itoa(sessions)), begin)
		}
		if sessions > 200 {
			perSession = float64(box.total()) / float64(sessions)
		}
	}
	return box.drain(o.Events)
}

// begins draws the moments in an hour at which sessions begin. Those of the last hour begin in its first half, so that they
// end within the log; they are in no order, so that stopping early cuts no part of the hour off.
func (w *walk) begins(moments []int64, hour int64, n int, last bool) []int64 {
	span := float64(time.Hour.Milliseconds())
	if last {
		span /= 2
	}
	for range n {
		moments = append(moments, hour+int64(w.random.float()*span))
	}
	if !last {
		slices.Sort(moments)
	}
	return moments
}

// whoComes draws a shopper who is not in a session now and has already found the shop.
func (w *walk) whoComes(shoppers []shopper, activity []float32, now int64) *shopper {
	var s *shopper
	for range 50 {
		s = &shoppers[w.random.pick(activity)]
		if s.arrives <= now && s.freeAt <= now {
			return s
		}
	}
	return s
}
