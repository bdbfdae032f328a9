package haggle

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/haggle-commerce/haggle/libs/dataset"
	"github.com/haggle-commerce/haggle/libs/dataset/synth"
	"github.com/haggle-commerce/haggle/libs/shop"
)

// Import says what to load into a running suite, by its gateway.
type Import struct {
	// Target is the address of the gateway: http://127.0.0.1:8080.
	Target string
	// Key is a secret key, where the gateway has keys.
	Key string
	// Catalog and Events are files, either of which may be ""; without both a shop is generated from Items, Count and Seed.
	Catalog, Events string
	Items, Count    int
	Seed            uint64
	// Now is the moment that old logs are moved to, when their last event is older than [Stale].
	Now time.Time
}

// Stale is the age of the last event from which on a log is taken for a historical one and moved to now: trends and seasons
// of a shop of long ago would otherwise all be over. It is said when it happens.
const Stale = 30 * 24 * time.Hour

// Loaded is what an import brought. Rejected counts what a reader could not use and what the gateway refused.
type Loaded struct {
	Items, Events  int
	RejectedItems  int
	RejectedEvents int
	// Moved is how far a stale log was moved, 0 where it was left alone.
	Moved time.Duration
}

// loader posts items and events in chunks.
type loader struct {
	job      Import
	http     *http.Client
	progress *progress
}

// run loads the shop and reports on p as it goes. What the gateway or a reader rejects is counted and said.
func (job Import) run(ctx context.Context, p *progress) (Loaded, error) {
	l := &loader{job: job, http: &http.Client{Timeout: time.Minute}, progress: p}
	if job.Catalog == "" && job.Events == "" {
		return l.generated(ctx)
	}
	return l.files(ctx)
}

func (l *loader) generated(ctx context.Context) (loaded Loaded, err error) {
	items, events := l.poster("item", itemsPath), l.poster("event", eventsPath)
	defer func() { loaded = items.and(events) }()
	// The generator takes no events for its default; a shop without a log is one with a log that nobody posts.
	options := synth.Options{Seed: l.job.Seed, Items: l.job.Items, Events: max(l.job.Count, 1), End: l.job.Now.Truncate(time.Second)}
	made, logged := 0, 0
	_, err = synth.Generate(ctx, options, func(item shop.Item) error {
		made++
		l.progress.step("catalogue", made, l.job.Items)
		return items.add(ctx, string(item.ID), item)
	}, func(event shop.Event) error {
		if l.job.Count == 0 {
			return nil
		}
		if logged == 0 {
			if err := items.flush(ctx); err != nil {
				return err
			}
		}
		logged++
		l.progress.step("events", logged, l.job.Count)
		return events.add(ctx, event.ID, wireEvent(event))
	})
	if err != nil {
		return loaded, err
	}
	return loaded, errors.Join(items.end(ctx), events.end(ctx))
}

// files loads the catalogue and the log, those of the two that there are.
func (l *loader) files(ctx context.Context) (loaded Loaded, err error) {
	items, events := l.poster("item", itemsPath), l.poster("event", eventsPath)
	var catalogue, history dataset.Report
	var moved time.Duration
	defer func() {
		loaded = items.and(events)
		// An item that came again was posted again.
		loaded.Items = max(loaded.Items-catalogue.Duplicates, 0)
		loaded.RejectedItems += catalogue.Rejected
		loaded.RejectedEvents += history.Rejected
		loaded.Moved = moved
	}()
	if l.job.Catalog != "" {
		if catalogue, err = l.catalogue(ctx, items); err != nil {
			return loaded, fmt.Errorf("load the catalogue: %w", err)
		}
	}
	if l.job.Events == "" {
		l.progress.say("no events were given: search and content work at once, recommendations learn from what shoppers do from now on")
		return loaded, nil
	}
	if history, moved, err = l.history(ctx, events); err != nil {
		return loaded, fmt.Errorf("load the events: %w", err)
	}
	return loaded, nil
}

// catalogue posts items as they are read.
func (l *loader) catalogue(ctx context.Context, items *poster) (dataset.Report, error) {
	report, err := dataset.ReadItems(ctx, l.job.Catalog, dataset.Options{Progress: l.reading("catalogue")}, func(item shop.Item) error {
		return items.add(ctx, string(item.ID), item)
	})
	if err == nil {
		err = items.flush(ctx)
	}
	l.report("catalogue", report, err)
	if err != nil {
		return report, err
	}
	return report, items.end(ctx)
}

// history reads the whole log before it posts the first event, because events go in the order of their times.
func (l *loader) history(ctx context.Context, events *poster) (dataset.Report, time.Duration, error) {
	var log []shop.Event
	report, err := dataset.ReadEvents(ctx, l.job.Events, dataset.Options{Progress: l.reading("events")}, func(event shop.Event) error {
		log = append(log, event)
		return nil
	})
	l.report("events", report, err)
	if err != nil {
		return report, 0, err
	}
	moved := l.order(log)
	for i := range log {
		l.progress.step("events stored", i+1, len(log))
		if err := events.add(ctx, log[i].ID, wireEvent(log[i])); err != nil {
			return report, moved, err
		}
	}
	return report, moved, events.end(ctx)
}

// reading shows how much of a file is read. It stops short of the end, which the report of the reader says: all bytes may be
// read long before the last of their rows is posted.
func (l *loader) reading(what string) func(dataset.Progress) {
	const kib = 1 << 10
	return func(p dataset.Progress) {
		total := max((p.Total+kib-1)/kib, 1)
		l.progress.step(what+" read (KiB)", int(min(p.Bytes/kib, total-1)), int(total))
	}
}

// report says what a reader kept and what it rejected, with the first lines at fault; of a file that could not be read at all
// err says enough.
func (l *loader) report(what string, r dataset.Report, err error) {
	l.progress.leave()
	if err != nil && r.Kept+r.Rejected == 0 {
		return
	}
	for i, line := range strings.Split(r.String(), "\n") {
		if i == 0 {
			line = what + ": " + line
		}
		l.progress.say("%s", line)
	}
}

// order puts a log in the order of its times and moves it to now when it is stale. It returns how far it was moved.
func (l *loader) order(log []shop.Event) time.Duration {
	if len(log) == 0 {
		return 0
	}
	slices.SortStableFunc(log, func(a, b shop.Event) int { return a.Time.Compare(b.Time) })
	last := log[len(log)-1].Time
	if l.job.Now.Sub(last) < Stale {
		return 0
	}
	by := l.job.Now.Sub(last).Truncate(time.Second)
	for i := range log {
		log[i].Time = log[i].Time.Add(by)
	}
	l.progress.say("the last event is of %s: the whole log is moved to now, by %d days", last.Format(time.DateOnly), int(by.Hours()/24))
	return by
}

// historical is an event as the gateway's import takes it: GA4's names, with the shop's own visitor ids.
type historical struct {
	shop.Event
	Visitor shop.ShopperID `json:"visitor_id,omitempty"`
	// Hidden takes the place of the pseudonym, which only the gateway makes.
	Hidden string `json:"shopper_id,omitempty"`
}

// wireEvent leaves out what only the gateway may say of an event: who the pseudonym is, and what a signed token vouches for.
func wireEvent(e shop.Event) historical {
	h := historical{Event: e, Visitor: e.Shopper}
	h.Event.Shopper, h.Request, h.Model, h.Verified = "", "", "", false
	return h
}

// await waits until the gateway answers, at most for limit.
func await(ctx context.Context, target string, limit time.Duration) error {
	if u, err := url.Parse(target); err != nil || u.Host == "" {
		return fmt.Errorf("target: %q is no URL such as http://127.0.0.1:8080", target)
	}
	ctx, stop := context.WithTimeout(ctx, limit)
	defer stop()
	for {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, target+"/healthz", nil)
		if err != nil {
			return fmt.Errorf("target: %w", err)
		}
		response, err := http.DefaultClient.Do(request)
		if err == nil {
			response.Body.Close()
			if response.StatusCode == http.StatusOK {
				return nil
			}
			err = errors.New(response.Status)
		}
		select {
		case <-time.After(200 * time.Millisecond):
		case <-ctx.Done():
			return fmt.Errorf("no gateway at %s after %v: %w", target, limit, err)
		}
	}
}

// size returns how many items the shop has.
func (job Import) size(ctx context.Context) (int, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, job.Target+"/v1/search", strings.NewReader(`{"filter":"available OR NOT available","page_size":1,"visitor_id":"import"}`))
	if err != nil {
		return 0, fmt.Errorf("ask for the size of the shop: %w", err)
	}
	request.Header.Set("Content-Type", "application/json")
	if job.Key != "" {
		request.Header.Set("Authorization", "Bearer "+job.Key)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, fmt.Errorf("ask for the size of the shop: %w", err)
	}
	defer response.Body.Close()
	var answer struct {
		Total int `json:"total_size"`
	}
	if response.StatusCode != http.StatusOK {
		return 0, fmt.Errorf("ask for the size of the shop: %s: %s", response.Status, firstLine(start(response.Body)))
	}
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		return 0, fmt.Errorf("read the size of the shop: %w", err)
	}
	return answer.Total, nil
}

// firstLine is the first line of a file without the spaces around it.
func firstLine(text string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	return strings.TrimSpace(line)
}
