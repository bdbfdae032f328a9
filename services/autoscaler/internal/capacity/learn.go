package capacity

import (
	"math"
	"time"
)

// The grid of what is learnt: the load of a pool as a part of the load at its expected knee, from 0.3 to 1.58.
const (
	partLow  = 0.3
	partStep = 0.04
	partSize = 32
	// halfLife is of what was seen.
	halfLife = 6 * time.Hour
	// trust is the weight, in requests per part, of what is expected beforehand: as many as tell a trouble of 0.5 % from one of
	// twice as much at the level of one standard deviation or so.
	trust = 2000
	// steepness is how fast trouble is expected to grow with the load: it doubles with each 4 % near the knees of [Prior].
	steepness = 17
	// probe is by how much an hour the load may exceed the highest that was borne.
	probe = 0.1
	// learnt is how many requests near the knee make what was seen weigh more than what was expected.
	learnt = 10 * trust
)

// Learner learns how much more or less than expected the pools of a variant bear. The zero value has seen nothing. Its fields are
// exported to be stored.
type Learner struct {
	Requests []float64 `json:"requests,omitempty"`
	Trouble  []float64 `json:"trouble,omitempty"`
	// Borne is the highest part of the knee that was served without trouble for a window, since when it may be probed further.
	Borne   float64   `json:"borne"`
	BorneAt time.Time `json:"borne_at,omitzero"`
	At      time.Time `json:"at,omitzero"`
}

// Note adds a window in which a pool had a load of part of its expected knee, with so many requests and so many of them in trouble.
// The window must be steady: no replica came or left. allowed is the share of trouble at the knee.
func (l *Learner) Note(now time.Time, part, requests, trouble, allowed float64) {
	if !(requests > 0) || part < partLow {
		return
	}
	if len(l.Requests) != partSize || len(l.Trouble) != partSize {
		l.Requests, l.Trouble = make([]float64, partSize), make([]float64, partSize)
	}
	if gone := now.Sub(l.At); gone > time.Minute && !l.At.IsZero() {
		fade := math.Exp2(-gone.Seconds() / halfLife.Seconds())
		for i := range l.Requests {
			l.Requests[i] *= fade
			l.Trouble[i] *= fade
		}
		l.At = now
	} else if l.At.IsZero() || gone < 0 {
		l.At = now
	}
	i := min(partSize-1, int((part-partLow)/partStep))
	l.Requests[i] += requests
	l.Trouble[i] += min(trouble, requests)
	if trouble <= allowed*requests && part > l.Borne {
		l.Borne, l.BorneAt = part, now
	}
}

// Factor returns what the expected knee is to be multiplied by, and whether that was seen. allowed is the share of trouble at the
// knee. Trouble grows with load, so what was seen and expected is made to (isotonic regression, by pooling adjacent violators).
func (l *Learner) Factor(now time.Time, allowed float64) (factor float64, seen bool) {
	if len(l.Requests) != partSize {
		return 1, false
	}
	curve := l.isotonic(allowed)
	factor = partLow
	before, near := 0.0, 0.0
	for i, n := range l.Requests {
		if math.Abs(partLow+partStep*(float64(i)+0.5)-1) < 0.15 {
			near += n
		}
	}
	for i, p := range curve {
		middle := partLow + partStep*(float64(i)+0.5)
		if p > allowed {
			if i > 0 {
				factor = middle - partStep*(p-allowed)/max(p-before, 1e-12)
			}
			break
		}
		factor, before = middle, p
	}
	// Never beyond what is expected, or was borne, by more than a careful step.
	reach := 1.0
	if l.Borne > 0 {
		reach = max(1, l.Borne*(1+probe*min(1, now.Sub(l.BorneAt).Hours())))
	}
	return min(max(factor, 0.5), reach), near >= learnt
}

// isotonic returns the share of trouble of each part, never falling.
func (l *Learner) isotonic(allowed float64) [partSize]float64 {
	var value, weight [partSize]float64
	var width [partSize]int
	n := 0
	for i := range partSize {
		middle := partLow + partStep*(float64(i)+0.5)
		expected := min(1, allowed*math.Exp(steepness*(middle-1)))
		value[n] = (trust*expected + l.Trouble[i]) / (trust + l.Requests[i])
		weight[n], width[n] = trust+l.Requests[i], 1
		for n++; n > 1 && value[n-2] > value[n-1]; n-- {
			sum := weight[n-2] + weight[n-1]
			value[n-2] = (value[n-2]*weight[n-2] + value[n-1]*weight[n-1]) / sum
			weight[n-2] = sum
			width[n-2] += width[n-1]
		}
	}
	var out [partSize]float64
	at := 0
	for i := range n {
		for range width[i] {
			out[at] = value[i]
			at++
		}
	}
	return out
}
