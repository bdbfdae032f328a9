// Package contest tries families of collaborative filters on held-out interactions and picks the cheapest of the best.
package contest

import (
	"fmt"
	"strings"
)

// Family is a way to learn.
type Family string

// The families.
const (
	Neighbours Family = "neighbours"
	Ridge      Family = "ridge"
	Dense      Family = "ease"
	Spectral   Family = "spectral"
	ALS        Family = "als"
)

// vectors reports whether the family foretells by vectors.
func (f Family) vectors() bool { return f == Spectral || f == ALS }

// Setting is a family with all that has to be chosen for it. What a family does not use is 0.
type Setting struct {
	Family Family
	// User is the exponent by which users of many items say less, Item that of the normalisation before a regression.
	User, Item float64
	// Source and Target are the exponents of popularity: of items of the history, and of items that are offered. For neighbours both
	// divide; elsewhere the first divides and the second multiplies.
	Source, Target float64
	// Shrinkage is that of neighbours; Penalty the ridge, as a multiple of the mean of the diagonal, or the regularisation of ALS.
	Shrinkage, Penalty float64
	// Unobserved is the weight of pairs that were not seen, of ALS.
	Unobserved float64
	// Pool is how many items a pruned regression looks at for each target, Keep the length of a row, Rank that of a vector.
	Pool, Keep, Rank int
	// Beside, where set, is blended in and counts Share of what this one and those before it say.
	Beside *Setting
	Share  float64
}

// alone returns the setting without what stands beside it.
func (s Setting) alone() Setting {
	s.Beside, s.Share = nil, 0
	return s
}

// with returns the setting with another at the end of those beside it.
func (s Setting) with(other Setting, share float64) Setting {
	if s.Beside == nil {
		s.Beside, s.Share = &other, share
		return s
	}
	rest := s.Beside.with(other, share)
	s.Beside = &rest
	return s
}

// Name names the families of a setting: "ridge+als".
func (s Setting) Name() string {
	if s.Beside != nil {
		return string(s.Family) + "+" + s.Beside.Name()
	}
	return string(s.Family)
}

// String says what was chosen: "ridge(user 0.25, item 0.5) + 0.3 x als(...)".
func (s Setting) String() string {
	var parts []string
	for _, p := range []struct {
		name  string
		value float64
	}{
		{"user", s.User},
		{"item", s.Item},
		{"source", s.Source},
		{"target", s.Target},
		{"shrinkage", s.Shrinkage},
		{"penalty", s.Penalty},
		{"unobserved", s.Unobserved},
		{"pool", float64(s.Pool)},
		{"keep", float64(s.Keep)},
		{"rank", float64(s.Rank)},
	} {
		if p.value != 0 {
			parts = append(parts, fmt.Sprintf("%s %.4g", p.name, p.value))
		}
	}
	text := fmt.Sprintf("%s(%s)", s.Family, strings.Join(parts, ", "))
	if s.Beside != nil {
		text += fmt.Sprintf(" + %.3g x %v", s.Share, *s.Beside)
	}
	return text
}
