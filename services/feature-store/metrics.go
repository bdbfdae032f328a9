package featurestore

import (
	"fmt"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/haggle-commerce/haggle/services/feature-store/internal/fold"
)

// metrics are what people watch of this service.
type metrics struct {
	events                           *prometheus.CounterVec
	commits, failures, rows, rebuilt prometheus.Counter
	lag, position                    prometheus.Gauge
}

// poison is the outcome of a line that cannot be folded, beside those of package fold.
const poison = "poison"

func newMetrics(to prometheus.Registerer) (*metrics, error) {
	const system = "haggle_feature_store_"
	m := &metrics{
		events:   prometheus.NewCounterVec(prometheus.CounterOpts{Name: system + "events_total", Help: "Events by what became of them."}, []string{"outcome"}),
		commits:  prometheus.NewCounter(prometheus.CounterOpts{Name: system + "commits_total", Help: "Transactions written to Redis."}),
		failures: prometheus.NewCounter(prometheus.CounterOpts{Name: system + "redis_failures_total", Help: "Exchanges with Redis that failed and were tried again."}),
		rows:     prometheus.NewCounter(prometheus.CounterOpts{Name: system + "rows_written_total", Help: "Rows and states written to Redis."}),
		rebuilt:  prometheus.NewCounter(prometheus.CounterOpts{Name: system + "rebuilds_total", Help: "How often all rows were built anew from the stream."}),
		lag:      prometheus.NewGauge(prometheus.GaugeOpts{Name: system + "lag_seconds", Help: "Age of the newest event when its rows were written last."}),
		position: prometheus.NewGauge(prometheus.GaugeOpts{Name: system + "position", Help: "Sequence of the stream that the rows have come to."}),
	}
	for _, c := range m.all() {
		if err := to.Register(c); err != nil {
			return nil, fmt.Errorf("register metrics: %w", err)
		}
	}
	for _, o := range fold.Outcomes() {
		m.events.WithLabelValues(o.String())
	}
	m.events.WithLabelValues(poison)
	return m, nil
}

func (m *metrics) all() []prometheus.Collector {
	return []prometheus.Collector{m.events, m.commits, m.failures, m.rows, m.rebuilt, m.lag, m.position}
}

// unregister takes the metrics back, so that the service can run again in the process.
func (m *metrics) unregister(from prometheus.Registerer) {
	for _, c := range m.all() {
		from.Unregister(c)
	}
}
