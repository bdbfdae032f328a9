package gateway

import (
	"context"
	"net/http"
	"strconv"

	"github.com/haggle-commerce/haggle/libs/bus"
	"github.com/haggle-commerce/haggle/libs/shop"
	"github.com/haggle-commerce/haggle/libs/wire"
	"github.com/haggle-commerce/haggle/services/gateway/internal/answer"
	"github.com/haggle-commerce/haggle/services/gateway/internal/intake"
	"github.com/haggle-commerce/haggle/services/gateway/internal/problem"
	"github.com/haggle-commerce/haggle/services/gateway/internal/strict"
)

// maxEvents is how many events one request may bring.
const maxEvents = 1000

// EventsAnswer is the answer to POST /v1/events.
type EventsAnswer struct {
	RequestID string        `json:"request_id"`
	Accepted  int           `json:"accepted" doc:"Events that are stored; they survive the loss of a server."`
	Ignored   int           `json:"ignored" doc:"Events of kinds of which nothing is learnt."`
	Rejected  int           `json:"rejected"`
	Results   []EventResult `json:"results"`
}

// EventResult is what became of one event.
type EventResult struct {
	Index   int             `json:"index"`
	EventID string          `json:"event_id,omitempty"`
	Status  string          `json:"status" enum:"accepted,ignored,rejected"`
	Code    string          `json:"code,omitempty" doc:"Why it was rejected; unavailable ones may be sent again."`
	Errors  []problem.Field `json:"errors,omitempty"`
}

// codeUnavailable is the code of an event that was right and could not be stored.
const codeUnavailable = "unavailable"

// events answers POST /v1/events.
func (x *exchange) events(r *http.Request) error {
	outcomes, err := x.takeEvents(r)
	if err != nil {
		return err
	}
	counts := map[intake.Status]int{}
	for i := range outcomes {
		counts[outcomes[i].Status]++
	}
	if counts[intake.Rejected] == len(outcomes) {
		return nothingTaken(outcomes)
	}
	b := answer.AppendText(append(x.buf[:0], `{"request_id":`...), x.id)
	b = strconv.AppendInt(append(b, `,"accepted":`...), int64(counts[intake.Accepted]), 10)
	b = strconv.AppendInt(append(b, `,"ignored":`...), int64(counts[intake.Ignored]), 10)
	b = strconv.AppendInt(append(b, `,"rejected":`...), int64(counts[intake.Rejected]), 10)
	b = append(b, `,"results":[`...)
	for i := range outcomes {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendInt(append(b, `{"index":`...), int64(i), 10)
		b = appendOutcome(b, &outcomes[i])
	}
	x.buf = append(b, `]}`...)
	x.send(http.StatusOK, x.buf)
	return nil
}

// beacon answers POST /v1/events:beacon, whose answer no browser reads.
func (x *exchange) beacon(r *http.Request) error {
	outcomes, err := x.takeEvents(r)
	if err != nil {
		return err
	}
	for i := range outcomes {
		if outcomes[i].Status != intake.Rejected {
			x.WriteHeader(http.StatusNoContent)
			return nil
		}
	}
	return nothingTaken(outcomes)
}

// nothingTaken is the problem of a request none of whose events could be taken: 503 when the stream was away, 401 and 409 when
// all have the same fault of attribution, else 422.
func nothingTaken(outcomes []intake.Outcome) error {
	code := outcomes[0].Code
	var faults []strict.Fault
	for i := range outcomes {
		if outcomes[i].Code != code {
			code = ""
		}
		faults = append(faults, outcomes[i].Faults...)
	}
	p := problem.Of(faults[:min(len(faults), strict.MaxFaults)], false)
	p.Detail = "none of the events can be taken"
	switch code {
	case codeUnavailable:
		p = problem.New(http.StatusServiceUnavailable, problem.Unavailable, "the events cannot be stored now; send the same request again")
		p.RetryAfter = 5
	case intake.Forged, intake.Expired, intake.Mismatched:
		p.Status, p.Code = http.StatusUnauthorized, code
	case intake.Replayed:
		p.Status, p.Code = http.StatusConflict, code
	}
	return p
}

// takeEvents reads the body and stores what is right in it. The error is that of the whole request.
func (x *exchange) takeEvents(r *http.Request) ([]intake.Outcome, error) {
	g := x.gate
	defer g.waiting.Add(-int64(len(x.body)))
	if g.waiting.Add(int64(len(x.body))) > int64(g.config.EventMemory)<<20 {
		g.metrics.shed.WithLabelValues("events").Inc()
		p := problem.New(http.StatusServiceUnavailable, problem.Overloaded, "too many events are waiting to be stored")
		p.RetryAfter = 2
		return nil, p
	}
	outcomes, err := x.readEvents()
	if err != nil {
		return nil, err
	}
	return outcomes, x.store(r.Context(), outcomes)
}

// readEvents reads the body: an object with events and what they share, or an array of events.
func (x *exchange) readEvents() ([]intake.Outcome, error) {
	d := intake.Desk{Pseudonyms: x.keys.pseudonyms, Tokens: x.keys.attribution, Guard: x.gate.guard}
	r, envelope := &x.reader, intake.Envelope{}
	r.Reset(x.body)
	array := r.Next() == strict.Array
	if !array {
		// What events share may stand behind them, so it is read first.
		envelope = intake.ReadEnvelope(r)
		if faults := r.Faults(); len(faults) > 0 {
			return nil, problem.Of(faults, r.Malformed())
		}
		r.Reset(x.body)
	}
	var outcomes []intake.Outcome
	list := func() {
		r.Elements(maxEvents, func(int) bool {
			outcomes = append(outcomes, d.Read(r, envelope, x.begin))
			return !r.Malformed()
		})
	}
	if array {
		list()
	} else {
		for key := range r.Members {
			if string(key) == "events" {
				list()
			} else {
				r.Skip()
			}
		}
	}
	r.End()
	if n := len(outcomes); n > 0 && r.Malformed() {
		return nil, problem.Of(append(outcomes[n-1].Faults, r.Faults()...), true)
	}
	if faults := r.Faults(); len(faults) > 0 {
		return nil, problem.Of(faults, r.Malformed())
	}
	if len(outcomes) == 0 {
		return nil, problem.OfField("events", "is empty")
	}
	return outcomes, nil
}

// store publishes the accepted events and waits until the stream has them. An event that it has not is turned into a
// rejected one that may be sent again.
func (x *exchange) store(ctx context.Context, outcomes []intake.Outcome) error {
	g := x.gate
	var events []shop.Event
	var owners []int
	for i := range outcomes {
		g.metrics.event(&outcomes[i])
		if outcomes[i].Status == intake.Accepted {
			events, owners = append(events, outcomes[i].Event), append(owners, i)
		}
	}
	if len(events) == 0 {
		return nil
	}
	batches, err := intake.Batches(events)
	if err != nil {
		return err
	}
	messages := make([]bus.Outgoing, len(batches))
	for i, b := range batches {
		messages[i] = bus.Outgoing{Subject: wire.SubjectEvent + string(b.Kind), ID: b.ID, Data: b.Data}
	}
	ctx, cancel := context.WithTimeout(ctx, g.config.EventWait)
	defer cancel()
	x.watch.pause()
	faults := g.kit.Bus.PublishBatch(ctx, messages)
	x.watch.resume()
	for i, err := range faults {
		if err == nil {
			continue
		}
		g.kit.Log.Warn("events not stored", "kind", batches[i].Kind, "events", len(batches[i].Members), "error", err)
		for _, member := range batches[i].Members {
			o := &outcomes[owners[member]]
			o.Status, o.Code = intake.Rejected, codeUnavailable
			o.Faults = []strict.Fault{{Reason: "cannot be stored now; send it again with the same event_id"}}
			g.metrics.events.WithLabelValues(string(batches[i].Kind), codeUnavailable).Inc()
		}
	}
	return nil
}

// appendOutcome appends the rest of an object that says what became of an event.
func appendOutcome(b []byte, o *intake.Outcome) []byte {
	if o.ID != "" {
		b = answer.AppendText(append(b, `,"event_id":`...), o.ID)
	}
	b = answer.AppendText(append(b, `,"status":`...), string(o.Status))
	if o.Code != "" {
		b = answer.AppendText(append(b, `,"code":`...), o.Code)
	}
	return append(appendFaults(b, o.Faults), '}')
}

// appendFaults appends a member with the faults, if there are any.
func appendFaults(b []byte, faults []strict.Fault) []byte {
	if len(faults) == 0 {
		return b
	}
	fields := make([]problem.Field, len(faults))
	for i, f := range faults {
		fields[i] = problem.Field(f)
	}
	return problem.AppendFields(append(b, `,"errors":`...), fields)
}
