// Package pick chooses how the lists of items that go together are learnt from a shop's log: from counts of what is touched together
// (package together), by the best models of items from items of package contest, or as a sum of both.
//
// All ways end in lists of one length, which recall serves alike. What foretells by vectors takes no part: recall would fold a shopper's
// history into a vector and compare all items with it for each query: with 20,000 items and 64 numbers that is 1.3 million
// multiplications, and sixteen lists have a thousand entries.
package pick

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/haggle-commerce/haggle/libs/feature"
	"github.com/haggle-commerce/haggle/libs/model/neighbour"
	"github.com/haggle-commerce/haggle/libs/quality"
	"github.com/haggle-commerce/haggle/services/trainer/internal/contest"
	"github.com/haggle-commerce/haggle/services/trainer/internal/corpus"
	"github.com/haggle-commerce/haggle/services/trainer/internal/crew"
	"github.com/haggle-commerce/haggle/services/trainer/internal/evaluate"
	"github.com/haggle-commerce/haggle/services/trainer/internal/itemitem"
	"github.com/haggle-commerce/haggle/services/trainer/internal/replay"
	"github.com/haggle-commerce/haggle/services/trainer/internal/together"
)

// Options say how much is tried.
type Options struct {
	Together together.Options
	// Budget is how much CPU time the contest may take, by its estimate; 0 holds none.
	Budget time.Duration
	Crew   crew.Crew
	Seed   uint64
	// Progress, where set, is told what is tried and which share of the work is done.
	Progress func(what string, share float64)
}

// Numbers of the choice.
const (
	// leastAsks is how many asks there must be to judge by, and mostAsks how many are played at most.
	leastAsks, mostAsks = 200, 3000
	// names is how many kinds of the contest are tried, the best.
	names = 3
	// contestUsers is by how many users the contest judges: a trial costs as much as it has users.
	contestUsers = 1500
)

// Way is a way to learn lists. The zero value counts.
type Way struct {
	// Setting, where set, is that of the contest by which lists are learnt as well.
	Setting *contest.Setting
	// Share is how much these count beside counts; 0 leaves counts out.
	Share float64
}

// counted is the name of counts.
const counted = "together"

// Name names the kinds of models in a way: "together", "ridge", "together+ridge".
func (w Way) Name() string {
	switch {
	case w.Setting == nil:
		return counted
	case w.Share == 0:
		return w.Setting.Name()
	}
	return counted + "+" + w.Setting.Name()
}

// String says all that was chosen.
func (w Way) String() string {
	switch {
	case w.Setting == nil:
		return counted
	case w.Share == 0:
		return w.Setting.String()
	}
	return fmt.Sprintf("%s + %.3g x (%v)", counted, w.Share, w.Setting)
}

// Entry is a way that was tried on time that it did not learn from.
type Entry struct {
	Way Way
	// Values are how good recall's order is with its lists.
	Values evaluate.Values
	// Recall and NDCG are the means, at the depths of package evaluate.
	Recall, NDCG float64
	// Pairs is how many entries the lists have: a query adds up those of the items that it starts from.
	Pairs int
}

func (e *Entry) quality() float64 { return e.Recall + e.NDCG }

// Choice is the outcome.
type Choice struct {
	// Entries are all that was tried, counts first. There are none when nothing was compared.
	Entries []Entry
	Winner  int
	// Gain is by how much the recall and NDCG of the winner, added up, lie above those of counts.
	Gain quality.Interval
	// Asks is by how many asks the ways were judged.
	Asks   int
	Reason string
}

// Way returns the one that was chosen.
func (c *Choice) Way() Way {
	if len(c.Entries) == 0 {
		return Way{}
	}
	return c.Entries[c.Winner].Way
}

// Choose tries ways on what happened before the asks, which are in order of time, and judges each by how good recall's whole order of
// candidates is with its lists: lists that say what is popular are good alone, and of no use beside a channel that says it too. Another
// way than counts is chosen when it is better beyond chance, the best of those. The same log gives the same choice, on any number of
// workers.
func Choose(ctx context.Context, c *corpus.Corpus, catalogue *feature.Catalogue, asks []replay.Ask, o Options) (*Choice, error) {
	switch {
	case o.Budget <= 0:
		return &Choice{Reason: "no other way was asked for"}, nil
	case len(asks) < leastAsks:
		return &Choice{Reason: fmt.Sprintf("%d asks, %d are needed to judge by", len(asks), leastAsks)}, nil
	}
	if o.Progress == nil {
		o.Progress = func(string, float64) {}
	}
	asks = sample(asks, mostAsks)
	until := asks[0].Before
	t := &trial{options: o, ledger: newLedger(c, until)}
	if err := t.learn(ctx, c, until); err != nil {
		return nil, err
	}
	o.Progress("neighbours: recall", contestWork)
	samples, err := replay.New(c, replay.NewShelf(c, catalogue), o.Seed).Compare(ctx, asks, t.models)
	if err != nil {
		return nil, err
	}
	choice := &Choice{Asks: len(asks), Reason: "no other way is better beyond chance"}
	for i, s := range samples {
		v := evaluate.Scores(s, s.Offered)
		choice.Entries = append(choice.Entries, Entry{
			Way: t.ways[i], Values: v, Recall: quality.Mean(v.Recall), NDCG: quality.Mean(v.NDCG), Pairs: len(t.models[i].Items),
		})
	}
	choice.decide(o.Seed)
	return choice, nil
}

// sample returns at most so many asks, evenly spread.
func sample(asks []replay.Ask, most int) []replay.Ask {
	if len(asks) <= most {
		return asks
	}
	some := make([]replay.Ask, most)
	for i := range some {
		some[i] = asks[i*len(asks)/most]
	}
	return some
}

// decide picks the winner.
func (c *Choice) decide(seed uint64) {
	base := &c.Entries[0]
	for i := 1; i < len(c.Entries); i++ {
		e := &c.Entries[i]
		gap := make([]float64, len(e.Values.NDCG))
		for k := range gap {
			gap[k] = e.Values.NDCG[k] + e.Values.Recall[k] - base.Values.NDCG[k] - base.Values.Recall[k]
		}
		gain := quality.Bootstrap(gap, quality.Resampling{Seed: seed})
		if gain.Low > 0 && e.quality() > c.Entries[c.Winner].quality() {
			c.Winner, c.Gain, c.Reason = i, gain, "better than counts beyond chance, and the best of those"
		}
	}
}

// trial is a choice under way: ways, and what each learnt.
type trial struct {
	options Options
	*ledger
	ways   []Way
	models []*neighbour.Model
}

// contestWork is the share of the work that is done when all lists are learnt.
const contestWork = 0.8

// learn holds the contest and learns by counts, by the best setting of each name, and by sums of both.
func (t *trial) learn(ctx context.Context, c *corpus.Corpus, until int) error {
	o := t.options
	counts, err := t.counts(c, until, o.Together)
	if err == nil {
		err = t.add(Way{}, counts, counts)
	}
	if err != nil {
		return err
	}
	co := contest.Default()
	co.Budget, co.Seed, co.Vectors, co.Holdout.Seed, co.Holdout.Users = o.Budget, o.Seed, false, o.Seed, contestUsers
	co.Progress = func(what string, share float64) { o.Progress("neighbours: "+what, contestWork*share) }
	found, err := contest.Run(ctx, o.Crew, t.matrix, co)
	switch {
	case errors.Is(err, contest.ErrTooLittle):
		return nil
	case err != nil:
		return err
	}
	seen := map[string]bool{}
	for i := range found.Entries {
		// They stand in the order of their quality, so the first of a name is its best.
		s := found.Entries[i].Setting.Short(o.Together.Neighbours)
		if seen[s.Name()] {
			continue
		}
		seen[s.Name()] = true
		lists, err := t.fit(ctx, s, o)
		if err == nil {
			err = t.add(Way{Setting: &s}, lists, counts)
		}
		if err == nil {
			err = t.add(Way{Setting: &s, Share: 1}, itemitem.Join(counts, lists, 1, o.Together.Neighbours), counts)
		}
		if err != nil || len(seen) == names {
			return err
		}
	}
	return nil
}

// add adds what a way learnt.
func (t *trial) add(w Way, lists, counts *itemitem.Lists) error {
	m, err := t.model(lists, counts, t.options.Together.Neighbours)
	t.ways, t.models = append(t.ways, w), append(t.models, m)
	return err
}

// Learn learns lists from the first until events. Their weights are as large in the mean as those of counts, so that a ranker which
// learnt from others reads them alike.
func (w Way) Learn(ctx context.Context, c *corpus.Corpus, until int, o Options) (*neighbour.Model, error) {
	if w.Setting == nil {
		return together.Learn(c, until, o.Together)
	}
	l := newLedger(c, until)
	counts, err := l.counts(c, until, o.Together)
	if err != nil {
		return nil, err
	}
	lists, err := l.fit(ctx, *w.Setting, o)
	if err != nil {
		return nil, err
	}
	if w.Share > 0 {
		lists = itemitem.Join(counts, lists, w.Share, o.Together.Neighbours)
	}
	return l.model(lists, counts, o.Together.Neighbours)
}

// model makes a model of lists, with weights as large as those of counts.
func (l *ledger) model(lists, counts *itemitem.Lists, most int) (*neighbour.Model, error) {
	if lists != counts {
		lists.Resize(counts)
	}
	return lists.Model(l.ids, func(int) bool { return true }, most)
}

// fit learns lists by a setting of the contest.
func (l *ledger) fit(ctx context.Context, s contest.Setting, o Options) (*itemitem.Lists, error) {
	m, err := contest.Fit(ctx, o.Crew, l.matrix, s, o.Seed)
	if err != nil {
		return nil, err
	}
	return m.Lists, nil
}
