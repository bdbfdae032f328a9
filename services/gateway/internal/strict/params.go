package strict

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Params reads the query string of a URL as strictly as [Reader] reads a document: a parameter that nobody reads is a fault.
type Params struct {
	values    url.Values
	malformed bool
	faults    []Fault
}

// ReadParams parses the query string raw.
func ReadParams(raw string) *Params {
	if raw == "" {
		return &Params{}
	}
	values, err := url.ParseQuery(raw)
	if err != nil {
		return &Params{malformed: true, faults: []Fault{{Reason: "the query string is not valid: " + strings.ToValidUTF8(err.Error(), "?")}}}
	}
	return &Params{values: values}
}

// Malformed reports whether the query string could not be parsed.
func (p *Params) Malformed() bool { return p.malformed }

// Fault notes that parameter name is wrong.
func (p *Params) Fault(name, format string, args ...any) {
	p.faults = append(p.faults, Fault{Field: name, Reason: fmt.Sprintf(format, args...)})
}

// Text returns parameter name, of at most limit characters; "" when it is absent.
func (p *Params) Text(name string, limit int) string {
	given, ok := p.values[name]
	if !ok {
		return ""
	}
	delete(p.values, name)
	if len(given) > 1 {
		p.Fault(name, "appears %d times", len(given))
		return ""
	}
	switch s := given[0]; {
	case !utf8.ValidString(s):
		p.Fault(name, "is not valid UTF-8")
	case utf8.RuneCountInString(s) > limit:
		p.Fault(name, "has %d characters, at most %d", utf8.RuneCountInString(s), limit)
	case strings.IndexFunc(s, control) >= 0:
		p.Fault(name, "holds a control character")
	default:
		return s
	}
	return ""
}

// Int returns parameter name as a whole number within [least, most], or absent when it is not given.
func (p *Params) Int(name string, least, most, absent int) int {
	s := p.Text(name, 24)
	if s == "" {
		return absent
	}
	v, err := strconv.Atoi(s)
	if err != nil || v < least || v > most {
		p.Fault(name, "is %q, must be a whole number between %d and %d", s, least, most)
		return absent
	}
	return v
}

// Bool returns parameter name as a boolean; false when it is not given.
func (p *Params) Bool(name string) bool {
	switch s := p.Text(name, 8); s {
	case "", "false", "0":
	case "true", "1":
		return true
	default:
		p.Fault(name, "is %q, must be true or false", s)
	}
	return false
}

// Choice returns parameter name, which must be one of allowed; "" when it is not given.
func (p *Params) Choice(name string, allowed ...string) string {
	s := p.Text(name, 64)
	if s != "" && !slices.Contains(allowed, s) {
		p.Fault(name, "is %q, must be one of %s", s, strings.Join(allowed, ", "))
		return ""
	}
	return s
}

// Peek returns what was found wrong so far.
func (p *Params) Peek() []Fault { return p.faults }

// Faults returns what was found wrong, and that parameters which were not read are unknown.
func (p *Params) Faults() []Fault {
	var unknown []string
	for name := range p.values {
		unknown = append(unknown, name)
	}
	slices.Sort(unknown)
	for _, name := range unknown[:min(len(unknown), MaxFaults)] {
		p.Fault(strings.ToValidUTF8(name[:min(len(name), 64)], "?"), "is not a known parameter")
	}
	p.values = nil
	return p.faults
}
