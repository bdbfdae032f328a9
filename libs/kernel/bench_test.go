package kernel

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// BenchmarkScan reads rows of 64 numbers that lie in the first cache, in the second, and in memory.
func BenchmarkScan(b *testing.B) {
	for _, rows := range []int{256, 8 << 10, 1 << 20} {
		r := rand.New(rand.NewPCG(1, 2))
		blocks, query := MakeBlocks(rows, 64), Query{Codes: make([]int8, 64)}
		for i := range blocks.Codes {
			blocks.Codes[i] = uint8(r.Uint32())
		}
		for i := range blocks.Scales {
			blocks.Scales[i] = 1
		}
		for i := range query.Codes {
			query.Codes[i] = int8(r.IntN(255) - 127)
		}
		query.Weigh()
		hits := Hits{make([]uint32, rows), make([]float32, rows)}
		for _, tier := range tiers() {
			b.Run(fmt.Sprintf("rows=%d/%v", rows, tier), func(b *testing.B) {
				b.SetBytes(int64(len(blocks.Codes)))
				for b.Loop() {
					scan(tier, hits, blocks, query, 150_000)
				}
			})
		}
	}
}

func BenchmarkDot(b *testing.B) {
	for _, n := range []int{64, 1024, 1 << 16} {
		x, y := make([]float32, n), make([]float32, n)
		for _, tier := range tiers() {
			b.Run(fmt.Sprintf("n=%d/%v", n, tier), func(b *testing.B) {
				b.SetBytes(int64(8 * n))
				for b.Loop() {
					dot(tier, x, y)
				}
			})
		}
	}
}

func BenchmarkQuantize(b *testing.B) {
	x, dst := make([]float32, 64), make([]int8, 64)
	for i := range x {
		x[i] = float32(i) - 20
	}
	b.SetBytes(256)
	for b.Loop() {
		Quantize(dst, x)
	}
}
