// Package simulate runs a service through a trace, request by request, under a policy that scales it: arrivals, two choices,
// queues, start-ups, drains, prices. The same seed gives every policy the same requests.
package simulate

import (
	"math/rand/v2"
	"time"

	"github.com/haggle-commerce/haggle/services/autoscaler/internal/plan"
	"github.com/haggle-commerce/haggle/services/autoscaler/internal/queue"
)

// Model is the service that is simulated. Times are seconds.
type Model struct {
	// Objective is the time within which a request is to be answered; one that would wait longer than ShedAfter is refused.
	Objective, ShedAfter float64
	// A replica serves StartUp after its order, give or take StartUpSpread at random, and costs Drain longer than it serves.
	StartUp, StartUpSpread, Drain float64
	// CheapCost is what the cheaper path takes of a request's work; 0: there is none.
	CheapCost float64
	Kinds     []Kind
	Seed      uint64
}

// Kind is a deployment: a variant of the service on a class of nodes.
type Kind struct {
	Name, Variant, Class string
	Spot, Fixed          bool
	Quality              float64
	// Speed divides the work; Price is dollars per replica-hour.
	Speed, Price float64
	Service      queue.Service
	Mean, CV     float64
	Workers      int
	Min, Max     int
	// Initial is how many replicas are ready at the beginning.
	Initial int
}

// Order is what a policy wants.
type Order struct {
	// Replicas by name of the kind; a kind that is left out stays.
	Replicas map[string]int
	// Weights by name of the kind; nil spreads requests by what is ready.
	Weights map[string]float64
	// Threshold is the expected wait in seconds from which on a request takes the cheaper path, 0 for never; MaxShare is the
	// greatest share of the requests of a second that may.
	Threshold, MaxShare float64
}

// View is what a policy sees: what production sees, and what peers measure beside it.
type View struct {
	plan.Observation
	// Concurrency is the mean number of requests in the service since the last view.
	Concurrency float64
}

// Policy scales the service. Step is called every Every seconds of the simulated clock.
type Policy interface {
	Every() float64
	Step(now time.Time, v View) Order
}

// Faults bend the world. Every field may be nil.
type Faults struct {
	// Observe changes what the policy sees. Writes reports whether an order reaches the cluster.
	Observe func(second float64, v *View)
	Writes  func(second float64) bool
	// Kill returns how many ready replicas of a kind die at a second, with what they work on.
	Kill func(second float64, kind string) int
	// Clock changes the time that the policy is told.
	Clock func(second float64, now time.Time) time.Time
	// Load multiplies the rate of a second.
	Load func(second float64) float64
}

// replica is one of the fleet.
type replica struct {
	*queue.Replica
	uid     string
	created float64
	ready   float64
	// gone is when a leaving one stops to cost; 0 while it stays.
	gone float64
	up   bool
	// busy is the worker seconds that it was given since the last billing.
	busy float64
}

// fleet is the replicas of a kind.
type fleet struct {
	Kind
	all []*replica
	// open are those that take requests; by is the replica behind each.
	open  []*queue.Replica
	by    map[*queue.Replica]*replica
	asked int
	vital tally
}

// tally counts since the last view.
type tally struct {
	arrivals, done, shed, cheap, late, busy, residence float64
	latency                                            []float64
}

// open brings the list of those that take requests up to date.
func (f *fleet) reopen() {
	f.open = f.open[:0]
	for _, r := range f.all {
		if r.up && r.gone == 0 {
			f.open = append(f.open, r.Replica)
		}
	}
}

// staying counts the replicas that are not leaving.
func (f *fleet) staying() int {
	n := 0
	for _, r := range f.all {
		if r.gone == 0 {
			n++
		}
	}
	return n
}

// world is a run.
type world struct {
	model   *Model
	faults  Faults
	fleets  []*fleet
	random  *rand.Rand
	starts  *rand.Rand
	order   Order
	serial  int
	start   time.Time
	result  *Result
	book    *book
	seen    float64
	weights []float64
}

// scale makes the fleets as large as the order says.
func (w *world) scale(now float64) {
	for _, f := range w.fleets {
		want, named := w.order.Replicas[f.Name]
		if !named {
			want = f.asked
		}
		f.asked = min(max(want, f.Min), f.Max)
		for f.staying() < f.asked {
			w.launch(f, now, now+w.model.StartUp+(2*w.starts.Float64()-1)*w.model.StartUpSpread)
		}
		for n := f.staying() - f.asked; n > 0; n-- {
			w.retire(f, now)
		}
	}
}

// launch creates a replica that is ready at a time.
func (w *world) launch(f *fleet, now, ready float64) *replica {
	w.serial++
	r := &replica{Replica: queue.NewReplica(f.Workers), uid: uid(w.serial), created: now, ready: ready}
	f.all = append(f.all, r)
	f.by[r.Replica] = r
	return r
}

// retire lets the youngest replica go, which is what a ReplicaSet does first with those that are not ready.
func (w *world) retire(f *fleet, now float64) {
	for i := len(f.all) - 1; i >= 0; i-- {
		r := f.all[i]
		if r.gone > 0 {
			continue
		}
		r.gone = now + w.model.Drain
		if !r.up {
			r.gone = now
		}
		f.reopen()
		return
	}
}

// pass moves the fleets on to a second: some become ready, some are gone, some die.
func (w *world) pass(now float64) {
	for _, f := range w.fleets {
		if w.faults.Kill != nil {
			w.kill(f, now)
		}
		changed, kept := false, f.all[:0]
		for _, r := range f.all {
			if !r.up && r.gone == 0 && r.ready <= now {
				r.up, changed = true, true
			}
			if r.gone > 0 && r.gone <= now {
				w.book.leave(f, r)
				delete(f.by, r.Replica)
				continue
			}
			kept = append(kept, r)
		}
		f.all = kept
		if changed {
			f.reopen()
		}
		// What the ReplicaSet finds missing it makes anew.
		for f.staying() < f.asked {
			w.launch(f, now, now+w.model.StartUp+(2*w.starts.Float64()-1)*w.model.StartUpSpread)
		}
	}
}

// kill takes ready replicas away, the oldest first; what they worked on is lost.
func (w *world) kill(f *fleet, now float64) {
	for n := w.faults.Kill(now, f.Name); n > 0; n-- {
		for _, r := range f.all {
			if r.up && r.gone == 0 {
				lost := float64(r.InFlight(now))
				w.result.Lost += lost
				f.vital.done -= lost
				r.gone = now
				break
			}
		}
	}
	f.reopen()
}
