package together

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/haggle-commerce/haggle/libs/model/neighbour"
	"github.com/haggle-commerce/haggle/libs/shop"
	"github.com/haggle-commerce/haggle/services/trainer/internal/corpus"
)

var start = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)

// random draws a log in which items 2k and 2k+1 are often bought together.
func random(seed uint64, events, items int) *corpus.Corpus {
	r := rand.New(rand.NewPCG(seed, 1))
	var l corpus.Log
	for i := range events {
		k := r.IntN(items / 2)
		e := &shop.Event{
			ID: fmt.Sprint(i), Kind: shop.Purchase, Time: start.Add(time.Duration(i) * time.Minute),
			Shopper: shop.ShopperID(fmt.Sprint("v", r.IntN(20))), Session: shop.SessionID(fmt.Sprint("s", i)),
		}
		for _, item := range []int{2 * k, 2*k + 1, r.IntN(items)} {
			e.Items = append(e.Items, shop.EventItem{ID: shop.ItemID(fmt.Sprintf("i%03d", item))})
		}
		l.Add(e)
	}
	return l.Corpus()
}

func learn(t testing.TB, c *corpus.Corpus, o Options) *neighbour.Model {
	t.Helper()
	m, err := Learn(c, len(c.Events), o)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestWorkedExample(t *testing.T) {
	var l corpus.Log
	add := func(id, session string, shopper shop.ShopperID, kind shop.EventKind, items ...shop.ItemID) {
		e := &shop.Event{ID: id, Kind: kind, Time: start, Shopper: shopper, Session: shop.SessionID(session)}
		for _, item := range items {
			e.Items = append(e.Items, shop.EventItem{ID: item})
		}
		l.Add(e)
	}
	add("1", "s1", "", shop.ViewItem, "a")
	add("2", "s1", "", shop.ViewItem, "b")
	add("3", "s2", "", shop.ViewItem, "a")
	add("4", "s3", "", shop.ViewItemList, "a", "c")
	m := learn(t, l.Corpus(), Options{Neighbours: 4, Damping: 0.5, Shrinkage: 1, HalfLife: time.Hour * 24, AcrossHalfLife: time.Hour * 24, Across: 0.3})
	i, ok := m.Lookup("a")
	items, weights := m.Neighbours(i)
	if !ok || len(items) != 1 || m.IDs[items[0]] != "b" {
		t.Fatalf("list of a is %v, want b alone", items)
	}
	// c(a,b) = 1/log2(3) = 0.63093; c(a,a) = 1/log2(3) + 1/log2(2) = 1.63093; c(b,b) = 0.63093.
	// w = 0.63093 / sqrt(1.63093 * 0.63093) * 0.63093 / (0.63093 + 1) = 0.62197 * 0.38685 = 0.24061
	if math.Abs(float64(weights[0])-0.24061) > 1e-4 {
		t.Errorf("w(a,b) = %v, want 0.24061", weights[0])
	}
	if _, ok := m.Lookup("c"); ok {
		t.Error("c was shown only, and has a list")
	}
}

func TestPairsFindEachOther(t *testing.T) {
	m := learn(t, random(1, 2000, 60), Default())
	for i, id := range m.IDs {
		items, _ := m.Neighbours(uint32(i))
		if len(items) == 0 {
			t.Fatalf("%s has no neighbours", id)
		}
		var number int
		fmt.Sscanf(string(id), "i%d", &number)
		if want := shop.ItemID(fmt.Sprintf("i%03d", number^1)); m.IDs[items[0]] != want {
			t.Errorf("the best neighbour of %s is %s, want %s", id, m.IDs[items[0]], want)
		}
		if slices.Contains(items, uint32(i)) {
			t.Errorf("%s is its own neighbour", id)
		}
	}
}

func TestSameBytesForAnyNumberOfWorkers(t *testing.T) {
	c := random(2, 1000, 40)
	var want []byte
	for _, workers := range []int{1, 2, 7} {
		o := Default()
		o.Workers = workers
		got, err := learn(t, c, o).AppendBinary(nil)
		if err != nil {
			t.Fatal(err)
		}
		if want == nil {
			want = got
		} else if string(got) != string(want) {
			t.Errorf("%d workers give other bytes than one", workers)
		}
	}
	// Another process numbers sessions in another way.
	if again, err := learn(t, random(2, 1000, 40), Default()).AppendBinary(nil); err != nil || string(again) != string(want) {
		t.Errorf("the same log gives other bytes (%v)", err)
	}
}

func TestOnlyThePastSpeaks(t *testing.T) {
	c := random(3, 500, 20)
	m, err := Learn(c, 0, Default())
	if err != nil || m.Len() != 0 {
		t.Errorf("Learn of no events gives %d lists, %v", m.Len(), err)
	}
	half, err := Learn(c, 10, Default())
	if err != nil || half.Len() == 0 || half.Len() > 30 {
		t.Errorf("Learn of 10 events gives %d lists, %v", half.Len(), err)
	}
}

func TestRobotsAreCut(t *testing.T) {
	var l corpus.Log
	for i := range 3000 {
		l.Add(&shop.Event{
			ID: fmt.Sprint(i), Kind: shop.ViewItem, Time: start.Add(time.Duration(i) * time.Second), Shopper: "robot", Session: "one",
			Items: []shop.EventItem{{ID: shop.ItemID(fmt.Sprint(i))}},
		})
	}
	if m := learn(t, l.Corpus(), Default()); m.Len() > maxShopper {
		t.Errorf("a robot fills %d lists, want at most %d", m.Len(), maxShopper)
	}
}

func BenchmarkLearn(b *testing.B) {
	for _, events := range []int{1000, 10000} {
		b.Run(fmt.Sprintf("events=%d", events), func(b *testing.B) {
			c := random(4, events, 2000)
			for b.Loop() {
				learn(b, c, Default())
			}
		})
	}
}
