package contest

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/haggle-commerce/haggle/libs/quality"
	"github.com/haggle-commerce/haggle/services/trainer/internal/crew"
	"github.com/haggle-commerce/haggle/services/trainer/internal/interaction"
)

// tastes are users of six kinds, each of whom touches items of the kind and some that are popular.
func tastes(t testing.TB, users, items int) *interaction.Matrix {
	t.Helper()
	r := rand.New(rand.NewPCG(6, 6))
	lists := make([][]uint32, users)
	for u := range lists {
		for range 8 {
			i := r.IntN(items/6)*6 + u%6
			if r.IntN(4) == 0 {
				i = r.IntN(1 + r.IntN(items))
			}
			lists[u] = append(lists[u], uint32(i))
		}
	}
	m, err := interaction.New(lists, items)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func options() Options {
	o := Default()
	o.Budget, o.Holdout.Users = 200*time.Millisecond, 40
	return o
}

func TestContest(t *testing.T) {
	m := tastes(t, 120, 60)
	var stages []string
	o := options()
	o.Progress = func(what string, share float64) {
		stages = append(stages, what)
		if share < 0 || share > 1 {
			t.Errorf("share %v of %s", share, what)
		}
	}
	one, err := Run(t.Context(), crew.Crew{Workers: 1}, m, o)
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for i := range one.Entries {
		e := &one.Entries[i]
		names[e.Setting.Name()] = true
		if i > 0 && e.quality() > one.Entries[i-1].quality() {
			t.Errorf("entry %d is better than the one before", i)
		}
		if e.Recall != quality.Mean(e.Values.Recall) || e.QueryOps <= 0 || e.Bytes <= 0 {
			t.Errorf("entry %v has recall %v, %v multiplications, %d bytes", e.Setting, e.Recall, e.QueryOps, e.Bytes)
		}
	}
	for _, want := range []string{"neighbours", "ridge", "ease", "als", "spectral"} {
		if !names[want] {
			t.Errorf("%s was not tried, but %v", want, names)
		}
	}
	winner := &one.Entries[one.Winner]
	if !winner.Frontier || !one.Entries[0].Frontier {
		t.Error("the winner and the best belong to the frontier")
	}
	// By chance 20 of 60 items find a third.
	if winner.Recall < 0.5 {
		t.Errorf("recall = %v with %v, want .5 at least: every sixth item is of a user's kind", winner.Recall, winner.Setting)
	}
	o.Progress = nil
	many, err := Run(t.Context(), crew.Crew{Workers: 4}, m, o)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(one, many); diff != "" {
		t.Errorf("4 workers find otherwise than one (-one +four):\n%s", diff)
	}
	if len(stages) == 0 {
		t.Error("no progress was told")
	}
}

// TestFitLearnsWhatWasTried learns winners of each name again and judges them again.
func TestFitLearnsWhatWasTried(t *testing.T) {
	m, o := tastes(t, 120, 60), options()
	r, err := Run(t.Context(), crew.Crew{}, m, o)
	if err != nil {
		t.Fatal(err)
	}
	rest, cases := m.Split(o.Holdout)
	seen := map[string]bool{}
	for i := range r.Entries {
		e := &r.Entries[i]
		if seen[e.Setting.Name()] {
			continue
		}
		seen[e.Setting.Name()] = true
		model, err := Fit(t.Context(), crew.Crew{}, rest, e.Setting, o.Seed)
		if err != nil {
			t.Fatal(err)
		}
		values, err := interaction.Judge(t.Context(), crew.Crew{}, model.Model, cases, interaction.Ranks(rest.ByCount()))
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(values.NDCG, e.Values.NDCG) || model.Bytes() != e.Bytes {
			t.Errorf("%v: NDCG %v and %d bytes when learnt again, %v and %d before", e.Setting, quality.Mean(values.NDCG), model.Bytes(), e.NDCG, e.Bytes)
		}
	}
}

func TestSmallBudgetStillAnswers(t *testing.T) {
	o := options()
	o.Budget = time.Nanosecond
	r, err := Run(t.Context(), crew.Crew{}, tastes(t, 60, 30), o)
	if err != nil {
		t.Fatal(err)
	}
	for i := range r.Entries {
		if r.Entries[i].Setting.Family != Neighbours {
			t.Errorf("%v was tried without a budget", r.Entries[i].Setting)
		}
	}
}

func TestTooLittle(t *testing.T) {
	m, err := interaction.New([][]uint32{{1}, {0}}, 2)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Run(t.Context(), crew.Crew{}, m, options()); !errors.Is(err, ErrTooLittle) {
		t.Errorf("Run = %v, want ErrTooLittle", err)
	}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if _, err := Run(ctx, crew.Crew{}, tastes(t, 60, 30), options()); !errors.Is(err, context.Canceled) {
		t.Errorf("Run after the end = %v, want that of the context", err)
	}
}

func TestChooseCheapestNotInferior(t *testing.T) {
	entry := func(quality, ops float64) Entry {
		v := slices.Repeat([]float64{quality}, 50)
		return Entry{Values: interaction.Values{Recall: v, NDCG: v}, Recall: quality, NDCG: quality, QueryOps: ops, Bytes: int64(ops)}
	}
	r := Result{Entries: []Entry{entry(0.5, 100), entry(0.4999, 20), entry(0.4995, 40), entry(0.4, 1)}}
	r.choose(Options{Margin: 0.01})
	if r.Winner != 1 {
		t.Errorf("winner is %d, want 1: as good within the margin, and the cheapest of those", r.Winner)
	}
	if r.Entries[2].Frontier || !r.Entries[3].Frontier {
		t.Error("entry 2 is worse and dearer than 1, entry 3 the cheapest of all")
	}
}

func TestSettingText(t *testing.T) {
	s := Setting{Family: Ridge, Pool: 64, Penalty: 4, Keep: 10}.with(Setting{Family: Neighbours, User: 0.5, Keep: 10}, 0.25).with(Setting{Family: ALS, Rank: 8}, 0.3)
	if want := "ridge(penalty 4, pool 64, keep 10) + 0.25 x neighbours(user 0.5, keep 10) + 0.3 x als(rank 8)"; s.String() != want {
		t.Errorf("String = %s, want %s", s, want)
	}
	if s.Name() != "ridge+neighbours+als" || s.alone().Name() != "ridge" {
		t.Errorf("Name = %s and %s", s.Name(), s.alone().Name())
	}
	if short := s.Short(3); strings.Count(short.String(), "keep 3") != 2 || strings.Count(s.String(), "keep 10") != 2 {
		t.Errorf("short = %v of %v", short, s)
	}
}
