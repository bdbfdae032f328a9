package linear

import (
	"fmt"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"
)

func TestScore(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		small := rapid.Float32Range(-8, 8)
		width := rapid.IntRange(0, 20).Draw(t, "features")
		m := &Model{Bias: small.Draw(t, "bias"), Weights: rapid.SliceOfN(small, width, width).Draw(t, "weights")}
		rows := rapid.IntRange(0, 5).Draw(t, "rows")
		x := rapid.SliceOfN(small, rows*width, rows*width).Draw(t, "x")
		got, want := make([]float32, rows), make([]float32, rows)
		m.Score(got, x)
		for i := range want {
			sum := float64(m.Bias)
			for j, w := range m.Weights {
				sum += float64(w) * float64(x[i*width+j])
			}
			want[i] = float32(sum)
		}
		if diff := cmp.Diff(want, got, cmpopts.EquateApprox(1e-4, 1e-3)); diff != "" {
			t.Fatalf("Score (-naive +got):\n%s", diff)
		}
	})
}

func TestScoreRefusesOtherLengths(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("Score takes 3 numbers for 2 rows of 2 features")
		}
	}()
	(&Model{Weights: make([]float32, 2)}).Score(make([]float32, 2), make([]float32, 3))
}

func FuzzDecode(f *testing.F) {
	for _, m := range []Model{{}, {Bias: 1, Weights: []float32{1, -2, 3}}, {Weights: []float32{float32(math.Inf(1))}}} {
		b, err := m.AppendBinary(nil)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := Decode(b)
		if err != nil {
			return
		}
		again, err := m.AppendBinary(nil)
		if err != nil || string(again) != string(b) {
			t.Errorf("%q becomes %q, %v", b, again, err)
		}
		m.Score(make([]float32, 1), make([]float32, m.Features()))
	})
}

func TestDecodeRefuses(t *testing.T) {
	for _, b := range [][]byte{nil, {1, 0, 0, 0, 0, 0, 0, 0}, {255, 255, 255, 255, 0, 0, 0, 0}, {0, 0, 0, 0, 0, 0, 192, 127}, {0, 0, 0, 0, 0, 0, 0, 0, 0}} {
		if m, err := Decode(b); err == nil {
			t.Errorf("Decode(%v) = %v, want an error", b, m)
		}
	}
	if _, err := (&Model{Weights: make([]float32, maxFeatures+1)}).AppendBinary(nil); err == nil {
		t.Error("AppendBinary takes too many features")
	}
}

func BenchmarkScore(b *testing.B) {
	for _, rows := range []int{10, 100, 1000} {
		b.Run(fmt.Sprintf("rows=%d", rows), func(b *testing.B) {
			m := &Model{Weights: make([]float32, 37)}
			dst, x := make([]float32, rows), make([]float32, rows*37)
			b.ReportAllocs()
			for b.Loop() {
				m.Score(dst, x)
			}
		})
	}
}
