package simulate

import (
	"time"

	"github.com/haggle-commerce/haggle/services/autoscaler/internal/plan"
)

// Ours is the planner of production as a policy.
type Ours struct {
	Planner *plan.Planner
	Period  float64
	// Saw, which may be nil, is given every decision.
	Saw func(plan.Decision)
}

// NewOurs returns the planner with its default settings for a model: with the cheaper path for at most a share of the requests of
// a day, where the model has one and share is not 0.
func NewOurs(m *Model, share float64) *Ours {
	s := plan.Default(time.Duration(m.Objective * 1e9))
	if m.CheapCost > 0 && share > 0 {
		s.Brownout = plan.BrownoutSettings{Share: share, Cost: m.CheapCost}
	}
	return &Ours{Planner: plan.New(s), Period: s.Every.Seconds()}
}

// Every implements [Policy].
func (o *Ours) Every() float64 { return o.Period }

// Step implements [Policy].
func (o *Ours) Step(now time.Time, v View) Order {
	d := o.Planner.Step(now, v.Observation)
	if o.Saw != nil {
		o.Saw(d)
	}
	order := Order{Replicas: map[string]int{}, Threshold: d.Brownout.ThresholdMillis / 1e3, MaxShare: d.Brownout.MaxShare}
	for _, t := range d.Targets {
		order.Replicas[t.Name] = t.Replicas
		if len(d.Targets) > 1 && t.Weight > 0 {
			if order.Weights == nil {
				order.Weights = map[string]float64{}
			}
			order.Weights[t.Name] = t.Weight
		}
	}
	return order
}
