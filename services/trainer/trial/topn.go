package trial

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/haggle-commerce/haggle/libs/cost"
	"github.com/haggle-commerce/haggle/libs/quality"
	"github.com/haggle-commerce/haggle/services/trainer/internal/contest"
	"github.com/haggle-commerce/haggle/services/trainer/internal/crew"
	"github.com/haggle-commerce/haggle/services/trainer/internal/interaction"
)

// TopN is the protocol of collaborative filtering with full ranking: for each user with test items all items are scored, those of
// train are left out, and the first 20 are looked at.
type TopN struct {
	// Dir holds train.tsv.gz and test.tsv.gz.
	Dir string
	// Budget is how many CPU seconds the choice of a model may take, by estimate.
	Budget float64
	Seed   uint64
}

// TopNResult is what a model reached on the test part.
type TopNResult struct {
	Model  string  `json:"model"`
	Recall float64 `json:"recall@20"`
	NDCG   float64 `json:"ndcg@20"`
	// TrainCPU is the CPU time of the whole choice and of the last training, FitCPU that of the last training alone.
	TrainCPU float64 `json:"train_cpu_s"`
	PeakRSS  float64 `json:"peak_rss_mib"`
	FitCPU   float64 `json:"fit_cpu_s"`
	JudgeCPU float64 `json:"judge_cpu_s"`
	// QueryMicros is the CPU time of scoring all items for a user and of picking 20.
	QueryMicros float64 `json:"query_cpu_us"`
	ModelMiB    float64 `json:"model_mib"`
	ValidRecall float64 `json:"valid_recall@20"`
	ValidNDCG   float64 `json:"valid_ndcg@20"`
	Setting     string  `json:"setting"`
	Reason      string  `json:"reason"`
	Users       int     `json:"users"`
	Items       int     `json:"items"`
	Train       int     `json:"train"`
	Cases       int     `json:"cases"`
	Valid       int     `json:"valid_cases"`
	// RecallInterval and NDCGInterval are the bounds of the 95 % interval over users.
	RecallInterval [2]float64 `json:"recall@20_interval"`
	NDCGInterval   [2]float64 `json:"ndcg@20_interval"`
	Tried          TopNTable  `json:"tried"`
}

// TopNTable are the models that were tried on the validation part, the best of each name and all of the frontier.
type TopNTable []TopNTried

// TopNTried is one of them.
type TopNTried struct {
	Setting  string  `json:"setting"`
	Recall   float64 `json:"valid_recall@20"`
	NDCG     float64 `json:"valid_ndcg@20"`
	QueryOps float64 `json:"query_ops"`
	MiB      float64 `json:"mib"`
	Frontier bool    `json:"frontier"`
}

// String is a table.
func (t TopNTable) String() string {
	var text strings.Builder
	w := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "\nvalid R@20\tvalid N@20\tops/query\tMiB\tfrontier\tsetting")
	for _, e := range t {
		fmt.Fprintf(w, "%.4f\t%.4f\t%.0f\t%.1f\t%v\t%s\n", e.Recall, e.NDCG, e.QueryOps, e.MiB, e.Frontier, e.Setting)
	}
	w.Flush()
	return text.String()
}

// Run chooses a model on a validation part of train, learns it from all of train, and judges it on test, once.
func (p TopN) Run(ctx context.Context, progress func(line string)) (*TopNResult, error) {
	train, cases, err := p.read()
	if err != nil {
		return nil, err
	}
	progress(fmt.Sprintf("%d users, %d items, %d entries to learn from, %d users to judge by", train.Users(), train.Items(), train.Entries(), len(cases)))
	begin := cost.ProcessCPU()
	o := contest.Default()
	o.Seed, o.Holdout.Seed = p.Seed, p.Seed
	o.Budget = time.Duration(p.Budget * float64(time.Second))
	o.Progress = func(what string, share float64) { progress(fmt.Sprintf("%3.0f %% of the budget: %s", 100*share, what)) }
	found, err := contest.Run(ctx, crew.Crew{}, train, o)
	if err != nil {
		return nil, err
	}
	winner := &found.Entries[found.Winner]
	progress("learn from all of train: " + winner.Setting.String())
	chosen := cost.ProcessCPU()
	model, err := contest.Fit(ctx, crew.Crew{}, train, winner.Setting, p.Seed)
	if err != nil {
		return nil, err
	}
	learnt := cost.ProcessCPU()
	progress("judge on test")
	values, err := interaction.Judge(ctx, crew.Crew{}, model.Model, cases, interaction.Ranks(train.ByCount()))
	if err != nil {
		return nil, err
	}
	judged := cost.ProcessCPU()
	draw := quality.Resampling{Seed: p.Seed}
	recall, ndcg := quality.Bootstrap(values.Recall, draw), quality.Bootstrap(values.NDCG, draw)
	return &TopNResult{
		Model: winner.Setting.Name(), Setting: winner.Setting.String(), Reason: found.Reason,
		Recall: recall.Mean, NDCG: ndcg.Mean, RecallInterval: [2]float64{recall.Low, recall.High}, NDCGInterval: [2]float64{ndcg.Low, ndcg.High},
		TrainCPU: (learnt - begin).Seconds(), FitCPU: (learnt - chosen).Seconds(), JudgeCPU: (judged - learnt).Seconds(),
		QueryMicros: float64((judged - learnt).Microseconds()) / float64(len(cases)), PeakRSS: peakRSS(), ModelMiB: float64(model.Bytes()) / (1 << 20),
		ValidRecall: winner.Recall, ValidNDCG: winner.NDCG, Users: train.Users(), Items: train.Items(), Train: train.Entries(),
		Cases: len(cases), Valid: found.Cases, Tried: table(found),
	}, nil
}

// table picks what is worth reading: the best of each name, and the frontier.
func table(r *contest.Result) TopNTable {
	var t TopNTable
	seen := map[string]bool{}
	for i := range r.Entries {
		e := &r.Entries[i]
		name := e.Setting.Name()
		if seen[name] && !e.Frontier && i != r.Winner {
			continue
		}
		seen[name] = true
		t = append(t, TopNTried{e.Setting.String(), e.Recall, e.NDCG, e.QueryOps, float64(e.Bytes) / (1 << 20), e.Frontier})
	}
	return t
}

// read reads both parts.
func (p TopN) read() (*interaction.Matrix, []interaction.Case, error) {
	if p.Dir == "" {
		return nil, nil, fmt.Errorf("read interactions: no folder is given (--dir)")
	}
	if p.Budget <= 0 {
		return nil, nil, fmt.Errorf("choose a model: the budget is %v s, want more than 0", p.Budget)
	}
	var names pairs
	train, err := readPairs(filepath.Join(p.Dir, "train.tsv.gz"), &names)
	if err != nil {
		return nil, nil, err
	}
	test, err := readPairs(filepath.Join(p.Dir, "test.tsv.gz"), &names)
	if err != nil {
		return nil, nil, err
	}
	lists := make([][]uint32, len(names.users.names))
	for u, items := range train {
		lists[u] = items
	}
	matrix, err := interaction.New(lists, len(names.items.names))
	if err != nil {
		return nil, nil, err
	}
	var cases []interaction.Case
	for u := range lists {
		wanted := slices.Compact(slices.Sorted(slices.Values(test[uint32(u)])))
		if len(wanted) > 0 {
			cases = append(cases, interaction.Case{History: matrix.User(u), Wanted: wanted})
		}
	}
	if len(cases) == 0 {
		return nil, nil, fmt.Errorf("read %s: no user has test items", p.Dir)
	}
	return matrix, cases, nil
}

// peakRSS returns the most memory that the process had, in MiB; 0 where the system does not say.
func peakRSS() float64 {
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kib, err := strconv.ParseFloat(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")), 64)
			if err != nil {
				return 0
			}
			return kib / 1024
		}
	}
	return 0
}
