package session

import (
	"cmp"
	"math"
	"slices"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"
)

// window is the naive reference: the sessions of the window in the order in which they began, and who touched an item in order.
type window struct {
	params Params
	order  []uint64
	items  map[uint64][]uint32
	visits map[uint32][]uint64
}

func newWindow(p Params) *window {
	return &window{params: p, items: map[uint64][]uint32{}, visits: map[uint32][]uint64{}}
}

func (w *window) touch(id uint64, item uint32) {
	if _, ok := w.items[id]; !ok {
		w.order = append(w.order, id)
		w.items[id] = []uint32{}
		if len(w.order) > w.params.Sessions {
			gone := w.order[0]
			w.order = w.order[1:]
			delete(w.items, gone)
			for item := range w.visits {
				w.visits[item] = slices.DeleteFunc(w.visits[item], func(id uint64) bool { return id == gone })
			}
		}
	}
	if len(w.items[id]) < w.params.Length && !slices.Contains(w.items[id], item) {
		w.items[id] = append(w.items[id], item)
		w.visits[item] = append(w.visits[item], id)
	}
}

// neighbours returns the nearest sessions and how near they are.
func (w *window) neighbours(current []uint32, own uint64) ([]uint64, map[uint64]float64) {
	near := map[uint64]float64{}
	for i, item := range current {
		list := w.visits[item]
		for _, id := range list[max(0, len(list)-w.params.PerItem):] {
			if id != own {
				near[id] += math.Pow(w.params.Fade, float64(i))
			}
		}
	}
	var ids []uint64
	for id := range near {
		ids = append(ids, id)
	}
	slices.SortFunc(ids, func(a, b uint64) int {
		return cmp.Or(cmp.Compare(near[b], near[a]), cmp.Compare(slices.Index(w.order, b), slices.Index(w.order, a)))
	})
	return ids[:min(len(ids), w.params.Neighbours)], near
}

type sums map[uint32]*[evidenceCount]float64

func (s sums) add(item uint32, kind int, x float64) {
	if s[item] == nil {
		s[item] = &[evidenceCount]float64{}
	}
	s[item][kind] += x
}

// evidence is that of the first step, by the words of the kinds' comments.
func (w *window) evidence(current []uint32, own uint64) sums {
	found := sums{}
	ids, near := w.neighbours(current, own)
	for _, id := range ids {
		items := w.items[id]
		place := func(i int) int { return slices.Index(items, current[i]) }
		var shared []int
		for i := range current {
			if place(i) >= 0 {
				shared = append(shared, i)
			}
		}
		age := float64(len(w.order)-1-slices.Index(w.order, id)) / float64(len(w.order))
		recent, length := math.Exp2(-age/w.params.HalfLife), 1/math.Sqrt(float64(len(items)))
		for at, item := range items {
			steps := float64(at - place(shared[0]))
			if steps == 0 {
				continue
			}
			fade := math.Pow(w.params.Gap, math.Abs(steps))
			found.add(item, votes, near[id]*max(1-0.1*float64(shared[0]), 0)*length)
			found.add(item, near_, near[id]*recent*length*fade)
			others := shared
			if shared[0] == 0 {
				others = shared[1:]
				found.add(item, beside, length)
				if steps > 0 {
					found.add(item, after, fade)
				} else {
					found.add(item, before, fade)
				}
				if steps == 1 {
					found.add(item, next, recent)
				}
			}
			if len(others) == 0 {
				continue
			}
			weight, steps := math.Pow(w.params.Fade, float64(others[0])), float64(at-place(others[0]))
			if steps > 0 {
				found.add(item, onward, weight*math.Pow(w.params.Gap, steps))
			} else if steps < 0 {
				found.add(item, backward, weight*math.Pow(w.params.Gap, -steps))
			}
		}
	}
	return found
}

// near_ is near, which is another thing in the reference.
const near_ = near

func (s sums) mix() map[uint32]float64 {
	var scale [evidenceCount]float64
	for _, e := range s {
		for j, x := range e {
			scale[j] += x
		}
	}
	base := map[uint32]float64{}
	for item, e := range s {
		for j, x := range e {
			if scale[j] > 0 {
				base[item] += float64(plain[j]) * x / scale[j]
			}
		}
	}
	return base
}

// spread adds the second step. There are fewer items than it goes from.
func (w *window) spread(found sums, own uint64) {
	for item, base := range found.mix() {
		list := w.visits[item]
		list = list[max(0, len(list)-spreadSessions):]
		for _, id := range list {
			if id == own {
				continue
			}
			items := w.items[id]
			from := slices.Index(items, item)
			for at, other := range items {
				if at != from {
					found.add(other, twoSteps, base/float64(len(list))*math.Pow(w.params.Gap, math.Abs(float64(at-from))))
				}
			}
		}
	}
}

func drawParams(t *rapid.T) Params {
	p := Defaults()
	p.Sessions, p.PerItem = rapid.IntRange(1, 25).Draw(t, "sessions"), rapid.IntRange(1, 6).Draw(t, "per item")
	p.Neighbours, p.Length = rapid.IntRange(1, 8).Draw(t, "neighbours"), rapid.SampledFrom([]int{1, 2, 4, 14}).Draw(t, "length")
	p.Current = rapid.IntRange(1, 5).Draw(t, "current")
	// Sums of powers of a half are exact, so that both break ties alike.
	p.Fade, p.Gap, p.HalfLife = 0.5, rapid.SampledFrom([]float64{1, 0.7}).Draw(t, "gap"), rapid.SampledFrom([]float64{0.1, 3}).Draw(t, "half life")
	return p
}

// TestEvidenceEqualsNaive plays events to an index and to the reference: sessions overlap, are longer than a line, leave the
// window and come back as new ones.
func TestEvidenceEqualsNaive(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := drawParams(t)
		x, w := New(p), newWindow(p)
		for range rapid.IntRange(0, 200).Draw(t, "touches") {
			id, item := rapid.Uint64Range(1, 40).Draw(t, "session"), rapid.Uint32Range(0, 15).Draw(t, "item")
			x.Touch(id, item)
			w.touch(id, item)
		}
		events := 0
		for _, items := range w.items {
			events += len(items)
		}
		if _, got := x.Bytes(); got != events || x.Len() != len(w.order) {
			t.Fatalf("%d events in %d sessions, want %d in %d", got, x.Len(), events, len(w.order))
		}
		var sc Scratch
		for range 3 {
			q := Query{Current: rapid.SliceOfN(rapid.Uint32Range(0, 17), 0, 8).Draw(t, "current"), Own: rapid.Uint64Range(0, 40).Draw(t, "own")}
			x.gather(&sc, &q)
			sc.mix()
			x.spread(&sc)
			var current []uint32
			for _, item := range q.Current {
				if !slices.Contains(current, item) && len(current) < p.Current {
					current = append(current, item)
				}
			}
			found := w.evidence(current, q.Own)
			w.spread(found, q.Own)
			got, want := map[uint32][]float64{}, map[uint32][]float64{}
			for i := range sc.rows {
				r := &sc.rows[i]
				for _, e := range r.evidence {
					got[r.item] = append(got[r.item], float64(e))
				}
				if r.evidence == [evidenceCount]float32{} {
					delete(got, r.item)
				}
			}
			for item, e := range found {
				want[item] = e[:]
			}
			if diff := gocmp.Diff(want, got, cmpopts.EquateApprox(1e-3, 1e-6)); diff != "" {
				t.Fatalf("evidence for %+v with %+v (-want +got):\n%s", q, p, diff)
			}
		}
	})
}

// TestReplicasAgree lets one index begin in the middle of the stream: when its window is full, it answers as the other does.
func TestReplicasAgree(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := drawParams(t)
		a, b := New(p), New(p)
		if err := a.Use(&Model{Params: p, Scorer: Default().Scorer}); err != nil {
			t.Fatal(err)
		}
		if err := b.Use(&Model{Params: p, Scorer: Default().Scorer}); err != nil {
			t.Fatal(err)
		}
		head := rapid.IntRange(0, 60).Draw(t, "head")
		for i := range head + 2*p.Sessions {
			for _, item := range rapid.SliceOfN(rapid.Uint32Range(0, 30), 1, 5).Draw(t, "items") {
				a.Touch(uint64(i)+1, item)
				if i >= head {
					b.Touch(uint64(i)+1, item)
				}
			}
		}
		q := Query{Current: rapid.SliceOfN(rapid.Uint32Range(0, 30), 1, 6).Draw(t, "current")}
		var sa, sb Scratch
		if diff := gocmp.Diff(a.Predict(&sa, &q, 10), b.Predict(&sb, &q, 10)); diff != "" {
			t.Fatalf("answers differ:\n%s", diff)
		}
	})
}
