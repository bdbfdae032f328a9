package registry_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/haggle-commerce/haggle/libs/bus"
	"github.com/haggle-commerce/haggle/libs/registry"
	"github.com/haggle-commerce/haggle/libs/servicetest"
	"github.com/haggle-commerce/haggle/libs/wire"
)

// slot is what a service has loaded.
type slot struct {
	mu    sync.Mutex
	cards []registry.Card
	files []string
}

// load refuses a file that begins with "bad".
func (s *slot) load(c registry.Card, file []byte) error {
	if bytes.HasPrefix(file, []byte("bad")) {
		return errors.New("wrong shape")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cards, s.files = append(s.cards, c), append(s.files, string(file))
	return nil
}

// loads waits until the slot has loaded the files want, one after the other.
func (s *slot) loads(t *testing.T, want ...string) {
	t.Helper()
	servicetest.Eventually(t, 10*time.Second, func() error {
		s.mu.Lock()
		defer s.mu.Unlock()
		if diff := cmp.Diff(want, s.files); diff != "" {
			return fmt.Errorf("loaded files differ (-want +got):\n%s", diff)
		}
		return nil
	})
}

// watch runs Watch until the test ends.
func watch(t *testing.T, r *registry.Registry, name string, load func(registry.Card, []byte) error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- r.Watch(ctx, name, load) }()
	t.Cleanup(func() {
		cancel()
		select {
		case err := <-done:
			if err != nil {
				t.Errorf("Watch() = %v, want nil", err)
			}
		case <-time.After(10 * time.Second):
			t.Error("Watch() did not end within 10 s of its context")
		}
	})
}

func rejects(t *testing.T, r *registry.Registry, want uint64) {
	t.Helper()
	servicetest.Eventually(t, 10*time.Second, func() error {
		if got := r.Rejected(); got != want {
			return fmt.Errorf("%d models rejected, want %d", got, want)
		}
		return nil
	})
}

func TestPublishedModelIsLoaded(t *testing.T) {
	t.Parallel()
	srv := servicetest.NATS(t)
	// The watcher is there before the buckets are.
	reader := registry.New(servicetest.Connect(t, bus.Options{Server: srv, Name: "ranking"}), nil)
	ranker, neighbours := &slot{}, &slot{}
	watch(t, reader, "ranker", ranker.load)
	watch(t, reader, "neighbours", neighbours.load)

	r := registry.New(servicetest.Bus(t, srv, "trainer"), nil)
	publish := func(c registry.Card, file string) registry.Card {
		t.Helper()
		got, err := r.Publish(t.Context(), c, []byte(file))
		if err != nil {
			t.Fatalf("Publish(%q) = %v, want nil", file, err)
		}
		return got
	}
	card := registry.Card{
		Name: "ranker", Kind: "trees", Variant: "trees-64", Features: []string{"price", "age"}, TrainedOn: "the generated shop", CPUMicros: 31,
		Metrics: map[string]float64{"ndcg@10": 0.31}, Intervals: map[string][2]float64{"ndcg@10": {0.29, 0.33}},
	}
	first := publish(card, "model 1")
	if !strings.HasPrefix(first.ID, "ranker-") || len(first.SHA256) != 64 || first.Bytes != 7 || !first.Serving || first.Created.IsZero() {
		t.Errorf("Publish() = %+v, want ID, SHA256, Bytes, Serving and Created filled", first)
	}
	ranker.loads(t, "model 1")
	if diff := cmp.Diff(first, ranker.cards[0]); diff != "" {
		t.Errorf("card differs (-published +loaded):\n%s", diff)
	}
	publish(card, "bad 2")
	rejects(t, reader, 1)
	third := publish(card, strings.Repeat("model 3 ", 100_000))
	ranker.loads(t, "model 1", strings.Repeat("model 3 ", 100_000))
	publish(registry.Card{Name: "neighbours", Kind: "neighbour"}, "lists")
	neighbours.loads(t, "lists")
	publish(card, "model 1") // back to the first
	ranker.loads(t, "model 1", strings.Repeat("model 3 ", 100_000), "model 1")
	publish(card, "model 1") // no change
	if got := reader.Loaded(); got != 4 {
		t.Errorf("Loaded() = %d, want 4", got)
	}

	if err := r.Record(t.Context(), registry.Card{Name: "ranker", Kind: "linear", Note: "worse than what serves", Created: third.Created.Add(time.Hour)}); err != nil {
		t.Errorf("Record() = %v, want nil", err)
	}
	cards, err := r.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var kinds []string
	serving := map[string]string{}
	for _, c := range cards {
		kinds = append(kinds, c.Kind)
		if c.Serving {
			serving[c.Name] = c.ID
		}
	}
	if diff := cmp.Diff([]string{"linear", "trees", "neighbour", "trees", "trees"}, kinds); diff != "" {
		t.Errorf("List() is not newest first (-want +got):\n%s", diff)
	}
	if serving["ranker"] != first.ID || len(serving) != 2 {
		t.Errorf("List() says that %v serve, want %s for ranker and one for neighbours", serving, first.ID)
	}
}

func TestBrokenModelIsRefused(t *testing.T) {
	t.Parallel()
	srv := servicetest.NATS(t)
	b := servicetest.Bus(t, srv, "trainer")
	r := registry.New(b, nil)
	good := &slot{}
	watch(t, r, "ranker", good.load)
	card, err := r.Publish(t.Context(), registry.Card{Name: "ranker", Kind: "trees"}, []byte("good"))
	if err != nil {
		t.Fatal(err)
	}
	good.loads(t, "good")

	kv, err := b.KV(t.Context(), wire.BucketModels)
	if err != nil {
		t.Fatal(err)
	}
	objects, err := b.Objects(t.Context(), wire.BucketModels)
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range []struct{ what, card, file string }{
		{"another file", `{"id":"%s","name":"ranker","sha256":"` + card.SHA256 + `","bytes":4}`, "evil"},
		{"a longer file", `{"id":"%s","name":"ranker","sha256":"` + card.SHA256 + `","bytes":4}`, "goods"},
		{"a shorter file", `{"id":"%s","name":"ranker","sha256":"` + card.SHA256 + `","bytes":4}`, "goo"},
		{"an absurd length", `{"id":"%s","name":"ranker","sha256":"` + card.SHA256 + `","bytes":9000000000000}`, "good"},
		{"a card that is no JSON", `{{{ %s`, "good"},
	} {
		id := fmt.Sprintf("ranker-%d", i)
		if _, err := objects.PutString(t.Context(), id, c.file); err != nil {
			t.Fatal(err)
		}
		if _, err := kv.PutString(t.Context(), "ranker."+id, fmt.Sprintf(c.card, id)); err != nil {
			t.Fatal(err)
		}
		if _, err := kv.PutString(t.Context(), "ranker.serving", id); err != nil {
			t.Fatal(err)
		}
		t.Log(c.what)
		rejects(t, r, uint64(i+1))
	}
	good.loads(t, "good")
	if cards, err := r.List(t.Context()); err != nil || len(cards) != 5 {
		t.Errorf("List() = %d cards, %v, want the 5 that can be read", len(cards), err)
	}
}

func TestBadCardsAreRefused(t *testing.T) {
	t.Parallel()
	r := registry.New(servicetest.Bus(t, servicetest.NATS(t), "trainer"), nil)
	for _, name := range []string{"", "Ranker", "a.b", "a b", "*", ">"} {
		if _, err := r.Publish(t.Context(), registry.Card{Name: name}, []byte("x")); wire.CodeOf(err) != wire.Invalid {
			t.Errorf("Publish() of name %q = %v, want Invalid", name, err)
		}
		if err := r.Record(t.Context(), registry.Card{Name: name}); wire.CodeOf(err) != wire.Invalid {
			t.Errorf("Record() of name %q = %v, want Invalid", name, err)
		}
		if err := r.Watch(t.Context(), name, nil); wire.CodeOf(err) != wire.Invalid {
			t.Errorf("Watch() of name %q = %v, want Invalid", name, err)
		}
	}
	if _, err := r.Publish(t.Context(), registry.Card{Name: "ranker"}, nil); err == nil {
		t.Error("Publish() of no file = nil, want an error")
	}
}

func TestWatchSurvivesARestart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	srv := servicetest.NATSAt(t, dir, -1)
	port, url := servicetest.Port(t, srv), srv.ClientURL()
	b := servicetest.Connect(t, bus.Options{URL: url, Name: "trainer"})
	if err := b.EnsureStreams(t.Context()); err != nil {
		t.Fatal(err)
	}
	r := registry.New(b, nil)
	s := &slot{}
	watch(t, registry.New(servicetest.Connect(t, bus.Options{URL: url, Name: "ranking"}), nil), "ranker", s.load)
	if _, err := r.Publish(t.Context(), registry.Card{Name: "ranker"}, []byte("before")); err != nil {
		t.Fatal(err)
	}
	s.loads(t, "before")
	srv.Shutdown()
	srv.WaitForShutdown()
	if _, err := r.List(t.Context()); !errors.Is(err, bus.ErrNoServer) {
		t.Errorf("List() without a server = %v, want ErrNoServer", err)
	}
	servicetest.NATSAt(t, dir, port)
	servicetest.Eventually(t, 10*time.Second, func() error {
		_, err := r.Publish(t.Context(), registry.Card{Name: "ranker"}, []byte("after"))
		return err
	})
	began := time.Now()
	s.loads(t, "before", "after")
	t.Logf("loaded %v after it was published", time.Since(began))
}
