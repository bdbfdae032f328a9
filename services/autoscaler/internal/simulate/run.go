package simulate

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sort"
	"strconv"
	"time"

	"github.com/haggle-commerce/haggle/libs/wire"
	"github.com/haggle-commerce/haggle/services/autoscaler/internal/plan"
	"github.com/haggle-commerce/haggle/services/autoscaler/internal/queue"
)

// Result is what came of a run.
type Result struct {
	// Requests came in; Late were answered after the objective, Shed refused, Lost died with their replica, Cheap took the
	// cheaper path.
	Requests, Late, Shed, Lost, Cheap float64
	// ReplicaHours are paid for, from the order to the end of the drain; Dollars is their price.
	ReplicaHours, Dollars float64
	// Changes counts how often the total of wanted replicas went up after it had gone down, or down after up.
	Changes, Moves int
	// BadMinutes counts minutes in which more than 1 % of the requests missed.
	BadMinutes int
	Seconds    float64
	// Quality is the mean quality of the answers, where the kinds have one.
	Quality float64
	Minutes []Minute
	Ledger  Ledger
}

// Minute is a point of the picture.
type Minute struct {
	Rate, Late, Cheap float64
	// Ready and Wanted are replicas at the end of the minute.
	Ready, Wanted int
}

// Misses returns the share of the requests that were late, refused or lost; Degraded that of the cheaper path.
func (r *Result) Misses() float64 { return share(r.Late+r.Shed+r.Lost, r.Requests) }

// Degraded returns the share of the requests that took the cheaper path.
func (r *Result) Degraded() float64 { return share(r.Cheap, r.Requests) }

func share(part, whole float64) float64 {
	if whole <= 0 {
		return 0
	}
	return part / whole
}

// ledgerEvery is how often, in seconds, the ledger is written.
const ledgerEvery = 10

// Run simulates the trace under the policy. It ends early, with the context's error, when ctx does; progress, which may be nil,
// is called once per simulated hour.
func Run(ctx context.Context, t *Trace, m *Model, p Policy, f Faults, progress func(hours float64)) (Result, error) {
	w := &world{
		model: m, faults: f, start: t.Start, result: &Result{}, book: newBook(),
		random: rand.New(rand.NewPCG(m.Seed, 1)), starts: rand.New(rand.NewPCG(m.Seed, 2)),
	}
	for _, k := range m.Kinds {
		fl := &fleet{Kind: k, by: map[*queue.Replica]*replica{}, asked: k.Initial}
		fl.vital.latency = make([]float64, len(wire.LatencyBounds)+1)
		for range k.Initial {
			w.launch(fl, 0, 0).up = true
		}
		fl.reopen()
		w.fleets = append(w.fleets, fl)
	}
	rates := walker{t: t}
	var minute Minute
	counted := *w.result
	due := 0.0
	for second := 0.0; second < t.End; second++ {
		w.pass(second)
		if second >= due {
			due += p.Every()
			w.step(second, p)
		}
		rate := rates.at(second)
		if f.Load != nil {
			rate *= f.Load(second)
		}
		w.serve(second, min(second+1, t.End), rate)
		if s := int(second) + 1; s%ledgerEvery == 0 {
			w.book.write(w, second+1)
		}
		if s := int(second) + 1; s%60 == 0 {
			w.note(&minute, &counted)
		}
		if int(second)%3600 == 3599 {
			if err := ctx.Err(); err != nil {
				return Result{}, err
			}
			if progress != nil {
				progress((second + 1) / 3600)
			}
		}
	}
	w.result.Seconds = t.End
	w.book.close(w)
	w.result.Ledger = w.book.ledger
	w.result.Quality = share(w.book.quality, w.result.Requests)
	return *w.result, nil
}

// note ends a minute.
func (w *world) note(minute *Minute, before *Result) {
	r := w.result
	n := r.Requests - before.Requests
	missed := r.Late + r.Shed + r.Lost - before.Late - before.Shed - before.Lost
	*minute = Minute{Rate: n / 60, Late: share(missed, n), Cheap: share(r.Cheap-before.Cheap, n)}
	for _, f := range w.fleets {
		minute.Ready += len(f.open)
		minute.Wanted += f.asked
	}
	if minute.Late > 0.01 {
		r.BadMinutes++
	}
	r.Minutes = append(r.Minutes, *minute)
	*before = *r
}

// step lets the policy look and order.
func (w *world) step(second float64, p Policy) {
	v := w.view(second)
	now := w.start.Add(time.Duration(second * 1e9))
	if w.faults.Clock != nil {
		now = w.faults.Clock(second, now)
	}
	if w.faults.Observe != nil {
		w.faults.Observe(second, &v)
	}
	order := p.Step(now, v)
	if w.faults.Writes != nil && !w.faults.Writes(second) {
		return
	}
	before := w.wanted()
	w.order = order
	w.scale(second)
	w.turn(before, w.wanted())
	w.weigh()
}

func (w *world) wanted() int {
	n := 0
	for _, f := range w.fleets {
		n += f.asked
	}
	return n
}

// turn counts changes of direction.
func (w *world) turn(before, after int) {
	if before == after {
		return
	}
	w.result.Moves++
	direction := 1
	if after < before {
		direction = -1
	}
	if w.book.direction == -direction {
		w.result.Changes++
	}
	w.book.direction = direction
}

// weigh lays out the fleets' shares of the requests.
func (w *world) weigh() {
	w.weights = w.weights[:0]
	for _, f := range w.fleets {
		weight := float64(len(f.open)) * f.Speed
		if w.order.Weights != nil {
			weight = w.order.Weights[f.Name]
		}
		w.weights = append(w.weights, weight)
	}
}

// pick returns a fleet by weight that has an open replica, or nil when none has.
func (w *world) pick(x float64) *fleet {
	if len(w.fleets) == 1 {
		return w.fleets[0]
	}
	sum := 0.0
	for i, f := range w.fleets {
		if len(f.open) > 0 {
			sum += w.weights[i]
		}
	}
	x *= sum
	for i, f := range w.fleets {
		if len(f.open) == 0 {
			continue
		}
		if x -= w.weights[i]; x < 0 {
			return f
		}
	}
	for _, f := range w.fleets {
		if len(f.open) > 0 {
			return f
		}
	}
	return w.fleets[0]
}

// serve works the requests of a second off.
func (w *world) serve(begin, end, rate float64) {
	// The requests of a second depend on the seed and the second alone, so that every policy gets the same.
	r := rand.New(rand.NewPCG(w.model.Seed, 1<<32+uint64(begin)))
	if len(w.fleets) > 1 {
		w.weigh()
	}
	cheapest := w.order.MaxShare * rate * (end - begin)
	cheap := 0.0
	queue.Arrivals(r, begin, end, rate, func(at float64) {
		bits := r.Uint64()
		w.result.Requests++
		f := w.pick(float64(bits>>40) / (1 << 24))
		f.vital.arrivals++
		if len(f.open) == 0 {
			f.vital.shed++
			w.result.Shed++
			return
		}
		q := queue.Choose(at, f.open, w.random.Uint64())
		wait := q.Wait(at)
		if wait > w.model.ShedAfter {
			f.vital.shed++
			w.result.Shed++
			w.book.waste++
			return
		}
		work := f.Service.Draw(bits) / f.Speed
		if w.order.Threshold > 0 && w.model.CheapCost > 0 && cheap < cheapest && q.Expected(at, f.Mean/f.Speed, float64(bits>>16&0xffff)/(1<<16)) > w.order.Threshold {
			work *= w.model.CheapCost
			cheap++
			w.result.Cheap++
			f.vital.cheap++
		}
		w.finish(f, q, work, q.Take(at, work)-at)
	})
}

// finish counts an answer.
func (w *world) finish(f *fleet, q *queue.Replica, work, took float64) {
	f.by[q].busy += work
	v := &f.vital
	v.busy += work
	v.residence += took
	v.done++
	v.latency[sort.SearchFloat64s(wire.LatencyBounds[:], took)]++
	w.book.quality += f.Quality
	if took > w.model.Objective {
		v.late++
		w.result.Late++
	}
}

// view is what the policy sees of the time since the last view.
func (w *world) view(second float64) View {
	v := View{Observation: plan.Observation{Source: plan.Bus}}
	window := second - w.seen
	for _, f := range w.fleets {
		price := f.Price
		t := plan.Target{
			Name: f.Name, Variant: f.Variant, Class: f.Class, Spot: f.Spot, Fixed: f.Fixed, Quality: f.Quality, Speed: f.Speed, Price: &price,
			Cores: float64(f.Workers), Workers: f.Workers, Min: f.Min, Max: f.Max, Asked: f.asked,
			Service: &plan.Service{Mean: time.Duration(f.Mean * 1e9), CV: f.CV},
		}
		inFlight, queued := 0, 0
		for _, r := range f.all {
			one := plan.Replica{UID: r.uid, Created: w.start.Add(time.Duration(r.created * 1e9)), Leaving: r.gone > 0}
			if r.up {
				one.Ready = w.start.Add(time.Duration(r.ready * 1e9))
			}
			t.Replicas = append(t.Replicas, one)
			n := r.InFlight(second)
			inFlight += n
			queued += max(0, n-r.Workers())
		}
		if window > 0 {
			t.Vitals = &plan.Vitals{
				Window: time.Duration(window * 1e9), Arrivals: f.vital.arrivals, Done: f.vital.done, Shed: f.vital.shed, Cheap: f.vital.cheap, Late: f.vital.late,
				BusyNanos: f.vital.busy * 1e9, CPUNanos: f.vital.busy * 1e9, InFlight: float64(inFlight), Queued: float64(queued),
				Latency: append([]float64(nil), f.vital.latency...), Fresh: 1,
			}
			v.Concurrency += f.vital.residence / window
		}
		latency := f.vital.latency
		clear(latency)
		f.vital = tally{latency: latency}
		v.Targets = append(v.Targets, t)
	}
	w.seen = second
	return v
}

func uid(n int) string { return "r" + strconv.Itoa(n) }

// String tells a result in a line.
func (r *Result) String() string {
	return fmt.Sprintf("%.2f replica-hours, $%.3f, %.3f %% missed, %.3f %% degraded, %d changes of direction in %.1f h", r.ReplicaHours, r.Dollars, 100*r.Misses(), 100*r.Degraded(), r.Changes, r.Seconds/3600)
}
