package trees

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/haggle-commerce/haggle/libs/model/linear"
)

// forest draws complete trees.
func forest(random *rand.Rand, count, features, maxDepth int) []Tree {
	trees := make([]Tree, count)
	for i := range trees {
		depth := random.IntN(maxDepth + 1)
		for range 1<<depth - 1 {
			n := Node{Feature: uint32(random.IntN(features)), Threshold: float32(random.NormFloat64())}
			if random.IntN(8) == 0 {
				n.Threshold = float32(math.Inf(1))
			}
			trees[i].Nodes = append(trees[i].Nodes, n)
		}
		for range 1 << depth {
			trees[i].Leaves = append(trees[i].Leaves, float32(random.NormFloat64()))
		}
	}
	return trees
}

// naive scores one row as the doc comment of Score says.
func naive(bias float32, trees []Tree, row []float32) float32 {
	score := bias
	for _, t := range trees {
		at := 0
		for at < len(t.Nodes) {
			if n := t.Nodes[at]; row[n.Feature] > n.Threshold {
				at = 2*at + 2
			} else {
				at = 2*at + 1
			}
		}
		score += t.Leaves[at-len(t.Nodes)]
	}
	return score
}

func TestScoreEqualsNaive(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		random := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		features, rows := rapid.IntRange(1, 40).Draw(t, "features"), rapid.IntRange(0, 40).Draw(t, "rows")
		trees := forest(random, rapid.IntRange(0, 20).Draw(t, "trees"), features, 6)
		m, err := New(features, 0.5, trees)
		if err != nil {
			t.Fatal(err)
		}
		var base *linear.Model
		if rapid.Bool().Draw(t, "base") {
			base = &linear.Model{Bias: 0.25, Weights: make([]float32, features)}
			base.Weights[0] = 2
			if m, err = m.OnBase(base); err != nil {
				t.Fatal(err)
			}
		}
		x := make([]float32, rows*features)
		for i := range x {
			x[i] = float32(random.NormFloat64())
		}
		if base == nil && len(x) > 1 {
			x[1] = float32(math.NaN())
		}
		got, want := make([]float32, rows), make([]float32, rows)
		m.Score(got, x)
		for i := range want {
			begin := float32(0.5)
			if base != nil {
				begin += 0.25 + 2*x[i*features]
			}
			want[i] = naive(begin, trees, x[i*features:(i+1)*features])
		}
		if diff := cmp.Diff(want, got, cmpopts.EquateApprox(1e-5, 1e-5)); diff != "" {
			t.Fatalf("Score (-naive +got):\n%s", diff)
		}
	})
}

func TestRoundTrip(t *testing.T) {
	trees := forest(rand.New(rand.NewPCG(1, 2)), 30, 12, 7)
	m, err := New(12, -1, trees)
	if err != nil {
		t.Fatal(err)
	}
	base := &linear.Model{Bias: 3, Weights: make([]float32, 12)}
	if m, err = m.OnBase(base); err != nil {
		t.Fatal(err)
	}
	b, err := m.AppendBinary(nil)
	if err != nil {
		t.Fatal(err)
	}
	again, err := Decode(b)
	if err != nil {
		t.Fatal(err)
	}
	if again.Base() == nil || again.Base().Bias != 3 {
		t.Fatalf("decoded base %v, want %v", again.Base(), base)
	}
	if _, err := m.OnBase(&linear.Model{}); err == nil {
		t.Error("OnBase takes a base of another width")
	}
	if again.Features() != 12 || again.Trees() != 30 {
		t.Fatalf("decoded %d features and %d trees, want 12 and 30", again.Features(), again.Trees())
	}
	for i := range trees {
		got := again.Tree(i)
		for k, n := range trees[i].Nodes {
			if got.Nodes[k] != n {
				t.Fatalf("tree %d node %d = %v, want %v", i, k, got.Nodes[k], n)
			}
		}
		for k, leaf := range trees[i].Leaves {
			if got.Leaves[k] != leaf {
				t.Fatalf("tree %d leaf %d = %v, want %v", i, k, got.Leaves[k], leaf)
			}
		}
	}
}

func TestNewRefuses(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	for name, c := range map[string]struct {
		bias float32
		tree Tree
	}{
		"no leaf":            {tree: Tree{}},
		"three leaves":       {tree: Tree{Nodes: make([]Node, 2), Leaves: make([]float32, 3)}},
		"a node too few":     {tree: Tree{Nodes: make([]Node, 2), Leaves: make([]float32, 4)}},
		"too deep":           {tree: Tree{Nodes: make([]Node, 1<<11-1), Leaves: make([]float32, 1<<11)}},
		"an unknown feature": {tree: Tree{Nodes: []Node{{Feature: 3}}, Leaves: []float32{1, 2}}},
		"a threshold of NaN": {tree: Tree{Nodes: []Node{{Threshold: nan}}, Leaves: []float32{1, 2}}},
		"a leaf of Inf":      {tree: Tree{Leaves: []float32{inf}}},
		"a bias of NaN":      {bias: nan, tree: Tree{Leaves: []float32{1}}},
	} {
		if _, err := New(3, c.bias, []Tree{c.tree}); err == nil {
			t.Errorf("New takes %s", name)
		}
	}
	if _, err := New(MaxFeatures+1, 0, nil); err == nil {
		t.Error("New takes too many features")
	}
}

func TestScoreDoesNotAllocate(t *testing.T) {
	m, err := New(5, 0, forest(rand.New(rand.NewPCG(3, 4)), 10, 5, 4))
	if err != nil {
		t.Fatal(err)
	}
	dst, x := make([]float32, 21), make([]float32, 21*5)
	if n := testing.AllocsPerRun(100, func() { m.Score(dst, x) }); n != 0 {
		t.Errorf("Score allocates %v times", n)
	}
}

func FuzzDecode(f *testing.F) {
	m, err := New(4, 1, forest(rand.New(rand.NewPCG(5, 6)), 3, 4, 3))
	if err != nil {
		f.Fatal(err)
	}
	b, err := m.AppendBinary(nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	on, err := m.OnBase(&linear.Model{Bias: 1, Weights: make([]float32, 4)})
	if err != nil {
		f.Fatal(err)
	}
	if b, err = on.AppendBinary(nil); err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte{1, 0, 0, 0, 255, 255, 0, 0, 0, 0, 0, 0, 10})
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := Decode(b)
		if err != nil {
			return
		}
		if size := 12*len(m.trees) + 8*cap(m.nodes) + 4*cap(m.leaves); size > 3*len(b) {
			t.Errorf("%d bytes take %d bytes of memory", len(b), size)
		}
		again, err := m.AppendBinary(nil)
		if err != nil || string(again) != string(b) {
			t.Errorf("%q becomes %q, %v", b, again, err)
		}
		m.Score(make([]float32, 3), make([]float32, 3*m.Features()))
	})
}

func BenchmarkScore(b *testing.B) {
	random := rand.New(rand.NewPCG(7, 8))
	for _, shape := range []struct{ trees, depth, rows int }{{150, 5, 100}, {150, 5, 20}, {150, 6, 100}, {300, 6, 500}} {
		b.Run(fmt.Sprintf("trees=%d/depth=%d/rows=%d", shape.trees, shape.depth, shape.rows), func(b *testing.B) {
			const features = 37
			trees := make([]Tree, shape.trees)
			for i := range trees {
				for range 1<<shape.depth - 1 {
					trees[i].Nodes = append(trees[i].Nodes, Node{Feature: uint32(random.IntN(features)), Threshold: float32(random.NormFloat64())})
				}
				trees[i].Leaves = make([]float32, 1<<shape.depth)
			}
			m, err := New(features, 0, trees)
			if err != nil {
				b.Fatal(err)
			}
			dst, x := make([]float32, shape.rows), make([]float32, shape.rows*features)
			for i := range x {
				x[i] = float32(random.NormFloat64())
			}
			b.ReportAllocs()
			for b.Loop() {
				m.Score(dst, x)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(shape.trees*shape.depth*shape.rows), "ns/step")
		})
	}
}
