// Package als factorises implicit feedback by alternating least squares.
//
// The objective is that of Hu, Koren and Volinsky (ICDM 2008) as Rendle, Krichene, Zhang and Koren write it ("Revisiting the
// Performance of iALS on Item Recommendation Benchmarks", RecSys 2022, equations 1 to 4), with vectors w of users and h of items:
//
//	L = sum over pairs (u,i) that were seen of (w_u.h_i - 1)^2 + Unobserved * sum over all pairs of (w_u.h_i)^2
//	    + Regularisation * (sum over u of c_u^Frequency |w_u|^2 + sum over i of c_i^Frequency |h_i|^2),
//	c_u = d(u) + Unobserved * items, c_i = n(i) + Unobserved * users
//
// Each vector is improved block by block (iALS++: Rendle, Krichene, Zhang, Koren, arXiv 2110.14044): one Newton step for a block of
// its elements, which is exact, as L is quadratic in them. A block as long as a vector is plain ALS.
package als

import (
	"context"
	"math"
	"math/rand/v2"

	"github.com/haggle-commerce/haggle/services/trainer/internal/crew"
	"github.com/haggle-commerce/haggle/services/trainer/internal/dense"
	"github.com/haggle-commerce/haggle/services/trainer/internal/interaction"
)

// Options are the constants of the method.
type Options struct {
	// Rank is the length of a vector.
	Rank int
	// Block is how many elements of a vector are improved at a time; 0 means all.
	Block int
	// Unobserved is alpha_0 of the paper, Regularisation lambda and Frequency nu.
	Unobserved, Regularisation, Frequency float64
	// Rounds is how often all users and all items are improved.
	Rounds int
	Seed   uint64
	// Round, where set, is told after each round.
	Round func(done int)
}

// deviation is sigma* of the paper: that of the scores of the start, times sqrt(Rank) that of an element.
const deviation = 0.1

// Model are vectors that were learnt. A user is foretold by a vector that is folded in from a history, the same as one that was
// learnt.
type Model struct {
	Options Options
	// Items and Users are vectors, row-major.
	Items, Users []float32
	// prior is Unobserved times the product of all item vectors with themselves, Rank x Rank.
	prior []float32
	count int
}

// Learn factorises. The result depends on the seed, and not on the number of workers.
func Learn(ctx context.Context, c crew.Crew, m *interaction.Matrix, o Options) (*Model, error) {
	if o.Block <= 0 || o.Block > o.Rank {
		o.Block = o.Rank
	}
	model := &Model{
		Options: o, count: m.Items(), prior: make([]float32, o.Rank*o.Rank),
		Items: start(m.Items(), o, 1), Users: start(m.Users(), o, 2),
	}
	for round := range o.Rounds {
		if err := improve(ctx, c, o, side{model.Users, model.Items, m.Users(), m.User}); err != nil {
			return nil, err
		}
		if err := improve(ctx, c, o, side{model.Items, model.Users, m.Items(), m.Item}); err != nil {
			return nil, err
		}
		if o.Round != nil {
			o.Round(round + 1)
		}
	}
	return model, model.setPrior(ctx, c)
}

// start draws the vectors of the start, each by a generator of its own.
func start(n int, o Options, side uint64) []float32 {
	x := make([]float32, n*o.Rank)
	scale := deviation / math.Sqrt(float64(o.Rank))
	for i := range n {
		draw := rand.New(rand.NewPCG(o.Seed, side<<40|uint64(i)))
		for k := range o.Rank {
			x[i*o.Rank+k] = float32(draw.NormFloat64() * scale)
		}
	}
	return x
}

func (m *Model) setPrior(ctx context.Context, c crew.Crew) error {
	if err := dense.Gram(ctx, c, m.prior, m.Items, m.Options.Rank); err != nil {
		return err
	}
	for k := range m.prior {
		m.prior[k] *= float32(m.Options.Unobserved)
	}
	return nil
}

// side is one half of the work: vectors to improve, and the others, which stand still.
type side struct {
	own, others []float32
	n           int
	// of returns which of the others were seen with one of its own.
	of func(int) []uint32
}

// improve goes once over all vectors of a side.
func improve(ctx context.Context, c crew.Crew, o Options, s side) error {
	prior := make([]float32, o.Rank*o.Rank)
	if err := dense.Gram(ctx, c, prior, s.others, o.Rank); err != nil {
		return err
	}
	for k := range prior {
		prior[k] *= float32(o.Unobserved)
	}
	others := len(s.others) / o.Rank
	return c.Each(ctx, s.n, 32, func() func(from, to int) {
		step := newStep(o, s.others, prior)
		return func(from, to int) {
			for i := from; i < to; i++ {
				seen := s.of(i)
				step.vector(s.own[i*o.Rank:(i+1)*o.Rank], seen, o.weight(len(seen), others))
			}
		}
	})
}

// weight returns how much the square of a vector counts that saw so many of all others.
func (o *Options) weight(seen, others int) float32 {
	return float32(o.Regularisation * math.Pow(float64(seen)+o.Unobserved*float64(others), o.Frequency))
}

// step is the memory of one worker that improves vectors.
type step struct {
	options   Options
	others    []float32
	prior     []float32
	hessian   []float32
	gradient  []float32
	predicted []float32
	gathered  []float32
}

func newStep(o Options, others, prior []float32) *step {
	return &step{options: o, others: others, prior: prior, hessian: make([]float32, o.Block*o.Block), gradient: make([]float32, o.Block)}
}

// vector improves the vector w, which was seen with some of the others.
func (s *step) vector(w []float32, seen []uint32, weight float32) {
	d := s.options.Rank
	if len(seen) == 0 {
		// Nothing holds it away from the origin.
		clear(w)
		return
	}
	s.predicted = s.predicted[:0]
	for _, i := range seen {
		s.predicted = append(s.predicted, dense.Dot(w, s.others[int(i)*d:int(i+1)*d]))
	}
	for from := 0; from < d; from += s.options.Block {
		s.block(w, seen, weight, from, min(from+s.options.Block, d))
	}
}

// block makes the Newton step for elements from to to of w, and brings the predictions up to date.
func (s *step) block(w []float32, seen []uint32, weight float32, from, to int) {
	d, b := s.options.Rank, to-from
	hessian, gradient := s.hessian[:b*b], s.gradient[:b]
	s.gathered = s.gathered[:0]
	for _, i := range seen {
		s.gathered = append(s.gathered, s.others[int(i)*d+from:int(i)*d+to]...)
	}
	for r := range b {
		row := s.prior[(from+r)*d : (from+r+1)*d]
		copy(hessian[r*b:r*b+r+1], row[from:])
		hessian[r*b+r] += weight
		gradient[r] = dense.Dot(row, w) + weight*w[from+r]
	}
	dense.AddGram(hessian, s.gathered, b)
	for k := range seen {
		dense.Axpy(s.predicted[k]-1, s.gathered[k*b:(k+1)*b], gradient)
	}
	if dense.Cholesky(hessian, b) != nil {
		// The regularisation is lost in rounding: the vector stays as it is.
		return
	}
	dense.Solve(hessian, b, gradient)
	for r, x := range gradient {
		w[from+r] -= x
	}
	for k := range seen {
		s.predicted[k] -= dense.Dot(gradient, s.gathered[k*b:(k+1)*b])
	}
}

// Loss returns L of the package comment.
func (m *Model) Loss(seen *interaction.Matrix) float64 {
	o, d := &m.Options, m.Options.Rank
	sum := 0.0
	for u := range seen.Users() {
		w := m.Users[u*d : (u+1)*d]
		for _, i := range seen.User(u) {
			gap := float64(dense.Dot(w, m.Items[int(i)*d:int(i+1)*d])) - 1
			sum += gap * gap
		}
		sum += float64(o.weight(len(seen.User(u)), seen.Items())) * float64(dense.Dot(w, w))
	}
	for i := range seen.Items() {
		h := m.Items[i*d : (i+1)*d]
		sum += float64(o.weight(len(seen.Item(i)), seen.Users())) * float64(dense.Dot(h, h))
	}
	// The sum over all pairs is the product of the two Gram matrices.
	users, items := make([]float32, d*d), make([]float32, d*d)
	dense.AddGram(users, m.Users, d)
	dense.AddGram(items, m.Items, d)
	dense.Mirror(users, d)
	dense.Mirror(items, d)
	for k := range users {
		sum += o.Unobserved * float64(users[k]) * float64(items[k])
	}
	return sum
}

// Asker implements [interaction.Model].
func (m *Model) Asker() interaction.Asker {
	o := m.Options
	o.Block = o.Rank
	return &asker{model: m, step: newStep(o, m.Items, m.prior), user: make([]float32, o.Rank)}
}

type asker struct {
	model *Model
	step  *step
	user  []float32
}

// Score implements [interaction.Asker]: it folds the history in and scores all items.
func (a *asker) Score(dst []float32, history []uint32) {
	d := a.model.Options.Rank
	clear(a.user)
	a.step.vector(a.user, history, a.model.Options.weight(len(history), a.model.count))
	for j := range dst {
		dst[j] = dense.Dot(a.user, a.model.Items[j*d:(j+1)*d])
	}
}
