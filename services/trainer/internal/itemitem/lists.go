// Package itemitem holds weights between items, each row cut to its greatest, and learns them from what users touched together.
package itemitem

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/haggle-commerce/haggle/libs/model/neighbour"
	"github.com/haggle-commerce/haggle/libs/shop"
	"github.com/haggle-commerce/haggle/services/trainer/internal/interaction"
)

// Lists are weights from items that were touched to items that may be wanted. The row of item i is
// Items[Offsets[i]:Offsets[i+1]] with its Weights, none of which is 0, the greatest first.
type Lists struct {
	Offsets []uint32
	Items   []uint32
	Weights []float32
}

// Entry is one weight of a row.
type Entry struct {
	Item   uint32
	Weight float32
}

// key orders entries by weight, then by the lower item, as one number.
func (e Entry) key() uint64 {
	b := math.Float32bits(e.Weight)
	if b>>31 == 0 {
		b |= 1 << 31
	} else {
		b = ^b
	}
	return uint64(b)<<32 | uint64(^e.Item)
}

func entryOf(key uint64) Entry {
	b := uint32(key >> 32)
	if b>>31 == 1 {
		b &^= 1 << 31
	} else {
		b = ^b
	}
	return Entry{Item: ^uint32(key), Weight: math.Float32frombits(b)}
}

// size orders entries by how far their weight is from 0, then by the lower item, as one number.
func (e Entry) size() uint64 {
	return uint64(math.Float32bits(e.Weight)&^(1<<31))<<32 | uint64(^e.Item)
}

// Cut returns the most entries of a row that are furthest from 0, in no order, over the memory of row; most of 0 keeps all.
// Entries that are 0 or no number are left out.
func Cut(row []Entry, most int) []Entry {
	row = slices.DeleteFunc(row, func(e Entry) bool { return !(e.Weight*e.Weight > 0) || math.IsInf(float64(e.Weight), 0) })
	if most <= 0 || len(row) <= most {
		return row
	}
	for low, high := 0, len(row)-1; low < high; {
		a, b, c := row[low].size(), row[low+(high-low)/2].size(), row[high].size()
		pivot := max(min(a, b), min(max(a, b), c))
		i, j := low, high
		for i <= j {
			for row[i].size() > pivot {
				i++
			}
			for row[j].size() < pivot {
				j--
			}
			if i <= j {
				row[i], row[j] = row[j], row[i]
				i, j = i+1, j-1
			}
		}
		switch {
		case most-1 <= j:
			high = j
		case most-1 >= i:
			low = i
		default:
			return row[:most]
		}
	}
	return row[:most]
}

// FromRows makes lists of rows, which it sorts.
func FromRows(rows [][]Entry) *Lists {
	total := 0
	for _, row := range rows {
		total += len(row)
	}
	l := &Lists{Offsets: make([]uint32, 1, len(rows)+1), Items: make([]uint32, 0, total), Weights: make([]float32, 0, total)}
	var keys []uint64
	for _, row := range rows {
		keys = keys[:0]
		for _, e := range row {
			keys = append(keys, e.key())
		}
		slices.Sort(keys)
		for _, key := range slices.Backward(keys) {
			e := entryOf(key)
			l.Items, l.Weights = append(l.Items, e.Item), append(l.Weights, e.Weight)
		}
		l.Offsets = append(l.Offsets, uint32(len(l.Items)))
	}
	return l
}

// Len returns how many rows there are.
func (l *Lists) Len() int { return len(l.Offsets) - 1 }

// Row returns the row of an item, the greatest weight first. It belongs to the lists.
func (l *Lists) Row(i int) ([]uint32, []float32) {
	from, to := l.Offsets[i], l.Offsets[i+1]
	return l.Items[from:to], l.Weights[from:to]
}

// Bytes returns how much memory the lists take where they serve.
func (l *Lists) Bytes() int64 { return int64(len(l.Items))*8 + int64(len(l.Offsets))*4 }

// Asker implements [interaction.Model]: the score of an item is the sum of its weights from the items of the history.
func (l *Lists) Asker() interaction.Asker { return l }

// Score implements [interaction.Asker].
func (l *Lists) Score(dst []float32, history []uint32) {
	clear(dst)
	for _, i := range history {
		items, weights := l.Row(int(i))
		for k, j := range items {
			dst[j] += weights[k]
		}
	}
}

// Model returns the model file's form of the lists, with the ids of the items: of each row the first most weights that are above 0.
// Items that keep says false of have no list and stand in none.
func (l *Lists) Model(ids []shop.ItemID, keep func(item int) bool, most int) (*neighbour.Model, error) {
	if len(ids) != l.Len() {
		return nil, fmt.Errorf("make neighbours: %d ids for %d lists", len(ids), l.Len())
	}
	order := make([]int, 0, len(ids))
	for i := range ids {
		if keep(i) {
			order = append(order, i)
		}
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(ids[a], ids[b]) })
	numbers := make([]uint32, len(ids))
	for n, i := range order {
		numbers[i] = uint32(n)
	}
	sorted, offsets := make([]shop.ItemID, 0, len(order)), make([]uint32, 1, len(order)+1)
	var items []uint32
	var weights []float32
	for _, i := range order {
		sorted = append(sorted, ids[i])
		list, own := l.Row(i)
		left := most
		for k, j := range list {
			if own[k] > 0 && left > 0 && keep(int(j)) {
				items, weights = append(items, numbers[j]), append(weights, own[k])
				left--
			}
		}
		offsets = append(offsets, uint32(len(items)))
	}
	return neighbour.New(sorted, offsets, items, weights)
}

// Join returns the sum of a and share times b, both scaled so that an entry is 1 in the root mean square; each row is cut to keep, 0
// keeps all.
func Join(a, b *Lists, share float64, keep int) *Lists {
	x, y := 1/a.size(), float32(share)/b.size()
	rows := make([][]Entry, a.Len())
	sums := make([]float32, a.Len())
	for i := range rows {
		own, weights := a.Row(i)
		more, others := b.Row(i)
		for k, j := range own {
			sums[j] += x * weights[k]
		}
		for k, j := range more {
			sums[j] += y * others[k]
		}
		row := make([]Entry, 0, max(len(own), len(more)))
		for _, list := range [][]uint32{own, more} {
			for _, j := range list {
				if sums[j] != 0 {
					row = append(row, Entry{j, sums[j]})
					sums[j] = 0
				}
			}
		}
		rows[i] = Cut(row, keep)
	}
	return FromRows(rows)
}

// Resize multiplies all weights, so that in the root mean square over items a row is as long as one of other.
func (l *Lists) Resize(other *Lists) {
	by := other.size() / l.size()
	for i := range l.Weights {
		l.Weights[i] *= by
	}
}

// size is the length of all rows put together, over the square root of the number of items.
func (l *Lists) size() float32 {
	sum := 0.0
	for _, w := range l.Weights {
		sum += float64(w) * float64(w)
	}
	return float32(math.Sqrt(sum/float64(max(l.Len(), 1))) + 1e-20)
}
