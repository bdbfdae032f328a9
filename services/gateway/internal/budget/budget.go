// Package budget splits the time of a query among its stages, and its candidates and CPU time among the channels of recall.
package budget

import "time"

// Plan is how long a query may take and which part of it recall may use.
type Plan struct {
	// Total is from the arrival of the query to its answer.
	Total time.Duration
	// Recall is the part of Total after which recall is given up.
	Recall time.Duration
	// Reserve is what the gateway keeps for putting the answer together.
	Reserve time.Duration
	// LeastRank is the time below which asking for ranking is not worth while.
	LeastRank time.Duration
}

// Split returns a plan for total: recall may use up to 60 %, ranking what is left of it but for a reserve of 5 %, and at
// least 4 %. At 50 ms that is 30 ms, 17.5 ms, 2.5 ms and 2 ms.
func Split(total time.Duration) Plan {
	return Plan{Total: total, Recall: total * 60 / 100, Reserve: total / 20, LeastRank: total / 25}
}

// RecallBy returns when recall must have answered a query that began at begin.
func (p Plan) RecallBy(begin time.Time) time.Time { return begin.Add(p.Recall) }

// RankBy returns when ranking must have answered; false when at now it is too late to ask.
func (p Plan) RankBy(begin, now time.Time) (time.Time, bool) {
	by := begin.Add(p.Total - p.Reserve)
	return by, by.Sub(now) >= p.LeastRank
}

// Thrift is how much recall has to save: the greater, the more.
type Thrift int

// The degrees of thrift. At Ease recall uses its own bounds; from Careful on, what a page can do without goes first.
const (
	Ease Thrift = iota
	Careful
	Sparing
	Meagre
	degrees
)

// ThriftAt returns the degree for a gateway that answers working of at most most queries at once. The shares at which it rises were
// chosen by sense and not measured.
func ThriftAt(working, most int64) Thrift {
	switch {
	case working*10 >= most*9:
		return Meagre
	case working*4 >= most*3:
		return Sparing
	case working*2 >= most:
		return Careful
	}
	return Ease
}

// Quota is the most candidates that a channel may offer, 0 for none.
type Quota struct {
	Channel    string
	Candidates int
}

// Allowance is what recall may spend on one query.
type Allowance struct {
	Quotas []Quota
	// CPU is after how much CPU time no further channel is begun; 0 never.
	CPU time.Duration
}

// allowances are those of each degree of thrift, chosen by sense: a recommendation takes 81 to 151 us on a generated shop of
// 20,000 items (docs/benchmarks.md), so that all but the last leave room for several times that. Where nothing is to be saved
// nothing is left out: the first query with a misspelt word may take 5 ms, and its facets are wanted all the same.
var allowances = [degrees]Allowance{
	Ease:    {},
	Careful: {CPU: time.Millisecond, Quotas: []Quota{{"similar", 25}, {"explore", 0}}},
	Sparing: {CPU: 500 * time.Microsecond, Quotas: []Quota{{"similar", 0}, {"explore", 0}, {"new", 0}, {"session", 50}}},
	Meagre:  {CPU: 200 * time.Microsecond, Quotas: []Quota{{"similar", 0}, {"explore", 0}, {"new", 0}, {"again", 20}, {"session", 30}, {"together", 30}}},
}

// Allow returns what recall may spend at a degree of thrift. A page that is about likeness keeps the channel that it is about.
func Allow(t Thrift, likeness bool) Allowance {
	a := allowances[t]
	if likeness {
		kept := make([]Quota, 0, len(a.Quotas))
		for _, q := range a.Quotas {
			if q.Channel != "similar" {
				kept = append(kept, q)
			}
		}
		a.Quotas = kept
	}
	return a
}
