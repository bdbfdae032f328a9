package recall

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/haggle-commerce/haggle/libs/bus"
	"github.com/haggle-commerce/haggle/libs/cost"
	"github.com/haggle-commerce/haggle/libs/model/encoder"
	"github.com/haggle-commerce/haggle/libs/registry"
	"github.com/haggle-commerce/haggle/libs/service"
	"github.com/haggle-commerce/haggle/libs/shop"
	"github.com/haggle-commerce/haggle/libs/wire"
)

// slotEncoder is the slot of models that text encoders are published in.
const slotEncoder = "encoder"

// arrangeEvery is how often it is looked whether the lists of vectors still suit the number of items.
const arrangeEvery = 2 * time.Second

// watchEncoder encodes the catalogue anew whenever another encoder is published. Until that is done the one before serves. The encoder
// that a snapshot was made with needs nothing.
func (d *door) watchEncoder(ctx context.Context) error {
	return d.kit.Models.Watch(ctx, slotEncoder, func(card registry.Card, file []byte) error {
		meter := cost.Start()
		m, err := encoder.Open(file)
		d.kit.Ledger.Other(meter.Stop())
		if err != nil {
			return fmt.Errorf("open %s: %w", card.ID, err)
		}
		if err := d.engine.SetEncoder(ctx, card.SHA256, m, d.eachItem); err != nil {
			return fmt.Errorf("use %s: %w", card.ID, err)
		}
		d.kit.Log.Info("encoder in use", "model", card.ID, "items", d.engine.Size().Encoded)
		return nil
	})
}

// eachItem reads the catalogue from the stream once more: the engine does not keep the texts of items. A message that cannot be read was
// rejected when it was followed.
func (d *door) eachItem(ctx context.Context, wants func(shop.ItemID) bool, take func(*shop.Item)) error {
	return d.kit.Bus.Read(ctx, wire.StreamCatalog, wire.SubjectItems, func(batch []bus.Message) error {
		// Reading the stream waits, what is done with a batch does not: that is measured.
		meter := cost.Start()
		defer func() { d.kit.Ledger.Other(meter.Stop()) }()
		for _, m := range batch {
			if id, err := wire.ItemFromToken(strings.TrimPrefix(m.Subject, wire.SubjectItem)); err != nil || !wants(id) {
				continue
			}
			if change, err := decodeItem(m); err == nil && change.Item != nil {
				take(change.Item)
			}
		}
		return nil
	})
}

// arrangeVectors keeps the lists of vectors in shape.
func (d *door) arrangeVectors(ctx context.Context) error {
	return service.Every(ctx, arrangeEvery, func() {
		meter := cost.Start()
		d.engine.ArrangeVectors(ctx)
		d.kit.Ledger.Other(meter.Stop())
	})
}
