package sequel

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/haggle-commerce/haggle/libs/model/session"
)

// chains makes sessions that go up by one from a random item, or jump to a popular one half of the time, so that the order of
// items tells more than that they lie together.
func chains(seed uint64, n int) [][]uint32 {
	random := rand.New(rand.NewPCG(seed, 1))
	sessions := make([][]uint32, n)
	for i := range sessions {
		at := random.Uint32N(200)
		for range 3 + random.IntN(4) {
			sessions[i] = append(sessions[i], at)
			if at = (at + 1) % 200; random.IntN(2) == 0 {
				at = random.Uint32N(10)
			}
		}
	}
	return sessions
}

func questions(sessions [][]uint32) (all []Question) {
	for _, s := range sessions {
		for n := 1; n < len(s); n++ {
			current := slices.Clone(s[:n])
			slices.Reverse(current)
			all = append(all, Question{Query: session.Query{Current: current}, Target: s[n]})
		}
	}
	return all
}

func part(history, asked [][]uint32) Part {
	p := session.Defaults()
	p.Sessions, p.Deep = len(history), 40
	x := session.New(p)
	for i, s := range history {
		for _, item := range s {
			x.Touch(uint64(i)+1, item)
		}
	}
	return Part{Index: x, Questions: questions(asked)}
}

func small() Options {
	o := Default()
	o.Fit, o.Valid, o.Probe = 300, 250, 110
	o.Linear.Epochs, o.Boost.Trees, o.Boost.Workers = 3, 4, 1
	return o
}

func TestWeightsBeatTheMix(t *testing.T) {
	all := chains(1, 1400)
	fit, valid := part(all[:1000], all[1000:1200]), part(all[:1000], all[1200:])
	r, err := Learn(context.Background(), fit, valid, small())
	if err != nil {
		t.Fatal(err)
	}
	if r.Kind == "mix" || r.NDCG[r.Kind] <= r.NDCG["mix"] {
		t.Errorf("%s answers, with NDCG %v: what is learnt is not better than the mix", r.Kind, r.NDCG)
	}
	if r.Reach <= 0.5 || r.Reach > 1 {
		t.Errorf("%v of the answers are in reach", r.Reach)
	}
	again, err := Learn(context.Background(), part(all[:1000], all[1000:1200]), part(all[:1000], all[1200:]), small())
	if err != nil {
		t.Fatal(err)
	}
	a, errA := r.Model.Encode(nil)
	b, errB := again.Model.Encode(nil)
	if errA != nil || errB != nil || string(a) != string(b) {
		t.Errorf("the same data give another model (%v, %v)", errA, errB)
	}
}

func TestFreshAnswersLeaveTheVisitOut(t *testing.T) {
	all := chains(2, 1200)
	o := small()
	o.Fresh, o.Probe = true, 0
	fit, valid := part(all[:1000], all[1000:1100]), part(all[:1000], all[1100:])
	r, err := Learn(context.Background(), fit, valid, o)
	if err != nil {
		t.Fatal(err)
	}
	if r.Model.Params != fit.Index.Params() {
		t.Errorf("constants %+v were chosen without a probe", r.Model.Params)
	}
	var scratch session.Scratch
	for _, q := range valid.Questions[:50] {
		q.Keep = Fresh(nil, valid.Index.Items(), q.Current)
		for _, f := range valid.Index.Predict(&scratch, &q.Query, 20) {
			if slices.Contains(q.Current, f.Item) {
				t.Fatalf("item %d of the visit %v is answered", f.Item, q.Current)
			}
		}
	}
}

func TestTooLittle(t *testing.T) {
	all := chains(3, 30)
	if _, err := Learn(context.Background(), part(all[:20], all[20:]), part(all[:20], all[20:]), small()); !errors.Is(err, ErrTooLittle) {
		t.Errorf("error %v, want %v", err, ErrTooLittle)
	}
}

func TestLearnStops(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	all := chains(1, 1400)
	if _, err := Learn(ctx, part(all[:1000], all[1000:1200]), part(all[:1000], all[1200:]), small()); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want %v", err, context.Canceled)
	}
}
