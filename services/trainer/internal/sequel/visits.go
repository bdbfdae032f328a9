package sequel

import (
	"fmt"
	"slices"

	"github.com/haggle-commerce/haggle/libs/model/session"
	"github.com/haggle-commerce/haggle/services/trainer/internal/corpus"
)

// Shares of the visits of a log, in the order in which they began: the first give the evidence, of the others the first are
// learnt from and the last decide.
const (
	evidenceShare = 0.85
	fitShare      = 0.95
)

// FromLog makes both parts of the visits of a log. Recall offers items that are new to the visit, so those are what is asked
// for, and answers from the distinct items of the visit. It returns [ErrTooLittle] when there are hardly any visits.
func FromLog(c *corpus.Corpus) (fit, valid Part, err error) {
	visits := visitsOf(c)
	p := session.Defaults()
	visits = visits[max(0, len(visits)-p.Sessions):]
	held, decide := int(evidenceShare*float64(len(visits))), int(fitShare*float64(len(visits)))
	if len(visits) < MinQuestions {
		return fit, valid, fmt.Errorf("%w: there are %d visits", ErrTooLittle, len(visits))
	}
	x := session.New(p)
	for i, items := range visits[:held] {
		for _, item := range items {
			x.Touch(uint64(i)+1, item)
		}
	}
	return Part{Index: x, Questions: asked(visits[held:decide])}, Part{Index: x, Questions: asked(visits[decide:])}, nil
}

// visitsOf returns the distinct items of each visit, in the order in which visits begin and items are touched first.
func visitsOf(c *corpus.Corpus) [][]uint32 {
	var visits [][]uint32
	at := map[uint64]int{}
	var items []corpus.Item
	for i := range c.Events {
		e := &c.Events[i]
		if e.Session == 0 || !touches(e.Kind) {
			continue
		}
		n, ok := at[e.Session]
		if !ok {
			n = len(visits)
			at[e.Session] = n
			visits = append(visits, nil)
		}
		items = c.ItemsOf(items[:0], e)
		for _, item := range items {
			if !slices.Contains(visits[n], uint32(item)) && len(visits[n]) < maxVisit {
				visits[n] = append(visits[n], uint32(item))
			}
		}
	}
	return visits
}

// maxVisit bounds the items of one visit: robots see more.
const maxVisit = 60

// touches reports whether an event of a kind says that its items were wanted, as recall understands it.
func touches(k corpus.Kind) bool {
	switch k {
	case corpus.Clicked, corpus.Viewed, corpus.Carted, corpus.Checkout, corpus.Bought:
		return true
	}
	return false
}

// asked returns each beginning of each visit as a question.
func asked(visits [][]uint32) []Question {
	var questions []Question
	for _, items := range visits {
		latestFirst := slices.Clone(items)
		slices.Reverse(latestFirst)
		for n := len(items) - 1; n > 0; n-- {
			questions = append(questions, Question{Query: session.Query{Current: latestFirst[n:]}, Target: latestFirst[n-1]})
		}
	}
	return questions
}
