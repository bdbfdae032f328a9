package haggle

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/haggle-commerce/haggle/libs/servicetest"
	"github.com/haggle-commerce/haggle/libs/wire"
)

// chaosRate is the load under which processes are killed, in queries per second; a tenth of it in events comes on top.
const chaosRate = 200

// storm is load on a gateway that goes on while things break. Each answer is counted by what it said.
type storm struct {
	c     *client
	stop  chan struct{}
	group sync.WaitGroup

	asked, failed, degraded atomic.Int64
	late                    atomic.Int64 // slower than 250 ms

	mu       sync.Mutex
	faults   []string
	reasons  map[string]int
	accepted []string // ids of acknowledged events
	refused  int
}

func newStorm(c *client, words []string) *storm {
	s := &storm{c: c, stop: make(chan struct{}), reasons: map[string]int{}}
	c.http.Transport = &http.Transport{MaxIdleConnsPerHost: 256, MaxConnsPerHost: 256}
	s.group.Go(func() {
		tick := time.NewTicker(time.Second / chaosRate)
		defer tick.Stop()
		for n := 0; ; n++ {
			select {
			case <-s.stop:
				return
			case <-tick.C:
			}
			s.group.Go(func() { s.ask(n, words) })
			if n%10 == 0 {
				s.group.Go(func() { s.report(n) })
			}
		}
	})
	return s
}

func (s *storm) ask(n int, words []string) {
	path, body := "/v1/recommend/home", map[string]any{"visitor_id": fmt.Sprintf("v%d", n%200)}
	if n%2 == 0 {
		path, body["query"] = "/v1/search", words[n/2%len(words)]
	}
	begin := time.Now()
	a, err := s.c.try(path, body)
	s.asked.Add(1)
	if time.Since(begin) > 250*time.Millisecond {
		s.late.Add(1)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		s.failed.Add(1)
		s.faults = append(s.faults, err.Error())
		return
	}
	if len(a.Degraded) > 0 {
		s.degraded.Add(1)
		s.reasons[strings.Join(a.Degraded, " ")]++
	}
}

// report sends an event and remembers its id if it was acknowledged.
func (s *storm) report(n int) {
	id := fmt.Sprintf("chaos-%d", n)
	status, _, _, err := s.c.do(http.MethodPost, "/v1/events", map[string]any{"events": []any{map[string]any{
		"event": "view_item", "event_id": id, "visitor_id": fmt.Sprintf("v%d", n%200), "timestamp": time.Now().UTC().Format(time.RFC3339Nano),
		"items": []any{map[string]any{"item_id": "chaos-item"}},
	}}}, nil)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil && status < 300 {
		s.accepted = append(s.accepted, id)
	} else {
		s.refused++
	}
}

// end stops the load and waits for the last answers.
func (s *storm) end() {
	close(s.stop)
	s.group.Wait()
}

// phase returns what changed while f ran.
func (s *storm) phase(f func()) (asked, failed, degraded, late int64) {
	asked, failed, degraded, late = s.asked.Load(), s.failed.Load(), s.degraded.Load(), s.late.Load()
	f()
	return s.asked.Load() - asked, s.failed.Load() - failed, s.degraded.Load() - degraded, s.late.Load() - late
}

// testChaos kills ranking, recall, Redis and NATS one after the other under load, and starts each again. Every answer is 2xx,
// what is missing is said in degraded, and no acknowledged event is lost.
func testChaos(t *testing.T, p *processes) {
	words := []string{commonWord(t, p.client), "zzzz", "red shoe"}
	s := newStorm(p.client, words)
	healthy := func() error {
		a, err := p.client.try("/v1/recommend/home", map[string]any{"visitor_id": "v1"})
		if err != nil {
			return err
		}
		if len(a.Degraded) > 0 {
			return fmt.Errorf("degraded %q", a.Degraded)
		}
		return nil
	}
	for _, victim := range []string{"ranking", "recall", "redis", "nats"} {
		var recovery time.Duration
		asked, failed, degraded, late := s.phase(func() {
			p.kill(victim)
			<-time.After(4 * time.Second)
			p.start(victim)
			begin := time.Now()
			servicetest.Eventually(t, time.Minute, healthy)
			recovery = time.Since(begin)
		})
		t.Logf("kill -9 %s: %d asked, %d failed, %d degraded, %d slower than 250 ms, whole again %v after its start", victim, asked, failed, degraded, late, recovery.Round(10*time.Millisecond))
		if failed > 0 {
			t.Errorf("kill -9 %s: %d of %d answers were not 2xx: %v", victim, failed, asked, s.faults[:min(5, len(s.faults))])
		}
		if asked < chaosRate {
			t.Errorf("kill -9 %s: only %d queries were asked: the load broke off", victim, asked)
		}
	}
	s.end()
	t.Logf("degraded answers by reason: %v; events: %d acknowledged, %d refused", s.reasons, len(s.accepted), s.refused)
	lost := s.lost(t, p)
	if len(lost) > 0 {
		t.Errorf("%d of %d acknowledged events are not in the stream: %v ...", len(lost), len(s.accepted), lost[:min(5, len(lost))])
	}
	if len(s.accepted) < 100 {
		t.Errorf("only %d events were acknowledged", len(s.accepted))
	}
}

// lost reads the whole stream and returns which acknowledged events it does not hold.
func (s *storm) lost(t *testing.T, p *processes) []string {
	t.Helper()
	conn, err := nats.Connect("nats://" + p.nats)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	js, err := jetstream.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	consumer, err := js.OrderedConsumer(t.Context(), wire.StreamEvents, jetstream.OrderedConsumerConfig{})
	if err != nil {
		t.Fatal(err)
	}
	info, err := consumer.Info(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	stored := map[string]int{}
	for range info.NumPending {
		message, err := consumer.Next(jetstream.FetchMaxWait(10 * time.Second))
		if err != nil {
			t.Fatal(err)
		}
		for line := range bytes.Lines(message.Data()) {
			var event struct {
				ID string `json:"event_id"`
			}
			if err := json.Unmarshal(line, &event); err != nil {
				t.Fatal(err)
			}
			stored[event.ID]++
		}
	}
	return slices.DeleteFunc(slices.Clone(s.accepted), func(id string) bool { return stored[id] > 0 })
}
