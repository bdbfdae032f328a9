package lexical

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/haggle-commerce/haggle/libs/shop"
	"github.com/haggle-commerce/haggle/services/recall/internal/catalogue"
	"github.com/haggle-commerce/haggle/services/recall/internal/top"
)

func TestNearPutsPhrasesFirst(t *testing.T) {
	x := New(Defaults())
	titles := []string{
		"wool coat with a long red lining and belt",
		"red wool lining and belt with a long coat",
		"long lining and belt with a red wool coat",
		"coat red lining and belt with a long wool",
	}
	for i, title := range titles {
		x.Put(catalogue.Slot(i), NewAnalyser().Analyse(&shop.Item{Title: title}))
	}
	var sc Scratch
	x.Find(&sc, &Query{Words: Words("red coat"), Least: 2, Limit: 10, Tie: func(s catalogue.Slot) uint64 { return uint64(s) }})
	x.Near(&sc, 10, 1)
	var order []catalogue.Slot
	for _, e := range sc.Best {
		order = append(order, e.Slot)
	}
	// Two apart in order; side by side the other way round, which is as near, and ties; the others stand too far apart.
	if want := []catalogue.Slot{2, 3, 0, 1}; !slices.Equal(order, want) {
		t.Errorf("order %v, want %v", order, want)
	}
}

// TestNearEqualsNaive compares what Near adds with a count over all pairs of places, in heads and in segments.
func TestNearEqualsNaive(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	vocabulary := strings.Fields("amber birch cedar dune ember fjord grove harbor")
	x := New(Defaults())
	x.smallest = 16
	items := map[catalogue.Slot][2]string{}
	for i := range 200 {
		var texts [2]string
		for f := range texts {
			var words []string
			for range 1 + r.IntN(9) {
				words = append(words, vocabulary[r.IntN(len(vocabulary))])
			}
			texts[f] = strings.Join(words, " ")
		}
		items[catalogue.Slot(i)] = texts
		x.Put(catalogue.Slot(i), NewAnalyser().Analyse(&shop.Item{Title: texts[0], Description: texts[1]}))
		if i == 120 {
			for job := x.Work(); job != nil; job = x.Work() {
				job.Run()
				if err := x.Install(job); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	const share = 0.7
	for n := range 100 {
		asked := []string{vocabulary[n%8], vocabulary[(n+1+n/8%6)%8], vocabulary[(n+3)%8]}[:2+n%2]
		var plain, near Scratch
		q := Query{Words: Words(strings.Join(asked, " ")), Least: 1, Limit: 300, Tie: func(s catalogue.Slot) uint64 { return uint64(s) }}
		x.Find(&plain, &q)
		x.Find(&near, &q)
		x.Near(&near, 300, share)
		before := map[catalogue.Slot]float64{}
		for _, e := range plain.Best {
			before[e.Slot] = e.Score
		}
		for _, e := range near.Best {
			want := before[e.Slot] + share*naiveNear(x, items[e.Slot], q.Words)
			if math.Abs(e.Score-want) > 0.002*max(1, want) {
				t.Fatalf("%q in %q: score %v, want %v", asked, items[e.Slot], e.Score, want)
			}
		}
		if len(near.Best) != len(plain.Best) || !slices.IsSortedFunc(near.Best, top.Compare) {
			t.Fatalf("%q: %d of %d items, in order %v", asked, len(near.Best), len(plain.Best), slices.IsSortedFunc(near.Best, top.Compare))
		}
	}
}

// naiveNear is what the pairs of words that follow one another add, by looking at each two places.
func naiveNear(x *Index, texts [2]string, words []Word) (sum float64) {
	k1 := float64(x.params.K1)
	for i := 1; i < len(words); i++ {
		near := 0.0
		for _, text := range texts {
			places := strings.Fields(text)
			// Of a word that stands several times the last place before the other counts.
			last := [2]int{-1, -1}
			for at, word := range places {
				for side, w := range []Word{words[i-1], words[i]} {
					if word != w.Text {
						continue
					}
					if last[side] = at; side == 1 && last[0] >= 0 && at-last[0] <= nearMost {
						near += 1 / float64((at-last[0])*(at-last[0]))
					}
					if d := at - last[1] + 1; side == 0 && last[1] >= 0 && d <= nearMost {
						near += 1 / float64(d*d)
					}
				}
			}
		}
		if near > 0 {
			least := math.Inf(1)
			for _, w := range words[i-1 : i+1] {
				df := 0
				for p := range x.all {
					if term, ok := p.term(w.Stem); ok {
						l := p.list(term)
						df += p.live(term, &l)
					}
				}
				least = min(least, idf(x.count, df))
			}
			sum += least * (k1 + 1) * near / (k1 + near)
		}
	}
	return sum
}

func BenchmarkNear(b *testing.B) {
	x := New(Defaults())
	for i := range 2000 {
		title := fmt.Sprintf("red coat number %d with a long lining of wool and a belt", i)
		x.Put(catalogue.Slot(i), NewAnalyser().Analyse(&shop.Item{Title: title}))
	}
	var sc Scratch
	x.Find(&sc, &Query{Words: Words("red wool coat"), Least: 3, Limit: 50})
	b.ReportAllocs()
	for b.Loop() {
		x.Near(&sc, 50, 0)
	}
}
