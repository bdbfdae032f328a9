package cost

import (
	"sync/atomic"
	"time"
)

// Stage is what one stage of work for one query used.
type Stage struct {
	Name      string
	Variant   string
	CPU       time.Duration
	In, Out   int
	Bytes     int
	RedisOps  int
	CacheHits int
}

// Receipt is what one query used, stage by stage.
type Receipt struct {
	Stages []Stage
}

// Add appends a stage.
func (r *Receipt) Add(s Stage) { r.Stages = append(r.Stages, s) }

// CPU returns the CPU time of all stages.
func (r *Receipt) CPU() time.Duration {
	var sum time.Duration
	for i := range r.Stages {
		sum += r.Stages[i].CPU
	}
	return sum
}

// Marginal returns the price of the CPU time of all stages: what one more such query costs.
func (r *Receipt) Marginal(p PriceBook) NanoUSD { return p.CPU(r.CPU()) }

// Ledger adds up the CPU time that one service of a process accounts for. Its methods may be called at once.
type Ledger struct {
	claimed atomic.Int64
	other   atomic.Int64
}

// Claim adds CPU time that a query's receipt accounts for.
func (l *Ledger) Claim(d time.Duration) { l.claimed.Add(int64(d)) }

// Other adds CPU time of work that was done for no query: events, training, vitals.
func (l *Ledger) Other(d time.Duration) { l.other.Add(int64(d)) }

// Claimed returns the CPU time that receipts account for, since the process began.
func (l *Ledger) Claimed() time.Duration { return time.Duration(l.claimed.Load()) }

// Others returns the CPU time of work that was done for no query.
func (l *Ledger) Others() time.Duration { return time.Duration(l.other.Load()) }
