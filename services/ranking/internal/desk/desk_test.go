package desk

import (
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/haggle-commerce/haggle/libs/feature"
	"github.com/haggle-commerce/haggle/libs/model"
	"github.com/haggle-commerce/haggle/libs/model/linear"
	"github.com/haggle-commerce/haggle/libs/shop"
	"github.com/haggle-commerce/haggle/libs/wire"
	"github.com/haggle-commerce/haggle/services/ranking/internal/variant"
)

var noon = time.Date(2026, 9, 16, 12, 0, 0, 0, time.UTC)

func columns(ids []shop.ItemID, scores []float32) *wire.Columns {
	var c wire.Columns
	c.Clear()
	for _, id := range ids {
		c.AddID(id)
	}
	if scores != nil {
		c.Names = []string{wire.ColumnScore}
		c.SetValues(scores)
	}
	return &c
}

// byText is a model that scores by how much of the query an item covers, and takes off for its price.
func byText(t testing.TB) *variant.Variant {
	t.Helper()
	scorer := &linear.Model{Weights: []float32{10, -1}}
	v, err := variant.New("ranker-1", "linear", &model.File{Header: model.Header{Features: []string{"text_coverage", "price_log"}}, Scorer: scorer})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func catalogueOf(n int) (*feature.Catalogue, []shop.ItemID) {
	var c feature.Catalogue
	var ids []shop.ItemID
	for i := range n {
		id := shop.ItemID(fmt.Sprintf("item-%04d", i))
		title := "blue lamp"
		if i%10 == 3 {
			title = "red shoe"
		}
		c.Put(feature.NewFacts(&shop.Item{ID: id, Title: title, Price: float64(1 + i), Categories: []string{"a", fmt.Sprint(i % 7)}}))
		ids = append(ids, id)
	}
	return &c, ids
}

func TestDeskRanks(t *testing.T) {
	c, ids := catalogueOf(40)
	x, v := feature.NewExtractor(c), byText(t)
	var d Desk
	for range 3 {
		d.Take(columns(ids, nil))
		clear(d.Rows)
		d.Features(x, c, feature.Question{Query: "Red shoes", Shopper: &d.Shopper, Now: noon}, []string{"item-0001"})
		if !d.Rank(v) {
			t.Fatal("a score is not finite")
		}
		best := slices.Index(d.Scores, slices.Max(d.Scores))
		if d.IDs[best] != "item-0003" {
			t.Errorf("best is %s, want the cheapest red shoe", d.IDs[best])
		}
		d.Clear()
	}
}

func TestKeepOrder(t *testing.T) {
	ids := []shop.ItemID{"a", "b", "c"}
	for name, test := range map[string]struct{ sent, want []float32 }{
		"recall's scores":  {[]float32{3, 2, 1}, []float32{3, 2, 1}},
		"no scores":        {nil, []float32{0, -1, -2}},
		"not all a number": {[]float32{3, float32(math.NaN()), 1}, []float32{0, -1, -2}},
	} {
		var d Desk
		c := columns(ids, test.sent)
		d.Take(c)
		d.KeepOrder(c)
		if !slices.Equal(d.Scores, test.want) {
			t.Errorf("%s: scores %v, want %v", name, d.Scores, test.want)
		}
	}
}

func TestClearLetsGoOfALargeQuery(t *testing.T) {
	_, ids := catalogueOf(mostKept + 1)
	var d Desk
	d.Take(columns(ids, nil))
	d.Clear()
	if cap(d.Rows) != 0 {
		t.Errorf("memory for %d rows is kept", cap(d.Rows))
	}
}

func TestDeskCostsNoMemory(t *testing.T) {
	c, ids := catalogueOf(100)
	x, v, message := feature.NewExtractor(c), byText(t), columns(ids, nil)
	var d Desk
	work := func() {
		d.Take(message)
		d.Features(x, c, feature.Question{Query: "red shoes", Shopper: &d.Shopper, Now: noon}, nil)
		d.Rank(v)
		d.Clear()
	}
	work()
	// The one is the string that all ids share, which is part of the message.
	if n := testing.AllocsPerRun(50, work); n > 1 {
		t.Errorf("a query allocates %v times, want 1", n)
	}
}
