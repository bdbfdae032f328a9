// Package learn fits models that rank: boosted trees and a linear baseline.
package learn

import (
	"errors"
	"fmt"
	"math"
	"runtime"
	"sync"
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
}

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
	}
	for g := range d.Ends {
		if from, to := d.Group(g); from > to {
			return fmt.Errorf("%w: group %d goes from %d to %d", ErrData, g, from, to)
		}
	}
	return nil
}

// ndcg returns the mean, over the groups with a relevant row, of NDCG@k with linear gains. Of rows with one score each has the
// place in the middle, so that a constant score is not rewarded for the order of rows.
func (d *Data) ndcg(scores []float32, k int, p *pool) float64 {
	values := make([]float64, d.Groups())
	relevant := make([]bool, d.Groups())
	p.each(d.Groups(), func(g int) {
		from, to := d.Group(g)
		values[g], relevant[g] = ndcgOf(scores[from:to], d.Labels[from:to], k)
	})
	sum, n := 0.0, 0
	for g, value := range values {
		if relevant[g] {
			sum += value
			n++
		}
	}
	return sum / float64(max(n, 1))
}

// ndcgOf returns the NDCG@k of one group; ok is false when nothing in it is relevant.
func ndcgOf(scores, labels []float32, k int) (value float64, ok bool) {
	var gain, best float64
	for i, label := range labels {
		if label <= 0 {
			continue
		}
		ok = true
		var above, level, better, alike int
		for j, score := range scores {
			switch {
			case score > scores[i]:
				above++
			case score == scores[i]:
				level++
			}
			switch {
			case labels[j] > label, labels[j] == label && j < i:
				better++
			case labels[j] == label:
				alike++
			}
		}
		if rank := above + (level-1)/2; rank < k {
			gain += float64(label) * discount(rank)
		}
		if better < k {
			best += float64(label) * discount(better)
		}
	}
	if !ok {
		return 0, false
	}
	return gain / best, true
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
type pool struct{ workers int }

func newPool(workers int) *pool {
	if workers <= 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	return &pool{workers}
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
		group.Go(func() { f(n*w/workers, n*(w+1)/workers) })
	}
	group.Wait()
}
