package plan

import (
	"math"
	"slices"
	"time"

	"github.com/haggle-commerce/haggle/services/autoscaler/internal/capacity"
	"github.com/haggle-commerce/haggle/services/autoscaler/internal/mix"
	"github.com/haggle-commerce/haggle/services/autoscaler/internal/vertical"
)

// variant is what is known of a variant of the service.
type variant struct {
	// Mean is worker seconds per full answer, by an average in which Weight requests count; CV its coefficient of variation.
	Mean   float64 `json:"mean"`
	CV     float64 `json:"cv"`
	Weight float64 `json:"weight"`
	// Spec is what Curve was simulated for.
	Spec    capacity.Spec    `json:"spec"`
	Curve   capacity.Curve   `json:"curve"`
	Learner capacity.Learner `json:"learner"`
	// Shifted says that the service time changed and the knee is not learnt anew: then it is trusted less.
	Shifted bool `json:"shifted,omitempty"`
	// Steady is the window that is gathered while nothing changes.
	Steady steady `json:"steady"`
}

// steady is a stretch of time without changes of the pool.
type steady struct {
	Since    time.Time `json:"since,omitzero"`
	Ready    int       `json:"ready"`
	Seconds  float64   `json:"seconds"`
	Arrivals float64   `json:"arrivals"`
	Trouble  float64   `json:"trouble"`
}

// starts are how long replicas of a target took to become ready.
type starts struct {
	Seen    []string  `json:"seen,omitempty"`
	Seconds []float64 `json:"seconds,omitempty"`
}

const (
	// startsKept is how many start-ups the 90th percentile is taken of.
	startsKept = 32
	// averaged is how many requests the mean service time is an average of: some minutes of a busy replica.
	averaged = 20_000
	// shift is the change of the service time from which on the pool is simulated anew, and margin what a knee is trusted less
	// until it is learnt again.
	shift  = 0.15
	margin = 1.15
	// settled is how long after a change a pool is steady, and gathered how long a window is that something is learnt from.
	settled  = 30 * time.Second
	gathered = 30.0
)

// watch notes the start-ups, the service time and the use of a target.
func (p *Planner) watch(now time.Time, t *Target) {
	l := &p.learnt
	if l.Starts == nil {
		l.Starts, l.Variants, l.Uses = map[string]*starts{}, map[string]*variant{}, map[string]*vertical.Estimate{}
	}
	s := l.Starts[t.Name]
	if s == nil {
		s = &starts{}
		l.Starts[t.Name] = s
	}
	s.note(t.Replicas)
	v := l.Variants[t.Variant]
	if v == nil {
		v = &variant{}
		l.Variants[t.Variant] = v
	}
	if v.Mean == 0 && t.Service != nil {
		v.Mean, v.CV = t.Service.Mean.Seconds(), t.Service.CV
	}
	vitals := t.Vitals
	if vitals == nil || !vitals.sound() {
		return
	}
	speed := t.speed()
	// A cheap answer counts as the part of a full one that it takes.
	full := vitals.Done - vitals.Cheap*(1-p.settings.Brownout.Cost)
	if p.settings.Brownout.Share == 0 {
		full = vitals.Done
	}
	if full >= 1 && vitals.BusyNanos > 0 {
		mean := vitals.BusyNanos / 1e9 / full * speed
		if v.Mean == 0 {
			v.Mean, v.CV = mean, 1
		}
		v.Weight = min(v.Weight+full, averaged)
		v.Mean += (mean - v.Mean) * full / max(v.Weight, full)
	}
	if ready := float64(t.ready()); ready > 0 {
		u := l.Uses[t.Name]
		if u == nil {
			u = &vertical.Estimate{}
			l.Uses[t.Name] = u
		}
		u.Note(now, vitals.CPUNanos/float64(vitals.Window.Nanoseconds())/ready, vitals.RSSBytes)
	}
}

// speed of the class of a target.
func (t *Target) speed() float64 {
	if t.Speed <= 0 {
		return 1
	}
	return t.Speed
}

// workers of a replica.
func (t *Target) workers() int {
	if t.Workers > 0 {
		return t.Workers
	}
	return max(1, int(t.Cores))
}

// note learns from replicas that became ready since the last time.
func (s *starts) note(replicas []Replica) {
	seen := make([]string, 0, len(replicas))
	for i := range replicas {
		r := &replicas[i]
		if r.Ready.IsZero() || r.UID == "" {
			continue
		}
		seen = append(seen, r.UID)
		// The first that are ever seen may have been there for long, and have been created with the cluster.
		if took := r.Ready.Sub(r.Created); s.Seen != nil && took > 0 && !slices.Contains(s.Seen, r.UID) {
			s.Seconds = append(s.Seconds, took.Seconds())
			if len(s.Seconds) > startsKept {
				s.Seconds = s.Seconds[1:]
			}
		}
	}
	s.Seen = seen
}

// p90 returns the 90th percentile of the start-ups, or believed until five were seen.
func (s *starts) p90(believed time.Duration) time.Duration {
	if s == nil || len(s.Seconds) < 5 {
		return believed
	}
	sorted := slices.Sorted(slices.Values(s.Seconds))
	return time.Duration(sorted[int(0.9*float64(len(sorted)-1)+0.5)] * float64(time.Second))
}

// startUp is the longest of the targets'.
func (p *Planner) startUp(targets []Target) time.Duration {
	longest := time.Duration(0)
	for i := range targets {
		longest = max(longest, p.learnt.Starts[targets[i].Name].p90(p.settings.StartUp))
	}
	return longest
}

// reserve is the part of the day's share of the cheaper path that is left to bursts; the rest is used as capacity all day.
const reserve = 0.2

// allowed is the share of the requests that may be late or take the cheaper path in the mean.
func (s *Settings) allowed() float64 {
	if s.Brownout.Share > 0 {
		return (1 - reserve) * s.Brownout.Share
	}
	return s.Budget
}

// short is the part of a forecast that the demand may exceed it by in the mean: half of what may take the cheaper path, because
// queues put the other half there.
func (s *Settings) short() float64 { return max(s.Budget, s.Brownout.Share/2) }

// threshold is the expected wait in seconds above which the cheaper path is taken: as much as leaves 99 of 100 full answers in
// time, and a tenth of the objective at least.
func (s *Settings) threshold(v *variant) float64 {
	if s.Brownout.Share == 0 || v.Mean <= 0 {
		return 0
	}
	variance := math.Log(1 + v.CV*v.CV)
	p99 := v.Mean * math.Exp(2.326*math.Sqrt(variance)-variance/2)
	return max(0.1*s.Objective.Seconds(), s.Objective.Seconds()-p99)
}

// pool is how a variant's replicas bear load at a moment.
type pool struct {
	curve   capacity.Curve
	factor  float64
	learnt  bool
	mean    float64
	workers int
}

// pool brings what is known of a variant up to date: it is simulated when its requests take another time than before.
func (p *Planner) pool(now time.Time, v *variant, t *Target) pool {
	spec := capacity.Spec{Mean: v.Mean, CV: v.CV, Workers: t.workers(), Objective: p.settings.Objective.Seconds(), Trouble: p.settings.allowed()}
	if p.settings.Brownout.Share > 0 {
		spec.Cheap, spec.Threshold = p.settings.Brownout.Cost, p.settings.threshold(v)
	}
	known := len(v.Curve.Sizes) > 0
	moved := known && math.Abs(math.Log(spec.Mean/v.Spec.Mean)) > shift
	if !known || moved || spec.Workers != v.Spec.Workers || spec.Trouble != v.Spec.Trouble || spec.Objective != v.Spec.Objective {
		v.Shifted = moved
		v.Spec, v.Learner, v.Curve = spec, capacity.Learner{}, capacity.Prior(spec, 1)
	}
	factor, seen := v.Learner.Factor(now, p.settings.allowed())
	if seen {
		v.Shifted = false
	}
	if v.Shifted {
		factor /= margin
	}
	return pool{curve: v.Curve, factor: factor, learnt: seen, mean: v.Mean, workers: spec.Workers}
}

// rate returns what n replicas bear on a class of speed 1, in requests per second.
func (p *pool) rate(n int) float64 {
	if n <= 0 {
		return 0
	}
	return min(1, p.curve.Knee(n)*p.factor) * float64(n*p.workers) / p.mean
}

// learn notes how a pool bears its load, from windows in which nothing changed. Only a variant on a single target is learnt from:
// of several the loads cannot be told apart.
func (p *Planner) learn(now time.Time, t *Target) {
	v := p.learnt.Variants[t.Variant]
	vitals := t.Vitals
	if v == nil || vitals == nil || !vitals.sound() || len(v.Curve.Sizes) == 0 {
		return
	}
	s := &v.Steady
	ready := t.ready()
	if ready != s.Ready || t.leaving() > 0 || t.Rollout || vitals.Fresh < 1 {
		*s = steady{Since: now, Ready: ready}
		return
	}
	if ready == 0 || now.Sub(s.Since) < settled {
		return
	}
	s.Seconds += vitals.Window.Seconds()
	s.Arrivals += vitals.Arrivals
	s.Trouble += vitals.Late + vitals.Shed + vitals.Cheap
	if s.Seconds < gathered {
		return
	}
	load := s.Arrivals / s.Seconds * v.Mean / t.speed() / float64(ready*t.workers())
	// What is allowed depends on the size of the pool, so trouble is noted in terms of what is allowed of a large one.
	scale := v.Spec.Trouble / v.Spec.Allowed(ready)
	v.Learner.Note(now, load/v.Curve.Knee(ready), s.Arrivals, s.Trouble*scale, v.Spec.Trouble)
	*s = steady{Since: s.Since, Ready: ready}
}

// problem puts the choice into the terms of package mix; ok is false while nothing is known of what a request takes.
func (p *Planner) problem(now time.Time, targets []Target, need float64) (m mix.Problem, pools map[string]pool, ok bool) {
	pools = map[string]pool{}
	var order []pool
	var names []string
	for i := range targets {
		t := &targets[i]
		v := p.learnt.Variants[t.Variant]
		if v == nil || v.Mean <= 0 {
			return m, pools, false
		}
		at := slices.Index(names, t.Variant)
		if at < 0 {
			at = len(names)
			pools[t.Variant] = p.pool(now, v, t)
			names, order = append(names, t.Variant), append(order, pools[t.Variant])
		}
		option := mix.Option{Variant: at, Price: price(t), Speed: t.speed(), Quality: t.Quality, Spot: t.Spot, Min: t.Min, Max: t.Max, Now: t.Asked}
		if t.Fixed {
			// Paid for anyway; a millionth keeps the choice from taking more than it needs.
			option.Price *= 1e-6
		}
		m.Options = append(m.Options, option)
	}
	m.Capacity = func(at, n int) float64 { return order[at].rate(n) }
	m.Need, m.Quality, m.SpotShare = need, p.settings.Quality, p.settings.SpotShare
	if len(targets) == 1 {
		m.SpotShare, m.Quality = 1, 0
	} else if p.settings.Brownout.Share > 0 {
		m.Lean = p.settings.Brownout.Cost
	}
	m.StayHours, m.StartHours = p.settings.Stay.Hours(), p.startUp(targets).Hours()
	return m, pools, len(targets) > 0
}

// fewest is how many of a single target bear a rate.
func (p *Planner) fewest(m *mix.Problem, rate float64) int {
	o := &m.Options[0]
	n := max(o.Min, 1)
	for n < o.Max && m.Capacity(0, n)*o.Speed < rate {
		n++
	}
	return n
}
