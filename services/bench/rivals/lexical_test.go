package rivals

import (
	"context"
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/haggle-commerce/haggle/services/recall/trial"
)

// TestMain is the command itself where [Command] started the test's program again.
func TestMain(m *testing.M) {
	if slices.Contains(os.Args, "-side") {
		os.Exit(Command(context.Background(), os.Args[1:], os.Stdout, os.Stderr))
	}
	os.Exit(m.Run())
}

// TestBothFindTheSame asks both for all items that there are, so that what they find does not hang on scores.
func TestBothFindTheSame(t *testing.T) {
	o := Options{Items: 2000, Queries: 300, K: 2000, Rounds: 1, Seed: 4}
	ours, weighed, err := buildOurs(t.Context(), o, func(string) {})
	if err != nil {
		t.Fatal(err)
	}
	bleve, rival, err := buildBleve(t.Context(), o, func(string) {})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { bleve.close() })
	if weighed.Seconds <= 0 || weighed.BytesPerItem <= 0 || weighed.BytesPerItem > 10_000 || rival.Seconds <= 0 || rival.BytesPerItem <= 0 {
		t.Errorf("ours was built as %+v, bleve's as %+v", weighed, rival)
	}
	find := func(x index, text string, form trial.Form) []string {
		ids, total, err := x.find(t.Context(), text, form)
		if err != nil {
			t.Fatal(err)
		}
		if total != len(ids) {
			t.Fatalf("%s of %q: %d items said to be %d", form, text, len(ids), total)
		}
		return slices.Sorted(slices.Values(ids))
	}
	for _, text := range trial.NewCorpus(o.Items, o.Seed).Queries(o.Queries) {
		for _, form := range forms {
			got, want := find(ours, text, form), find(bleve, text, form)
			if !slices.Equal(got, want) || len(got) == 0 {
				t.Errorf("%s of %q: ours finds %d items, bleve %d, not the same ones or none", form, text, len(got), len(want))
			}
		}
	}
}

func TestCommand(t *testing.T) {
	args := []string{"lexical", "-items", "2000", "-queries", "110", "-rounds", "2", "-k", "20"}
	var table, text, progress strings.Builder
	if code := Command(t.Context(), append(args, "-json"), &text, &progress); code != exitFine {
		t.Fatalf("code %d: %s", code, progress.String())
	}
	var f Figures
	if err := json.Unmarshal([]byte(text.String()), &f); err != nil {
		t.Fatal(err)
	}
	for name, s := range map[string]SideFigures{"ours": f.Ours, "bleve": f.Bleve} {
		if s.MedianMicros <= 0 || s.P99Micros < s.MedianMicros || s.CountedMedian <= 0 || s.AllMedian <= 0 || s.BuildSeconds <= 0 || s.BytesPerItem <= 0 {
			t.Errorf("%s: %+v", name, s)
		}
	}
	if f.Overlap < 0.5 || f.Overlap > 1 || f.Items != 2000 || f.RatioMedian != f.Bleve.MedianMicros/f.Ours.MedianMicros || f.RatioAllP99 <= 0 {
		t.Errorf("%+v", f)
	}
	if code := Command(t.Context(), args, &table, &progress); code != exitFine || !strings.Contains(table.String(), "all words, p99 us") {
		t.Errorf("code %d: %s", code, table.String())
	}
	if !strings.Contains(progress.String(), "bleve: merging") {
		t.Errorf("progress is %q", progress.String())
	}
}

func TestCommandRefuses(t *testing.T) {
	for line, want := range map[string]int{
		"":                                  exitUsage,
		"vectors":                           exitUsage,
		"lexical extra":                     exitUsage,
		"lexical -nothing":                  exitUsage,
		"lexical -help":                     exitFine,
		"lexical -items 5":                  exitFault,
		"lexical -rounds 0":                 exitFault,
		"lexical -items 200 -side another":  exitFault,
		"lexical -items 5 -side ours":       exitFault,
		"lexical -items 200 -rounds 1 -k 0": exitFault,
	} {
		var out, progress strings.Builder
		if got := Command(t.Context(), strings.Fields(line), &out, &progress); got != want || progress.Len() == 0 || out.Len() > 0 {
			t.Errorf("%q: code %d, want %d; stdout %q, stderr %q", line, got, want, out.String(), progress.String())
		}
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	var out, progress strings.Builder
	if got := Command(ended, []string{"lexical", "-items", "2000", "-queries", "100"}, &out, &progress); got != exitFault {
		t.Errorf("code %d of an ended context, want %d", got, exitFault)
	}
}
