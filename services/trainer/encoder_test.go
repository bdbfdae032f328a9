package trainer

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/haggle-commerce/haggle/libs/model"
	"github.com/haggle-commerce/haggle/libs/model/encoder"
	"github.com/haggle-commerce/haggle/libs/registry"
	"github.com/haggle-commerce/haggle/libs/servicetest"
	"github.com/haggle-commerce/haggle/services/trainer/internal/corpus"
	"github.com/haggle-commerce/haggle/services/trainer/internal/encode"
)

// fewTexts are options that take a moment.
func fewTexts() encode.Options {
	o := encode.Default()
	o.Dims, o.Epochs, o.Batch = 16, 1, 64
	return o
}

func TestEncoderIsLearntAndPublished(t *testing.T) {
	kit := servicetest.Kit(t, "trainer")
	fill(t, kit, 1500, 1000)
	r := &room{kit: kit, config: quick()}
	learn := func(o encode.Options) {
		t.Helper()
		if err := r.teachEncoder(t.Context(), &corpus.Corpus{}, o, "a test"); err != nil {
			t.Fatal(err)
		}
	}
	learn(fewTexts())
	found := cards(t, kit, slotEncoder)
	if len(found) != 1 || !found[0].Serving || found[0].Kind != model.KindEncoder || found[0].Metrics["items"] != 1500 || found[0].Metrics["recall"] < found[0].Metrics["untrained_recall"] {
		t.Fatalf("cards %+v", found)
	}
	file := take(t, kit, slotEncoder)
	m, err := encoder.Open(file)
	if err != nil || m.Dims() != 16 {
		t.Fatalf("%v, %v", m, err)
	}
	if err := r.loadEncoder(found[0], file); err != nil {
		t.Fatal(err)
	}
	// The same input and seed give the same model, which has the same card.
	learn(fewTexts())
	bad := fewTexts()
	// One number tells nothing apart.
	bad.Dims = 1
	learn(bad)
	found = cards(t, kit, slotEncoder)
	notWorse := slices.ContainsFunc(found, func(c registry.Card) bool { return c.Serving && strings.Contains(c.Note, "not worse than what serves") })
	refused := slices.ContainsFunc(found, func(c registry.Card) bool { return !c.Serving && strings.HasPrefix(c.Note, "worse than what serves") })
	if len(found) != 2 || !notWorse || !refused {
		t.Errorf("cards %+v, want one that serves and one that was refused", found)
	}
	if err := r.loadEncoder(found[0], []byte("no encoder")); !errors.Is(err, model.ErrBroken) {
		t.Errorf("loading what is no encoder: %v", err)
	}
}
