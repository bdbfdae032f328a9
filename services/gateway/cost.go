package gateway

import (
	"encoding/json"
	"fmt"
	"net/http"
	runtimemetrics "runtime/metrics"
	"slices"
	"strings"
	"time"

	"github.com/haggle-commerce/haggle/libs/cost"
	"github.com/haggle-commerce/haggle/libs/registry"
	"github.com/haggle-commerce/haggle/services/gateway/internal/problem"
	"github.com/haggle-commerce/haggle/services/gateway/internal/spend"
	"github.com/haggle-commerce/haggle/services/gateway/internal/strict"
)

// ModelsAnswer is the answer to GET /v1/models.
type ModelsAnswer struct {
	Models []registry.Card `json:"models"`
}

// cost answers GET /v1/cost.
func (x *exchange) cost(r *http.Request) error {
	p := strict.ReadParams(r.URL.RawQuery)
	window := readWindow(p)
	by := []string{"purpose", "placement", "variant"}
	if list := p.Text("group_by", 64); list != "" {
		by = strings.Split(list, ",")
	}
	for _, dimension := range by {
		if !slices.Contains(spend.Dimensions, dimension) {
			p.Fault("group_by", "holds %q, may hold %s", dimension, strings.Join(spend.Dimensions, ", "))
		}
	}
	if faults := p.Faults(); len(faults) > 0 {
		return problem.Of(faults, p.Malformed())
	}
	now := x.gate.kit.Clock()
	x.gate.desk.book.Self(cost.ProcessCPU(), now)
	report := x.gate.desk.book.Report(now, window, by)
	report.Totals.Allocations = allocations()
	return x.sendJSON(report)
}

func readWindow(p *strict.Params) time.Duration {
	text := p.Text("window", 16)
	if text == "" {
		return time.Hour
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < 10*time.Second || d > spend.MaxWindow {
		p.Fault("window", "is %q, must be a duration from 10s to 24h", text)
	}
	return d
}

// allocations returns how many heap objects this process has allocated.
func allocations() uint64 {
	samples := []runtimemetrics.Sample{{Name: "/gc/heap/allocs:objects"}}
	runtimemetrics.Read(samples)
	return samples[0].Value.Uint64()
}

// models answers GET /v1/models.
func (x *exchange) models(r *http.Request) error {
	x.watch.pause()
	cards, err := x.gate.kit.Models.List(r.Context())
	x.watch.resume()
	if err != nil {
		return fmt.Errorf("list models: %w", err)
	}
	if cards == nil {
		cards = []registry.Card{}
	}
	return x.sendJSON(ModelsAnswer{Models: cards})
}

// sendJSON answers with what is asked for rarely.
func (x *exchange) sendJSON(v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode answer: %w", err)
	}
	x.Header()["Cache-Control"] = []string{"no-store"}
	x.send(http.StatusOK, b)
	return nil
}
