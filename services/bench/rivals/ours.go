package rivals

import (
	"context"

	"github.com/haggle-commerce/haggle/services/recall/trial"
)

// ours is the index of words of recall.
type ours struct{ shelf *trial.Shelf }

func buildOurs(ctx context.Context, o Options, progress func(string)) (index, built, error) {
	shelf, err := trial.NewShelf(ctx, o.ours(), progress)
	if err != nil {
		return nil, built{}, err
	}
	return ours{shelf}, built{shelf.BuildSeconds(), shelf.BytesPerItem()}, nil
}

func (x ours) find(_ context.Context, text string, form trial.Form) (ids []string, total int, err error) {
	found, total := x.shelf.Find(text, form)
	for _, id := range found {
		ids = append(ids, string(id))
	}
	return ids, total, nil
}

func (x ours) close() error { return nil }
