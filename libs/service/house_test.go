package service_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/haggle-commerce/haggle/libs/bus"
	"github.com/haggle-commerce/haggle/libs/observe"
	"github.com/haggle-commerce/haggle/libs/service"
	"github.com/haggle-commerce/haggle/libs/servicetest"
	"github.com/haggle-commerce/haggle/libs/wire"
)

// journal is a writer that may be written to and read at once.
type journal struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.b.Write(p)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.b.String()
}

// open opens a house with an admin port over real servers.
func open(t *testing.T, common service.Common, log io.Writer) *service.House {
	t.Helper()
	common.Admin = "127.0.0.1:0"
	if common.Redis == "" {
		common.Redis = servicetest.Redis(t)
	}
	h, err := service.Open(t.Context(), common, service.Options{Server: servicetest.NATS(t), Log: observe.NewLogger(log, slog.LevelInfo, observe.Text)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.Close() })
	return h
}

func get(t *testing.T, h *service.House, path string) (int, string) {
	t.Helper()
	answer, err := http.Get("http://" + h.Admin() + path)
	if err != nil {
		return 0, err.Error()
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		return 0, err.Error()
	}
	return answer.StatusCode, string(body)
}

// want waits for an answer of the admin port.
func want(t *testing.T, h *service.House, path string, code int, body string) {
	t.Helper()
	servicetest.Eventually(t, 10*time.Second, func() error {
		gotCode, got := get(t, h, path)
		if gotCode != code || !strings.Contains(got, body) {
			return fmt.Errorf("GET %s = %d %s, want %d %q", path, gotCode, got, code, body)
		}
		return nil
	})
}

func TestOpenNamesEveryFault(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	prices := filepath.Join(t.TempDir(), "prices.json")
	if err := os.WriteFile(prices, []byte(`{"CPU": "free", "RAM": 0.005}`), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = service.Open(t.Context(), service.Common{Admin: taken.Addr().String(), Prices: prices, Secrets: "/no/such/folder"}, service.Options{})
	if err == nil {
		t.Fatal("Open succeeded")
	}
	for _, part := range []string{"nats: is empty", "HAGGLE_NATS", "CPU is \"free\"", "HAGGLE_PRICES", "/no/such/folder", "HAGGLE_SECRETS", "redis:", "HAGGLE_REDIS", "address already in use", "HAGGLE_ADMIN"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("Open = %v, want it to say %q", err, part)
		}
	}
	if _, err := service.Open(t.Context(), service.Common{NATS: "nats://x:1", Redis: "x:1", Prices: "/no/such/file"}, service.Options{}); err == nil || !strings.Contains(err.Error(), "HAGGLE_PRICES") {
		t.Errorf("Open without the file of prices = %v", err)
	}
}

func TestRoomsLiveAndDrainInOrder(t *testing.T) {
	var log journal
	h := open(t, service.Common{}, &log)
	ctx, end := context.WithCancel(t.Context())
	defer end()
	var mu sync.Mutex
	var steps []string
	step := func(s string) {
		mu.Lock()
		defer mu.Unlock()
		steps = append(steps, s)
	}
	kits := make(chan service.Kit, 2)
	goOn, closing := make(chan struct{}), make(chan struct{})
	room := func(name string, last func()) service.Room {
		return service.Room{Name: name, Run: func(ctx context.Context, kit service.Kit) error {
			kits <- kit
			kit.Health.NotReady("shelves", "empty")
			<-goOn
			kit.Health.Ready("shelves")
			<-ctx.Done()
			step(name + " told")
			last()
			step(name + " ended")
			return ctx.Err()
		}}
	}
	ran := make(chan error, 1)
	go func() {
		ran <- h.Run(ctx, room("gateway", func() { <-closing }), room("feature-store", func() {}))
	}()
	want(t, h, "/healthz", 200, "ok")
	want(t, h, "/readyz", 503, "gateway: shelves: empty")
	close(goOn)
	want(t, h, "/readyz", 200, "ready")
	want(t, h, "/metrics", 200, `haggle_service_ready{service="feature-store"} 1`)
	want(t, h, "/debug/pprof/goroutine?debug=1", 200, "goroutine profile")
	for range 2 {
		kit := <-kits
		if (kit.Redis != nil) != (kit.Service == "feature-store") || kit.Online == nil || kit.Models == nil || kit.Process != h.Process() || !strings.Contains(kit.Instance, kit.Process) {
			t.Errorf("kit of %v: %+v", kit, kit)
		}
		if kit.Redis != nil {
			if err := kit.Redis.Ping(t.Context()).Err(); err != nil {
				t.Error(err)
			}
		}
	}
	end()
	want(t, h, "/readyz", 503, "gateway: draining") // while the first room finishes, probes are answered
	close(closing)
	if err := <-ran; err != nil {
		t.Errorf("Run = %v, want a clean end", err)
	}
	if diff := cmp.Diff([]string{"gateway told", "gateway ended", "feature-store told", "feature-store ended"}, steps); diff != "" {
		t.Errorf("steps (-want +got):\n%s", diff)
	}
	if code, _ := get(t, h, "/healthz"); code != 0 {
		t.Errorf("GET /healthz after the end = %d, want no answer", code)
	}
	if got := strings.Count(log.String(), "OPEN TO EVERYBODY"); got != 2 {
		t.Errorf("%d loud warnings, want 2:\n%s", got, log.String())
	}
}

func TestAFailingRoomEndsTheHouse(t *testing.T) {
	h := open(t, service.Common{}, io.Discard)
	fault := errors.New("shelf broke")
	drained := false
	err := h.Run(t.Context(),
		service.Room{Name: "steady", Run: func(ctx context.Context, _ service.Kit) error {
			<-ctx.Done()
			drained = true
			return nil
		}},
		service.Room{Name: "brittle", Run: func(context.Context, service.Kit) error { return fault }},
	)
	if !errors.Is(err, fault) || !strings.Contains(err.Error(), "brittle: ") || !drained {
		t.Errorf("Run = %v with the other room drained = %v, want the fault and the room's name", err, drained)
	}
}

func TestASlowRoomIsGivenUp(t *testing.T) {
	h := open(t, service.Common{}, io.Discard)
	h.DrainWithin(200 * time.Millisecond)
	release := make(chan struct{})
	ctx, end := context.WithCancel(t.Context())
	began := time.Now()
	ran := make(chan error, 1)
	second := make(chan struct{})
	go func() {
		ran <- h.Run(ctx,
			service.Room{Name: "stuck", Run: func(ctx context.Context, kit service.Kit) error { kit.Health.Ready("it"); <-release; return nil }},
			service.Room{Name: "next", Run: func(ctx context.Context, kit service.Kit) error {
				kit.Health.Ready("it")
				<-ctx.Done()
				close(second)
				return nil
			}},
		)
	}()
	want(t, h, "/readyz", 200, "ready")
	end()
	<-second // the next room is told although the first does not end
	if err := <-ran; !errors.Is(err, service.ErrSlow) {
		t.Errorf("Run = %v after %v, want ErrSlow", err, time.Since(began))
	}
	close(release)
}

func TestVitals(t *testing.T) {
	server := servicetest.NATS(t)
	kit := servicetest.Kit(t, "ranking", servicetest.KitOptions{NATS: server})
	kit.Cores, kit.MemoryBytes, kit.Node, kit.Pod = 0.5, 1<<28, "node-1", "pod-1"
	kit.Health.Ready("model")
	kit.Ledger.Claim(3 * time.Second)
	kit.Traffic.Begin()
	kit.Traffic.End(time.Millisecond, service.AnsweredCheaply)
	ctx, stop := context.WithCancel(t.Context())
	var work sync.WaitGroup
	defer work.Wait()
	defer stop()
	work.Go(func() {
		kit.Bus.Serve(ctx, wire.SubjectRank, bus.Limits{}, func(_ context.Context, request []byte) ([]byte, error) { return request, nil })
	})
	other := servicetest.Bus(t, server, "other")
	servicetest.Eventually(t, 10*time.Second, func() error {
		called, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		_, err := other.Call(called, wire.SubjectRank, []byte("x"))
		return err
	})
	heard := make(chan wire.Vitals, 10)
	work.Go(func() {
		other.Listen(ctx, wire.SubjectVitals, func(subject string, data []byte) {
			var v wire.Vitals
			if err := json.Unmarshal(data, &v); err != nil || subject != wire.SubjectVital+"ranking."+kit.Instance {
				t.Errorf("heard %q on %s: %v", data, subject, err)
			}
			heard <- v
		})
	})
	work.Go(func() { _ = service.Vitals(ctx, kit) })
	v := <-heard
	stop()
	if v.Arrivals < 2 || v.Done < 2 || v.Cheap != 1 || v.Workers == 0 || v.ClaimedNanos != 3e9 || v.RSSBytes == 0 || v.ProcessNanos == 0 || v.Ready.IsZero() {
		t.Errorf("vitals lack counts: %+v", v)
	}
	if v.Service != "ranking" || v.Instance != kit.Instance || v.Process != kit.Process || v.Cores != 0.5 || v.MemoryBytes != 1<<28 || v.Node != "node-1" || v.PodUID != "pod-1" {
		t.Errorf("vitals lack names: %+v", v)
	}
	if len(v.Latency) != len(wire.LatencyBounds)+1 {
		t.Errorf("latency has %d buckets, want %d", len(v.Latency), len(wire.LatencyBounds)+1)
	}
}

func TestSecretsStayInside(t *testing.T) {
	const canary = "canary-0123456789abcdef0123456789abcdef"
	folder := t.TempDir()
	for _, name := range []string{"hmac.key", "publishable.keys", "secret.keys", "redis.password"} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(canary), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var log journal
	h := open(t, service.Common{Secrets: folder}, &log)
	ctx, end := context.WithCancel(t.Context())
	ran := make(chan error, 1)
	go func() {
		ran <- h.Run(ctx, service.Room{Name: "gateway", Run: func(ctx context.Context, kit service.Kit) error {
			kit.Log.Info("here is the kit", "kit", fmt.Sprintf("%+v", kit), "secrets", kit.Secrets)
			if string(kit.Secrets.Now().HMACKey) != canary {
				t.Error("the kit lacks the key")
			}
			kit.Health.Ready("it")
			<-ctx.Done()
			return nil
		}})
	}()
	want(t, h, "/readyz", 200, "ready")
	for _, path := range []string{"/metrics", "/debug/pprof/cmdline", "/debug/pprof/heap?debug=1", "/debug/pprof/goroutine?debug=2", "/readyz", "/healthz"} {
		if _, body := get(t, h, path); strings.Contains(body, "canary-") {
			t.Errorf("GET %s shows a secret", path)
		}
	}
	end()
	if err := <-ran; err != nil {
		t.Error(err)
	}
	if strings.Contains(log.String(), "canary") || strings.Contains(log.String(), "OPEN") {
		t.Errorf("the log shows a secret or warns although there are keys:\n%s", log.String())
	}
}

// TestSlowHeadersAreCutOff is the slow loris: a connection that never finishes its request.
func TestSlowHeadersAreCutOff(t *testing.T) {
	t.Parallel()
	h := open(t, service.Common{}, io.Discard)
	ctx, end := context.WithCancel(t.Context())
	ran := make(chan error, 1)
	go func() {
		ran <- h.Run(ctx, service.Room{Name: "gateway", Run: func(ctx context.Context, _ service.Kit) error { <-ctx.Done(); return nil }})
	}()
	conn, err := net.Dial("tcp", h.Admin())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprint(conn, "GET /healthz HTTP/1.1\r\nHost: x\r\nX-Slow: ")
	if err := conn.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(conn); err != nil {
		t.Errorf("the connection was left open: %v", err)
	}
	end()
	if err := <-ran; err != nil {
		t.Error(err)
	}
}

// TestRoomsOfOneProcessCallEachOther shows that kits of one house share what makes calls between them short.
func TestRoomsOfOneProcessCallEachOther(t *testing.T) {
	h := open(t, service.Common{}, io.Discard)
	asks, err := h.Kit(t.Context(), "gateway")
	if err != nil {
		t.Fatal(err)
	}
	answers, err := h.Kit(t.Context(), "recall")
	if err != nil {
		t.Fatal(err)
	}
	if asks.Online != answers.Online || asks.Metrics != answers.Metrics || asks.Process != answers.Process || asks.Instance == answers.Instance || asks.Ledger == answers.Ledger {
		t.Error("rooms share what they should not, or do not share what they should")
	}
	ctx, stop := context.WithCancel(t.Context())
	var work sync.WaitGroup
	defer work.Wait()
	defer stop()
	work.Go(func() {
		answers.Bus.Serve(ctx, wire.SubjectRecall, bus.Limits{}, func(_ context.Context, request []byte) ([]byte, error) { return request, nil })
	})
	request := []byte("the very same bytes")
	servicetest.Eventually(t, 10*time.Second, func() error {
		called, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		answer, err := asks.Bus.Call(called, wire.SubjectRecall, request)
		if err == nil && &answer[0] != &request[0] {
			err = errors.New("the bytes were copied")
		}
		return err
	})
	if _, err := h.Kit(t.Context(), "recall"); err == nil {
		t.Error("a second room of one name was let in")
	}
}
