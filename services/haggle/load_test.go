package haggle

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/haggle-commerce/haggle/libs/shop"
	"github.com/haggle-commerce/haggle/services/gateway"
)

// importDay is the now of these tests.
var importDay = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)

// doorkeeper stands in for a gateway: it records what is posted and answers in the gateway's own words.
type doorkeeper struct {
	// refuse says what is wrong with the document of an id, "" where nothing is.
	refuse func(id string) string
	// instead answers in place of the doorkeeper where it returns true; try counts from 1.
	instead func(w http.ResponseWriter, try int) bool

	mu    sync.Mutex
	tries int
	posts []posted
}

// posted is a request that was answered.
type posted struct {
	path, kind, key string
	bytes           int
	lines           []map[string]any
}

func (p posted) ids() []string {
	ids := make([]string, len(p.lines))
	for i, line := range p.lines {
		ids[i], _ = line["event_id"].(string)
		if id, isItem := line["id"].(string); isItem {
			ids[i] = id
		}
	}
	return ids
}

func (d *doorkeeper) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	d.mu.Lock()
	defer d.mu.Unlock()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	d.tries++
	if d.instead != nil && d.instead(w, d.tries) {
		return
	}
	p := posted{path: r.URL.Path, kind: r.Header.Get("Content-Type"), key: r.Header.Get("Authorization"), bytes: len(body)}
	for line := range bytes.Lines(body) {
		var document map[string]any
		if err := json.Unmarshal(line, &document); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		p.lines = append(p.lines, document)
	}
	d.posts = append(d.posts, p)
	var results []gateway.LineResult
	for i, id := range p.ids() {
		result := gateway.LineResult{Line: i + 1, ID: id, Status: "stored"}
		if d.refuse != nil && d.refuse(id) != "" {
			result.Status, result.Code = "rejected", "invalid"
			_ = json.Unmarshal(fmt.Appendf(nil, `[{"field":"title","reason":%q}]`, d.refuse(id)), &result.Errors)
		}
		results = append(results, result)
	}
	answer := json.NewEncoder(w)
	if p.path == itemsPath {
		for _, result := range results {
			_ = answer.Encode(result)
		}
		return
	}
	faults := slices.DeleteFunc(slices.Clone(results), func(r gateway.LineResult) bool { return r.Status != "rejected" })
	// The gateway describes the first ones and counts the rest.
	_ = answer.Encode(gateway.ImportAnswer{
		Lines: len(results), Accepted: len(results) - len(faults), Rejected: len(faults), Faults: faults[:min(len(faults), 25)],
	})
}

// ids are those of all lines that were posted to a path, in their order.
func (d *doorkeeper) ids(path string) []string {
	var all []string
	for _, p := range d.to(path) {
		all = append(all, p.ids()...)
	}
	return all
}

func (d *doorkeeper) to(path string) []posted {
	d.mu.Lock()
	defer d.mu.Unlock()
	var some []posted
	for _, p := range d.posts {
		if p.path == path {
			some = append(some, p)
		}
	}
	return some
}

// load runs a job against the doorkeeper over HTTP and returns what was told to people, too.
func (d *doorkeeper) load(t *testing.T, job Import) (Loaded, string, error) {
	t.Helper()
	server := httptest.NewServer(d)
	defer server.Close()
	job.Target = server.URL
	if job.Now.IsZero() {
		job.Now = importDay
	}
	var told bytes.Buffer
	loaded, err := job.run(t.Context(), newProgress(&told, false))
	return loaded, told.String(), err
}

func (d *doorkeeper) mustLoad(t *testing.T, job Import) (Loaded, string) {
	t.Helper()
	loaded, told, err := d.load(t, job)
	if err != nil {
		t.Fatalf("%v\n%s", err, told)
	}
	return loaded, told
}

// near lets a loader reach a handler without a network, so that [synctest] knows when it waits.
type near struct{ http.Handler }

func (n near) RoundTrip(r *http.Request) (*http.Response, error) {
	recorder := httptest.NewRecorder()
	n.ServeHTTP(recorder, r)
	return recorder.Result(), nil
}

// loadNear is load for a test in a bubble.
func (d *doorkeeper) loadNear(ctx context.Context, job Import) (Loaded, string, error) {
	var told bytes.Buffer
	l := &loader{job: job, http: &http.Client{Transport: near{d}}, progress: newProgress(&told, false)}
	l.job.Target, l.job.Now = "http://shop.test", importDay
	loaded, err := l.files(ctx)
	return loaded, told.String(), err
}

func file(t testing.TB, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// catalogue is a file of n items, each with a description of some bytes.
func catalogue(t testing.TB, n, bytes int) (path string, ids []string) {
	t.Helper()
	var b strings.Builder
	text := strings.Repeat("x", bytes)
	for i := range n {
		ids = append(ids, fmt.Sprintf("sku-%d", i))
		fmt.Fprintf(&b, "{\"id\":\"sku-%d\",\"title\":\"Thing %d\",\"description\":\"%s\"}\n", i, i, text)
	}
	return file(t, "products.ndjson", b.String()), ids
}

// views is a log of n views, a minute apart, the last of them at last; the file has them the other way round.
func views(t testing.TB, n int, last time.Time) (path string, ids []string) {
	t.Helper()
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "{\"event\":\"view_item\",\"event_id\":\"e%d\",\"timestamp\":%q,\"user_id\":\"u%d\",\"items\":[{\"item_id\":\"sku-1\"}]}\n",
			n-1-i, last.Add(-time.Duration(i)*time.Minute).Format(time.RFC3339), i%7)
	}
	for i := range n {
		ids = append(ids, fmt.Sprintf("e%d", i))
	}
	return file(t, "events.ndjson", b.String()), ids
}

func TestChunksAreBoundedAndInOrder(t *testing.T) {
	for _, tt := range []struct {
		items, bytes int
		want         []int
	}{
		{1, 1, []int{1}},
		{chunk, 1, []int{chunk}},
		{2350, 1, []int{1000, 1000, 350}},
		{250, 15_000, []int{99, 99, 52}},
	} {
		var d doorkeeper
		path, want := catalogue(t, tt.items, tt.bytes)
		loaded, told := d.mustLoad(t, Import{Catalog: path, Key: "sk-1"})
		var sizes []int
		for _, p := range d.to(itemsPath) {
			sizes = append(sizes, len(p.lines))
			if p.bytes > chunkBytes || p.kind != "application/x-ndjson" || p.key != "Bearer sk-1" {
				t.Errorf("%d items: a post of %d bytes of %q with the key %q", tt.items, p.bytes, p.kind, p.key)
			}
		}
		if diff := cmp.Diff(tt.want, sizes); diff != "" {
			t.Errorf("%d items of %d bytes: sizes of the posts (-want +got):\n%s", tt.items, tt.bytes, diff)
		}
		if diff := cmp.Diff(want, d.ids(itemsPath)); diff != "" {
			t.Errorf("%d items: ids (-want +got):\n%s", tt.items, diff)
		}
		if loaded != (Loaded{Items: tt.items}) || !strings.Contains(told, "no events were given") {
			t.Errorf("%d items: loaded %+v and told\n%s", tt.items, loaded, told)
		}
	}
}

func TestEventsGoInTheOrderOfTheirTimesUnderVisitorIDs(t *testing.T) {
	var d doorkeeper
	products, _ := catalogue(t, 3, 1)
	log, want := views(t, 2100, importDay)
	loaded, _ := d.mustLoad(t, Import{Catalog: products, Events: log})
	if diff := cmp.Diff(want, d.ids(eventsPath)); diff != "" {
		t.Errorf("ids (-want +got):\n%s", diff)
	}
	if n := len(d.to(eventsPath)); n != 3 || loaded != (Loaded{Items: 3, Events: 2100}) {
		t.Errorf("%d posts, loaded %+v, want 3 posts of 3 items and 2100 events in all", n, loaded)
	}
	for _, line := range d.to(eventsPath)[0].lines[:7] {
		if visitor, _ := line["visitor_id"].(string); !strings.HasPrefix(visitor, "u") || line["shopper_id"] != nil {
			t.Errorf("posted %v, want the shop's own id as visitor_id and no shopper_id", line)
		}
	}
}

// TestOnlyTheGatewayVouches imports the log of another haggle: what a signed token vouched for there is no field of an import.
func TestOnlyTheGatewayVouches(t *testing.T) {
	var d doorkeeper
	products, _ := catalogue(t, 1, 1)
	line, err := json.Marshal(shop.Event{
		ID: "e1", Kind: shop.SelectItem, Time: importDay, Shopper: "v1", Session: "s1", Placement: "home",
		Items: []shop.EventItem{{ID: "sku-1", Index: 2}}, Request: "r1", Model: "ranker-1", Verified: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	d.mustLoad(t, Import{Catalog: products, Events: file(t, "log.ndjson", string(line)+"\n")})
	want := map[string]any{
		"event": "select_item", "event_id": "e1", "timestamp": "2026-06-01T12:00:00Z", "visitor_id": "v1", "session_id": "s1",
		"item_list_id": "home", "items": []any{map[string]any{"item_id": "sku-1", "index": 2.0}},
	}
	if diff := cmp.Diff(want, d.to(eventsPath)[0].lines[0]); diff != "" {
		t.Errorf("posted (-want +got):\n%s", diff)
	}
}

func TestChunksAreSentAgainWhileTheGatewayIsBusy(t *testing.T) {
	path, ids := catalogue(t, 1500, 1)
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		d := doorkeeper{instead: func(w http.ResponseWriter, try int) bool {
			switch try {
			case 2:
				w.Header().Set("Retry-After", "3")
				http.Error(w, "the stream is away", http.StatusServiceUnavailable)
			case 3:
				http.Error(w, "slower", http.StatusTooManyRequests)
			case 4:
				// Every line of this answer is right; one could not be stored.
				fmt.Fprint(w, `{"line":1,"id":"sku-1000","status":"stored"}`+"\n"+`{"line":2,"id":"sku-1001","status":"rejected","code":"unavailable"}`+"\n")
			default:
				return false
			}
			return true
		}}
		loaded, told, err := d.loadNear(t.Context(), Import{Catalog: path})
		if err != nil || loaded != (Loaded{Items: 1500}) {
			t.Errorf("loaded %+v, %v, want 1500 items\n%s", loaded, err, told)
		}
		if diff := cmp.Diff(ids, d.ids(itemsPath)); diff != "" {
			t.Errorf("ids (-want +got):\n%s", diff)
		}
		// As long as the gateway asked for, then two and three half seconds.
		if waited := time.Since(begin); waited != 3*time.Second+2500*time.Millisecond {
			t.Errorf("waited %v, want 5.5s", waited)
		}
		if strings.Contains(told, "rejected item") {
			t.Errorf("a line that was stored later is told of as rejected:\n%s", told)
		}
	})
}

func TestBusyGatewaysAreGivenUp(t *testing.T) {
	path, _ := catalogue(t, 3, 1)
	for _, tt := range []struct{ retryAfter, want string }{{"", "5s"}, {"-7", "5s"}, {"3600", "40s"}, {"soon", "5s"}} {
		synctest.Test(t, func(t *testing.T) {
			begin := time.Now()
			d := doorkeeper{instead: func(w http.ResponseWriter, _ int) bool {
				w.Header().Set("Retry-After", tt.retryAfter)
				http.Error(w, "the stream is away", http.StatusServiceUnavailable)
				return true
			}}
			loaded, _, err := d.loadNear(t.Context(), Import{Catalog: path})
			for _, want := range []string{"load the catalogue", "http://shop.test/v1/items:batch", "503", "the stream is away", "tried 5 times"} {
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("error %v, want one with %q", err, want)
				}
			}
			if waited := time.Since(begin).String(); d.tries != tries || waited != tt.want || loaded != (Loaded{}) {
				t.Errorf("Retry-After %q: %d tries in %s, loaded %+v, want %d in %s and nothing", tt.retryAfter, d.tries, waited, loaded, tries, tt.want)
			}
		})
	}
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		d := doorkeeper{instead: func(w http.ResponseWriter, _ int) bool {
			stop()
			http.Error(w, "busy", http.StatusServiceUnavailable)
			return true
		}}
		begin := time.Now()
		if _, _, err := d.loadNear(ctx, Import{Catalog: path}); !errors.Is(err, context.Canceled) || d.tries != 1 || time.Since(begin) != 0 {
			t.Errorf("told to stop, after %v and %d tries: %v", time.Since(begin), d.tries, err)
		}
	})
}

func TestFaultsOfTheWholeRequestAreClear(t *testing.T) {
	path, _ := catalogue(t, 3, 1)
	for _, status := range []int{http.StatusBadRequest, http.StatusUnauthorized, http.StatusRequestEntityTooLarge, http.StatusInternalServerError} {
		d := doorkeeper{instead: func(w http.ResponseWriter, _ int) bool {
			http.Error(w, `{"code":"c","detail":"what is wrong"}`, status)
			return true
		}}
		_, _, err := d.load(t, Import{Catalog: path})
		for _, want := range []string{"load the catalogue", itemsPath, fmt.Sprint(status), "what is wrong"} {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("status %d: error %v, want one with %q", status, err, want)
			}
		}
		if d.tries != 1 {
			t.Errorf("status %d: tried %d times, want once: it would be the same again", status, d.tries)
		}
	}
	d := doorkeeper{instead: func(w http.ResponseWriter, _ int) bool {
		fmt.Fprint(w, `{"line":1,"id":"sku-0","status":"sto`)
		return true
	}}
	if _, _, err := d.load(t, Import{Catalog: path}); err == nil || !strings.Contains(err.Error(), "read the answer") {
		t.Errorf("an answer that breaks off: %v", err)
	}
}

func TestNobodyAnswers(t *testing.T) {
	path, _ := catalogue(t, 3, 1)
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	synctest.Test(t, func(t *testing.T) {
		l := &loader{job: Import{Target: server.URL, Catalog: path}, http: &http.Client{Transport: &http.Transport{}}, progress: newProgress(io.Discard, false)}
		_, err := l.files(t.Context())
		for _, want := range []string{server.URL + itemsPath, "connection refused", "tried 5 times"} {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("error %v, want one with %q", err, want)
			}
		}
	})
}

func TestRejectedLinesAreNamedAndCounted(t *testing.T) {
	products, _ := catalogue(t, 2350, 1)
	log, _ := views(t, 1200, importDay)
	d := doorkeeper{refuse: func(id string) string {
		if strings.HasSuffix(id, "00") || strings.HasSuffix(id, "01") {
			return "is ugly"
		}
		return ""
	}}
	loaded, told := d.mustLoad(t, Import{Catalog: products, Events: log})
	// Of 2350 items 100, 200 ... 2300 and 101 ... 2301, then 1201 of both kinds among 1200 events.
	if want := (Loaded{Items: 2350 - 46, Events: 1200 - 22, RejectedItems: 46, RejectedEvents: 22}); loaded != want {
		t.Errorf("loaded %+v, want %+v", loaded, want)
	}
	for _, want := range []string{
		"rejected item sku-100: title is ugly\n", "rejected item sku-1001: title is ugly\n", "the gateway rejected 46 of 2350 items\n",
		"rejected event e101: title is ugly\n", "the gateway rejected 22 of 1200 events\n",
	} {
		if !strings.Contains(told, want) {
			t.Errorf("people are not told %q:\n%s", want, told)
		}
	}
	if items, events := strings.Count(told, "rejected item "), strings.Count(told, "rejected event "); items != shownRejects || events != shownRejects {
		t.Errorf("%d items and %d events are named, want %d of each", items, events, shownRejects)
	}
}

func TestLinesThatTheGatewayCannotTakeAreLeftOut(t *testing.T) {
	attributes := map[string][]string{}
	for i := range 20 {
		for j := range 40 {
			key := fmt.Sprintf("size_%d", i)
			attributes[key] = append(attributes[key], fmt.Sprintf("%d %s", j, strings.Repeat("x", 400)))
		}
	}
	var b bytes.Buffer
	for _, item := range []shop.Item{{ID: "a", Title: "A"}, {ID: "huge", Title: "H", Attributes: attributes}, {ID: "b", Title: "B"}} {
		if err := json.NewEncoder(&b).Encode(item); err != nil {
			t.Fatal(err)
		}
	}
	var d doorkeeper
	loaded, told := d.mustLoad(t, Import{Catalog: file(t, "huge.ndjson", b.String())})
	if diff := cmp.Diff([]string{"a", "b"}, d.ids(itemsPath)); diff != "" {
		t.Errorf("ids (-want +got):\n%s", diff)
	}
	if loaded != (Loaded{Items: 2, RejectedItems: 1}) || !strings.Contains(told, "rejected item huge: is ") {
		t.Errorf("loaded %+v, told\n%s", loaded, told)
	}
}

func TestStaleLogsAreMovedToNow(t *testing.T) {
	products, _ := catalogue(t, 2, 1)
	for _, tt := range []struct {
		age   time.Duration
		moved bool
		says  string
	}{
		{0, false, ""},
		{-time.Hour, false, ""},
		{Stale - time.Second, false, ""},
		{Stale, true, "the last event is of 2026-05-02: the whole log is moved to now, by 30 days"},
		{3000 * 24 * time.Hour, true, "by 3000 days"},
	} {
		var d doorkeeper
		log, ids := views(t, 90, importDay.Add(-tt.age))
		loaded, told := d.mustLoad(t, Import{Catalog: products, Events: log, Now: importDay})
		last := importDay.Add(-tt.age)
		if tt.moved {
			last = importDay
		}
		for i, line := range d.to(eventsPath)[0].lines {
			if want := last.Add(-time.Duration(len(ids)-1-i) * time.Minute).Format(time.RFC3339); line["timestamp"] != want {
				t.Fatalf("age %v: event %d is of %v, want %s", tt.age, i, line["timestamp"], want)
			}
		}
		if moved := loaded.Moved != 0; moved != tt.moved || moved && loaded.Moved != tt.age {
			t.Errorf("age %v: moved by %v, want %v", tt.age, loaded.Moved, tt.moved)
		}
		if strings.Contains(told, "moved to now") != tt.moved || !strings.Contains(told, tt.says) {
			t.Errorf("age %v: people are told\n%s\nwant %q", tt.age, told, tt.says)
		}
	}
}

// TestBrokenCatalogue loads a catalogue of which every hundredth line is broken, each time in another way.
func TestBrokenCatalogue(t *testing.T) {
	const rows = 3000
	for _, tt := range []struct {
		name, header, row string
		broken, reasons   []string
	}{
		{
			"products.ndjson", "", `{"id":"sku-%[1]d","title":"Thing %[1]d","price":%[1]d}`,
			[]string{`{"id":"sku-%[1]d","title":"Thi`, `["sku-%[1]d"]`, `{"id":"sku-%[1]d","price":3}`, `{"id":"sku-%[1]d","title":"T","price":"cheap"}`, `sku-%[1]d`},
			[]string{"is no JSON object: it ends too early", "is no JSON object", "title is empty", `price is "cheap", which is no number`, "is no JSON object"},
		},
		{
			"products.csv", "id,title,price\n", `sku-%[1]d,Thing %[1]d,%[1]d`,
			[]string{`sku-%[1]d`, `sku-%[1]d,"Thing,3`, `sku-%[1]d,,3`, `sku-%[1]d,T,cheap`, `sku %[1]d,T,3`},
			[]string{"has 1 columns, the header has 3", "has a quote that is never closed", "title is empty", `price is "cheap", which is no number`, "id holds the character U+0020"},
		},
	} {
		var b strings.Builder
		b.WriteString(tt.header)
		shift := 1 + strings.Count(tt.header, "\n")
		var want, faults []string
		for i := range rows {
			row := tt.row
			if i%100 == 37 {
				kind := i / 100 % len(tt.broken)
				row = tt.broken[kind]
				faults = append(faults, fmt.Sprintf("  line %d: %s", i+shift, tt.reasons[kind]))
			} else {
				want = append(want, fmt.Sprintf("sku-%d", i))
			}
			fmt.Fprintf(&b, row+"\n", i)
		}
		var d doorkeeper
		loaded, told := d.mustLoad(t, Import{Catalog: file(t, tt.name, b.String())})
		if diff := cmp.Diff(want, d.ids(itemsPath)); diff != "" {
			t.Errorf("%s: ids (-want +got):\n%s", tt.name, diff)
		}
		if loaded != (Loaded{Items: 2970, RejectedItems: 30}) {
			t.Errorf("%s: loaded %+v, want 2970 items and 30 rejected", tt.name, loaded)
		}
		for _, line := range append(faults[:20], "catalogue: read 3000 rows: kept 2970, rejected 30, duplicates 0\n", "  and 10 more\n") {
			if !strings.Contains(told, line) {
				t.Errorf("%s: people are not told %q:\n%s", tt.name, line, told)
			}
		}
	}
}

func TestFilesThatAreNoCatalogueLoadNothing(t *testing.T) {
	for _, tt := range []struct{ name, content, want string }{
		{"notes.csv", "colour,weight\nred,1\n", "expected a key"},
		{"bad.ndjson", strings.Repeat("{]\n", 50), "more than half of the lines are bad"},
		{"empty.csv", "", "the file is empty"},
	} {
		var d doorkeeper
		loaded, _, err := d.load(t, Import{Catalog: file(t, tt.name, tt.content)})
		if err == nil || !strings.Contains(err.Error(), "load the catalogue") || !strings.Contains(err.Error(), tt.want) || loaded.Items != 0 || len(d.posts) != 0 {
			t.Errorf("%s: loaded %+v in %d posts, %v, want %q", tt.name, loaded, len(d.posts), err, tt.want)
		}
	}
	products, _ := catalogue(t, 2, 1)
	var d doorkeeper
	loaded, told, err := d.load(t, Import{Catalog: products, Events: file(t, "log.csv", "colour\nred\n")})
	if err == nil || !strings.Contains(err.Error(), "load the events") || strings.Contains(told, "events: read") || loaded.Items != 2 || len(d.to(eventsPath)) != 0 {
		t.Errorf("a log without columns: loaded %+v, %v", loaded, err)
	}
}

func TestAnItemThatComesAgainCountsOnce(t *testing.T) {
	var d doorkeeper
	loaded, _ := d.mustLoad(t, Import{Catalog: file(t, "p.csv", "id,title\na,Old\nb,B\na,New\n")})
	if diff := cmp.Diff([]string{"a", "b", "a"}, d.ids(itemsPath)); diff != "" || loaded != (Loaded{Items: 2}) {
		t.Errorf("loaded %+v, want 2 items, the last of each counts; ids (-want +got):\n%s", loaded, diff)
	}
}

// TestExamplesOfTheGuide loads what docs/data.md shows.
func TestExamplesOfTheGuide(t *testing.T) {
	at := func(name string) string {
		return filepath.Join(root(t), "libs", "dataset", "testdata", "examples", name)
	}
	for _, tt := range []struct {
		catalog, events string
		want            Loaded
	}{
		{"products.csv", "events.ndjson", Loaded{Items: 3, Events: 6}},
		{"products.csv", "transactions.csv", Loaded{Items: 3, Events: 3}},
		{"broken.csv", "events.ndjson", Loaded{Items: 6, Events: 6, RejectedItems: 5}},
	} {
		var d doorkeeper
		loaded, told := d.mustLoad(t, Import{Catalog: at(tt.catalog), Events: at(tt.events)})
		if loaded.Moved = 0; loaded != tt.want {
			t.Errorf("%s and %s: loaded %+v, want %+v\n%s", tt.catalog, tt.events, loaded, tt.want, told)
		}
	}
}

func TestALogForAShopThatIsThere(t *testing.T) {
	var d doorkeeper
	log, ids := views(t, 40, importDay)
	loaded, told := d.mustLoad(t, Import{Events: log})
	if diff := cmp.Diff(ids, d.ids(eventsPath)); diff != "" || len(d.posts) != 1 || loaded != (Loaded{Events: 40}) {
		t.Errorf("%d posts, loaded %+v, told\n%s\nwant the events alone; ids (-want +got):\n%s", len(d.posts), loaded, told, diff)
	}
}

func TestGeneratedShop(t *testing.T) {
	for _, count := range []int{0, 1500} {
		var d doorkeeper
		loaded, told := d.mustLoad(t, Import{Items: 1200, Count: count, Seed: 1})
		if n := len(d.ids(itemsPath)); n != 1200 || loaded.Items != 1200 {
			t.Errorf("%d items posted, loaded %+v, want 1200", n, loaded)
		}
		if n := len(d.ids(eventsPath)); n != loaded.Events || n > count+count/10 || n < count-count/10 {
			t.Errorf("%d events posted, loaded %+v, want about %d", n, loaded, count)
		}
		for i, p := range d.posts {
			if i < 2 && p.path != itemsPath || i >= 2 && p.path != eventsPath {
				t.Errorf("post %d went to %s, want the items before the events", i, p.path)
			}
		}
		if !strings.Contains(told, "catalogue: 1200 in ") {
			t.Errorf("people are told\n%s", told)
		}
	}
}

func TestSizeOfTheShop(t *testing.T) {
	for _, tt := range []struct {
		status int
		body   string
		want   int
		says   string
	}{
		{200, `{"total_size":42}`, 42, ""},
		{401, `{"code":"unauthorized"}`, 0, `401 Unauthorized: {"code":"unauthorized"}`},
		{200, `<html>`, 0, "read the size of the shop"},
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(tt.status)
			fmt.Fprint(w, tt.body)
		}))
		got, err := Import{Target: server.URL}.size(t.Context())
		server.Close()
		if got != tt.want || (err != nil) != (tt.says != "") || err != nil && (!strings.Contains(err.Error(), tt.says) || strings.Contains(err.Error(), "%!")) {
			t.Errorf("answer %d %s: size = %d, %v, want %d and %q", tt.status, tt.body, got, err, tt.want, tt.says)
		}
	}
}

func TestAwait(t *testing.T) {
	for _, target := range []string{"", "127.0.0.1:8080", "http://", "::"} {
		if err := await(t.Context(), target, time.Second); err == nil || !strings.Contains(err.Error(), "http://127.0.0.1:8080") {
			t.Errorf("await(%q) = %v, want what an address looks like", target, err)
		}
	}
	asked := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if asked++; asked == 1 {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	if err := await(t.Context(), server.URL, 10*time.Second); err != nil || asked != 2 {
		t.Errorf("after %d questions: %v, want an answer to the second", asked, err)
	}
	server.Close()
	if err := await(t.Context(), server.URL, 50*time.Millisecond); err == nil || !strings.Contains(err.Error(), "no gateway at "+server.URL+" after 50ms") {
		t.Errorf("nobody there: %v", err)
	}
}
