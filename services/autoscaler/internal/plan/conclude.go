package plan

import (
	"fmt"

	"github.com/haggle-commerce/haggle/services/autoscaler/internal/mix"
)

// choose solves the problem and writes the alternatives; where nothing serves the need everything is wanted.
func (p *Planner) choose(m *mix.Problem, targets []Target, d *Decision) []int {
	found, exact := m.Solve(3)
	if len(found) == 0 {
		want := make([]int, len(targets))
		for i := range targets {
			want[i] = targets[i].Max
		}
		d.Reasons = append(d.Reasons, "nothing that is allowed serves the need: all of it is wanted")
		d.Limits = append(d.Limits, Limit{Name: "bounds", Text: "the need exceeds what the bounds allow"})
		return want
	}
	for i, c := range found {
		a := Alternative{Replicas: map[string]int{}, Hour: c.Price, Capacity: c.Capacity, Quality: c.Quality}
		for j, n := range c.Counts {
			if n > 0 {
				a.Replicas[targets[j].Name] = n
			}
		}
		if i > 0 {
			a.Note = fmt.Sprintf("$%.4f an hour more", c.Price-found[0].Price)
			if c.Price <= found[0].Price {
				a.Note = "moving there does not pay for itself"
			}
		}
		d.Alternatives = append(d.Alternatives, a)
	}
	if !exact {
		d.Reasons = append(d.Reasons, "the search was cut short: the best that was found is taken")
	}
	return append([]int(nil), found[0].Counts...)
}

// write fills in the targets and sums the decision up.
func (p *Planner) write(m *mix.Problem, pools map[string]pool, targets []Target, counts []int, d *Decision) {
	var weights []float64
	if m.Capacity != nil && len(m.Options) == len(targets) {
		served := make([]int, len(targets))
		for i := range targets {
			served[i] = min(counts[i], targets[i].ready())
		}
		weights = m.Weights(m.Of(served))
	}
	up, down := false, false
	for i := range targets {
		t := &targets[i]
		td := TargetDecision{
			Name: t.Name, Variant: t.Variant, Class: t.Class, Asked: t.Asked, Replicas: counts[i], Ready: t.ready(), Starting: t.starting(), Leaving: t.leaving(),
			StartUp: p.learnt.Starts[t.Name].p90(p.settings.StartUp).Seconds(),
		}
		if weights != nil {
			td.Weight = weights[i]
		}
		if pool, known := pools[t.Variant]; known {
			n := max(counts[i], 1)
			td.Knee, td.Learnt = pool.rate(n)/float64(n)*t.speed(), pool.learnt
		}
		if t.Price != nil {
			hour := *t.Price * float64(counts[i])
			td.Hour = &hour
		}
		if u := p.learnt.Uses[t.Name]; u != nil {
			td.Cores, td.MemoryBytes, _ = u.Request()
		}
		up, down = up || counts[i] > t.Asked, down || counts[i] < t.Asked
		d.Targets = append(d.Targets, td)
	}
	switch {
	case up && down:
		d.Action = Shift
	case up:
		d.Action = Up
	case down:
		d.Action = Down
	}
	if len(targets) > 0 {
		p.brownout(targets, d)
	}
}

// brownout writes the budget of the cheaper path: all that is needed while the day's share is not spent, then no more than it.
func (p *Planner) brownout(targets []Target, d *Decision) {
	share := p.settings.Brownout.Share
	if share == 0 {
		return
	}
	spent := p.learnt.Day.spent()
	threshold := 0.0
	for i := range targets {
		if v := p.learnt.Variants[targets[i].Variant]; v != nil {
			threshold = max(threshold, p.settings.threshold(v))
		}
	}
	d.Brownout = Brownout{ThresholdMillis: 1e3 * threshold, MaxShare: 1}
	if spent.Arrivals > 0 {
		d.Brownout.SpentShare = spent.Cheap / spent.Arrivals
	}
	// In the first hours a single burst is a large part of what has come, so a day at the rate of now is taken as the measure.
	if spent.Cheap > share*max(spent.Arrivals, d.Demand.Now*24*3600) {
		d.Brownout.MaxShare = share
	}
}

// conclude writes prices, conditions and reasons.
func (p *Planner) conclude(targets []Target, t traffic, d *Decision) {
	var before, after float64
	known, learnt := len(targets) > 0, len(targets) > 0
	for i := range targets {
		if targets[i].Price == nil {
			known = false
		} else {
			before += *targets[i].Price * float64(targets[i].Asked)
			after += *targets[i].Price * float64(d.Targets[i].Replicas)
		}
		learnt = learnt && d.Targets[i].Learnt
	}
	if known {
		d.HourNow, d.Hour = &before, &after
		if d.Demand.Now > 0 {
			per := after / (d.Demand.Now * 3600) * 1000
			d.PerThousand = &per
		}
	}
	if n, ok := hpa(targets); ok {
		d.HPA = &n
	}
	spent := p.learnt.Day.spent()
	late := spent.Trouble <= p.settings.Budget*spent.Arrivals
	met := true
	for i := range targets {
		if v := targets[i].Vitals; v != nil && v.sound() && v.Late+v.Shed > 0.01*v.Arrivals {
			met = false
		}
	}
	unlimited := true
	for _, l := range d.Limits {
		if l.Name == "bounds" || l.Name == "spend" || l.Name == "pause" {
			unlimited = false
		}
	}
	d.Conditions = Conditions{
		SignalsFresh: d.Rung == 1, CapacityLearned: learnt, PricesKnown: known, SLOMet: met && t.known,
		Unlimited: unlimited, WithinBudget: late && spent.Cheap <= p.settings.Brownout.Share*spent.Arrivals,
	}
	if d.Demand.Need > 0 {
		d.Reasons = append(d.Reasons, fmt.Sprintf("%.1f requests/s now; %s expects a peak of %.1f within %.0f s, times %.2f for its errors", d.Demand.Now, d.Demand.Expert, d.Demand.Forecast, d.Demand.Horizon, d.Demand.Quantile))
	}
	for _, l := range d.Limits {
		d.Reasons = append(d.Reasons, l.Text)
	}
}
