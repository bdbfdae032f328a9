package engine

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/haggle-commerce/haggle/libs/model/encoder"
	"github.com/haggle-commerce/haggle/libs/shop"
	"github.com/haggle-commerce/haggle/libs/wire"
)

// untrained is an encoder for which texts are near that share words and parts of words.
func untrained(t testing.TB, seed uint64) *encoder.Model {
	t.Helper()
	const dims, rows = 64, 1 << 14
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
	return m
}

// catalogueOf hands over items as the door does from the stream.
func catalogueOf(items ...*shop.Item) Items {
	return func(_ context.Context, wants func(shop.ItemID) bool, take func(*shop.Item)) error {
		for _, it := range items {
			if wants(it.ID) {
				take(it)
			}
		}
		return nil
	}
}

func rawVector(x ...float32) []byte {
	var b []byte
	for _, v := range x {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
	}
	return b
}

func hasStage(reply *wire.RecallReply, name string) bool {
	return slices.ContainsFunc(reply.Stages, func(s *wire.Stage) bool { return s.Name == name })
}

func TestVectorsOfTheCatalogue(t *testing.T) {
	e := New(small())
	var items []*shop.Item
	for i := range 20 {
		angle := float64(i) / 20
		items = append(items, &shop.Item{ID: shop.ItemID(fmt.Sprint("i", i)), Title: fmt.Sprintf("w%dx", i), Price: 5, Vector: []float32{float32(math.Cos(angle)), float32(math.Sin(angle))}})
	}
	items = append(items, &shop.Item{ID: "odd", Title: "odd one", Vector: []float32{1, 2, 3}})
	e.Apply(put(items...))
	if size := e.Size(); size.Vectors != 20 || size.RefusedVectors != 1 || size.VectorBytes == 0 {
		t.Errorf("%+v", size)
	}
	ids, reply := ask(t, e, &wire.RecallRequest{Query: "nothing like it", Vector: rawVector(1, 0), Limit: 3})
	if joined(ids) != "i0 i1 i2" || !hasStage(reply, "recall.vector") || reply.Total == 0 {
		t.Errorf("a search for a vector finds %q, total %d, stages %v", joined(ids), reply.Total, reply.Stages)
	}
	// The words find i3, and what lies near is found beside it: all three are of the result.
	ids, reply = ask(t, e, &wire.RecallRequest{Query: "w3x", Vector: rawVector(1, 0), Limit: 4})
	if !slices.Contains(ids, "i3") || len(ids) != 4 || reply.Total != 4 {
		t.Errorf("words and a vector find %q of %d, want i3 among all 4", joined(ids), reply.Total)
	}
	picture := &wire.RecallRequest{Vector: rawVector(1, 0), Limit: 3, ExcludeItems: []string{"i1"}, Facets: []string{"price"}}
	if ids, reply = ask(t, e, picture); joined(ids) != "i0 i2 i3" || reply.Total != 3 {
		t.Errorf("a vector without words finds %q, total %d, stages %v", joined(ids), reply.Total, reply.Stages)
	}
	picture.Filter, picture.Facets = "id: ANY(i8, i12, odd)", []string{"id"}
	if ids, reply = ask(t, e, picture); joined(ids) != "i8 i12" || reply.Total != 2 {
		t.Errorf("a vector without words and a filter find %q, total %d", joined(ids), reply.Total)
	}
	if ids, reply = ask(t, e, &wire.RecallRequest{Vector: rawVector(1, 0, 0), Limit: 3}); len(ids) != 3 || !slices.Contains(reply.Degraded, "recall.vector:dims") {
		t.Errorf("a vector of another length finds %q, degraded %v", joined(ids), reply.Degraded)
	}
	ids, reply = ask(t, e, &wire.RecallRequest{Purpose: wire.Purpose_PURPOSE_SIMILAR, ContextItems: []string{"i10"}, Limit: 8})
	if !slices.Contains(ids[:3], "i9") || !slices.Contains(ids[:3], "i11") || reply.Candidates.Column(wire.ColumnVector, nil)[0] <= 0.9 {
		t.Errorf("near i10 are %q", joined(ids))
	}
	ids, _ = ask(t, e, &wire.RecallRequest{Purpose: wire.Purpose_PURPOSE_RECOMMEND, Vector: rawVector(0, 1), Limit: 5, ExcludeItems: []string{"i19"}})
	if slices.Contains(ids, "i19") {
		t.Errorf("an excluded item is recommended: %q", joined(ids))
	}
	if _, reply := ask(t, e, &wire.RecallRequest{Query: "w3x", Vector: rawVector(1, 0, 0)}); !slices.Contains(reply.Degraded, "recall.vector:dims") {
		t.Errorf("another length: degraded %v", reply.Degraded)
	}
	e.Apply([]Change{{ID: "i0"}})
	if ids, _ := ask(t, e, &wire.RecallRequest{Query: "no such", Vector: rawVector(1, 0), Limit: 1}); joined(ids) != "i1" {
		t.Errorf("after a delete %q", joined(ids))
	}
}

func TestVectorIsChecked(t *testing.T) {
	for _, raw := range [][]byte{{1, 2, 3}, make([]byte, 4*1025), rawVector(1, float32(math.NaN())), rawVector(float32(math.Inf(1)))} {
		if err := checkVector(raw); err == nil {
			t.Errorf("a vector of %d bytes was taken", len(raw))
		}
	}
	if err := checkVector(rawVector(1, 2)); err != nil {
		t.Error(err)
	}
}

func TestEncoderFindsWhatIsMeant(t *testing.T) {
	e := boutique()
	if _, reply := ask(t, e, &wire.RecallRequest{Query: "raincoats", Spell: "off"}); hasStage(reply, "recall.vector") {
		t.Error("vectors are searched without an encoder")
	}
	if err := e.SetEncoder(t.Context(), "one", untrained(t, 1), catalogueOf(boutiqueItems()...)); err != nil {
		t.Fatal(err)
	}
	if size := e.Size(); size.Encoded != size.Items {
		t.Errorf("%d of %d items have a vector", size.Encoded, size.Items)
	}
	e.Apply(put(&shop.Item{ID: "umbrella", Title: "Umbrella", Price: 5}))
	ids, reply := ask(t, e, &wire.RecallRequest{Query: "umbrellaz", Spell: "off", Limit: 2})
	if ids[0] != "umbrella" || !hasStage(reply, "recall.vector") || reply.Total == 0 {
		t.Errorf("%q, degraded %v, total %d", joined(ids), reply.Degraded, reply.Total)
	}
	if ids, _ := ask(t, e, &wire.RecallRequest{Query: "umbrellaz", Spell: "off", Filter: "price > 100"}); slices.Contains(ids, "umbrella") {
		t.Error("the filter does not hold for what is meant")
	}
	if ids, _ := ask(t, e, &wire.RecallRequest{Query: "xqzzkv", Spell: "off"}); len(ids) != 0 {
		t.Errorf("nonsense finds %q", joined(ids))
	}
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	if err := e.SetEncoder(ended, "two", untrained(t, 2), catalogueOf(boutiqueItems()...)); err == nil {
		t.Error("an ended context was not heard")
	}
}

// Of many items that have nothing to do with a query hardly any is found for it.
func TestNonsenseFindsHardlyAnything(t *testing.T) {
	const dims = 64
	r := rand.New(rand.NewPCG(5, 5))
	for _, items := range []int{100, 2000, 50_000} {
		least, found := leastCosine(items, dims), 0
		const queries = 20
		for range queries * items {
			// The cosine of two random directions: one number of a random direction.
			var first, sum float64
			for i := range dims {
				x := r.NormFloat64()
				if sum += x * x; i == 0 {
					first = x
				}
			}
			if first/math.Sqrt(sum) >= least {
				found++
			}
		}
		if found > 2*queries {
			t.Errorf("of %d items a query of nonsense finds %.1f, want about one", items, float64(found)/queries)
		}
	}
}

// Where words find a page, the encoder brings nothing in: it orders what they found.
func TestEncoderOrdersWhatWordsFind(t *testing.T) {
	var items []*shop.Item
	for i := range 40 {
		items = append(items, &shop.Item{ID: shop.ItemID(fmt.Sprint("i", i)), Title: fmt.Sprintf("lantern model%dx", i), Price: 5})
	}
	items = append(items, &shop.Item{ID: "other", Title: "lanternz"})
	e := New(small())
	e.Apply(put(items...))
	request := &wire.RecallRequest{Query: "lantern", Limit: 60}
	before, plain := ask(t, e, request)
	if err := e.SetEncoder(t.Context(), "one", untrained(t, 1), catalogueOf(items...)); err != nil {
		t.Fatal(err)
	}
	after, reply := ask(t, e, request)
	if !hasStage(reply, "recall.vector") || reply.Total != plain.Total || len(reply.Degraded) > 0 {
		t.Errorf("total %d and %d, degraded %v", plain.Total, reply.Total, reply.Degraded)
	}
	was, is := plain.Candidates.Column(wire.ColumnScore, nil), reply.Candidates.Column(wire.ColumnScore, nil)
	for i, id := range after {
		at := slices.Index(before, id)
		if at < 0 {
			t.Fatalf("%s was not found before", id)
		}
		if factor := is[i] / was[at]; factor < 1-meaningWeight || factor > 1+meaningWeight+1e-5 || i > 0 && is[i] > is[i-1] {
			t.Errorf("%s had %v and has %v", id, was[at], is[i])
		}
	}
	if len(after) != len(before) || slices.Equal(after, before) {
		t.Errorf("%d items became %d, in the same order: %v", len(before), len(after), slices.Equal(after, before))
	}
}

// TestEncoderSwapsWhileTheShopChanges is for the race detector, and checks that what changed meanwhile is encoded too.
func TestEncoderSwapsWhileTheShopChanges(t *testing.T) {
	items, _ := generatedShop(400, 10)
	e := New(small())
	e.Apply(put(items[:300]...))
	done := make(chan error)
	go func() {
		for seed := range uint64(3) {
			if err := e.SetEncoder(t.Context(), fmt.Sprint(seed), untrained(t, seed), catalogueOf(items...)); err != nil {
				done <- err
				return
			}
			e.ArrangeVectors(t.Context())
		}
		done <- nil
	}()
	for i := range 100 {
		e.Apply(put(items[300+i]))
		e.Apply([]Change{{ID: items[i].ID}})
		ask(t, e, &wire.RecallRequest{Query: items[i].Title + " and so on", Limit: 5})
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if size := e.Size(); size.Encoded != size.Items || size.Items != 300 {
		t.Errorf("%d of %d items have a vector", size.Encoded, size.Items)
	}
}

// TestEncodedTextsAreThoseOfTheItems compares the vectors of an engine whose encoder came late, and again, with those of one that had it
// from the beginning.
func TestEncodedTextsAreThoseOfTheItems(t *testing.T) {
	items, _ := generatedShop(60, 10)
	e, want := New(small()), New(small())
	for _, m := range []*Engine{e, want} {
		if err := m.SetEncoder(t.Context(), "last", untrained(t, 2), nil); err != nil {
			t.Fatal(err)
		}
	}
	want.Apply(put(items...))
	e.Apply(put(items[:40]...))
	if err := e.SetEncoder(t.Context(), "first", untrained(t, 1), catalogueOf(items...)); err != nil {
		t.Fatal(err)
	}
	e.Apply(put(items[30:]...))
	read := 0
	if err := e.SetEncoder(t.Context(), "last", untrained(t, 2), func(ctx context.Context, wants func(shop.ItemID) bool, take func(*shop.Item)) error {
		older := *items[7]
		older.Title = "as it was before"
		e.Apply(put(items[7]))
		if wants(older.ID) {
			t.Error("an item that has changed is wanted")
		}
		take(&older)
		return catalogueOf(items...)(ctx, wants, func(it *shop.Item) { read++; take(it) })
	}); err != nil {
		t.Fatal(err)
	}
	if read != len(items)-1 {
		t.Errorf("%d items were read", read)
	}
	for _, it := range items {
		if got, want := textVector(e, it.ID), textVector(want, it.ID); !slices.Equal(got, want) {
			t.Fatalf("%s has %v, want %v", it.ID, got, want)
		}
	}
	if err := e.SetEncoder(t.Context(), "last", untrained(t, 2), func(context.Context, func(shop.ItemID) bool, func(*shop.Item)) error {
		return errors.New("it is in use")
	}); err != nil {
		t.Error(err)
	}
}

// textVector returns the vector of an item's text.
func textVector(e *Engine, id shop.ItemID) []float32 {
	v := make([]float32, e.vectors.used.texts.Dims())
	if s, ok := e.catalogue.Find(id); ok && e.vectors.used.texts.Vector(s, v) {
		return v
	}
	return nil
}

// TestVectorsAreSaved also checks that an encoder that comes back needs to read nothing, and that it goes on with what changes.
func TestVectorsAreSaved(t *testing.T) {
	e := New(small())
	items, _ := generatedShop(50, 10)
	for i, it := range items {
		it.Vector = []float32{float32(i), 1, 2}
	}
	e.Apply(put(items[:49]...))
	if err := e.SetEncoder(t.Context(), "one", untrained(t, 1), catalogueOf(items...)); err != nil {
		t.Fatal(err)
	}
	file := saved(t, e, small())
	other := loaded(t, file, small())
	if again := saved(t, other, small()); !bytes.Equal(file, again) {
		t.Error("saved again it differs")
	}
	other.Apply(put(items[49]))
	if err := other.SetEncoder(t.Context(), "one", untrained(t, 1), nil); err != nil {
		t.Fatal(err)
	}
	if size := other.Size(); size.Vectors != 50 || size.Encoded != 50 {
		t.Errorf("%+v", size)
	}
}
