package kernel

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// tiers are those that this processor and this build know.
func tiers() []Tier {
	var known []Tier
	for t := Portable; t <= Active(); t++ {
		known = append(known, t)
	}
	return known
}

// guards is how many entries before and after a slice must stay as they are.
const guards = 19

// guarded returns a slice of n entries that begins at some offset from an aligned one, with guards around it, and a function
// that checks them.
func guarded[E comparable](t *testing.T, n, offset int, guard E) ([]E, func()) {
	t.Helper()
	all := make([]E, guards+offset+n+guards)
	for i := range all {
		all[i] = guard
	}
	from, to := guards+offset, guards+offset+n
	return all[from:to:to], func() {
		t.Helper()
		for i, v := range all {
			if (i < from || i >= to) && v != guard {
				t.Fatalf("entry %d beside a slice of %d was overwritten with %v", i-from, n, v)
			}
		}
	}
}

func randomBlocks(t *testing.T, r *rand.Rand, rows, dims, offset int) (Blocks, func()) {
	codes, checkCodes := guarded[uint8](t, rows*dims, offset, 77)
	scales, checkScales := guarded[float32](t, rows, offset, 77)
	b := Blocks{Codes: codes, Scales: scales, Dims: dims}
	for i := range codes {
		codes[i] = uint8(r.Uint32())
	}
	for i := range scales {
		if scales[i] = r.Float32(); r.IntN(9) == 0 {
			scales[i] = float32(math.NaN())
		}
	}
	return b, func() { checkCodes(); checkScales() }
}

func randomQuery(t *testing.T, r *rand.Rand, dims, offset int) (Query, func()) {
	codes, check := guarded[int8](t, dims, offset, 77)
	for i := range codes {
		codes[i] = int8(r.IntN(255) - 127)
	}
	q := Query{Codes: codes}
	q.Weigh()
	return q, check
}

// naive is the product of a query with a row.
func naive(b Blocks, row int, q Query) int32 {
	codes := make([]int8, b.Dims)
	b.Get(row, codes)
	sum := int32(0)
	for j, c := range codes {
		sum += int32(c) * int32(q.Codes[j])
	}
	return sum
}

func TestBlocks(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, tier := range tiers() {
		for blocks := range 11 {
			for _, dims := range []int{16, 32, 48, 64, 112, 1024} {
				offset := r.IntN(16)
				b, checkBlocks := randomBlocks(t, r, blocks*Lanes, dims, offset)
				q, checkQuery := randomQuery(t, r, dims, offset)
				dst, checkDst := guarded[int32](t, b.Rows(), offset, 77)
				dots(tier, dst, b, q)
				want := make([]int32, b.Rows())
				for row := range want {
					want[row] = naive(b, row, q)
					if got := dst[row] - q.Bias; got != want[row] {
						t.Fatalf("%v: %d rows of %d: product of row %d = %d, want %d", tier, b.Rows(), dims, row, got, want[row])
					}
				}
				threshold := float32(r.NormFloat64() * 3000)
				rows, checkRows := guarded[uint32](t, b.Rows(), offset, 77)
				scores, checkScores := guarded[float32](t, b.Rows(), offset, 77)
				n := scan(tier, Hits{rows, scores}, b, q, threshold)
				var found []uint32
				best, bestScore := -1, float32(math.Inf(-1))
				for row, sum := range want {
					score := float32(sum) * b.Scales[row]
					if score > threshold {
						if i := len(found); i < n && scores[i] != score {
							t.Fatalf("%v: score of row %d = %v, want %v", tier, row, scores[i], score)
						}
						found = append(found, uint32(row))
					}
					if score > bestScore {
						best, bestScore = row, score
					}
				}
				if !slices.Equal(rows[:n], found) {
					t.Fatalf("%v: %d rows of %d over %v: got %v, want %v", tier, b.Rows(), dims, threshold, rows[:n], found)
				}
				if row, score := nearest(tier, b, q); row != best || row >= 0 && score != bestScore {
					t.Fatalf("%v: nearest = %d, %v; want %d, %v", tier, row, score, best, bestScore)
				}
				for _, check := range []func(){checkBlocks, checkQuery, checkDst, checkRows, checkScores} {
					check()
				}
			}
		}
	}
}

// TestExtremes multiplies the greatest numbers there are: sums of 16 bits would not hold them.
func TestExtremes(t *testing.T) {
	for _, tier := range tiers() {
		for _, c := range []struct{ row, query int8 }{{127, 127}, {-128, 127}, {127, -127}, {-128, -128}} {
			b, q := MakeBlocks(16, 1024), Query{Codes: make([]int8, 1024)}
			row := make([]int8, 1024)
			for j := range row {
				row[j], q.Codes[j] = c.row, c.query
			}
			q.Weigh()
			b.Set(3, row, 1)
			dst := make([]int32, b.Rows())
			dots(tier, dst, b, q)
			if got, want := dst[3]-q.Bias, 1024*int32(c.row)*int32(c.query); got != want {
				t.Errorf("%v: 1024 x %d x %d = %d, want %d", tier, c.row, c.query, got, want)
			}
		}
		a := []int16{32767, -32767, 32767, 32767, 32767, 32767, 32767, 32767, 32767, 32767, 32767, 32767, 32767, 32767, 32767, 32767}
		if got, want := dotInt16(tier, a, a), int64(16)*32767*32767; got != want {
			t.Errorf("%v: DotInt16 = %d, want %d", tier, got, want)
		}
	}
}

// TestPieces scans more than one call of assembly may.
func TestPieces(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	b, _ := randomBlocks(t, r, 2*piece/16+32, 16, 0)
	q, _ := randomQuery(t, r, 16, 0)
	products := make([]int32, b.Rows())
	Dots(products, b, q)
	h := Hits{make([]uint32, b.Rows()), make([]float32, b.Rows())}
	n, want := Scan(h, b, q, 5000), 0
	best, bestScore := -1, float32(math.Inf(-1))
	for row, sum := range products {
		score := float32(sum) * b.Scales[row]
		if score > 5000 {
			if want < n && (h.Rows[want] != uint32(row) || h.Scores[want] != score) {
				t.Fatalf("hit %d = %d, %v; want %d, %v", want, h.Rows[want], h.Scores[want], row, score)
			}
			want++
		}
		if score > bestScore {
			best, bestScore = row, score
		}
	}
	if n != want {
		t.Errorf("%d hits, want %d", n, want)
	}
	if row, score := Nearest(b, q); row != best || score != bestScore {
		t.Errorf("Nearest = %d, %v; want %d, %v", row, score, best, bestScore)
	}
	x, y := make([]float32, 2*pieceFloats+5), make([]float32, 2*pieceFloats+5)
	for i := range x {
		x[i], y[i] = 1, float32(i%3)
	}
	if got, want := Dot(x, y), float32(len(x)-1); math.Abs(float64(got-want)) > 1 {
		t.Errorf("Dot = %v, want about %v", got, want)
	}
	Axpy(y, 2, x)
	Scale(y, 0.5)
	for i, v := range y {
		if want := (float32(i%3) + 2) / 2; v != want {
			t.Fatalf("y[%d] = %v, want %v", i, v, want)
		}
	}
	codes := make([]int8, len(x))
	x[len(x)-1] = -2
	if got := Quantize(codes, x); got != 2./127 || codes[0] != 64 || codes[len(codes)-1] != -127 {
		t.Errorf("Quantize = %v, first %d, last %d", got, codes[0], codes[len(codes)-1])
	}
}

func TestBlocksKeepRows(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	b := MakeBlocks(40, 20)
	if b.Rows() != 48 || b.Dims != 32 {
		t.Fatalf("%d rows of %d", b.Rows(), b.Dims)
	}
	want := make([][]int8, b.Rows())
	for row := range want {
		want[row] = make([]int8, b.Dims)
		for j := range want[row] {
			want[row][j] = int8(r.Uint32())
		}
		b.Set(row, want[row], float32(row))
	}
	b.Move(7, 41)
	b.Empty(9)
	got := make([]int8, b.Dims)
	for row := range want {
		from := row
		if row == 7 {
			from = 41
		}
		scale := b.Get(row, got)
		if !slices.Equal(got, want[from]) || row != 9 && scale != float32(from) || row == 9 && scale == scale {
			t.Errorf("row %d = %v with scale %v, want %v", row, got, scale, want[from])
		}
	}
}

// TestLimits runs the loops that do no work, in every tier: they must end and count what they did.
func TestLimits(t *testing.T) {
	x, check := guarded[uint8](t, 4096, 3, 77)
	for _, tier := range tiers() {
		read(tier, x)
		if busyInt8(tier, 10) < 4 || busyFloat(tier, 10) < 4 {
			t.Errorf("%v: nothing was multiplied", tier)
		}
	}
	Read(x[:0])
	if one, two := BusyInt8(1000), BusyInt8(25_000); two != 25*one || BusyFloat(100) <= 0 {
		t.Errorf("%v and %v multiplications", one, two)
	}
	check()
}
