package gateway

import (
	"testing"
	"time"

	"github.com/haggle-commerce/haggle/libs/cost"
	"github.com/haggle-commerce/haggle/libs/wire"
)

// burn uses the processor for d of this thread's time.
func burn(d time.Duration) {
	m := cost.Start()
	defer m.Stop()
	for used := time.Duration(0); used < d; used += m.Lap() {
	}
}

// TestStagesFitWhatTheThreadUsed closes a query whose services worked on its clock:
// the stages of the receipt add up to what the thread's clock says all the same, and the ledger holds that and no more.
func TestStagesFitWhatTheThreadUsed(t *testing.T) {
	h := newHouse(t, options{})
	d := h.g.desk
	watch := stopwatch{on: true}
	watch.resume()
	watch.begin()
	defer watch.pause()
	before := h.kit.Ledger.Claimed()
	burn(2 * time.Millisecond)
	span, _ := cost.Enter(cost.With(t.Context(), &watch.clock))
	burn(3 * time.Millisecond)
	stages := []*wire.Stage{{Name: "recall.first", CpuNanos: uint64(span.Lap())}}
	burn(time.Millisecond)
	stages = append(stages, &wire.Stage{Name: "recall.second", CpuNanos: uint64(span.Leave())})
	r := &reply{}
	r.add(stages, nil, onThisClock)
	d.close(r, &watch, time.Millisecond)
	exact := watch.used()
	var sum time.Duration
	for _, s := range r.stages {
		if s.Name != stageCollect && s.Name != stageMonitor {
			sum += s.CPU
		}
	}
	if off := (exact - sum).Abs(); off > exact/20 || exact < 6*time.Millisecond {
		t.Errorf("stages of %v in all, the thread used %v", sum, exact)
	}
	watch.pause()
	d.settle(r, &watch, time.Millisecond)
	inner := watch.given()
	if own := h.kit.Ledger.Claimed() - before - r.runtime; (own + inner - watch.used()).Abs() > time.Microsecond {
		t.Errorf("the gateway claims %v beside %v of others, want %v in all", own, inner, watch.used())
	}
}

// TestStagesOfOthersStandAsTheyAre keeps the stages that were measured on another clock out of the settling.
func TestStagesOfOthersStandAsTheyAre(t *testing.T) {
	h := newHouse(t, options{})
	watch := stopwatch{on: true}
	watch.resume()
	watch.begin()
	defer watch.pause()
	r := &reply{}
	r.add([]*wire.Stage{{Name: "recall.lexical", CpuNanos: uint64(time.Second)}}, nil, elsewhere)
	r.add([]*wire.Stage{{Name: "rank", CpuNanos: uint64(time.Minute)}}, nil, inThisProcess)
	burn(time.Millisecond)
	h.g.desk.close(r, &watch, time.Millisecond)
	if r.stages[0].CPU != time.Second || r.stages[1].CPU != time.Minute {
		t.Errorf("stages of other clocks became %v and %v", r.stages[0].CPU, r.stages[1].CPU)
	}
	if own := r.closed; own < time.Millisecond || own > 500*time.Millisecond {
		t.Errorf("the gateway's own stage is %v after 1ms of work", own)
	}
	if r.elsewhere != time.Second {
		t.Errorf("%v elsewhere, want 1s", r.elsewhere)
	}
}
