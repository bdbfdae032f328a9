package online

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
)

// asking is a request for a shopper and n-1 items.
func asking(n int, reply string) *request {
	q := &request{reply: buffer{[]byte(reply)}}
	for range n {
		q.want(0, &entry{}, true)
	}
	return q
}

func TestParse(t *testing.T) {
	for _, c := range []struct {
		name, reply string
		keys        int
		want        []string
		fault       string
	}{
		{"values and nulls", "*3\r\n$2\r\nab\r\n$-1\r\n$0\r\n\r\n", 3, []string{"ab", "", ""}, ""},
		{"nulls of protocol 3", "*2\r\n_\r\n$1\r\nx\r\n", 2, []string{"", "x"}, ""},
		{"a value with line ends", "*1\r\n$6\r\na\r\nb\r\n\r\n", 1, []string{"a\r\nb\r\n"}, ""},
		{"an error", "-NOAUTH Authentication required.\r\n", 1, nil, "redis says: NOAUTH Authentication required."},
		{"nothing", "", 1, nil, "no line at byte 0"},
		{"too few", "*1\r\n$-1\r\n", 2, nil, "want an array of 2"},
		{"too many", "*2\r\n$-1\r\n$-1\r\n", 1, nil, "want an array of 1"},
		{"a null array", "*-1\r\n", 1, nil, "want an array of 1"},
		{"a status", "+OK\r\n", 1, nil, "want an array of 1"},
		{"an element of another kind", "*1\r\n:7\r\n", 1, nil, "':' of 0 bytes"},
		{"a value longer than the reply", "*1\r\n$9\r\nabc\r\n", 1, nil, "'$' of 9 bytes with 5 left"},
		{"a length that overflows", "*1\r\n$9223372036854775807\r\nabc\r\n", 1, nil, "bytes with 5 left"},
		{"a length beyond that", "*1\r\n$99999999999999999999\r\nabc\r\n", 1, nil, "length"},
		{"no length", "*1\r\n$\r\n", 1, nil, "length"},
		{"bytes behind the end", "*1\r\n$1\r\na\r\nb", 1, nil, "1 bytes too many"},
		{"a line end without return", "*1\n", 1, nil, "no line at byte 0"},
	} {
		q := asking(c.keys, c.reply)
		err := q.parse()
		if c.fault != "" {
			if err == nil || !strings.Contains(err.Error(), c.fault) {
				t.Errorf("%s: parse(%q) = %v, want %q", c.name, c.reply, err, c.fault)
			}
			if c.name != "an error" && !errors.Is(err, errReply) {
				t.Errorf("%s: parse(%q) = %v, want errReply", c.name, c.reply, err)
			}
			continue
		}
		var got []string
		for i := range q.values {
			got = append(got, string(q.value(i)))
		}
		if err != nil || !cmp.Equal(got, c.want) {
			t.Errorf("%s: parse(%q) = %q, %v, want %q", c.name, c.reply, got, err, c.want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("*2\r\n$2\r\nab\r\n$-1\r\n"), 2)
	f.Add([]byte("*1\r\n_\r\n"), 1)
	f.Add([]byte("-ERR\r\n"), 1)
	f.Fuzz(func(t *testing.T, reply []byte, keys int) {
		if keys < 0 || keys > 1000 {
			return
		}
		q := asking(keys, string(reply))
		if err := q.parse(); err != nil {
			return
		}
		if len(q.values) != keys {
			t.Fatalf("parse(%q) found %d values, want %d", reply, len(q.values), keys)
		}
		for i := range q.values {
			q.value(i) // lies within the reply, or this panics
		}
	})
}

func TestBufferReadsWhatCopyNAsks(t *testing.T) {
	const text = "all of the reply, in pieces"
	for name, source := range map[string]io.Reader{
		"whole": strings.NewReader(text), "by the byte": iotest.OneByteReader(strings.NewReader(text)),
	} {
		var w buffer
		if n, err := io.CopyN(&w, source, 6); n != 6 || err != nil {
			t.Errorf("%s: CopyN = %d, %v", name, n, err)
		}
		if n, err := w.ReadFrom(source); n != int64(len(text)-6) || err != nil || string(w.b) != text {
			t.Errorf("%s: ReadFrom = %d, %v, buffer %q, want %q", name, n, err, w.b, text)
		}
	}
	var w buffer
	if _, err := io.CopyN(&w, strings.NewReader("short"), 6); !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("CopyN of a short source = %v, want an end of file", err)
	}
	if _, err := w.ReadFrom(iotest.ErrReader(io.ErrClosedPipe)); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("ReadFrom a closed pipe = %v", err)
	}
	if _, err := w.Write(bytes.Repeat([]byte("x"), 100)); err != nil {
		t.Error(err)
	}
}
