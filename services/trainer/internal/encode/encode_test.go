package encode

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/haggle-commerce/haggle/libs/kernel"
	"github.com/haggle-commerce/haggle/libs/model/encoder"
)

// shopOf makes items of kinds whose titles use one word for the kind and whose facts use another, so that only what stands
// together says that both mean the same.
func shopOf(n int) Input {
	r := rand.New(rand.NewPCG(4, 4))
	kinds := [][2]string{{"laptop", "notebook"}, {"sneaker", "trainers"}, {"couch", "sofa"}, {"mobile", "smartphone"}, {"telly", "television"}, {"fridge", "cooler"}, {"jumper", "sweater"}, {"torch", "flashlight"}}
	names := strings.Fields("alpha bravo carol delta eagle fable grape hotel india joker knave lemon mango nylon opera pearl queen raven sugar tulip urban vivid waltz xenon yacht zebra")
	var in Input
	for range n {
		k := kinds[r.IntN(len(kinds))]
		name := fmt.Sprintf("%s %s %d", names[r.IntN(len(names))], names[r.IntN(len(names))], r.IntN(90))
		in.Items = append(in.Items, encoder.Text{Title: name + " " + k[0], Facts: k[1] + " shop"})
	}
	return in
}

func options() Options {
	o := Default()
	o.Epochs, o.Batch, o.Dims = 8, 64, 32
	return o
}

func TestLearnsWhatStandsTogether(t *testing.T) {
	in := shopOf(1200)
	var last float64
	o := options()
	o.Progress = func(_ string, share float64) { last = share }
	r, err := Learn(context.Background(), in, o)
	if err != nil {
		t.Fatal(err)
	}
	if r.Recall < r.Untrained || r.HeldOut < 20 || last <= 0 {
		t.Errorf("%+v", r)
	}
	near := func(m *encoder.Model, a, b string) float64 {
		var w encoder.Words
		x, y := make([]float32, m.Dims()), make([]float32, m.Dims())
		m.Query(x, &w, a)
		m.Query(y, &w, b)
		return float64(kernel.Dot(x, y))
	}
	if same, other := near(r.Model, "laptop", "notebook"), near(r.Model, "laptop", "sofa"); same < other+0.2 {
		t.Errorf("laptop is %.2f near notebook and %.2f near sofa", same, other)
	}
}

func TestLearnsFromClicks(t *testing.T) {
	in := shopOf(600)
	r := rand.New(rand.NewPCG(9, 9))
	words := map[string]string{"laptop": "qwert", "sneaker": "asdfg", "couch": "yxcvb", "mobile": "poiuz", "telly": "lkjhg", "fridge": "mnbvc", "jumper": "wsxed", "torch": "rfvtg"}
	for range 4000 {
		i := r.IntN(len(in.Items))
		title := strings.Fields(in.Items[i].Title)
		in.Clicks = append(in.Clicks, Click{Query: words[title[3]] + " " + title[r.IntN(2)], Item: i})
	}
	in.Clicks, in.Held = in.Clicks[:3600], in.Clicks[3600:]
	got, err := Learn(context.Background(), in, options())
	if err != nil {
		t.Fatal(err)
	}
	if got.Clicks != 3600 || got.HeldOut != 400 || got.Recall < got.Untrained+0.05 || got.ServingHits != nil {
		t.Errorf("%d clicks, %d held out, recall %.3f, untrained %.3f", got.Clicks, got.HeldOut, got.Recall, got.Untrained)
	}
	o := options()
	o.Epochs, o.Serving = 1, got.Model
	if again, err := Learn(context.Background(), in, o); err != nil || !slices.Equal(again.ServingHits, got.Hits) {
		t.Errorf("what serves has other hits than before (%v)", err)
	}
}

func TestWorkersDoNotMatter(t *testing.T) {
	in := shopOf(300)
	var files [][]byte
	for _, workers := range []int{1, 1, 3} {
		o := options()
		o.Workers, o.Epochs = workers, 2
		r, err := Learn(context.Background(), in, o)
		if err != nil {
			t.Fatal(err)
		}
		file, err := r.Model.Encode(nil)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
	}
	if !bytes.Equal(files[0], files[1]) || !bytes.Equal(files[0], files[2]) {
		t.Error("the same seed gives another model")
	}
}

func TestLearnRefuses(t *testing.T) {
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Learn(ended, shopOf(100), options()); !errors.Is(err, context.Canceled) {
		t.Errorf("an ended context: %v", err)
	}
	if _, err := Learn(context.Background(), shopOf(10), options()); !errors.Is(err, ErrTooLittle) {
		t.Errorf("ten items: %v", err)
	}
	bad := shopOf(100)
	bad.Clicks = []Click{{"x", 100}}
	if _, err := Learn(context.Background(), bad, options()); err == nil {
		t.Error("a click on nothing was taken")
	}
	if _, err := Learn(context.Background(), shopOf(100), Options{}); err == nil {
		t.Error("no options were taken")
	}
}

// TestGradient compares the gradient of a small batch with differences of the loss.
func TestGradient(t *testing.T) {
	in := shopOf(60)
	o := options()
	o.Dims, o.Temperature = 8, 0.5
	tab := newTable(in, o)
	random := rand.New(rand.NewPCG(1, 1))
	var batch []pair
	var logQ []float32
	for i := range 6 {
		batch = append(batch, crop(in.Items[i], i, random))
		logQ = append(logQ, -float32(i))
	}
	loss := func() float64 {
		c := *tab
		c.queries, c.items, c.logits = tower{}, tower{}, nil
		c.squares, c.rows = make([]float32, len(tab.squares)), append([]float32(nil), tab.rows...)
		c.step(batch, logQ)
		sum := 0.0
		for i := range batch {
			sum -= math.Log(float64(c.logits[i*len(batch)+i]) + 1)
		}
		return sum
	}
	before := *tab
	before.rows, before.squares = append([]float32(nil), tab.rows...), make([]float32, len(tab.squares))
	before.step(batch, logQ)
	word := before.queries.words[0].List[0]
	weight := word.Weight * tab.rarity[word.Row]
	for k := range o.Dims {
		// The row of a query's word moves with all texts that hold it.
		want := 0.0
		for i := range batch {
			for _, side := range []*tower{&before.queries, &before.items} {
				w := &side.words[i]
				for _, other := range w.List {
					if other.Row == word.Row {
						want += float64(other.Weight*tab.rarity[other.Row]) * float64(side.gradients[i*o.Dims+k])
					}
					for _, row := range w.Grams[other.From:other.To] {
						if row == word.Row {
							want += float64(other.Weight*tab.rarity[other.Row]*encoder.GramShare(int(other.To-other.From))) * float64(side.gradients[i*o.Dims+k])
						}
					}
				}
			}
		}
		const h = 1e-2
		at := int(word.Row)*o.Dims + k
		tab.rows[at] += h
		high := loss()
		tab.rows[at] -= 2 * h
		low := loss()
		tab.rows[at] += h
		if got := (high - low) / (2 * h); math.Abs(got-want) > 0.02*(1+math.Abs(want)) {
			t.Errorf("weight %v, direction %d: the loss changes by %v, the gradient says %v", weight, k, got, want)
		}
	}
}
