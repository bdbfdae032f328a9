package money

import (
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/haggle-commerce/haggle/libs/cost"
)

// TestReplicaEqualsOpenCost works examples of OpenCost's formula by hand: a resource's rate is its base rate, scaled so that the
// parts add up to the node's price, and the greater of request and use counts.
func TestReplicaEqualsOpenCost(t *testing.T) {
	for _, c := range []struct {
		name         string
		node         Node
		request, use Resources
		want         float64
	}{
		// 0.1 / (4*0.031611 + 16*0.004237) = 0.1 / 0.194236 = 0.514838; cores 0.016275, GiB 0.0021814: 2*0.016275 + 4*0.0021814.
		{"asked for", Node{Hour: 0.1, Capacity: Resources{Cores: 4, GiB: 16}}, Resources{Cores: 2, GiB: 4}, Resources{Cores: 1, GiB: 1}, 0.0412750},
		// The same node: 3*0.016275 + 4*0.0021814.
		{"used more", Node{Hour: 0.1, Capacity: Resources{Cores: 4, GiB: 16}}, Resources{Cores: 2, GiB: 4}, Resources{Cores: 3, GiB: 1}, 0.0575498},
		// 0.03 / (4*0.006655 + 16*0.000892) = 0.03 / 0.040892 = 0.733640; cores 0.0048824, GiB 0.00065441.
		{"spot", Node{Hour: 0.03, Capacity: Resources{Cores: 4, GiB: 16}, Spot: true}, Resources{Cores: 2, GiB: 4}, Resources{}, 0.0123824},
		// 3.46 / (8*0.031611 + 61*0.004237 + 0.95) = 3.46 / 1.461345 = 2.367682; the accelerator 2.249298, a core 0.0748448.
		{"accelerator", Node{Hour: 3.46, Capacity: Resources{Cores: 8, GiB: 61, GPUs: 1}}, Resources{Cores: 1, GPUs: 1}, Resources{}, 2.3241428},
		{"a whole node", Node{Hour: 0.1, Capacity: Resources{Cores: 4, GiB: 16}}, Resources{Cores: 4, GiB: 16}, Resources{}, 0.1},
		{"a node of nothing", Node{Hour: 0.1}, Resources{Cores: 4}, Resources{}, 0},
	} {
		if got := c.node.Replica(c.request, c.use); math.Abs(got-c.want) > 0.001*c.want {
			t.Errorf("%s: %g dollars an hour, want %g within 0.1 %%", c.name, got, c.want)
		}
	}
}

func TestMarginal(t *testing.T) {
	n := Node{Hour: 0.1, Allocatable: Resources{Cores: 4, GiB: 14}}
	if got := n.Marginal(Resources{Cores: 1, GiB: 7}); got != 0.05 {
		t.Errorf("half of the memory costs %g, want half of the node", got)
	}
	if n.Fixed = true; n.Marginal(Resources{Cores: 1}) != 0 {
		t.Error("one more on a node that is paid for anyway costs something")
	}
}

// TestIdentity: what queries, waste and waiting cost is the bill, to the billionth.
func TestIdentity(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		bill := cost.Bill(rapid.Int64Range(0, 1e15).Draw(t, "bill"))
		works := rapid.SliceOfN(rapid.Int64Range(0, 1e9), 1, 50).Draw(t, "works")
		var queries []time.Duration
		var work time.Duration
		for _, w := range works {
			queries = append(queries, time.Duration(w))
			work += time.Duration(w)
		}
		w := Split(bill, work, time.Duration(rapid.Int64Range(0, 1e9).Draw(t, "wasted")), time.Duration(rapid.Int64Range(0, 1e11).Draw(t, "capacity")))
		if w.Total() != bill {
			t.Fatalf("parts %+v of %d", w, bill)
		}
		sum := w.Waste + w.Idle
		for _, b := range w.Queries(queries) {
			sum += b
		}
		if sum != bill {
			t.Fatalf("queries, waste and idle come to %d of %d", sum, bill)
		}
		n := Node{Hour: rapid.Float64Range(0, 100).Draw(t, "price")}
		if n.Idle(time.Hour, bill)+bill != Bill(n.Hour, time.Hour) {
			t.Fatal("replicas and idle are not the node's bill")
		}
	})
}
