package recall

import (
	"context"
	"time"

	"github.com/haggle-commerce/haggle/libs/cost"
	"github.com/haggle-commerce/haggle/libs/service"
)

// tendEvery is how often the door looks for work that changes left behind. At 5,000 changes a second a head of the index fills in 0.4 s.
const tendEvery = 100 * time.Millisecond

// tend does what changes leave to be done, until ctx ends.
func (d *door) tend(ctx context.Context) error {
	return service.Every(ctx, tendEvery, func() {
		meter := cost.Start()
		for ctx.Err() == nil {
			did, err := d.engine.Tend()
			if err != nil {
				d.kit.Log.Error("part of the index could not be made", "reason", err)
			}
			if !did {
				break
			}
		}
		d.kit.Ledger.Other(meter.Stop())
	})
}
