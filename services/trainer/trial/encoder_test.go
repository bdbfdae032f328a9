package trial

import (
	"errors"
	"fmt"
	"testing"

	"github.com/haggle-commerce/haggle/libs/model/encoder"
	"github.com/haggle-commerce/haggle/services/trainer/internal/encode"
)

func TestEncoder(t *testing.T) {
	var texts []encoder.Text
	for i := range 120 {
		texts = append(texts, encoder.Text{Title: fmt.Sprintf("lamp model%d", i), Facts: fmt.Sprint("brand", i%7)})
	}
	last := -1.0
	m, err := Encoder(t.Context(), texts, 1, func(share float64) { last = share })
	if err != nil || m.Dims() != encode.Default().Dims || last < 0 {
		t.Errorf("Encoder() = %v, %v, progress %v", m, err, last)
	}
	if _, err := Encoder(t.Context(), texts[:10], 1, nil); !errors.Is(err, encode.ErrTooLittle) {
		t.Errorf("Encoder() of ten texts: %v", err)
	}
}
