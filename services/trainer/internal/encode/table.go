package encode

import (
	"math"
	"math/rand/v2"
	"sync"

	"github.com/haggle-commerce/haggle/libs/cost"
	"github.com/haggle-commerce/haggle/libs/kernel"
	"github.com/haggle-commerce/haggle/libs/model/encoder"
)

// table is the embeddings in training.
type table struct {
	o       Options
	buckets int
	rows    []float32
	rarity  []float32
	// squares are the sums of squared gradients of each row: Adagrad with one sum for a row (Duchi, Hazan, Singer, JMLR 2011).
	squares []float32

	queries, items tower
	logits         []float32
}

// tower is one side of a batch.
type tower struct {
	words []encoder.Words
	// out are the vectors, of length 1, row-major; norms what they were divided by; gradients those of what came before.
	out, gradients []float32
	norms          []float32
}

func (t *tower) resize(n, dims int) {
	for len(t.words) < n {
		t.words = append(t.words, encoder.Words{})
	}
	if len(t.norms) < n {
		t.norms, t.out, t.gradients = make([]float32, n), make([]float32, n*dims), make([]float32, n*dims)
	}
}

func newTable(in Input, o Options) *table {
	t := &table{o: o, buckets: bucketsFor(len(in.Items))}
	random := rand.New(rand.NewPCG(o.Seed, 3))
	t.rows, t.squares = make([]float32, t.buckets*o.Dims), make([]float32, t.buckets)
	deviation := 1 / math.Sqrt(float64(o.Dims))
	for i := range t.rows {
		t.rows[i] = float32(random.NormFloat64() * deviation)
	}
	t.rarity = rarity(in.Items, t.buckets)
	return t
}

// rarity returns for each row how much its words tell: ln(1 + n / (1 + items with it)), from 0 to 1.
func rarity(items []encoder.Text, buckets int) []float32 {
	counts, last := make([]float64, buckets), make([]int, buckets)
	var w encoder.Words
	for i, text := range items {
		w.Reset()
		w.AddItem(text, uint32(buckets))
		for _, word := range w.List {
			if last[word.Row] != i+1 {
				last[word.Row] = i + 1
				counts[word.Row]++
			}
		}
	}
	all, n := make([]float32, buckets), float64(len(items))
	for i, count := range counts {
		all[i] = float32(math.Log1p(n/(1+count)) / math.Log1p(n))
	}
	return all
}

func (t *table) model() (*encoder.Model, error) {
	return encoder.New(t.rows, t.rarity, t.o.Dims)
}

func (t *table) row(i uint32) []float32 {
	return t.rows[int(i)*t.o.Dims : (int(i)+1)*t.o.Dims]
}

// parallel runs body for 0 to n-1, spread over the workers. No two calls may touch the same memory.
func (t *table) parallel(n int, body func(i int)) {
	if t.o.Workers == 1 {
		for i := range n {
			body(i)
		}
		return
	}
	var group sync.WaitGroup
	for w := range t.o.Workers {
		group.Go(func() {
			meter := cost.Start()
			for i := w; i < n; i += t.o.Workers {
				body(i)
			}
			if used := meter.Stop(); t.o.Used != nil {
				t.o.Used(used)
			}
		})
	}
	group.Wait()
}

// step trains on one batch.
func (t *table) step(batch []pair, logQ []float32) {
	n, dims := len(batch), t.o.Dims
	t.queries.resize(n, dims)
	t.items.resize(n, dims)
	if len(t.logits) < n*n {
		t.logits = make([]float32, n*n)
	}
	t.parallel(n, func(i int) {
		q, it := &t.queries.words[i], &t.items.words[i]
		q.Reset()
		q.Add(batch[i].query, 1, uint32(t.buckets))
		it.Reset()
		it.AddItem(batch[i].text, uint32(t.buckets))
		t.forward(&t.queries, i)
		t.forward(&t.items, i)
	})
	t.parallel(n, func(i int) { t.softmax(batch, logQ, i) })
	t.parallel(n, func(j int) { t.backward(n, j) })
	// Each row belongs to one worker, who goes through the batch in order: so the result does not depend on how many there are.
	t.parallel(t.o.Workers, func(worker int) {
		for i := range n {
			t.update(&t.queries, i, worker)
			t.update(&t.items, i, worker)
		}
	})
}

// forward computes vector i of a tower.
func (t *table) forward(side *tower, i int) {
	out, w := side.out[i*t.o.Dims:(i+1)*t.o.Dims], &side.words[i]
	clear(out)
	for _, word := range w.List {
		weight := word.Weight * t.rarity[word.Row]
		kernel.Axpy(out, weight, t.row(word.Row))
		grams := w.Grams[word.From:word.To]
		for _, row := range grams {
			kernel.Axpy(out, weight*encoder.GramShare(len(grams)), t.row(row))
		}
	}
	norm := float32(math.Sqrt(float64(kernel.Dot(out, out))))
	if side.norms[i] = norm; norm > 0 {
		kernel.Scale(out, 1/norm)
	}
}

// softmax makes of row i of the logits the gradient of the loss: the chance of each item, less 1 for the query's own.
func (t *table) softmax(batch []pair, logQ []float32, i int) {
	n, dims := len(batch), t.o.Dims
	row, query := t.logits[i*n:(i+1)*n], t.queries.out[i*dims:(i+1)*dims]
	top := float32(math.Inf(-1))
	for j := range row {
		row[j] = kernel.Dot(query, t.items.out[j*dims:(j+1)*dims])/t.o.Temperature - logQ[j]
		if j != i && batch[j].item == batch[i].item {
			// The query's own item once more is no wrong answer.
			row[j] = float32(math.Inf(-1))
		}
		top = max(top, row[j])
	}
	sum := float32(0)
	for j := range row {
		row[j] = float32(math.Exp(float64(row[j] - top)))
		sum += row[j]
	}
	kernel.Scale(row, 1/sum)
	row[i]--
	if t.queries.norms[i] == 0 {
		clear(row)
	}
	gradient := t.queries.gradients[i*dims : (i+1)*dims]
	clear(gradient)
	for j, g := range row {
		kernel.Axpy(gradient, g/t.o.Temperature, t.items.out[j*dims:(j+1)*dims])
	}
	project(gradient, query, t.queries.norms[i])
}

// backward computes the gradient of item j.
func (t *table) backward(n, j int) {
	dims := t.o.Dims
	gradient := t.items.gradients[j*dims : (j+1)*dims]
	clear(gradient)
	for i := range n {
		kernel.Axpy(gradient, t.logits[i*n+j]/t.o.Temperature, t.queries.out[i*dims:(i+1)*dims])
	}
	project(gradient, t.items.out[j*dims:(j+1)*dims], t.items.norms[j])
}

// project takes a gradient back through the division by the length.
func project(gradient, out []float32, norm float32) {
	if norm == 0 {
		clear(gradient)
		return
	}
	kernel.Axpy(gradient, -kernel.Dot(gradient, out), out)
	kernel.Scale(gradient, 1/norm)
}

// update moves the rows of text i that belong to a worker against the gradient.
func (t *table) update(side *tower, i, worker int) {
	gradient, w := side.gradients[i*t.o.Dims:(i+1)*t.o.Dims], &side.words[i]
	square := kernel.Dot(gradient, gradient) / float32(t.o.Dims)
	if square == 0 {
		return
	}
	for _, word := range w.List {
		weight := word.Weight * t.rarity[word.Row]
		t.move(word.Row, weight, square, gradient, worker)
		grams := w.Grams[word.From:word.To]
		for _, row := range grams {
			t.move(row, weight*encoder.GramShare(len(grams)), square, gradient, worker)
		}
	}
}

func (t *table) move(row uint32, weight, square float32, gradient []float32, worker int) {
	if int(row)%t.o.Workers != worker || weight == 0 {
		return
	}
	t.squares[row] += weight * weight * square
	kernel.Axpy(t.row(row), -t.o.Rate*weight/float32(math.Sqrt(float64(t.squares[row]))), gradient)
}
