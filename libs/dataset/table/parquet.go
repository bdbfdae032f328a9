package table

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/deprecated"
	"github.com/parquet-go/parquet-go/format"
)

// parquetReader reads the rows of a Parquet file, nested ones too.
type parquetReader struct {
	reader  *parquet.GenericReader[any]
	count   *countingReader
	size    int64
	total   int64
	line    int
	columns []string
	// dates are the columns that count days since 1970.
	dates map[string]bool
	batch []any
	ready []any
}

// parquetBatch is how many rows are decoded at once.
const parquetBatch = 256

func newParquetReader(count *countingReader, at io.ReaderAt, size int64) (_ *parquetReader, err error) {
	defer guard(&err)
	// The library makes room for the footer before it looks whether the file has one of that length.
	var tail [8]byte
	if _, err := at.ReadAt(tail[:], max(size-8, 0)); size < 12 || err != nil || string(tail[4:]) != "PAR1" {
		return nil, fmt.Errorf("%w: the Parquet file has no end: %w", ErrFormat, errors.Join(err, io.ErrUnexpectedEOF))
	}
	if footer := int64(binary.LittleEndian.Uint32(tail[:])); footer > size-12 {
		return nil, fmt.Errorf("%w: the Parquet file claims a footer of %d bytes and has %d", ErrFormat, footer, size)
	}
	file, err := parquet.OpenFile(at, size)
	if err != nil {
		return nil, fmt.Errorf("%w: open Parquet: %w", ErrFormat, err)
	}
	p := &parquetReader{
		reader: parquet.NewGenericReader[any](file, file.Schema()), count: count, size: size, total: file.NumRows(),
		dates: map[string]bool{}, batch: make([]any, parquetBatch),
	}
	for _, f := range file.Schema().Fields() {
		p.columns = append(p.columns, f.Name())
		if f.Leaf() && f.Type().LogicalType() != nil {
			_, isDate := f.Type().LogicalType().Value.(*format.DateType)
			p.dates[f.Name()] = isDate
		}
	}
	return p, nil
}

// unpackParquet unpacks a gzipped Parquet file into a temporary one, because Parquet is read from its end.
func (s *File) unpackParquet(in io.Reader) (rowReader, error) {
	file, err := os.CreateTemp("", "dataset-*.parquet")
	if err != nil {
		return nil, err
	}
	s.clean = func() error { return errors.Join(file.Close(), os.Remove(file.Name())) }
	size, err := io.Copy(file, in)
	if err != nil {
		return nil, fmt.Errorf("unpack gzip: %w", err)
	}
	return newParquetReader(&countingReader{}, file, size)
}

// guard turns a panic over a damaged Parquet file into an error: the library does not check everything that a file claims.
func guard(err *error) {
	if cause := recover(); cause != nil {
		*err = fmt.Errorf("%w: the Parquet file is damaged: %v", ErrFormat, cause)
	}
}

func (p *parquetReader) Next(r *Row) (err error) {
	defer guard(&err)
	if len(p.ready) == 0 {
		clear(p.batch)
		n, err := p.reader.Read(p.batch)
		if n == 0 {
			if err == nil || errors.Is(err, io.EOF) {
				return io.EOF
			}
			return fmt.Errorf("parquet row %d: %w", p.line+1, err)
		}
		p.ready = p.batch[:n]
	}
	values, ok := p.ready[0].(map[string]any)
	if !ok {
		return fmt.Errorf("%w: a Parquet row is no group of columns", ErrFormat)
	}
	p.ready = p.ready[1:]
	p.line++
	if p.total > 0 {
		p.count.n = p.size * int64(p.line) / p.total
	}
	r.Line = p.line
	r.Fields = make([]Field, 0, len(p.columns))
	for _, name := range p.columns {
		value := plain(values[name])
		if days, isNumber := value.(int64); isNumber && p.dates[name] {
			value = time.Unix(days*86400, 0).UTC()
		}
		values[name] = value
		r.Fields = append(r.Fields, Field{name, value})
	}
	// The keys of a map are written in order, so that the content is the same each time.
	if r.Content, err = json.Marshal(values); err != nil {
		r.Content = []byte(fmt.Sprint(values))
	}
	return nil
}

// plain reduces what the Parquet library returns to the values of a row.
func plain(value any) any {
	switch v := value.(type) {
	case int8:
		return int64(v)
	case int16:
		return int64(v)
	case int32:
		return int64(v)
	case uint8:
		return int64(v)
	case uint16:
		return int64(v)
	case uint32:
		return int64(v)
	case uint64:
		return json.Number(fmt.Sprint(v))
	case float32:
		// The shortest text, so that 9.99 does not become 9.989999771118164.
		return json.Number(fmt.Sprint(v))
	case []byte:
		return string(v)
	case deprecated.Int96:
		// The time of Impala and Spark: nanoseconds of the day, then the Julian day; 2,440,588 is 1970-01-01.
		nanos := int64(uint64(v[1])<<32 | uint64(v[0]))
		return time.Unix((int64(v[2])-2440588)*86400, nanos).UTC()
	case [16]byte:
		return fmt.Sprintf("%x-%x-%x-%x-%x", binary.BigEndian.Uint32(v[:4]), v[4:6], v[6:8], v[8:10], v[10:])
	case []any:
		for i := range v {
			v[i] = plain(v[i])
		}
		return v
	case map[string]any:
		for k := range v {
			v[k] = plain(v[k])
		}
		return v
	case nil, bool, string, int64, float64, json.Number, time.Time:
		return v
	}
	return fmt.Sprint(value)
}
