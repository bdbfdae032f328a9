package neighbour

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/haggle-commerce/haggle/libs/model"
	"github.com/haggle-commerce/haggle/libs/shop"
)

var update = flag.Bool("update", false, "write the golden files anew")

// small has three items; b has no list.
func small(t testing.TB) *Model {
	t.Helper()
	m, err := New([]shop.ItemID{"a", "b", "沙发"}, []uint32{0, 2, 2, 3}, []uint32{2, 1, 0}, []float32{0.5, 0.25, 1})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestLists(t *testing.T) {
	m := small(t)
	i, ok := m.Lookup("a")
	items, weights := m.Neighbours(i)
	if !ok || !slices.Equal(items, []uint32{2, 1}) || !slices.Equal(weights, []float32{0.5, 0.25}) {
		t.Errorf("list of a = %v %v (%v), want [2 1] [0.5 0.25]", items, weights, ok)
	}
	if i, ok := m.Lookup("b"); !ok || i != 1 {
		t.Errorf("Lookup(b) = %d %v, want 1 true", i, ok)
	}
	if items, _ := m.Neighbours(1); len(items) != 0 {
		t.Errorf("list of b = %v, want none", items)
	}
	if _, ok := m.Lookup("c"); ok {
		t.Error("Lookup(c) finds it")
	}
	if _, ok := new(Model).Lookup("a"); ok {
		t.Error("an empty model finds a")
	}
}

func TestLookupFindsEvery(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 200).Draw(t, "items")
		ids := make([]shop.ItemID, n)
		for i := range ids {
			ids[i] = shop.ItemID(fmt.Sprintf("sku-%05d", 3*i))
		}
		m, err := New(ids, make([]uint32, n+1), nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		for i, id := range ids {
			if got, ok := m.Lookup(id); !ok || got != uint32(i) {
				t.Fatalf("Lookup(%s) = %d %v, want %d", id, got, ok, i)
			}
			if _, ok := m.Lookup(id + "x"); ok {
				t.Fatalf("Lookup(%sx) finds it", id)
			}
		}
	})
}

func TestGoldenFile(t *testing.T) {
	file, err := small(t).Encode(map[string]string{"made_by": "test"})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join("testdata", "neighbour_v1.golden")
	if *update {
		if err := os.WriteFile(path, file, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(file) != string(want) {
		t.Errorf("Encode gives other bytes than %s", path)
	}
	m, err := Open(want)
	if err != nil {
		t.Fatal(err)
	}
	type lists struct {
		IDs            []shop.ItemID
		Offsets, Items []uint32
		Weights        []float32
	}
	of := func(m *Model) lists { return lists{m.IDs, m.Offsets, m.Items, m.Weights} }
	if diff := cmp.Diff(of(small(t)), of(m)); diff != "" {
		t.Errorf("Open (-want +got):\n%s", diff)
	}
}

func TestOpenRefuses(t *testing.T) {
	file, err := small(t).Encode(nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := range file {
		broken := slices.Clone(file)
		broken[i] ^= 0x20
		if _, err := Open(broken); err == nil {
			t.Fatalf("Open takes a file with byte %d flipped", i)
		}
		if _, err := Open(file[:i]); err == nil {
			t.Fatalf("Open takes the first %d bytes", i)
		}
	}
	other, err := model.Encode(model.Header{Kind: model.KindLinear}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Open(other); !errors.Is(err, model.ErrKind) {
		t.Errorf("Open of a linear model = %v, want ErrKind", err)
	}
}

func TestNewRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		ids            []shop.ItemID
		offsets, items []uint32
		weights        []float32
	}{
		"no offsets":         {ids: []shop.ItemID{"a"}},
		"ids out of order":   {ids: []shop.ItemID{"b", "a"}, offsets: []uint32{0, 0, 0}},
		"an id twice":        {ids: []shop.ItemID{"a", "a"}, offsets: []uint32{0, 0, 0}},
		"an empty id":        {ids: []shop.ItemID{""}, offsets: []uint32{0, 0}},
		"falling offsets":    {ids: []shop.ItemID{"a", "b"}, offsets: []uint32{0, 2, 1}, items: []uint32{0}, weights: []float32{1}},
		"an unknown item":    {ids: []shop.ItemID{"a"}, offsets: []uint32{0, 1}, items: []uint32{1}, weights: []float32{1}},
		"a weight of 0":      {ids: []shop.ItemID{"a"}, offsets: []uint32{0, 1}, items: []uint32{0}, weights: []float32{0}},
		"rising weights":     {ids: []shop.ItemID{"a", "b"}, offsets: []uint32{0, 2, 2}, items: []uint32{0, 1}, weights: []float32{1, 2}},
		"weights too few":    {ids: []shop.ItemID{"a"}, offsets: []uint32{0, 1}, items: []uint32{0}},
		"entries left over":  {ids: []shop.ItemID{"a"}, offsets: []uint32{0, 0}, items: []uint32{0}, weights: []float32{1}},
		"offsets that start": {ids: []shop.ItemID{"a"}, offsets: []uint32{1, 1}, items: []uint32{0}, weights: []float32{1}},
	} {
		if _, err := New(c.ids, c.offsets, c.items, c.weights); err == nil {
			t.Errorf("New takes %s", name)
		}
	}
}

func FuzzDecode(f *testing.F) {
	b, err := small(f).AppendBinary(nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte{255, 255, 255, 255, 255, 255, 255, 255})
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := Decode(b)
		if err != nil {
			return
		}
		again, err := m.AppendBinary(nil)
		if err != nil || string(again) != string(b) {
			t.Errorf("%q becomes %q, %v", b, again, err)
		}
		for i, id := range m.IDs {
			if got, ok := m.Lookup(id); !ok || got != uint32(i) {
				t.Errorf("Lookup(%q) = %d %v, want %d", id, got, ok, i)
			}
		}
	})
}

func BenchmarkLookup(b *testing.B) {
	ids := make([]shop.ItemID, 20000)
	for i := range ids {
		ids[i] = shop.ItemID(fmt.Sprintf("sku-%05d", i))
	}
	m, err := New(ids, make([]uint32, len(ids)+1), nil, nil)
	if err != nil {
		b.Fatal(err)
	}
	i := 0
	for b.Loop() {
		i = (i + 7919) % len(ids)
		if _, ok := m.Lookup(ids[i]); !ok {
			b.Fatal("not found")
		}
	}
}
