package replay

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/haggle-commerce/haggle/libs/feature"
	"github.com/haggle-commerce/haggle/libs/model/neighbour"
	"github.com/haggle-commerce/haggle/libs/quality"
	"github.com/haggle-commerce/haggle/services/trainer/internal/corpus"
	"github.com/haggle-commerce/haggle/services/trainer/internal/learn"
)

// Window is a run of asks that examples are made of.
type Window struct {
	Asks []Ask
	// Most is how many asks examples are made of, about: they are drawn as the replay goes.
	Most int
	// Keep is how many candidates of an ask are kept: all that were wanted, those that recall likes best and some of the others;
	// 0 keeps all, as a query would see it. With Keep, asks of which no candidate was wanted are left out, because nothing can be
	// learnt from them.
	Keep int
}

// Sample are the examples of a window.
type Sample struct {
	// Data hold a group for each of Asks: a row for each candidate, in an order that says nothing.
	Data learn.Data
	Asks []Ask
	// Offered is what stands for the score of recall, row by row: the higher, the better; 0 for what was shown but not offered.
	Offered []float32
	// Popular is how popular each candidate was.
	Popular []float32
	// Missed holds, for each ask, the gains of what was wanted and is not among the candidates.
	Missed [][]float64
	// Leading holds, for each ask, the gains at the first places of the list of what is popular in the whole shop.
	Leading [][]float64
}

// leadingPlaces is how long that list is.
const leadingPlaces = 20

// Player goes through a corpus once. Make one with [New].
type Player struct {
	corpus    *corpus.Corpus
	shelf     *Shelf
	world     *world
	offerer   *offerer
	extractor *feature.Extractor
	asker     feature.Asker
	seed      uint64
	random    *rand.Rand
	// Learn returns the lists of neighbours from the first until events.
	Learn func(until int) (*neighbour.Model, error)
	// Candidates is how many candidates an ask gets.
	Candidates int
	// Progress, where set, is called now and then.
	Progress func(done, of int)

	candidates []scored
	facts      []*feature.Facts
	rows       []feature.ItemRow
}

// New returns a player at the begin of a corpus.
func New(c *corpus.Corpus, s *Shelf, seed uint64) *Player {
	w := newWorld(c, s)
	return &Player{
		corpus: c, shelf: s, world: w, offerer: newOfferer(w), extractor: feature.NewExtractor(s.catalogue),
		seed: seed, Candidates: perOffer,
	}
}

// Play makes the examples of a window, whose asks are in order of time and later than those of the window before. The lists of
// neighbours are learnt from what was before the window.
//
// Only what recall would offer is learnt from, not all that was shown and clicked: an item that only the shown list knew is
// clicked far more often than one that only recall knew, which tells who chose it and not who wants it.
func (p *Player) Play(ctx context.Context, w Window) (*Sample, error) {
	s := NewSample(0)
	return s, p.PlayInto(ctx, s, w)
}

// PlayInto is Play with the examples appended to those of an earlier window.
func (p *Player) PlayInto(ctx context.Context, s *Sample, w Window) error {
	if len(w.Asks) == 0 {
		return nil
	}
	m, err := p.Learn(w.Asks[0].Before)
	if err != nil {
		return fmt.Errorf("learn neighbours: %w", err)
	}
	p.offerer.use(m)
	p.random = rand.New(rand.NewPCG(p.seed, uint64(w.Asks[0].Before)))
	rows := min(w.Most, len(w.Asks)) * p.Candidates
	if w.Keep > 0 {
		rows = min(w.Most, len(w.Asks)) * min(w.Keep, p.Candidates)
	}
	// Room for all at once: growing step by step would need twice as much for a while.
	s.reserve(rows + rows/16)
	d := draw{random: p.random, need: w.Most, left: len(w.Asks)}
	for i := range w.Asks {
		if i%256 == 0 {
			if err := ctx.Err(); err != nil {
				return fmt.Errorf("replay: %w", err)
			}
			if p.Progress != nil {
				p.Progress(i, len(w.Asks))
			}
		}
		if d.take() {
			p.world.advance(w.Asks[i].Before)
			d.done(p.ask(s, &w.Asks[i], w.Keep))
		}
	}
	return nil
}

// NewSample returns a sample without examples and with room for so many rows.
func NewSample(rows int) *Sample {
	s := &Sample{Data: learn.Data{Width: feature.Vector}}
	s.reserve(rows)
	return s
}

// reserve makes room for so many rows.
func (s *Sample) reserve(rows int) {
	s.Data.X = slices.Grow(s.Data.X, rows*s.Data.Width)
	s.Data.Labels, s.Offered, s.Popular = slices.Grow(s.Data.Labels, rows), slices.Grow(s.Offered, rows), slices.Grow(s.Popular, rows)
}

// draw decides which asks of a window are taken, so that about as many as needed turn out to be of use.
type draw struct {
	random        *rand.Rand
	need, left    int
	taken, wanted int
}

// take reports whether to take the next ask.
func (d *draw) take() bool {
	left := float64(d.left)
	d.left--
	// Of the first asks half are expected to be of use.
	useful := (float64(d.wanted) + 10) / (float64(d.taken) + 20)
	return d.random.Float64()*left*useful < float64(d.need)
}

// done notes whether an ask that was taken is of use.
func (d *draw) done(useful bool) {
	d.taken++
	if useful {
		d.wanted++
		d.need--
	}
}

// ask makes the examples of one ask and reports whether there are any.
func (p *Player) ask(s *Sample, a *Ask, keep int) bool {
	// The ask stands at the moment of the event that follows it.
	at := &p.corpus.Events[min(a.Before, len(p.corpus.Events)-1)]
	offered := p.offerer.offer(a, at.At, p.Candidates)
	p.candidates = append(p.candidates[:0], offered...)
	if keep > 0 {
		p.thin(a, keep)
		if !slices.ContainsFunc(p.candidates, func(c scored) bool { return a.gain(c.item) > 0 }) {
			return false
		}
	}
	if len(p.candidates) < 2 {
		return false
	}
	// The order must not tell a model what recall thought.
	p.random.Shuffle(len(p.candidates), func(i, j int) { p.candidates[i], p.candidates[j] = p.candidates[j], p.candidates[i] })
	p.vectors(s, a)
	s.Data.Best = append(s.Data.Best, a.best())
	missed := []float64(nil)
	for _, want := range a.Wanted {
		if !slices.ContainsFunc(p.candidates, func(c scored) bool { return c.item == want.Item }) {
			missed = append(missed, float64(want.Gain))
		}
	}
	s.Asks, s.Missed, s.Leading = append(s.Asks, *a), append(s.Missed, missed), append(s.Leading, p.leading(a))
	return true
}

// thin leaves the candidates that were wanted, those that recall likes best and a sample of the rest.
func (p *Player) thin(a *Ask, keep int) {
	kept, rest := 0, p.candidates
	take := func(i int) {
		rest[kept], rest[i] = rest[i], rest[kept]
		kept++
	}
	for i, c := range rest {
		if a.gain(c.item) > 0 || i < keep/3 {
			take(i)
		}
	}
	for kept < min(keep, len(rest)) {
		take(kept + p.random.IntN(len(rest)-kept))
	}
	p.candidates = rest[:kept]
}

// gain returns how much an item was wanted.
func (a *Ask) gain(item corpus.Item) float32 {
	for _, w := range a.Wanted {
		if w.Item == item {
			return w.Gain
		}
	}
	return 0
}

// best returns the DCG of the best list that there could be.
func (a *Ask) best() float64 {
	gains := make([]float64, 0, len(a.Wanted))
	for _, w := range a.Wanted {
		gains = append(gains, float64(w.Gain))
	}
	slices.SortFunc(gains, func(a, b float64) int { return cmp.Compare(b, a) })
	return quality.DCG(gains, learn.Depth)
}

// vectors appends a group.
func (p *Player) vectors(s *Sample, a *Ask) {
	w := p.world
	q := feature.Question{
		Query: p.corpus.Text(a.Query), Neighbours: p.offerer.neighbours,
		Now: p.corpus.Events[min(a.Before, len(p.corpus.Events)-1)].Time(),
	}
	if a.Shopper != 0 {
		q.Shopper = w.shoppers[a.Shopper]
	}
	for _, item := range a.Context {
		q.Context = append(q.Context, p.corpus.ID(item))
	}
	p.facts, p.rows = p.facts[:0], slices.Grow(p.rows[:0], len(p.candidates))
	for _, c := range p.candidates {
		p.facts = append(p.facts, p.shelf.facts[c.item])
		row := feature.ItemRow{}
		if r := w.items[c.item]; r != nil {
			row = *r
		}
		p.rows = append(p.rows, row)
		s.Data.Labels = append(s.Data.Labels, a.gain(c.item))
		s.Offered = append(s.Offered, c.score)
		s.Popular = append(s.Popular, float32(w.popular.levels[c.item]/max(w.mostPopular(), 1e-300)))
	}
	p.extractor.Ask(&p.asker, q)
	s.Data.X = p.extractor.Rows(s.Data.X, &p.asker, p.facts, p.rows)
	s.Data.Ends = append(s.Data.Ends, len(s.Data.Labels))
}

// mostPopular returns the level of the leader, 0 when there is none.
func (w *world) mostPopular() float64 {
	if len(w.leaders[0]) == 0 {
		return 0
	}
	return w.popular.levels[w.leaders[0][0].item]
}

// leading returns the gains along the list of what is popular in the whole shop.
func (p *Player) leading(a *Ask) []float64 {
	gains := make([]float64, 0, leadingPlaces)
	for _, s := range p.world.leaders[0] {
		if len(gains) == leadingPlaces {
			break
		}
		if !slices.Contains(a.Context, s.item) {
			gains = append(gains, float64(a.gain(s.item)))
		}
	}
	return gains
}
