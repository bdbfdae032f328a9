package synth

import (
	"math/bits"
	"math/rand/v2"
	"sort"
)

// random draws from a PCG stream. Its methods use integer arithmetic as far as they can, so that a seed gives the same
// draws on every machine.
type random struct{ source *rand.PCG }

func newRandom(seed, stream uint64) *random { return &random{rand.NewPCG(seed, stream)} }

// float draws from [0, 1).
func (r *random) float() float64 { return float64(r.source.Uint64()>>11) * 0x1p-53 }

// below draws from 0 to n-1; n must be positive.
func (r *random) below(n int) int {
	high, _ := bits.Mul64(r.source.Uint64(), uint64(n))
	return int(high)
}

// chance is true with probability p.
func (r *random) chance(p float64) bool { return r.float() < p }

// normal draws from the sum of twelve uniform numbers less six: mean 0, variance 1, never beyond 6 (Irwin-Hall).
func (r *random) normal() float64 {
	sum := 0
	for range 3 {
		for word, k := r.source.Uint64(), 0; k < 4; k++ {
			sum += int(word & 0xffff)
			word >>= 16
		}
	}
	// Twelve 16-bit numbers have the mean 12 x 32767.5.
	return float64(sum-393210) / 65536
}

// between draws from [low, high).
func (r *random) between(low, high float64) float64 { return low + (high-low)*r.float() }

// running turns weights into their running sum, in place, and returns them.
func running(weights []float32) []float32 {
	for i := 1; i < len(weights); i++ {
		weights[i] += weights[i-1]
	}
	return weights
}

// pick draws an index by the running sums of its weights; -1 when they are all 0.
func (r *random) pick(sums []float32) int {
	if len(sums) == 0 || sums[len(sums)-1] <= 0 {
		return -1
	}
	x := float32(r.float()) * sums[len(sums)-1]
	return min(sort.Search(len(sums), func(i int) bool { return sums[i] > x }), len(sums)-1)
}

// shuffle permutes xs.
func shuffle[T any](r *random, xs []T) {
	for i := len(xs) - 1; i > 0; i-- {
		j := r.below(i + 1)
		xs[i], xs[j] = xs[j], xs[i]
	}
}

// noise is a fixed number with mean 0 and variance 1 for a pair: what one shopper thinks of one brand, without a table.
func noise(a, b uint64) float32 {
	x := a*0x9e3779b97f4a7c15 ^ b*0xc2b2ae3d27d4eb4f
	sum := 0
	for range 3 {
		// The finaliser of splitmix64.
		x += 0x9e3779b97f4a7c15
		z := x
		z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
		z = (z ^ z>>27) * 0x94d049bb133111eb
		z ^= z >> 31
		for range 4 {
			sum += int(z & 0xffff)
			z >>= 16
		}
	}
	return float32(sum-393210) / 65536
}
