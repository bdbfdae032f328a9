package together

import (
	"cmp"
	"math"
	"slices"

	"github.com/haggle-commerce/haggle/services/trainer/internal/corpus"
)

// touch is one item of one event.
type touch struct {
	shopper corpus.Shopper
	session uint64
	// at is the place of the event in the corpus.
	at int32
	member
}

const dayMillis = 24 * 60 * 60 * 1000

// gather collects what was touched in each session and by each shopper.
func gather(c *corpus.Corpus, until int, o Options) (sessions, shoppers *sets) {
	var touches []touch
	var items []corpus.Item
	for at := range until {
		e := &c.Events[at]
		weight := strength(e.Kind)
		if weight == 0 {
			continue
		}
		items = c.ItemsOf(items[:0], e)
		for _, item := range items {
			touches = append(touches, touch{e.Shopper, e.Session, int32(at), member{item, int32(e.At / dayMillis), weight}})
		}
	}
	now := int64(0)
	if until > 0 {
		now = c.Events[until-1].At
	}
	// A session is named by the place of its first event, so that the order does not depend on how sessions are numbered.
	first := map[uint64]int32{}
	named := touches[:0:0]
	for _, t := range touches {
		if t.session != 0 {
			begin, ok := first[t.session]
			if !ok {
				begin = t.at
				first[t.session] = begin
			}
			t.session = uint64(begin)
			named = append(named, t)
		}
	}
	// A session of n items says n(n-1)/2 pairs: each of a long one says less.
	sessions = collect(named, func(t touch) uint32 { return uint32(t.session) }, c.Items(), maxSession, func(n int, day int32) float32 {
		age := float64(now/dayMillis - int64(day))
		return float32(math.Exp2(-age*24/o.HalfLife.Hours()) / math.Log2(1+float64(n)))
	})
	known := slices.DeleteFunc(touches, func(t touch) bool { return t.shopper == 0 })
	shoppers = collect(known, func(t touch) uint32 { return uint32(t.shopper) }, c.Items(), maxShopper, func(n int, _ int32) float32 {
		return float32(1 / math.Log2(1+float64(n)))
	})
	return sessions, shoppers
}

// collect makes a set of each run of touches with one key: each item once, with its greatest weight and its newest day, at most
// most of the newest. It sorts touches.
func collect(touches []touch, key func(touch) uint32, items, most int, scale func(n int, day int32) float32) *sets {
	slices.SortFunc(touches, func(a, b touch) int {
		return cmp.Or(cmp.Compare(key(a), key(b)), cmp.Compare(a.item, b.item), cmp.Compare(b.at, a.at))
	})
	s := &sets{offsets: []uint32{0}, of: make([][]uint32, items+1)}
	for begin := 0; begin < len(touches); {
		end := begin + 1
		for end < len(touches) && key(touches[end]) == key(touches[begin]) {
			end++
		}
		s.add(touches[begin:end], most, scale)
		begin = end
	}
	for at, m := range s.members {
		s.of[m.item] = append(s.of[m.item], uint32(at))
	}
	return s
}

// add makes one set of touches that are sorted by item, the newest first.
func (s *sets) add(touches []touch, most int, scale func(n int, day int32) float32) {
	begin := len(s.members)
	for i, t := range touches {
		if i > 0 && touches[i-1].item == t.item {
			last := &s.members[len(s.members)-1]
			last.weight = max(last.weight, t.weight)
			continue
		}
		s.members = append(s.members, t.member)
	}
	set := s.members[begin:]
	if len(set) > most {
		slices.SortFunc(set, func(a, b member) int { return cmp.Or(cmp.Compare(b.day, a.day), cmp.Compare(a.item, b.item)) })
		s.members = s.members[:begin+most]
		set = s.members[begin:]
	}
	newest := set[0].day
	for _, m := range set {
		newest = max(newest, m.day)
	}
	for range set {
		s.owner = append(s.owner, uint32(len(s.scale)))
	}
	s.scale = append(s.scale, scale(len(set), newest))
	s.offsets = append(s.offsets, uint32(len(s.members)))
}
