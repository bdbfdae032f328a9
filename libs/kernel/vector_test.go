package kernel

import (
	"math"
	"math/rand/v2"
	"testing"
)

// TestFloats sweeps lengths and alignments, with guards around every slice.
func TestFloats(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	for _, tier := range tiers() {
		for n := range 71 {
			for _, length := range []int{n, n + 128, 16 * n} {
				for offset := range 4 {
					checkFloats(t, r, tier, length, offset)
				}
			}
		}
	}
}

func checkFloats(t *testing.T, r *rand.Rand, tier Tier, n, offset int) {
	x, checkX := guarded[float32](t, n, offset, 77)
	y, checkY := guarded[float32](t, n, 3-offset, 77)
	sum, size := 0.0, 0.0
	for i := range x {
		x[i], y[i] = float32(r.NormFloat64()), float32(r.NormFloat64())
		sum += float64(x[i]) * float64(y[i])
		size += math.Abs(float64(x[i]) * float64(y[i]))
	}
	if got := dot(tier, x, y); math.Abs(float64(got)-sum) > float64(n)*size/(1<<23) {
		t.Fatalf("%v: dot of %d = %v, want %v", tier, n, got, sum)
	}
	alpha := float32(r.NormFloat64())
	before := append([]float32(nil), y...)
	axpy(tier, y, alpha, x)
	for i, v := range y {
		want := float64(before[i]) + float64(alpha)*float64(x[i])
		if math.Abs(float64(v)-want) > (math.Abs(float64(before[i]))+math.Abs(float64(alpha*x[i])))/(1<<23) {
			t.Fatalf("%v: axpy of %d: y[%d] = %v, want %v", tier, n, i, v, want)
		}
	}
	before = append(before[:0], y...)
	scale(tier, y, alpha)
	for i, v := range y {
		if want := before[i] * alpha; v != want {
			t.Fatalf("%v: scale of %d: y[%d] = %v, want %v", tier, n, i, v, want)
		}
	}
	top := largestPortable(x)
	if got := largest(tier, x); got != top {
		t.Fatalf("%v: largest of %d = %v, want %v", tier, n, got, top)
	}
	if n > 0 {
		got, checkGot := guarded[int8](t, n, offset, 77)
		want := make([]int8, n)
		quantize(tier, got, x, 127/top)
		quantizePortable(want, x, 127/top)
		for i := range got {
			if got[i] != want[i] || math.Abs(float64(got[i])*float64(top)/127-float64(x[i])) > float64(top)/127*0.5001 {
				t.Fatalf("%v: quantize of %d: %v -> %d, want %d", tier, n, x[i], got[i], want[i])
			}
		}
		checkGot()
	}
	a, checkA := guarded[int16](t, n, offset, 77)
	b, checkB := guarded[int16](t, n, 3-offset, 77)
	for i := range a {
		a[i], b[i] = int16(r.IntN(65535)-32767), int16(r.IntN(65535)-32767)
	}
	if got, want := dotInt16(tier, a, b), dotInt16Portable(a, b); got != want {
		t.Fatalf("%v: dotInt16 of %d = %d, want %d", tier, n, got, want)
	}
	for _, check := range []func(){checkX, checkY, checkA, checkB} {
		check()
	}
}

func TestQuantizeOfNothing(t *testing.T) {
	codes := []int8{1, 2, 3}
	if got := Quantize(codes, []float32{0, 1e-40, 0}); got != 0 || codes[0] != 0 || codes[1] != 0 || codes[2] != 0 {
		t.Errorf("Quantize of zeros = %v, %v", got, codes)
	}
}

func TestPanicsOnMismatch(t *testing.T) {
	b, q := MakeBlocks(16, 16), Query{Codes: make([]int8, 16)}
	for name, f := range map[string]func(){
		"dot":        func() { Dot(make([]float32, 3), make([]float32, 4)) },
		"axpy":       func() { Axpy(make([]float32, 3), 1, make([]float32, 4)) },
		"int16":      func() { DotInt16(make([]int16, 3), make([]int16, 4)) },
		"quantize":   func() { Quantize(make([]int8, 3), make([]float32, 4)) },
		"few dots":   func() { Dots(make([]int32, 15), b, q) },
		"few hits":   func() { Scan(Hits{make([]uint32, 15), make([]float32, 16)}, b, q, 0) },
		"long query": func() { Nearest(b, Query{Codes: make([]int8, 32)}) },
		"odd blocks": func() { Nearest(Blocks{Codes: b.Codes[1:], Scales: b.Scales, Dims: 16}, q) },
		"long row":   func() { b.Set(0, make([]int8, 17), 1) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			f()
		}()
	}
}

// FuzzScan compares the tiers on rows, queries and thresholds of any kind.
func FuzzScan(f *testing.F) {
	f.Add([]byte("0123456789abcdef0123456789abcdef"), uint8(3), uint8(1), float32(10))
	f.Add([]byte{0xff, 0x80, 0x7f, 0}, uint8(70), uint8(4), float32(math.NaN()))
	f.Fuzz(func(t *testing.T, text []byte, blocks, groups uint8, threshold float32) {
		if len(text) == 0 {
			return
		}
		b := MakeBlocks(int(blocks%40)*Lanes, (int(groups%8)+1)*Multiple)
		for i := range b.Codes {
			b.Codes[i] = text[i%len(text)]
		}
		for i := range b.Scales {
			b.Scales[i] = math.Float32frombits(uint32(text[i%len(text)]) << 24)
		}
		q := Query{Codes: make([]int8, b.Dims)}
		for i := range q.Codes {
			q.Codes[i] = int8(text[(i+7)%len(text)])
		}
		q.Weigh()
		want := Hits{make([]uint32, b.Rows()), make([]float32, b.Rows())}
		n := scan(Portable, want, b, q, threshold)
		row, score := nearest(Portable, b, q)
		for _, tier := range tiers()[1:] {
			got := Hits{make([]uint32, b.Rows()), make([]float32, b.Rows())}
			if m := scan(tier, got, b, q, threshold); m != n {
				t.Fatalf("%v: %d hits, want %d", tier, m, n)
			}
			for i := range n {
				if got.Rows[i] != want.Rows[i] || got.Scores[i] != want.Scores[i] {
					t.Fatalf("%v: hit %d is %d, %v; want %d, %v", tier, i, got.Rows[i], got.Scores[i], want.Rows[i], want.Scores[i])
				}
			}
			if r, s := nearest(tier, b, q); r != row || row >= 0 && s != score {
				t.Fatalf("%v: nearest is %d, %v; want %d, %v", tier, r, s, row, score)
			}
		}
	})
}

func TestPrefetch(t *testing.T) {
	x, check := guarded[int16](t, 1000, 1, 77)
	Prefetch(x)
	Prefetch(x[:0])
	Prefetch([]uint8{1})
	check()
}
