package trainer

import (
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics are what the trainer tells Prometheus.
type metrics struct {
	events, progress, seconds prometheus.Gauge
	runs, bad                 *prometheus.CounterVec
}

func newMetrics(r prometheus.Registerer) (*metrics, error) {
	gauge := func(name, help string) prometheus.Gauge {
		return prometheus.NewGauge(prometheus.GaugeOpts{Name: name, Help: help})
	}
	vec := func(name, help, label string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, []string{label})
	}
	m := &metrics{
		events:   gauge("haggle_trainer_events", "Events that the log holds."),
		progress: gauge("haggle_trainer_run_progress_ratio", "Which share of the run is done; 1 after it."),
		seconds:  gauge("haggle_trainer_last_run_seconds", "How long the last run took."),
		runs:     vec("haggle_trainer_runs_total", "Runs by outcome.", "outcome"),
		bad:      vec("haggle_trainer_unreadable_total", "Messages that could not be read, by kind.", "kind"),
	}
	for _, c := range m.all() {
		if err := r.Register(c); err != nil {
			return nil, fmt.Errorf("register metrics: %w", err)
		}
	}
	return m, nil
}

func (m *metrics) all() []prometheus.Collector {
	return []prometheus.Collector{m.events, m.progress, m.seconds, m.runs, m.bad}
}

// unregister takes the metrics back, so that the service can run again in the process.
func (m *metrics) unregister(from prometheus.Registerer) {
	for _, c := range m.all() {
		from.Unregister(c)
	}
}
