package plan

import "time"

// Source says where vitals come from.
type Source string

// The sources, the best first.
const (
	// Bus: the replicas say themselves how they are, once a second.
	Bus Source = "bus"
	// Scrape: Prometheus tells it, every 15 s.
	Scrape Source = "scrape"
	// CPU: nothing but the CPU time of the pods is known, from the metrics API.
	CPU Source = "cpu"
	// None: nothing is known of the load.
	None Source = "none"
)

// Observation is all that is known of one service at a moment. Absence is never zero: what is not known is nil or says so.
type Observation struct {
	// Source is where the vitals of the targets come from.
	Source Source `json:"source"`
	// Targets are the deployments of the service, in any order; names are unique.
	Targets []Target `json:"targets"`
	// Offered is requests per second as those who ask count them, which is known even when no replica lives; nil when unknown.
	Offered *float64 `json:"offered_per_second,omitempty"`
	// Failing is the share of requests that ended in an error for those who ask, 0 to 1; nil when unknown.
	Failing *float64 `json:"failing_share,omitempty"`
	// Pause holds back changes that a person has forbidden.
	Pause Pause `json:"pause"`
}

// Pause says which changes a person has forbidden.
type Pause struct {
	Up   bool `json:"up,omitempty"`
	Down bool `json:"down,omitempty"`
}

// Target is one deployment: a variant of the service on a class of nodes.
type Target struct {
	Name    string `json:"name"`
	Variant string `json:"variant"`
	// Class names the node class; Spot says that its nodes may be taken away, Fixed that they are paid for whether used or not.
	Class string `json:"class,omitempty"`
	Spot  bool   `json:"spot,omitempty"`
	Fixed bool   `json:"fixed,omitempty"`
	// Quality of the variant's answers, 0 to 1; 0 is unknown.
	Quality float64 `json:"quality,omitempty"`
	// Speed of the class beside the others, 1 where it is 0: a replica on a class of speed 2 serves twice as much.
	Speed float64 `json:"speed,omitempty"`
	// Price of one more replica in dollars per hour; nil when unknown. On a fixed class it is what the replica would cost.
	Price *float64 `json:"usd_per_replica_hour,omitempty"`
	// Cores and MemoryBytes are what each replica asks of its node, 0 when unknown; Workers is how many requests it works on at
	// once, 0 when unknown (then whole cores, at least one).
	Cores       float64 `json:"cores,omitempty"`
	MemoryBytes uint64  `json:"memory_bytes,omitempty"`
	Workers     int     `json:"workers,omitempty"`
	// Min and Max bound the replicas. Max is at least 1.
	Min int `json:"min"`
	Max int `json:"max"`
	// Asked is spec.replicas of now.
	Asked int `json:"asked"`
	// Rollout says that a new version is coming in: pods of the old and the new one stand side by side.
	Rollout bool `json:"rollout,omitempty"`
	// Disruptions is how many replicas may be taken away now, by the tightest disruption budget; nil when there is none.
	Disruptions *int `json:"disruptions_allowed,omitempty"`
	// Replicas are the pods that exist, by the informers. Pods of a rollout's surge are left out or marked Surge.
	Replicas []Replica `json:"replicas"`
	// Vitals are those of the replicas that exist, summed up; nil when none was heard. Service is what is known beforehand.
	Vitals  *Vitals  `json:"vitals,omitempty"`
	Service *Service `json:"service,omitempty"`
}

// Replica is one pod that exists.
type Replica struct {
	UID string `json:"uid"`
	// Created is when the pod was; Ready since when it serves, zero while it starts.
	Created time.Time `json:"created"`
	Ready   time.Time `json:"ready_since,omitzero"`
	// Leaving: it was told to end. Surge: it is one more than spec.replicas for the time of a rollout.
	Leaving bool `json:"leaving,omitempty"`
	Surge   bool `json:"surge,omitempty"`
}

// Vitals sum up what the replicas of a target did within Window, with silent replicas imputed at the mean of those heard.
type Vitals struct {
	// Window is how long the counts were gathered for, more than 0.
	Window time.Duration `json:"window_nanos"`
	// Arrivals came in, Done were answered, Shed were refused, Cheap were answered by the cheaper path, Late were answered later
	// than the objective.
	Arrivals float64 `json:"arrivals"`
	Done     float64 `json:"done"`
	Shed     float64 `json:"shed"`
	Cheap    float64 `json:"cheap"`
	Late     float64 `json:"late"`
	// BusyNanos is worker time in use, CPUNanos is CPU time in use, by requests or not.
	BusyNanos float64 `json:"busy_nanos"`
	CPUNanos  float64 `json:"cpu_nanos"`
	// InFlight and Queued are readings of the end of the window.
	InFlight float64 `json:"in_flight"`
	Queued   float64 `json:"queued"`
	// RSSBytes is the greatest memory of a replica.
	RSSBytes uint64 `json:"rss_bytes,omitempty"`
	// Latency counts answers by the bounds of [wire.LatencyBounds]; nil when unknown.
	Latency []float64 `json:"latency,omitempty"`
	// Fresh is the share of the ready replicas that were heard within the window, 0 to 1.
	Fresh float64 `json:"fresh_share"`
}

// Service is what one request takes of a replica that is idle.
type Service struct {
	// Mean is the worker time of a request, more than 0, on a class of speed 1; CV its coefficient of variation.
	Mean time.Duration `json:"mean_nanos"`
	CV   float64       `json:"cv"`
}

// ready, starting and leaving count the replicas of a target that belong to it.
func (t *Target) ready() int {
	return t.count(func(r *Replica) bool { return !r.Leaving && !r.Ready.IsZero() })
}

func (t *Target) starting() int {
	return t.count(func(r *Replica) bool { return !r.Leaving && r.Ready.IsZero() })
}

func (t *Target) leaving() int { return t.count(func(r *Replica) bool { return r.Leaving }) }

func (t *Target) count(is func(*Replica) bool) int {
	n := 0
	for i := range t.Replicas {
		if !t.Replicas[i].Surge && is(&t.Replicas[i]) {
			n++
		}
	}
	return n
}
