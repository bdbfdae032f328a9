package gateway

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/haggle-commerce/haggle/libs/service"
	"github.com/haggle-commerce/haggle/libs/servicetest"
	"github.com/haggle-commerce/haggle/libs/wire"
	"github.com/haggle-commerce/haggle/services/gateway/internal/answer"
	"github.com/haggle-commerce/haggle/services/gateway/internal/spend"
)

const (
	publicKey = "publishable-key-1"
	secretKey = "secret-key-1234567"
)

func locked(t *testing.T) options {
	return options{secrets: secrets(t, map[string]string{
		"publishable.keys": publicKey + "\n", "secret.keys": secretKey + "\n", "hmac.key": strings.Repeat("0123456789abcdef", 4) + "\n",
	})}
}

func TestScopes(t *testing.T) {
	h := newHouse(t, locked(t))
	bearer := func(key string) string { return "Bearer " + key }
	tests := []struct {
		method, path, body string
		none, public       int
	}{
		{"POST", "/v1/search", `{"query":"shoe"}`, 401, 200},
		{"POST", "/v1/recommend/home", `{}`, 401, 200},
		{"GET", "/v1/trending", ``, 401, 200},
		{"GET", "/v1/items/item-01", ``, 401, 200},
		{"PUT", "/v1/items/item-01", `{"title":"x"}`, 401, 403},
		{"PATCH", "/v1/items/item-01", `{"title":"x"}`, 401, 403},
		{"DELETE", "/v1/items/item-01", ``, 401, 403},
		{"POST", "/v1/items:batch", `{"id":"a","title":"x"}`, 401, 403},
		{"POST", "/v1/events:import", `{}`, 401, 403},
		{"GET", "/v1/models", ``, 401, 403},
		{"GET", "/v1/cost", ``, 401, 403},
		{"GET", "/openapi.json", ``, 200, 200},
		{"GET", "/healthz", ``, 200, 200},
	}
	for _, test := range tests {
		w := h.do(test.method, test.path, test.body)
		if w.Code != test.none || w.Code == 401 && w.Header().Get("WWW-Authenticate") == "" {
			t.Errorf("%s %s without a key = %d, want %d", test.method, test.path, w.Code, test.none)
		}
		if w := h.do(test.method, test.path, test.body, "Authorization", bearer("wrong")); test.none == 401 && w.Code != 401 {
			t.Errorf("%s %s with a wrong key = %d, want 401", test.method, test.path, w.Code)
		}
		if w := h.do(test.method, test.path, test.body, "X-Api-Key", publicKey); w.Code != test.public {
			t.Errorf("%s %s with the publishable key = %d, want %d", test.method, test.path, w.Code, test.public)
		}
		if w := h.do(test.method, test.path, test.body, "Authorization", bearer(secretKey)); w.Code >= 400 && w.Code != 422 {
			t.Errorf("%s %s with the secret key = %d %s", test.method, test.path, w.Code, w.Body)
		}
	}
	if a := h.ask("POST", "/v1/search", `{"query":"shoe"}`, "X-Api-Key", publicKey); a.Cost != nil {
		t.Error("a publishable key sees what a query costs")
	}
	if a := h.ask("POST", "/v1/search", `{"query":"shoe"}`, "Authorization", bearer(secretKey)); a.Cost == nil {
		t.Error("a secret key does not see what a query costs")
	}
}

// TestKeysChangeWithoutARestart adds a signing key before the old one and replaces the others, while tokens are out.
func TestKeysChangeWithoutARestart(t *testing.T) {
	o := locked(t)
	h := newHouse(t, o)
	shown := h.ask("POST", "/v1/search", `{"query":"shoe","visitor_id":"v"}`, "X-Api-Key", publicKey)
	shopper := h.g.keys.Load().pseudonyms.Shopper("", "v")
	next := service.Secrets{
		HMACKeys: [][]byte{[]byte("a new key that signs"), []byte(strings.Repeat("0123456789abcdef", 4))}, PublishableKeys: []string{"another-publishable"}, SecretKeys: []string{secretKey},
	}
	h.g.keys.Store(newKeys(next, nil, time.Hour))
	if w := h.do("POST", "/v1/search", `{"query":"shoe"}`, "X-Api-Key", publicKey); w.Code != http.StatusUnauthorized {
		t.Errorf("a key that was taken away = %d", w.Code)
	}
	click := fmt.Sprintf(`[{"event":"select_item","visitor_id":"v","attribution_token":%q,"items":[{"item_id":%q}]}]`, shown.AttributionToken, shown.Results[0].ID)
	if w := h.do("POST", "/v1/events", click, "X-Api-Key", "another-publishable"); w.Code != http.StatusOK {
		t.Errorf("a token of the old key = %d %s", w.Code, w.Body)
	}
	if got := h.g.keys.Load().pseudonyms.Shopper("", "v"); got != shopper {
		t.Errorf("a new key renames shoppers: %s, was %s", got, shopper)
	}
	if !changed(&next, &h.kit.Secrets) || changed(&next, &next) {
		t.Error("changed does not tell secrets apart")
	}
}

func TestOrigins(t *testing.T) {
	h := newHouse(t, options{config: func(c *Config) { c.Origins = []string{"https://shop.example"} }})
	w := h.do("OPTIONS", "/v1/search", "", "Origin", "https://shop.example", "Access-Control-Request-Method", "POST")
	if w.Code != http.StatusNoContent || w.Header().Get("Access-Control-Allow-Origin") != "https://shop.example" || !strings.Contains(w.Header().Get("Access-Control-Allow-Headers"), "Authorization") || w.Header().Get("Vary") != "Origin" {
		t.Errorf("preflight = %d %v", w.Code, w.Header())
	}
	for name, headers := range map[string][]string{
		"another origin":    {"Origin", "https://evil.example", "Access-Control-Request-Method", "POST"},
		"a secret endpoint": {"Origin", "https://shop.example", "Access-Control-Request-Method", "PUT"},
	} {
		path := "/v1/search"
		if name == "a secret endpoint" {
			path = "/v1/items/item-01"
		}
		if w := h.do("OPTIONS", path, "", headers...); w.Header().Get("Access-Control-Allow-Origin") != "" || w.Code == http.StatusNoContent {
			t.Errorf("preflight of %s = %d %v", name, w.Code, w.Header())
		}
	}
	if w := h.do("POST", "/v1/search", `{"query":"shoe"}`, "Origin", "https://shop.example"); w.Header().Get("Access-Control-Allow-Origin") != "https://shop.example" || !strings.Contains(w.Header().Get("Access-Control-Expose-Headers"), "Haggle-Cost") {
		t.Errorf("search from a page = %v", w.Header())
	}
}

func TestCost(t *testing.T) {
	h := newHouse(t, options{})
	before := decode[spend.Report](t, h.do("GET", "/v1/cost", "").Body.Bytes())
	for range 10 {
		h.ask("POST", "/v1/search", `{"query":"shoe"}`)
		h.ask("POST", "/v1/recommend/home", `{}`)
	}
	vitals, err := json.Marshal(service.VitalsOf(h.kit))
	if err != nil {
		t.Fatal(err)
	}
	servicetest.Eventually(t, patience, func() error {
		if err := h.kit.Bus.Broadcast(wire.SubjectVital+"gateway.test", vitals); err != nil {
			return err
		}
		if after := h.g.desk.book.Report(h.kit.Clock(), time.Hour, nil); len(after.Replicas) == 0 || after.Reconciliation.ProcessSeconds == 0 {
			return fmt.Errorf("vitals are not heard: %+v", after)
		}
		return nil
	})
	w := h.do("GET", "/v1/cost?window=5m&group_by=purpose,placement", "")
	got := decode[spend.Report](t, w.Body.Bytes())
	if got.Queries != 20 || len(got.Groups) != 2 || got.Groups[0].Variant != "" || got.Groups[0].CPUMicrosPerQuery < 250 {
		t.Errorf("report = %s", w.Body)
	}
	if queries := got.Totals.Queries - before.Totals.Queries; queries != 20 {
		t.Errorf("%d queries between two readings, want 20", queries)
	}
	if got.Totals.StageSeconds["gateway"] <= 0 || got.Totals.StageSeconds["rank"] < 20*120e-6*0.99 || got.Totals.Allocations <= before.Totals.Allocations {
		t.Errorf("totals = %+v", got.Totals)
	}
	if claimed := h.kit.Ledger.Claimed(); claimed <= 0 {
		t.Errorf("the ledger holds %v", claimed)
	}
	families, err := h.kit.Metrics.Gather()
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for _, f := range families {
		names[f.GetName()] = true
	}
	for _, want := range []string{"haggle_queries_total", "haggle_cost_usd_total", "haggle_ledger_coverage_ratio", "haggle_gateway_query_seconds", "haggle_gateway_stage_cpu_seconds_total"} {
		if !names[want] {
			t.Errorf("there is no metric %s", want)
		}
	}
}

// TestRun holds the service to its shape: it listens, gets ready, drains what is under way, and ends.
func TestRun(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	listener.Close()
	kit := servicetest.Kit(t, "gateway")
	c := Default()
	c.Address, c.Connections = address, 3
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- Run(ctx, kit, c) }()
	servicetest.Eventually(t, patience, func() error {
		response, err := http.Get("http://" + address + "/healthz")
		if err != nil {
			return err
		}
		response.Body.Close()
		if waits := kit.Health.Waits(); len(waits) > 0 {
			return fmt.Errorf("waits for %v", waits)
		}
		return nil
	})
	// A request whose body comes in two parts, the second after the gateway was told to end.
	before := service.VitalsOf(kit).Arrivals
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	body := `{"query":"shoe"}`
	fmt.Fprintf(conn, "POST /v1/search HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s", len(body), body[:5])
	servicetest.Eventually(t, patience, func() error {
		if v := service.VitalsOf(kit); v.Arrivals == before {
			return errors.New("the request has not begun")
		}
		return nil
	})
	cancel()
	if _, err := io.WriteString(conn, body[5:]); err != nil {
		t.Fatal(err)
	}
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatalf("the request under way was cut off: %v", err)
	}
	var a answer.Answer
	if err := json.NewDecoder(response.Body).Decode(&a); err != nil || response.StatusCode != http.StatusOK || len(a.Degraded) == 0 {
		t.Errorf("the request under way = %d %+v %v", response.StatusCode, a, err)
	}
	select {
	case err := <-ended:
		if err != nil {
			t.Errorf("Run = %v", err)
		}
	case <-time.After(patience):
		t.Fatal("Run does not end")
	}
}

func TestConnectionsAreBounded(t *testing.T) {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := limited(inner, 2)
	accepted := make(chan net.Conn, 10)
	go func() {
		defer close(accepted)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			accepted <- c
		}
	}()
	dial := func() net.Conn {
		c, err := net.Dial("tcp", inner.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		return c
	}
	first := dial()
	one := <-accepted
	dial()
	<-accepted
	refused := dial()
	if err := refused.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	if _, err := refused.Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the third connection is not closed: %v", err)
	}
	one.Close()
	one.Close()
	first.Close()
	dial()
	select {
	case <-accepted:
	case <-time.After(patience):
		t.Error("there is no room after a connection was closed")
	}
	inner.Close()
	for range accepted {
	}
}

func TestConfig(t *testing.T) {
	if err := Default().Check(); err != nil {
		t.Errorf("the default configuration: %v", err)
	}
	bad := Config{Address: "nowhere", Concurrency: -1, Rate: -1, EventWait: -1, Origins: []string{"shop.example"}}
	err := bad.Check()
	for _, field := range []string{"address", "deadline", "candidates", "concurrency", "connections", "rate", "event-wait", "event-memory", "token-life", "origins"} {
		if err == nil || !strings.Contains(err.Error(), field+": ") {
			t.Errorf("Check does not name %s: %v", field, err)
		}
	}
}

// repository returns a path below the root of the repository.
func repository(t testing.TB, path string) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.work")); err == nil {
			return filepath.Join(dir, path)
		}
		if dir == filepath.Dir(dir) {
			t.Fatal("no go.work above the test")
		}
		dir = filepath.Dir(dir)
	}
}
