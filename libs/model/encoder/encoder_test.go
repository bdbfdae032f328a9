package encoder

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/haggle-commerce/haggle/libs/model"
	"github.com/haggle-commerce/haggle/libs/shop"
)

// random returns a model with rows drawn at random: near texts are those that share words.
func random(t testing.TB, buckets, dims int) *Model {
	t.Helper()
	r := rand.New(rand.NewPCG(1, 2))
	table, rarity := make([]float32, buckets*dims), make([]float32, buckets)
	for i := range table {
		table[i] = float32(r.NormFloat64())
	}
	for i := range rarity {
		rarity[i] = 1
	}
	m, err := New(table, rarity, dims)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func cosine(a, b []float32) (sum float64) {
	for i := range a {
		sum += float64(a[i]) * float64(b[i])
	}
	return sum
}

func TestEncode(t *testing.T) {
	m := random(t, 1<<14, 64)
	var w Words
	vector := func(query string) []float32 {
		v := make([]float32, m.Dims())
		if !m.Query(v, &w, query) {
			t.Fatalf("%q has no vector", query)
		}
		if norm := cosine(v, v); math.Abs(norm-1) > 1e-5 {
			t.Errorf("%q has length %v", query, norm)
		}
		return v
	}
	item := make([]float32, m.Dims())
	m.Item(item, &w, TextOf(&shop.Item{Title: "Red Running Shoe", Brand: "Acme", Categories: []string{"Shoes"}, Attributes: map[string][]string{"colour": {"red"}}, Titles: map[string]string{"zh": "红色跑鞋"}}))
	near, far := cosine(vector("running shoe"), item), cosine(vector("garden hose"), item)
	if near < 0.4 || math.Abs(far) > 0.3 {
		t.Errorf("a near query has %v, a far one %v", near, far)
	}
	if chinese := cosine(vector("跑鞋"), item); chinese < 0.15 {
		t.Errorf("跑鞋 has %v", chinese)
	}
	if wrong := cosine(vector("runnig shoe"), vector("running shoe")); wrong < 0.5 {
		t.Errorf("a misspelt query has %v", wrong)
	}
	if !slices.Equal(vector("ÉCLAIR, Red!"), vector("éclair red")) {
		t.Error("case and punctuation matter")
	}
	for _, empty := range []string{"", " - !", "\xff"} {
		if m.Query(item, &w, empty) {
			t.Errorf("%q has a vector", empty)
		}
	}
}

func TestEncodeDoesNotAllocate(t *testing.T) {
	m := random(t, 1<<10, 64)
	var w Words
	v := make([]float32, 64)
	if got := testing.AllocsPerRun(20, func() { m.Query(v, &w, "red running shoe 42") }); got > 0 {
		t.Errorf("%v allocations", got)
	}
}

func TestWords(t *testing.T) {
	var w Words
	w.Add("Ab cd-12", 2, 1<<20)
	if len(w.List) != 3 || w.List[0].Weight != 2 || w.List[1].From != w.List[0].To {
		t.Fatalf("%+v", w.List)
	}
	// <ab> has the grams <ab, ab> and <ab>.
	if n := w.List[0].To - w.List[0].From; n != 3 {
		t.Errorf("%d grams of ab", n)
	}
	w.Reset()
	w.Add(strings.Repeat("word ", 1000), 1, 10)
	w.Add(strings.Repeat("x", 1000), 1, 10)
	if len(w.List) != maxWords+1 {
		t.Errorf("%d words", len(w.List))
	}
	for _, row := range w.Grams {
		if row >= 10 {
			t.Fatalf("row %d of 10", row)
		}
	}
}

func TestFile(t *testing.T) {
	m := random(t, 300, 16)
	file, err := m.Encode(map[string]string{"trained_on": "nothing"})
	if err != nil {
		t.Fatal(err)
	}
	other, err := Open(file)
	if err != nil {
		t.Fatal(err)
	}
	var w Words
	a, b := make([]float32, 16), make([]float32, 16)
	m.Query(a, &w, "red shoe")
	other.Query(b, &w, "red shoe")
	if !slices.Equal(a, b) {
		t.Error("another vector after reading")
	}
	for i := range file {
		broken := bytes.Clone(file)
		broken[i] ^= 4
		if _, err := Open(broken); !errors.Is(err, model.ErrBroken) && !errors.Is(err, model.ErrVersion) {
			t.Fatalf("byte %d changed: %v", i, err)
		}
	}
	foreign, _ := model.Encode(model.Header{Kind: "other"}, nil)
	if _, err := Open(foreign); !errors.Is(err, model.ErrKind) {
		t.Errorf("another kind: %v", err)
	}
	nan := float32(math.NaN())
	for _, bad := range []struct {
		table, rarity []float32
		dims          int
	}{{nil, nil, 1}, {make([]float32, 3), make([]float32, 2), 2}, {[]float32{nan}, []float32{1}, 1}, {[]float32{1}, []float32{-1}, 1}, {[]float32{1}, []float32{nan}, 1}} {
		if _, err := New(bad.table, bad.rarity, bad.dims); err == nil {
			t.Errorf("%v was taken", bad)
		}
	}
}

func FuzzDecode(f *testing.F) {
	good, _ := random(f, 5, 3).AppendBinary(nil)
	f.Add(good, "red shoe")
	f.Add(good[:10], "")
	f.Fuzz(func(t *testing.T, b []byte, text string) {
		m, err := Decode(b)
		if err != nil {
			return
		}
		again, _ := m.AppendBinary(nil)
		if !bytes.Equal(again, b) {
			t.Fatal("written again it differs")
		}
		var w Words
		m.Item(make([]float32, m.Dims()), &w, Text{Title: text, Facts: text})
	})
}

func BenchmarkItem(b *testing.B) {
	m := random(b, 1<<16, 64)
	var w Words
	v := make([]float32, 64)
	text := Text{Title: "Acme Trail 5 running shoe men blue waterproof", Facts: "Acme Shoes Running blue 42 43 44"}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		m.Item(v, &w, text)
	}
	_ = fmt.Sprint(v[0])
}
