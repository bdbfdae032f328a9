package snapshot

import (
	"bytes"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func example(t testing.TB) []byte {
	t.Helper()
	var file bytes.Buffer
	made := time.Date(2026, 11, 25, 10, 0, 0, 0, time.UTC)
	w, err := NewWriter(&file, Header{Created: made, Shard: "0/1", Items: 3, Positions: map[string]Position{"CATALOG": {Seq: 7, Stream: made}}})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"first", "second"} {
		if err := w.Add(name, []byte("the state of "+name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return file.Bytes()
}

func readAll(file []byte, size int64) (map[string]string, error) {
	r, err := NewReader(bytes.NewReader(file), size)
	if err != nil {
		return nil, err
	}
	sections := map[string]string{}
	for {
		name, b, err := r.Next()
		if err != nil || name == "" {
			return sections, err
		}
		sections[name] = string(b)
	}
}

func TestRoundTrip(t *testing.T) {
	file := example(t)
	got, err := readAll(file, int64(len(file)))
	if diff := cmp.Diff(map[string]string{"first": "the state of first", "second": "the state of second"}, got); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}

func TestEveryFlippedByteAndEveryCutIsRefused(t *testing.T) {
	file := example(t)
	for i := range file {
		broken := slices.Clone(file)
		broken[i] ^= 0x10
		if _, err := readAll(broken, int64(len(broken))); !errors.Is(err, ErrBroken) && !errors.Is(err, ErrVersion) {
			t.Errorf("byte %d flipped: %v", i, err)
		}
		if _, err := readAll(file[:i], int64(i)); !errors.Is(err, ErrBroken) {
			t.Errorf("cut at %d: %v", i, err)
		}
	}
	newer := slices.Clone(file)
	newer[len(magic)]++
	if _, err := readAll(newer, int64(len(newer))); !errors.Is(err, ErrVersion) {
		t.Errorf("a newer version: %v, want ErrVersion", err)
	}
	if _, err := readAll(append(slices.Clone(file), 0), int64(len(file)+1)); !errors.Is(err, ErrBroken) {
		t.Errorf("a byte behind the end: %v", err)
	}
}

func FuzzReader(f *testing.F) {
	f.Add(example(f))
	f.Fuzz(func(t *testing.T, file []byte) {
		if _, err := readAll(file, int64(len(file))); err != nil && !errors.Is(err, ErrBroken) && !errors.Is(err, ErrVersion) {
			t.Errorf("%v", err)
		}
		_, _ = readAll(file, 1<<40)
	})
}
