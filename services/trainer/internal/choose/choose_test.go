package choose

import (
	"math/rand/v2"
	"testing"

	"github.com/haggle-commerce/haggle/services/trainer/internal/evaluate"
)

// values draws NDCGs of n shoppers around a level; the same seed gives shoppers that are alike.
func values(level, noise float64, n int) evaluate.Values {
	r := rand.New(rand.NewPCG(1, 2))
	var v evaluate.Values
	for range n {
		v.NDCG = append(v.NDCG, level+noise*(r.Float64()-0.5))
	}
	return v
}

func TestDecide(t *testing.T) {
	recall := values(0.3, 0.2, 200)
	other := func(v evaluate.Values, shift float64, spread float64) evaluate.Values {
		r := rand.New(rand.NewPCG(3, 4))
		out := evaluate.Values{}
		for _, x := range v.NDCG {
			out.NDCG = append(out.NDCG, x+shift+spread*(r.Float64()-0.5))
		}
		return out
	}
	base := other(recall, 0.1, 0)
	for name, c := range map[string]struct {
		candidate evaluate.Values
		serving   *evaluate.Values
		publish   bool
		reason    Reason
	}{
		"the first":                    {base, nil, true, First},
		"no better than recall":        {other(recall, 0, 0.1), nil, true, First},
		"surely worse than recall":     {other(recall, -0.05, 0.1), nil, false, WorseRecall},
		"worse than recall and better": {other(recall, -0.05, 0), &recall, false, WorseRecall},
		"better":                       {other(base, 0.02, 0.05), &base, true, Better},
		"the same":                     {base, &base, true, NotWorse},
		"a little worse, surely":       {other(base, -0.004, 0.001), &base, true, NotWorse},
		"unsure but higher":            {other(base, 0.01, 0.9), &base, true, NotWorse},
		"much worse":                   {other(base, -0.05, 0.02), &base, false, Worse},
		"unsure and lower":             {other(base, -0.03, 0.5), &base, false, Worse},
	} {
		d := Decide(c.candidate, recall, c.serving, 1)
		if d.Publish != c.publish || d.Reason != c.reason {
			t.Errorf("%s: %s, publish %v; want %s, %v", name, d.String(), d.Publish, c.reason, c.publish)
		}
		if again := Decide(c.candidate, recall, c.serving, 1); again != d {
			t.Errorf("%s: decided again it is %s", name, again.String())
		}
	}
}
