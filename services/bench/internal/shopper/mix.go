// Package shopper asks as the shoppers of a shop do: its queries are made of the words of the shop's own catalogue.
package shopper

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Kind is what a request asks for.
type Kind string

// The kinds of request.
const (
	Search       Kind = "search"
	Recommend    Kind = "recommend"
	Similar      Kind = "similar"
	Trending     Kind = "trending"
	Autocomplete Kind = "autocomplete"
	Events       Kind = "events"
)

// Kinds lists every kind, in the order of reports.
var Kinds = [...]Kind{Search, Recommend, Similar, Trending, Autocomplete, Events}

// Mix is the share of each kind: weights above 0, in the order of [Kinds].
type Mix []Share

// Share is the weight of one kind in a [Mix].
type Share struct {
	Kind   Kind
	Weight float64
}

// ParseMix reads a mix such as "search=1,recommend=1".
func ParseMix(text string) (Mix, error) {
	weights := map[Kind]float64{}
	for part := range strings.SplitSeq(text, ",") {
		name, number, found := strings.Cut(part, "=")
		kind := Kind(strings.TrimSpace(name))
		if !found || !slices.Contains(Kinds[:], kind) {
			return nil, fmt.Errorf("mix has %q, want kind=weight with a kind of %v", part, Kinds)
		}
		weight, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
		if err != nil || !(weight >= 0) || math.IsInf(weight, 0) {
			return nil, fmt.Errorf("mix has the weight %q for %s, want a number of at least 0", number, kind)
		}
		if _, twice := weights[kind]; twice {
			return nil, fmt.Errorf("mix names %s twice", kind)
		}
		weights[kind] = weight
	}
	var m Mix
	for _, kind := range Kinds {
		if weights[kind] > 0 {
			m = append(m, Share{kind, weights[kind]})
		}
	}
	if len(m) == 0 {
		return nil, fmt.Errorf("mix %q asks for nothing", text)
	}
	return m, nil
}

// String returns the mix as [ParseMix] reads it.
func (m Mix) String() string {
	parts := make([]string, len(m))
	for i, s := range m {
		parts[i] = string(s.Kind) + "=" + strconv.FormatFloat(s.Weight, 'g', -1, 64)
	}
	return strings.Join(parts, ",")
}

// pick returns the kind that holds the share at u, from [0, 1).
func (m Mix) pick(u float64) Kind {
	total := 0.0
	for _, s := range m {
		total += s.Weight
	}
	for _, s := range m {
		if u -= s.Weight / total; u < 0 {
			return s.Kind
		}
	}
	return m[len(m)-1].Kind
}
