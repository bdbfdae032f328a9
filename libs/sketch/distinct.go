package sketch

import (
	"math"
	"math/bits"
)

const (
	// distinctBits sets the number of registers, 2^distinctBits, and the standard error, 1.04 / 2^(distinctBits/2) = 1.6 %.
	distinctBits      = 12
	distinctRegisters = 1 << distinctBits
	// distinctRanks is how many zeros the rest of a hash can begin with, and one.
	distinctRanks = 64 - distinctBits + 1
)

// Distinct counts the different keys of a stream in 4 KiB (HyperLogLog, Flajolet et al. 2007) with a standard error of 1.6 %,
// read by the estimator of Ertl, "New cardinality estimation algorithms for HyperLogLog sketches" (2017), which needs no table
// of biases and no switch between ranges. The zero value has seen nothing. It is not safe for use at once.
type Distinct struct {
	registers [distinctRegisters]uint8
}

// Add counts key. Processes agree on the hash, so that their sketches can be merged.
func (d *Distinct) Add(key string) { d.AddHash(hash(key)) }

// AddHash counts a key by a hash of it, whose 64 bits must all be well mixed.
func (d *Distinct) AddHash(h uint64) {
	i := h >> (64 - distinctBits)
	// The bit below the hash's last ends the count of zeros.
	rank := uint8(bits.LeadingZeros64(h<<distinctBits|1<<(distinctBits-1))) + 1
	d.registers[i] = max(d.registers[i], rank)
}

// Merge counts what other has seen: the union, since a key seen by both counts once.
func (d *Distinct) Merge(other *Distinct) {
	for i, r := range other.registers {
		d.registers[i] = max(d.registers[i], r)
	}
}

// Count returns the estimate of how many different keys were seen.
func (d *Distinct) Count() uint64 {
	var ranks [distinctRanks + 1]float64
	for _, r := range d.registers {
		ranks[r]++
	}
	const m = float64(distinctRegisters)
	// Ertl's algorithm 6, with q = distinctRanks - 1.
	z := m * tau(1-ranks[distinctRanks]/m)
	for k := distinctRanks - 1; k >= 1; k-- {
		z = 0.5 * (z + ranks[k])
	}
	z += m * sigma(ranks[0]/m)
	return uint64(math.Round(m / (2 * math.Ln2) * m / z))
}

// sigma is x + sum over k >= 1 of x^(2^k) * 2^(k-1), Ertl's equation 39.
func sigma(x float64) float64 {
	if x == 1 {
		return math.Inf(1)
	}
	y, z := 1.0, x
	for {
		x *= x
		before := z
		z += x * y
		y += y
		if z == before {
			return z
		}
	}
}

// tau is (1 - x - sum over k >= 1 of (1 - x^(2^-k))^2 * 2^-k) / 3, Ertl's equation 42.
func tau(x float64) float64 {
	if x == 0 || x == 1 {
		return 0
	}
	y, z := 1.0, 1-x
	for {
		x = math.Sqrt(x)
		before := z
		y *= 0.5
		z -= (1 - x) * (1 - x) * y
		if z == before {
			return z / 3
		}
	}
}

// hash is FNV-1a with the finisher of MurmurHash3, because FNV alone leaves the high bits of short keys unmixed.
func hash(key string) uint64 {
	h := uint64(14695981039346656037)
	for i := range len(key) {
		h = (h ^ uint64(key[i])) * 1099511628211
	}
	h = (h ^ h>>33) * 0xff51afd7ed558ccd
	h = (h ^ h>>33) * 0xc4ceb9fe1a85ec53
	return h ^ h>>33
}
