// Package learn fits models that rank: boosted trees and a linear baseline.
package learn

import (
	"errors"
	"fmt"
	"math"
	"runtime"
	"sync"
	"time"

	"github.com/haggle-commerce/haggle/libs/cost"
)

// Data are rows of features in groups, each group the candidates of one query. The zero value is empty.
type Data struct {
	// Width is the length of a row.
	Width int
	// X is row-major, with len(Labels) rows.
	X []float32
	// Labels are relevances: 0 for what nobody wanted.
	Labels []float32
	// Ends holds, for each group, the row after its last one.
	Ends []int
	// Best holds, for each group, the DCG@[Depth] of the best list that there could be, which may hold more than the group does;
	// nil means that the groups hold all.
	Best []float64
}

// Depth is the k of NDCG@k, which models are chosen by.
const Depth = 10

// Rows returns how many rows there are.
func (d *Data) Rows() int { return len(d.Labels) }

// Groups returns how many groups there are.
func (d *Data) Groups() int { return len(d.Ends) }

// Group returns the first row of group g and the row after its last.
func (d *Data) Group(g int) (from, to int) {
	if g > 0 {
		from = d.Ends[g-1]
	}
	return from, d.Ends[g]
}

// Positives returns how many rows have a label above 0.
func (d *Data) Positives() (n int) {
	for _, label := range d.Labels {
		if label > 0 {
			n++
		}
	}
	return n
}

// ErrData says that data do not fit together, or that there is nothing to learn from.
var ErrData = errors.New("data cannot be learnt from")

func (d *Data) check() error {
	switch {
	case d.Width <= 0 || len(d.X) != d.Width*len(d.Labels):
		return fmt.Errorf("%w: %d numbers for %d rows of %d", ErrData, len(d.X), len(d.Labels), d.Width)
	case len(d.Ends) == 0 || d.Ends[len(d.Ends)-1] != len(d.Labels):
		return fmt.Errorf("%w: the groups do not hold the %d rows", ErrData, len(d.Labels))
	case d.Best != nil && len(d.Best) != len(d.Ends):
		return fmt.Errorf("%w: %d best lists for %d groups", ErrData, len(d.Best), len(d.Ends))
	}
	for g := range d.Ends {
		if from, to := d.Group(g); from > to {
			return fmt.Errorf("%w: group %d goes from %d to %d", ErrData, g, from, to)
		}
	}
	return nil
}

// ndcg returns the mean NDCG@[Depth] of the groups, with linear gains; a group without a relevant row counts when there was
// something relevant that it does not hold. Of rows with one score each has the place in the middle, so that a constant score
// is not rewarded for the order of rows.
func (d *Data) ndcg(scores []float32, p *pool) float64 {
	values := make([]float64, d.Groups())
	p.each(d.Groups(), func(g int) {
		from, to := d.Group(g)
		values[g] = dcgOf(scores[from:to], d.Labels[from:to]) / d.best(g)
	})
	sum, n := 0.0, 0
	for _, value := range values {
		if value == value { // 0/0: nothing was relevant
			sum += value
			n++
		}
	}
	return sum / float64(max(n, 1))
}

// best returns the DCG of the best list for group g; 0 when nothing is relevant.
func (d *Data) best(g int) float64 {
	if d.Best != nil {
		return d.Best[g]
	}
	from, to := d.Group(g)
	return idealDCG(d.Labels[from:to], Depth)
}

// dcgOf returns the DCG@[Depth] of one group.
func dcgOf(scores, labels []float32) (gain float64) {
	for i, label := range labels {
		if label <= 0 {
			continue
		}
		above, level := 0, -1
		for _, score := range scores {
			switch {
			case score > scores[i]:
				above++
			case score == scores[i]:
				level++
			}
		}
		if rank := above + level/2; rank < Depth {
			gain += float64(label) * discount(rank)
		}
	}
	return gain
}

// discount is that of DCG for a rank counted from 0.
func discount(rank int) float64 {
	if rank < len(discounts) {
		return discounts[rank]
	}
	return 1 / math.Log2(float64(rank)+2)
}

// discounts are the first values of discount. They are never written again.
var discounts = func() (table [128]float64) {
	for rank := range table {
		table[rank] = 1 / math.Log2(float64(rank)+2)
	}
	return table
}()

// pool does independent work on several goroutines. What is done must not depend on their number.
type pool struct {
	workers int
	// used, where set, is told the CPU time of each goroutine.
	used func(time.Duration)
}

func newPool(workers int, used func(time.Duration)) *pool {
	if workers <= 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	if used == nil {
		used = func(time.Duration) {}
	}
	return &pool{workers, used}
}

// each calls f with every number below n. Neighbouring numbers go to one goroutine.
func (p *pool) each(n int, f func(i int)) {
	p.ranges(n, func(from, to int) {
		for i := from; i < to; i++ {
			f(i)
		}
	})
}

// ranges cuts the numbers below n into one range for each worker.
func (p *pool) ranges(n int, f func(from, to int)) {
	workers := min(p.workers, n)
	if workers <= 1 {
		if n > 0 {
			f(0, n)
		}
		return
	}
	var group sync.WaitGroup
	for w := range workers {
		group.Go(func() {
			meter := cost.Start()
			f(n*w/workers, n*(w+1)/workers)
			p.used(meter.Stop())
		})
	}
	group.Wait()
}
