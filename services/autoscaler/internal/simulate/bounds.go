package simulate

import (
	"context"
	"math"
	"math/rand/v2"
	"runtime"
	"sync"

	"github.com/haggle-commerce/haggle/services/autoscaler/internal/queue"
)

// Bounds are what no policy can beat.
type Bounds struct {
	// OracleHours is the replica-hours of one who knows every request, scales at once and for nothing, and has in each window of
	// 30 s the fewest replicas with which at most 1 % of the requests miss. FluidHours is the work divided by the workers.
	OracleHours, FluidHours float64
}

// The oracle's window in seconds, and the share of its requests that may miss.
const (
	oracleWindow = 30
	oracleMisses = 0.01
)

// Bound reckons the bounds of the first kind of the model on a trace, on all processors.
func Bound(ctx context.Context, t *Trace, m *Model) (Bounds, error) {
	windows := int(math.Ceil(t.End / oracleWindow))
	workers := max(1, runtime.GOMAXPROCS(0))
	sums := make([]Bounds, workers)
	var group sync.WaitGroup
	for i := range workers {
		group.Go(func() {
			o := oracle{t: t, m: m, rates: walker{t: t}, random: rand.New(rand.NewPCG(m.Seed, 3+uint64(i)))}
			// Neighbouring windows need about as many, so each worker has a stretch of them.
			for window := windows * i / workers; window < windows*(i+1)/workers && ctx.Err() == nil; window++ {
				begin := float64(window) * oracleWindow
				end := min(begin+oracleWindow, t.End)
				n, work := o.least(begin, end)
				sums[i].OracleHours += float64(n) * (end - begin) / 3600
				sums[i].FluidHours += work / float64(m.Kinds[0].Workers) / 3600
			}
		})
	}
	group.Wait()
	var b Bounds
	for _, s := range sums {
		b.OracleHours += s.OracleHours
		b.FluidHours += s.FluidHours
	}
	return b, ctx.Err()
}

// oracle finds the least fleet of each window.
type oracle struct {
	t        *Trace
	m        *Model
	random   *rand.Rand
	rates    walker
	at, work []float64
	last     int
}

// least returns the fewest replicas for a window and the work in it, in worker seconds. One replica at least is always there.
func (o *oracle) least(begin, end float64) (n int, total float64) {
	k := &o.m.Kinds[0]
	o.at, o.work = o.at[:0], o.work[:0]
	for second := begin; second < end; second++ {
		// The same requests as those of [Run].
		r := rand.New(rand.NewPCG(o.m.Seed, 1<<32+uint64(second)))
		queue.Arrivals(r, second, min(second+1, end), o.rates.at(second), func(at float64) {
			work := k.Service.Draw(r.Uint64()) / k.Speed
			o.at, o.work = append(o.at, at), append(o.work, work)
			total += work
		})
	}
	floor := max(1, k.Min, int(total/float64(k.Workers)/(end-begin)))
	n = max(o.last, floor)
	if o.holds(n) {
		for n > floor && o.holds(n-1) {
			n--
		}
	} else {
		for n++; n < k.Max && !o.holds(n); n++ {
		}
	}
	o.last = n
	return n, total
}

// holds reports whether n idle replicas serve the window.
func (o *oracle) holds(n int) bool {
	k := &o.m.Kinds[0]
	fleet := make([]*queue.Replica, n)
	for i := range fleet {
		fleet[i] = queue.NewReplica(k.Workers)
	}
	allowed := int(oracleMisses * float64(len(o.at)))
	for i, at := range o.at {
		q := queue.Choose(at, fleet, o.random.Uint64())
		if q.Wait(at) <= o.m.ShedAfter && q.Take(at, o.work[i])-at <= o.m.Objective {
			continue
		}
		if allowed--; allowed < 0 {
			return false
		}
	}
	return true
}
