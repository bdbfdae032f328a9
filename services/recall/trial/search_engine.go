package trial

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/haggle-commerce/haggle/libs/cost"
	"github.com/haggle-commerce/haggle/libs/model/encoder"
	"github.com/haggle-commerce/haggle/libs/shop"
	"github.com/haggle-commerce/haggle/libs/wire"
	"github.com/haggle-commerce/haggle/services/recall/internal/engine"
)

// indexEngine puts the documents into an engine as a shop's items, and for the pipeline hybrid gives it an encoder.
func (s *Search) indexEngine(ctx context.Context, j *judgements) (retrieve, error) {
	e := engine.New(engine.Defaults())
	at := map[string]int{}
	changes := make([]engine.Change, 0, len(j.records))
	for i, r := range j.records {
		it := s.item(j, r)
		if it.ID == "" {
			return nil, fmt.Errorf("document %d has no %s", i+1, j.id)
		}
		at[string(it.ID)] = i
		changes = append(changes, engine.Change{ID: it.ID, Item: it})
	}
	if s.Pipeline == "hybrid" {
		if err := s.teach(ctx, e, j, changes); err != nil {
			return nil, err
		}
	}
	e.Apply(changes)
	if err := tend(e); err != nil {
		return nil, err
	}
	return func(query string) ([]int, error) {
		reply := &wire.RecallReply{}
		span, _ := cost.Enter(context.Background())
		err := e.Answer(&wire.RecallRequest{Query: clip(query), Limit: depth}, reply, time.Unix(1<<30, 0), &span)
		span.Leave()
		if err != nil {
			return nil, err
		}
		var found []int
		for _, id := range reply.Candidates.AppendIDs(nil) {
			found = append(found, at[string(id)])
		}
		return found, nil
	}, nil
}

// item makes an item of a document: the first field is the title, what a field's name says to be a brand or a category is that, and
// the rest is the description.
func (s *Search) item(j *judgements, r record) *shop.Item {
	it := &shop.Item{ID: shop.ItemID(r.text(j.id))}
	var rest []string
	for n, field := range s.Fields {
		switch text := bare(r.text(field)); {
		case n == 0:
			it.Title = text
		case field == "brand" || field == "supplier" || field == "manufacturer":
			it.Brand = text
		case field == "category" || field == "categories" || field == "product_type":
			it.Categories = []string{text}
		default:
			rest = append(rest, text)
		}
	}
	it.Description = strings.Join(rest, "\n")
	return it
}

// maxFact bounds the values of other fields that are taken for facts: longer ones are texts and addresses.
const maxFact = 40

// teach trains an encoder on the documents, without queries or judgements, and gives it to the engine. It is trained on all that the
// documents say in a few words, and like the engine reads the fields that are searched.
func (s *Search) teach(ctx context.Context, e *engine.Engine, j *judgements, changes []engine.Change) error {
	texts := make([]encoder.Text, len(changes))
	for i, change := range changes {
		texts[i] = encoder.TextOf(change.Item)
		facts := []string{texts[i].Facts}
		r := j.records[i]
		for _, field := range slices.Sorted(maps.Keys(r)) {
			text, ok := r[field].(string)
			if ok && field != j.id && !slices.Contains(s.Fields, field) && len(text) <= maxFact && !strings.Contains(text, "://") {
				facts = append(facts, text)
			}
		}
		texts[i].Facts = strings.TrimSpace(strings.Join(facts, " "))
	}
	m, err := s.Train(ctx, texts)
	if err != nil {
		return fmt.Errorf("train an encoder: %w", err)
	}
	return e.SetEncoder(ctx, "trial", m, nil)
}
