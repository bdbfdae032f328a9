package recall

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"

	"github.com/haggle-commerce/haggle/libs/bus"
	"github.com/haggle-commerce/haggle/libs/model"
	"github.com/haggle-commerce/haggle/libs/model/encoder"
	"github.com/haggle-commerce/haggle/libs/registry"
	"github.com/haggle-commerce/haggle/libs/servicetest"
	"github.com/haggle-commerce/haggle/libs/shop"
	"github.com/haggle-commerce/haggle/libs/wire"
)

// encoderFile is an encoder for which texts are near that share parts of words.
func encoderFile(t *testing.T, seed uint64) []byte {
	t.Helper()
	const dims, rows = 64, 1 << 12
	r := rand.New(rand.NewPCG(seed, 1))
	table, rarity := make([]float32, rows*dims), make([]float32, rows)
	for i := range table {
		table[i] = float32(r.NormFloat64())
	}
	for i := range rarity {
		rarity[i] = 1
	}
	m, err := encoder.New(table, rarity, dims)
	if err != nil {
		t.Fatal(err)
	}
	file, err := m.Encode(nil)
	if err != nil {
		t.Fatal(err)
	}
	return file
}

func publishEncoder(t *testing.T, h *house, file []byte) {
	t.Helper()
	if _, err := h.kit.Models.Publish(t.Context(), registry.Card{Name: slotEncoder, Kind: model.KindEncoder}, file); err != nil {
		t.Fatal(err)
	}
}

// A published encoder reads the items that are there from the stream, and those that come later as they come. After a restart the
// snapshot has what it made of them.
func TestPublishedEncoderIsUsed(t *testing.T) {
	srv := servicetest.NATS(t)
	h := &house{kit: servicetest.Kit(t, "recall", servicetest.KitOptions{NATS: srv}), bus: servicetest.Bus(t, srv, "gateway")}
	fillEncoded(t, h.bus)
	c := Default()
	c.Snapshots = filepath.Join(t.TempDir(), "state")
	stop := h.run(t, c)
	misspelt := &wire.RecallRequest{Query: "umbrellaz", Spell: "off", Limit: 1}
	h.until(t, patience, misspelt, "")
	publishEncoder(t, h, encoderFile(t, 1))
	h.until(t, patience, misspelt, "umbrella")
	putItem(t, h.bus, shop.Item{ID: "late", Title: "Lighthouse keeper"})
	h.until(t, patience, &wire.RecallRequest{Query: "lighthousez", Spell: "off", Limit: 1}, "late")
	stop()
	h.run(t, c)
	h.until(t, patience, misspelt, "umbrella")
	publishEncoder(t, h, encoderFile(t, 2))
	servicetest.Eventually(t, patience, func() error {
		if n := h.kit.Models.Loaded(); n < 3 {
			return fmt.Errorf("%d models were loaded", n)
		}
		return nil
	})
	h.until(t, patience, misspelt, "umbrella")
}

func fillEncoded(t *testing.T, b *bus.Bus) {
	t.Helper()
	for _, title := range strings.Fields("umbrella teapot saddle violin") {
		putItem(t, b, shop.Item{ID: shop.ItemID(title), Title: strings.ToUpper(title), Price: 5})
	}
}
