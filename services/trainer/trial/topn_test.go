package trial

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// zip writes a compressed file and returns its folder.
func zip(t *testing.T, dir, name, text string) {
	t.Helper()
	var file bytes.Buffer
	z := gzip.NewWriter(&file)
	if _, err := z.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, name), file.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
}

// circles are users who walk around one of four circles of 12 items each: what comes next is in test.
func circles(t *testing.T) string {
	dir := t.TempDir()
	var train, test strings.Builder
	train.WriteString("user\titems\n")
	test.WriteString("user\titems\n")
	for u := range 80 {
		fmt.Fprintf(&train, "u%d\t", u)
		for k := range 6 {
			fmt.Fprintf(&train, "i%d-%d ", u%4, (u/4+k)%12)
		}
		fmt.Fprintln(&train)
		fmt.Fprintf(&test, "u%d\ti%d-%d i%d-%d\n", u, u%4, (u/4+6)%12, u%4, (u/4+7)%12)
	}
	zip(t, dir, "train.tsv.gz", train.String())
	zip(t, dir, "test.tsv.gz", test.String())
	return dir
}

func TestTopN(t *testing.T) {
	var lines []string
	r, err := TopN{Dir: circles(t), Budget: 1, Seed: 1}.Run(t.Context(), func(line string) { lines = append(lines, line) })
	if err != nil {
		t.Fatal(err)
	}
	// Six items of the circle are unseen, and 20 are looked at: all that is wanted is among them.
	if r.Recall != 1 || r.Users != 80 || r.Items != 48 || r.Cases != 80 || r.Train != 480 {
		t.Errorf("recall %v of %d users, %d items, %d cases, %d entries", r.Recall, r.Users, r.Items, r.Cases, r.Train)
	}
	if r.NDCG <= 0.5 || r.Model == "" || len(r.Tried) == 0 || r.TrainCPU <= 0 {
		t.Errorf("result = %+v", r)
	}
	if len(lines) < 3 {
		t.Errorf("progress = %q", lines)
	}
	if !strings.Contains(r.Tried.String(), r.Setting) {
		t.Errorf("the table does not name the winner %s:\n%v", r.Setting, r.Tried)
	}
}

func TestTopNNamesFaults(t *testing.T) {
	for name, c := range map[string]struct{ train, test, want string }{
		"no tab":        {"user\titems\na\t1 2\nb 3\n", "a\t1\n", "train.tsv.gz: line 3 has no user"},
		"no user":       {"a\t1 2\n \t3\n", "a\t1\n", "train.tsv.gz: line 2 has no user"},
		"two tabs":      {"a\t1\t2\n", "a\t1\n", "train.tsv.gz: line 1 has more than one tab"},
		"nobody":        {"user\titems\n", "a\t1\n", "train.tsv.gz: it holds no user"},
		"bad test line": {"a\t1 2\n", "a\t1\nxyz\n", "test.tsv.gz: line 2 has no user"},
		"empty test":    {"a\t1 2\n", "a\t\n", "no user has test items"},
		"too little":    {"a\t1\nb\t2\n", "a\t2\n", "nobody touched two items"},
	} {
		dir := t.TempDir()
		zip(t, dir, "train.tsv.gz", c.train)
		zip(t, dir, "test.tsv.gz", c.test)
		_, err := TopN{Dir: dir, Budget: 1}.Run(t.Context(), func(string) {})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want one that says %q", name, err, c.want)
		}
	}
	if _, err := (TopN{Dir: t.TempDir(), Budget: 1}).Run(t.Context(), func(string) {}); err == nil || !strings.Contains(err.Error(), "train.tsv.gz") {
		t.Errorf("missing file: %v", err)
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "train.tsv.gz"), []byte("user\titems\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := (TopN{Dir: dir, Budget: 1}).Run(t.Context(), func(string) {}); err == nil || !strings.Contains(err.Error(), "gzip") {
		t.Errorf("not compressed: %v", err)
	}
	for _, p := range []TopN{{Budget: 1}, {Dir: dir}} {
		if _, err := p.Run(t.Context(), func(string) {}); err == nil {
			t.Errorf("%+v runs", p)
		}
	}
}
