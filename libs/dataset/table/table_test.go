package table

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/parquet-go/parquet-go"
)

// file writes a file into the test's folder and returns its path.
func file(t testing.TB, name string, content []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func packed(t testing.TB, content []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write(content); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// readAll reads a whole file into "name=text" words a row, and its row errors.
func readAll(t testing.TB, path string) (rows []string, bad []string, err error) {
	t.Helper()
	f, err := Open(path)
	if err != nil {
		return nil, nil, err
	}
	defer func() {
		if err := f.Close(); err != nil {
			t.Errorf("Close() = %v", err)
		}
	}()
	for {
		var r Row
		err := f.Next(&r)
		var rowErr RowError
		switch {
		case errors.Is(err, io.EOF):
			if f.BytesRead() > f.Size() {
				t.Errorf("BytesRead() = %d, more than Size() = %d", f.BytesRead(), f.Size())
			}
			return rows, bad, nil
		case errors.As(err, &rowErr):
			bad = append(bad, rowErr.Error())
			continue
		case err != nil:
			return rows, bad, err
		}
		words := make([]string, len(r.Fields))
		for i, f := range r.Fields {
			words[i] = f.Name + "=" + FirstText(f.Value)
		}
		rows = append(rows, strings.Join(words, " "))
	}
}

type product struct {
	ID    string   `parquet:"id"`
	Price float64  `parquet:"price"`
	Tags  []string `parquet:"tags,list"`
}

func parquetFile(t testing.TB) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := parquet.Write(&b, []product{{"a1", 9.5, []string{"x", "y"}}, {"a2", 20, nil}}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestFormatsGiveTheSameRows(t *testing.T) {
	want := []string{"id=a1 price=9.5 tags=x", "id=a2 price=20 tags="}
	contents := map[string][]byte{
		"rows.csv":     []byte("id,price,tags\na1,9.5,x\na2,20,\n"),
		"semi.csv":     []byte("\xef\xbb\xbfid;price;tags\r\na1;9.5;x\r\n\r\na2;20;\r\n"),
		"rows.tsv":     []byte("id\tprice\ttags\na1\t9.5\tx\na2\t20\t"),
		"pipe.txt":     []byte("id|price|tags\na1|9.5|\"x\"\na2|20|\n"),
		"rows.jsonl":   []byte("{\"price\":9.5,\"id\":\"a1\",\"tags\":[\"x\",\"y\"]}\n\n{\"id\":\"a2\",\"price\":20,\"tags\":[]}"),
		"unnamed":      []byte("{\"id\":\"a1\",\"price\":9.50e0,\"tags\":\"x\"}\n{\"id\":\"a2\",\"price\":20.0,\"tags\":null}\n"),
		"array.json":   []byte(`[{"id":"a1","price":9.5,"tags":["x"]},{"id":"a2","price":20,"tags":[]}]`),
		"doc.json":     []byte("{\n \"count\": 2,\n \"products\": [\n{\"id\":\"a1\",\"price\":9.5,\"tags\":[\"x\"]},\n{\"id\":\"a2\",\"price\":20,\"tags\":[]}\n]}"),
		"rows.parquet": parquetFile(t),
		"misnamed.csv": parquetFile(t),
	}
	for name, content := range contents {
		for path, body := range map[string][]byte{name: content, name + ".gz": packed(t, content)} {
			got, bad, err := readAll(t, file(t, path, body))
			if err != nil || len(bad) > 0 {
				t.Errorf("%s: error %v, bad rows %q", path, err, bad)
				continue
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s: rows differ (-want +got):\n%s", path, diff)
			}
		}
	}
}

func TestBadRowsDoNotStopTheRest(t *testing.T) {
	long := strings.Repeat("x", maxLineBytes+1)
	tests := []struct {
		name, content string
		rows, bad     []string
	}{
		{
			"short.csv", "id,title\n1,one\n2\n3,three,more\n4,four\n",
			[]string{"id=1 title=one", "id=4 title=four"},
			[]string{"line 3 has 1 columns, the header has 2", "line 4 has 3 columns, the header has 2"},
		},
		{
			"open-quote.csv", "id,title\n1,\"one\n2,two\n3,\"three\"\n4,four\n",
			[]string{"id=2 title=two", "id=3 title=three", "id=4 title=four"},
			[]string{"line 2 has a quote that is never closed"},
		},
		{
			"two-lines.csv", "id,title\n1,\"one\nand \"\"half\"\"\"\n2,17\" screen\n",
			[]string{"id=1 title=one\nand \"half\"", "id=2 title=17\" screen"},
			nil,
		},
		{"trailing.csv", "id,title\n1,one,,\n", []string{"id=1 title=one"}, nil},
		{
			"long.csv", "id,title\n1,\"one\n2," + long + "\n3,three\n",
			[]string{"id=3 title=three"},
			[]string{"line 2 has a quote that is never closed", "line 3 is longer than 4194304 bytes"},
		},
		{
			"lines.jsonl", "{\"id\":1}\n{\"id\":2\n[1]\n{\"id\":3} x\nnull\n{\"id\":12345678901234567890}\n",
			[]string{"id=1", "id=12345678901234567890"},
			[]string{
				"line 2 is no JSON object: it ends too early", "line 3 is no JSON object: it is a array",
				"line 4 has something behind its JSON object", "line 5 is no JSON object: null",
			},
		},
	}
	for _, tt := range tests {
		rows, bad, err := readAll(t, file(t, tt.name, []byte(tt.content)))
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
		}
		if diff := cmp.Diff(tt.rows, rows); diff != "" {
			t.Errorf("%s: rows differ (-want +got):\n%s", tt.name, diff)
		}
		if diff := cmp.Diff(tt.bad, bad); diff != "" {
			t.Errorf("%s: errors differ (-want +got):\n%s", tt.name, diff)
		}
	}
}

func TestWhatIsNoTable(t *testing.T) {
	if _, err := Open(t.TempDir()); !errors.Is(err, ErrFormat) {
		t.Errorf("Open(folder) = %v, want ErrFormat", err)
	}
	if _, err := Open(filepath.Join(t.TempDir(), "none.csv")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("Open(nothing) = %v, want ErrNotExist", err)
	}
	for name, content := range map[string]string{
		"empty.csv": "", "spaces.csv": "\n  \n", "zip.csv": "PK\x03\x04....", "zstd": "\x28\xb5\x2f\xfdxx", "utf16.csv": "\xff\xfei\x00d\x00",
		"binary": "abc\x00\x01def", "damaged.parquet": "PAR1 nothing of the kind PAR1", "scalar.json": "{\n\"a\": 1}", "open.csv": "id,\"title\n",
	} {
		if _, _, err := readAll(t, file(t, name, []byte(content))); !errors.Is(err, ErrFormat) {
			t.Errorf("%s: %v, want ErrFormat", name, err)
		}
	}
	cut := packed(t, []byte(strings.Repeat("{\"id\":1}\n", 5000)))
	rows, _, err := readAll(t, file(t, "cut.jsonl.gz", cut[:len(cut)-20]))
	if !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("a gzip file that was cut off: %d rows and %v, want ErrUnexpectedEOF", len(rows), err)
	}
}

func TestParquetTypes(t *testing.T) {
	type inner struct {
		ID string `parquet:"item_id"`
		N  int32  `parquet:"n,optional"`
	}
	type typed struct {
		Day   int32             `parquet:"day,date"`
		Time  int64             `parquet:"time,timestamp(microsecond)"`
		Price int64             `parquet:"price,decimal(2:10)"`
		Ratio float32           `parquet:"ratio"`
		Big   uint64            `parquet:"big"`
		Items []inner           `parquet:"items,list"`
		Words map[string]string `parquet:"words"`
		None  *string           `parquet:"none,optional"`
		Flag  bool              `parquet:"flag"`
	}
	var b bytes.Buffer
	if err := parquet.Write(&b, []typed{{
		Day: 20000, Time: 1700000000123456, Price: 499, Ratio: 9.99, Big: 1 << 40, Flag: true,
		Items: []inner{{"i1", 2}, {"i2", 0}}, Words: map[string]string{"zh": "书"},
	}}); err != nil {
		t.Fatal(err)
	}
	f, err := Open(file(t, "typed.parquet", b.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var r Row
	if err := f.Next(&r); err != nil {
		t.Fatal(err)
	}
	const want = `{"big":1099511627776,"day":"2024-10-04T00:00:00Z","flag":true,` +
		`"items":[{"item_id":"i1","n":2},{"item_id":"i2","n":null}],"none":null,"price":4.99,"ratio":9.99,"time":1700000000123456,"words":{"zh":"书"}}`
	if diff := cmp.Diff(want, string(r.Content)); diff != "" {
		t.Errorf("content differs (-want +got):\n%s", diff)
	}
	var names []string
	for _, f := range r.Fields {
		names = append(names, f.Name)
	}
	if got, want := strings.Join(names, " "), "day time price ratio big items words none flag"; got != want {
		t.Errorf("columns are %q, want %q", got, want)
	}
}

func TestNumber(t *testing.T) {
	tests := []struct {
		in       any
		want     float64
		currency string
	}{
		{"1299", 1299, ""},
		{"12.99", 12.99, ""},
		{" 12.5 ", 12.5, ""},
		{"1,299.00", 1299, ""},
		{"1.299,00", 1299, ""},
		{"12,99", 12.99, ""},
		{"1,299", 1299, ""},
		{"1,299,000", 1299000, ""},
		{"$12.99", 12.99, "USD"},
		{"15.00 USD", 15, "USD"},
		{"€ 9", 9, "EUR"},
		{"9,50 €", 9.5, "EUR"},
		{"-3.5", -3.5, ""},
		{"-$3.5", -3.5, "USD"},
		{"1 299,90", 1299.9, ""},
		{"1'299.90", 1299.9, ""},
		{".5", 0.5, ""},
		{json.Number("4995"), 4995, ""},
		{int64(7), 7, ""},
		{0.25, 0.25, ""},
		{"1e3", 1000, ""},
	}
	for _, tt := range tests {
		if got, currency, err := Number(tt.in); got != tt.want || currency != tt.currency || err != nil {
			t.Errorf("Number(%v) = %v, %q, %v, want %v, %q", tt.in, got, currency, err, tt.want, tt.currency)
		}
	}
	for _, in := range []any{"abc", "12 to 15 USD", "NaN", "Inf", "", nil, true, []any{"1"}, "12.99 per kg", "1.2.3.4"} {
		if got, _, err := Number(in); err == nil {
			t.Errorf("Number(%v) = %v, want an error", in, got)
		}
	}
}

func TestMoment(t *testing.T) {
	tests := []struct {
		in   any
		want string
	}{
		{"2017-01-28T19:06:53Z", "2017-01-28T19:06:53Z"},
		{"2017-01-28T19:06:53+02:00", "2017-01-28T17:06:53Z"},
		{"2017-01-28 19:06:53", "2017-01-28T19:06:53Z"},
		{"2019-11-24 00:01:03.979311+00:00", "2019-11-24T00:01:03.979311Z"},
		{"2017-01-28", "2017-01-28T00:00:00Z"},
		{"20170128", "2017-01-28T00:00:00Z"},
		{json.Number("20170128"), "2017-01-28T00:00:00Z"},
		{"12/1/2010 8:26", "2010-12-01T08:26:00Z"},
		{"1485630413", "2017-01-28T19:06:53Z"},
		{json.Number("1485630413000"), "2017-01-28T19:06:53Z"},
		{int64(1485630413000000), "2017-01-28T19:06:53Z"},
		{"1485630413000000001", "2017-01-28T19:06:53.000000001Z"},
		{json.Number("1485630413.25"), "2017-01-28T19:06:53.25Z"},
		{1485630413.5, "2017-01-28T19:06:53.5Z"},
		{json.Number("1.485630413e9"), "2017-01-28T19:06:53Z"},
		{"2019-10-01 00:00:00 UTC", "2019-10-01T00:00:00Z"},
	}
	for _, tt := range tests {
		got, err := Moment(tt.in)
		if err != nil || got.Format("2006-01-02T15:04:05.999999999Z07:00") != tt.want {
			t.Errorf("Moment(%v) = %v, %v, want %s", tt.in, got, err, tt.want)
		}
	}
	for _, in := range []any{"", "soon", "0", int64(-5), nil, true, "0001-01-01T00:00:00Z", "1e300", []any{}} {
		if got, err := Moment(in); err == nil {
			t.Errorf("Moment(%v) = %v, want an error", in, got)
		}
	}
}
