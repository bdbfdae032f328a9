package study

import (
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/haggle-commerce/haggle/libs/cost"
	"github.com/haggle-commerce/haggle/libs/dataset"
	"github.com/haggle-commerce/haggle/libs/dataset/synth"
	"github.com/haggle-commerce/haggle/libs/feature"
	"github.com/haggle-commerce/haggle/libs/quality"
	"github.com/haggle-commerce/haggle/libs/shop"
	"github.com/haggle-commerce/haggle/services/trainer/internal/corpus"
	"github.com/haggle-commerce/haggle/services/trainer/internal/evaluate"
	"github.com/haggle-commerce/haggle/services/trainer/internal/learn"
	"github.com/haggle-commerce/haggle/services/trainer/internal/replay"
)

func load(t testing.TB, which string) (*corpus.Corpus, *feature.Catalogue) {
	var l corpus.Log
	cat := &feature.Catalogue{}
	item := func(it shop.Item) error { cat.Put(feature.NewFacts(&it)); l.Item(it.ID); return nil }
	event := func(e shop.Event) error { l.Add(&e); return nil }
	dir := "/work/shared/data/completejourney_cc0/"
	var err error
	switch which {
	case "cj":
		if _, err = dataset.ReadItems(t.Context(), dir+"products.tsv.gz", dataset.Options{}, item); err == nil {
			_, err = dataset.ReadEvents(t.Context(), dir+"transactions_sample.tsv.gz", dataset.Options{}, event)
		}
	default:
		_, err = synth.Generate(t.Context(), synth.Options{Seed: 1}, item, event)
	}
	if err != nil {
		t.Fatal(err)
	}
	return l.Corpus(), cat
}

func TestProbe(t *testing.T) {
	which := os.Getenv("PROBE")
	if which == "" {
		t.Skip()
	}
	begin := time.Now()
	c, cat := load(t, which)
	fmt.Println("loaded", len(c.Events), "events", c.Items(), "items", c.Shoppers(), "shoppers", time.Since(begin))
	o := Default()
	last := ""
	num := func(name string, f func(float64)) {
		if x, err := strconv.ParseFloat(os.Getenv(name), 64); err == nil {
			f(x)
		}
	}
	num("KEEP", func(x float64) { o.Keep = int(x) })
	num("TRAIN", func(x float64) { o.Train = int(x) })
	num("DEPTH", func(x float64) { o.Boost.Depth = int(x) })
	num("TREES", func(x float64) { o.Boost.Trees = int(x) })
	num("RATE", func(x float64) { o.Boost.Rate = x })
	num("L2", func(x float64) { o.Boost.L2 = x })
	num("MH", func(x float64) { o.Boost.MinHessian = x })
	num("MR", func(x float64) { o.Boost.MinRows = int(x) })
	num("BINS", func(x float64) { o.Boost.Bins = int(x) })
	num("PAT", func(x float64) { o.Boost.Patience = int(x) })
	num("TEST", func(x float64) { o.Test = int(x) })
	num("VALID", func(x float64) { o.Valid = int(x) })
	num("SHRINK", func(x float64) { o.Together.Shrinkage = x })
	num("ACROSS", func(x float64) { o.Together.Across = x })
	num("DAMP", func(x float64) { o.Together.Damping = x })
	num("NB", func(x float64) { o.Together.Neighbours = int(x) })
	num("SEED", func(x float64) { o.Seed = uint64(x) })
	num("FS", func(x float64) { o.Boost.FeatureShare = x })
	num("GS", func(x float64) { o.Boost.GroupShare = x })
	if x := os.Getenv("OBJ"); x != "" {
		o.Boost.Objective = learn.Objective(x)
	}
	if os.Getenv("QUICK") != "" {
		o.Train, o.Valid, o.Boost.Trees = 1000, 300, 3
	}
	cpu := cost.ProcessCPU()
	o.Progress = func(stage string, share float64) {
		if stage != last {
			fmt.Printf("%s %.2f after %v, cpu %v\n", stage, share, time.Since(begin).Round(time.Millisecond), (cost.ProcessCPU() - cpu).Round(time.Millisecond))
			last = stage
		}
	}
	r, err := Run(t.Context(), c, cat, o)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Println("done", time.Since(begin), "cpu", cost.ProcessCPU()-cpu, "asks", r.Asks, "train asks", r.TrainAsks, "rows", r.TrainRows, "test asks", len(r.Test.Asks), "test rows", r.Test.Data.Rows())
	show := func(name string, v evaluate.Values) {
		fmt.Printf("%-12s NDCG@10 %v Recall@20 %v by", name, quality.Bootstrap(v.NDCG, quality.Resampling{}), quality.Bootstrap(v.Recall, quality.Resampling{}))
		for p := range replay.Purposes {
			if v.Asks[p] > 0 {
				fmt.Printf(" %s %.4f (%d)", p, v.ByPurpose[p], v.Asks[p])
			}
		}
		fmt.Println()
	}
	show("popularity", r.Popularity)
	show("pop-cands", evaluate.Scores(r.Test, r.Test.Popular))
	show("recall", r.Recall)
	best := make([]float32, r.Test.Data.Rows())
	copy(best, r.Test.Data.Labels)
	show("oracle", evaluate.Scores(r.Test, best))
	for _, cand := range r.Candidates {
		show(cand.Kind, cand.Values)
		d := quality.BootstrapDifference(r.Recall.NDCG, cand.Values.NDCG, quality.Resampling{})
		d2 := quality.BootstrapDifference(r.Recall.Recall, cand.Values.Recall, quality.Resampling{})
		fmt.Printf("  valid %.4f auc %.4f logloss %.4f; over recall: NDCG %v, Recall %v\n", cand.Valid, cand.Rows.AUC, cand.Rows.LogLoss, d.Interval, d2.Interval)
	}
	d := quality.BootstrapDifference(r.Popularity.NDCG, r.Recall.NDCG, quality.Resampling{})
	d2 := quality.BootstrapDifference(r.Popularity.Recall, r.Recall.Recall, quality.Resampling{})
	fmt.Println("recall over popularity: NDCG", d.Interval, "Recall", d2.Interval)
	for i, g := range r.Gain {
		if g > 0.01 {
			fmt.Printf("%s %.3f, ", feature.Names()[i], g)
		}
	}
	fmt.Println()
}
