package trial

import (
	"context"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"

	"github.com/haggle-commerce/haggle/libs/cost"
	"github.com/haggle-commerce/haggle/libs/model/session"
	"github.com/haggle-commerce/haggle/services/trainer/internal/sequel"
)

// SequenceFigures are the figures of [Sequence].
type SequenceFigures struct {
	Hit5   float64 `json:"hr@5"`
	NDCG5  float64 `json:"ndcg@5"`
	Hit10  float64 `json:"hr@10"`
	NDCG10 float64 `json:"ndcg@10"`
	// PerSecond is how many predictions one core makes in a second, by the CPU time of predicting alone.
	PerSecond float64 `json:"predictions_per_s"`
	// Kind is what the validation items chose, and ChooseCPU the CPU seconds that choosing and learning took.
	Kind      string  `json:"model"`
	ChooseCPU float64 `json:"choose_cpu_s"`
	Users     int     `json:"users"`
	Items     int     `json:"items"`
}

// Constants of sequences: they are longer than sessions, and more of them counts.
const (
	sequenceLength  = 60
	sequenceCurrent = 16
)

// Sequence measures the next item of long sequences, one for each user: dir/sequences.tsv.gz holds a user, a tab and the items in
// order of time. Of each, the last item is the test, the one before it decides and the one before that is learnt from. All items
// are ranked but those of the user's history.
func Sequence(ctx context.Context, dir string, progress func(string)) (*SequenceFigures, error) {
	items := numbering{}
	var sequences [][]uint32
	path := filepath.Join(dir, "sequences.tsv.gz")
	err := eachLine(path, func(line string) error {
		_, text, ok := strings.Cut(line, "\t")
		if !ok {
			return errors.New("there is no tab between a user and the items")
		}
		sequence, err := items.items(text)
		sequences = append(sequences, sequence)
		return err
	})
	if err == nil && len(sequences) == 0 {
		err = fmt.Errorf("read %s: there is no sequence", path)
	}
	if err != nil {
		return nil, err
	}
	f := &SequenceFigures{Users: len(sequences), Items: len(items)}
	p := session.Defaults()
	p.Length, p.Current = sequenceLength, sequenceCurrent
	o := sequel.Default()
	o.K, o.Fresh = 10, true
	o.Progress = func(stage string, share float64) { progress(fmt.Sprintf("%s: %.0f %%", stage, 100*share)) }
	began := cost.ProcessCPU()
	found, err := sequel.Learn(ctx, lastButOut(sequences, 3, p), lastButOut(sequences, 2, p), o)
	switch {
	case errors.Is(err, sequel.ErrTooLittle):
		progress(err.Error())
		found = &sequel.Result{Model: session.Default(), Kind: "default"}
	case err != nil:
		return nil, err
	}
	f.Kind, f.ChooseCPU = found.Kind, (cost.ProcessCPU() - began).Seconds()
	progress(fmt.Sprintf("chosen: %s, NDCG %v, %+v", found.Kind, found.NDCG, found.Model.Params))
	test := lastButOut(sequences, 1, p)
	if err := test.Index.Use(found.Model); err != nil {
		return nil, err
	}
	if err := f.judge(ctx, test, progress); err != nil {
		return nil, err
	}
	return f, nil
}

// lastButOut returns an index of all sequences without their last out items, and what comes next as the questions.
func lastButOut(sequences [][]uint32, out int, p session.Params) sequel.Part {
	known := make([][]uint32, len(sequences))
	part := sequel.Part{}
	for i, items := range sequences {
		n := len(items) - out
		if n < 1 {
			continue
		}
		known[i] = items[max(0, n-p.Length):n]
		current := slices.Clone(items[:n])
		slices.Reverse(current)
		part.Questions = append(part.Questions, sequel.Question{Query: session.Query{Current: current, Own: uint64(i) + 1}, Target: items[n]})
	}
	part.Index = indexOf(known, p)
	return part
}

// judge predicts the last items.
func (f *SequenceFigures) judge(ctx context.Context, test sequel.Part, progress func(string)) error {
	var scratch session.Scratch
	var keep []uint64
	meter := cost.Start()
	for i := range test.Questions {
		q := &test.Questions[i]
		keep = sequel.Fresh(keep, test.Index.Items(), q.Current)
		q.Keep = keep
		for rank, found := range test.Index.Predict(&scratch, &q.Query, 10) {
			if found.Item != q.Target {
				continue
			}
			gain := 1 / math.Log2(float64(rank)+2)
			f.Hit10, f.NDCG10 = f.Hit10+1, f.NDCG10+gain
			if rank < 5 {
				f.Hit5, f.NDCG5 = f.Hit5+1, f.NDCG5+gain
			}
			break
		}
		q.Keep = nil
		if i%4096 == 0 {
			if err := ctx.Err(); err != nil {
				meter.Stop()
				return fmt.Errorf("predict: %w", err)
			}
			progress(fmt.Sprintf("predicting %d of %d", i, len(test.Questions)))
		}
	}
	took := meter.Stop()
	n := float64(len(test.Questions))
	if n == 0 {
		return errors.New("no sequence has two items")
	}
	f.Hit5, f.NDCG5, f.Hit10, f.NDCG10 = f.Hit5/n, f.NDCG5/n, f.Hit10/n, f.NDCG10/n
	f.PerSecond = n / max(took.Seconds(), 1e-9)
	return nil
}
