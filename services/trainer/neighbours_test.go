package trainer

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/haggle-commerce/haggle/libs/quality"
	"github.com/haggle-commerce/haggle/libs/registry"
	"github.com/haggle-commerce/haggle/libs/servicetest"
	"github.com/haggle-commerce/haggle/services/trainer/internal/contest"
	"github.com/haggle-commerce/haggle/services/trainer/internal/pick"
)

func TestCardTellsWhatWasTried(t *testing.T) {
	r := &room{kit: servicetest.Kit(t, "trainer")}
	s := contest.Setting{Family: contest.Ridge, Pool: 64, Keep: 64}
	choice := &pick.Choice{
		Entries: []pick.Entry{{NDCG: 0.1, Recall: 0.2, Pairs: 10}, {Way: pick.Way{Setting: &s, Share: 1}, NDCG: 0.15, Recall: 0.25, Pairs: 12}},
		Winner:  1, Gain: quality.Interval{Mean: 0.1, Low: 0.05, High: 0.15},
	}
	card := registry.Card{Metrics: map[string]float64{}, Intervals: map[string][2]float64{}}
	r.tell(card, choice)
	want := registry.Card{
		Metrics: map[string]float64{
			"ndcg@10_together": 0.1, "recall@20_together": 0.2, "pairs_together": 10,
			"ndcg@10_together+ridge": 0.15, "recall@20_together+ridge": 0.25, "pairs_together+ridge": 12, "over_together": 0.1,
		},
		Intervals: map[string][2]float64{"over_together": {0.05, 0.15}},
	}
	if diff := cmp.Diff(want, card); diff != "" {
		t.Errorf("card (-want +got):\n%s", diff)
	}
}
