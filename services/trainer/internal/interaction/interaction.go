// Package interaction holds who touched what, as a sparse matrix of ones, and judges how well a model foretells what was held out.
package interaction

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
)

// Matrix says which user touched which item. Make one with [New]; then it never changes and may be used by many goroutines.
type Matrix struct {
	users, items set
}

// set are ascending lists of numbers, one after the other: list i is numbers[offsets[i]:offsets[i+1]].
type set struct {
	offsets []uint32
	numbers []uint32
}

func (s *set) list(i int) []uint32 { return s.numbers[s.offsets[i]:s.offsets[i+1]:s.offsets[i+1]] }

// New makes a matrix of the items of each user, which are below items. An item that stands twice counts once. It keeps no part of
// lists.
func New(lists [][]uint32, items int) (*Matrix, error) {
	m := &Matrix{users: set{offsets: make([]uint32, 1, len(lists)+1)}}
	entries := uint64(0)
	for _, list := range lists {
		entries += uint64(len(list))
	}
	if entries > math.MaxUint32 {
		return nil, fmt.Errorf("make interactions: %d entries, at most %d", entries, uint32(math.MaxUint32))
	}
	m.users.numbers = make([]uint32, 0, entries)
	for u, list := range lists {
		from := len(m.users.numbers)
		m.users.numbers = append(m.users.numbers, list...)
		own := m.users.numbers[from:]
		slices.Sort(own)
		own = slices.Compact(own)
		if len(own) > 0 && int(own[len(own)-1]) >= items {
			return nil, fmt.Errorf("make interactions: user %d touched item %d of %d", u, own[len(own)-1], items)
		}
		m.users.numbers = m.users.numbers[:from+len(own)]
		m.users.offsets = append(m.users.offsets, uint32(len(m.users.numbers)))
	}
	m.items = m.users.transpose(items)
	return m, nil
}

// transpose returns the lists of those who hold each number below n, in ascending order.
func (s *set) transpose(n int) set {
	t := set{offsets: make([]uint32, n+1), numbers: make([]uint32, len(s.numbers))}
	for _, x := range s.numbers {
		t.offsets[x+1]++
	}
	for i := range n {
		t.offsets[i+1] += t.offsets[i]
	}
	at := slices.Clone(t.offsets)
	for i := range len(s.offsets) - 1 {
		for _, x := range s.list(i) {
			t.numbers[at[x]] = uint32(i)
			at[x]++
		}
	}
	return t
}

// Users returns how many users there are.
func (m *Matrix) Users() int { return len(m.users.offsets) - 1 }

// Items returns how many items there are.
func (m *Matrix) Items() int { return len(m.items.offsets) - 1 }

// Entries returns how many pairs of a user and an item there are.
func (m *Matrix) Entries() int { return len(m.users.numbers) }

// User returns what a user touched, ascending. It belongs to the matrix.
func (m *Matrix) User(u int) []uint32 { return m.users.list(u) }

// Item returns who touched an item, ascending. It belongs to the matrix.
func (m *Matrix) Item(i int) []uint32 { return m.items.list(i) }

// Powers returns, for each user and each item, how many entries it has to the power of a or b; 0 for those without any.
func (m *Matrix) Powers(a, b float64) (users, items []float64) {
	return m.users.powers(a), m.items.powers(b)
}

func (s *set) powers(a float64) []float64 {
	out := make([]float64, len(s.offsets)-1)
	for i := range out {
		if n := s.offsets[i+1] - s.offsets[i]; n > 0 {
			out[i] = math.Pow(float64(n), a)
		}
	}
	return out
}

// Case is what a model is asked and what it should answer: what to foretell from the history of a user.
type Case struct {
	History, Wanted []uint32
}

// Holdout says what to hold out.
type Holdout struct {
	// Share is how much of a user's items is held out, at least one.
	Share float64
	// Users is from how many users, at most.
	Users int
	Seed  uint64
}

// Split holds out some items of some users, drawn at random, and returns the rest and the cases. A user of whom nothing would
// remain is not drawn. An item that nobody touches any more stays among the items.
func (m *Matrix) Split(h Holdout) (rest *Matrix, cases []Case) {
	draw := rand.New(rand.NewPCG(h.Seed, 0x686f6c646f7574))
	var able []int
	for u := range m.Users() {
		if len(m.User(u)) >= 2 {
			able = append(able, u)
		}
	}
	draw.Shuffle(len(able), func(i, j int) { able[i], able[j] = able[j], able[i] })
	able = able[:min(len(able), h.Users)]
	slices.Sort(able)
	lists := make([][]uint32, m.Users())
	for u := range lists {
		lists[u] = m.User(u)
	}
	for _, u := range able {
		own := slices.Clone(m.User(u))
		draw.Shuffle(len(own), func(i, j int) { own[i], own[j] = own[j], own[i] })
		held := min(max(int(math.Round(h.Share*float64(len(own)))), 1), len(own)-1)
		wanted, history := own[:held:held], own[held:]
		slices.Sort(wanted)
		slices.Sort(history)
		lists[u] = history
		cases = append(cases, Case{History: history, Wanted: wanted})
	}
	rest, err := New(lists, m.Items())
	if err != nil {
		panic("BUG: a part of a matrix is no matrix: " + err.Error())
	}
	return rest, cases
}

// ByCount returns the items, those that most users touched first; of those with equal counts the lower number.
func (m *Matrix) ByCount() []uint32 {
	order := make([]uint32, m.Items())
	for i := range order {
		order[i] = uint32(i)
	}
	slices.SortFunc(order, func(a, b uint32) int {
		return cmp.Or(cmp.Compare(len(m.Item(int(b))), len(m.Item(int(a)))), cmp.Compare(a, b))
	})
	return order
}
