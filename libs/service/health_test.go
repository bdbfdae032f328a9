package service

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/haggle-commerce/haggle/libs/wire"
)

func TestHealth(t *testing.T) {
	var h Health
	for _, step := range []struct {
		name  string
		do    func()
		waits []string
	}{
		{"the zero value", func() {}, []string{"starting"}},
		{"two parts to come", func() { h.NotReady("model", "loads"); h.NotReady("catalogue", "") }, []string{"catalogue: is not ready", "model: loads"}},
		{"one is ready", func() { h.Ready("model") }, []string{"catalogue: is not ready"}},
		{"all are", func() { h.Ready("catalogue") }, nil},
		{"one falls back", func() { h.NotReady("model", "was refused") }, []string{"model: was refused"}},
		{"it is off the list", func() { h.forget("model") }, nil},
		{"draining", h.Drain, []string{"draining"}},
		{"draining is for good", func() { h.Ready("model") }, []string{"draining"}},
	} {
		step.do()
		if diff := cmp.Diff(step.waits, h.Waits()); diff != "" {
			t.Errorf("%s: Waits (-want +got):\n%s", step.name, diff)
		}
		if ready := !h.Since().IsZero(); ready != (step.waits == nil) {
			t.Errorf("%s: Since = %v, want it set = %v", step.name, h.Since(), step.waits == nil)
		}
	}
	var other Health
	other.Ready("a")
	since := other.Since()
	other.Ready("b")
	if got := other.Since(); got != since {
		t.Errorf("Since = %v, want still %v", got, since)
	}
	other.forget("a")
	if other.forget("b"); !other.Since().IsZero() {
		t.Error("ready without any part")
	}
}

func TestTraffic(t *testing.T) {
	var traffic Traffic
	for range 6 {
		traffic.Begin()
	}
	traffic.End(500*time.Microsecond, Answered) // on the bound: the first bucket
	traffic.End(501*time.Microsecond, AnsweredCheaply)
	traffic.End(time.Minute, Answered)
	traffic.End(-time.Second, Answered)
	traffic.End(time.Millisecond, Refused)
	v := wire.Vitals{Arrivals: 100, Latency: []uint64{7}}
	traffic.addTo(&v)
	want := wire.Vitals{
		Arrivals: 106, Done: 4, Shed: 1, Cheap: 1, InFlight: 1, BusyNanos: uint64(time.Minute + 1001*time.Microsecond),
		Latency: make([]uint64, len(wire.LatencyBounds)+1),
	}
	want.Latency[0], want.Latency[1], want.Latency[len(wire.LatencyBounds)] = 7+2, 1, 1
	if diff := cmp.Diff(want, v); diff != "" {
		t.Errorf("addTo (-want +got):\n%s", diff)
	}
}

func TestResidentBytes(t *testing.T) {
	if got := residentBytes(); got < 1<<20 || got > 1<<40 {
		t.Errorf("residentBytes = %d, want between 1 MiB and 1 TiB", got)
	}
}
