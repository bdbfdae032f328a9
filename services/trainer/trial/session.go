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

// SessionFigures are the figures of [Session].
type SessionFigures struct {
	// Hit and Reciprocal are P@20, which is the share of hits, and MRR@20, times 100.
	Hit        float64 `json:"p@20"`
	Reciprocal float64 `json:"mrr@20"`
	// PerSecond is how many predictions one core makes in a second, by the CPU time of predicting alone.
	PerSecond float64 `json:"predictions_per_s"`
	// Kind is what the validation part chose, and ChooseCPU the CPU seconds that choosing and learning took.
	Kind      string  `json:"model"`
	ChooseCPU float64 `json:"choose_cpu_s"`
	BuildCPU  float64 `json:"build_cpu_s"`
	Sessions  int     `json:"sessions"`
	Items     int     `json:"items"`
	Asked     int     `json:"predictions"`
	// BytesPerSession and BytesPerEvent are the memory of the index.
	BytesPerSession float64 `json:"bytes_per_session"`
	BytesPerEvent   float64 `json:"bytes_per_event"`
}

// Session measures the next item of sessions: dir/train.tsv.gz holds one session a line, its items in order of time and the lines
// too; dir/test.tsv.gz the beginning of a session, a tab and the item that came next. All items of the training part are ranked,
// those of the beginning too. The constants and weights are chosen on the last sessions of the training part.
func Session(ctx context.Context, dir string, progress func(string)) (*SessionFigures, error) {
	items := numbering{}
	train, err := readSessions(filepath.Join(dir, "train.tsv.gz"), items)
	if err != nil {
		return nil, err
	}
	test, err := readQuestions(filepath.Join(dir, "test.tsv.gz"), items)
	if err != nil {
		return nil, err
	}
	f := &SessionFigures{Sessions: len(train), Items: len(items), Asked: len(test)}
	began := cost.ProcessCPU()
	found, err := chooseBySessions(ctx, train, progress)
	switch {
	case errors.Is(err, sequel.ErrTooLittle):
		progress(err.Error())
		found = &sequel.Result{Model: session.Default(), Kind: "default"}
	case err != nil:
		return nil, err
	}
	f.Kind, f.ChooseCPU = found.Kind, (cost.ProcessCPU() - began).Seconds()
	progress(fmt.Sprintf("chosen: %s, NDCG %v, %+v", found.Kind, found.NDCG, found.Model.Params))
	began = cost.ProcessCPU()
	x := indexOf(train, found.Model.Params)
	if err := x.Use(found.Model); err != nil {
		return nil, err
	}
	f.BuildCPU = (cost.ProcessCPU() - began).Seconds()
	bytes, events := x.Bytes()
	f.BytesPerSession, f.BytesPerEvent = float64(bytes)/float64(x.Len()), float64(bytes)/float64(max(events, 1))
	if err := f.judge(ctx, x, test, progress); err != nil {
		return nil, err
	}
	return f, nil
}

// judge predicts all of test.
func (f *SessionFigures) judge(ctx context.Context, x *session.Index, test []sequel.Question, progress func(string)) error {
	var scratch session.Scratch
	meter := cost.Start()
	for i := range test {
		for rank, found := range x.Predict(&scratch, &test[i].Query, 20) {
			if found.Item == test[i].Target {
				f.Hit++
				f.Reciprocal += 1 / float64(rank+1)
				break
			}
		}
		if i%8192 == 0 {
			if err := ctx.Err(); err != nil {
				meter.Stop()
				return fmt.Errorf("predict: %w", err)
			}
			progress(fmt.Sprintf("predicting %d of %d", i, len(test)))
		}
	}
	took := meter.Stop()
	n := float64(len(test))
	f.Hit, f.Reciprocal, f.PerSecond = 100*f.Hit/n, 100*f.Reciprocal/n, n/max(took.Seconds(), 1e-9)
	return nil
}

func readSessions(path string, items numbering) ([][]uint32, error) {
	var sessions [][]uint32
	err := eachLine(path, func(line string) error {
		session, err := items.items(line)
		sessions = append(sessions, session)
		return err
	})
	if err == nil && len(sessions) == 0 {
		err = fmt.Errorf("read %s: there is no session", path)
	}
	return sessions, err
}

// unknown is the target of a question that no item of the training part answers.
const unknown = math.MaxUint32

// readQuestions reads questions. Items that training did not see are left out of the beginnings.
func readQuestions(path string, items numbering) ([]sequel.Question, error) {
	var questions []sequel.Question
	seen := len(items)
	err := eachLine(path, func(line string) error {
		before, after, ok := strings.Cut(line, "\t")
		if !ok {
			return errors.New("there is no tab between a beginning and what came next")
		}
		current, err := items.items(before)
		if err != nil {
			return err
		}
		target, err := items.items(after)
		if err != nil {
			return err
		}
		if len(target) != 1 {
			return fmt.Errorf("%d items come next, want 1", len(target))
		}
		slices.Reverse(current)
		q := sequel.Question{Query: session.Query{Current: current}, Target: target[0]}
		q.Current = slices.DeleteFunc(q.Current, func(i uint32) bool { return int(i) >= seen })
		if int(q.Target) >= seen {
			q.Target = unknown
		}
		questions = append(questions, q)
		return nil
	})
	for item, i := range items {
		if int(i) >= seen {
			delete(items, item)
		}
	}
	if err == nil && len(questions) == 0 {
		err = fmt.Errorf("read %s: there is no question", path)
	}
	return questions, err
}

// indexOf returns an index of sessions, with room for all of them.
func indexOf(sessions [][]uint32, p session.Params) *session.Index {
	p.Sessions = max(len(sessions), 1)
	x := session.New(p)
	for i, items := range sessions {
		for _, item := range items {
			x.Touch(uint64(i)+1, item)
		}
	}
	return x
}

// Shares of the training sessions: the first give the evidence, of the others the first are learnt from and the last decide.
const (
	evidenceShare = 0.92
	fitShare      = 0.98
)

// chooseBySessions chooses on the last sessions of train.
func chooseBySessions(ctx context.Context, train [][]uint32, progress func(string)) (*sequel.Result, error) {
	held, decide := int(evidenceShare*float64(len(train))), int(fitShare*float64(len(train)))
	x := indexOf(train[:held], session.Defaults())
	o := sequel.Default()
	o.Progress = func(stage string, share float64) { progress(fmt.Sprintf("%s: %.0f %%", stage, 100*share)) }
	return sequel.Learn(ctx, sequel.Part{Index: x, Questions: beginnings(train[held:decide])}, sequel.Part{Index: x, Questions: beginnings(train[decide:])}, o)
}

// beginnings returns each beginning of each session as a question.
func beginnings(sessions [][]uint32) []sequel.Question {
	var questions []sequel.Question
	for _, items := range sessions {
		latestFirst := slices.Clone(items)
		slices.Reverse(latestFirst)
		for n := len(items) - 1; n > 0; n-- {
			questions = append(questions, sequel.Question{Query: session.Query{Current: latestFirst[n:]}, Target: latestFirst[n-1]})
		}
	}
	return questions
}
