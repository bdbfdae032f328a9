// Package guard keeps a plan from doing harm: it holds before it cuts, bounds how often the direction changes and how fast a
// fleet shrinks, and cuts nothing while it does not know.
package guard

import (
	"fmt"
	"math"
	"time"
)

const (
	// regret is how much longer than a start-up fewer must have been enough before a cut (a ski rental: what a regret costs).
	regret = 20 * time.Second
	// span and turns bound the changes of direction: at most turns in any span, and one more upwards, that is 60 a day.
	span  = 2 * time.Hour
	turns = 4
	// sticky is within which a change of direction makes the hold twice as long.
	sticky = time.Hour
	// deep is the part of the fleet from which on a cut is no flap: load that is gone, rather than noise around a whole number.
	deep = 0.7
	// gentle is the part of a fleet that is left when it shrinks for a minute.
	gentle = 0.7
	// Step bounds a plan by what the demand of now needs.
	least, most = 0.7, 2.0
)

// Guard remembers what one service wanted and had. It is used by one goroutine; its fields are exported to be stored.
type Guard struct {
	// Wants by name of the target, the oldest first.
	Wants map[string][]Count `json:"wants,omitempty"`
	Had   map[string][]Count `json:"had,omitempty"`
	// Turns are the times at which the direction changed, Direction is the last: 1 up, -1 down, 0 none yet.
	Turns     []time.Time `json:"turns,omitempty"`
	Direction int         `json:"direction,omitempty"`
}

// Count is a number of replicas at a time.
type Count struct {
	At time.Time `json:"at"`
	N  int       `json:"n"`
}

// Target is what is wanted and known of one target.
type Target struct {
	Name string
	// Want is what the plan wants, Asked is spec.replicas, Starting is how many are not ready.
	Want, Asked, Starting, Min, Max int
	// Reactive is what the demand of now needs, 0 when unknown.
	Reactive int
	Rollout  bool
	// Disruptions is how many may be taken away; nil when nothing bounds it.
	Disruptions *int
}

// Signals say how much is known.
type Signals struct {
	// StartUp is how long a replica takes to become ready.
	StartUp time.Duration
	// Blind is why nothing may be cut; empty when it may. UpPaused and DownPaused are by order of a person.
	Blind                string
	UpPaused, DownPaused bool
}

// Limit is why a target does not get what the plan wants.
type Limit struct {
	Name, Target, Text string
}

// Apply returns how many replicas each target gets, in the order of targets, and what limited them.
func (g *Guard) Apply(now time.Time, s Signals, targets []Target) (out []int, limits []Limit) {
	if g.Wants == nil {
		g.Wants, g.Had = map[string][]Count{}, map[string][]Count{}
	}
	raised := false
	for i := range targets {
		raised = raised || targets[i].Want > targets[i].Asked || targets[i].Starting > 0
	}
	for i := range targets {
		t := &targets[i]
		n := t.Want
		limit := func(to int, name, format string, args ...any) {
			if to != n {
				limits = append(limits, Limit{Name: name, Target: t.Name, Text: fmt.Sprintf(format, args...)})
				n = to
			}
		}
		if t.Reactive > 0 && len(targets) == 1 {
			// The forecast may not lead far from what is plainly there.
			low, high := int(math.Floor(least*float64(t.Reactive))), int(math.Ceil(most*float64(t.Reactive)))
			limit(min(max(n, low), max(high, t.Asked)), "reactive", "kept within %d to %d by the demand of now", low, high)
		}
		if n > t.Asked && s.UpPaused {
			limit(t.Asked, "pause", "not raised to %d: paused", n)
		}
		if down := g.down(now, s, t, n, &limits); n < t.Asked {
			n = down
		}
		if n < t.Asked && len(targets) > 1 && raised {
			limit(t.Asked, "shift", "not lowered to %d before the replicas elsewhere are ready", n)
		}
		limit(min(max(n, t.Min), t.Max), "bounds", "kept within %d to %d", t.Min, t.Max)
		g.Had[t.Name] = remember(g.Had[t.Name], Count{now, t.Asked}, now.Add(-time.Minute))
		out = append(out, n)
	}
	g.turn(now, targets, out)
	return out, limits
}

// down returns how far a target may be lowered, and remembers what was wanted.
func (g *Guard) down(now time.Time, s Signals, t *Target, want int, limits *[]Limit) int {
	hold := s.StartUp + regret
	long := hold << min(6, max(0, g.since(now, sticky)-1))
	wants := remember(g.Wants[t.Name], Count{now, want}, now.Add(-max(long, hold)))
	g.Wants[t.Name] = wants
	if want >= t.Asked {
		return want
	}
	refuse := func(name, format string, args ...any) int {
		*limits = append(*limits, Limit{Name: name, Target: t.Name, Text: fmt.Sprintf(format, args...)})
		return t.Asked
	}
	switch {
	case s.Blind != "":
		return refuse("signals", "held at %d: %s", t.Asked, s.Blind)
	case s.DownPaused:
		return refuse("pause", "not lowered to %d: paused", want)
	case t.Rollout:
		return refuse("rollout", "not lowered to %d while a new version comes in", want)
	}
	most, whole := peak(wants, now.Add(-hold), now)
	if !whole || most >= t.Asked {
		return refuse("hold", "%d would be enough, but %d were wanted within %s", want, most, hold)
	}
	if float64(most) > deep*float64(t.Asked) || t.Asked-most < 2 {
		longest, whole := peak(wants, now.Add(-long), now)
		if !whole || longest >= t.Asked {
			return refuse("flaps", "%d would be enough, but %d were wanted within %s", want, longest, long)
		}
		if g.Direction > 0 && g.since(now, span) >= turns {
			return refuse("flaps", "not lowered to %d: the direction changed %d times in %s", want, turns, span)
		}
		most = longest
	}
	n := most
	if had, _ := peak(g.Had[t.Name], now.Add(-time.Minute), now); had > 0 {
		if slow := min(t.Asked-1, int(math.Ceil(gentle*float64(max(had, t.Asked))))); n < slow {
			*limits = append(*limits, Limit{"rate", t.Name, fmt.Sprintf("lowered to %d, not to %d: three tenths a minute at most", slow, n)})
			n = slow
		}
	}
	if t.Disruptions != nil && t.Asked-n > *t.Disruptions {
		allowed := t.Asked - max(0, *t.Disruptions)
		*limits = append(*limits, Limit{"disruption", t.Name, fmt.Sprintf("lowered to %d, not to %d: no more disruptions are allowed", allowed, n)})
		n = allowed
	}
	return n
}

// turn remembers the direction of the whole.
func (g *Guard) turn(now time.Time, targets []Target, out []int) {
	before, after := 0, 0
	for i := range targets {
		before, after = before+targets[i].Asked, after+out[i]
	}
	var direction int
	switch {
	case after > before:
		direction = 1
	case after < before:
		direction = -1
	default:
		return
	}
	if g.Direction == -direction {
		g.Turns = append(g.Turns, now)
	}
	g.Direction = direction
	for len(g.Turns) > 0 && now.Sub(g.Turns[0]) > span {
		g.Turns = g.Turns[1:]
	}
}

// since counts the changes of direction of the last d.
func (g *Guard) since(now time.Time, d time.Duration) int {
	n := 0
	for _, at := range g.Turns {
		if now.Sub(at) <= d {
			n++
		}
	}
	return n
}

// Forget drops what is remembered by the clock, after the clock was set: the next cut waits for a whole hold.
func (g *Guard) Forget() { g.Wants, g.Had, g.Turns = nil, nil, nil }

// remember appends a count and drops those that ended before from; a run of equal counts is kept by its first and last.
func remember(counts []Count, c Count, from time.Time) []Count {
	if n := len(counts); n > 1 && counts[n-1].N == c.N && counts[n-2].N == c.N {
		counts[n-1] = c
	} else {
		counts = append(counts, c)
	}
	for len(counts) > 2 && counts[1].At.Before(from) {
		counts = counts[1:]
	}
	return counts
}

// peak returns the greatest count from a time until now, and whether the counts reach back that far.
func peak(counts []Count, from, now time.Time) (most int, whole bool) {
	for i := len(counts) - 1; i >= 0; i-- {
		if counts[i].At.After(now) {
			continue
		}
		if counts[i].At.Before(from) {
			// It was wanted until the next was; where that is within the time it counts only if the two are a run.
			if i+1 < len(counts) && counts[i+1].N == counts[i].N {
				most = max(most, counts[i].N)
			}
			return most, true
		}
		most = max(most, counts[i].N)
		whole = counts[i].At.Equal(from)
	}
	return most, whole
}
