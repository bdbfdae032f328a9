// Package budget splits the time of a query among its stages.
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
