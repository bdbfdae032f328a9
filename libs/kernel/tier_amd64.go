//go:build amd64 && !noasm

package kernel

import "golang.org/x/sys/cpu"

// active is the best tier that this processor knows.
var active = detect()

func detect() Tier {
	x := &cpu.X86
	switch {
	case x.HasAVX2 && x.HasFMA && x.HasAVX512F && x.HasAVX512BW && x.HasAVX512VL && x.HasAVX512VNNI && x.HasPOPCNT:
		return AVX512
	case x.HasAVX2 && x.HasFMA:
		return AVX2
	}
	return Portable
}

func dots(t Tier, dst []int32, b Blocks, q Query) {
	switch {
	case len(dst) == 0:
	case t == AVX512:
		dotsAVX512(&dst[0], &b.Codes[0], &q.Codes[0], b.Rows()/Lanes, b.Dims/group)
	case t == AVX2:
		dotsAVX2(&dst[0], &b.Codes[0], &q.Codes[0], b.Rows()/Lanes, b.Dims/group)
	default:
		dotsPortable(dst, b, q)
	}
}

func scan(t Tier, h Hits, b Blocks, q Query, threshold float32) int {
	switch {
	case b.Rows() == 0:
		return 0
	case t == AVX512:
		return scanAVX512(&h.Rows[0], &h.Scores[0], &b.Codes[0], &b.Scales[0], &q.Codes[0], b.Rows()/Lanes, b.Dims/group, q.Bias, threshold)
	case t == AVX2:
		return scanAVX2(&h.Rows[0], &h.Scores[0], &b.Codes[0], &b.Scales[0], &q.Codes[0], b.Rows()/Lanes, b.Dims/group, q.Bias, threshold)
	}
	return scanPortable(h, b, q, threshold)
}

func nearest(t Tier, b Blocks, q Query) (int, float32) {
	switch {
	case b.Rows() == 0:
		return -1, 0
	case t == AVX512:
		l := newLanes()
		nearestAVX512(&l.rows[0], &l.scores[0], &b.Codes[0], &b.Scales[0], &q.Codes[0], b.Rows()/Lanes, b.Dims/group, q.Bias)
		return l.best()
	case t == AVX2:
		l := newLanes()
		var sums [Lanes]int32
		for from := 0; from < b.Rows(); from += Lanes {
			part := b.Part(from, from+Lanes)
			dotsAVX2(&sums[0], &part.Codes[0], &q.Codes[0], 1, b.Dims/group)
			l.take(from, &sums, part.Scales, q.Bias)
		}
		return l.best()
	}
	return nearestPortable(b, q)
}

func dotInt16(t Tier, a, b []int16) int64 {
	n := len(a) / Multiple * Multiple
	if t < AVX2 || n == 0 {
		return dotInt16Portable(a, b)
	}
	return dotInt16AVX2(&a[0], &b[0], n) + dotInt16Portable(a[n:], b[n:])
}

func dot(t Tier, x, y []float32) float32 {
	switch {
	case len(x) == 0:
		return 0
	case t == AVX512:
		return dotAVX512(&x[0], &y[0], len(x))
	case t == AVX2:
		return dotAVX2(&x[0], &y[0], len(x))
	}
	return dotPortable(x, y)
}

func axpy(t Tier, y []float32, alpha float32, x []float32) {
	switch {
	case len(x) == 0:
	case t == AVX512:
		axpyAVX512(&y[0], &x[0], len(x), alpha)
	case t == AVX2:
		axpyAVX2(&y[0], &x[0], len(x), alpha)
	default:
		axpyPortable(y, alpha, x)
	}
}

func scale(t Tier, x []float32, alpha float32) {
	switch {
	case len(x) == 0:
	case t == AVX512:
		scaleAVX512(&x[0], len(x), alpha)
	case t == AVX2:
		scaleAVX2(&x[0], len(x), alpha)
	default:
		scalePortable(x, alpha)
	}
}

func largest(t Tier, x []float32) float32 {
	n := len(x) / 8 * 8
	if t < AVX2 || n == 0 {
		return largestPortable(x)
	}
	top := float32(0)
	for from := 0; from < n; from += pieceFloats {
		top = max(top, largestAVX2(&x[from], min(pieceFloats, n-from)))
	}
	return max(top, largestPortable(x[n:]))
}

func quantize(t Tier, dst []int8, x []float32, factor float32) {
	n := len(x) / Multiple * Multiple
	if t < AVX2 || n == 0 {
		quantizePortable(dst, x, factor)
		return
	}
	quantizeAVX2(&dst[0], &x[0], n, factor)
	quantizePortable(dst[n:], x[n:], factor)
}

func read(t Tier, x []uint8) {
	switch t {
	case AVX512:
		readAVX512(&x[0], len(x))
	case AVX2:
		readAVX2(&x[0], len(x))
	default:
		readPortable(x)
	}
}

// busyInt8 and busyFloat return how many multiplications one of n is: 12 registers full.
func busyInt8(t Tier, n int) int {
	switch t {
	case AVX512:
		busyInt8AVX512(n)
		return 12 * 64
	case AVX2:
		busyInt8AVX2(n)
		return 12 * 16
	}
	return busyInt8Portable(n)
}

func busyFloat(t Tier, n int) int {
	switch t {
	case AVX512:
		busyFloatAVX512(n)
		return 12 * 16
	case AVX2:
		busyFloatAVX2(n)
		return 12 * 8
	}
	return busyFloatPortable(n)
}

func prefetch(t Tier, x *uint8, n int) {
	if t >= AVX2 {
		prefetchAVX2(x, n)
	}
}
