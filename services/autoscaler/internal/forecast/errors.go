package forecast

import (
	"math"
	"time"
)

// The grid of an expert's errors: logarithms of peak / guess from a half to eight times, two hundredths apart.
const (
	gridLow  = -0.7
	gridStep = 0.02
	gridSize = 140
)

// Errors is a histogram of the errors of one expert in which old ones count less. The zero value expects a spread of a tenth, as
// long as little else is known.
type Errors struct {
	Bins []float32 `json:"bins,omitempty"`
	Sum  float64   `json:"sum"`
	// Last is when the bins were last faded.
	Last time.Time `json:"last,omitzero"`
}

// prior is the weight, in errors, of the spread that is expected beforehand: five minutes of steps of five seconds.
const prior = 60

// add notes the logarithm of an error.
func (e *Errors) add(x float64, now time.Time) {
	if len(e.Bins) != gridSize {
		e.Bins = make([]float32, gridSize)
	}
	// Faded once in a minute, because that touches every bin.
	if gone := now.Sub(e.Last); gone >= time.Minute || gone < 0 {
		if !e.Last.IsZero() && gone > 0 {
			fade := float32(math.Exp2(-gone.Seconds() / memory.Seconds()))
			for i := range e.Bins {
				e.Bins[i] *= fade
			}
			e.Sum *= float64(fade)
		}
		e.Last = now
	}
	e.Bins[min(gridSize-1, max(0, int((x-gridLow)/gridStep)))]++
	e.Sum++
}

// Quantile returns the factor that a share p of the errors do not exceed.
func (e *Errors) Quantile(p float64) float64 { return math.Exp(e.quantile(p)) }

func (e *Errors) quantile(p float64) float64 {
	expected := 0.1 * math.Sqrt2 * math.Erfinv(2*p-1)
	if e.Sum <= 0 {
		return expected
	}
	left, seen := p*e.Sum, gridLow
	for i, n := range e.Bins {
		if left -= float64(n); left <= 0 {
			seen = gridLow + gridStep*(float64(i)+1+left/float64(max(n, 1e-9)))
			break
		}
	}
	weight := max(0, prior-e.Sum) / prior
	return weight*expected + (1-weight)*seen
}

// Cover returns the least factor beyond which, in the mean, no more than a share of what is forecast falls: the smallest q with
// E[max(0, error/q - 1)] <= share. A quantile bounds how often a forecast falls short, this by how much.
func (e *Errors) Cover(share float64) float64 {
	total, above, count := e.Sum, 0.0, 0.0
	if weight := prior - e.Sum; weight > 0 {
		total += weight
	}
	if e.Sum <= 0 {
		return 1
	}
	for i := len(e.Bins) - 1; i >= 0; i-- {
		q := math.Exp(gridLow + gridStep*float64(i))
		if above/q-count > share*total {
			return math.Exp(gridLow + gridStep*float64(i+1))
		}
		n := float64(e.Bins[i])
		above += n * math.Exp(gridLow+gridStep*(float64(i)+0.5))
		count += n
	}
	return math.Exp(gridLow)
}

// spread is how far the errors reach: what an expert costs whose guesses scatter, whatever its quantile of now.
func (e *Errors) spread() float64 { return 0.1 * (e.quantile(0.9) - e.quantile(0.5)) }
