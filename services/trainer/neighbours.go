package trainer

import (
	"context"
	"fmt"

	"github.com/haggle-commerce/haggle/libs/model"
	"github.com/haggle-commerce/haggle/libs/registry"
	"github.com/haggle-commerce/haggle/services/trainer/internal/corpus"
	"github.com/haggle-commerce/haggle/services/trainer/internal/crew"
	"github.com/haggle-commerce/haggle/services/trainer/internal/pick"
	"github.com/haggle-commerce/haggle/services/trainer/internal/replay"
	"github.com/haggle-commerce/haggle/services/trainer/internal/study"
	"github.com/haggle-commerce/haggle/services/trainer/internal/together"
)

// firstContest is which part of the contest's time the first run takes, 1 over it: the shop waits for that one.
const firstContest = 5

// teachNeighbours chooses how lists are learnt, learns them from the whole log and publishes them. It returns what was chosen, so that the
// rankers learn from the same. The choice is made on what lies before the part of the log that rankers are judged by.
func (r *room) teachNeighbours(ctx context.Context, c *corpus.Corpus, t together.Options, first bool) (pick.Way, pick.Options, error) {
	o := pick.Options{
		Together: t, Budget: r.config.Contest, Crew: crew.Crew{Workers: t.Workers, Used: r.kit.Ledger.Other}, Seed: r.config.Seed,
		Progress: r.progress(r.kit.Clock()),
	}
	if first {
		o.Budget /= firstContest
	}
	_, valid, _ := study.Split(replay.Asks(c))
	choice, err := pick.Choose(ctx, c, &r.catalogue, valid, o)
	if err != nil {
		return pick.Way{}, o, fmt.Errorf("choose neighbours: %w", err)
	}
	way := choice.Way()
	lists, err := way.Learn(ctx, c, len(c.Events), o)
	if err != nil {
		return way, o, fmt.Errorf("learn neighbours: %w", err)
	}
	trainedOn := describe(c)
	file, err := lists.Encode(map[string]string{"trained_on": trainedOn, "way": way.String()})
	if err != nil {
		return way, o, fmt.Errorf("encode neighbours: %w", err)
	}
	card := registry.Card{
		Name: slotNeighbours, Kind: model.KindNeighbour, Variant: way.Name(), Created: r.kit.Clock(), TrainedOn: trainedOn,
		Note: way.String() + ": " + choice.Reason, Intervals: map[string][2]float64{},
		Metrics: map[string]float64{
			"items": float64(lists.Len()), "pairs": float64(len(lists.Items)),
			"coverage": float64(lists.Len()) / float64(max(r.catalogue.Len(), 1)),
		},
	}
	r.tell(card, choice)
	if card, err = r.kit.Models.Publish(ctx, card, file); err != nil {
		return way, o, fmt.Errorf("publish neighbours: %w", err)
	}
	r.kit.Log.Info("neighbours published", "model", card.ID, "way", way.String(), "reason", choice.Reason, "asks", choice.Asks,
		"items", lists.Len(), "bytes", card.Bytes)
	return way, o, nil
}

// tell puts what was tried on the card and into the log.
func (r *room) tell(card registry.Card, choice *pick.Choice) {
	for i := range choice.Entries {
		e := &choice.Entries[i]
		name := e.Way.Name()
		card.Metrics["ndcg@10_"+name], card.Metrics["recall@20_"+name], card.Metrics["pairs_"+name] = e.NDCG, e.Recall, float64(e.Pairs)
		r.kit.Log.Info("neighbours tried", "way", e.Way.String(), "ndcg@10", e.NDCG, "recall@20", e.Recall, "pairs", e.Pairs)
	}
	if choice.Winner > 0 {
		put(card, "over_together", choice.Gain)
	}
}
