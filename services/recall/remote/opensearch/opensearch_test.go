package opensearch

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/haggle-commerce/haggle/libs/shop"
	"github.com/haggle-commerce/haggle/services/recall/internal/retrieve"
)

var update = flag.Bool("update", false, "write golden files")

// answer is one recorded answer of a server.
type answer struct {
	status int
	header map[string]string
	body   string
}

// server answers requests in turn, the last answer again and again, and keeps what it was sent. A request to make the index is
// answered apart, with created; what the client asks on its own account is not counted.
type server struct {
	mu       sync.Mutex
	created  answer
	answers  []answer
	requests []string
}

const (
	createdIndex = `{"acknowledged":true,"shards_acknowledged":true,"index":"items"}`
	noHits       = `{"took":1,"timed_out":false,"_shards":{"total":1,"successful":1,"skipped":0,"failed":0},"hits":{"total":{"value":0,"relation":"eq"},"max_score":null,"hits":[]}}`
)

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	s.mu.Lock()
	defer s.mu.Unlock()
	next := s.created
	if r.Method != http.MethodPut {
		if r.URL.Path == "/" {
			return
		}
		next = s.answers[0]
		if len(s.answers) > 1 {
			s.answers = s.answers[1:]
		}
	}
	s.requests = append(s.requests, r.Method+" "+r.URL.RequestURI()+"\n"+string(body))
	for key, value := range next.header {
		w.Header().Set(key, value)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(next.status)
	_, _ = io.WriteString(w, next.body)
}

// serve returns a retriever over a server that gives the answers.
func serve(t *testing.T, dims int, answers ...answer) (retrieve.Retriever, *server) {
	t.Helper()
	s := &server{created: answer{status: 200, body: createdIndex}, answers: answers}
	h := httptest.NewServer(s)
	t.Cleanup(h.Close)
	r, err := Open(retrieve.Address{Host: strings.TrimPrefix(h.URL, "http://"), Collection: "items", Dims: dims}, retrieve.Login{User: "admin", Password: "secret"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	return r, s
}

// golden compares requests with a file: each a line of method and path, and its lines of JSON, indented.
func golden(t *testing.T, name string, requests []string) {
	t.Helper()
	var b bytes.Buffer
	for _, request := range requests {
		for i, line := range strings.Split(strings.TrimSpace(request), "\n") {
			if i > 0 && json.Indent(&b, []byte(line), "", "  ") != nil || i == 0 {
				b.WriteString(line)
			}
			b.WriteByte('\n')
		}
		b.WriteByte('\n')
	}
	path := filepath.Join("testdata", name+".golden")
	if *update {
		if err := os.MkdirAll("testdata", 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), b.String()); diff != "" {
		t.Errorf("requests are not those of %s, run with -update and read what changed (-want +got):\n%s", path, diff)
	}
}

func soon(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func bulk(outcomes ...string) answer {
	return answer{status: 200, body: `{"took":3,"errors":true,"items":[` + strings.Join(outcomes, ",") + `]}`}
}

func outcome(action, id string, status int, kind string) string {
	fault := ""
	if kind != "" {
		fault = fmt.Sprintf(`,"error":{"type":%q,"reason":"recorded","index":"items","shard":"0"}`, kind)
	}
	return fmt.Sprintf(`{%q:{"_index":"items","_id":%q,"status":%d%s}}`, action, id, status, fault)
}

// full is an item with something in every field.
func full() *shop.Item {
	return &shop.Item{
		ID: "rain", Title: "Rain jacket", Titles: map[string]string{"zh": "红色雨衣"}, Description: "Keeps dry.", Brand: "Acme",
		Categories: []string{"Clothing", "Jackets"}, Price: 80.5, CreatedAt: time.Unix(1_700_000_000, 0),
		Attributes: map[string][]string{"Colour": {"Red"}, "weight": {"0.5"}}, Vector: []float32{0.5, 0.25},
	}
}

func TestRequestsOfChanges(t *testing.T) {
	for name, dims := range map[string]int{"changes": 0, "changes-vectors": 2} {
		t.Run(name, func(t *testing.T) {
			r, s := serve(t, dims, bulk(outcome("index", "rain", 201, ""), outcome("delete", "gone", 200, ""), outcome("index", "plain", 201, "")))
			err := r.Apply(soon(t), []retrieve.Change{
				{ID: "rain", Version: 7, Item: full()},
				{ID: "gone", Version: 8},
				{ID: "plain", Item: &shop.Item{ID: "plain", Title: "Plain", Availability: shop.OutOfStock}},
			})
			if err != nil {
				t.Fatal(err)
			}
			golden(t, name, s.requests)
		})
	}
}

func TestRequestsOfSearches(t *testing.T) {
	for name, q := range map[string]*retrieve.Query{
		"text":    {Text: "red jacket", K: 10},
		"browse":  {K: 5, Filter: "available"},
		"vector":  {Vector: []float32{1, 0}, K: 3, Filter: "price < 10"},
		"both":    {Text: "jacket", Vector: []float32{1, 0}, K: 3},
		"filters": {Text: "jacket", K: 3, Category: "Clothing", Filter: `(brand: ANY("Acme", " Globex ") OR colour = "Dark Red") AND NOT price: IN(10, 20e) AND weight > 0.5 AND created_at <= "2026-01-31" AND id: ANY("A", "b") AND availability != preorder AND price: IN(*, *)`},
	} {
		t.Run(name, func(t *testing.T) {
			r, s := serve(t, 2, answer{status: 200, body: noHits})
			if got, err := r.Search(soon(t), q); err != nil || len(got.Hits) != 0 {
				t.Fatalf("Search = %+v, %v", got, err)
			}
			golden(t, "search-"+name, s.requests)
		})
	}
}

func TestAnswersOfSearches(t *testing.T) {
	hits := func(total, relation string) string {
		return `{"took":1,"timed_out":false,"_shards":{"total":1,"successful":1,"failed":0},"hits":{"total":{"value":` + total + `,"relation":"` + relation + `"},"max_score":2,` +
			`"hits":[{"_index":"items","_id":"b","_score":2,"sort":[2,"b"]},{"_index":"items","_id":"a","_score":1,"sort":[1,"a"]}]}}`
	}
	const busyBody = `{"error":{"root_cause":[{"type":"circuit_breaking_exception","reason":"x"}],"type":"circuit_breaking_exception","reason":"Data too large"},"status":429}`
	two := []retrieve.Hit{{ID: "b", Score: 2}, {ID: "a", Score: 1}}
	for _, c := range []struct {
		name     string
		answers  []answer
		want     retrieve.Result
		err      error
		requests int
	}{
		{"hits", []answer{{200, nil, hits("2", "eq")}}, retrieve.Result{Hits: two, Total: 2}, nil, 1},
		{"more than are counted", []answer{{200, nil, hits("10000", "gte")}}, retrieve.Result{Hits: two, Total: 10000, AtLeast: true}, nil, 1},
		{"busy, then hits", []answer{{429, nil, busyBody}, {503, nil, `upstream`}, {200, nil, hits("2", "eq")}}, retrieve.Result{Hits: two, Total: 2}, nil, 3},
		{"busy for longer than there is time", []answer{{429, map[string]string{"Retry-After": "60"}, busyBody}}, retrieve.Result{}, retrieve.ErrUnavailable, 1},
		{"a failed shard", []answer{{200, nil, strings.Replace(hits("2", "eq"), `"failed":0`, `"failed":1`, 1)}}, retrieve.Result{}, retrieve.ErrUnavailable, 1},
		{"timed out", []answer{{200, nil, strings.Replace(hits("2", "eq"), `"timed_out":false`, `"timed_out":true`, 1)}}, retrieve.Result{}, retrieve.ErrUnavailable, 1},
		{"more than was asked for", []answer{{200, nil, strings.Replace(hits("3", "eq"), `"hits":[`, `"hits":[{"_id":"c","_score":3},`, 1)}}, retrieve.Result{}, retrieve.ErrUnavailable, 1},
		{"no JSON", []answer{{200, nil, `<html>a proxy</html>`}}, retrieve.Result{}, retrieve.ErrUnavailable, 1},
		{"half of it", []answer{{200, nil, hits("2", "eq")[:60]}}, retrieve.Result{}, retrieve.ErrUnavailable, 1},
		{"refused", []answer{{400, nil, `{"error":{"root_cause":[{"type":"parsing_exception","reason":"x"}],"type":"parsing_exception","reason":"unknown query"},"status":400}`}}, retrieve.Result{}, retrieve.ErrInvalid, 1},
		{"not allowed in", []answer{{401, nil, `Unauthorized`}}, retrieve.Result{}, retrieve.ErrUnavailable, 1},
		{"no index yet", []answer{{404, nil, `{"error":{"root_cause":[],"type":"index_not_found_exception","reason":"no such index [items]"},"status":404}`}}, retrieve.Result{}, retrieve.ErrUnavailable, 1},
		{"a fault inside", []answer{{500, nil, ``}}, retrieve.Result{}, retrieve.ErrUnavailable, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, s := serve(t, 0, c.answers...)
			got, err := r.Search(soon(t), &retrieve.Query{Text: "x", K: 2})
			if !errors.Is(err, c.err) {
				t.Errorf("error = %v, want %v", err, c.err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("result (-want +got):\n%s", diff)
			}
			if len(s.requests) != c.requests {
				t.Errorf("%d requests, want %d:\n%s", len(s.requests), c.requests, strings.Join(s.requests, "\n"))
			}
		})
	}
}

func TestAnswersOfChanges(t *testing.T) {
	changes := []retrieve.Change{
		{ID: "a", Version: 1, Item: &shop.Item{ID: "a", Title: "A"}},
		{ID: "b", Version: 2, Item: &shop.Item{ID: "b", Title: "B"}},
		{ID: "c", Version: 3},
	}
	ok := func(id string) string { return outcome("index", id, 201, "") }
	full := `{"error":{"root_cause":[],"type":"rejected_execution_exception","reason":"indexing pressure"},"status":429}`
	for _, c := range []struct {
		name    string
		answers []answer
		err     error
		refused map[shop.ItemID]string
		// last are the ids of the last request.
		last     string
		requests int
	}{
		{"all taken", []answer{bulk(ok("a"), ok("b"), outcome("delete", "c", 200, ""))}, nil, nil, "a b c", 1},
		{"what is gone already", []answer{bulk(ok("a"), ok("b"), outcome("delete", "c", 404, ""))}, nil, nil, "a b c", 1},
		{"an older state", []answer{bulk(outcome("index", "a", 409, "version_conflict_engine_exception"), ok("b"), ok("c"))}, nil, nil, "a b c", 1},
		{
			"one refused",
			[]answer{bulk(outcome("index", "a", 400, "mapper_parsing_exception"), ok("b"), ok("c"))},
			nil,
			map[shop.ItemID]string{"a": "status 400: mapper_parsing_exception: recorded"},
			"a b c", 1,
		},
		{"one has to come again", []answer{bulk(ok("a"), outcome("index", "b", 429, "rejected_execution_exception"), ok("c")), bulk(ok("b"))}, nil, nil, "b", 2},
		{"all have to come again", []answer{{429, nil, full}, bulk(ok("a"), ok("b"), ok("c"))}, nil, nil, "a b c", 2},
		{"fewer outcomes than changes", []answer{bulk(ok("a"))}, retrieve.ErrUnavailable, nil, "a b c", 1},
		{"no JSON", []answer{{200, nil, `{`}}, retrieve.ErrUnavailable, nil, "a b c", 1},
		{"busy for longer than there is time", []answer{{503, map[string]string{"Retry-After": "60"}, ``}}, retrieve.ErrUnavailable, nil, "a b c", 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, s := serve(t, 0, c.answers...)
			err := r.Apply(soon(t), changes)
			var refused *retrieve.RefusedError
			if errors.As(err, &refused) {
				if diff := cmp.Diff(c.refused, refused.Reasons); diff != "" {
					t.Errorf("refused (-want +got):\n%s", diff)
				}
			} else if !errors.Is(err, c.err) || c.refused != nil {
				t.Errorf("Apply = %v, want %v and refused %v", err, c.err, c.refused)
			}
			sent := s.requests[1:] // the first makes the index
			if len(sent) != c.requests {
				t.Fatalf("%d requests, want %d", len(sent), c.requests)
			}
			var ids []string
			for _, part := range strings.Split(sent[len(sent)-1], `"_id":"`)[1:] {
				ids = append(ids, part[:strings.IndexByte(part, '"')])
			}
			if got := strings.Join(ids, " "); got != c.last {
				t.Errorf("the last request is about %q, want %q", got, c.last)
			}
		})
	}
}

func TestIndexIsMadeOnce(t *testing.T) {
	for name, created := range map[string]answer{
		"anew":  {status: 200, body: createdIndex},
		"there": {status: 400, body: `{"error":{"root_cause":[],"type":"resource_already_exists_exception","reason":"index [items/x] already exists"},"status":400}`},
	} {
		t.Run(name, func(t *testing.T) {
			r, s := serve(t, 0, bulk(outcome("delete", "a", 404, "")))
			s.created = created
			for range 3 {
				if err := r.Apply(soon(t), []retrieve.Change{{ID: "a"}}); err != nil {
					t.Fatal(err)
				}
			}
			if len(s.requests) != 4 {
				t.Errorf("%d requests, want one for the index and three of changes:\n%s", len(s.requests), strings.Join(s.requests, "\n"))
			}
		})
	}
	r, s := serve(t, 0, bulk(outcome("delete", "a", 404, "")))
	s.created = answer{status: 403, body: `{"error":{"root_cause":[],"type":"security_exception","reason":"no permissions"},"status":403}`}
	if err := r.Apply(soon(t), []retrieve.Change{{ID: "a"}}); !errors.Is(err, retrieve.ErrUnavailable) || len(s.requests) != 1 {
		t.Errorf("Apply where no index may be made = %v after %d requests", err, len(s.requests))
	}
}

func TestHealth(t *testing.T) {
	for body, healthy := range map[string]bool{`{"status":"green"}`: true, `{"status":"yellow"}`: true, `{"status":"red"}`: false, `nonsense`: false} {
		r, _ := serve(t, 0, answer{status: 200, body: body})
		if err := r.Health(soon(t)); (err == nil) != healthy {
			t.Errorf("Health of %s = %v, want healthy: %v", body, err, healthy)
		}
	}
}

func TestEndsWithItsContext(t *testing.T) {
	release := make(chan struct{})
	h := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	defer h.Close()
	defer close(release)
	r, err := Open(retrieve.Address{Host: strings.TrimPrefix(h.URL, "http://"), Collection: "items"}, retrieve.Login{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	began := time.Now()
	if _, err := r.Search(ctx, &retrieve.Query{Text: "x", K: 1}); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) > 2*time.Second {
		t.Errorf("Search of a server that says nothing = %v after %v, want the deadline's error", err, time.Since(began))
	}
}

func TestNobodyAnswers(t *testing.T) {
	h := httptest.NewServer(http.NotFoundHandler())
	address := strings.TrimPrefix(h.URL, "http://")
	h.Close()
	r, err := Open(retrieve.Address{Host: address, Collection: "items"}, retrieve.Login{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for what, err := range map[string]error{
		"Apply": r.Apply(soon(t), []retrieve.Change{{ID: "a"}}), "Health": r.Health(soon(t)),
	} {
		if !errors.Is(err, retrieve.ErrUnavailable) {
			t.Errorf("%s where nobody listens = %v, want ErrUnavailable", what, err)
		}
	}
}
