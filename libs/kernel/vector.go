package kernel

import "unsafe"

// Dot returns the sum of x[i] * y[i]. Beside the exact sum it is off by at most len(x) * 2^-23 times the sum of |x[i] * y[i]|.
func Dot(x, y []float32) float32 {
	if len(x) != len(y) {
		panic("BUG: kernel: vectors of different length")
	}
	sum := float32(0)
	for len(x) > pieceFloats {
		sum += dot(active, x[:pieceFloats], y[:pieceFloats])
		x, y = x[pieceFloats:], y[pieceFloats:]
	}
	return sum + dot(active, x, y)
}

// Axpy adds alpha * x[i] to each y[i]; each result is off by at most 2^-23 times |y[i]| + |alpha * x[i]|.
func Axpy(y []float32, alpha float32, x []float32) {
	if len(x) != len(y) {
		panic("BUG: kernel: vectors of different length")
	}
	for len(x) > pieceFloats {
		axpy(active, y[:pieceFloats], alpha, x[:pieceFloats])
		x, y = x[pieceFloats:], y[pieceFloats:]
	}
	axpy(active, y, alpha, x)
}

// Scale multiplies each x[i] by alpha.
func Scale(x []float32, alpha float32) {
	for len(x) > pieceFloats {
		scale(active, x[:pieceFloats], alpha)
		x = x[pieceFloats:]
	}
	scale(active, x, alpha)
}

// DotInt16 returns the sum of a[i] * b[i], exactly. The numbers lie within [-32767, 32767].
func DotInt16(a, b []int16) int64 {
	if len(a) != len(b) {
		panic("BUG: kernel: vectors of different length")
	}
	sum := int64(0)
	for len(a) > pieceFloats {
		sum += dotInt16(active, a[:pieceFloats], b[:pieceFloats])
		a, b = a[pieceFloats:], b[pieceFloats:]
	}
	return sum + dotInt16(active, a, b)
}

// tiny is the largest absolute value that counts as zero: the factor 127 / tiny is still finite.
const tiny = 1e-30

// Quantize writes x as whole numbers within [-127, 127] and returns the scale by which they have to be multiplied to get x back,
// each to within half a scale: the scale is the largest |x[i]| / 127. Ties are rounded to even. The numbers are finite; when all
// are smaller than 1e-30 they become zeros with the scale 0.
func Quantize(dst []int8, x []float32) (scale float32) {
	if len(dst) != len(x) {
		panic("BUG: kernel: vectors of different length")
	}
	top := largest(active, x)
	if !(top > tiny) {
		clear(dst)
		return 0
	}
	factor := 127 / top
	for len(x) > pieceFloats {
		quantize(active, dst[:pieceFloats], x[:pieceFloats], factor)
		dst, x = dst[pieceFloats:], x[pieceFloats:]
	}
	quantize(active, dst, x, factor)
	return top / 127
}

// Prefetch asks the processor for the memory of x, so that what reads it soon does not wait. It changes nothing else, and does
// nothing where there is no assembly.
func Prefetch[E int16 | uint8](x []E) {
	if len(x) > 0 {
		prefetch(active, (*uint8)(unsafe.Pointer(&x[0])), len(x)*int(unsafe.Sizeof(x[0])))
	}
}
