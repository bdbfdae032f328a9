package table

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// delimited reads a table with a header line: CSV (RFC 4180, with ',', ';' or '|') or TSV.
//
// A quoted field of a CSV may go over several lines. Where a quote is left open by mistake, encoding/csv would swallow the rest
// of the file; this reader rejects the one line and goes on behind it.
type delimited struct {
	lines     *lines
	separator byte
	header    []string
	parts     []string
	// loose says that the last split found text between a closing quote and the separator.
	loose bool
}

// maxQuotedLines is how many lines one quoted record may have.
const maxQuotedLines = 500

func newDelimited(l *lines, name string) (rowReader, error) {
	line, err := l.next()
	for err == nil && strings.TrimSpace(line) == "" {
		line, err = l.next()
	}
	if err != nil {
		return nil, fmt.Errorf("%w: header line: %w", ErrFormat, err)
	}
	d := &delimited{lines: l, separator: separatorOf(line, name)}
	header, open := d.split(line)
	if open {
		return nil, fmt.Errorf("%w: the header line ends inside quotes", ErrFormat)
	}
	for i, column := range header {
		header[i] = strings.TrimSpace(column)
	}
	d.header = slices.Clone(header)
	return d, nil
}

// separatorOf takes the separator that the header has most of outside its quotes; a tab for a .tsv in doubt.
func separatorOf(header, name string) byte {
	best, most := byte(','), 0
	if hasAnySuffix(name, ".tsv", ".tab") {
		best = '\t'
	}
	for _, c := range []byte{best, '\t', ',', ';', '|'} {
		n, quoted := 0, false
		for i := range len(header) {
			switch {
			case header[i] == '"':
				quoted = !quoted
			case header[i] == c && !quoted:
				n++
			}
		}
		if n > most {
			best, most = c, n
		}
	}
	return best
}

func (d *delimited) Next(r *Row) error {
	line, err := d.lines.next()
	for err == nil && strings.TrimSpace(line) == "" {
		line, err = d.lines.next()
	}
	if errors.Is(err, errLongLine) {
		return RowError{Line: d.lines.number, Reason: err.Error()}
	}
	if err != nil {
		return err
	}
	r.Line = d.lines.number
	parts, open := d.split(line)
	if open {
		if parts, line, err = d.join(line); err != nil {
			return err
		}
		if parts == nil {
			return RowError{Line: r.Line, Reason: "has a quote that is never closed"}
		}
	}
	for len(parts) > len(d.header) && parts[len(parts)-1] == "" {
		parts = parts[:len(parts)-1]
	}
	if len(parts) != len(d.header) {
		return RowError{Line: r.Line, Reason: fmt.Sprintf("has %d columns, the header has %d", len(parts), len(d.header))}
	}
	r.Content = []byte(line)
	r.Fields = make([]Field, len(parts))
	for i, value := range parts {
		r.Fields[i] = Field{d.header[i], value}
	}
	return nil
}

// join adds lines to a first one that ends inside quotes, until the record is whole. Where that does not give a record with
// the columns of the header, or one whose quotes are in odd places, it takes them back and returns nil: the first line is at
// fault.
func (d *delimited) join(first string) (parts []string, record string, err error) {
	var more []string
	size := len(first)
	for len(more) < maxQuotedLines && size < maxLineBytes {
		line, err := d.lines.next()
		if errors.Is(err, errLongLine) {
			d.lines.long = true
			d.lines.number--
			break
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, "", err
		}
		more = append(more, line)
		size += len(line) + 1
		// Only a line with a quote can close the record.
		if strings.IndexByte(line, '"') < 0 {
			continue
		}
		record = first + "\n" + strings.Join(more, "\n")
		if parts, open := d.split(record); !open {
			if len(parts) == len(d.header) && !d.loose {
				return parts, record, nil
			}
			break
		}
	}
	d.lines.unread(more)
	return nil, "", nil
}

// split cuts a record into its fields; open says that it ends inside quotes. A quote inside an unquoted field, as in 17"
// Monitor, stands for itself. In TSV a line break ends a record in any case.
func (d *delimited) split(record string) (parts []string, open bool) {
	parts = d.parts[:0]
	d.loose = false
	defer func() { d.parts = parts }()
	if d.separator == '\t' {
		for part := range strings.SplitSeq(record, "\t") {
			if n := len(part); n >= 2 && part[0] == '"' && part[n-1] == '"' {
				part = strings.ReplaceAll(part[1:n-1], `""`, `"`)
			}
			parts = append(parts, part)
		}
		return parts, false
	}
	for {
		if record == "" || record[0] != '"' {
			i := strings.IndexByte(record, d.separator)
			if i < 0 {
				return append(parts, record), false
			}
			parts, record = append(parts, record[:i]), record[i+1:]
			continue
		}
		var text strings.Builder
		rest := record[1:]
		for {
			i := strings.IndexByte(rest, '"')
			if i < 0 {
				return append(parts, rest), true
			}
			text.WriteString(rest[:i])
			rest = rest[i+1:]
			if rest == "" || rest[0] != '"' {
				break
			}
			text.WriteByte('"')
			rest = rest[1:]
		}
		// What stands between the closing quote and the separator belongs to the field.
		i := strings.IndexByte(rest, d.separator)
		d.loose = d.loose || i != 0 && rest != ""
		if i < 0 {
			return append(parts, text.String()+rest), false
		}
		parts, record = append(parts, text.String()+rest[:i]), rest[i+1:]
	}
}
