package table

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
)

// exhaust reads rows until the end or an error. Every call must move on: a reader cannot have more rows than bytes.
func exhaust(t *testing.T, r rowReader, limit int) (rows, bad int) {
	t.Helper()
	line := 0
	for {
		var row Row
		err := r.Next(&row)
		var rowErr RowError
		switch {
		case err == nil:
			rows++
			if row.Line <= line {
				t.Fatalf("line %d comes after line %d", row.Line, line)
			}
			line = row.Line
			for _, f := range row.Fields {
				// None may panic, whatever the value is.
				FirstText(f.Value)
				Texts(f.Value)
				Number(f.Value)
				Moment(f.Value)
			}
		case errors.As(err, &rowErr):
			bad++
		case errors.Is(err, io.EOF):
			return rows, bad
		default:
			return rows, bad
		}
		if rows+bad > limit {
			t.Fatalf("%d rows out of %d bytes", rows+bad, limit)
		}
	}
}

func FuzzText(f *testing.F) {
	for _, seed := range []string{
		"id,title\n1,\"one\n2,two\"\n", "id;title\n\"1\";\"a \"\"b\"\"\"\n", "id\ttitle\n1\t\"x\"\n", "{\"id\":1}\n{\"id\":\n", "[{\"a\":[1,{}]}, 3]",
		"{\n\"items\": [{\"a\":1}", "a,b\n\",\"\n\"\n", "\"\n\"\"\"\n", "a|b\n1|2|\n",
	} {
		f.Add(seed, "x.csv")
		f.Add(seed, "x.json")
	}
	f.Fuzz(func(t *testing.T, content, name string) {
		r, err := detectText(bufio.NewReaderSize(strings.NewReader(content), 64<<10), name)
		if err != nil {
			return
		}
		rows, bad := exhaust(t, r, len(content)+1)
		if d, ok := r.(*delimited); ok {
			// Every line that is not empty is in a row, in an error or in the header.
			if filled := len(strings.Fields(content)); rows+bad == 0 && strings.Count(strings.TrimSpace(content), "\n") > 0 && filled > len(strings.Fields(strings.Join(d.header, " ")))+5 {
				t.Logf("no rows in %q", content)
			}
		}
	})
}

func FuzzParquet(f *testing.F) {
	f.Add(parquetFile(f))
	f.Add([]byte("PAR1PAR1"))
	f.Fuzz(func(t *testing.T, content []byte) {
		if len(content) > 1<<16 {
			return
		}
		r, err := newParquetReader(&countingReader{}, bytes.NewReader(content), int64(len(content)))
		if err != nil {
			return
		}
		rows := 0
		for {
			var row Row
			if err := r.Next(&row); err != nil || rows > 1<<16 {
				return
			}
			rows++
		}
	})
}

func FuzzNumber(f *testing.F) {
	for _, seed := range []string{"1,299.00", "€ 9,5", "-1", "12.99 USD", ".", "1e5", "2017-01-28", "1485630413"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if x, _, err := Number(s); err == nil && x != x {
			t.Errorf("Number(%q) is not a number", s)
		}
		if at, err := Moment(s); err == nil {
			if again, err := Moment(at); err != nil || !again.Equal(at) {
				t.Errorf("Moment(Moment(%q)) = %v, %v, want %v", s, again, err, at)
			}
		}
	})
}
