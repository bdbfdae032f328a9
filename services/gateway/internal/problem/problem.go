// Package problem is what a caller is told when a request cannot be answered: RFC 9457 with a stable code and the fields at fault.
package problem

import (
	"errors"
	"net/http"
	"strconv"

	"github.com/haggle-commerce/haggle/libs/wire"
	"github.com/haggle-commerce/haggle/services/gateway/internal/answer"
	"github.com/haggle-commerce/haggle/services/gateway/internal/strict"
)

// ContentType is the media type of a problem document.
const ContentType = "application/problem+json"

// The codes. They are part of the interface: append only.
const (
	Malformed    = "malformed"              // 400: the text cannot be read
	BadKey       = "unauthorized"           // 401
	Forbidden    = "forbidden"              // 403
	NotFound     = "not_found"              // 404
	BadMethod    = "method_not_allowed"     // 405
	Timeout      = "request_timeout"        // 408: the body came too slowly
	Conflict     = "conflict"               // 409
	TooLarge     = "too_large"              // 413
	TooLong      = "uri_too_long"           // 414
	BadMediaType = "unsupported_media_type" // 415
	Invalid      = "invalid"                // 422: the text can be read and makes no sense
	RateLimited  = "rate_limited"           // 429
	Internal     = "internal"               // 500
	Overloaded   = "overloaded"             // 503: too many at once
	Unavailable  = "unavailable"            // 503: what the request needs is away
)

// Problem is why a request was not answered.
type Problem struct {
	Type      string  `json:"type" doc:"about:blank: the status says what kind of problem it is."`
	Title     string  `json:"title"`
	Status    int     `json:"status"`
	Code      string  `json:"code" doc:"Stable, for machines."`
	Detail    string  `json:"detail" doc:"For people."`
	Errors    []Field `json:"errors,omitempty" doc:"The fields at fault."`
	RequestID string  `json:"request_id"`
	// RetryAfter is in seconds, 0 for none; it goes into the header of that name.
	RetryAfter int `json:"-"`
}

// Field is what is wrong with one field of a request.
type Field struct {
	Field  string `json:"field" doc:"A path such as items[3].item_id; empty for the document as a whole."`
	Reason string `json:"reason"`
}

// Error implements error.
func (p *Problem) Error() string { return p.Code + ": " + p.Detail }

// New returns a problem.
func New(status int, code, detail string) *Problem {
	return &Problem{Status: status, Code: code, Detail: detail}
}

// Of returns the problem of a request with faults: malformed ones are 400, the others 422.
func Of(faults []strict.Fault, malformed bool) *Problem {
	p := New(http.StatusUnprocessableEntity, Invalid, "the request can be read, but some of its fields cannot be used")
	if malformed {
		p = New(http.StatusBadRequest, Malformed, "the request is not valid JSON in UTF-8")
	}
	for _, f := range faults {
		p.Errors = append(p.Errors, Field(f))
	}
	return p
}

// OfField returns the problem of a request with one wrong field.
func OfField(field, reason string) *Problem {
	return Of([]strict.Fault{{Field: field, Reason: reason}}, false)
}

// OfError returns the problem behind err: a problem as it is, a refusal of another service with its field, overload and
// lateness as 503, and anything else as 500.
func OfError(err error) *Problem {
	if p := (*Problem)(nil); errors.As(err, &p) {
		return p
	}
	e := (*wire.Error)(nil)
	errors.As(err, &e)
	switch wire.CodeOf(err) {
	case wire.Invalid:
		return OfField(e.Field, e.Text)
	case wire.NotFound:
		p := New(http.StatusNotFound, NotFound, "what was asked for does not exist")
		if e.Field != "" {
			p.Errors = []Field{{e.Field, e.Text}}
		}
		return p
	case wire.Overloaded, wire.Late:
		p := New(http.StatusServiceUnavailable, Unavailable, "what the request needs is away or busy; nothing was changed that was not confirmed")
		p.RetryAfter = 1
		return p
	}
	return New(http.StatusInternalServerError, Internal, "the fault is on our side; it was logged under the request id")
}

// AppendJSON appends the problem as JSON.
func (p *Problem) AppendJSON(b []byte) []byte {
	b = answer.AppendText(append(b, `{"type":"about:blank","title":`...), http.StatusText(p.Status))
	b = strconv.AppendInt(append(b, `,"status":`...), int64(p.Status), 10)
	b = answer.AppendText(append(b, `,"code":`...), p.Code)
	b = answer.AppendText(append(b, `,"detail":`...), p.Detail)
	if len(p.Errors) > 0 {
		b = AppendFields(append(b, `,"errors":`...), p.Errors)
	}
	b = answer.AppendText(append(b, `,"request_id":`...), p.RequestID)
	return append(b, '}')
}

// AppendFields appends a list of fields as JSON.
func AppendFields(b []byte, fields []Field) []byte {
	b = append(b, '[')
	for i, f := range fields {
		if i > 0 {
			b = append(b, ',')
		}
		b = answer.AppendText(append(b, `{"field":`...), f.Field)
		b = append(answer.AppendText(append(b, `,"reason":`...), f.Reason), '}')
	}
	return append(b, ']')
}
