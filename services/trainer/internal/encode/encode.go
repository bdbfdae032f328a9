// Package encode trains the text encoder: from what shoppers chose for their queries where the log says so, and from the texts of
// the catalogue alone.
//
// A batch of pairs of a query and an item is trained at once: each query has to find its own item among those of the batch
// (in-batch sampled softmax), and the chance of an item to be in a batch is taken off its score, because often chosen items would
// be pushed away from everything otherwise (logQ correction: Yi et al., "Sampling-Bias-Corrected Neural Modeling for Large Corpus
// Item Recommendations", RecSys 2019, equation 4). A pair of the catalogue is a few words of an item's title or facts, and the
// rest of its text, at times without its title: so words come near each other that speak of the same things.
//
// The same seed gives the same model, whatever the number of workers, on processors of the same kind.
package encode

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/bits"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/haggle-commerce/haggle/libs/model/encoder"
	"github.com/haggle-commerce/haggle/libs/quality"
)

// Click is an item that was chosen for a query.
type Click struct {
	Query string
	// Item is a number of Input.Items.
	Item int
}

// Input is what is trained on. Its order matters for what is drawn, so it should not change with chance.
type Input struct {
	Items  []encoder.Text
	Clicks []Click
	// Held are clicks of later time, which are examined and not trained on.
	Held []Click
}

// Options say how to train.
type Options struct {
	Dims int
	// Epochs is how often all pairs are gone through at most, MostPairs how many pairs are trained on in all.
	Epochs, MostPairs int
	Batch             int
	// Workers is how many goroutines work; 0 means as many as there are processors.
	Workers int
	Seed    uint64
	// Rate is how far a row moves at its first step. Temperature divides cosines.
	Rate, Temperature float32
	// Serving is an encoder to compare with; nil when none serves.
	Serving *encoder.Model
	// Used hears of the CPU time of goroutines other than the caller's; nil when nobody asks. Progress may be nil.
	Used     func(time.Duration)
	Progress func(stage string, share float64)
}

// Default returns the options for a shop. A pair takes some 45 us of CPU, so MostPairs bounds a run to about 15 s: on the generated shop
// (20,000 items, 40,000 clicks, an epoch of 80,000 pairs) the second epoch was best.
func Default() Options {
	return Options{Dims: 64, Epochs: 6, MostPairs: 300_000, Batch: 256, Workers: 1, Seed: 1, Rate: 0.03, Temperature: 0.07}
}

// Result is a trained model and how good it is.
type Result struct {
	Model *encoder.Model
	// Recall is the share of held-out queries whose item is among the first K of Pool items; Untrained is that of the table
	// before training, in which texts are near that share words.
	Recall, Untrained float64
	K, Pool, HeldOut  int
	// Hits and ServingHits are for each held-out query 1 when its item is among them and else 0, with Model and with the encoder that
	// serves.
	Hits, ServingHits []float64
	// Epoch is after which epoch the model was best on the held-out queries; 0 is before the first.
	Epoch int
	// Clicks is how many pairs of the log were trained on.
	Clicks int
}

// ErrTooLittle says that there are too few items with a text.
var ErrTooLittle = errors.New("too few items to train an encoder")

// minItems is how many items with a text are needed: with fewer, chance decides.
const minItems = 50

// Learn trains an encoder and keeps the state of the epoch that was best on held-out pairs.
func Learn(ctx context.Context, in Input, o Options) (*Result, error) {
	if o.Workers == 0 {
		o.Workers = runtime.GOMAXPROCS(0)
	}
	if o.Dims < 1 || o.Dims > encoder.MaxDims || o.Batch < 2 || o.Workers < 1 || !(o.Rate > 0) || !(o.Temperature > 0) {
		return nil, fmt.Errorf("train encoder: options %+v", o)
	}
	for _, list := range [][]Click{in.Clicks, in.Held} {
		for i, c := range list {
			if c.Item < 0 || c.Item >= len(in.Items) {
				return nil, fmt.Errorf("train encoder: click %d is on item %d of %d", i, c.Item, len(in.Items))
			}
		}
	}
	exam := NewExam(in, o.Seed)
	if exam == nil {
		return nil, ErrTooLittle
	}
	t := newTable(in, o)
	pairs := newPairs(in, exam, o.Seed)
	best, err := t.model()
	if err != nil {
		return nil, err
	}
	r := &Result{Model: best, K: exam.K, Pool: len(exam.pool), HeldOut: len(exam.held), Clicks: len(pairs.clicks)}
	r.Hits = exam.Hits(best)
	r.Untrained = quality.Mean(r.Hits)
	r.Recall = r.Untrained
	if o.Serving != nil {
		r.ServingHits = exam.Hits(o.Serving)
	}
	batches := max(min(o.Epochs*pairs.len(), o.MostPairs)/o.Batch, 1)
	perEpoch := max(pairs.len()/o.Batch, 1)
	worse := 0
	for i := range batches {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		t.step(pairs.next(o.Batch))
		if o.Progress != nil && i%16 == 0 {
			o.Progress("text encoder", float64(i)/float64(batches))
		}
		if (i+1)%perEpoch != 0 && i+1 != batches {
			continue
		}
		m, err := t.model()
		if err != nil {
			return nil, err
		}
		hits := exam.Hits(m)
		if recall := quality.Mean(hits); recall > r.Recall {
			r.Model, r.Recall, r.Hits, r.Epoch, worse = m, recall, hits, (i+1)/perEpoch, 0
		} else if worse++; worse == 2 {
			break
		}
	}
	return r, nil
}

// bucketsFor returns how many rows suit so many items: some four for each word that a shop of that size has.
func bucketsFor(items int) int {
	return 1 << min(max(bits.Len(uint(4*items)), 14), 18)
}

// pair is a query with the item that it should find.
type pair struct {
	query string
	text  encoder.Text
	item  int
}

// pairs draws pairs: one of the catalogue and one of the log in turn, where there are any.
type pairs struct {
	in     Input
	random *rand.Rand
	items  []int
	clicks []Click
	// share is the chance of an item to be that of a pair, up to a factor.
	share        []float64
	nextItem     int
	nextClick    int
	clicksBefore bool
	batch        []pair
	logQ         []float32
}

func newPairs(in Input, exam *Exam, seed uint64) *pairs {
	p := &pairs{in: in, random: rand.New(rand.NewPCG(seed, 11)), share: make([]float64, len(in.Items))}
	for i, text := range in.Items {
		if !exam.items[i] && text.Title != "" {
			p.items = append(p.items, i)
		}
	}
	p.clicks = slices.Clone(in.Clicks)
	for _, c := range p.clicks {
		p.share[c.Item] += 1 / float64(len(p.clicks))
	}
	for _, i := range p.items {
		p.share[i] += 1 / float64(len(p.items))
	}
	return p
}

// len is how many pairs an epoch has.
func (p *pairs) len() int { return max(len(p.items), 2*len(p.clicks)) }

// next draws a batch, with the logarithm of the chance of each item.
func (p *pairs) next(n int) ([]pair, []float32) {
	p.batch, p.logQ = p.batch[:0], p.logQ[:0]
	for range n {
		if p.clicksBefore = !p.clicksBefore && len(p.clicks) > 0; p.clicksBefore {
			if p.nextClick == 0 {
				p.random.Shuffle(len(p.clicks), func(i, j int) { p.clicks[i], p.clicks[j] = p.clicks[j], p.clicks[i] })
			}
			c := p.clicks[p.nextClick]
			p.nextClick = (p.nextClick + 1) % len(p.clicks)
			p.batch = append(p.batch, pair{c.Query, p.in.Items[c.Item], c.Item})
		} else {
			if p.nextItem == 0 {
				p.random.Shuffle(len(p.items), func(i, j int) { p.items[i], p.items[j] = p.items[j], p.items[i] })
			}
			i := p.items[p.nextItem]
			p.nextItem = (p.nextItem + 1) % len(p.items)
			p.batch = append(p.batch, crop(p.in.Items[i], i, p.random))
		}
		p.logQ = append(p.logQ, float32(math.Log(p.share[p.batch[len(p.batch)-1].item])))
	}
	return p.batch, p.logQ
}

// crop makes a pair of an item's own text.
func crop(t encoder.Text, item int, random *rand.Rand) pair {
	source := t.Title
	if t.Facts != "" && random.IntN(4) == 0 {
		source = t.Facts
	}
	query := someWords(source, random)
	if (t.Facts != "" || t.Description != "") && random.IntN(2) == 0 {
		t.Title = ""
	}
	return pair{query: query, text: t, item: item}
}

// someWords returns one to four neighbouring words of a text, at times without one in between: what a shopper would type.
func someWords(text string, random *rand.Rand) string {
	words := strings.Fields(text)
	if len(words) == 0 {
		return ""
	}
	n := min(1+random.IntN(4), len(words))
	from := random.IntN(len(words) - n + 1)
	chosen := words[from : from+n]
	if n > 2 && random.IntN(3) == 0 {
		chosen = append(append([]string(nil), chosen[:1]...), chosen[2:]...)
	}
	return strings.Join(chosen, " ")
}
