package haggle

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// The paths of the gateway that take lines.
const (
	itemsPath  = "/v1/items:batch"
	eventsPath = "/v1/events:import"
)

const (
	// chunk and chunkBytes are how many lines and bytes go in one request, well below what the gateway takes: what has to be
	// sent again after a fault is short, and progress is seen.
	chunk      = 1000
	chunkBytes = 1_500_000
	// lineBytes is the longest line that the gateway takes, its end included.
	lineBytes = 256 << 10
	// tries is how often a chunk is sent while the gateway, or what it needs, is away.
	tries = 5
	// maxWait bounds how long a gateway may ask to be left alone between two tries.
	maxWait = 10 * time.Second
	// shownRejects is how many rejected lines of each kind are said one by one; the rest is counted.
	shownRejects = 20
)

// poster gathers items or events and posts them as NDJSON, in the order in which they came.
type poster struct {
	l    *loader
	what string
	path string
	body bytes.Buffer
	// names of the lines in body.
	names []string
	// sent lines were taken by the gateway, or rejected.
	sent, rejected int
}

func (l *loader) poster(what, path string) *poster { return &poster{l: l, what: what, path: path} }

// and says what two posters, of items and of events, brought.
func (p *poster) and(events *poster) Loaded {
	return Loaded{
		Items: p.sent - p.rejected, Events: events.sent - events.rejected,
		RejectedItems: p.rejected, RejectedEvents: events.rejected,
	}
}

// add posts what was gathered when the document no longer fits beside it. name is the document's own, for people.
func (p *poster) add(ctx context.Context, name string, document any) error {
	line, err := json.Marshal(document)
	if err != nil {
		return fmt.Errorf("encode %s %s: %w", p.what, name, err)
	}
	if len(line)+1 > lineBytes {
		p.sent++
		p.reject(name, fmt.Sprintf("is %d bytes long as JSON, the gateway takes %d", len(line)+1, lineBytes))
		return nil
	}
	if len(p.names) >= chunk || p.body.Len()+len(line)+1 > chunkBytes {
		if err := p.flush(ctx); err != nil {
			return err
		}
	}
	p.body.Write(line)
	p.body.WriteByte('\n')
	p.names = append(p.names, name)
	return nil
}

// end posts the rest and says how much the gateway rejected in all.
func (p *poster) end(ctx context.Context) error {
	if err := p.flush(ctx); err != nil {
		return err
	}
	if p.rejected > 0 {
		p.l.progress.say("the gateway rejected %d of %d %ss", p.rejected, p.sent, p.what)
	}
	return nil
}

// flush posts what was gathered, again and again while that may help. The gateway knows items and events by their ids, so
// that a chunk sent twice counts once.
func (p *poster) flush(ctx context.Context) error {
	if len(p.names) == 0 {
		return nil
	}
	defer func() { p.body.Reset(); p.names = p.names[:0] }()
	for try := 1; ; try++ {
		err := p.post(ctx)
		var busy *busyError
		if !errors.As(err, &busy) {
			return err
		}
		if try == tries {
			return fmt.Errorf("%w (tried %d times)", err, tries)
		}
		if err := pause(ctx, max(busy.wait, time.Duration(try)*500*time.Millisecond)); err != nil {
			return fmt.Errorf("%w: %w", err, busy)
		}
	}
}

// busyError is a fault that may be over soon.
type busyError struct {
	error
	wait time.Duration
}

// Unwrap returns the cause.
func (e *busyError) Unwrap() error { return e.error }

func (p *poster) post(ctx context.Context) error {
	fault := func(err error) error { return fmt.Errorf("post to %s: %w", p.l.job.Target+p.path, err) }
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, p.l.job.Target+p.path, bytes.NewReader(p.body.Bytes()))
	if err != nil {
		return fault(err)
	}
	request.Header.Set("Content-Type", "application/x-ndjson")
	if p.l.job.Key != "" {
		request.Header.Set("Authorization", "Bearer "+p.l.job.Key)
	}
	response, err := p.l.http.Do(request)
	if err != nil {
		// The cause alone: the address stands there already.
		var wrapped *url.Error
		if errors.As(err, &wrapped) {
			err = wrapped.Err
		}
		if ctx.Err() != nil {
			return fault(err)
		}
		return &busyError{error: fault(err)}
	}
	defer response.Body.Close()
	switch response.StatusCode {
	case http.StatusOK:
		if err := p.verdicts(response.Body); err != nil {
			return fault(err)
		}
		return nil
	case http.StatusServiceUnavailable, http.StatusTooManyRequests, http.StatusBadGateway, http.StatusGatewayTimeout:
		seconds, _ := strconv.Atoi(response.Header.Get("Retry-After"))
		wait := min(time.Duration(max(seconds, 0))*time.Second, maxWait)
		return &busyError{fault(fmt.Errorf("%s: %s", response.Status, start(response.Body))), wait}
	}
	return fault(fmt.Errorf("%s: %s", response.Status, start(response.Body)))
}

// start is the beginning of a body, for an error.
func start(body io.Reader) string {
	text, _ := io.ReadAll(io.LimitReader(body, 2000))
	return strings.TrimSpace(string(text))
}

// verdict is what the gateway says of a line, or, with the verdicts of those at fault, of all lines at once.
type verdict struct {
	Line   int    `json:"line"`
	Status string `json:"status"`
	Code   string `json:"code"`
	Errors []struct {
		Field  string `json:"field"`
		Reason string `json:"reason"`
	} `json:"errors"`
	Rejected int       `json:"rejected"`
	Faults   []verdict `json:"faults"`
}

func (v verdict) String() string {
	var reasons []string
	for _, e := range v.Errors {
		reasons = append(reasons, strings.TrimSpace(e.Field+" "+e.Reason))
	}
	if len(reasons) == 0 {
		return v.Code
	}
	return strings.Join(reasons, "; ")
}

// unavailable is the code of a line that was right and could not be stored.
const unavailable = "unavailable"

// verdicts reads an answer: a verdict for each line, or one for all. Nothing is said of rejected lines before the whole answer
// is known, because a chunk that could not be stored as a whole is sent again.
func (p *poster) verdicts(body io.Reader) error {
	var bad []verdict
	rejected := 0
	for decoder := json.NewDecoder(body); ; {
		var v verdict
		if err := decoder.Decode(&v); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return fmt.Errorf("read the answer: %w", err)
		}
		rejected += v.Rejected
		bad = append(bad, v.Faults...)
		if v.Status == "rejected" {
			rejected++
			bad = append(bad, v)
		}
	}
	for _, v := range bad {
		if v.Code == unavailable {
			return &busyError{error: fmt.Errorf("%s %s: %s", p.what, p.name(v.Line), v)}
		}
	}
	p.sent += len(p.names)
	for _, v := range bad {
		p.reject(p.name(v.Line), v.String())
	}
	p.rejected += max(rejected-len(bad), 0)
	return nil
}

// name is the name of a line of the body, which counts from 1.
func (p *poster) name(line int) string {
	if line < 1 || line > len(p.names) || p.names[line-1] == "" {
		return fmt.Sprintf("in line %d of what was sent", line)
	}
	return p.names[line-1]
}

// reject counts a line that the gateway does not take, and says so of the first ones.
func (p *poster) reject(name, reason string) {
	if p.rejected++; p.rejected <= shownRejects {
		p.l.progress.say("  rejected %s %s: %s", p.what, name, reason)
	}
}
