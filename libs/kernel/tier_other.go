//go:build !amd64 || noasm

package kernel

// active is the only tier there is in this build.
const active = Portable

func dots(_ Tier, dst []int32, b Blocks, q Query) { dotsPortable(dst, b, q) }

func scan(_ Tier, h Hits, b Blocks, q Query, threshold float32) int {
	return scanPortable(h, b, q, threshold)
}

func nearest(_ Tier, b Blocks, q Query) (int, float32) { return nearestPortable(b, q) }

func dotInt16(_ Tier, a, b []int16) int64 { return dotInt16Portable(a, b) }

func dot(_ Tier, x, y []float32) float32 { return dotPortable(x, y) }

func axpy(_ Tier, y []float32, alpha float32, x []float32) { axpyPortable(y, alpha, x) }

func scale(_ Tier, x []float32, alpha float32) { scalePortable(x, alpha) }

func largest(_ Tier, x []float32) float32 { return largestPortable(x) }

func quantize(_ Tier, dst []int8, x []float32, factor float32) {
	quantizePortable(dst, x, factor)
}

func read(_ Tier, x []uint8) { readPortable(x) }

func busyInt8(_ Tier, n int) int { return busyInt8Portable(n) }

func busyFloat(_ Tier, n int) int { return busyFloatPortable(n) }

func prefetch(Tier, *uint8, int) {}
