// Package kernel holds the loops that the CPU time goes into: products of quantised and of 32-bit vectors.
//
// Each loop exists in tiers: AVX-512 with VNNI, AVX2 with FMA, and portable Go. The best one that the processor knows is used; the
// build tag noasm leaves the portable one alone. Loops over integers give the same bits in every tier, and so does all that is
// made of them: scores of quantised rows, and what [Quantize] writes. [Dot] and [Axpy] over float32 differ between tiers in the
// last bits, since they take their sums in another order.
//
// Assembly cannot be preempted, so one call of it does less than 100 us of work: long slices are cut into pieces here.
//
// Slices of the wrong length are a fault of the caller and panic.
package kernel

// Tier is a set of loops, made for some kind of processor.
type Tier uint8

// The tiers, each better than those before.
const (
	Portable Tier = iota
	AVX2
	AVX512
)

// String returns the tier's name: "avx512-vnni".
func (t Tier) String() string { return [...]string{"portable", "avx2", "avx512-vnni"}[t] }

// Active returns the tier in use.
func Active() Tier { return active }

const (
	// piece is how many bytes of quantised rows one call of assembly reads: 1 MiB takes 34 us at 31 GB/s, the read bandwidth of
	// one Zen 4 core.
	piece = 1 << 20
	// pieceFloats is the same for float32: at most 3 x 512 KiB are read and written.
	pieceFloats = 1 << 17
)
