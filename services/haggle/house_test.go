package haggle

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/haggle-commerce/haggle/libs/service"
	"github.com/haggle-commerce/haggle/libs/servicetest"
	"github.com/haggle-commerce/haggle/services/autoscaler"
	featurestore "github.com/haggle-commerce/haggle/services/feature-store"
	"github.com/haggle-commerce/haggle/services/gateway"
	"github.com/haggle-commerce/haggle/services/ranking"
	"github.com/haggle-commerce/haggle/services/recall"
	"github.com/haggle-commerce/haggle/services/trainer"
)

// roomVariable makes the test binary be a service: processes of the tests are what they test, without a second build.
const roomVariable = "HAGGLE_TEST_ROOM"

func TestMain(m *testing.M) {
	switch os.Getenv(roomVariable) {
	case "gateway":
		service.Main("gateway", gateway.Default(), gateway.Run)
	case "recall":
		service.Main("recall", recall.Default(), recall.Run)
	case "ranking":
		service.Main("ranking", ranking.Default(), ranking.Run)
	case "feature-store":
		service.Main("feature-store", featurestore.Default(), featurestore.Run)
	case "trainer":
		service.Main("trainer", trainer.Default(), trainer.Run)
	case "autoscaler":
		service.Main("autoscaler", autoscaler.Default(), autoscaler.Run)
	}
	os.Exit(m.Run())
}

// small is a generated shop that a test can wait for.
func small(t testing.TB) Config {
	c := Default()
	c.Port, c.Items, c.Count, c.Data = 0, 1500, 15_000, filepath.Join(t.TempDir(), "data")
	return c
}

// lines is a writer that tells when a line with a prefix came.
type lines struct {
	mu     sync.Mutex
	text   bytes.Buffer
	prefix string
	found  chan string
}

func newLines(prefix string) *lines { return &lines{prefix: prefix, found: make(chan string, 1)} }

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text.Write(b)
	for line := range strings.Lines(l.text.String()) {
		if strings.HasPrefix(line, l.prefix) && strings.HasSuffix(line, "\n") {
			select {
			case l.found <- strings.TrimSpace(strings.TrimPrefix(line, l.prefix)):
			default:
			}
		}
	}
	return len(b), nil
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// up runs everything in this process and returns a client of it. It ends with the test.
func up(t testing.TB, c Config) *client {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	out, progress, ended := newLines("ready "), newLines("never"), make(chan error, 1)
	go func() { ended <- Up(ctx, c, World{Common: inside(), Out: out, Progress: progress}) }()
	t.Cleanup(func() {
		stop()
		select {
		case err := <-ended:
			if err != nil && !errors.Is(err, context.Canceled) {
				t.Errorf("Up ended with %v\n%s", err, progress)
			}
		case <-time.After(20 * time.Second):
			t.Errorf("Up did not end within 20 s of being told to\n%s", progress)
		}
	})
	select {
	case url := <-out.found:
		return newClient(url)
	case err := <-ended:
		ended <- err
		t.Fatalf("Up ended before it was ready: %v\n%s", err, progress)
	case <-time.After(3 * time.Minute):
		t.Fatalf("not ready after 3 minutes\n%s", progress)
	}
	return nil
}

// processes runs each service as a process of its own against a real nats-server and a real redis-server.
type processes struct {
	t       testing.TB
	dir     string
	client  *client
	nats    string
	redis   string
	mu      sync.Mutex
	running map[string]*exec.Cmd
	command map[string]func() *exec.Cmd
}

// apart starts the processes and loads a shop. Missing servers fail the test where they are required, and skip it loudly elsewhere.
func apart(t testing.TB, c Config) *processes {
	t.Helper()
	redis, err := exec.LookPath("redis-server")
	if err != nil {
		missing(t, "redis-server is not on the PATH")
	}
	p := &processes{t: t, dir: t.TempDir(), running: map[string]*exec.Cmd{}, command: map[string]func() *exec.Cmd{}}
	server := buildNATS(t)
	natsPort, redisPort, gatewayPort := freePort(t), freePort(t), freePort(t)
	p.nats, p.redis = "127.0.0.1:"+natsPort, "127.0.0.1:"+redisPort
	p.client = newClient("http://127.0.0.1:" + gatewayPort)
	p.command["nats"] = func() *exec.Cmd {
		return exec.Command(server, "-a", "127.0.0.1", "-p", natsPort, "-js", "-sd", filepath.Join(p.dir, "nats"), "--name", "haggle")
	}
	p.command["redis"] = func() *exec.Cmd {
		return exec.Command(redis, "--bind", "127.0.0.1", "--port", redisPort, "--dir", p.dir, "--appendonly", "yes", "--save", "", "--daemonize", "no")
	}
	secrets, err := keepKey(p.dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, room := range roomNames {
		p.command[room] = func() *exec.Cmd {
			command := exec.Command(os.Args[0])
			command.Env = append(os.Environ(), roomVariable+"="+room, "HAGGLE_NATS=nats://"+p.nats, "HAGGLE_REDIS="+p.redis,
				"HAGGLE_ADMIN=127.0.0.1:0", "HAGGLE_SECRETS="+secrets, "HAGGLE_GATEWAY_ADDRESS=127.0.0.1:"+gatewayPort)
			return command
		}
	}
	t.Cleanup(p.stop)
	p.start("nats", "redis", "gateway")
	ctx := t.Context()
	if err := await(ctx, p.client.url, time.Minute); err != nil {
		t.Fatalf("%v\n%s", err, p.log("gateway"))
	}
	var report bytes.Buffer
	if _, err := (Import{Target: p.client.url, Items: c.Items, Count: c.Count, Seed: c.Seed, Now: time.Now()}).run(ctx, newProgress(&report, false)); err != nil {
		t.Fatalf("load the shop: %v\n%s", err, &report)
	}
	p.start("recall", "ranking", "feature-store", "trainer", "autoscaler")
	servicetest.Eventually(t, 2*time.Minute, func() error {
		a, err := p.client.try("/v1/recommend/home", map[string]any{"visitor_id": "v1"})
		if err != nil {
			return err
		}
		if len(a.Degraded) > 0 || len(a.Results) == 0 {
			return fmt.Errorf("%d results, degraded %q", len(a.Results), a.Degraded)
		}
		return nil
	})
	return p
}

// start starts processes, their output in a file each.
func (p *processes) start(names ...string) {
	p.t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, name := range names {
		command := p.command[name]()
		log, err := os.OpenFile(filepath.Join(p.dir, name+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			p.t.Fatal(err)
		}
		command.Stdout, command.Stderr = log, log
		if err := command.Start(); err != nil {
			p.t.Fatal(err)
		}
		log.Close()
		p.running[name] = command
	}
}

// kill ends a process as kill -9 does.
func (p *processes) kill(name string) {
	p.t.Helper()
	p.mu.Lock()
	command := p.running[name]
	delete(p.running, name)
	p.mu.Unlock()
	if err := command.Process.Kill(); err != nil {
		p.t.Fatal(err)
	}
	_ = command.Wait()
}

func (p *processes) log(name string) string {
	text, _ := os.ReadFile(filepath.Join(p.dir, name+".log"))
	return string(text[max(0, len(text)-4000):])
}

// stop ends all processes, those that ask first, and reports a service that did not end cleanly.
func (p *processes) stop() {
	for _, name := range slices.Concat(roomNames, []string{"redis", "nats"}) {
		p.mu.Lock()
		command := p.running[name]
		p.mu.Unlock()
		if command == nil {
			continue
		}
		_ = command.Process.Signal(syscall.SIGTERM)
		ended := make(chan error, 1)
		go func() { ended <- command.Wait() }()
		select {
		case err := <-ended:
			if err != nil && slices.Contains(roomNames, name) {
				p.t.Errorf("%s ended with %v\n%s", name, err, p.log(name))
			}
		case <-time.After(10 * time.Second):
			p.t.Errorf("%s did not end within 10 s of SIGTERM\n%s", name, p.log(name))
			_ = command.Process.Kill()
		}
	}
}

// buildNATS builds a real nats-server from the module that this one requires anyway.
func buildNATS(t testing.TB) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "nats-server")
	build := exec.Command("go", "build", "-o", path, "github.com/nats-io/nats-server/v2")
	build.Dir = filepath.Join(root(t), "services", "haggle")
	if out, err := build.CombinedOutput(); err != nil {
		missing(t, fmt.Sprintf("nats-server does not build: %v\n%s", err, out))
	}
	return path
}

func missing(t testing.TB, why string) {
	t.Helper()
	if os.Getenv("HAGGLE_REQUIRE_SERVERS") != "" {
		t.Fatalf("MISSING: %s", why)
	}
	t.Skipf("SKIPPED LOUDLY: %s", why)
}

func freePort(t testing.TB) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	return port
}

// TestHouse runs the same body against everything in one process and against processes apart.
func TestHouse(t *testing.T) {
	t.Run("one process", func(t *testing.T) {
		c := up(t, small(t))
		testQueries(t, c)
		t.Run("browser", func(t *testing.T) { testBrowser(t, c, commonWord(t, c)) })
		t.Run("browser search", func(t *testing.T) { testBrowserSearch(t, c) })
	})
	t.Run("processes", func(t *testing.T) {
		p := apart(t, small(t))
		testQueries(t, p.client)
		t.Run("chaos", func(t *testing.T) { testChaos(t, p) })
	})
}

// commonWord is a word of a title that the shop has, long enough to be typed.
func commonWord(t *testing.T, c *client) string {
	for _, r := range c.recommend(t, "someone", "home").Results {
		words := strings.Fields(r.Item.Title)
		if last := words[len(words)-1]; len(last) > 4 && last[0] < 0x80 {
			return strings.ToLower(last)
		}
	}
	t.Fatal("no word to search for")
	return ""
}

// testQueries is what a storefront expects of a shop, whichever way it runs.
func testQueries(t *testing.T, c *client) {
	t.Run("search", func(t *testing.T) {
		a := c.search(t, "v1", commonWord(t, c))
		if len(a.Results) == 0 || a.TotalSize == 0 || a.Results[0].Item.Title == "" {
			t.Fatalf("answer = %+v, want results with titles", a)
		}
		if len(a.Degraded) > 0 {
			t.Errorf("degraded = %q, want none", a.Degraded)
		}
		if a.Cost == nil || a.Cost.MarginalNano <= 0 || len(a.Cost.Stages) < 3 {
			t.Errorf("cost = %+v, want a receipt of at least recall, rank and gateway", a.Cost)
		}
		if a.header.Get("Haggle-Cost") == "" || a.header.Get("Server-Timing") == "" || a.AttributionToken == "" {
			t.Errorf("headers %v, token %q: want Haggle-Cost, Server-Timing and a token", a.header, a.AttributionToken)
		}
	})
	t.Run("a learnt model ranks", func(t *testing.T) {
		a := c.recommend(t, "v1", "home")
		ranked := false
		for _, stage := range a.Cost.Stages {
			ranked = ranked || stage.Name == "rank" && stage.Variant != ""
		}
		if !ranked {
			t.Errorf("stages = %+v, want rank with a variant", a.Cost.Stages)
		}
	})
	t.Run("catalogue changes are seen within a second", func(t *testing.T) { testLivingCatalogue(t, c) })
	t.Run("events change recommendations", func(t *testing.T) { testLearning(t, c) })
	t.Run("other endpoints", func(t *testing.T) {
		id := c.recommend(t, "v1", "home").Results[0].ID
		for _, path := range []string{"/v1/items/" + id + "/similar", "/v1/items/" + id + "/bought-together", "/v1/trending"} {
			if a := c.ask(t, path, nil); len(a.Results) == 0 && !strings.HasSuffix(path, "together") {
				t.Errorf("%s has no results", path)
			}
		}
		for _, path := range []string{"/v1/autocomplete?q=" + commonWord(t, c)[:3], "/v1/cost", "/v1/models", "/openapi.json", "/healthz", "/v1/items/" + id} {
			if status, _, text, err := c.do(http.MethodGet, path, nil, nil); status != http.StatusOK || err != nil {
				t.Errorf("GET %s = %d %.200s %v, want 200", path, status, text, err)
			}
		}
	})
}

func testLivingCatalogue(t *testing.T, c *client) {
	put := map[string]any{"id": "house-test-1", "title": "Zyxophone of brass", "brand": "Quuxwerk", "categories": []string{"Music"}, "price": 12.5}
	begin := time.Now()
	if status, _, text, err := c.do(http.MethodPut, "/v1/items/house-test-1", put, nil); status >= 300 || err != nil {
		t.Fatalf("put: %d %s %v", status, text, err)
	}
	servicetest.Eventually(t, 10*time.Second, func() error {
		if ids := c.search(t, "v1", "zyxophone").ids(); !slices.Equal(ids, []string{"house-test-1"}) {
			return fmt.Errorf("search finds %v", ids)
		}
		return nil
	})
	t.Logf("visible %v after the put (objective: 1 s)", time.Since(begin))
	if status, _, text, err := c.do(http.MethodDelete, "/v1/items/house-test-1", nil, nil); status >= 300 || err != nil {
		t.Fatalf("delete: %d %s %v", status, text, err)
	}
	servicetest.Eventually(t, 10*time.Second, func() error {
		if ids := c.search(t, "v1", "zyxophone").ids(); slices.Contains(ids, "house-test-1") {
			return errors.New("the deleted item is still found")
		}
		return nil
	})
}

func testLearning(t *testing.T, c *client) {
	visitor := fmt.Sprintf("fresh-%d", time.Now().UnixNano())
	before := c.recommend(t, visitor, "home").ids()
	seed := c.search(t, visitor, commonWord(t, c)).Results
	begin := time.Now()
	for i, r := range seed[:min(3, len(seed))] {
		c.event(t, map[string]any{
			"event": "add_to_cart", "event_id": fmt.Sprintf("%s-%d", visitor, i), "visitor_id": visitor,
			"timestamp": time.Now().UTC().Format(time.RFC3339Nano), "items": []any{map[string]any{"item_id": r.ID, "quantity": 1}},
		})
	}
	servicetest.Eventually(t, 10*time.Second, func() error {
		if slices.Equal(before, c.recommend(t, visitor, "home").ids()) {
			return errors.New("recommendations have not changed")
		}
		return nil
	})
	t.Logf("recommendations changed %v after the events were sent (objective: 1 s)", time.Since(begin))
}
