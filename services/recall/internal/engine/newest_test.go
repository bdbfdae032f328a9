package engine

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/haggle-commerce/haggle/libs/shop"
	"github.com/haggle-commerce/haggle/services/recall/internal/snapshot"
	"github.com/haggle-commerce/haggle/services/recall/internal/top"
)

// TestNewestEqualsSorting puts, dates anew and deletes items, and compares with sorting the whole catalogue, also after a restart.
func TestNewestEqualsSorting(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		random := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		e := New(Defaults())
		for range rapid.IntRange(0, 150).Draw(t, "changes") {
			id := shop.ItemID(strconv.Itoa(random.IntN(30)))
			it := &shop.Item{ID: id, Title: "a thing"}
			switch random.IntN(4) {
			case 0:
				it = nil
			case 1: // nobody knows when it came
			default:
				it.CreatedAt = time.Unix(int64(1+random.IntN(20)), 0)
			}
			e.Apply([]Change{{ID: id, Item: it}})
		}
		check := func(e *Engine) {
			var want []top.Entry
			for s := range e.catalogue.Live().All {
				if e.catalogue.Created(s) != 0 {
					want = append(want, e.newestEntry(s))
				}
			}
			slices.SortFunc(want, top.Compare)
			if got := slices.Collect(e.newest.All); !slices.Equal(got, want) {
				t.Fatalf("newest = %v, want %v", got, want)
			}
		}
		check(e)
		if random.IntN(8) > 0 {
			return // writing a whole state takes longer than all else
		}
		var file bytes.Buffer
		w, err := snapshot.NewWriter(&file, snapshot.Header{Settings: Defaults().Settings()})
		if err == nil {
			err = e.Save(w)
		}
		if err == nil {
			err = w.Close()
		}
		if err != nil {
			t.Fatal(err)
		}
		r, err := snapshot.NewReader(bytes.NewReader(file.Bytes()), int64(file.Len()))
		if err != nil {
			t.Fatal(err)
		}
		again, err := Load(Defaults(), r)
		if err != nil {
			t.Fatal(err)
		}
		check(again)
	})
}
