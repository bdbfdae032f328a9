package trend

import (
	"math"

	"github.com/haggle-commerce/haggle/services/recall/internal/catalogue"
	"github.com/haggle-commerce/haggle/services/recall/internal/pack"
	"github.com/haggle-commerce/haggle/services/recall/internal/top"
)

// AppendBinary appends the counts. Who leads follows from them.
func (c *Counter) AppendBinary(dst []byte) []byte { return pack.AppendList(dst, c.levels) }

// Restore sets the counts of an empty counter to what [Counter.AppendBinary] wrote, with the half-life that it had. Items are the
// catalogue by whose slots it counted; leads tells which of them may be among the leaders. Its errors wrap [pack.ErrBroken].
func (c *Counter) Restore(b []byte, items *catalogue.Catalogue, leads func(catalogue.Slot) bool) error {
	r := pack.Read(b)
	levels := pack.List[float64](r)
	if len(levels) > items.Size() {
		r.Fail("counts of %d items, the catalogue has %d", len(levels), items.Size())
	}
	if err := r.End(); err != nil {
		return err
	}
	for s, level := range levels {
		if math.IsNaN(level) || math.IsInf(level, 1) {
			r.Fail("the count of item %d is %v", s, level)
			return r.Err()
		}
	}
	c.levels = levels
	for s, level := range levels {
		c.peak = max(c.peak, level)
		if !math.IsInf(level, -1) && leads(catalogue.Slot(s)) {
			c.leaders.raise(top.Entry{Score: level, Tie: items.Tie(catalogue.Slot(s)), Slot: catalogue.Slot(s)})
		}
	}
	return nil
}
