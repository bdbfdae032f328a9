// Package table reads the rows of CSV, TSV, JSON lines, JSON arrays and Parquet files, plain or gzipped, and the values in them.
package table

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

// ErrFormat says that a file is in no format that can be read.
var ErrFormat = errors.New("format is not known")

// Row is one line of a table: its columns with their values, in the order of the file, or by name where it has none. A value
// is nil, a string, a json.Number, a bool, an int64, a float64, a time.Time, a []any or a map[string]any of the same.
type Row struct {
	// Line counts from 1 and includes a header; in Parquet and in a JSON array it is the number of the row.
	Line   int
	Fields []Field
	// Content is what the row was read from, for a hash of it.
	Content []byte
}

// Field is one column of a row.
type Field struct {
	Name  string
	Value any
}

// RowError says why one row cannot be read. The rows behind it can.
type RowError struct {
	Line   int
	Reason string
}

// Error implements error.
func (e RowError) Error() string { return fmt.Sprintf("line %d %s", e.Line, e.Reason) }

// rowReader reads row after row. A RowError is about one row, and the next call goes on behind it; io.EOF ends the file.
type rowReader interface{ Next(*Row) error }

// File is an open table. It is not for several goroutines at once.
type File struct {
	rows  rowReader
	file  *os.File
	size  int64
	bytes *countingReader
	clean func() error
}

// Next reads the next row. It returns a [RowError] when only this row is bad, and io.EOF at the end.
func (s *File) Next(r *Row) error { return s.rows.Next(r) }

// Size is how many bytes the file has on the disk, packed where it is packed.
func (s *File) Size() int64 { return s.size }

// BytesRead is how many of them were read.
func (s *File) BytesRead() int64 { return min(s.bytes.n, s.size) }

type countingReader struct {
	io.Reader
	n int64
}

func (c *countingReader) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.n += int64(n)
	return n, err
}

// Close closes the file and removes what was unpacked for it.
func (s *File) Close() error {
	err := s.file.Close()
	if s.clean != nil {
		err = errors.Join(err, s.clean())
	}
	return err
}

// Open finds out what a file is, by its first bytes and, where these leave it open, by its name.
func Open(path string) (*File, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	s := &File{file: file, bytes: &countingReader{Reader: file}}
	info, err := file.Stat()
	if err == nil && info.IsDir() {
		err = fmt.Errorf("%w: it is a folder", ErrFormat)
	}
	if err == nil {
		s.size = info.Size()
		s.rows, err = s.detect(path)
	}
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

const bufferBytes = 256 << 10

func (s *File) detect(path string) (rowReader, error) {
	in := bufio.NewReaderSize(s.bytes, bufferBytes)
	name := strings.ToLower(path)
	if head, _ := in.Peek(2); bytes.Equal(head, []byte{0x1f, 0x8b}) {
		unpacked, err := gzip.NewReader(in)
		if err != nil {
			return nil, fmt.Errorf("unpack gzip: %w", err)
		}
		in = bufio.NewReaderSize(unpacked, bufferBytes)
		name = strings.TrimSuffix(name, ".gz")
		if head, _ := in.Peek(4); string(head) == "PAR1" {
			return s.unpackParquet(in)
		}
	}
	head, err := in.Peek(4)
	if err != nil && len(head) == 0 {
		if errors.Is(err, io.EOF) {
			return nil, fmt.Errorf("%w: the file is empty", ErrFormat)
		}
		return nil, err
	}
	switch {
	case string(head) == "PAR1":
		s.bytes.n = 0
		return newParquetReader(s.bytes, s.file, s.size)
	case bytes.HasPrefix(head, []byte("PK\x03\x04")):
		return nil, fmt.Errorf("%w: it is a zip archive or a spreadsheet; export it as CSV, JSON lines or Parquet", ErrFormat)
	case bytes.HasPrefix(head, []byte{0x28, 0xb5, 0x2f, 0xfd}), bytes.HasPrefix(head, []byte("BZh")), bytes.HasPrefix(head, []byte("\xfd7zX")):
		return nil, fmt.Errorf("%w: it is packed with something else than gzip", ErrFormat)
	case bytes.HasPrefix(head, []byte{0xff, 0xfe}), bytes.HasPrefix(head, []byte{0xfe, 0xff}):
		return nil, fmt.Errorf("%w: it is UTF-16, save it as UTF-8", ErrFormat)
	case bytes.HasPrefix(head, []byte("\xef\xbb\xbf")):
		if _, err := in.Discard(3); err != nil {
			return nil, err
		}
	}
	return detectText(in, name)
}

// detectText tells JSON from a table with a header line.
func detectText(in *bufio.Reader, name string) (rowReader, error) {
	head, _ := in.Peek(64 << 10)
	trimmed := bytes.TrimLeft(head, " \t\r\n")
	if len(trimmed) == 0 {
		return nil, fmt.Errorf("%w: the file is empty", ErrFormat)
	}
	if bytes.IndexByte(head, 0) >= 0 {
		return nil, fmt.Errorf("%w: it is neither text nor Parquet", ErrFormat)
	}
	firstLine, _, _ := bytes.Cut(trimmed, []byte("\n"))
	switch firstLine = bytes.TrimSpace(firstLine); {
	case trimmed[0] == '[':
		return newDocumentReader(in)
	case trimmed[0] == '{' && (len(firstLine) == 1 || bytes.HasSuffix(firstLine, []byte(": ["))):
		return newDocumentReader(in)
	case trimmed[0] == '{', hasAnySuffix(name, ".jsonl", ".ndjson", ".json"):
		return &jsonLines{lines: newLines(in)}, nil
	}
	return newDelimited(newLines(in), name)
}

func hasAnySuffix(s string, suffixes ...string) bool {
	for _, suffix := range suffixes {
		if strings.HasSuffix(s, suffix) {
			return true
		}
	}
	return false
}

// maxLineBytes is the longest line that is read; the 27 MB of the Icecat catalogue have none over 20 KB.
const maxLineBytes = 4 << 20

// lines reads text line by line and can take lines back.
type lines struct {
	in     *bufio.Reader
	number int
	// back holds lines that were read too far, the next one last.
	back []string
	// long says that the line behind those is too long, as was found out by reading too far.
	long bool
	buf  []byte
}

func newLines(in *bufio.Reader) *lines { return &lines{in: in} }

// errLongLine is returned for a line over maxLineBytes, which is skipped.
var errLongLine = fmt.Errorf("is longer than %d bytes", maxLineBytes)

// next returns the next line without its end; the last line needs none. number is then its number.
func (l *lines) next() (string, error) {
	if n := len(l.back); n > 0 {
		line := l.back[n-1]
		l.back = l.back[:n-1]
		l.number++
		return line, nil
	}
	l.buf = l.buf[:0]
	if l.long {
		l.long = false
		l.number++
		return "", errLongLine
	}
	long := false
	for {
		part, err := l.in.ReadSlice('\n')
		if long = long || len(l.buf)+len(part) > maxLineBytes; !long {
			l.buf = append(l.buf, part...)
		}
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return "", err
		}
		if err != nil && len(l.buf) == 0 && !long {
			return "", io.EOF
		}
		break
	}
	l.number++
	if long {
		return "", errLongLine
	}
	return strings.TrimSuffix(strings.TrimSuffix(string(l.buf), "\n"), "\r"), nil
}

// unread gives lines back, the first of them to be read next.
func (l *lines) unread(lines []string) {
	for i := len(lines) - 1; i >= 0; i-- {
		l.back = append(l.back, lines[i])
	}
	l.number -= len(lines)
}
