package bus

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/haggle-commerce/haggle/libs/wire"
)

const asked = wire.SubjectRank

func TestPickTakesTheBetterOfTwo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDirectory()
		if p := d.pick(asked, ""); p != nil {
			t.Errorf("pick() of nobody = %v, want nil", p)
		}
		for i := range 4 {
			d.add(asked, fmt.Sprint(i))
		}
		d.groups[asked][2].waiting.Store(100)
		got := map[string]int{}
		for range 4000 {
			got[d.pick(asked, "3").instance]++
		}
		// Of 0, 1 and 2 two are drawn, and 2 always loses; 3 is passed over.
		if got["2"] != 0 || got["3"] != 0 || got["0"] < 1500 || got["1"] < 1500 {
			t.Errorf("picked %v of 4000, want about half 0, half 1", got)
		}
		d.groups[asked][0].shunned.Store(d.now() + int64(shunFor))
		for range 100 {
			if p := d.pick(asked, "2"); p.instance == "0" {
				t.Fatal("pick() = the instance that has no room, want another")
			}
		}
		if p := d.pick(wire.SubjectRecall, ""); p != nil {
			t.Errorf("pick() of another subject = %v, want nil", p)
		}
	})
}

func TestInstancesAreForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDirectory()
		d.add(asked, "a")
		d.add(asked, "b")
		a := d.groups[asked][0]
		time.Sleep(forgetAfter / 2)
		d.add(asked, "b")
		time.Sleep(forgetAfter/2 + time.Millisecond)
		for range 100 {
			if p := d.pick(asked, ""); p.instance != "b" {
				t.Fatalf("pick() = %s, want b: a gave no heartbeat", p.instance)
			}
		}
		d.add(asked, "b")
		if d.count() != 1 {
			t.Errorf("%d instances known, want 1", d.count())
		}
		select {
		case <-a.gone:
		default:
			t.Error("who waits for a is not told that it is gone")
		}
		if p := d.remove(asked, "b"); p == nil || p.instance != "b" {
			t.Errorf("remove(b) = %v, want b", p)
		}
		if p := d.remove(asked, "b"); p != nil {
			t.Errorf("remove(b) again = %v, want nil", p)
		}
	})
}

func TestSilentInstancesAreProbed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDirectory()
		d.add(asked, "a")
		d.add(asked, "b")
		probes := map[string]int{}
		ask := func(p *peer) { probes[p.instance]++ }
		a, b := d.groups[asked][0], d.groups[asked][1]
		a.waiting.Add(1)
		d.watch(ask)
		d.watch(ask)
		time.Sleep(5*probeAfter + time.Millisecond)
		synctest.Wait()
		if probes["a"] != 4 || probes["b"] != 0 {
			// The first look comes when the last answer is just probeAfter old.
			t.Errorf("probed %v in 5 rounds, want a 4 times", probes)
		}
		a.waiting.Add(-1)
		time.Sleep(time.Second)
		synctest.Wait()
		before := probes["a"]
		b.waiting.Add(1)
		d.watch(ask)
		time.Sleep(3*probeAfter + time.Millisecond)
		synctest.Wait()
		if probes["a"] != before || probes["b"] == 0 {
			t.Errorf("probed %v, want b alone after a had answered", probes)
		}
		d.close()
		time.Sleep(time.Second)
		d.watch(ask)
	})
}

// FuzzHeard feeds heartbeats that anybody may send.
func FuzzHeard(f *testing.F) {
	f.Add(asked, []byte("+a"))
	f.Add(asked, []byte("-a"))
	f.Add("", []byte(nil))
	f.Fuzz(func(t *testing.T, subject string, data []byte) {
		b := &Bus{peers: newDirectory()}
		b.peers.add(asked, "known")
		b.heard(&nats.Msg{Subject: wire.SubjectHere + subject, Data: data})
		if n := b.peers.count(); n > 2 {
			t.Errorf("%d instances after one heartbeat, want at most 2", n)
		}
	})
}

func TestRetryBudget(t *testing.T) {
	var r retryBudget
	got := 0
	for range 100 {
		if r.spend() {
			got++
		}
	}
	if got != retryBurst {
		t.Errorf("%d retries at once, want %d", got, retryBurst)
	}
	got = 0
	for range 1000 {
		r.earn()
		if r.spend() {
			got++
		}
	}
	if got != 100 {
		t.Errorf("%d retries in 1000 calls, want one in ten", got)
	}
}
