package sparselinear

import (
	"math"

	"github.com/haggle-commerce/haggle/services/trainer/internal/itemitem"
)

// Gram is the product of a normalised interaction matrix with itself, item by item: entry (i,j) is c(i,j) n(i)^-item n(j)^-item
// with the counts c and n of package itemitem, scaled so that the mean of the diagonal is 1.
type Gram struct {
	counts   *itemitem.Counts
	diagonal []float32
	// scale makes an entry of a cosine: it is cosine * scale[i] * scale[j].
	scale []float32
	// item is the exponent.
	item float64
}

// NewGram normalises counts. It keeps them.
func NewGram(c *itemitem.Counts, item float64) *Gram {
	g := &Gram{counts: c, diagonal: make([]float32, len(c.Own)), scale: make([]float32, len(c.Own)), item: item}
	sum, n := 0.0, 0
	for i, p := range c.Powers(-2 * item) {
		g.diagonal[i] = c.Own[i] * p
		if g.diagonal[i] > 0 {
			sum += float64(g.diagonal[i])
			n++
		}
	}
	for i := range g.diagonal {
		g.diagonal[i] *= float32(float64(n) / max(sum, 1e-30))
		g.scale[i] = float32(math.Sqrt(float64(g.diagonal[i])))
	}
	return g
}

// Items returns how many items there are.
func (g *Gram) Items() int { return len(g.diagonal) }
