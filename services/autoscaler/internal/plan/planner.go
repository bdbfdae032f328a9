// Package plan decides for one service how many replicas of each target hold its objective at the least cost. It joins the cores
// of forecast, capacity, mix and guard; it takes values and a time and returns values and reasons.
package plan

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/haggle-commerce/haggle/services/autoscaler/internal/forecast"
	"github.com/haggle-commerce/haggle/services/autoscaler/internal/guard"
	"github.com/haggle-commerce/haggle/services/autoscaler/internal/mix"
	"github.com/haggle-commerce/haggle/services/autoscaler/internal/vertical"
)

// Planner makes the decisions for one service and remembers what it has learnt. It is used by one goroutine.
type Planner struct {
	settings Settings
	learnt   learnt
}

// learnt is all that a planner remembers, as it is stored.
type learnt struct {
	Version int `json:"version"`
	// Begun is the time of the first step.
	Begun    time.Time                     `json:"begun,omitzero"`
	Last     time.Time                     `json:"last,omitzero"`
	Forecast forecast.Forecaster           `json:"forecast"`
	Guard    guard.Guard                   `json:"guard"`
	Variants map[string]*variant           `json:"variants,omitempty"`
	Starts   map[string]*starts            `json:"starts,omitempty"`
	Uses     map[string]*vertical.Estimate `json:"uses,omitempty"`
	Signals  signals                       `json:"signals"`
	Open     []open                        `json:"open,omitempty"`
	Day      day                           `json:"day"`
}

// open is a decision that is not scored yet, with what was counted until then.
type open struct {
	At    time.Time `json:"at"`
	Total counts    `json:"total"`
}

// New returns a planner that has learnt nothing. Settings must pass Check.
func New(s Settings) *Planner { return &Planner{settings: s, learnt: learnt{Version: stateVersion}} }

// Configure replaces the settings and keeps what was learnt.
func (p *Planner) Configure(s Settings) { p.settings = s }

// The chance at which a forecast may fall short: without a cheaper path every shortfall is late answers, with one it is a few
// cheaper ones, and the even chance costs least (a newsvendor's fractile; the half is that of the design's measurements). How far it
// falls short is bounded beside it by [Settings.short].
const (
	goalAlone    = 0.05
	goalBrownout = 0.5
)

// young is for how long a planner watches before it cuts anything.
const young = 10 * time.Minute

// Step returns the decision at now. The windows of the vitals begin where those of the last step ended.
func (p *Planner) Step(now time.Time, in Observation) Decision {
	targets := slices.Clone(in.Targets)
	slices.SortFunc(targets, func(a, b Target) int { return cmp.Compare(a.Name, b.Name) })
	d := Decision{Time: now.UTC(), Action: Hold, Reasons: []string{}}
	l := &p.learnt
	p.watchClock(now)
	for i := range targets {
		p.watch(now, &targets[i])
	}
	traffic := p.listen(now, in, targets)
	d.Rung = l.Signals.Rung
	goal := goalAlone
	if p.settings.Brownout.Share > 0 {
		goal = goalBrownout
	}
	if traffic.known {
		for _, s := range l.Forecast.Note(now, traffic.rate*traffic.window.Seconds(), traffic.window) {
			l.Forecast.Adapt(s, goal)
			d.Outcomes = append(d.Outcomes, p.score(s))
		}
		for i := range targets {
			p.learn(now, &targets[i])
		}
	}
	horizon := p.startUp(targets) + p.settings.Every
	f, heard := l.Forecast.Ahead(now, horizon, goal, p.settings.short())
	d.Demand = Demand{
		Now: f.Now, Known: traffic.known, Forecast: f.Peak, Expert: f.Expert, Quantile: f.Quantile, Level: f.Level,
		Horizon: horizon.Seconds(), Need: f.Need,
	}
	if heard && traffic.known {
		l.Open = append(l.Open, open{At: now, Total: l.Day.Total})
	}
	if l.Signals.Blind == "" && (l.Begun.IsZero() || now.Sub(l.Begun) < young) {
		l.Signals.Blind = fmt.Sprintf("watched for less than %s: how much the demand varies is not known", young)
	}
	p.decide(now, in, targets, &d, heard)
	p.conclude(targets, traffic, &d)
	if l.Begun.IsZero() {
		l.Begun = now
	}
	l.Last = now
	return d
}

// watchClock forgets what a clock that was set would put into the wrong order.
func (p *Planner) watchClock(now time.Time) {
	gone := now.Sub(p.learnt.Last)
	if p.learnt.Last.IsZero() || gone > 0 && gone < 10*p.settings.Every+time.Minute {
		return
	}
	p.learnt.Forecast.Forget()
	p.learnt.Guard.Forget()
	p.learnt.Open = nil
}

// score tells what came true of the decision that a forecast belongs to.
func (p *Planner) score(s forecast.Scored) Outcome {
	o := Outcome{Time: s.At.UTC(), Need: s.Need, Peak: s.Peak}
	if s.Need > 0 {
		o.Ratio = s.Peak / s.Need
	}
	l := &p.learnt
	for len(l.Open) > 0 && !l.Open[0].At.After(s.At) {
		if c := l.Open[0]; c.At.Equal(s.At) {
			n := l.Day.Total.Arrivals - c.Total.Arrivals
			if n > 0 {
				o.LateShare = (l.Day.Total.Trouble - c.Total.Trouble) / n
				o.CheapShare = (l.Day.Total.Cheap - c.Total.Cheap) / n
			}
		}
		l.Open = l.Open[1:]
	}
	return o
}

// decide chooses the counts and lets the guard limit them.
func (p *Planner) decide(now time.Time, in Observation, targets []Target, d *Decision, heard bool) {
	want := make([]int, len(targets))
	for i := range targets {
		want[i] = targets[i].Asked
	}
	var reactive int
	problem, pools, sized := p.problem(now, targets, d.Demand.Need)
	if heard && sized {
		want = p.choose(&problem, targets, d)
		if len(targets) == 1 {
			reactive = p.fewest(&problem, d.Demand.Now)
			d.Reactive = &reactive
			p.settle(&problem, targets, want, d)
		}
	} else {
		d.Reasons = append(d.Reasons, "held: nothing is known of the demand or of what a request takes")
	}
	if floor, why := p.fallback(now, targets); floor > 0 && len(targets) == 1 && want[0] < floor {
		want[0] = floor
		d.Reasons = append(d.Reasons, why)
	}
	guarded := make([]guard.Target, len(targets))
	for i := range targets {
		t := &targets[i]
		guarded[i] = guard.Target{
			Name: t.Name, Want: want[i], Asked: t.Asked, Starting: t.starting(), Min: t.Min, Max: t.Max, Reactive: reactive, Rollout: t.Rollout, Disruptions: t.Disruptions,
		}
	}
	counts, limits := p.learnt.Guard.Apply(now, guard.Signals{
		StartUp: p.startUp(targets), Blind: p.learnt.Signals.Blind, UpPaused: in.Pause.Up, DownPaused: in.Pause.Down,
	}, guarded)
	for _, x := range limits {
		d.Limits = append(d.Limits, Limit(x))
	}
	p.cap(targets, counts, d)
	p.write(&problem, pools, targets, counts, d)
}

// tolerance is by how much the need may exceed the capacity before a replica is added where there is a cheaper path: the noise of
// fifteen seconds at a few hundred requests a second, which the path takes up.
const tolerance = 0.02

// settle keeps a fleet that is too small by no more than the noise of the forecast.
func (p *Planner) settle(problem *mix.Problem, targets []Target, want []int, d *Decision) {
	n := targets[0].Asked
	if p.settings.Brownout.Share > 0 && n > 0 && want[0] > n && d.Demand.Need <= (1+tolerance)*problem.Capacity(0, n)*problem.Options[0].Speed {
		d.Reasons = append(d.Reasons, fmt.Sprintf("%d bear the need but for %.0f %%, which the cheaper path takes", n, 100*tolerance))
		want[0] = n
	}
}

// cap refuses what would cost more than the spend cap: of what was to be raised the dearest stays.
func (p *Planner) cap(targets []Target, counts []int, d *Decision) {
	if p.settings.SpendCap <= 0 {
		return
	}
	hour := func() (sum float64) {
		for i, n := range counts {
			sum += float64(n) * price(&targets[i])
		}
		return sum
	}
	for hour() > p.settings.SpendCap+1e-9 {
		worst := -1
		for i, n := range counts {
			if n > max(targets[i].Asked, targets[i].Min) && (worst < 0 || price(&targets[i]) > price(&targets[worst])) {
				worst = i
			}
		}
		if worst < 0 {
			return
		}
		counts[worst]--
		if n := len(d.Limits); n == 0 || d.Limits[n-1].Name != "spend" {
			d.Limits = append(d.Limits, Limit{Name: "spend", Target: targets[worst].Name, Text: fmt.Sprintf("not raised further: more than the cap of $%g an hour", p.settings.SpendCap)})
		}
	}
}

// price is what a replica of a target costs; an unknown price counts as the same for all.
func price(t *Target) float64 {
	if t.Price == nil {
		return 1
	}
	return *t.Price
}
