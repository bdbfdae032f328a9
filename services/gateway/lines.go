package gateway

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/haggle-commerce/haggle/libs/bus"
	"github.com/haggle-commerce/haggle/libs/shop"
	"github.com/haggle-commerce/haggle/libs/wire"
	"github.com/haggle-commerce/haggle/services/gateway/internal/answer"
	"github.com/haggle-commerce/haggle/services/gateway/internal/intake"
	"github.com/haggle-commerce/haggle/services/gateway/internal/problem"
	"github.com/haggle-commerce/haggle/services/gateway/internal/stock"
	"github.com/haggle-commerce/haggle/services/gateway/internal/strict"
)

const (
	// chunk is how many lines are stored at once.
	chunk = 512
	// maxFaultyLines is how many bad lines of an import are described; the others are counted.
	maxFaultyLines = 1000
	// pace is how long a client may take for the next lines.
	pace = 10 * time.Second
)

// ImportAnswer is the answer to POST /v1/events:import.
type ImportAnswer struct {
	RequestID string       `json:"request_id"`
	Lines     int          `json:"lines"`
	Accepted  int          `json:"accepted"`
	Ignored   int          `json:"ignored"`
	Rejected  int          `json:"rejected"`
	Faults    []LineResult `json:"faults" doc:"The first thousand lines that were rejected."`
}

// LineResult is what became of one line.
type LineResult struct {
	Line   int             `json:"line" doc:"From 1."`
	ID     string          `json:"id,omitempty"`
	Status string          `json:"status" enum:"stored,accepted,ignored,rejected"`
	Code   string          `json:"code,omitempty"`
	Errors []problem.Field `json:"errors,omitempty"`
}

// lineReader reads the lines of a body that comes as a stream.
type lineReader struct {
	x       *exchange
	control *http.ResponseController
	in      *bufio.Reader
	total   int
	number  int
	text    []byte
}

func (x *exchange) lines(r *http.Request) *lineReader {
	return &lineReader{x: x, control: http.NewResponseController(x), in: bufio.NewReaderSize(r.Body, 64<<10)}
}

// next reads a line that is not empty into l.text. Lines that are too long are an error, as is a body that is.
func (l *lineReader) next() error {
	for {
		if l.in.Buffered() == 0 {
			// Not every connection has deadlines; one that has none cannot be slow.
			_ = l.control.SetReadDeadline(time.Now().Add(pace))
			_ = l.control.SetWriteDeadline(time.Now().Add(pace + l.x.gate.config.EventWait))
		}
		l.text = l.text[:0]
		for {
			part, err := l.in.ReadSlice('\n')
			l.text = append(l.text, part...)
			l.total += len(part)
			switch {
			case len(l.text) > maxImportLine:
				return tooLarge("line "+strconv.Itoa(l.number+1), fmt.Sprintf("a line may have %d bytes", maxImportLine))
			case l.total > maxImportBody:
				return tooLarge("", fmt.Sprintf("the body may have %d bytes; send the rest in another request", maxImportBody))
			case errors.Is(err, bufio.ErrBufferFull):
				continue
			case errors.Is(err, io.EOF) && len(bytes.TrimSpace(l.text)) == 0:
				return io.EOF
			case err != nil && !errors.Is(err, io.EOF):
				return bodyProblem(err)
			}
			break
		}
		l.number++
		if l.number > maxLines {
			return tooLarge("", fmt.Sprintf("a body may have %d lines; send the rest in another request", maxLines))
		}
		if len(bytes.TrimSpace(l.text)) > 0 {
			return nil
		}
	}
}

func tooLarge(field, reason string) error {
	p := problem.New(http.StatusRequestEntityTooLarge, problem.TooLarge, reason)
	p.Errors = []problem.Field{{Field: field, Reason: reason}}
	return p
}

// importEvents answers POST /v1/events:import.
func (x *exchange) importEvents(r *http.Request) error {
	x.watch.pause()
	d := intake.Desk{Pseudonyms: x.keys.pseudonyms, Tokens: x.keys.attribution, History: true}
	in, a := x.lines(r), ImportAnswer{RequestID: x.id}
	var faults []byte
	var outcomes []intake.Outcome
	var numbers []int
	flush := func() error {
		err := x.store(r.Context(), outcomes)
		x.watch.pause()
		if err != nil {
			return err
		}
		for i := range outcomes {
			switch o := &outcomes[i]; o.Status {
			case intake.Accepted:
				a.Accepted++
			case intake.Ignored:
				a.Ignored++
			default:
				if o.Code == codeUnavailable {
					return importStopped(a.Accepted, numbers[0])
				}
				if a.Rejected++; a.Rejected <= maxFaultyLines {
					if len(faults) > 0 {
						faults = append(faults, ',')
					}
					faults = strconv.AppendInt(append(faults, `{"line":`...), int64(numbers[i]), 10)
					faults = appendLine(faults, o.ID, string(o.Status), o.Code, o.Faults)
				}
			}
		}
		outcomes, numbers = outcomes[:0], numbers[:0]
		return nil
	}
	for {
		err := in.next()
		if errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return err
		}
		x.watch.resume()
		x.reader.Reset(in.text)
		o := d.Read(&x.reader, intake.Envelope{}, x.begin)
		if x.reader.End(); x.reader.Malformed() && o.Status != intake.Rejected {
			o.Status, o.Code, o.Faults = intake.Rejected, intake.Invalid, x.reader.Faults()
		}
		x.watch.pause()
		a.Lines++
		outcomes, numbers = append(outcomes, o), append(numbers, in.number)
		if len(outcomes) == chunk {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	if err := flush(); err != nil {
		return err
	}
	if a.Lines == 0 {
		return problem.OfField("", "the body has no lines")
	}
	b := answer.AppendText(append(x.buf[:0], `{"request_id":`...), x.id)
	b = fmt.Appendf(b, `,"lines":%d,"accepted":%d,"ignored":%d,"rejected":%d,"faults":[%s]}`, a.Lines, a.Accepted, a.Ignored, a.Rejected, faults)
	x.send(http.StatusOK, b)
	return nil
}

// importStopped is the problem of an import that could not be stored to its end.
func importStopped(stored, line int) error {
	p := problem.New(http.StatusServiceUnavailable, problem.Unavailable, fmt.Sprintf("the stream is away: %d events are stored, go on from line %d", stored, line))
	p.RetryAfter = 5
	return p
}

// appendLine appends the rest of an object that says what became of a line.
func appendLine(b []byte, id, status, code string, faults []strict.Fault) []byte {
	if id != "" {
		b = answer.AppendText(append(b, `,"id":`...), id)
	}
	b = answer.AppendText(append(b, `,"status":`...), status)
	if code != "" {
		b = answer.AppendText(append(b, `,"code":`...), code)
	}
	return append(appendFaults(b, faults), '}')
}

// stored is a line of a batch of items.
type stored struct {
	number int
	id     shop.ItemID
	// message is the index of its message, -1 when it was rejected.
	message int
	faults  []strict.Fault
}

// putItems answers POST /v1/items:batch with a result per line.
func (x *exchange) putItems(r *http.Request) error {
	x.watch.pause()
	in := x.lines(r)
	var out []byte
	var lines []stored
	var messages []bus.Outgoing
	flush := func() {
		errs := x.publishItems(r.Context(), messages)
		x.watch.pause()
		for i := range lines {
			l := &lines[i]
			status, code := "stored", ""
			switch {
			case l.message < 0:
				status, code = "rejected", problem.Invalid
			case errs[l.message] != nil:
				status, code, l.faults = "rejected", codeUnavailable, []strict.Fault{{Reason: "cannot be stored now; send it again"}}
			}
			out = strconv.AppendInt(append(out, `{"line":`...), int64(l.number), 10)
			out = append(appendLine(out, string(l.id), status, code, l.faults), '\n')
		}
		lines, messages = lines[:0], messages[:0]
	}
	for {
		err := in.next()
		if errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return err
		}
		x.watch.resume()
		l := stored{number: in.number, message: -1}
		if item, faults := x.readLine(in.text); len(faults) > 0 {
			l.id, l.faults = item.ID, faults
		} else if data, err := encodeItem(&item); err != nil {
			return err
		} else {
			l.id, l.message = item.ID, len(messages)
			messages = append(messages, bus.Outgoing{Subject: wire.SubjectItem + wire.ItemToken(item.ID), Data: data})
		}
		lines = append(lines, l)
		x.watch.pause()
		if len(lines) == chunk {
			flush()
		}
	}
	flush()
	if in.number == 0 {
		return problem.OfField("", "the body has no lines")
	}
	x.Header().Set("Content-Type", "application/x-ndjson")
	x.send(http.StatusOK, out)
	return nil
}

// readLine reads one item of a batch.
func (x *exchange) readLine(text []byte) (shop.Item, []strict.Fault) {
	x.reader.Reset(text)
	item := stock.Read(&x.reader, shop.Item{})
	x.reader.End()
	faults := x.reader.Faults()
	if len(faults) == 0 {
		faults = strict.Unfold(item.Check())
	}
	return item, faults
}
