package ranking

import (
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics are what people watch of this service.
type metrics struct {
	queries    *prometheus.CounterVec
	candidates prometheus.Counter
	degraded   *prometheus.CounterVec
	models     *prometheus.CounterVec
	items      prometheus.Gauge
	badItems   prometheus.Counter
}

// The outcomes of a query.
const (
	outcomeRanked  = "ranked"
	outcomeKept    = "kept_order"
	outcomeInvalid = "invalid"
)

func newMetrics(to prometheus.Registerer) (*metrics, error) {
	const system = "haggle_ranking_"
	m := &metrics{
		queries:    prometheus.NewCounterVec(prometheus.CounterOpts{Name: system + "queries_total", Help: "Queries by what became of them."}, []string{"outcome"}),
		candidates: prometheus.NewCounter(prometheus.CounterOpts{Name: system + "candidates_total", Help: "Candidates scored."}),
		degraded:   prometheus.NewCounterVec(prometheus.CounterOpts{Name: system + "degraded_total", Help: "Answers that had to do without something, by what it was."}, []string{"reason"}),
		models:     prometheus.NewCounterVec(prometheus.CounterOpts{Name: system + "models_loaded_total", Help: "Models taken into service, by slot."}, []string{"slot"}),
		items:      prometheus.NewGauge(prometheus.GaugeOpts{Name: system + "items", Help: "Items of the catalogue."}),
		badItems:   prometheus.NewCounter(prometheus.CounterOpts{Name: system + "bad_items_total", Help: "Items of the catalogue that could not be read."}),
	}
	for _, c := range m.all() {
		if err := to.Register(c); err != nil {
			return nil, fmt.Errorf("register metrics: %w", err)
		}
	}
	for _, outcome := range []string{outcomeRanked, outcomeKept, outcomeInvalid} {
		m.queries.WithLabelValues(outcome)
	}
	return m, nil
}

func (m *metrics) all() []prometheus.Collector {
	return []prometheus.Collector{m.queries, m.candidates, m.degraded, m.models, m.items, m.badItems}
}

// unregister takes the metrics back, so that the service can run again in the process.
func (m *metrics) unregister(from prometheus.Registerer) {
	for _, c := range m.all() {
		from.Unregister(c)
	}
}
