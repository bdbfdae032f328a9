package itemitem

import (
	"context"
	"math"

	"github.com/haggle-commerce/haggle/services/trainer/internal/crew"
	"github.com/haggle-commerce/haggle/services/trainer/internal/interaction"
)

// Counts are, for pairs of items i and j, what their common users say: c(i,j) is the sum over them of d(u)^-User, where d counts the
// items of a user. A row keeps its greatest cosines.
type Counts struct {
	// User is the exponent by which a user says less of each pair who touched much.
	User float64
	// Own are c(i,i).
	Own []float32
	// Cosines are c(i,j) / sqrt(c(i,i) c(j,j)) of j != i.
	Cosines *Lists

	counts []int
	mean   float64
}

// Count adds up who touched what together. width is how many entries of a row are kept; 0 keeps all.
func Count(ctx context.Context, c crew.Crew, m *interaction.Matrix, user float64, width int) (*Counts, error) {
	says := make([]float32, m.Users())
	out := &Counts{User: user, Own: make([]float32, m.Items()), counts: make([]int, m.Items())}
	for u := range says {
		says[u] = float32(math.Pow(float64(max(len(m.User(u)), 1)), -user))
		out.mean += float64(says[u]) * float64(len(m.User(u))) / float64(max(m.Entries(), 1))
	}
	inverse := make([]float32, m.Items())
	for i := range inverse {
		own := 0.0
		for _, u := range m.Item(i) {
			own += float64(says[u])
		}
		out.Own[i], out.counts[i] = float32(own), len(m.Item(i))
		if own > 0 {
			inverse[i] = float32(1 / math.Sqrt(own))
		}
	}
	rows := make([][]Entry, m.Items())
	err := c.Each(ctx, m.Items(), 64, func() func(from, to int) {
		counter := counter{matrix: m, says: says, sums: make([]float32, m.Items())}
		var row []Entry
		return func(from, to int) {
			for i := from; i < to; i++ {
				row = counter.row(row[:0], i)
				for k := range row {
					row[k].Weight *= inverse[i] * inverse[row[k].Item]
				}
				rows[i] = append([]Entry(nil), Cut(row, width)...)
			}
		}
	})
	if err != nil {
		return nil, err
	}
	out.Cosines = FromRows(rows)
	return out, nil
}

// counter is the memory of one worker that counts.
type counter struct {
	matrix  *interaction.Matrix
	says    []float32
	sums    []float32
	touched []uint32
}

// row appends to row what the users of item i say of each other item, in the order in which they name them.
func (c *counter) row(row []Entry, i int) []Entry {
	c.touched = c.touched[:0]
	for _, u := range c.matrix.Item(i) {
		says := c.says[u]
		for _, j := range c.matrix.User(int(u)) {
			if c.sums[j] == 0 {
				c.touched = append(c.touched, j)
			}
			c.sums[j] += says
		}
	}
	for _, j := range c.touched {
		if int(j) != i {
			row = append(row, Entry{j, c.sums[j]})
		}
		c.sums[j] = 0
	}
	return row
}

// Powers returns the number of users of each item to the power of a; 0 for items without any.
func (c *Counts) Powers(a float64) []float32 {
	out := make([]float32, len(c.counts))
	for i, n := range c.counts {
		if n > 0 {
			out[i] = float32(math.Pow(float64(n), a))
		}
	}
	return out
}

// Options are the constants of nearest neighbours.
type Options struct {
	// Target and Source are how far popular items are damped where they are offered and where they were touched.
	Target, Source float64
	// Shrinkage is how many ordinary users must agree for a pair to count half.
	Shrinkage float64
	// Keep is the length of a row; 0 keeps all.
	Keep int
}

// Neighbours makes lists of the weights
//
//	w(i,j) = c(i,j) / (n(i)^Source n(j)^Target) * c(i,j) / (c(i,j) + s)
//
// where n counts the users of an item. Source = Target = 1/2 and User = 0 is the cosine (Deshpande and Karypis, TOIS 2004), Source =
// 1 and User = 1 the random walk P3, with Target > 0 RP3beta (Paudel et al., TiiS 2016), User = 1 and both 1/2 the linear filter of
// GF-CF (Shen et al., CIKM 2021), and all three free the score of LinkProp (Fu et al., WWW 2022).
func (c *Counts) Neighbours(ctx context.Context, workers crew.Crew, o Options) (*Lists, error) {
	source, target := c.Powers(-o.Source), c.Powers(-o.Target)
	root := make([]float32, len(c.Own))
	for i, own := range c.Own {
		root[i] = float32(math.Sqrt(float64(own)))
	}
	shrink := float32(o.Shrinkage * c.mean)
	rows := make([][]Entry, c.Cosines.Len())
	err := workers.Each(ctx, len(rows), 64, func() func(from, to int) {
		var row []Entry
		return func(from, to int) {
			for i := from; i < to; i++ {
				items, cosines := c.Cosines.Row(i)
				row = row[:0]
				for k, j := range items {
					count := cosines[k] * root[i] * root[j]
					row = append(row, Entry{j, source[i] * target[j] * count * count / (count + shrink)})
				}
				rows[i] = append([]Entry(nil), Cut(row, o.Keep)...)
			}
		}
	})
	if err != nil {
		return nil, err
	}
	return FromRows(rows), nil
}
