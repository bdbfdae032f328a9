package table

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// jsonLines reads one JSON object a line.
type jsonLines struct{ lines *lines }

func (j *jsonLines) Next(r *Row) error {
	for {
		line, err := j.lines.next()
		if errors.Is(err, errLongLine) {
			return RowError{Line: j.lines.number, Reason: err.Error()}
		}
		if err != nil {
			return err
		}
		if strings.TrimSpace(line) == "" {
			continue
		}
		r.Line, r.Content = j.lines.number, []byte(line)
		return r.Decode(r.Content)
	}
}

// Decode fills the fields with those of a JSON object, sorted by name.
func (r *Row) Decode(text []byte) error {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var object map[string]any
	if err := d.Decode(&object); err != nil {
		return RowError{Line: r.Line, Reason: "is no JSON object: " + jsonReason(err)}
	}
	if object == nil {
		return RowError{Line: r.Line, Reason: "is no JSON object: null"}
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return RowError{Line: r.Line, Reason: "has something behind its JSON object"}
	}
	r.SetFields(object)
	return nil
}

// SetFields fills the fields with those of an object, sorted by name.
func (r *Row) SetFields(object map[string]any) {
	r.Fields = r.Fields[:0]
	for _, name := range slices.Sorted(maps.Keys(object)) {
		r.Fields = append(r.Fields, Field{name, object[name]})
	}
}

func jsonReason(err error) string {
	var typeErr *json.UnmarshalTypeError
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF):
		return "it ends too early"
	case errors.As(err, &typeErr):
		return "it is a " + typeErr.Value
	}
	return err.Error()
}

// documents reads the elements of a JSON array, alone or as the first array of an object: {"products": [...]}. A fault of the
// syntax ends it, because nobody knows where the next element begins.
type documents struct {
	decoder *json.Decoder
	row     int
}

func newDocumentReader(in *bufio.Reader) (rowReader, error) {
	d := json.NewDecoder(in)
	d.UseNumber()
	for depth := 0; ; {
		token, err := d.Token()
		if err != nil {
			return nil, fmt.Errorf("%w: a JSON document without an array: %w", ErrFormat, err)
		}
		switch token {
		case json.Delim('['):
			return &documents{decoder: d}, nil
		case json.Delim('{'):
			depth++
		case json.Delim('}'):
			if depth--; depth == 0 {
				return nil, fmt.Errorf("%w: a JSON document without an array", ErrFormat)
			}
		}
	}
}

func (j *documents) Next(r *Row) error {
	if !j.decoder.More() {
		if _, err := j.decoder.Token(); err != nil && !errors.Is(err, io.EOF) {
			return fmt.Errorf("JSON array: %w", err)
		} else if err != nil {
			return fmt.Errorf("JSON array: %w", io.ErrUnexpectedEOF)
		}
		return io.EOF
	}
	var raw json.RawMessage
	if err := j.decoder.Decode(&raw); err != nil {
		return fmt.Errorf("JSON array, element %d: %w", j.row+1, err)
	}
	j.row++
	r.Line, r.Content = j.row, raw
	return r.Decode(raw)
}
