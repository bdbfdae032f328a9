// Package observe makes what people watch a process with: logs that keep secrets, metrics and trace contexts.
package observe

import (
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Format is how a log line is written.
type Format string

// The formats of log lines.
const (
	// Text is logfmt, for people and terminals.
	Text Format = "text"
	// JSON is one object per line, for collectors.
	JSON Format = "json"
)

// Redacted stands in the log for a value that may not be there.
const Redacted = "[redacted]"

// secretKeys are the names of attributes that never reach a log, in lower case: keys, and what a shopper is, typed or asked.
var secretKeys = [...]string{
	"secret", "password", "token", "authorization", "cookie", "api_key", "hmac_key", "attribution_token",
	"shopper", "shopper_id", "visitor_id", "user_id", "query", "search_term",
}

// NewLogger returns a logger that writes lines of at least the level to w, in logfmt unless format is [JSON]. The values of
// attributes whose name says that they hold a secret or a shopper are replaced by [Redacted]; it is the second line of
// defence, the first is not to log them.
func NewLogger(w io.Writer, level slog.Level, format Format) *slog.Logger {
	options := &slog.HandlerOptions{Level: level, ReplaceAttr: redact}
	if format == JSON {
		return slog.New(slog.NewJSONHandler(w, options))
	}
	return slog.New(slog.NewTextHandler(w, options))
}

func redact(_ []string, a slog.Attr) slog.Attr {
	if slices.ContainsFunc(secretKeys[:], func(key string) bool { return strings.EqualFold(key, a.Key) }) {
		return slog.String(a.Key, Redacted)
	}
	return a
}

// NewRegistry returns a registry of metrics that already holds those of the Go runtime, the process and the build.
func NewRegistry() *prometheus.Registry {
	r := prometheus.NewRegistry()
	r.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		collectors.NewBuildInfoCollector(),
	)
	return r
}

// Handler serves the metrics of r. A collector that fails leaves out its own metrics and no others.
func Handler(r *prometheus.Registry) http.Handler {
	return promhttp.HandlerFor(r, promhttp.HandlerOpts{
		Registry: r, ErrorHandling: promhttp.ContinueOnError, MaxRequestsInFlight: 4, EnableOpenMetrics: true,
	})
}
