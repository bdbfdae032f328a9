package cost

import (
	"cmp"
	"math"
	"math/bits"
	"slices"
)

// Bill is money in whole billionths of a US dollar, for sums that must come out exactly.
type Bill int64

// Whole returns n rounded to the nearest whole billionth. Money beyond what a Bill can hold (9 billion dollars) and NaN become
// the nearest bound and 0.
func (n NanoUSD) Whole() Bill {
	switch f := math.Round(float64(n)); {
	case math.IsNaN(f):
		return 0
	case f >= math.MaxInt64:
		return math.MaxInt64
	case f <= math.MinInt64:
		return math.MinInt64
	default:
		return Bill(f)
	}
}

// Shares splits bill over uses in proportion, by largest remainder: every share is within one billionth of its exact
// proportion, equal remainders go to the lower index, and the identity holds exactly:
//
//	sum(shares) + rest == bill
//
// rest is the whole bill when nobody used anything (idle time is nobody's), else 0. Uses are any unit, such as nanoseconds of
// CPU; one below 0 counts as 0. It panics when bill is negative or the uses add up to more than 2^63 - 1.
func Shares(bill Bill, uses []int64) (shares []Bill, rest Bill) {
	if bill < 0 {
		panic("cost: negative bill")
	}
	shares = make([]Bill, len(uses))
	total := uint64(0)
	for _, use := range uses {
		total += uint64(max(use, 0))
		if total > math.MaxInt64 {
			panic("cost: uses overflow")
		}
	}
	if total == 0 {
		return shares, bill
	}
	type remainder struct {
		at   int
		left uint64
	}
	remainders := make([]remainder, 0, len(uses))
	rest = bill
	for i, use := range uses {
		// bill * use / total in 128 bits; the quotient fits, because use <= total.
		high, low := bits.Mul64(uint64(bill), uint64(max(use, 0)))
		quotient, left := bits.Div64(high, low, total)
		shares[i] = Bill(quotient)
		rest -= shares[i]
		if left > 0 {
			remainders = append(remainders, remainder{i, left})
		}
	}
	slices.SortStableFunc(remainders, func(a, b remainder) int { return cmp.Compare(b.left, a.left) })
	// What is left over is the sum of the remainders / total: fewer billionths than there are remainders.
	for _, r := range remainders[:rest] {
		shares[r.at]++
	}
	return shares, 0
}
