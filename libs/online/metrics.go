package online

import "github.com/prometheus/client_golang/prometheus"

// metrics count reads. The names carry "online" where a service's own carry its name.
type metrics struct {
	near, asked, missing prometheus.Counter
	failures, badRows    prometheus.Counter
	open                 prometheus.Gauge
}

func newMetrics(r prometheus.Registerer) *metrics {
	items := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "haggle_online_items_total", Help: "Item rows by where they came from: the near cache, Redis, or nowhere because Redis was missing.",
	}, []string{"source"})
	m := &metrics{
		near: items.WithLabelValues("near"), asked: items.WithLabelValues("redis"), missing: items.WithLabelValues("missing"),
		failures: prometheus.NewCounter(prometheus.CounterOpts{Name: "haggle_online_failures_total", Help: "Reads that Redis failed or did not answer in time."}),
		badRows:  prometheus.NewCounter(prometheus.CounterOpts{Name: "haggle_online_bad_rows_total", Help: "Rows that could not be decoded and counted as empty."}),
		open:     prometheus.NewGauge(prometheus.GaugeOpts{Name: "haggle_online_breaker_open", Help: "1 while Redis is given up and probed, else 0."}),
	}
	if r != nil {
		r.MustRegister(items, m.failures, m.badRows, m.open)
	}
	return m
}

// count adds a read of so many items.
func (m *metrics) count(items int, q *request, read *Read) {
	if items == 0 {
		return
	}
	if read.CacheHits > 0 {
		m.near.Add(float64(read.CacheHits))
	}
	if n := len(q.wanted); n > 0 && read.Missing {
		m.missing.Add(float64(n))
	} else if n > 0 {
		m.asked.Add(float64(n))
	}
}
