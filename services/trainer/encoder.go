package trainer

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/haggle-commerce/haggle/libs/bus"
	"github.com/haggle-commerce/haggle/libs/model"
	"github.com/haggle-commerce/haggle/libs/model/encoder"
	"github.com/haggle-commerce/haggle/libs/registry"
	"github.com/haggle-commerce/haggle/libs/shop"
	"github.com/haggle-commerce/haggle/libs/wire"
	"github.com/haggle-commerce/haggle/services/trainer/internal/choose"
	"github.com/haggle-commerce/haggle/services/trainer/internal/corpus"
	"github.com/haggle-commerce/haggle/services/trainer/internal/encode"
)

// maxTexts is how many items an encoder is learnt from at most, a sample by their hashes: about 700 bytes each while it is learnt.
const maxTexts = 200_000

// encoding is the text encoder that serves.
type encoding struct {
	card  registry.Card
	model *encoder.Model
}

// loadEncoder keeps the encoder that serves, to compare with.
func (r *room) loadEncoder(card registry.Card, file []byte) error {
	m, err := encoder.Open(file)
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.encoding = encoding{card, m}
	return nil
}

// teachEncoder learns from the texts of items and from what was chosen for queries how to turn texts into vectors, and publishes it
// when it finds the items of later clicks not worse than what serves. With too few items recall does without.
func (r *room) teachEncoder(ctx context.Context, c *corpus.Corpus, o encode.Options, trainedOn string) error {
	in, err := r.readTexts(ctx, c)
	if err != nil {
		return fmt.Errorf("read the texts of items: %w", err)
	}
	r.mu.Lock()
	serving := r.encoding
	r.mu.Unlock()
	o.Serving = serving.model
	found, err := encode.Learn(ctx, in, o)
	if errors.Is(err, encode.ErrTooLittle) {
		r.kit.Log.Info("no encoder was learnt", "reason", err)
		return nil
	}
	if err != nil {
		return fmt.Errorf("learn an encoder: %w", err)
	}
	card := registry.Card{
		Name: slotEncoder, Kind: model.KindEncoder, Created: r.kit.Clock(), TrainedOn: trainedOn, Note: string(choose.First),
		Metrics: map[string]float64{
			"recall": found.Recall, "untrained_recall": found.Untrained, "recall_depth": float64(found.K), "pool": float64(found.Pool),
			"held_out": float64(found.HeldOut), "epoch": float64(found.Epoch), "clicks": float64(found.Clicks), "items": float64(len(in.Items)),
		},
		Intervals: map[string][2]float64{},
	}
	publish := true
	if serving.model != nil {
		allowed, reason, over := choose.Against(found.ServingHits, found.Hits, r.config.Seed)
		publish, card.Note = allowed, fmt.Sprintf("%s (%s)", reason, serving.card.ID)
		put(card, "over_serving_recall", over.Interval)
	}
	return r.releaseEncoder(ctx, card, found, publish)
}

func (r *room) releaseEncoder(ctx context.Context, card registry.Card, found *encode.Result, publish bool) error {
	if !publish {
		if err := r.kit.Models.Record(ctx, card); err != nil {
			return fmt.Errorf("record encoder: %w", err)
		}
		r.kit.Log.Info("encoder not published", "recall", found.Recall, "reason", card.Note)
		return nil
	}
	file, err := found.Model.Encode(map[string]string{"trained_on": card.TrainedOn})
	if err != nil {
		return fmt.Errorf("encode encoder: %w", err)
	}
	if card, err = r.kit.Models.Publish(ctx, card, file); err != nil {
		return fmt.Errorf("publish encoder: %w", err)
	}
	r.kit.Log.Info("encoder published", "model", card.ID, "recall", found.Recall, "untrained_recall", found.Untrained,
		"at", found.K, "of", found.Pool, "clicks", found.Clicks, "reason", card.Note)
	return nil
}

// readTexts reads the texts of items from the stream, which is what keeps them, and the clicks of a log on them.
func (r *room) readTexts(ctx context.Context, c *corpus.Corpus) (in encode.Input, err error) {
	type text struct {
		id   shop.ItemID
		text encoder.Text
	}
	var texts []text
	keep := encode.Sample(r.catalogue.Len(), maxTexts)
	err = r.kit.Bus.Read(ctx, wire.StreamCatalog, wire.SubjectItems, func(batch []bus.Message) error {
		for i := range batch {
			m := &batch[i]
			id, err := wire.ItemFromToken(strings.TrimPrefix(m.Subject, wire.SubjectItem))
			if err != nil || len(m.Data) == 0 || !keep(id) {
				continue
			}
			// What cannot be read was told of when it was followed.
			if it, err := decodeItem(id, m.Data); err == nil {
				texts = append(texts, text{id, encoder.TextOf(it)})
			}
		}
		return nil
	})
	if err != nil {
		return in, err
	}
	slices.SortFunc(texts, func(a, b text) int { return cmp.Compare(a.id, b.id) })
	// An item that changed while it was read came twice.
	texts = slices.CompactFunc(texts, func(a, b text) bool { return a.id == b.id })
	at := make(map[shop.ItemID]int, len(texts))
	for i := range texts {
		at[texts[i].id] = i
		in.Items = append(in.Items, texts[i].text)
	}
	in.Clicks, in.Held = encode.FromLog(c, at)
	return in, nil
}
