package recall

import (
	"context"
	"fmt"
	"time"

	"github.com/haggle-commerce/haggle/libs/cost"
	"github.com/haggle-commerce/haggle/libs/model/encoder"
	"github.com/haggle-commerce/haggle/libs/registry"
)

// slotEncoder is the slot of models that text encoders are published in.
const slotEncoder = "encoder"

// arrangeEvery is how often it is looked whether the lists of vectors still suit the number of items.
const arrangeEvery = 2 * time.Second

// watchEncoder encodes the catalogue anew whenever another encoder is published. Until that is done the one before serves.
func (d *door) watchEncoder(ctx context.Context) error {
	return d.kit.Models.Watch(ctx, slotEncoder, func(card registry.Card, file []byte) error {
		meter := cost.Start()
		defer func() { d.kit.Ledger.Other(meter.Stop()) }()
		m, err := encoder.Open(file)
		if err != nil {
			return fmt.Errorf("open %s: %w", card.ID, err)
		}
		if err := d.engine.SetEncoder(ctx, m); err != nil {
			return fmt.Errorf("use %s: %w", card.ID, err)
		}
		d.kit.Log.Info("encoder in use", "model", card.ID, "items", d.engine.Size().Encoded)
		return nil
	})
}

// arrangeVectors keeps the lists of vectors in shape.
func (d *door) arrangeVectors(ctx context.Context) error {
	ticker := time.NewTicker(arrangeEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
			meter := cost.Start()
			d.engine.ArrangeVectors(ctx)
			d.kit.Ledger.Other(meter.Stop())
		}
	}
}
