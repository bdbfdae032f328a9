package vector

import (
	"cmp"
	"math"

	"github.com/haggle-commerce/haggle/services/recall/internal/catalogue"
	"github.com/haggle-commerce/haggle/services/recall/internal/top"
)

// choice is an item with its score.
type choice struct {
	score float64
	slot  catalogue.Slot
}

// chosen keeps the k best choices that it was offered. It gathers four times as many before it cuts them down, which costs a few
// comparisons for each instead of the log2(k) of a heap; cutting more often costs more than it spares.
type chosen struct {
	k    int
	kept []choice
	// threshold is a score that no choice below can reach the best k with. Equal ones may.
	threshold float32
	tie       func(catalogue.Slot) uint64
}

// roomy is how many times as many as are kept are gathered.
const roomy = 4

func (c *chosen) reset(k int, tie func(catalogue.Slot) uint64) {
	c.k, c.tie, c.kept, c.threshold = k, tie, c.kept[:0], float32(math.Inf(-1))
	if cap(c.kept) < roomy*k {
		c.kept = make([]choice, 0, roomy*k)
	}
}

// compare orders choices, the better first.
func (c *chosen) compare(a, b choice) int {
	if a.score != b.score {
		return cmp.Compare(b.score, a.score)
	}
	return cmp.Compare(c.tie(a.slot), c.tie(b.slot))
}

func (c *chosen) offer(score float64, slot catalogue.Slot) {
	if len(c.kept) == roomy*c.k {
		c.cut()
	}
	c.kept = append(c.kept, choice{score, slot})
}

// cut drops all but the k best and raises the threshold to just below the last of them.
func (c *chosen) cut() {
	if len(c.kept) <= c.k {
		return
	}
	c.partition()
	c.kept = c.kept[:c.k]
	worst := c.kept[0].score
	for _, x := range c.kept {
		worst = min(worst, x.score)
	}
	c.threshold = math.Nextafter32(float32(worst), float32(math.Inf(-1)))
}

// partition brings the k best to the front: quickselect (Hoare 1961) with the median of three.
func (c *chosen) partition() {
	low, high := 0, len(c.kept)-1
	for low < high {
		x := c.kept
		middle := low + (high-low)/2
		if c.compare(x[middle], x[low]) < 0 {
			x[middle], x[low] = x[low], x[middle]
		}
		if c.compare(x[high], x[low]) < 0 {
			x[high], x[low] = x[low], x[high]
		}
		if c.compare(x[high], x[middle]) < 0 {
			x[high], x[middle] = x[middle], x[high]
		}
		pivot := x[middle]
		i, j := low, high
		for i <= j {
			for x[i].score > pivot.score || x[i].score == pivot.score && c.compare(x[i], pivot) < 0 {
				i++
			}
			for pivot.score > x[j].score || x[j].score == pivot.score && c.compare(pivot, x[j]) < 0 {
				j--
			}
			if i <= j {
				x[i], x[j] = x[j], x[i]
				i++
				j--
			}
		}
		switch {
		case c.k-1 <= j:
			high = j
		case c.k-1 >= i:
			low = i
		default:
			return
		}
	}
}

// into appends the k best as entries, in any order.
func (c *chosen) into(entries []top.Entry) []top.Entry {
	c.cut()
	for _, x := range c.kept {
		entries = append(entries, top.Entry{Score: x.score, Tie: c.tie(x.slot), Slot: x.slot})
	}
	return entries
}
