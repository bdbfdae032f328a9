package recall

import (
	"errors"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/haggle-commerce/haggle/libs/wire"
	"github.com/haggle-commerce/haggle/services/recall/internal/engine"
)

// metrics are what recall counts of itself. Labels are from closed sets.
type metrics struct {
	requests  *prometheus.CounterVec
	cpu       *prometheus.CounterVec
	degraded  *prometheus.CounterVec
	followed  *prometheus.CounterVec
	rejected  *prometheus.CounterVec
	snapshots *prometheus.CounterVec
	shards    *prometheus.CounterVec

	remoteSearches, remoteChanges *prometheus.CounterVec
	remoteBehind                  prometheus.Gauge

	all []prometheus.Collector
}

func newMetrics(registry prometheus.Registerer, e *engine.Engine) (*metrics, error) {
	m := &metrics{}
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		c := prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "haggle", Subsystem: "recall", Name: name, Help: help}, labels)
		m.all = append(m.all, c)
		return c
	}
	m.requests = counter("requests_total", "Requests for candidates, by purpose and how they ended.", "purpose", "code")
	m.cpu = counter("cpu_seconds_total", "CPU time spent on requests.", "purpose")
	m.degraded = counter("degraded_total", "Answers for which a part was left out, by part and reason.", "reason")
	m.followed = counter("followed_messages_total", "Messages read from a stream.", "stream")
	m.rejected = counter("rejected_messages_total", "Messages and lines of a stream that could not be read.", "stream")
	m.snapshots = counter("snapshots_total", "Snapshots of the state, by how writing them ended.", "outcome")
	m.shards = counter("shards_missing_total", "Shards whose answer was left out of one that was gathered, by reason.", "reason")
	m.remoteSearches = counter("remote_searches_total", "Searches for the remote index, by how they ended.", "outcome")
	m.remoteChanges = counter("remote_changes_total", "Changes of items sent to the remote index, by how that ended.", "outcome")
	m.remoteBehind = prometheus.NewGauge(prometheus.GaugeOpts{
		Namespace: "haggle", Subsystem: "recall", Name: "remote_behind_messages", Help: "Changes of items that the remote index does not hold yet.",
	})
	m.all = append(m.all, m.remoteBehind)
	gauge := func(name, help string, value func(engine.Size) int) {
		m.all = append(m.all, prometheus.NewGaugeFunc(
			prometheus.GaugeOpts{Namespace: "haggle", Subsystem: "recall", Name: name, Help: help},
			func() float64 { return float64(value(e.Size())) },
		))
	}
	gauge("items", "Items that can be found.", func(s engine.Size) int { return s.Items })
	gauge("words", "Words of the dictionary.", func(s engine.Size) int { return s.Words })
	gauge("shoppers", "Shoppers whose last deeds are remembered.", func(s engine.Size) int { return s.Shoppers })
	gauge("sessions", "Sessions of the sliding window.", func(s engine.Size) int { return s.Sessions })
	var errs []error
	for _, c := range m.all {
		errs = append(errs, registry.Register(c))
	}
	return m, errors.Join(errs...)
}

func (m *metrics) unregister(registry prometheus.Registerer) {
	for _, c := range m.all {
		registry.Unregister(c)
	}
}

// answered counts a request.
func (m *metrics) answered(purpose wire.Purpose, code wire.Code, used time.Duration) {
	label := "unknown"
	if name, ok := wire.Purpose_name[int32(purpose)]; ok {
		label = strings.ToLower(strings.TrimPrefix(name, "PURPOSE_"))
	}
	m.requests.WithLabelValues(label, string(code)).Inc()
	m.cpu.WithLabelValues(label).Add(used.Seconds())
}
