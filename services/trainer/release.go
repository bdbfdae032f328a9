package trainer

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"time"

	"github.com/haggle-commerce/haggle/libs/cost"
	"github.com/haggle-commerce/haggle/libs/feature"
	"github.com/haggle-commerce/haggle/libs/model"
	"github.com/haggle-commerce/haggle/libs/model/neighbour"
	"github.com/haggle-commerce/haggle/libs/quality"
	"github.com/haggle-commerce/haggle/libs/registry"
	"github.com/haggle-commerce/haggle/libs/shop"
	"github.com/haggle-commerce/haggle/services/trainer/internal/choose"
	"github.com/haggle-commerce/haggle/services/trainer/internal/corpus"
	"github.com/haggle-commerce/haggle/services/trainer/internal/evaluate"
	"github.com/haggle-commerce/haggle/services/trainer/internal/learn"
	"github.com/haggle-commerce/haggle/services/trainer/internal/study"
)

// The slots of the registry that the trainer fills.
const (
	slotNeighbours = "neighbours"
	slotSession    = "session"
	slotEncoder    = "encoder"
	slotRanker     = "ranker"
)

// served is the ranker that serves.
type served struct {
	card registry.Card
	file *model.File
}

// loadServed keeps the ranker that serves, to compare with.
func (r *room) loadServed(card registry.Card, file []byte) error {
	f, err := model.Open(file)
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.served = served{card: card, file: f}
	return nil
}

// round learns once from what the log holds now. What goes wrong is logged: the next round may do better, and what serves goes on.
func (r *room) round(ctx context.Context) {
	started := r.kit.Clock()
	// Items that nobody touched are candidates too.
	var untouched []shop.ItemID
	r.catalogue.Each(func(f *feature.Facts) bool {
		untouched = append(untouched, f.ID)
		return true
	})
	// The catalogue gives them in no order, and what is learnt depends on how items are numbered.
	slices.Sort(untouched)
	r.mu.Lock()
	r.running = true
	first := r.served.file == nil
	for _, id := range untouched {
		r.log.Item(id)
	}
	c := r.log.Corpus()
	r.mu.Unlock()
	r.notReady("is learning")
	r.kit.Log.Info("run begins", "events", len(c.Events), "again", c.Twice, "forgotten", c.Dropped, "items", r.catalogue.Len(), "shoppers", c.Shoppers())
	outcome := "ok"
	switch err := r.teach(ctx, c, first); {
	case ctx.Err() != nil:
		outcome = "cut off"
	case errors.Is(err, study.ErrTooLittle), errors.Is(err, learn.ErrData):
		outcome = "too little"
		r.kit.Log.Info("no ranker was learnt", "reason", err)
	case err != nil:
		outcome = "failed"
		r.kit.Log.Error("run failed", "error", err)
	}
	took := r.kit.Clock().Sub(started)
	r.metrics.runs.WithLabelValues(outcome).Inc()
	r.metrics.seconds.Set(took.Seconds())
	r.metrics.progress.Set(1)
	r.mu.Lock()
	r.running = false
	r.mu.Unlock()
	// What a run needed is a multiple of what the log holds, and the next is a while away.
	debug.FreeOSMemory()
	r.kit.Log.Info("run ended", "outcome", outcome, "took", took.Round(time.Millisecond))
}

// teach learns the neighbours, the model of sessions and the encoder, which recall can use at once, and then the rankers. The first time
// the shop waits for it, so it takes all cores; later it takes one, beside the queries.
func (r *room) teach(ctx context.Context, c *corpus.Corpus, first bool) error {
	o := r.sizes.study
	o.Seed, o.Boost.Seed, o.Linear.Seed = r.config.Seed, r.config.Seed, r.config.Seed
	if !first {
		o.Boost.Workers, o.Together.Workers = 1, 1
	}
	o.Boost.Used, o.Together.Used = r.kit.Ledger.Other, r.kit.Ledger.Other
	meter := cost.Start()
	defer func() { r.kit.Ledger.Other(meter.Stop()) }()
	tell := r.progress(r.kit.Clock())
	o.Progress = func(stage string, share float64) {
		r.kit.Ledger.Other(meter.Lap())
		tell(stage, share)
	}
	trainedOn := describe(c)
	way, options, err := r.teachNeighbours(ctx, c, o.Together, first)
	if err != nil {
		return err
	}
	o.Learn = func(until int) (*neighbour.Model, error) { return way.Learn(ctx, c, until, options) }
	sessions := r.sizes.sequel
	sessions.Boost.Seed, sessions.Linear.Seed = o.Boost.Seed, o.Linear.Seed
	sessions.Boost.Workers, sessions.Boost.Used = o.Boost.Workers, o.Boost.Used
	if err := r.teachSessions(ctx, c, sessions, trainedOn); err != nil {
		return err
	}
	texts := r.sizes.encoder
	texts.Seed, texts.Workers, texts.Used, texts.Progress = o.Seed, o.Together.Workers, r.kit.Ledger.Other, r.progress(r.kit.Clock())
	if err := r.teachEncoder(ctx, c, texts, trainedOn); err != nil {
		return err
	}
	found, err := study.Run(ctx, c, &r.catalogue, o)
	if err != nil {
		return fmt.Errorf("learn rankers: %w", err)
	}
	return r.release(ctx, found, trainedOn)
}

// release publishes the best candidate when it is not worse than what serves, and records the others.
func (r *room) release(ctx context.Context, found *study.Result, trainedOn string) error {
	r.mu.Lock()
	champion := r.served
	r.mu.Unlock()
	var serving *evaluate.Values
	if champion.file != nil && slices.Equal(champion.file.Header.Features, feature.Names()) {
		values := found.Judge(champion.file.Scorer)
		serving = &values
	}
	for i := range found.Candidates {
		candidate := &found.Candidates[i]
		decision := choose.Decide(candidate.Values, found.Recall, serving, r.config.Seed)
		card := r.card(candidate, found, trainedOn)
		card.Note = string(decision.Reason)
		put(card, "over_recall_ndcg@10", decision.OverRecall.Interval)
		if serving != nil {
			card.Note += " (" + champion.card.ID + ")"
			put(card, "over_serving_ndcg@10", decision.OverServing.Interval)
		}
		if i == 0 && decision.Publish {
			if err := r.publish(ctx, card, candidate); err != nil {
				return err
			}
			continue
		}
		if i > 0 {
			card.Note = "another was better on the validation part; " + card.Note
		}
		if err := r.kit.Models.Record(ctx, card); err != nil {
			return fmt.Errorf("record ranker: %w", err)
		}
		r.kit.Log.Info("ranker not published", "kind", card.Kind, "ndcg@10", card.Metrics["ndcg@10"], "reason", card.Note)
	}
	return nil
}

func (r *room) publish(ctx context.Context, card registry.Card, candidate *study.Candidate) error {
	file, err := candidate.File(map[string]string{"trained_on": card.TrainedOn})
	if err != nil {
		return fmt.Errorf("encode ranker: %w", err)
	}
	if card, err = r.kit.Models.Publish(ctx, card, file); err != nil {
		return fmt.Errorf("publish ranker: %w", err)
	}
	r.kit.Log.Info("ranker published", "model", card.ID, "kind", card.Kind, "ndcg@10", card.Metrics["ndcg@10"],
		"recall_ndcg@10", card.Metrics["recall_ndcg@10"], "popularity_ndcg@10", card.Metrics["popularity_ndcg@10"], "reason", card.Note)
	return nil
}

// put writes a figure and its interval on a card.
func put(c registry.Card, name string, v quality.Interval) {
	c.Metrics[name], c.Intervals[name] = v.Mean, [2]float64{v.Low, v.High}
}

// card says what a candidate is and how good it was on held-out time, beside the orders to beat.
func (r *room) card(candidate *study.Candidate, found *study.Result, trainedOn string) registry.Card {
	c := registry.Card{
		Name: slotRanker, Kind: candidate.Kind, Variant: candidate.Kind, Created: r.kit.Clock(), Features: candidate.Header.Features,
		TrainedOn: trainedOn, Metrics: map[string]float64{}, Intervals: map[string][2]float64{}, CPUMicros: measure(candidate.Scorer),
	}
	for name, values := range map[string]evaluate.Values{"": candidate.Values, "recall_": found.Recall, "popularity_": found.Popularity} {
		for measure, list := range map[string][]float64{"ndcg@10": values.NDCG, "recall@20": values.Recall} {
			put(c, name+measure, quality.Bootstrap(list, quality.Resampling{Seed: r.config.Seed}))
		}
	}
	c.Metrics["auc"], c.Metrics["logloss"] = candidate.Rows.AUC, candidate.Rows.LogLoss
	c.Metrics["train_asks"], c.Metrics["test_shoppers"] = float64(found.TrainAsks), float64(len(candidate.Values.NDCG))
	return c
}

// measure returns the CPU time, in microseconds, of scoring 100 candidates: the least of some rounds, since others share the core.
func measure(scorer model.Scorer) float64 {
	const rows, rounds = 100, 50
	x, scores := make([]float32, rows*scorer.Features()), make([]float32, rows)
	for i := range x {
		x[i] = float32(i%97) / 97
	}
	best := time.Duration(1<<63 - 1)
	meter := cost.Start()
	for range rounds {
		scorer.Score(scores, x)
		best = min(best, meter.Lap())
	}
	meter.Stop()
	return float64(best) / float64(time.Microsecond)
}

// describe says what a corpus covers, for people.
func describe(c *corpus.Corpus) string {
	if len(c.Events) == 0 {
		return "no events"
	}
	return fmt.Sprintf("%d events from %s to %s", len(c.Events), c.Events[0].Time().UTC().Format(time.DateTime), c.Events[len(c.Events)-1].Time().UTC().Format(time.DateTime))
}

// progress returns a function that logs how far a run is, every few seconds, with the time that is left.
func (r *room) progress(begin time.Time) func(string, float64) {
	const every = 3 * time.Second
	last := begin
	return func(stage string, share float64) {
		r.metrics.progress.Set(share)
		now := r.kit.Clock()
		if now.Sub(last) < every || share <= 0 {
			return
		}
		last = now
		left := time.Duration(float64(now.Sub(begin)) * (1 - share) / share).Round(time.Second)
		r.notReady(fmt.Sprintf("is learning: %s, %.0f %%, %v left", stage, 100*share, left))
		r.kit.Log.Info("learning", "stage", stage, "percent", int(100*share), "left", left)
	}
}
