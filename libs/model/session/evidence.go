package session

import (
	"math"
)

// Query is a session of which the next item is asked for.
type Query struct {
	// Current are the items of the session so far, the latest first. An item may come several times.
	Current []uint32
	// Own is the session itself, which is no neighbour of itself; 0 for none.
	Own uint64
	// Keep holds one bit for each item that may be answered, bit i%64 of word i/64; nil allows all.
	Keep []uint64
}

func (q *Query) keeps(item uint32) bool {
	return q.Keep == nil || int(item>>6) < len(q.Keep) && q.Keep[item>>6]&(1<<(item&63)) != 0
}

// The kinds of evidence that the nearest sessions give for an item.
const (
	// votes is V-SKNN's: how much a session shares, late items more, over the root of its length.
	votes = iota
	// near is STAN's: what a session shares, fading with its age and with the steps from the shared item.
	near
	// after and before are how often the item came after or before the latest current one, fading with the steps between.
	after
	before
	// next is after, right behind it alone, fading with the age of the session.
	next
	// beside is how often it shares a session with the latest current item.
	beside
	// onward and backward are after and before for the other current items.
	onward
	backward
	// twoSteps is what the sessions of the best items lead to.
	twoSteps
	evidenceCount
)

// row is what is known of one item while a question is answered.
type row struct {
	item uint32
	// current is the place of the item in the current session, from 1 for the latest; 0 when it is not there. times is how
	// often it is there.
	current, times uint16
	// because is the current item that says most for it, by the place; strongest what that says.
	because   uint16
	strongest float32
	// shared are the current items that it shares a session with, one bit each.
	shared   uint32
	base     float32
	evidence [evidenceCount]float32
}

// kin is a session that shares an item with the current one.
type kin struct {
	number uint32
	shared uint32
	near   float32
}

// Scratch is the memory of one prediction. One reader uses it at a time. The zero value is ready.
type Scratch struct {
	// current are the distinct items of the question, the latest first, and weights what each counts. fades are the powers of
	// Params.Gap.
	current []uint32
	weights [maxCurrent]float32
	fades   []float32
	// own is the number of the session itself, 0 when the window does not hold it.
	own uint32
	// kin are the sessions that share an item, by the numbers of kinOf, and rows the items, by those of rowOf.
	kinOf, rowOf table
	kin          []kin
	rows         []row
	keys         []uint64
	// buffer are the items of one session, at their rows.
	buffer, at []uint32
	// x are features, y the scores for them.
	x, y  []float32
	found []Found
}

// gather finds the evidence for the items that the nearest sessions hold.
func (x *Index) gather(sc *Scratch, q *Query) {
	x.begin(sc, q)
	x.findKin(sc, q)
	for _, key := range sc.keys {
		x.tell(sc, &sc.kin[uint32(key)])
	}
}

// begin makes rows of the current items.
func (x *Index) begin(sc *Scratch, q *Query) {
	p := &x.params
	sc.rowOf.reset(sc.rowOf.used)
	sc.rows, sc.current = sc.rows[:0], sc.current[:0]
	for _, item := range q.Current {
		i, isNew := sc.rowOf.number(item)
		if !isNew {
			sc.rows[i].times++
			continue
		}
		if len(sc.current) == p.Current {
			sc.rowOf.drop(item)
			continue
		}
		sc.current = append(sc.current, item)
		sc.rows = append(sc.rows, row{item: item, current: uint16(len(sc.current)), times: 1})
	}
	weight := 1.0
	for i := range sc.current {
		sc.weights[i] = float32(weight)
		weight *= p.Fade
	}
	if len(sc.fades) == 0 || sc.fades[1] != float32(p.Gap) || len(sc.fades) < p.Length {
		sc.fades = sc.fades[:0]
		for i := range p.Length + 1 {
			sc.fades = append(sc.fades, float32(math.Pow(p.Gap, float64(i))))
		}
	}
}

// findKin finds the nearest sessions: keys are their numbers in kin, below the bits of how near they are.
func (x *Index) findKin(sc *Scratch, q *Query) {
	p := &x.params
	sc.kin, sc.keys = sc.kin[:0], sc.keys[:0]
	sc.kinOf.reset(min(len(sc.current)*p.PerItem, x.Len()))
	sc.own = 0
	if q.Own != 0 {
		sc.own = x.byID[q.Own]
	}
	for i, item := range sc.current {
		if int(item) >= len(x.visits) {
			continue
		}
		list, left := x.visits[item], p.PerItem
		for j := len(list) - 1; j >= 0 && left > 0; j-- {
			if !x.holds(list[j]) {
				continue
			}
			left--
			if list[j] == sc.own {
				continue
			}
			k, isNew := sc.kinOf.number(list[j])
			if isNew {
				sc.kin = append(sc.kin, kin{number: list[j]})
			}
			sc.kin[k].near += sc.weights[i]
			sc.kin[k].shared |= 1 << i
		}
	}
	// A greater key is nearer, or equally near and later.
	for i := range sc.kin {
		sc.keys = append(sc.keys, uint64(math.Float32bits(sc.kin[i].near))<<32|uint64(sc.kin[i].number))
	}
	if k := p.Neighbours; len(sc.keys) > k {
		split(sc.keys, k)
		sc.keys = sc.keys[:k]
	}
	for i, key := range sc.keys {
		sc.keys[i] = uint64(sc.kinOf.values[sc.kinOf.find(uint32(key))])
	}
}

// tell adds what one session says.
func (x *Index) tell(sc *Scratch, k *kin) {
	l := x.lineOf(k.number)
	items := x.read(l, &sc.buffer)
	sc.at = sc.at[:0]
	latest, second := -1, -1
	var first, other uint16 // the places in the current session of the two latest shared items
	for at, item := range items {
		i, isNew := sc.rowOf.number(item)
		if isNew {
			sc.rows = append(sc.rows, row{item: item})
		}
		sc.at = append(sc.at, i)
		if c := sc.rows[i].current; c != 0 {
			switch {
			case first == 0 || c < first:
				second, other = latest, first
				latest, first = at, c
			case other == 0 || c < other:
				second, other = at, c
			}
		}
	}
	age := float64(x.last-k.number) / float64(max(x.Len(), 1))
	recent := float32(math.Exp2(-age / x.params.HalfLife))
	length := float32(1 / math.Sqrt(float64(len(items))))
	match := max(1-0.1*float32(first-1), 0)
	vote := k.near * match * length
	nearer := k.near * recent * length
	for at, i := range sc.at {
		r := &sc.rows[i]
		steps := at - latest
		if steps == 0 {
			// What a session says of its shared item is that it was there, not that it comes again.
			continue
		}
		fade := sc.fades[max(steps, -steps)]
		e := &r.evidence
		e[votes] += vote
		e[near] += nearer * fade
		r.shared |= k.shared
		if says := nearer * fade; says > r.strongest {
			r.strongest, r.because = says, first
		}
		if first == 1 {
			e[beside] += length
			if steps > 0 {
				e[after] += fade
				if steps == 1 {
					e[next] += recent
				}
			} else {
				e[before] += fade
			}
		}
		anchor, place := latest, first
		if first == 1 {
			anchor, place = second, other
		}
		if place > 1 {
			if steps := at - anchor; steps > 0 {
				e[onward] += sc.weights[place-1] * sc.fades[steps]
			} else if steps < 0 {
				e[backward] += sc.weights[place-1] * sc.fades[-steps]
			}
		}
	}
}

// split moves the k greatest keys to the front, in no order (quickselect with the median of three).
func split(keys []uint64, k int) {
	for low, high := 0, len(keys)-1; low < high; {
		a, b, c := keys[low], keys[low+(high-low)/2], keys[high]
		pivot := max(min(a, b), min(max(a, b), c))
		i, j := low, high
		for i <= j {
			for keys[i] > pivot {
				i++
			}
			for keys[j] < pivot {
				j--
			}
			if i <= j {
				keys[i], keys[j] = keys[j], keys[i]
				i, j = i+1, j-1
			}
		}
		switch {
		case k-1 <= j:
			high = j
		case k-1 >= i:
			low = i
		default:
			return
		}
	}
}
