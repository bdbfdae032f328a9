package wire

import "time"

// Vitals is what an instance of a service says of itself once a second, as JSON on haggle.vital.<service>.<instance>.
// Counters run from the start of the process, so that a lost message loses nothing.
type Vitals struct {
	Service  string    `json:"service"`
	Instance string    `json:"instance"`
	PodUID   string    `json:"pod_uid,omitempty"`
	Node     string    `json:"node,omitempty"`
	Time     time.Time `json:"time"`
	Ready    time.Time `json:"ready_since,omitzero"`
	// Arrivals, Done, Shed and Cheap count requests since the start: came in, answered, refused as busy or late, answered by a cheaper path.
	Arrivals uint64 `json:"arrivals"`
	Done     uint64 `json:"done"`
	Shed     uint64 `json:"shed"`
	Cheap    uint64 `json:"cheap"`
	// InFlight and Queued are readings of this moment.
	InFlight int `json:"in_flight"`
	Queued   int `json:"queued"`
	Workers  int `json:"workers"`
	// BusyNanos is wall time spent in handlers; ProcessNanos is the CPU time of the whole process (user + system);
	// ClaimedNanos is the CPU time that receipts of queries account for; OtherNanos that of work done for no query (events, training, vitals).
	BusyNanos    uint64 `json:"busy_nanos"`
	ProcessNanos uint64 `json:"process_nanos"`
	ClaimedNanos uint64 `json:"claimed_nanos"`
	OtherNanos   uint64 `json:"other_nanos"`
	RSSBytes     uint64 `json:"rss_bytes"`
	// Cores and MemoryBytes are what the replica asks of its node; 0 means unknown.
	Cores       float64 `json:"cores"`
	MemoryBytes uint64  `json:"memory_bytes"`
	// Process names the operating-system process: vitals that share it (all in one) repeat the same ProcessNanos and RSSBytes.
	Process string `json:"process,omitempty"`
	// Latency is a histogram of handler wall time: bucket i counts requests of at most LatencyBounds[i] seconds.
	Latency []uint64 `json:"latency,omitempty"`
}

// LatencyBounds are the upper bounds, in seconds, of [Vitals.Latency]; one more bucket counts what is above the last.
var LatencyBounds = [...]float64{0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5}
