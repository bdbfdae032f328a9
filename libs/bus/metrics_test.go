package bus_test

import (
	"context"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"github.com/haggle-commerce/haggle/libs/bus"
	"github.com/haggle-commerce/haggle/libs/servicetest"
	"github.com/haggle-commerce/haggle/libs/wire"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

func TestMetrics(t *testing.T) {
	t.Parallel()
	srv := servicetest.NATS(t)
	registry := prometheus.NewPedanticRegistry()
	// Two rooms of one process share the registry.
	room := servicetest.Connect(t, bus.Options{Server: srv, Name: "recall", Metrics: registry})
	asker, err := bus.Connect(t.Context(), bus.Options{Server: srv, Name: "gateway", Instance: "one", Metrics: registry})
	if err != nil {
		t.Fatal(err)
	}
	serve(t, room, bus.Limits{}, func(_ context.Context, request []byte) ([]byte, error) {
		if len(request) == 0 {
			return nil, wire.Errorf(wire.NotFound, "nothing")
		}
		return request, nil
	})
	firstCall(t, asker, "hello")
	if _, err := call(t, asker, time.Second, nil); wire.CodeOf(err) != wire.NotFound {
		t.Fatalf("Call() = %v, want NotFound", err)
	}
	got := gather(t, registry)
	for name, want := range map[string]float64{
		`haggle_bus_calls_total gateway`:                  2,
		`haggle_bus_call_failures_total gateway NotFound`: 1,
		`haggle_bus_requests_done_total recall`:           2,
		`haggle_bus_connected gateway`:                    1,
		`haggle_bus_requests_in_flight recall`:            0,
	} {
		if got[name] < want {
			t.Errorf("%s = %v, want %v", name, got[name], want)
		}
	}
	if err := asker.Close(); err != nil {
		t.Error(err)
	}
	if _, there := gather(t, registry)[`haggle_bus_calls_total gateway`]; there {
		t.Error("the metrics of a bus that was closed are still shown")
	}
}

// gather returns the metrics by name, service and code.
func gather(t *testing.T, registry *prometheus.Registry) map[string]float64 {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	values := map[string]float64{}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			key := family.GetName()
			code := ""
			for _, l := range m.GetLabel() {
				switch l.GetName() {
				case "service":
					key += " " + l.GetValue()
				case "code":
					code = " " + l.GetValue()
				}
			}
			values[key+code] = m.GetCounter().GetValue() + m.GetGauge().GetValue()
		}
	}
	return values
}
