package simulate

import (
	"math"
	"testing"
	"time"

	"github.com/haggle-commerce/haggle/services/autoscaler/internal/plan"
	"github.com/haggle-commerce/haggle/services/autoscaler/internal/queue"
)

// service is the one of the design's measurements: 40 ms, two workers, an objective of 160 ms.
func service(startUp float64) Model {
	return Model{
		Objective: 0.16, ShedAfter: 2, StartUp: startUp, StartUpSpread: startUp / 4, Drain: 10, CheapCost: 0.3, Seed: 1,
		Kinds: []Kind{{
			Name: "ranking", Variant: "full", Speed: 1, Price: 0.0802, Service: queue.Lognormal(0.04, 0.5), Mean: 0.04, CV: 0.5, Workers: 2, Min: 1, Max: 100, Initial: 6,
		}},
	}
}

// flat is a load that does not change.
func flat(rate, hours float64) Trace {
	return Trace{Start: time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC), Times: []float64{0, hours * 1800}, Rates: []float64{rate, rate}, End: hours * 3600}
}

// The faults of the scenarios last from 15 to 27 minutes after the beginning of 48.
const (
	faultBegin = 900.0
	faultEnd   = 1620.0
)

func during(second float64) bool { return second >= faultBegin && second < faultEnd }

// TestTenPains runs what users of other autoscalers complain about: none ends in a cut of a fleet that is under load, and none in a
// recovery that overshoots by more than a fifth.
func TestTenPains(t *testing.T) {
	blind := func(v *View) {
		v.Source = plan.None
		v.Targets[0].Vitals = nil
	}
	restarted := false
	for _, c := range []struct {
		name   string
		faults Faults
		// load is why the load itself changes: then only the end is looked at.
		load bool
	}{
		{name: "metrics gone", faults: Faults{Observe: func(s float64, v *View) {
			if during(s) {
				blind(v)
			}
		}}},
		{name: "metrics are zero", faults: Faults{Observe: func(s float64, v *View) {
			if w := v.Targets[0].Vitals; during(s) && w != nil {
				*w = plan.Vitals{Window: w.Window, Fresh: 1}
			}
		}}},
		{name: "not a number", faults: Faults{Observe: func(s float64, v *View) {
			if w := v.Targets[0].Vitals; during(s) && w != nil {
				w.Arrivals, w.BusyNanos = math.NaN(), math.Inf(1)
			}
		}}},
		{name: "most replicas silent", faults: Faults{Observe: func(s float64, v *View) {
			if w := v.Targets[0].Vitals; during(s) && w != nil {
				w.Fresh = 0.3
			}
		}}},
		{name: "surge of a rollout", faults: Faults{Observe: func(s float64, v *View) {
			if during(s) {
				v.Targets[0].Rollout = true
				for i := range 3 {
					v.Targets[0].Replicas = append(v.Targets[0].Replicas, plan.Replica{UID: uid(-i), Created: time.Unix(0, 0), Ready: time.Unix(1, 0), Surge: true})
				}
			}
		}}},
		{name: "API server frozen", faults: Faults{Writes: func(s float64) bool { return !(s >= faultBegin && s < faultBegin+60) }}},
		{name: "another owner", faults: Faults{Writes: func(s float64) bool { return !during(s) }}},
		{name: "price feed gone", faults: Faults{Observe: func(s float64, v *View) {
			if during(s) {
				v.Targets[0].Price = nil
			}
		}}},
		{name: "clock step", faults: Faults{Clock: func(s float64, now time.Time) time.Time {
			if s >= faultBegin {
				return now.Add(-time.Hour)
			}
			return now
		}}},
		{name: "clock step ahead", faults: Faults{Clock: func(s float64, now time.Time) time.Time {
			if s >= faultBegin {
				return now.Add(3 * time.Hour)
			}
			return now
		}}},
		{name: "leader killed", faults: Faults{Observe: func(s float64, _ *View) { restarted = s >= faultBegin }}},
		{name: "outage and retry storm", load: true, faults: Faults{
			Load: func(s float64) float64 {
				switch {
				case during(s):
					return 0.02
				case s >= faultEnd && s < faultEnd+60:
					return 1.3
				}
				return 1
			},
			Observe: func(s float64, v *View) {
				if fails := 0.9; during(s) {
					v.Failing = &fails
				}
			},
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			m, trace := service(40), flat(170, 0.8)
			restarted = false
			ours := NewOurs(&m, 0.02)
			p := Policy(ours)
			if c.name == "leader killed" {
				p = &successor{Ours: ours, model: &m, died: &restarted}
			}
			r, err := Run(t.Context(), &trace, &m, p, c.faults, nil)
			if err != nil {
				t.Fatal(err)
			}
			before := r.Minutes[int(faultBegin/60)-1].Wanted
			for i, minute := range r.Minutes[int(faultBegin/60):] {
				if minute.Wanted < before-1 && minute.Rate > 100 || c.load && i < 12 && minute.Wanted < before {
					t.Fatalf("%d minutes after the fault %d replicas are wanted, %d before it", i, minute.Wanted, before)
				}
				if limit := int(math.Ceil(1.2 * float64(before))); minute.Wanted > limit && (!c.load || i > 13) {
					t.Fatalf("%d minutes after the fault %d replicas are wanted, %d before it: more than a fifth too many", i, minute.Wanted, before)
				}
			}
			if r.Misses() > 0.01 {
				t.Errorf("%.2f %% of the requests missed", 100*r.Misses())
			}
		})
	}
}

// successor is a leader that dies: another takes over what it had stored.
type successor struct {
	*Ours
	model *Model
	died  *bool
	done  bool
}

func (s *successor) Step(now time.Time, v View) Order {
	if *s.died && !s.done {
		s.done = true
		data, err := s.Planner.Save()
		if err != nil {
			panic(err)
		}
		next := NewOurs(s.model, 0.02)
		if err := next.Planner.Restore(data); err != nil {
			panic(err)
		}
		s.Ours = next
	}
	return s.Ours.Step(now, v)
}

// TestReplicasDie takes a third of the fleet away at once: what is missing is made anew, and no more than that for long.
func TestReplicasDie(t *testing.T) {
	m, trace := service(40), flat(170, 0.5)
	r, err := Run(t.Context(), &trace, &m, NewOurs(&m, 0.02), Faults{Kill: func(s float64, _ string) int {
		if s == faultBegin {
			return 2
		}
		return 0
	}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if last := r.Minutes[len(r.Minutes)-1]; last.Ready < 4 || last.Wanted > 7 {
		t.Errorf("at the end %d replicas are ready and %d wanted", last.Ready, last.Wanted)
	}
	if r.Lost == 0 {
		t.Error("nothing was lost with the replicas")
	}
}
