package session

import (
	"errors"
	"flag"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/haggle-commerce/haggle/libs/model"
	"github.com/haggle-commerce/haggle/libs/model/linear"
	"github.com/haggle-commerce/haggle/libs/model/trees"
)

var update = flag.Bool("update", false, "write the golden files")

// filled is an index of random sessions over Zipf's items.
func filled(sessions, items int) (*Index, func() uint32) {
	p := Defaults()
	p.Sessions = sessions
	x := New(p)
	random := rand.New(rand.NewPCG(5, 6))
	zipf := rand.NewZipf(random, 1.2, 20, uint64(items-1))
	draw := func() uint32 { return uint32(zipf.Uint64()) }
	for i := range sessions + sessions/10 {
		for range 2 + random.IntN(20) {
			x.Touch(uint64(i)+1, draw())
		}
	}
	return x, draw
}

func use(t testing.TB, x *Index, s model.Scorer) {
	t.Helper()
	if err := x.Use(&Model{Params: x.Params(), Scorer: s}); err != nil {
		t.Fatal(err)
	}
}

// TestPredictOrders checks what every answer must be, with a scorer and without, whole and masked.
func TestPredictOrders(t *testing.T) {
	x, draw := filled(2000, 300)
	for _, scorer := range []model.Scorer{nil, Default().Scorer} {
		use(t, x, scorer)
		var sc Scratch
		for range 200 {
			q := Query{Current: []uint32{draw(), draw(), draw()}}
			if draw()%2 == 0 {
				q.Keep = []uint64{0x5555555555555555, 0, math.MaxUint64}
			}
			found := slices.Clone(x.Predict(&sc, &q, 150))
			if len(found) == 0 {
				t.Fatalf("nothing is found for %v", q)
			}
			seen := map[uint32]bool{}
			for i, f := range found {
				if f.Score <= 0 || f.Score > 1 || i > 0 && f.Score > found[i-1].Score {
					t.Fatalf("score %v of place %d, after %v", f.Score, i, found[max(i-1, 0)].Score)
				}
				if seen[f.Item] || !q.keeps(f.Item) {
					t.Fatalf("item %d comes twice or is masked", f.Item)
				}
				seen[f.Item] = true
			}
			if found[0].Score != 1 {
				t.Errorf("the best score is %v, want 1", found[0].Score)
			}
			if few := x.Predict(&sc, &q, 10); !slices.Equal(few, found[:min(10, len(found))]) {
				t.Fatalf("the best 10 of %v are %v, of 150 %v", q, few, found[:10])
			}
		}
	}
}

func TestWhatWasJustDoneCounts(t *testing.T) {
	x := New(Defaults())
	var sc Scratch
	if found := x.Predict(&sc, &Query{Current: []uint32{1}}, 5); len(found) != 0 {
		t.Errorf("an empty index finds %v", found)
	}
	x.Touch(7, 1)
	x.Touch(7, 2)
	found := x.Predict(&sc, &Query{Current: []uint32{1}}, 5)
	if len(found) == 0 || found[0] != (Found{Item: 2, Score: 1, Because: 1}) {
		t.Errorf("after one session 1, 2 what follows 1 is %v, want 2 because of 1", found)
	}
	if found := x.Predict(&sc, &Query{Current: []uint32{1}, Own: 7}, 5); len(found) != 0 {
		t.Errorf("a session is a neighbour of itself: %v", found)
	}
}

func TestPredictDoesNotAllocate(t *testing.T) {
	x, draw := filled(2000, 300)
	use(t, x, Default().Scorer)
	var sc Scratch
	q := Query{Current: make([]uint32, 5)}
	ask := func() {
		for i := range q.Current {
			q.Current[i] = draw()
		}
		x.Predict(&sc, &q, 50)
	}
	for range 2000 {
		ask()
	}
	if n := testing.AllocsPerRun(500, ask); n > 0 {
		t.Errorf("a prediction allocates %v times", n)
	}
}

func TestMemoryIsBounded(t *testing.T) {
	p := Defaults()
	p.Sessions = 500
	x := New(p)
	most := 0
	for i := range 50_000 {
		for j := range 20 {
			x.Touch(uint64(i)+1, uint32(i*j%977))
		}
		if i == 10_000 {
			most, _ = x.Bytes()
		}
	}
	if bytes, _ := x.Bytes(); bytes > most*5/4 {
		t.Errorf("the index grows from %d to %d bytes though its window is full", most, bytes)
	}
}

// forest is a small model of trees on a base, by hand.
func forest(t testing.TB) *trees.Model {
	t.Helper()
	m, err := trees.New(featureCount, 0.5, []trees.Tree{{Nodes: []trees.Node{{Feature: 3, Threshold: 0.25}}, Leaves: []float32{-1, 2}}})
	if err != nil {
		t.Fatal(err)
	}
	if m, err = m.OnBase(Default().Scorer.(*linear.Model)); err != nil {
		t.Fatal(err)
	}
	return m
}

func TestModelRoundTrip(t *testing.T) {
	for name, scorer := range map[string]model.Scorer{"mix": nil, "linear": Default().Scorer, "trees": forest(t)} {
		m := &Model{Params: Defaults(), Scorer: scorer}
		m.Params.Gap = 0.8
		file, err := m.Encode(map[string]string{"trained_on": "a test"})
		if err != nil {
			t.Fatal(err)
		}
		got, err := Open(file)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		again, err := got.Encode(map[string]string{"trained_on": "a test"})
		if err != nil || string(again) != string(file) || got.Params != m.Params {
			t.Errorf("%s: %+v comes back as %+v, %v", name, m, got, err)
		}
	}
}

func TestGoldenModel(t *testing.T) {
	file, err := Default().Encode(nil)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join("testdata", "default_v1.golden")
	if *update {
		if err := os.WriteFile(path, file, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, file); diff != "" {
		t.Errorf("the default model is written in another way (-want +got):\n%s", diff)
	}
	if _, err := Open(want); err != nil {
		t.Errorf("Open of the golden file: %v", err)
	}
}

func TestModelsAreRefused(t *testing.T) {
	narrow := &Model{Params: Defaults(), Scorer: &linear.Model{Weights: make([]float32, 3)}}
	if _, err := narrow.Encode(nil); err == nil {
		t.Error("a scorer of 3 features is written")
	}
	if err := New(Defaults()).Use(&Model{}); err == nil {
		t.Error("constants of 0 are used")
	}
	other, err := model.Encode(model.Header{Kind: model.KindLinear}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Open(other); !errors.Is(err, model.ErrKind) {
		t.Errorf("a file of another kind: %v, want %v", err, model.ErrKind)
	}
	if other, err = model.Encode(model.Header{Kind: model.KindSession, Features: []string{"a"}}, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(other); !errors.Is(err, model.ErrKind) {
		t.Errorf("a file of other features: %v, want %v", err, model.ErrKind)
	}
}

func FuzzDecode(f *testing.F) {
	for _, m := range []*Model{Default(), {Params: Defaults()}, {Params: Defaults(), Scorer: forest(f)}} {
		file, err := m.Encode(nil)
		if err != nil {
			f.Fatal(err)
		}
		_, payload, err := model.Split(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(payload)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := decode(b)
		if err != nil {
			return
		}
		if _, err := m.Encode(nil); err != nil {
			t.Errorf("what was decoded is not encoded: %v", err)
		}
	})
}

func BenchmarkPredict(b *testing.B) {
	x, draw := filled(50_000, 20_000)
	for name, scorer := range map[string]model.Scorer{"mix": nil, "linear": Default().Scorer} {
		for _, size := range []int{1, 3, 10} {
			b.Run(name+"/items="+string(rune('0'+size/10))+string(rune('0'+size%10)), func(b *testing.B) {
				use(b, x, scorer)
				var sc Scratch
				q := Query{Current: make([]uint32, size)}
				b.ReportAllocs()
				for b.Loop() {
					for i := range q.Current {
						q.Current[i] = draw()
					}
					x.Predict(&sc, &q, 20)
				}
			})
		}
	}
}

func BenchmarkTouch(b *testing.B) {
	x, i := New(Defaults()), 0
	b.ReportAllocs()
	for b.Loop() {
		x.Touch(uint64(i/8+1), uint32(i*31%20_000))
		i++
	}
}
