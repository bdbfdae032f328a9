package observe

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

func TestLoggerKeepsSecrets(t *testing.T) {
	for _, format := range []Format{Text, JSON, ""} {
		var out bytes.Buffer
		log := NewLogger(&out, slog.LevelInfo, format)
		log.Debug("below the level")
		log.With("token", "canary-1").WithGroup("request").Info("answered", "Query", "canary-2", "shopper_id", "canary-3", "items", 7,
			slog.Group("key", "password", "canary-4"))
		got := out.String()
		if strings.Contains(got, "canary") {
			t.Errorf("NewLogger(%q) wrote a secret: %s", format, got)
		}
		if strings.Count(got, "\n") != 1 || !strings.Contains(got, "answered") || !strings.Contains(got, "7") {
			t.Errorf("NewLogger(%q) wrote %q, want one line with the message and items", format, got)
		}
		if isJSON := json.Valid(out.Bytes()); isJSON != (format == JSON) {
			t.Errorf("NewLogger(%q) wrote JSON = %v: %s", format, isJSON, got)
		}
	}
}

// broken is a collector that cannot collect.
type broken struct{ desc *prometheus.Desc }

func (b broken) Describe(c chan<- *prometheus.Desc) { c <- b.desc }
func (b broken) Collect(c chan<- prometheus.Metric) {
	c <- prometheus.NewInvalidMetric(b.desc, io.ErrUnexpectedEOF)
}

func TestHandlerServesWhatItCan(t *testing.T) {
	registry := NewRegistry()
	queries := prometheus.NewCounter(prometheus.CounterOpts{Name: "haggle_test_queries_total", Help: "Queries."})
	registry.MustRegister(queries, broken{prometheus.NewDesc("haggle_test_broken", "Fails.", nil, nil)})
	queries.Add(3)
	answer := httptest.NewRecorder()
	Handler(registry).ServeHTTP(answer, httptest.NewRequest("GET", "/metrics", nil))
	if answer.Code != 200 {
		t.Fatalf("GET /metrics = %d, want 200: %s", answer.Code, answer.Body)
	}
	for _, want := range []string{"haggle_test_queries_total 3", "go_goroutines ", "process_cpu_seconds_total ", "go_build_info"} {
		if !strings.Contains(answer.Body.String(), want) {
			t.Errorf("GET /metrics lacks %q", want)
		}
	}
}
