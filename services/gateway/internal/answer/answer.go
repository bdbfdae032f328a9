// Package answer is what a caller gets back, and writes it as JSON without reflection.
package answer

import (
	"encoding/json"
	"math"
	"strconv"
	"time"

	"github.com/haggle-commerce/haggle/libs/cost"
)

// Answer is the answer to a search or a recommendation.
type Answer struct {
	RequestID        string   `json:"request_id" doc:"The name of this query; also in X-Request-Id."`
	AttributionToken string   `json:"attribution_token" doc:"Opaque and signed: send it with the events that follow from this answer."`
	Results          []Result `json:"results"`
	Facets           []Facet  `json:"facets,omitempty"`
	TotalSize        int      `json:"total_size" doc:"How many items match in all."`
	NextPageToken    string   `json:"next_page_token,omitempty" doc:"Asks for the next page; left out on the last."`
	CorrectedQuery   string   `json:"corrected_query,omitempty" doc:"What was answered instead of what was typed, or a suggestion."`
	QueryExpansion   string   `json:"query_expansion,omitempty" doc:"What was looked for when too few items held all words: those of them that count, or any of several between OR."`
	Degraded         []string `json:"degraded" doc:"The parts that were left out and why, such as rank:late; empty when all is well."`
	Model            string   `json:"model,omitempty" doc:"The model that ordered the results."`
	TookMillis       float64  `json:"took_ms"`
	Cost             *Bill    `json:"cost,omitempty" doc:"What the query cost; only for a key with the secret scope."`
}

// Result is one item of an answer.
type Result struct {
	ID       string  `json:"id"`
	Score    float32 `json:"score"`
	Position int     `json:"position" doc:"From 1, over all pages."`
	// Item is the item's document; the description may be cut.
	Item    json.RawMessage `json:"item"`
	Reasons []Reason        `json:"reasons"`
	Explain []Part          `json:"explain,omitempty" doc:"The scores behind the result, when asked for."`
}

// Reason says why an item is in the answer.
type Reason struct {
	Code    string   `json:"code" enum:"match,bought_together,session,trending,similar,buy_again,new,popular"`
	ItemIDs []string `json:"item_ids,omitempty" doc:"The items that led here."`
}

// Part is one score behind a result.
type Part struct {
	Name  string  `json:"name"`
	Value float32 `json:"value"`
}

// Facet counts the values of one key over all matches.
type Facet struct {
	Key    string  `json:"key"`
	Values []Value `json:"values"`
}

// Value is one value of a facet.
type Value struct {
	Value string `json:"value"`
	Count int    `json:"count"`
}

// Bill is what a query cost. Nano is billionths of the currency.
type Bill struct {
	Currency        string  `json:"currency"`
	MarginalNano    float64 `json:"marginal_nano" doc:"What one more such query costs: its CPU time at the price of a core."`
	FullyLoadedNano float64 `json:"fully_loaded_nano" doc:"Its share of what all replicas cost in the last minutes, idle time included."`
	Stages          []Stage `json:"stages"`
}

// Stage is what one stage used.
type Stage struct {
	Name          string  `json:"name"`
	Variant       string  `json:"variant,omitempty"`
	CPUMicros     float64 `json:"cpu_us"`
	CandidatesIn  int     `json:"candidates_in,omitempty"`
	CandidatesOut int     `json:"candidates,omitempty"`
	Bytes         int     `json:"bytes,omitempty"`
	RedisOps      int     `json:"redis_ops,omitempty"`
	CacheHits     int     `json:"cache_hits,omitempty"`
}

// Completions is the answer to an autocompletion.
type Completions struct {
	RequestID   string   `json:"request_id"`
	Completions []string `json:"completions"`
	Degraded    []string `json:"degraded"`
	TookMillis  float64  `json:"took_ms"`
}

// StageOf returns s as it stands in an answer.
func StageOf(s cost.Stage) Stage {
	return Stage{
		Name: s.Name, Variant: s.Variant, CPUMicros: float64(s.CPU) / float64(time.Microsecond),
		CandidatesIn: s.In, CandidatesOut: s.Out, Bytes: s.Bytes, RedisOps: s.RedisOps, CacheHits: s.CacheHits,
	}
}

// AppendJSON appends the answer but for took_ms, cost and the closing brace, which [Answer.AppendEnd] adds: what the encoding
// itself took is part of them.
func (a *Answer) AppendJSON(b []byte) []byte {
	b = AppendText(append(b, `{"request_id":`...), a.RequestID)
	b = AppendText(append(b, `,"attribution_token":`...), a.AttributionToken)
	b = append(b, `,"results":[`...)
	for i := range a.Results {
		if i > 0 {
			b = append(b, ',')
		}
		b = a.Results[i].append(b)
	}
	b = append(b, ']')
	if len(a.Facets) > 0 {
		b = append(b, `,"facets":[`...)
		for i := range a.Facets {
			if i > 0 {
				b = append(b, ',')
			}
			b = a.Facets[i].append(b)
		}
		b = append(b, ']')
	}
	b = strconv.AppendInt(append(b, `,"total_size":`...), int64(a.TotalSize), 10)
	if a.NextPageToken != "" {
		b = AppendText(append(b, `,"next_page_token":`...), a.NextPageToken)
	}
	if a.CorrectedQuery != "" {
		b = AppendText(append(b, `,"corrected_query":`...), a.CorrectedQuery)
	}
	if a.QueryExpansion != "" {
		b = AppendText(append(b, `,"query_expansion":`...), a.QueryExpansion)
	}
	if a.Model != "" {
		b = AppendText(append(b, `,"model":`...), a.Model)
	}
	return appendTexts(append(b, `,"degraded":`...), a.Degraded)
}

// AppendEnd appends took_ms, the bill (unless it is nil) and the closing brace.
func (a *Answer) AppendEnd(b []byte) []byte {
	b = appendNumber(append(b, `,"took_ms":`...), a.TookMillis, 3)
	if a.Cost != nil {
		b = a.Cost.append(append(b, `,"cost":`...))
	}
	return append(b, '}')
}

func (r *Result) append(b []byte) []byte {
	b = AppendText(append(b, `{"id":`...), r.ID)
	b = appendScore(append(b, `,"score":`...), r.Score)
	b = strconv.AppendInt(append(b, `,"position":`...), int64(r.Position), 10)
	b = append(b, `,"item":`...)
	if len(r.Item) == 0 {
		b = append(b, `null`...)
	} else {
		b = append(b, r.Item...)
	}
	b = append(b, `,"reasons":[`...)
	for i := range r.Reasons {
		if i > 0 {
			b = append(b, ',')
		}
		b = AppendText(append(b, `{"code":`...), r.Reasons[i].Code)
		if len(r.Reasons[i].ItemIDs) > 0 {
			b = appendTexts(append(b, `,"item_ids":`...), r.Reasons[i].ItemIDs)
		}
		b = append(b, '}')
	}
	b = append(b, ']')
	if len(r.Explain) > 0 {
		b = append(b, `,"explain":[`...)
		for i := range r.Explain {
			if i > 0 {
				b = append(b, ',')
			}
			b = AppendText(append(b, `{"name":`...), r.Explain[i].Name)
			b = append(appendScore(append(b, `,"value":`...), r.Explain[i].Value), '}')
		}
		b = append(b, ']')
	}
	return append(b, '}')
}

func (f *Facet) append(b []byte) []byte {
	b = append(AppendText(append(b, `{"key":`...), f.Key), `,"values":[`...)
	for i := range f.Values {
		if i > 0 {
			b = append(b, ',')
		}
		b = AppendText(append(b, `{"value":`...), f.Values[i].Value)
		b = append(strconv.AppendInt(append(b, `,"count":`...), int64(f.Values[i].Count), 10), '}')
	}
	return append(b, `]}`...)
}

func (c *Bill) append(b []byte) []byte {
	b = AppendText(append(b, `{"currency":`...), c.Currency)
	b = appendNumber(append(b, `,"marginal_nano":`...), c.MarginalNano, 3)
	b = appendNumber(append(b, `,"fully_loaded_nano":`...), c.FullyLoadedNano, 3)
	b = append(b, `,"stages":[`...)
	for i := range c.Stages {
		if i > 0 {
			b = append(b, ',')
		}
		s := &c.Stages[i]
		b = AppendText(append(b, `{"name":`...), s.Name)
		if s.Variant != "" {
			b = AppendText(append(b, `,"variant":`...), s.Variant)
		}
		b = appendNumber(append(b, `,"cpu_us":`...), s.CPUMicros, 1)
		for _, n := range [...]struct {
			name  string
			value int
		}{{`,"candidates_in":`, s.CandidatesIn}, {`,"candidates":`, s.CandidatesOut}, {`,"bytes":`, s.Bytes}, {`,"redis_ops":`, s.RedisOps}, {`,"cache_hits":`, s.CacheHits}} {
			if n.value != 0 {
				b = strconv.AppendInt(append(b, n.name...), int64(n.value), 10)
			}
		}
		b = append(b, '}')
	}
	return append(b, `]}`...)
}

// AppendJSON appends the completions.
func (c *Completions) AppendJSON(b []byte) []byte {
	b = AppendText(append(b, `{"request_id":`...), c.RequestID)
	b = appendTexts(append(b, `,"completions":`...), c.Completions)
	b = appendTexts(append(b, `,"degraded":`...), c.Degraded)
	return append(appendNumber(append(b, `,"took_ms":`...), c.TookMillis, 3), '}')
}

// appendScore appends v with six significant digits; what is not a finite number becomes 0, for JSON has no word for it.
func appendScore(b []byte, v float32) []byte {
	if f := float64(v); math.IsNaN(f) || math.IsInf(f, 0) {
		return append(b, '0')
	}
	return strconv.AppendFloat(b, float64(v), 'g', 6, 32)
}

func appendNumber(b []byte, v float64, digits int) []byte {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return append(b, '0')
	}
	return strconv.AppendFloat(b, v, 'f', digits, 64)
}
