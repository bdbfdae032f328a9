package bus

import (
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/haggle-commerce/haggle/libs/wire"
)

// Load is how busy the servers of a bus are and were. Counters run from the start; see [wire.Vitals].
type Load struct {
	Arrivals uint64
	Done     uint64
	Shed     uint64
	// InFlight, Queued and Workers are readings of this moment.
	InFlight int
	Queued   int
	Workers  int
	// BusyNanos is wall time spent in handlers.
	BusyNanos uint64
	// Latency counts handlers by wall time: bucket i those of at most wire.LatencyBounds[i] seconds, one more for the rest.
	Latency []uint64
}

// codes are the codes of failures, as indices of counts.failures.
var codes = [...]wire.Code{wire.Invalid, wire.NotFound, wire.Overloaded, wire.Late, wire.Internal}

const latencyBuckets = len(wire.LatencyBounds) + 1

// counts are the counters of a bus.
type counts struct {
	arrivals, done, shed, busyNanos atomic.Uint64
	latency                         [latencyBuckets]atomic.Uint64

	calls, retries, reconnects atomic.Uint64
	failures                   [len(codes)]atomic.Uint64

	published, publishRetries, followed, consumed, dead atomic.Uint64
}

// latencyNanos are wire.LatencyBounds in nanoseconds.
var latencyNanos = func() (n [len(wire.LatencyBounds)]time.Duration) {
	for i, s := range wire.LatencyBounds {
		n[i] = time.Duration(s * float64(time.Second))
	}
	return n
}()

// served notes that a handler ended after d.
func (c *counts) served(d time.Duration) {
	c.done.Add(1)
	c.busyNanos.Add(uint64(d))
	i := 0
	for i < len(latencyNanos) && d > latencyNanos[i] {
		i++
	}
	c.latency[i].Add(1)
}

// failed notes that a call ended with code.
func (c *counts) failed(code wire.Code) {
	for i, known := range codes {
		if known == code {
			c.failures[i].Add(1)
			return
		}
	}
}

// Load returns what the servers of this bus did and do.
func (b *Bus) Load() Load {
	c := &b.counts
	l := Load{
		Arrivals: c.arrivals.Load(), Done: c.done.Load(), Shed: c.shed.Load(), BusyNanos: c.busyNanos.Load(),
		Latency: make([]uint64, latencyBuckets),
	}
	for i := range l.Latency {
		l.Latency[i] = c.latency[i].Load()
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for s := range b.servers {
		running, queued := s.pool.counts()
		l.InFlight += running
		l.Queued += queued
		l.Workers += s.pool.workers
	}
	return l
}

// collector shows the counters of a bus as metrics. It reads them when it is asked, so that counting costs one atomic add.
type collector struct {
	bus    *Bus
	totals []total
	fails  *prometheus.Desc
	gauges []gauge
}

type total struct {
	desc  *prometheus.Desc
	value *atomic.Uint64
}

type gauge struct {
	desc  *prometheus.Desc
	value func() float64
}

func newCollector(b *Bus) *collector {
	labels := prometheus.Labels{"service": b.options.Name, "instance": b.options.Instance}
	desc := func(name, help string, variable ...string) *prometheus.Desc {
		return prometheus.NewDesc("haggle_bus_"+name, help, variable, labels)
	}
	c := &b.counts
	return &collector{
		bus: b,
		totals: []total{
			{desc("calls_total", "Calls made."), &c.calls},
			{desc("call_retries_total", "Calls tried once more at another instance."), &c.retries},
			{desc("requests_total", "Requests that came in."), &c.arrivals},
			{desc("requests_done_total", "Requests answered by a handler."), &c.done},
			{desc("requests_shed_total", "Requests refused as busy, late or malformed."), &c.shed},
			{desc("reconnects_total", "Times the connection came back."), &c.reconnects},
			{desc("published_total", "Messages that a stream acknowledged."), &c.published},
			{desc("publish_retries_total", "Publishes tried once more."), &c.publishRetries},
			{desc("followed_total", "Messages read by followers."), &c.followed},
			{desc("consumed_total", "Messages that a consumer acknowledged."), &c.consumed},
			{desc("dead_total", "Messages moved to the dead-letter stream."), &c.dead},
		},
		fails: desc("call_failures_total", "Calls that failed, by code.", "code"),
		gauges: []gauge{
			{desc("connected", "Whether the server is there."), func() float64 {
				if b.Connected() {
					return 1
				}
				return 0
			}},
			{desc("instances", "Instances known to serve a subject."), func() float64 { return float64(b.peers.count()) }},
			{desc("requests_in_flight", "Requests in handlers."), func() float64 { return float64(b.Load().InFlight) }},
			{desc("requests_queued", "Requests that wait for a worker."), func() float64 { return float64(b.Load().Queued) }},
		},
	}
}

// Describe implements [prometheus.Collector].
func (c *collector) Describe(out chan<- *prometheus.Desc) {
	for _, t := range c.totals {
		out <- t.desc
	}
	out <- c.fails
	for _, g := range c.gauges {
		out <- g.desc
	}
}

// Collect implements [prometheus.Collector].
func (c *collector) Collect(out chan<- prometheus.Metric) {
	for _, t := range c.totals {
		out <- prometheus.MustNewConstMetric(t.desc, prometheus.CounterValue, float64(t.value.Load()))
	}
	for i, code := range codes {
		out <- prometheus.MustNewConstMetric(c.fails, prometheus.CounterValue, float64(c.bus.counts.failures[i].Load()), string(code))
	}
	for _, g := range c.gauges {
		out <- prometheus.MustNewConstMetric(g.desc, prometheus.GaugeValue, g.value())
	}
}
