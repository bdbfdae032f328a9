// Package money turns the price of nodes into the price of replicas, and the bill of replicas into what queries, waste and
// waiting cost, to the billionth of a dollar.
package money

import (
	"time"

	"github.com/haggle-commerce/haggle/libs/cost"
)

// Resources are cores, GiB of memory and accelerators.
type Resources struct {
	Cores, GiB, GPUs float64
}

// weights are the base rates in dollars per hour that OpenCost divides a node's price by, on demand and spot; that of an
// accelerator is the same for both (OpenCost specification, Appendix A, and its default pricing).
var (
	weights     = Resources{Cores: 0.031611, GiB: 0.004237, GPUs: 0.95}
	spotWeights = Resources{Cores: 0.006655, GiB: 0.000892, GPUs: 0.95}
)

// Node is a machine that is paid for by the hour.
type Node struct {
	// Hour is its price in dollars per hour; Capacity what it has, Allocatable what pods may ask for of it.
	Hour                  float64
	Capacity, Allocatable Resources
	Spot, Fixed           bool
}

// Rates returns what each unit of a resource costs per hour on the node: rate_r = b_r P / sum_r(b_r cap_r), so that the parts add
// up to the price (OpenCost specification, Appendix A).
func (n Node) Rates() Resources {
	b := weights
	if n.Spot {
		b = spotWeights
	}
	sum := b.Cores*n.Capacity.Cores + b.GiB*n.Capacity.GiB + b.GPUs*n.Capacity.GPUs
	if sum <= 0 {
		return Resources{}
	}
	return Resources{Cores: b.Cores * n.Hour / sum, GiB: b.GiB * n.Hour / sum, GPUs: b.GPUs * n.Hour / sum}
}

// Replica returns the ledger price in dollars per hour of a pod that asks for and uses so much: of each resource the greater of
// both counts, as OpenCost counts it.
func (n Node) Replica(request, use Resources) float64 {
	r := n.Rates()
	return r.Cores*max(request.Cores, use.Cores) + r.GiB*max(request.GiB, use.GiB) + r.GPUs*max(request.GPUs, use.GPUs)
}

// Marginal returns what one more replica of that request costs in dollars per hour where nodes come and go: the share of a node
// that it blocks. On a fixed node it is 0, because the node is paid for anyway.
func (n Node) Marginal(request Resources) float64 {
	if n.Fixed {
		return 0
	}
	blocked := 0.0
	for _, r := range [...][2]float64{{request.Cores, n.Allocatable.Cores}, {request.GiB, n.Allocatable.GiB}, {request.GPUs, n.Allocatable.GPUs}} {
		if r[1] > 0 {
			blocked = max(blocked, r[0]/r[1])
		}
	}
	return n.Hour * min(1, blocked)
}

// Idle returns the part of a node's price for a time that no replica on it is charged: its own line, never spread silently. The
// bills of the replicas are those of the same time; it is negative where they use more than the node has.
func (n Node) Idle(d time.Duration, replicas ...cost.Bill) cost.Bill {
	idle := Bill(n.Hour, d)
	for _, b := range replicas {
		idle -= b
	}
	return idle
}

// Bill returns a price in dollars per hour over a time, in whole billionths.
func Bill(hour float64, d time.Duration) cost.Bill {
	return cost.NanoUSD(hour * 1e9 * d.Hours()).Whole()
}

// Window is the bill of some replicas over a time, by what it was for. The parts add up to the bill exactly.
type Window struct {
	// Compute is for queries that were answered, Waste for work that helped nobody (refused, lost, retried), Headroom for
	// workers that waited while queries came, Idle for all of it in a time without queries.
	Compute  cost.Bill `json:"compute"`
	Waste    cost.Bill `json:"waste"`
	Headroom cost.Bill `json:"headroom"`
	Idle     cost.Bill `json:"idle"`
}

// Split divides a bill by what the workers did with their time. capacity is all time that they had; where work and wasted exceed
// it, they divide the bill between them.
func Split(bill cost.Bill, work, wasted, capacity time.Duration) Window {
	if work <= 0 && wasted <= 0 {
		return Window{Idle: bill}
	}
	shares, rest := cost.Shares(bill, []int64{int64(work), int64(wasted), int64(max(0, capacity-work-wasted))})
	return Window{Compute: shares[0], Waste: shares[1], Headroom: shares[2], Idle: rest}
}

// Queries divides what a window's compute and headroom cost over its queries: compute by the time that each took, headroom
// evenly. The sum is exactly compute and headroom; works must not be empty.
func (w Window) Queries(works []time.Duration) []cost.Bill {
	uses, even := make([]int64, len(works)), make([]int64, len(works))
	for i, d := range works {
		uses[i], even[i] = int64(d), 1
	}
	bills, rest := cost.Shares(w.Compute, uses)
	if rest > 0 {
		bills, _ = cost.Shares(w.Compute, even)
	}
	headroom, _ := cost.Shares(w.Headroom, even)
	for i := range bills {
		bills[i] += headroom[i]
	}
	return bills
}

// Add sums windows up.
func (w *Window) Add(o Window) {
	w.Compute += o.Compute
	w.Waste += o.Waste
	w.Headroom += o.Headroom
	w.Idle += o.Idle
}

// Total is the bill that the window divides.
func (w Window) Total() cost.Bill { return w.Compute + w.Waste + w.Headroom + w.Idle }
