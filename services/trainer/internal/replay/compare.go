package replay

import (
	"context"
	"fmt"

	"github.com/haggle-commerce/haggle/libs/model/neighbour"
)

// Compare plays all asks, which are in order of time and later than those of the window before, once for each model of neighbours, and
// returns what recall would offer with each. The samples hold the same asks, and no features.
func (p *Player) Compare(ctx context.Context, asks []Ask, models []*neighbour.Model) ([]*Sample, error) {
	samples, offerers := make([]*Sample, len(models)), make([]*offerer, len(models))
	for i, m := range models {
		samples[i], offerers[i] = NewSample(0), newOfferer(p.world)
		offerers[i].use(m)
	}
	for n := range asks {
		if n%256 == 0 && ctx.Err() != nil {
			return nil, fmt.Errorf("replay: %w", ctx.Err())
		}
		a := &asks[n]
		p.world.advance(a.Before)
		at := p.corpus.Events[min(a.Before, len(p.corpus.Events)-1)].At
		for i, o := range offerers {
			s := samples[i]
			for _, c := range o.offer(a, at, p.Candidates) {
				s.Data.Labels, s.Offered = append(s.Data.Labels, a.gain(c.item)), append(s.Offered, c.score)
			}
			s.Asks, s.Data.Ends = append(s.Asks, *a), append(s.Data.Ends, len(s.Data.Labels))
		}
	}
	return samples, nil
}
