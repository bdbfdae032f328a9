package trainer

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/haggle-commerce/haggle/libs/dataset"
	"github.com/haggle-commerce/haggle/libs/dataset/synth"
	"github.com/haggle-commerce/haggle/libs/feature"
	"github.com/haggle-commerce/haggle/libs/model/neighbour"
	"github.com/haggle-commerce/haggle/libs/quality"
	"github.com/haggle-commerce/haggle/libs/shop"
	"github.com/haggle-commerce/haggle/services/trainer/internal/corpus"
	"github.com/haggle-commerce/haggle/services/trainer/internal/evaluate"
	"github.com/haggle-commerce/haggle/services/trainer/internal/pick"
	"github.com/haggle-commerce/haggle/services/trainer/internal/replay"
	"github.com/haggle-commerce/haggle/services/trainer/internal/study"
)

// Comparison says what to learn from, to see how good it gets.
type Comparison struct {
	Catalog string `flag:"catalog" help:"a catalogue to read; empty generates a shop"`
	Events  string `flag:"events" help:"the event log that belongs to the catalogue"`
	Items   int    `flag:"items" help:"items of the generated shop"`
	Count   int    `flag:"event-count" help:"events of the generated shop"`
	Shop    uint64 `flag:"shop" help:"seed of the generated shop"`
	Asks    int    `flag:"asks" help:"how many asks of the held-out part to judge by, at most"`
	Seed    uint64 `flag:"seed" help:"seed of all that is random in learning"`
	JSON    bool   `flag:"json" help:"print JSON"`

	study study.Options
}

// DefaultComparison compares on the generated shop.
func DefaultComparison() Comparison {
	return Comparison{Items: 20_000, Count: 300_000, Shop: 1, Asks: 5000, Seed: 1, study: study.Default()}
}

// Compared is the outcome of [Compare]: for each order its figures, each a mean and the bounds of its 95 % interval.
type Compared struct {
	Events, Items, Shoppers, Asks int
	TrainAsks, TrainRows          int
	// Orders are the worst that is to be beaten first: popularity, recall, and the learnt models, the best of validation last.
	Orders []Order
	Took   time.Duration
}

// Order is how good one order of candidates is.
type Order struct {
	Name string
	// NDCG is NDCG@10 and Recall is Recall@20, over shoppers. The Gain of either is that over the order before.
	NDCG, Recall         quality.Interval
	GainNDCG, GainRecall quality.Interval
	// ByPurpose is the mean NDCG@10 of the asks of each purpose.
	ByPurpose map[string]float64
	// AUC, LogLoss and CPUMicros are those of a model: CPUMicros is what scoring 100 candidates costs.
	AUC, LogLoss, CPUMicros float64 `json:",omitempty"`
}

// Compare learns from a log and judges what it learnt, as the service does, and writes the outcome to out and how far it is to
// progress.
func Compare(ctx context.Context, c Comparison, out, progress io.Writer) error {
	begin := time.Now()
	log, catalogue, err := c.load(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintf(progress, "read %d events in %v\n", len(log.Events), time.Since(begin).Round(time.Millisecond))
	o := c.study
	o.Seed, o.Boost.Seed, o.Linear.Seed = c.Seed, c.Seed, c.Seed
	o.Test = c.Asks
	begin, last := time.Now(), ""
	o.Progress = func(stage string, share float64) {
		if stage != last {
			last = stage
			fmt.Fprintf(progress, "%3.0f %% %s\n", 100*share, stage)
		}
	}
	way, err := c.pick(ctx, log, catalogue, &o)
	if err != nil {
		return err
	}
	fmt.Fprintf(progress, "neighbours by %v\n", way)
	found, err := study.Run(ctx, log, catalogue, o)
	if err != nil {
		return fmt.Errorf("compare: %w", err)
	}
	r := Compared{
		Events: len(log.Events), Items: catalogue.Len(), Shoppers: log.Shoppers(), Asks: len(found.Test.Asks),
		TrainAsks: found.TrainAsks, TrainRows: found.TrainRows, Took: time.Since(begin).Round(time.Millisecond),
	}
	r.add("popularity", found.Popularity, found.Popularity)
	r.add("recall", found.Recall, found.Popularity)
	for i := len(found.Candidates) - 1; i >= 0; i-- {
		m := &found.Candidates[i]
		order := r.add(m.Kind, m.Values, found.Recall)
		order.AUC, order.LogLoss, order.CPUMicros = m.Rows.AUC, m.Rows.LogLoss, measure(m.Scorer)
	}
	if c.JSON {
		encoder := json.NewEncoder(out)
		encoder.SetIndent("", "  ")
		return encoder.Encode(r)
	}
	return r.write(out)
}

// pick chooses how neighbours are learnt, as later runs of the service do, and has the study learn them so.
func (c Comparison) pick(ctx context.Context, log *corpus.Corpus, catalogue *feature.Catalogue, o *study.Options) (pick.Way, error) {
	p := pick.Options{Together: o.Together, Budget: Default().Contest, Seed: c.Seed, Progress: o.Progress}
	_, valid, _ := study.Split(replay.Asks(log))
	choice, err := pick.Choose(ctx, log, catalogue, valid, p)
	if err != nil {
		return pick.Way{}, fmt.Errorf("choose neighbours: %w", err)
	}
	way := choice.Way()
	o.Learn = func(until int) (*neighbour.Model, error) { return way.Learn(ctx, log, until, p) }
	return way, nil
}

// load reads or generates the log and the catalogue.
func (c Comparison) load(ctx context.Context) (*corpus.Corpus, *feature.Catalogue, error) {
	var log corpus.Log
	catalogue := &feature.Catalogue{}
	item := func(it shop.Item) error {
		catalogue.Put(feature.NewFacts(&it))
		log.Item(it.ID)
		return nil
	}
	event := func(e shop.Event) error {
		log.Add(&e)
		return nil
	}
	if c.Catalog == "" {
		if _, err := synth.Generate(ctx, synth.Options{Seed: c.Shop, Items: c.Items, Events: c.Count}, item, event); err != nil {
			return nil, nil, err
		}
		return log.Corpus(), catalogue, nil
	}
	if _, err := dataset.ReadItems(ctx, c.Catalog, dataset.Options{}, item); err != nil {
		return nil, nil, err
	}
	if _, err := dataset.ReadEvents(ctx, c.Events, dataset.Options{}, event); err != nil {
		return nil, nil, err
	}
	return log.Corpus(), catalogue, nil
}

// add appends an order, compared with another one, and returns it.
func (r *Compared) add(name string, values, before evaluate.Values) *Order {
	o := Order{
		Name: name, NDCG: quality.Bootstrap(values.NDCG, quality.Resampling{}), Recall: quality.Bootstrap(values.Recall, quality.Resampling{}),
		GainNDCG:   quality.BootstrapDifference(before.NDCG, values.NDCG, quality.Resampling{}).Interval,
		GainRecall: quality.BootstrapDifference(before.Recall, values.Recall, quality.Resampling{}).Interval,
		ByPurpose:  map[string]float64{},
	}
	for p := range replay.Purposes {
		if values.Asks[p] > 0 {
			o.ByPurpose[p.String()] = values.ByPurpose[p]
		}
	}
	r.Orders = append(r.Orders, o)
	return &r.Orders[len(r.Orders)-1]
}

// write prints a table.
func (r *Compared) write(out io.Writer) error {
	fmt.Fprintf(out, "%d events, %d items, %d shoppers; learnt from %d asks (%d rows) in %v, judged by %d asks of later time\n",
		r.Events, r.Items, r.Shoppers, r.TrainAsks, r.TrainRows, r.Took, r.Asks)
	t := tabwriter.NewWriter(out, 2, 0, 2, ' ', 0)
	fmt.Fprintln(t, "order\tNDCG@10\tRecall@20\tNDCG@10 over the one to beat\tRecall@20 over it\thome\titem\tcart\tsearch\tAUC\tus/100")
	for i := range r.Orders {
		o := &r.Orders[i]
		fmt.Fprintf(t, "%s\t%v\t%v\t%v\t%v", o.Name, o.NDCG, o.Recall, o.GainNDCG, o.GainRecall)
		for p := range replay.Purposes {
			fmt.Fprintf(t, "\t%.4f", o.ByPurpose[p.String()])
		}
		fmt.Fprintf(t, "\t%.4f\t%.0f\n", o.AUC, o.CPUMicros)
	}
	return t.Flush()
}
