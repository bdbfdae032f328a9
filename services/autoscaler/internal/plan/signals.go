package plan

import (
	"fmt"
	"math"
	"slices"
	"time"
)

// signals remembers how good the signals were.
type signals struct {
	Rung int `json:"rung"`
	// Blind is why nothing may be cut; empty when it may.
	Blind string `json:"blind,omitempty"`
	// Heard is when the demand was known last; Deaf since when it is not.
	Heard time.Time `json:"heard,omitzero"`
	// Peak is the fleet's size of each hour of the week, for a time without signals.
	Peak []int `json:"peak,omitempty"`
	// Fell is since when the demand looks like an outage, High what it was before.
	Fell time.Time `json:"fell,omitzero"`
	High float64   `json:"high"`
}

// counts are requests since the planner began.
type counts struct {
	Arrivals float64 `json:"arrivals"`
	Trouble  float64 `json:"late"`
	Cheap    float64 `json:"cheap"`
}

// day is what was counted, and the totals of each hour of the last day.
type day struct {
	Total counts   `json:"total"`
	Hours []counts `json:"hours,omitempty"`
	Hour  int64    `json:"hour"`
}

// spent returns the counts of the last day.
func (d *day) spent() counts {
	if len(d.Hours) == 0 {
		return d.Total
	}
	first := d.Hours[0]
	return counts{d.Total.Arrivals - first.Arrivals, d.Total.Trouble - first.Trouble, d.Total.Cheap - first.Cheap}
}

func (d *day) turn(now time.Time) {
	if hour := now.Unix() / 3600; hour != d.Hour {
		d.Hour = hour
		d.Hours = append(d.Hours, d.Total)
		if len(d.Hours) > 24 {
			d.Hours = d.Hours[len(d.Hours)-24:]
		}
	}
}

// traffic is what is asked of the whole service.
type traffic struct {
	known  bool
	rate   float64
	window time.Duration
}

const (
	// enough is the share of the ready replicas that must be heard.
	enough = 0.7
	// lost is after how long without signals a fleet is set to what it was at such hours.
	lost = 10 * time.Minute
	// silent is the rate below which no arrivals at all are believed to be none.
	silent = 5
	// quiet is for how long none must come until that is believed: an hour of a fleet costs less than a shop without one.
	quiet = time.Hour
	// An outage is a fall to less than half within 30 s while this share of the requests fails, and lasts until none of it is left.
	failing   = 0.05
	outageEnd = 10 * time.Minute
)

// listen sums the traffic up and says how far it may be believed: absence is never zero.
func (p *Planner) listen(now time.Time, in Observation, targets []Target) traffic {
	l := &p.learnt
	l.Day.turn(now)
	var t traffic
	fresh, ready, heard := 0.0, 0, 0.0
	for i := range targets {
		n := targets[i].ready()
		ready += n
		v := targets[i].Vitals
		if v == nil || !v.sound() {
			continue
		}
		fresh += v.Fresh * float64(n)
		heard++
		t.window = max(t.window, v.Window)
		t.rate += v.Arrivals / v.Window.Seconds()
		l.Day.Total.Arrivals += v.Arrivals
		l.Day.Total.Trouble += v.Late + v.Shed
		l.Day.Total.Cheap += v.Cheap
	}
	if ready > 0 {
		fresh /= float64(ready)
	}
	offered := in.Offered != nil && *in.Offered >= 0 && !math.IsInf(*in.Offered, 0)
	if offered {
		t.rate = max(t.rate, *in.Offered)
		t.window = max(t.window, p.settings.Every)
	}
	usable := in.Source == Bus || in.Source == Scrape
	t.known = usable && t.window > 0 && (heard > 0 && (fresh > 0 || ready == 0) || offered)
	p.climb(now, in, t, fresh, offered)
	if t.known && t.rate == 0 && l.Forecast.Rate() > silent && !offered {
		// Nobody stops asking a busy service from one second to the next: it is not heard, until it lasts.
		t.known = now.Sub(l.Signals.Heard) > quiet
		l.Signals.Blind = "no requests at all where there were many"
	} else if t.known {
		l.Signals.Heard = now
	}
	if p.outage(now, in, t) {
		l.Signals.Blind = "the demand fell while requests fail: an outage, after which it comes back"
		t.known = false
	}
	return t
}

// climb sets the rung and whether anything may be cut.
func (p *Planner) climb(now time.Time, in Observation, t traffic, fresh float64, offered bool) {
	s := &p.learnt.Signals
	s.Blind = ""
	if s.Heard.IsZero() {
		s.Heard = now
	}
	switch {
	case in.Source == Bus && t.known && (fresh >= enough || offered):
		s.Rung = 1
		if fresh < 1 {
			s.Blind = fmt.Sprintf("only %.0f %% of the ready replicas were heard", 100*fresh)
		}
	case t.known:
		s.Rung, s.Blind = 2, "the replicas themselves are not heard"
	case now.Sub(s.Heard) <= lost:
		s.Rung, s.Blind = 3, "nothing is heard of the load"
	default:
		s.Rung, s.Blind = 4, "nothing was heard of the load for long"
	}
}

// outage reports whether a fall of the demand is one of those that come back, with all that was held up.
func (p *Planner) outage(now time.Time, in Observation, t traffic) bool {
	s := &p.learnt.Signals
	if !t.known {
		return !s.Fell.IsZero()
	}
	fails := in.Failing != nil && *in.Failing > failing
	before := p.learnt.Forecast.Before(30 * time.Second)
	switch {
	case s.Fell.IsZero() && fails && t.rate < before/2:
		s.Fell, s.High = now, before
	case !s.Fell.IsZero() && !fails && (t.rate > 0.8*s.High || now.Sub(s.Fell) > outageEnd):
		s.Fell = time.Time{}
	}
	return !s.Fell.IsZero()
}

// fallback is how many replicas a single target is given while nothing is known: on rung 3 what keeps its CPU within reason, on
// rung 4 what it had at this hour of the week.
func (p *Planner) fallback(now time.Time, targets []Target) (n int, why string) {
	s := &p.learnt.Signals
	asked := 0
	for i := range targets {
		asked += targets[i].Asked
	}
	if len(s.Peak) != 7*24 {
		s.Peak = make([]int, 7*24)
	}
	hour := int(uint64(now.Unix())/3600) % len(s.Peak)
	if s.Rung <= 2 {
		if hour != int(uint64(p.learnt.Last.Unix())/3600)%len(s.Peak) {
			s.Peak[hour] = 0
		}
		s.Peak[hour] = max(s.Peak[hour], asked)
		return 0, ""
	}
	if cpu, ok := hpa(targets); ok && cpu > asked {
		return cpu, "raised by the CPU in use: nothing else is known"
	}
	if s.Rung < 4 {
		return 0, ""
	}
	var same []int
	for day := range 7 {
		if n := s.Peak[day*24+hour%24]; n > 0 && day != hour/24 {
			same = append(same, n)
		}
	}
	if len(same) == 0 {
		return 0, ""
	}
	slices.Sort(same)
	return same[int(0.95*float64(len(same)))], "raised to what this hour needed on other days: nothing is heard"
}

// sound reports whether vitals are numbers that can be.
func (v *Vitals) sound() bool {
	if v.Window <= 0 {
		return false
	}
	for _, x := range [...]float64{v.Arrivals, v.Done, v.Shed, v.Cheap, v.Late, v.BusyNanos, v.CPUNanos, v.InFlight, v.Queued, v.Fresh} {
		if !(x >= 0) || math.IsInf(x, 0) {
			return false
		}
	}
	return true
}

// The reckoning of a HorizontalPodAutoscaler on CPU: a target of 70 % of what is asked for, a tolerance of a tenth.
const (
	hpaTarget    = 0.7
	hpaTolerance = 0.1
)

// hpa is what a HorizontalPodAutoscaler would want of a single target now, before its window for cuts.
func hpa(targets []Target) (n int, ok bool) {
	if len(targets) != 1 {
		return 0, false
	}
	t := &targets[0]
	ready := t.ready()
	if t.Vitals == nil || !t.Vitals.sound() || t.Cores <= 0 || ready == 0 {
		return 0, false
	}
	use := t.Vitals.CPUNanos / float64(t.Vitals.Window.Nanoseconds()) / (t.Cores * float64(ready)) / hpaTarget
	if math.Abs(use-1) <= hpaTolerance {
		return t.Asked, true
	}
	return min(max(int(math.Ceil(use*float64(ready)-1e-9)), t.Min, 1), t.Max), true
}
