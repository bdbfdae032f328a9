package kernel

import "math"

// Lanes is how many rows lie interleaved in a block.
const Lanes = 16

// group is how many neighbouring numbers of a row lie together: what VPDPBUSD multiplies and adds for one lane.
const group = 4

// Multiple is what the length of a quantised row is a multiple of; shorter ones are filled up with zeros.
const Multiple = 16

// Padded returns the length of a quantised row for vectors of so many numbers.
func Padded(dims int) int { return (dims + Multiple - 1) / Multiple * Multiple }

// Blocks are rows of int8 in blocks of [Lanes]: number j of row r is Codes[(r/16*Dims/4 + j/4)*64 + r%16*4 + j%4] - 128. So one
// register holds four numbers each of 16 rows, and the sums of 16 rows come out beside one another. Row r stands for the vector
// of its numbers times Scales[r]; a row whose scale is NaN is empty: no score of it is greater than anything.
//
// Invariant: len(Scales) is a multiple of Lanes, Dims one of Multiple, and len(Codes) = len(Scales) * Dims.
type Blocks struct {
	Codes  []uint8
	Scales []float32
	Dims   int
}

// MakeBlocks returns empty rows, at least so many, for vectors of dims numbers.
func MakeBlocks(rows, dims int) Blocks {
	rows = (rows + Lanes - 1) / Lanes * Lanes
	b := Blocks{Codes: make([]uint8, rows*Padded(dims)), Scales: make([]float32, rows), Dims: Padded(dims)}
	for r := range b.Scales {
		b.Scales[r] = float32(math.NaN())
	}
	return b
}

// Rows returns how many rows there are, empty ones too.
func (b Blocks) Rows() int { return len(b.Scales) }

// at is where the numbers of a row begin; each four of them lie 64 bytes after the four before.
func (b Blocks) at(row int) int { return row/Lanes*Lanes*b.Dims + row%Lanes*group }

// Set writes a row of length Dims.
func (b Blocks) Set(row int, codes []int8, scale float32) {
	if len(codes) != b.Dims {
		panic("BUG: kernel: a row has another length than its blocks")
	}
	at := b.at(row)
	for j := 0; j < len(codes); j += group {
		to := b.Codes[at+j*Lanes : at+j*Lanes+group : at+j*Lanes+group]
		for k := range to {
			to[k] = uint8(codes[j+k]) ^ 0x80
		}
	}
	b.Scales[row] = scale
}

// Get reads a row into codes, of length Dims, and returns its scale.
func (b Blocks) Get(row int, codes []int8) float32 {
	if len(codes) != b.Dims {
		panic("BUG: kernel: a row has another length than its blocks")
	}
	at := b.at(row)
	for j := 0; j < len(codes); j += group {
		for k := range group {
			codes[j+k] = int8(b.Codes[at+j*Lanes+k] ^ 0x80)
		}
	}
	return b.Scales[row]
}

// Empty empties a row.
func (b Blocks) Empty(row int) { b.Scales[row] = float32(math.NaN()) }

// Move copies row from to row to, which lies in the same blocks.
func (b Blocks) Move(to, from int) {
	x, y := b.at(to), b.at(from)
	for j := 0; j < b.Dims*Lanes; j += group * Lanes {
		copy(b.Codes[x+j:x+j+group], b.Codes[y+j:y+j+group])
	}
	b.Scales[to] = b.Scales[from]
}

// Part returns the rows from up to to, both multiples of [Lanes]; it shares the memory of b.
func (b Blocks) Part(from, to int) Blocks {
	return Blocks{Codes: b.Codes[from*b.Dims : to*b.Dims], Scales: b.Scales[from:to], Dims: b.Dims}
}

// check panics when the lengths do not fit.
func (b Blocks) check(q Query) {
	if len(b.Scales)%Lanes != 0 || b.Dims%Multiple != 0 || b.Dims == 0 || len(b.Codes) != len(b.Scales)*b.Dims {
		panic("BUG: kernel: blocks of a wrong length")
	}
	if len(q.Codes) != b.Dims {
		panic("BUG: kernel: a query has another length than the rows")
	}
}

// pieceRows is how many rows one call of assembly reads.
func (b Blocks) pieceRows() int { return max(piece/b.Dims/Lanes, 1) * Lanes }

// Query is a vector of int8 to multiply rows with. Make one with [Query.Set].
type Query struct {
	Codes []int8
	// Bias is 128 times the sum of Codes: what the products are too great by, since rows are stored with 128 added.
	Bias int32
}

// Set makes the query x, quantised and filled up to dims = [Padded] of its length, in its own memory where it is enough. It
// returns the scale: a score times the scale is the product with x.
func (q *Query) Set(x []float32) (scale float32) {
	if n := Padded(len(x)); cap(q.Codes) < n {
		q.Codes = make([]int8, n)
	} else {
		q.Codes = q.Codes[:n]
	}
	clear(q.Codes[len(x):])
	scale = Quantize(q.Codes[:len(x)], x)
	q.Weigh()
	return scale
}

// Weigh computes the bias after Codes were written.
func (q *Query) Weigh() {
	sum := int32(0)
	for _, c := range q.Codes {
		sum += int32(c)
	}
	q.Bias = 128 * sum
}

// Dots writes the product of the query with each row:
//
//	dst[r] = sum over j of row(r)[j] * query[j]
//
// with scales left out. Dst has one entry for each row, empty ones too.
func Dots(dst []int32, b Blocks, q Query) {
	b.check(q)
	if len(dst) != b.Rows() {
		panic("BUG: kernel: as many products as rows are needed")
	}
	for from, step := 0, b.pieceRows(); from < b.Rows(); from += step {
		to := min(from+step, b.Rows())
		dots(active, dst[from:to], b.Part(from, to), q)
	}
	for r := range dst {
		dst[r] -= q.Bias
	}
}

// Hits are rows with their scores. Both slices need room for as many rows as are scanned, since the kernel writes before it counts.
type Hits struct {
	Rows   []uint32
	Scores []float32
}

// Scan finds the rows whose score is greater than a threshold, in order of rows, and returns how many there are:
//
//	for r := range rows {
//		if score := float32(dot(row(r), query)) * scales[r]; score > threshold {
//			h.Rows[n], h.Scores[n] = r, score
//			n++
//		}
//	}
func Scan(h Hits, b Blocks, q Query, threshold float32) (n int) {
	b.check(q)
	if len(h.Rows) < b.Rows() || len(h.Scores) < b.Rows() {
		panic("BUG: kernel: room for as many hits as rows is needed")
	}
	for from, step := 0, b.pieceRows(); from < b.Rows(); from += step {
		to := min(from+step, b.Rows())
		found := scan(active, Hits{h.Rows[n:], h.Scores[n:]}, b.Part(from, to), q, threshold)
		if from > 0 {
			for i := range found {
				h.Rows[n+i] += uint32(from)
			}
		}
		n += found
	}
	return n
}

// Nearest returns the row with the greatest score, the first of those that are equal, or -1 when all rows are empty.
func Nearest(b Blocks, q Query) (row int, score float32) {
	b.check(q)
	row, score = -1, float32(math.Inf(-1))
	for from, step := 0, b.pieceRows(); from < b.Rows(); from += step {
		to := min(from+step, b.Rows())
		if r, s := nearest(active, b.Part(from, to), q); r >= 0 && s > score {
			row, score = from+r, s
		}
	}
	return row, score
}

// lanes are the best rows of each lane.
type lanes struct {
	rows   [Lanes]uint32
	scores [Lanes]float32
}

func newLanes() lanes {
	var l lanes
	for i := range l.scores {
		l.scores[i] = float32(math.Inf(-1))
	}
	return l
}

// best returns the best of all lanes.
func (l *lanes) best() (row int, score float32) {
	row, score = -1, float32(math.Inf(-1))
	for i, s := range l.scores {
		if s > score || s == score && row >= 0 && int(l.rows[i]) < row {
			row, score = int(l.rows[i]), s
		}
	}
	return row, score
}
