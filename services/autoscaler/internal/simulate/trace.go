package simulate

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"time"
)

// Trace is a load over time: from Times[i], in seconds since the first, until the next, Rates[i] requests come a second.
type Trace struct {
	Start time.Time
	Times []float64
	Rates []float64
	// End is when the last step ends.
	End float64
}

// maxRate is beyond what one process can simulate in a day's work; maxStep is a gap that no trace of a service has.
const (
	maxRate = 1e6
	maxStep = 24 * 3600
)

// ErrTrace is wrapped by what [ReadTrace] says of a file that is not a trace.
var ErrTrace = errors.New("not a trace")

// ReadTrace reads CSV, plain or gzipped, with the columns timestamp (ISO-8601, or seconds) and rps, in the order of time. The
// error names the line that is wrong and wraps [ErrTrace]. Rates are multiplied by scale.
func ReadTrace(r io.Reader, scale float64) (Trace, error) {
	plain, err := plainText(r)
	if err != nil {
		return Trace{}, err
	}
	lines := csv.NewReader(plain)
	lines.FieldsPerRecord = -1
	lines.ReuseRecord = true
	head, err := lines.Read()
	if err != nil {
		return Trace{}, fmt.Errorf("%w: line 1: want the columns timestamp,rps: %w", ErrTrace, err)
	}
	at, rate := -1, -1
	for i, name := range head {
		switch string(bytes.TrimPrefix(bytes.TrimSpace([]byte(name)), []byte("\ufeff"))) {
		case "timestamp":
			at = i
		case "rps":
			rate = i
		}
	}
	if at < 0 || rate < 0 {
		return Trace{}, fmt.Errorf("%w: line 1: want the columns timestamp,rps, not %q", ErrTrace, head)
	}
	var t Trace
	for {
		record, err := lines.Read()
		if errors.Is(err, io.EOF) {
			return t.close()
		}
		line, _ := lines.FieldPos(0)
		if err != nil {
			return Trace{}, fmt.Errorf("%w: %w", ErrTrace, err)
		}
		if len(record) <= max(at, rate) {
			return Trace{}, fmt.Errorf("%w: line %d: %d fields, want %d", ErrTrace, line, len(record), len(head))
		}
		if err := t.add(record[at], record[rate], scale); err != nil {
			return Trace{}, fmt.Errorf("%w: line %d: %w", ErrTrace, line, err)
		}
	}
}

// plainText takes gzip off, by its magic number.
func plainText(r io.Reader) (io.Reader, error) {
	b := bufio.NewReader(r)
	magic, err := b.Peek(2)
	if err == nil && magic[0] == 0x1f && magic[1] == 0x8b {
		z, err := gzip.NewReader(b)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrTrace, err)
		}
		return z, nil
	}
	return b, nil
}

func (t *Trace) add(at, rate string, scale float64) error {
	seconds, err := t.seconds(at)
	if err != nil {
		return err
	}
	rps, err := strconv.ParseFloat(rate, 64)
	if err != nil || math.IsNaN(rps) || rps < 0 || rps*scale > maxRate {
		return fmt.Errorf("rps %q: want a number from 0 to %g after scaling", rate, float64(maxRate))
	}
	if n := len(t.Times); n > 0 {
		if step := seconds - t.Times[n-1]; step <= 0 || step > maxStep {
			return fmt.Errorf("timestamp %q: want one up to a day after the line before", at)
		}
	}
	t.Times, t.Rates = append(t.Times, seconds), append(t.Rates, rps*scale)
	return nil
}

// seconds reads a timestamp as seconds since the first.
func (t *Trace) seconds(text string) (float64, error) {
	when, err := time.Parse(time.RFC3339, text)
	if err != nil {
		when, err = time.Parse("2006-01-02 15:04:05", text)
	}
	if err != nil {
		s, err := strconv.ParseFloat(text, 64)
		if err != nil || math.IsNaN(s) || math.Abs(s) > 1e11 {
			return 0, fmt.Errorf("timestamp %q: want ISO-8601 or seconds", text)
		}
		when = time.Unix(0, 0).UTC().Add(time.Duration(s * 1e9))
	}
	if len(t.Times) == 0 {
		t.Start = when.UTC()
	}
	return when.Sub(t.Start).Seconds(), nil
}

// close gives the last step the length of the one before.
func (t *Trace) close() (Trace, error) {
	n := len(t.Times)
	if n < 2 {
		return Trace{}, fmt.Errorf("%w: %d lines of data, want 2 at least", ErrTrace, n)
	}
	t.End = 2*t.Times[n-1] - t.Times[n-2]
	return *t, nil
}

// Peak returns the greatest mean rate of fifteen seconds or one step, whichever is longer, that begins within the first seconds.
func (t *Trace) Peak(within float64) float64 {
	const span = 15
	peak := 0.0
	for i := 0; i < len(t.Times) && t.Times[i] < within; i++ {
		sum, at := 0.0, t.Times[i]
		for j := i; j < len(t.Times) && at < t.Times[i]+span; j++ {
			until := t.End
			if j+1 < len(t.Times) {
				until = t.Times[j+1]
			}
			sum += t.Rates[j] * (until - at)
			at = until
		}
		peak = max(peak, sum/(at-t.Times[i]))
	}
	return peak
}

// Cut returns the part from begin to end in seconds. It must not be empty.
func (t *Trace) Cut(begin, end float64) (Trace, error) {
	end = min(end, t.End)
	out := Trace{Start: t.Start.Add(time.Duration(begin * 1e9)), End: end - begin}
	for i, at := range t.Times {
		until := t.End
		if i+1 < len(t.Times) {
			until = t.Times[i+1]
		}
		if until > begin && at < end {
			out.Times, out.Rates = append(out.Times, max(0, at-begin)), append(out.Rates, t.Rates[i])
		}
	}
	if len(out.Times) == 0 {
		return Trace{}, fmt.Errorf("nothing of the trace lies between %gs and %gs of its %gs", begin, end, t.End)
	}
	return out, nil
}

// walker walks forward through a trace.
type walker struct {
	t *Trace
	i int
}

// at returns the rate at a time that is not before the one asked for last.
func (w *walker) at(seconds float64) float64 {
	for w.i+1 < len(w.t.Times) && w.t.Times[w.i+1] <= seconds {
		w.i++
	}
	return w.t.Rates[w.i]
}
