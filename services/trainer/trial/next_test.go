package trial

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func write(t *testing.T, path, text string) {
	t.Helper()
	var file bytes.Buffer
	z := gzip.NewWriter(&file)
	if _, err := z.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, file.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
}

// loops are sessions that walk around a circle of 50 items.
func loops(n int) []string {
	random := rand.New(rand.NewPCG(1, 2))
	lines := make([]string, n)
	for i := range lines {
		at := random.IntN(50)
		var items []string
		for range 6 {
			items = append(items, fmt.Sprint(at+1))
			at = (at + 1) % 50
		}
		lines[i] = strings.Join(items, " ")
	}
	return lines
}

func TestSession(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "train.tsv.gz"), strings.Join(loops(2000), "\n"))
	write(t, filepath.Join(dir, "test.tsv.gz"), "3 4 5\t6\n49 50\t1\n3 999\t4\n3\t998\n")
	for range 2 {
		f, err := Session(context.Background(), dir, func(string) {})
		if err != nil {
			t.Fatal(err)
		}
		if f.Hit != 75 || f.Reciprocal != 75 || f.Items != 50 || f.Asked != 4 || f.PerSecond <= 0 {
			t.Errorf("figures %+v, want 3 of 4 in the first place, among 50 items", f)
		}
	}
}

func TestSequence(t *testing.T) {
	dir := t.TempDir()
	var text strings.Builder
	for i, line := range loops(600) {
		fmt.Fprintf(&text, "%d\t%s\n", i+1, line)
	}
	write(t, filepath.Join(dir, "sequences.tsv.gz"), text.String())
	f, err := Sequence(context.Background(), dir, func(string) {})
	if err != nil {
		t.Fatal(err)
	}
	if f.Hit5 < 0.95 || f.NDCG5 < 0.9 || f.Hit10 < f.Hit5 || f.Users != 600 || f.Items != 50 {
		t.Errorf("figures %+v, want nearly all right", f)
	}
}

// TestBadData expects errors that name the file and the line.
func TestBadData(t *testing.T) {
	for name, c := range map[string]struct{ train, test, want string }{
		"a word":    {"1 2\n3 x\n", "1\t2\n", "train.tsv.gz: line 2: item \"x\""},
		"no tab":    {"1 2\n", "1\t2\n1 2\n", "test.tsv.gz: line 2: there is no tab"},
		"two items": {"1 2\n", "1\t2 3\n", "test.tsv.gz: line 1: 2 items come next"},
		"empty":     {"", "1\t2\n", "train.tsv.gz: there is no session"},
		"blank":     {"1 2\n\n", "1\t2\n", "train.tsv.gz: line 2: there is no item"},
	} {
		dir := t.TempDir()
		write(t, filepath.Join(dir, "train.tsv.gz"), c.train)
		write(t, filepath.Join(dir, "test.tsv.gz"), c.test)
		if _, err := Session(context.Background(), dir, func(string) {}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want one with %q", name, err, c.want)
		}
	}
	dir := t.TempDir()
	if _, err := Sequence(context.Background(), dir, func(string) {}); err == nil || !strings.Contains(err.Error(), "sequences.tsv.gz") {
		t.Errorf("error %v, want one that names the missing file", err)
	}
	write(t, filepath.Join(dir, "sequences.tsv.gz"), "1 2 3\n")
	if _, err := Sequence(context.Background(), dir, func(string) {}); err == nil || !strings.Contains(err.Error(), "line 1: there is no tab") {
		t.Errorf("error %v, want one that names the line", err)
	}
}
