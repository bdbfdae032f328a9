package factor

import (
	"errors"
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/haggle-commerce/haggle/libs/model"
	"github.com/haggle-commerce/haggle/libs/shop"
)

var update = flag.Bool("update", false, "write the golden files anew")

// draw makes a model of random vectors.
func draw(t testing.TB, seed uint64, items, rank int, fold Fold) *Model {
	t.Helper()
	r := rand.New(rand.NewPCG(seed, 1))
	m := Model{Rank: rank, Fold: fold}
	for i := range items {
		m.IDs = append(m.IDs, shop.ItemID(fmt.Sprintf("i%04d", i)))
		for range rank {
			m.Vectors = append(m.Vectors, float32(r.NormFloat64()))
		}
	}
	if fold == Sum {
		for range items {
			m.Scales = append(m.Scales, r.Float32())
		}
	} else {
		m.Unobserved, m.Regularisation, m.Frequency = 0.2, 0.1, 0.5
		m.Prior = make([]float32, rank*rank)
		for i := range items {
			for a := range rank {
				for b := range rank {
					m.Prior[a*rank+b] += 0.2 * m.Vectors[i*rank+a] * m.Vectors[i*rank+b]
				}
			}
		}
	}
	made, err := New(m)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// TestFoldSolvesNormalEquations puts what was folded in into the normal equations, in float64.
func TestFoldSolvesNormalEquations(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		items, rank := rapid.IntRange(1, 30).Draw(rt, "items"), rapid.IntRange(1, 9).Draw(rt, "rank")
		m := draw(t, rapid.Uint64().Draw(rt, "seed"), items, rank, Solve)
		var history []Seed
		total := 0.0
		for range rapid.IntRange(0, 6).Draw(rt, "history") {
			s := Seed{uint32(rapid.IntRange(0, items-1).Draw(rt, "item")), float32(rapid.IntRange(0, 3).Draw(rt, "weight"))}
			history, total = append(history, s), total+float64(s.Weight)
		}
		user := m.Folder().Fold(history)
		for r := range rank {
			got, want := m.Regularisation*math.Pow(total+m.Unobserved*float64(items), m.Frequency)*float64(user[r]), 0.0
			for c := range rank {
				got += float64(m.Prior[r*rank+c]) * float64(user[c])
			}
			for _, s := range history {
				h := m.Vector(s.Index)
				product := 0.0
				for c := range rank {
					product += float64(h[c]) * float64(user[c])
				}
				got += float64(s.Weight) * float64(h[r]) * product
				want += float64(s.Weight) * float64(h[r])
			}
			if math.Abs(got-want) > 1e-3*(1+math.Abs(want)) {
				rt.Fatalf("row %d gives %v, want %v", r, got, want)
			}
		}
	})
}

func TestSumAndScore(t *testing.T) {
	m, err := New(Model{IDs: []shop.ItemID{"a", "b"}, Rank: 2, Vectors: []float32{1, 2, 3, 4}, Scales: []float32{1, 0.5}})
	if err != nil {
		t.Fatal(err)
	}
	// 1 * 1 * (1, 2) + 2 * 0.5 * (3, 4) = (4, 6); with a (1, 2): 16, with b (3, 4): 36.
	user := m.Folder().Fold([]Seed{{0, 1}, {1, 2}, {1, -1}})
	scores := make([]float32, 2)
	m.Score(scores, user)
	if scores[0] != 16 || scores[1] != 36 {
		t.Errorf("scores = %v, want [16 36]", scores)
	}
	if i, ok := m.Lookup("b"); !ok || i != 1 {
		t.Errorf("Lookup(b) = %d %v, want 1 true", i, ok)
	}
	if _, ok := m.Lookup("c"); ok {
		t.Error("Lookup(c) finds it")
	}
}

func TestFoldDoesNotAllocate(t *testing.T) {
	m := draw(t, 1, 50, 8, Solve)
	f, history := m.Folder(), []Seed{{1, 1}, {7, 2}}
	if n := testing.AllocsPerRun(20, func() { f.Fold(history) }); n != 0 {
		t.Errorf("Fold allocates %v times", n)
	}
}

func TestRoundTrip(t *testing.T) {
	for _, fold := range []Fold{Sum, Solve} {
		want := draw(t, 2, 20, 4, fold)
		file, err := want.Encode(nil)
		if err != nil {
			t.Fatal(err)
		}
		got, err := Open(file)
		if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); err != nil || diff != "" {
			t.Errorf("Open (%v, -want +got):\n%s", err, diff)
		}
		for _, at := range []int{8, 30, len(file) / 2, len(file) - 1} {
			broken := append([]byte(nil), file...)
			broken[at] ^= 1
			if _, err := Open(broken); err == nil {
				t.Errorf("a file with a changed byte %d opens", at)
			}
		}
	}
}

func TestGoldenFile(t *testing.T) {
	m, err := New(Model{
		IDs: []shop.ItemID{"a", "沙发"}, Rank: 2, Vectors: []float32{0.5, -1, 2, 0.25}, Fold: Solve,
		Prior: []float32{0.5, 0, 0, 0.25}, Unobserved: 0.125, Regularisation: 0.5, Frequency: 1,
	})
	if err != nil {
		t.Fatal(err)
	}
	file, err := m.Encode(map[string]string{"made_by": "test"})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join("testdata", "factor_v1.golden")
	if *update {
		if err := os.WriteFile(path, file, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	golden, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(golden) != string(file) {
		t.Errorf("the file is another than %s: the format needs a new version", path)
	}
	if _, err := Open(golden); err != nil {
		t.Error(err)
	}
}

func TestRefuses(t *testing.T) {
	good := func() Model {
		return Model{IDs: []shop.ItemID{"a", "b"}, Rank: 1, Vectors: []float32{1, 2}, Scales: []float32{1, 1}}
	}
	for name, spoil := range map[string]func(*Model){
		"no rank":           func(m *Model) { m.Rank = 0 },
		"too few elements":  func(m *Model) { m.Vectors = m.Vectors[:1] },
		"not a number":      func(m *Model) { m.Vectors[1] = float32(math.NaN()) },
		"endless scale":     func(m *Model) { m.Scales[0] = float32(math.Inf(1)) },
		"no scales":         func(m *Model) { m.Scales = nil },
		"unknown fold":      func(m *Model) { m.Fold = 7 },
		"no regularisation": func(m *Model) { m.Fold, m.Scales, m.Prior = Solve, nil, []float32{1} },
		"ids out of order":  func(m *Model) { m.IDs[0] = "c" },
		"empty id":          func(m *Model) { m.IDs[0] = "" },
	} {
		m := good()
		spoil(&m)
		if _, err := New(m); err == nil {
			t.Errorf("%s: New takes it", name)
		}
	}
	file, err := model.Encode(model.Header{Kind: model.KindNeighbour}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Open(file); !errors.Is(err, model.ErrKind) {
		t.Errorf("Open of another kind = %v, want ErrKind", err)
	}
	file, err = model.Encode(model.Header{Kind: model.KindFactor}, make([]byte, headBytes))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Open(file); !errors.Is(err, model.ErrVersion) {
		t.Errorf("Open of another version = %v, want ErrVersion", err)
	}
}

func FuzzDecode(f *testing.F) {
	for _, fold := range []Fold{Sum, Solve} {
		payload, err := draw(f, 3, 3, 2, fold).AppendBinary(nil)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(payload)
		f.Add(payload[:len(payload)-1])
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := Decode(b)
		if err != nil {
			return
		}
		again, err := m.AppendBinary(nil)
		if err != nil || string(again) != string(b) {
			t.Fatalf("a payload that decodes is written another way (%v)", err)
		}
		if m.Len() > 0 {
			m.Folder().Fold([]Seed{{0, 1}})
		}
	})
}

func BenchmarkFold(b *testing.B) {
	for _, rank := range []int{32, 64, 128} {
		m := draw(b, 1, 1000, rank, Solve)
		f, history := m.Folder(), make([]Seed, 20)
		for i := range history {
			history[i] = Seed{uint32(i * 7), 1}
		}
		b.Run(fmt.Sprint(rank), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				f.Fold(history)
			}
		})
	}
}
