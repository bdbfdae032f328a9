package simulate

import (
	"math"
	"time"
)

// Peers scale the first kind of a model by the documented rules of what others built; Path, where it is not zero, lends them the
// cheaper path with this threshold.
type Path struct {
	Threshold, MaxShare float64
}

func (p Path) order(name string, n int) Order {
	return Order{Replicas: map[string]int{name: n}, Threshold: p.Threshold, MaxShare: p.MaxShare}
}

// Static keeps a number of replicas.
type Static struct {
	Path
	N int
}

// Every implements [Policy].
func (s *Static) Every() float64 { return 60 }

// Step implements [Policy].
func (s *Static) Step(_ time.Time, v View) Order { return s.order(v.Targets[0].Name, s.N) }

// The documented defaults of the HorizontalPodAutoscaler of Kubernetes 1.37: a look every 15 s, a tolerance of a tenth, the
// greatest recommendation of 300 s before a cut, at most four or as many again per 15 s upwards.
const (
	hpaSync      = 15
	hpaTolerance = 0.1
	hpaWindow    = 300
	hpaUp        = 4
)

// HPA is the HorizontalPodAutoscaler: on CPU, where Utilisation is its target, or on a rate per replica as an external metric, as
// KEDA sets it up, where Rate is.
type HPA struct {
	Path
	// Utilisation of the CPU asked for, 0 to 1.
	Utilisation float64
	// Rate is requests per second and replica, over the last minute.
	Rate float64
	past []past
	seen []float64
}

type past struct {
	at float64
	n  int
}

// Every implements [Policy].
func (h *HPA) Every() float64 { return hpaSync }

// Step implements [Policy].
func (h *HPA) Step(now time.Time, v View) Order {
	t := &v.Targets[0]
	at := float64(now.UnixNano()) / 1e9
	current := t.Asked
	n := current
	if t.Vitals != nil {
		if h.Rate > 0 {
			n = h.byRate(t.Vitals.Arrivals/t.Vitals.Window.Seconds(), current)
		} else {
			ready, starting := 0, 0
			for _, r := range t.Replicas {
				switch {
				case r.Leaving:
				case r.Ready.IsZero():
					starting++
				default:
					ready++
				}
			}
			used := t.Vitals.CPUNanos / float64(t.Vitals.Window.Nanoseconds()) / t.Cores
			n = h.byCPU(used, ready, starting, current)
		}
	}
	// The greatest recommendation of the window, then the bounds of the rate upwards.
	h.past = append(h.past, past{at, n})
	for len(h.past) > 0 && h.past[0].at <= at-hpaWindow {
		h.past = h.past[1:]
	}
	if n < current {
		for _, p := range h.past {
			n = max(n, min(p.n, current))
		}
	}
	n = min(n, max(current+hpaUp, 2*current))
	return h.order(t.Name, min(max(n, t.Min, 1), t.Max))
}

// byRate is an external metric with a target of AverageValue.
func (h *HPA) byRate(rate float64, current int) int {
	h.seen = append(h.seen, rate)
	if len(h.seen) > 60/hpaSync {
		h.seen = h.seen[1:]
	}
	sum := 0.0
	for _, r := range h.seen {
		sum += r
	}
	mean := sum / float64(len(h.seen))
	if math.Abs(mean/(h.Rate*float64(max(current, 1)))-1) <= hpaTolerance {
		return current
	}
	return int(math.Ceil(mean / h.Rate))
}

// byCPU is a resource metric with a target of utilisation: those that are not ready count as idle when the fleet would grow.
func (h *HPA) byCPU(used float64, ready, starting, current int) int {
	if ready == 0 {
		return current
	}
	ratio := used / float64(ready) / h.Utilisation
	if math.Abs(ratio-1) <= hpaTolerance {
		return current
	}
	if ratio > 1 && starting > 0 {
		all := ready + starting
		again := used / float64(all) / h.Utilisation
		if math.Abs(again-1) <= hpaTolerance || again < 1 {
			return current
		}
		return max(current, int(math.Ceil(again*float64(all)-1e-9)))
	}
	return int(math.Ceil(ratio*float64(ready) - 1e-9))
}

// The documented defaults of Knative's pod autoscaler: a look every 2 s, windows of 60 s and 6 s, panic at twice what is ready, at
// most 1000 times upwards and half downwards.
const (
	kpaTick   = 2
	kpaStable = 60
	kpaPanic  = 6
	kpaBurst  = 2
	kpaUp     = 1000
	kpaDown   = 2
)

// KPA is Knative's pod autoscaler on concurrency.
type KPA struct {
	Path
	// Target is the requests in flight per replica that it aims at.
	Target  float64
	seen    []float64
	panicAt float64
	most    int
}

// Every implements [Policy].
func (k *KPA) Every() float64 { return kpaTick }

// Step implements [Policy].
func (k *KPA) Step(now time.Time, v View) Order {
	t := &v.Targets[0]
	at := float64(now.UnixNano()) / 1e9
	ready := 0
	for _, r := range t.Replicas {
		if !r.Leaving && !r.Ready.IsZero() {
			ready++
		}
	}
	if t.Vitals == nil {
		return k.order(t.Name, t.Asked)
	}
	k.seen = append(k.seen, v.Concurrency)
	if len(k.seen) > kpaStable/kpaTick {
		k.seen = k.seen[1:]
	}
	counted := max(1, ready)
	up, down := math.Ceil(kpaUp*float64(counted)), math.Floor(float64(counted)/kpaDown)
	bound := func(x float64) int { return int(min(max(math.Ceil(x/k.Target), down), up)) }
	stable, burst := bound(k.mean(kpaStable)), bound(k.mean(kpaPanic))
	raw := math.Ceil(k.mean(kpaPanic) / k.Target)
	if raw/float64(counted) >= kpaBurst {
		k.panicAt = at
		if k.most == 0 {
			k.most = ready
		}
	} else if k.panicAt > 0 && at-k.panicAt >= kpaStable {
		k.panicAt, k.most = 0, 0
	}
	n := stable
	if k.panicAt > 0 {
		k.most = max(k.most, burst, stable)
		n = k.most
	}
	return k.order(t.Name, min(max(n, t.Min, 1), t.Max))
}

func (k *KPA) mean(window float64) float64 {
	n := min(len(k.seen), int(window/kpaTick))
	sum := 0.0
	for _, c := range k.seen[len(k.seen)-n:] {
		sum += c
	}
	return sum / float64(n)
}
