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
	"github.com/haggle-commerce/haggle/libs/quality"
	"github.com/haggle-commerce/haggle/libs/registry"
	"github.com/haggle-commerce/haggle/services/trainer/internal/choose"
	"github.com/haggle-commerce/haggle/services/trainer/internal/corpus"
	"github.com/haggle-commerce/haggle/services/trainer/internal/evaluate"
	"github.com/haggle-commerce/haggle/services/trainer/internal/study"
	"github.com/haggle-commerce/haggle/services/trainer/internal/together"
)

// The slots of the registry that the trainer fills.
const (
	slotNeighbours = "neighbours"
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
	begin := r.kit.Clock()
	r.mu.Lock()
	r.running = true
	c := r.log.Corpus()
	r.mu.Unlock()
	r.kit.Health.NotReady(firstPart, "is learning")
	r.kit.Log.Info("run begins", "events", len(c.Events), "items", r.catalogue.Len(), "shoppers", c.Shoppers())
	outcome := "ok"
	switch err := r.teach(ctx, c); {
	case ctx.Err() != nil:
		outcome = "cut off"
	case errors.Is(err, study.ErrTooLittle):
		outcome = "too little"
		r.kit.Log.Info("no ranker was learnt", "reason", err)
	case err != nil:
		outcome = "failed"
		r.kit.Log.Error("run failed", "error", err)
	}
	r.metrics.runs.WithLabelValues(outcome).Inc()
	r.metrics.seconds.Set(r.kit.Clock().Sub(begin).Seconds())
	r.mu.Lock()
	r.running = false
	r.mu.Unlock()
	// What a run needed is a multiple of what the log holds, and the next is a while away.
	debug.FreeOSMemory()
	r.kit.Log.Info("run ended", "outcome", outcome, "took", r.kit.Clock().Sub(begin).Round(time.Millisecond))
}

// teach learns the neighbours, which recall can use at once, and then the rankers.
func (r *room) teach(ctx context.Context, c *corpus.Corpus) error {
	trainedOn := describe(c)
	lists, err := together.Learn(c, len(c.Events), together.Default())
	if err != nil {
		return fmt.Errorf("learn neighbours: %w", err)
	}
	file, err := lists.Encode(map[string]string{"trained_on": trainedOn})
	if err != nil {
		return fmt.Errorf("encode neighbours: %w", err)
	}
	card, err := r.kit.Models.Publish(ctx, registry.Card{Name: slotNeighbours, Kind: model.KindNeighbour, Created: r.kit.Clock(), TrainedOn: trainedOn}, file)
	if err != nil {
		return fmt.Errorf("publish neighbours: %w", err)
	}
	r.kit.Log.Info("neighbours published", "model", card.ID, "items", lists.Len(), "bytes", card.Bytes)
	o := study.Default()
	o.Seed = r.config.Seed
	o.Progress = r.progress(r.kit.Clock())
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
	name, serving := "recall's order", found.Recall
	if champion.file != nil && slices.Equal(champion.file.Header.Features, feature.Names()) {
		name, serving = champion.card.ID, found.Judge(champion.file.Scorer)
	}
	for i := range found.Candidates {
		candidate := &found.Candidates[i]
		card := r.card(candidate, found, trainedOn)
		file, err := candidate.File(map[string]string{"trained_on": trainedOn})
		if err != nil {
			return fmt.Errorf("encode ranker: %w", err)
		}
		decision := choose.Decide(name, serving.NDCG, candidate.Values.NDCG, r.config.Margin, r.config.Seed)
		card.Note = decision.Reason
		if i == 0 && decision.Publish {
			if card, err = r.kit.Models.Publish(ctx, card, file); err != nil {
				return fmt.Errorf("publish ranker: %w", err)
			}
			r.kit.Log.Info("ranker published", "model", card.ID, "kind", card.Kind, "ndcg@10", card.Metrics["ndcg@10"], "reason", card.Note)
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

// card says what a candidate is and how good it was on held-out time, beside the orders to beat.
func (r *room) card(candidate *study.Candidate, found *study.Result, trainedOn string) registry.Card {
	c := registry.Card{
		Name: slotRanker, Kind: candidate.Kind, Variant: candidate.Kind, Created: r.kit.Clock(), Features: candidate.Header.Features,
		TrainedOn: trainedOn, Metrics: map[string]float64{}, Intervals: map[string][2]float64{}, CPUMicros: measure(candidate.Scorer),
	}
	for name, values := range map[string]evaluate.Values{"": candidate.Values, "recall_": found.Recall, "popularity_": found.Popularity} {
		for measure, list := range map[string][]float64{"ndcg@10": values.NDCG, "recall@20": values.Recall} {
			interval := quality.Bootstrap(list, quality.Resampling{Seed: r.config.Seed})
			c.Metrics[name+measure] = interval.Mean
			c.Intervals[name+measure] = [2]float64{interval.Low, interval.High}
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
		r.kit.Health.NotReady(firstPart, fmt.Sprintf("is learning: %s, %.0f %%, %v left", stage, 100*share, left))
		r.kit.Log.Info("learning", "stage", stage, "percent", int(100*share), "left", left)
	}
}
