package service

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"runtime/metrics"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/haggle-commerce/haggle/libs/cost"
	"github.com/haggle-commerce/haggle/libs/wire"
)

// vitalsEvery is how often a service says how it is.
const vitalsEvery = time.Second

// Vitals publishes the vitals of a service once a second until ctx ends. They are lossy: while the bus is away they are not
// kept. The error is always nil.
func Vitals(ctx context.Context, kit Kit) error {
	return Every(ctx, vitalsEvery, func() {
		meter := cost.Start()
		message, err := json.Marshal(VitalsOf(kit))
		kit.Ledger.Other(meter.Stop())
		if err == nil {
			err = kit.Bus.Broadcast(wire.SubjectVital+kit.Service+"."+kit.Instance, message)
		}
		if err != nil {
			kit.Log.Debug("vitals not sent", "error", err)
		}
	})
}

// VitalsOf reads the vitals of a service at this moment.
func VitalsOf(kit Kit) wire.Vitals {
	v := wire.Vitals{
		Service: kit.Service, Instance: kit.Instance, Process: kit.Process, PodUID: kit.Pod, Node: kit.Node,
		Time: kit.Clock().UTC(), Ready: kit.Health.Since().UTC(), Cores: kit.Cores, MemoryBytes: kit.MemoryBytes,
		ProcessNanos: uint64(cost.ProcessCPU()), ClaimedNanos: uint64(kit.Ledger.Claimed()), OtherNanos: uint64(kit.Ledger.Others()),
		RSSBytes: residentBytes(),
	}
	load := kit.Bus.Load()
	v.Arrivals, v.Done, v.Shed = load.Arrivals, load.Done, load.Shed
	v.InFlight, v.Queued, v.Workers, v.BusyNanos = load.InFlight, load.Queued, load.Workers, load.BusyNanos
	v.Latency = append(v.Latency, load.Latency...)
	kit.Traffic.addTo(&v)
	return v
}

// residentBytes is the memory that the process occupies. Where the system does not say, it is what the Go runtime has taken.
func residentBytes() uint64 {
	if text, err := os.ReadFile("/proc/self/statm"); err == nil {
		if fields := strings.Fields(string(text)); len(fields) > 1 {
			if pages, err := strconv.ParseUint(fields[1], 10, 64); err == nil {
				return pages * uint64(os.Getpagesize())
			}
		}
	}
	taken := []metrics.Sample{{Name: "/memory/classes/total:bytes"}}
	metrics.Read(taken)
	return taken[0].Value.Uint64()
}

// roomCollector shows a room's ledger and health to Prometheus.
type roomCollector struct {
	kit                   Kit
	ready, claimed, other *prometheus.Desc
}

func newRoomCollector(kit Kit) *roomCollector {
	labels := prometheus.Labels{"service": kit.Service}
	describe := func(name, help string) *prometheus.Desc {
		return prometheus.NewDesc("haggle_service_"+name, help, nil, labels)
	}
	return &roomCollector{
		kit:     kit,
		ready:   describe("ready", "1 when the service can take work, else 0."),
		claimed: describe("claimed_cpu_seconds_total", "CPU time that receipts of queries account for."),
		other:   describe("other_cpu_seconds_total", "CPU time of work done for no query: events, training, vitals."),
	}
}

// Describe implements [prometheus.Collector].
func (c *roomCollector) Describe(out chan<- *prometheus.Desc) {
	out <- c.ready
	out <- c.claimed
	out <- c.other
}

// Collect implements [prometheus.Collector].
func (c *roomCollector) Collect(out chan<- prometheus.Metric) {
	ready := 0.0
	if !c.kit.Health.Since().IsZero() {
		ready = 1
	}
	out <- prometheus.MustNewConstMetric(c.ready, prometheus.GaugeValue, ready)
	out <- prometheus.MustNewConstMetric(c.claimed, prometheus.CounterValue, c.kit.Ledger.Claimed().Seconds())
	out <- prometheus.MustNewConstMetric(c.other, prometheus.CounterValue, c.kit.Ledger.Others().Seconds())
}

// String names a room in messages about it.
func (k Kit) String() string { return fmt.Sprintf("%s (%s)", k.Service, k.Instance) }
