package kernel

import (
	"encoding/binary"
	"math"
)

// The portable twins: the loops as they stand in the doc comments of the assembly.

func dotsPortable(dst []int32, b Blocks, q Query) {
	for block := 0; block < len(dst); block += Lanes {
		codes := b.Codes[block*b.Dims : (block+Lanes)*b.Dims]
		var sums [Lanes]int32
		for j := 0; j < len(q.Codes); j += group {
			q0, q1, q2, q3 := int32(q.Codes[j]), int32(q.Codes[j+1]), int32(q.Codes[j+2]), int32(q.Codes[j+3])
			c := (*[Lanes * group]uint8)(codes[j*Lanes:])
			for r := range Lanes {
				sums[r] += int32(c[4*r])*q0 + int32(c[4*r+1])*q1 + int32(c[4*r+2])*q2 + int32(c[4*r+3])*q3
			}
		}
		copy(dst[block:], sums[:])
	}
}

func scanPortable(h Hits, b Blocks, q Query, threshold float32) (n int) {
	var sums [Lanes]int32
	for from := 0; from < b.Rows(); from += Lanes {
		part := b.Part(from, from+Lanes)
		dotsPortable(sums[:], part, q)
		for r, sum := range sums {
			if score := float32(sum-q.Bias) * part.Scales[r]; score > threshold {
				h.Rows[n], h.Scores[n] = uint32(from+r), score
				n++
			}
		}
	}
	return n
}

func nearestPortable(b Blocks, q Query) (row int, score float32) {
	l := newLanes()
	var sums [Lanes]int32
	for from := 0; from < b.Rows(); from += Lanes {
		part := b.Part(from, from+Lanes)
		dotsPortable(sums[:], part, q)
		l.take(from, &sums, part.Scales, q.Bias)
	}
	return l.best()
}

// take compares the products of one block with the best so far.
func (l *lanes) take(from int, sums *[Lanes]int32, scales []float32, bias int32) {
	for r, sum := range sums {
		if score := float32(sum-bias) * scales[r]; score > l.scores[r] {
			l.rows[r], l.scores[r] = uint32(from+r), score
		}
	}
}

func dotInt16Portable(a, b []int16) (sum int64) {
	for i, x := range a {
		sum += int64(x) * int64(b[i])
	}
	return sum
}

func dotPortable(x, y []float32) float32 {
	// Four sums let four additions run at once.
	var s0, s1, s2, s3 float32
	i := 0
	for ; i+4 <= len(x); i += 4 {
		s0 += x[i] * y[i]
		s1 += x[i+1] * y[i+1]
		s2 += x[i+2] * y[i+2]
		s3 += x[i+3] * y[i+3]
	}
	for ; i < len(x); i++ {
		s0 += x[i] * y[i]
	}
	return (s0 + s1) + (s2 + s3)
}

func axpyPortable(y []float32, alpha float32, x []float32) {
	for i, v := range x {
		y[i] += alpha * v
	}
}

func scalePortable(x []float32, alpha float32) {
	for i := range x {
		x[i] *= alpha
	}
}

func largestPortable(x []float32) float32 {
	largest := float32(0)
	for _, v := range x {
		largest = max(largest, max(v, -v))
	}
	return largest
}

func quantizePortable(dst []int8, x []float32, factor float32) {
	for i, v := range x {
		product := float32(v * factor)
		dst[i] = int8(math.RoundToEven(float64(product)))
	}
}

func readPortable(x []uint8) {
	sum := uint64(0)
	for i := 0; i+8 <= len(x); i += 8 {
		sum ^= binary.LittleEndian.Uint64(x[i:])
	}
	keep(sum)
}

//go:noinline
func keep(uint64) {}

func busyInt8Portable(n int) int {
	var s [4]int32
	for i := range n {
		x := int32(int8(i))
		s[0] += x * 3
		s[1] += x * 5
		s[2] += x * 7
		s[3] += x * 11
	}
	keep(uint64(s[0] + s[1] + s[2] + s[3]))
	return len(s)
}

func busyFloatPortable(n int) int {
	var s [4]float32
	for i := range n {
		x := float32(i)
		s[0] += x * 3
		s[1] += x * 5
		s[2] += x * 7
		s[3] += x * 11
	}
	keep(uint64(s[0] + s[1] + s[2] + s[3]))
	return len(s)
}
