// Package sketch keeps summaries of streams in bounded memory: quantiles, heavy hitters, decayed counts and distinct counts.
package sketch

import (
	"math"
	"math/bits"
)

const (
	// subBits sets how many buckets an octave has, 2^subBits, and with it the relative error, 2^-(subBits+1).
	subBits    = 5
	subBuckets = 1 << subBits
	// A value below 2*subBuckets has a bucket of its own; each octave above adds subBuckets more.
	histogramBuckets = (64 - subBits + 1) * subBuckets
)

// Histogram counts values in log-linear buckets, as HdrHistogram does: 32 to an octave, so a quantile is off by at most
// 1/64 of itself, over the whole range of uint64, in 15 KiB. The zero value is empty. It is not safe for use at once; keep
// one per worker and [Histogram.Merge] them.
type Histogram struct {
	counts [histogramBuckets]uint64
	count  uint64
	sum    float64
	least  uint64
	most   uint64
}

// Add counts v once.
func (h *Histogram) Add(v uint64) {
	if h.count == 0 || v < h.least {
		h.least = v
	}
	h.most = max(h.most, v)
	h.counts[bucketOf(v)]++
	h.count++
	h.sum += float64(v)
}

// Merge adds what other counted. Merging in any order and grouping gives the same counts.
func (h *Histogram) Merge(other *Histogram) {
	if other.count == 0 {
		return
	}
	if h.count == 0 || other.least < h.least {
		h.least = other.least
	}
	h.most = max(h.most, other.most)
	for i, n := range other.counts {
		h.counts[i] += n
	}
	h.count += other.count
	h.sum += other.sum
}

// Reset empties the histogram.
func (h *Histogram) Reset() { *h = Histogram{} }

// Count returns how many values were counted.
func (h *Histogram) Count() uint64 { return h.count }

// Max returns the largest value, exactly; 0 when empty.
func (h *Histogram) Max() uint64 { return h.most }

// Mean returns the mean of the values; 0 when empty.
func (h *Histogram) Mean() float64 {
	if h.count == 0 {
		return 0
	}
	return h.sum / float64(h.count)
}

// Quantile returns a value within 1/64 of the one at rank ceil(q*count), the smallest being rank 1: Quantile(0.99) is the
// 99th percentile. q is clipped to [0, 1]; the answer of an empty histogram is 0, and it never lies outside what was counted.
func (h *Histogram) Quantile(q float64) uint64 {
	if h.count == 0 {
		return 0
	}
	rank := uint64(math.Ceil(min(max(q, 0), 1) * float64(h.count)))
	rank = min(max(rank, 1), h.count)
	seen := uint64(0)
	for i, n := range h.counts {
		if seen += n; seen >= rank {
			return min(max(bucketMiddle(i), h.least), h.most)
		}
	}
	return h.most
}

// Above returns how many values lie above v, give or take those in v's own bucket, which are not counted.
func (h *Histogram) Above(v uint64) uint64 {
	n := uint64(0)
	for _, c := range h.counts[bucketOf(v)+1:] {
		n += c
	}
	return n
}

// bucketOf returns the bucket of v. Invariant: it is monotonic in v.
func bucketOf(v uint64) int {
	if v < 2*subBuckets {
		return int(v)
	}
	shift := bits.Len64(v) - subBits - 1
	return shift<<subBits + int(v>>shift)
}

// bucketMiddle returns the middle of bucket i.
func bucketMiddle(i int) uint64 {
	if i < 2*subBuckets {
		return uint64(i)
	}
	shift := i>>subBits - 1
	low := uint64(i-shift<<subBits) << shift
	return low + 1<<shift/2
}
