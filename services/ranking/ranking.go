// Package ranking orders candidates by the model that the trainer published, and by recall's own order until there is one.
package ranking

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/haggle-commerce/haggle/libs/bus"
	"github.com/haggle-commerce/haggle/libs/feature"
	"github.com/haggle-commerce/haggle/libs/model/neighbour"
	"github.com/haggle-commerce/haggle/libs/service"
	"github.com/haggle-commerce/haggle/libs/wire"
	"github.com/haggle-commerce/haggle/services/ranking/internal/variant"
)

// room is the service at work: what it knows of the shop, the models that serve, and the memory of its queries.
type room struct {
	kit     service.Kit
	config  Config
	metrics *metrics

	catalogue  *feature.Catalogue
	extractor  *feature.Extractor
	ranker     atomic.Pointer[variant.Variant]
	neighbours atomic.Pointer[neighbour.Model]

	desks sync.Pool // of *query
}

// Run answers rank requests until ctx ends, and finishes those that it has accepted. It is ready once it knows the catalogue
// that was there when it began. Models come and go while it works.
func Run(ctx context.Context, kit service.Kit, c Config) error {
	if err := c.Check(); err != nil {
		return err
	}
	metrics, err := newMetrics(kit.Metrics)
	if err != nil {
		return err
	}
	defer metrics.unregister(kit.Metrics)
	r := newRoom(kit, c, metrics)
	kit.Health.NotReady(cataloguePart, "is not read yet")
	group, work := errgroup.WithContext(ctx)
	group.Go(func() error { return r.followCatalogue(work) })
	group.Go(func() error { return kit.Models.Watch(work, slotRanker, r.loadRanker) })
	group.Go(func() error { return kit.Models.Watch(work, slotNeighbours, r.loadNeighbours) })
	group.Go(func() error {
		return kit.Bus.Serve(work, wire.SubjectRank, bus.Limits{Workers: c.Workers, Queue: c.Queue}, r.rank)
	})
	if err := group.Wait(); err != nil && ctx.Err() == nil {
		return fmt.Errorf("run ranking: %w", err)
	}
	return nil
}

func newRoom(kit service.Kit, c Config, m *metrics) *room {
	r := &room{kit: kit, config: c, metrics: m, catalogue: &feature.Catalogue{}}
	r.extractor = feature.NewExtractor(r.catalogue)
	r.desks.New = func() any { return newQuery() }
	return r
}
