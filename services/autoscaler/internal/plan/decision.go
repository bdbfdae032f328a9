package plan

import "time"

// Decision is what is to be done about one service, and the whole reckoning behind it.
type Decision struct {
	Time   time.Time `json:"time"`
	Action Action    `json:"action"`
	// Targets have one entry for each of the observation, sorted by name.
	Targets  []TargetDecision `json:"targets"`
	Brownout Brownout         `json:"brownout"`
	Demand   Demand           `json:"demand"`
	// Alternatives are the three cheapest ways to serve the need that were found, the chosen one first, before any guard.
	Alternatives []Alternative `json:"alternatives"`
	// Limits are what held the plan back from, or pushed it beyond, the first alternative, in the order they did.
	Limits []Limit `json:"limits,omitempty"`
	// Reactive is how many replicas hold the demand of now, without looking ahead; HPA is how many a HorizontalPodAutoscaler on
	// CPU would want; both nil when unknown or when there are several targets.
	Reactive *int `json:"reactive_replicas,omitempty"`
	HPA      *int `json:"hpa_replicas,omitempty"`
	// Rung is how good the signals are, 1 (all) to 4 (nothing for ten minutes).
	Rung int `json:"rung"`
	// Price of all wanted replicas, and of those asked for now, in dollars per hour, and per 1,000 queries at the demand of now;
	// nil when a price is unknown, or nobody asks.
	HourNow     *float64 `json:"usd_per_hour_now,omitempty"`
	Hour        *float64 `json:"usd_per_hour,omitempty"`
	PerThousand *float64 `json:"usd_per_1k,omitempty"`
	// Conditions say what is not as it should be; all are true in a healthy service.
	Conditions Conditions `json:"conditions"`
	// Outcomes are what came true of earlier decisions whose horizon has passed since the last step.
	Outcomes []Outcome `json:"outcomes,omitempty"`
	// Reasons say it for people, the weightiest first.
	Reasons []string `json:"reasons"`
}

// Action sums a decision up.
type Action string

// The actions. Shift is more of one target and less of another.
const (
	Up    Action = "up"
	Down  Action = "down"
	Shift Action = "shift"
	Hold  Action = "hold"
)

// TargetDecision is what is to be done about a target.
type TargetDecision struct {
	Name    string `json:"name"`
	Variant string `json:"variant"`
	Class   string `json:"class,omitempty"`
	// Asked is spec.replicas as observed, Replicas what it is to be; the rest is what exists.
	Asked    int `json:"asked"`
	Replicas int `json:"replicas"`
	Ready    int `json:"ready"`
	Starting int `json:"starting"`
	Leaving  int `json:"leaving"`
	// Weight is the share of the requests that are to be sent here; the weights of a service add up to 1, or are all 0.
	Weight float64 `json:"weight"`
	// Knee is the greatest rate, in requests per second, that a replica of a pool of that size serves within the objective, and
	// Learnt whether that was seen, rather than expected from a queue.
	Knee   float64 `json:"knee_per_replica"`
	Learnt bool    `json:"knee_learnt"`
	// StartUp is the 90th percentile of how long replicas took to become ready, in seconds.
	StartUp float64 `json:"start_up_seconds"`
	// Hour is the price of the wanted replicas in dollars per hour; nil when unknown.
	Hour *float64 `json:"usd_per_hour,omitempty"`
	// Cores and MemoryBytes are what a replica should ask for by its use; 0 while too little was seen.
	Cores       float64 `json:"right_sized_cores,omitempty"`
	MemoryBytes uint64  `json:"right_sized_memory_bytes,omitempty"`
}

// Brownout is what the service may do itself while replicas are on their way.
type Brownout struct {
	// ThresholdMillis is the expected wait from which on a request takes the cheaper path; 0 turns it off.
	ThresholdMillis float64 `json:"threshold_ms"`
	// MaxShare is the greatest share of the requests of a moment that may.
	MaxShare float64 `json:"max_share"`
	// SpentShare is the share of the last day's requests that did.
	SpentShare float64 `json:"spent_share"`
}

// Demand is the reckoning of what is asked, in requests per second.
type Demand struct {
	// Now is the rate of the last 10 s, Known whether it could be measured.
	Now   float64 `json:"now"`
	Known bool    `json:"known"`
	// Forecast is the peak that Expert expects within Horizon seconds; Quantile is the factor that covers its errors of late at
	// Level; Need is what the plan serves: their product, or the floor of what is surely there.
	Forecast float64 `json:"forecast"`
	Expert   string  `json:"expert"`
	Quantile float64 `json:"quantile"`
	Level    float64 `json:"level"`
	Horizon  float64 `json:"horizon_seconds"`
	Need     float64 `json:"need"`
}

// Alternative is one way to serve the need.
type Alternative struct {
	// Replicas by name of the target; those with none are left out.
	Replicas map[string]int `json:"replicas"`
	Hour     float64        `json:"usd_per_hour"`
	// Capacity is requests per second within the objective, Quality the mean quality of the answers.
	Capacity float64 `json:"capacity"`
	Quality  float64 `json:"quality,omitempty"`
	// Note says why it was not chosen; empty for the chosen one.
	Note string `json:"note,omitempty"`
}

// Limit is a guard that changed the plan.
type Limit struct {
	// Name is of a closed set, such as "hold", "flaps", "rate", "spend", "reactive", "outage", "rollout", "disruption", "pause",
	// "bounds", "signals".
	Name   string `json:"name"`
	Target string `json:"target,omitempty"`
	Text   string `json:"text"`
}

// Conditions are claims about the service.
type Conditions struct {
	SignalsFresh    bool `json:"signals_fresh"`
	CapacityLearned bool `json:"capacity_learned"`
	PricesKnown     bool `json:"prices_known"`
	SLOMet          bool `json:"slo_met"`
	// Unlimited: no guard, bound or cap keeps the service from having what it needs.
	Unlimited bool `json:"unlimited"`
	// WithinBudget: the late and the cheap answers of the last day are within what is allowed.
	WithinBudget bool `json:"within_budget"`
}

// Outcome is a decision scored by what came true.
type Outcome struct {
	// Time is that of the decision, and Need what it served.
	Time time.Time `json:"time"`
	Need float64   `json:"need"`
	// Peak is the greatest rate within its horizon, and Ratio that divided by the need: more than 1 is too little.
	Peak  float64 `json:"peak"`
	Ratio float64 `json:"ratio"`
	// LateShare and CheapShare are shares of the requests of the horizon; late includes those refused.
	LateShare  float64 `json:"late_share"`
	CheapShare float64 `json:"cheap_share"`
}
