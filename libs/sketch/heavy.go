package sketch

import (
	"cmp"
	"slices"
)

// Heavy keeps the keys that weigh most in a stream (Metwally, Agrawal and El Abbadi, "Space-Saving", ICDT 2005). With m
// counters and a stream that weighs N, every key that weighs more than N/m is kept, no count is too low and none is too
// high by more than N/m. It is not safe for use at once.
type Heavy[K cmp.Ordered] struct {
	at       map[K]int
	counters []Hitter[K] // a heap, the lightest on top
	total    uint64
}

// Hitter is a key that [Heavy] keeps.
type Hitter[K cmp.Ordered] struct {
	Key K
	// Count is at least the key's true weight and at most Error above it.
	Count uint64
	Error uint64
}

// NewHeavy returns an empty summary of m counters, at least 1.
func NewHeavy[K cmp.Ordered](m int) *Heavy[K] {
	m = max(m, 1)
	return &Heavy[K]{at: make(map[K]int, m), counters: make([]Hitter[K], 0, m)}
}

// Add adds weight to key.
func (h *Heavy[K]) Add(key K, weight uint64) {
	h.total += weight
	if i, ok := h.at[key]; ok {
		h.counters[i].Count += weight
		h.sink(i)
		return
	}
	if len(h.counters) < cap(h.counters) {
		h.counters = append(h.counters, Hitter[K]{Key: key, Count: weight})
		h.at[key] = len(h.counters) - 1
		h.rise(len(h.counters) - 1)
		return
	}
	lightest := &h.counters[0]
	delete(h.at, lightest.Key)
	*lightest = Hitter[K]{Key: key, Count: lightest.Count + weight, Error: lightest.Count}
	h.at[key] = 0
	h.sink(0)
}

// Total returns the weight of the whole stream.
func (h *Heavy[K]) Total() uint64 { return h.total }

// Top returns the k heaviest keys, heaviest first, equal ones by key. k <= 0 means all that are kept.
func (h *Heavy[K]) Top(k int) []Hitter[K] {
	top := slices.Clone(h.counters)
	slices.SortFunc(top, func(a, b Hitter[K]) int {
		if c := cmp.Compare(b.Count, a.Count); c != 0 {
			return c
		}
		return cmp.Compare(a.Key, b.Key)
	})
	if k > 0 && k < len(top) {
		top = top[:k]
	}
	return top
}

func (h *Heavy[K]) rise(i int) {
	for i > 0 {
		parent := (i - 1) / 2
		if h.counters[parent].Count <= h.counters[i].Count {
			return
		}
		h.swap(i, parent)
		i = parent
	}
}

func (h *Heavy[K]) sink(i int) {
	for {
		child := 2*i + 1
		if child >= len(h.counters) {
			return
		}
		if right := child + 1; right < len(h.counters) && h.counters[right].Count < h.counters[child].Count {
			child = right
		}
		if h.counters[i].Count <= h.counters[child].Count {
			return
		}
		h.swap(i, child)
		i = child
	}
}

func (h *Heavy[K]) swap(i, j int) {
	h.counters[i], h.counters[j] = h.counters[j], h.counters[i]
	h.at[h.counters[i].Key], h.at[h.counters[j].Key] = i, j
}
