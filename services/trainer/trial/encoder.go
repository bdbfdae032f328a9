package trial

import (
	"context"

	"github.com/haggle-commerce/haggle/libs/model/encoder"
	"github.com/haggle-commerce/haggle/services/trainer/internal/encode"
)

// Encoder trains a text encoder on the texts of items alone, as the service does for a shop without a log. Progress hears how far it
// is, from 0 to 1, and may be nil. The same texts and seed give the same encoder.
func Encoder(ctx context.Context, texts []encoder.Text, seed uint64, progress func(share float64)) (*encoder.Model, error) {
	o := encode.Default()
	o.Seed = seed
	if progress != nil {
		o.Progress = func(_ string, share float64) { progress(share) }
	}
	found, err := encode.Learn(ctx, encode.Input{Items: texts}, o)
	if err != nil {
		return nil, err
	}
	return found.Model, nil
}
