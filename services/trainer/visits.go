package trainer

import (
	"context"
	"errors"
	"fmt"

	"github.com/haggle-commerce/haggle/libs/model"
	"github.com/haggle-commerce/haggle/libs/registry"
	"github.com/haggle-commerce/haggle/services/trainer/internal/corpus"
	"github.com/haggle-commerce/haggle/services/trainer/internal/learn"
	"github.com/haggle-commerce/haggle/services/trainer/internal/sequel"
)

// teachSessions chooses how recall says what follows a session, on the latest visits, and publishes it. With too few of them
// recall keeps what it has.
func (r *room) teachSessions(ctx context.Context, c *corpus.Corpus, o sequel.Options, trainedOn string) error {
	fit, valid, err := sequel.FromLog(c)
	if err == nil {
		var found *sequel.Result
		if found, err = sequel.Learn(ctx, fit, valid, o); err == nil {
			return r.publishSessions(ctx, found, trainedOn)
		}
	}
	if errors.Is(err, sequel.ErrTooLittle) || errors.Is(err, learn.ErrData) {
		r.kit.Log.Info("no model of sessions was learnt", "reason", err)
		return nil
	}
	return fmt.Errorf("learn sessions: %w", err)
}

func (r *room) publishSessions(ctx context.Context, found *sequel.Result, trainedOn string) error {
	file, err := found.Model.Encode(map[string]string{"trained_on": trainedOn})
	if err != nil {
		return err
	}
	card := registry.Card{
		Name: slotSession, Kind: model.KindSession, Created: r.kit.Clock(), TrainedOn: trainedOn, Note: found.Kind,
		Metrics: map[string]float64{"reach": found.Reach},
	}
	for kind, ndcg := range found.NDCG {
		card.Metrics["ndcg@20_"+kind] = ndcg
	}
	if card, err = r.kit.Models.Publish(ctx, card, file); err != nil {
		return fmt.Errorf("publish sessions: %w", err)
	}
	r.kit.Log.Info("model of sessions published", "model", card.ID, "answers", found.Kind, "ndcg@20", found.NDCG[found.Kind])
	return nil
}
