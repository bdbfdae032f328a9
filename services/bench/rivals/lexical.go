package rivals

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"text/tabwriter"

	"github.com/haggle-commerce/haggle/services/recall/trial"
)

// Options say what is measured.
type Options struct {
	// Items is how many titles there are, Queries how many searches of each form are timed, each Rounds times, and K how many of the
	// best are wanted.
	Items, Queries, K, Rounds int
	Seed                      uint64
}

// DefaultOptions returns the size that the targets are stated for.
func DefaultOptions() Options {
	return Options{Items: 1_000_000, Queries: 300, K: 200, Rounds: 3, Seed: 1}
}

func (o Options) ours() trial.LexicalOptions {
	return trial.LexicalOptions{Items: o.Items, Queries: o.Queries, K: o.K, Seed: o.Seed}
}

// Check returns what is wrong with the options.
func (o Options) Check() error {
	if o.Rounds < 1 || o.Rounds > 100 {
		return fmt.Errorf("%d rounds, must be from 1 to 100", o.Rounds)
	}
	return o.ours().Check()
}

// Figures are what a search by words costs beside its rival. Each index lives in a process of its own, so that the garbage of one is
// no work for the other, with one processor (GOMAXPROCS=1) and the collector of garbage as Go starts it. Times are the CPU time of the
// whole process, collecting garbage included, from the text of a query to the ids of the best items.
type Figures struct {
	Ours  SideFigures `json:"ours"`
	Bleve SideFigures `json:"bleve"`
	// The ratios are bleve's time over ours: of any word, of any word where ours counts exactly too, as bleve always does, and of all words.
	RatioMedian        float64 `json:"ratio_median"`
	RatioP99           float64 `json:"ratio_p99"`
	RatioCountedMedian float64 `json:"ratio_counted_median"`
	RatioCountedP99    float64 `json:"ratio_counted_p99"`
	RatioAllMedian     float64 `json:"ratio_all_median"`
	RatioAllP99        float64 `json:"ratio_all_p99"`
	// Overlap is how many of the ten best of one are among those of the other. The scores differ, so it need not be 1; how many items
	// are found must be the same, or there are no figures.
	Overlap float64 `json:"overlap"`
	Items   int     `json:"items"`
	Queries int     `json:"queries"`
	K       int     `json:"k"`
	Rounds  int     `json:"rounds"`
}

// SideFigures are of one index.
type SideFigures struct {
	MedianMicros  float64 `json:"median_us"`
	P99Micros     float64 `json:"p99_us"`
	CountedMedian float64 `json:"counted_median_us"`
	CountedP99    float64 `json:"counted_p99_us"`
	AllMedian     float64 `json:"all_median_us"`
	AllP99        float64 `json:"all_p99_us"`
	BuildSeconds  float64 `json:"build_cpu_s"`
	// BytesPerItem is in memory for ours and on disk for bleve's.
	BytesPerItem float64 `json:"bytes_per_item"`
}

// block is how many searches one index is asked for before it is the other's turn: enough that few of them find the caches filled by the other.
const block = 100

// forms are all forms of a search, in the order in which they are timed.
var forms = []trial.Form{trial.Any, trial.Counted, trial.All}

// run builds both indexes, one after the other, and times them in turns.
func (o Options) run(ctx context.Context, args []string, stderr io.Writer) (*Figures, error) {
	folder, err := os.MkdirTemp("", "rivals")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(folder)
	progress := &lines{to: stderr}
	f := &Figures{Items: o.Items, Queries: o.Queries, K: o.K, Rounds: o.Rounds}
	ours, err := start(ctx, "ours", args, folder, progress)
	if err != nil {
		return nil, err
	}
	defer ours.end()
	bleve, err := start(ctx, "bleve", args, folder, progress)
	if err != nil {
		return nil, err
	}
	defer bleve.end()
	fmt.Fprintln(progress, "comparing what is found")
	if f.Overlap, err = o.overlap(ours, bleve); err != nil {
		return nil, err
	}
	for _, form := range forms {
		fmt.Fprintf(progress, "timing %s\n", form)
		if err := o.time(form, ours, bleve); err != nil {
			return nil, err
		}
	}
	f.Ours, f.Bleve = ours.figures(), bleve.figures()
	f.RatioMedian, f.RatioP99 = f.Bleve.MedianMicros/f.Ours.MedianMicros, f.Bleve.P99Micros/f.Ours.P99Micros
	f.RatioCountedMedian, f.RatioCountedP99 = f.Bleve.CountedMedian/f.Ours.CountedMedian, f.Bleve.CountedP99/f.Ours.CountedP99
	f.RatioAllMedian, f.RatioAllP99 = f.Bleve.AllMedian/f.Ours.AllMedian, f.Bleve.AllP99/f.Ours.AllP99
	return f, nil
}

// overlap compares what both find, which also warms them.
func (o Options) overlap(ours, bleve *side) (float64, error) {
	same, all := 0, 0
	for _, form := range forms {
		a, err := ours.ask(request{Form: form, To: o.Queries, Show: true})
		if err != nil {
			return 0, err
		}
		b, err := bleve.ask(request{Form: form, To: o.Queries, Show: true})
		if err != nil {
			return 0, err
		}
		for i := range o.Queries {
			if form == trial.Any {
				all += len(a.Best[i])
				same += shared(a.Best[i], b.Best[i])
			} else if a.Totals[i] != b.Totals[i] {
				return 0, fmt.Errorf("query %d, %s: ours finds %d items, bleve %d", i, form, a.Totals[i], b.Totals[i])
			}
		}
	}
	return float64(same) / float64(max(1, all)), nil
}

func shared(a, b []string) (n int) {
	for _, id := range a {
		if slices.Contains(b, id) {
			n++
		}
	}
	return n
}

// time asks both for all queries, in turns of one block each.
func (o Options) time(form trial.Form, ours, bleve *side) error {
	for range o.Rounds {
		for from := 0; from < o.Queries; from += block {
			for _, s := range []*side{ours, bleve} {
				r, err := s.ask(request{Form: form, From: from, To: min(from+block, o.Queries)})
				if err != nil {
					return err
				}
				s.times[form] = append(s.times[form], r.Micros...)
			}
		}
	}
	return nil
}

// writeTable writes the figures for people.
func (f *Figures) writeTable(w io.Writer) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(table, "\tours\tbleve\tratio\t\n")
	for _, row := range []struct {
		name               string
		ours, bleve, ratio float64
	}{
		{"any word, median us", f.Ours.MedianMicros, f.Bleve.MedianMicros, f.RatioMedian},
		{"any word, p99 us", f.Ours.P99Micros, f.Bleve.P99Micros, f.RatioP99},
		{"any word and count, median us", f.Ours.CountedMedian, f.Bleve.CountedMedian, f.RatioCountedMedian},
		{"any word and count, p99 us", f.Ours.CountedP99, f.Bleve.CountedP99, f.RatioCountedP99},
		{"all words, median us", f.Ours.AllMedian, f.Bleve.AllMedian, f.RatioAllMedian},
		{"all words, p99 us", f.Ours.AllP99, f.Bleve.AllP99, f.RatioAllP99},
		{"build, CPU s", f.Ours.BuildSeconds, f.Bleve.BuildSeconds, f.Bleve.BuildSeconds / f.Ours.BuildSeconds},
		{"bytes an item (memory, disk)", f.Ours.BytesPerItem, f.Bleve.BytesPerItem, f.Bleve.BytesPerItem / f.Ours.BytesPerItem},
	} {
		fmt.Fprintf(table, "%s\t%.1f\t%.1f\t%.1f\t\n", row.name, row.ours, row.bleve, row.ratio)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "%d items, %d queries %d times, the best %d; %.3f of the ten best are the same\n", f.Items, f.Queries, f.Rounds, f.K, f.Overlap)
	return err
}
