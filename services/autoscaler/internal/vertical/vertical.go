// Package vertical says what a replica should ask of its node, by what it used.
package vertical

import (
	"math"
	"time"
)

const (
	// The grid of use: buckets that grow by 5 % from a hundredth of a core, as those of the vertical pod autoscaler.
	first, growth, buckets = 0.01, 1.05, 200
	// halfLife is of what was seen; above is what is asked for beyond it.
	halfLife    = 24 * time.Hour
	above       = 1.15
	aboveMemory = 1.2
	// part is the share of the time in which the cores must have been enough.
	part = 0.95
	// mature is how long a replica must have been watched.
	mature = time.Hour
)

// Estimate is what the replicas of a target used. The zero value has seen nothing. It is used by one goroutine; its fields are
// exported to be stored.
type Estimate struct {
	Seconds []float32 `json:"seconds,omitempty"`
	// Memory is the peak in bytes, which fades; Since and At are the first and last time of a note.
	Memory float64   `json:"memory"`
	Since  time.Time `json:"since,omitzero"`
	At     time.Time `json:"at,omitzero"`
}

// Note adds the cores in use by a replica and the greatest memory of one, 0 when unknown.
func (e *Estimate) Note(now time.Time, cores float64, bytes uint64) {
	if len(e.Seconds) != buckets {
		*e = Estimate{Seconds: make([]float32, buckets), Since: now, At: now}
	}
	gone := now.Sub(e.At).Seconds()
	if gone < 0 || gone > mature.Seconds() {
		gone = 0
	}
	e.At = now
	e.fade(gone)
	i := 0
	if cores > first {
		i = min(buckets-1, int(math.Ceil(math.Log(cores/first)/math.Log(growth))))
	}
	e.Seconds[i] += float32(max(gone, 1))
	e.Memory = max(e.Memory, float64(bytes))
}

// fade makes old use count less.
func (e *Estimate) fade(gone float64) {
	fade := math.Exp2(-gone / halfLife.Seconds())
	e.Memory *= fade
	for i := range e.Seconds {
		e.Seconds[i] *= float32(fade)
	}
}

// OutOfMemory notes that a replica that asked for so many bytes was ended for want of more.
func (e *Estimate) OutOfMemory(bytes uint64) {
	e.Memory = max(e.Memory, float64(bytes))
}

// Request returns what a replica should ask for; ok is false before it was watched for an hour. Memory is 0 when unknown.
func (e *Estimate) Request() (cores float64, bytes uint64, ok bool) {
	if len(e.Seconds) != buckets || e.At.Sub(e.Since) < mature {
		return 0, 0, false
	}
	total := 0.0
	for _, s := range e.Seconds {
		total += float64(s)
	}
	left := part * total
	for i, s := range e.Seconds {
		if left -= float64(s); left <= 0 {
			cores = first * math.Pow(growth, float64(i))
			break
		}
	}
	return math.Ceil(cores*above*1000) / 1000, uint64(e.Memory * aboveMemory), true
}
