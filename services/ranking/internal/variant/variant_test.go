package variant

import (
	"errors"
	"math"
	"testing"

	"github.com/haggle-commerce/haggle/libs/feature"
	"github.com/haggle-commerce/haggle/libs/model"
)

// sum scores a row by a weighted sum; fault makes it misbehave.
type sum struct {
	weights []float32
	fault   string
}

func (s sum) Features() int { return len(s.weights) }

func (s sum) Score(dst, x []float32) {
	switch s.fault {
	case "panic":
		panic("index out of range")
	case "nan":
		dst[len(dst)-1] = float32(math.NaN())
		return
	}
	for i := range dst {
		dst[i] = 0
		for k, w := range s.weights {
			dst[i] += w * x[i*len(s.weights)+k]
		}
	}
}

func file(names []string, s sum) *model.File {
	return &model.File{Header: model.Header{Features: names}, Scorer: s}
}

func TestScoreFindsTheColumnsByName(t *testing.T) {
	names := feature.Names()
	x := make([]float32, 2*feature.Vector)
	for i := range x {
		x[i] = float32(i)
	}
	all := make([]float32, feature.Vector)
	all[0], all[5] = 1, 100
	for name, v := range map[string]*model.File{
		"all":           file(names, sum{weights: all}),
		"some, swapped": file([]string{names[5], names[0]}, sum{weights: []float32{100, 1}}),
	} {
		variant, err := New("id", "name", v)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		var scratch []float32
		got := make([]float32, 2)
		work := func() {
			if !variant.Score(got, x, &scratch) {
				t.Fatalf("%s: not finite", name)
			}
		}
		work()
		want := []float32{500, float32(feature.Vector + 100*(feature.Vector+5))}
		if got[0] != want[0] || got[1] != want[1] {
			t.Errorf("%s: scores %v, want %v", name, got, want)
		}
		if n := testing.AllocsPerRun(20, work); n != 0 {
			t.Errorf("%s: scoring allocates %v times, want 0", name, n)
		}
	}
}

func TestNewRefuses(t *testing.T) {
	names := feature.Names()
	for name, f := range map[string]*model.File{
		"a feature that nobody makes": file([]string{"moon_phase"}, sum{weights: []float32{1}}),
		"no features":                 file(nil, sum{}),
		"fewer names than features":   file(names[:1], sum{weights: []float32{1, 2}}),
		"a scorer that panics":        file(names[:1], sum{weights: []float32{1}, fault: "panic"}),
		"a score that is no number":   file(names[:1], sum{weights: []float32{1}, fault: "nan"}),
		"weights that overflow":       file(names[:1], sum{weights: []float32{math.MaxFloat32}}),
	} {
		if _, err := New("id", "name", f); !errors.Is(err, ErrShape) {
			t.Errorf("%s: error %v, want %v", name, err, ErrShape)
		}
	}
}
