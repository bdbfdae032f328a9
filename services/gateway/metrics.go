package gateway

import (
	"errors"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/haggle-commerce/haggle/libs/shop"
	"github.com/haggle-commerce/haggle/libs/wire"
	"github.com/haggle-commerce/haggle/services/gateway/internal/intake"
	"github.com/haggle-commerce/haggle/services/gateway/internal/spend"
)

// maxLabels bounds the values of labels that other services bring.
const maxLabels = 64

// metrics are what the gateway tells Prometheus.
type metrics struct {
	purposes []purposeMetrics
	degraded *bounded
	stages   *bounded
	events   *prometheus.CounterVec
	shed     *prometheus.CounterVec
	clamped  prometheus.Counter
	answers  []prometheus.Counter
	items    prometheus.Gauge
	badItems prometheus.Counter
	// followed is the sequence up to which the catalogue was read.
	followed atomic.Uint64
}

// purposeMetrics are the metrics of one kind of query, looked up once.
type purposeMetrics struct {
	queries, marginal, loaded prometheus.Counter
	seconds                   prometheus.Observer
}

// newMetrics registers the metrics; coverage is read whenever somebody asks for it.
func newMetrics(r prometheus.Registerer, coverage func() float64) (*metrics, error) {
	var faults []error
	register := func(c prometheus.Collector) {
		if err := r.Register(c); err != nil {
			faults = append(faults, err)
		}
	}
	vec := func(name, help string, labels ...string) *prometheus.CounterVec {
		v := prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
		register(v)
		return v
	}
	counter := func(name, help string) prometheus.Counter { return vec(name, help).WithLabelValues() }

	m := &metrics{
		degraded: newBounded(vec("haggle_gateway_degraded_total", "Parts that were left out of answers, and why.", "part")),
		stages:   newBounded(vec("haggle_gateway_stage_cpu_seconds_total", "CPU time by stage, as receipts have it.", "stage")),
		events:   vec("haggle_gateway_events_total", "Events by kind and by what became of them.", "kind", "outcome"),
		shed:     vec("haggle_gateway_shed_total", "Requests that were turned away, by reason.", "reason"),
		clamped:  counter("haggle_gateway_events_clamped_total", "Events whose time was not believed."),
		badItems: counter("haggle_gateway_bad_items_total", "Messages of the catalogue that could not be read."),
		items:    prometheus.NewGauge(prometheus.GaugeOpts{Name: "haggle_gateway_items", Help: "Items that answers can show."}),
	}
	register(m.items)
	register(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "haggle_ledger_coverage_ratio", Help: "CPU time that receipts account for by that of all processes, over the last five minutes."}, coverage))
	answers := vec("haggle_gateway_answers_total", "HTTP answers by class of status.", "class")
	for class := range 6 {
		m.answers = append(m.answers, answers.WithLabelValues(strconv.Itoa(class)+"xx"))
	}
	queries := vec("haggle_queries_total", "Queries that were answered.", "purpose")
	price := vec("haggle_cost_usd_total", "What queries cost, marginal and fully loaded.", "purpose", "kind")
	seconds := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "haggle_gateway_query_seconds", Help: "From the arrival of a query to its answer.", Buckets: wire.LatencyBounds[:],
	}, []string{"purpose"})
	register(seconds)
	for p := range wire.Purpose_PURPOSE_AUTOCOMPLETE + 1 {
		name := purposeName(p)
		m.purposes = append(m.purposes, purposeMetrics{
			queries: queries.WithLabelValues(name), marginal: price.WithLabelValues(name, "marginal"),
			loaded: price.WithLabelValues(name, "fully_loaded"), seconds: seconds.WithLabelValues(name),
		})
	}
	return m, errors.Join(faults...)
}

// query counts a query that was answered.
func (m *metrics) query(r *reply, took time.Duration) {
	p := &m.purposes[r.purpose]
	p.queries.Inc()
	p.seconds.Observe(took.Seconds())
	p.marginal.Add(r.marginal / 1e9)
	p.loaded.Add(r.full / 1e9)
	for i := range r.stages {
		m.stages.add(r.stages[i].Name, r.stages[i].CPU.Seconds())
	}
	for _, part := range r.Degraded {
		m.degraded.add(part, 1)
	}
}

// answered counts an HTTP answer.
func (m *metrics) answered(status int) {
	if class := status / 100; class < len(m.answers) {
		m.answers[class].Inc()
	}
}

// event counts an event.
func (m *metrics) event(o *intake.Outcome) {
	kind := o.Event.Kind
	if kind == "" {
		kind = shop.EventKind(spend.Other)
	}
	outcome := string(o.Status)
	if o.Code != "" {
		outcome = o.Code
	}
	m.events.WithLabelValues(string(kind), outcome).Inc()
	if o.Clamped {
		m.clamped.Inc()
	}
}

// bounded is a vector of counters whose label values come from elsewhere: the first few get a counter each, the rest share one.
type bounded struct {
	vec    *prometheus.CounterVec
	mu     sync.RWMutex
	values map[string]prometheus.Counter
}

func newBounded(vec *prometheus.CounterVec) *bounded {
	return &bounded{vec: vec, values: map[string]prometheus.Counter{spend.Other: vec.WithLabelValues(spend.Other)}}
}

func (b *bounded) add(value string, v float64) {
	b.mu.RLock()
	c := b.values[value]
	b.mu.RUnlock()
	if c == nil {
		c = b.learn(value)
	}
	c.Add(max(0, v))
}

func (b *bounded) learn(value string) prometheus.Counter {
	b.mu.Lock()
	defer b.mu.Unlock()
	if c := b.values[value]; c != nil {
		return c
	}
	if len(b.values) >= maxLabels {
		return b.values[spend.Other]
	}
	b.values[value] = b.vec.WithLabelValues(value)
	return b.values[value]
}
